/* load.c - the unpickling machine: the loop over opcodes.

   The loop keeps two things in locals, the next byte (p) and the top of the stack (top); everything else is in the
   Unpickler.  SAVE writes them back, with the opcode's place in the pickle, before anything that looks at them is
   called; RELOAD takes them again.  CALL does both around a function that carries out a whole opcode.

   The bytes of an argument must be asked for: ARGUMENT(n) leaves n of them at p.  Most of the time that is one
   comparison, for a frame, or all of a pickle in memory, is there at once.

   Where the stack holds too little, and when anything else fails, control goes to `failed`, the only place that knows
   how to say where in the pickle it happened.  What an opcode pushes comes through `value`. */
#include "unpickler.h"
#include "gc_hold.h"
#include "ascii.h"
#include "endian.h"
#include "opcodes.h"

enum {
    NO_OPCODE = -1,
    WORTH_HOLDING = 2000        /* bytes of a pickle from which on the collector is held off */
};

static const char *
opcode_name(int opcode)
{
    switch (opcode) {
#define X(name, byte, protocol) case byte: return #name;
    OPCODES(X)
#undef X
    default: return "?";
    }
}

/* Say where in the pickle it was.  What the engine raised itself says so in its text; exceptions of foreign code, and
   the end of the input, which programs recognize by its text, get a note. */
static void COLD
say_where(Unpickler *u)
{
    const char *name = opcode_name(u->opcode);
    Py_ssize_t where = u->opcode_offset;

    if (u->opcode == NO_OPCODE)
        add_note(u->st, "at byte %zd of the pickle", where);
    else if (!u->raised && !u->in.raised)
        add_note(u->st, "when unpickling: %s at byte %zd", name, where);
    else if (name[0] == '?')
        extend_message(" (at byte %zd)", where);
    else
        extend_message(" (%s at byte %zd)", name, where);
    u->raised = u->in.raised = 0;
}

static int COLD
bad_opcode(Unpickler *u, int opcode)
{
    if (opcode >= 0x20 && opcode <= 0x7e && opcode != '\'' && opcode != '\\')
        return load_fail(u, u->st->UnpicklingError, "invalid load key, '%c'.", opcode);
    return load_fail(u, u->st->UnpicklingError, "invalid load key, '\\x%02x'.", opcode);
}

static int COLD
bad_protocol(Unpickler *u, int protocol)
{
    return load_fail(u, PyExc_ValueError, "unsupported pickle protocol: %d", protocol);
}

/* Will nobody ever ask the memo for this object, or see that the memo does not keep it?  See plan.c. */
static ALWAYS_INLINE int
never_asked(const Unpickler *u, Py_ssize_t number, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (plan_note(&u->plan, number) & PLAN_ASKED)
        return 0;
    if (type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyFloat_Type || type == &PyLong_Type)
        return 1;
    return !u->plan.keep_containers && (type == &PyDict_Type || type == &PyList_Type || type == &PyTuple_Type);
}

ROOM int NOINLINE
put_slowly(Unpickler *u, Py_ssize_t number, PyObject *object)
{
    if (u->plan.size > 0 && never_asked(u, number, object)) {
        u->memo.count++;
        return 0;
    }
    if (number > u->memo.count)
        u->rows.wanted = 0;     /* rows take the next numbers, which must be free */
    if (number < u->memo.count || unpickler_memo_get(&u->memo, number) != NULL) {
        free_collector(u);      /* what is replaced may end */
        if (u->rows.count > 0) {
            PyErr_NoMemory();   /* they could not be settled, and it may be one of their instances */
            return -1;
        }
        if (u->calls_unmade > 0 && make_all_arguments(u) < 0)
            return -1;
    }
    return unpickler_memo_put(&u->memo, number, object);
}

ROOM PyObject *NOINLINE
get_slowly(Unpickler *u, Py_ssize_t number)
{
    PyObject *value = unpickler_memo_get(&u->memo, number);

    if (value == NULL && u->rows.count > 0)
        value = find_row_state(u, number);
    if (value == NULL && number < u->calls_end && !PyErr_Occurred())
        value = find_arguments(u, number);
    if (value == NULL && !PyErr_Occurred())
        load_fail(u, u->st->UnpicklingError, "Memo value not found at index %zd", number);
    return value;
}

/* EMPTY_DICT: where it would only carry a state from SETITEMS to BUILD it need not be made. */
static int NOINLINE
load_planned_dict(Unpickler *u)
{
    const unsigned char *p = behind_put(u->in.pos, u->in.end, u->memo.count);
    PyObject *dict;

    if (p != NULL && plan_note(&u->plan, u->memo.count) == PLAN_STATE && !u->plan.keep_containers) {
        u->in.pos = p;
        u->memo.count++;
        return stack_push(&u->stack, Py_NewRef(u->st->unmade_dict));
    }
    dict = PyDict_New();
    return dict == NULL ? -1 : stack_push(&u->stack, dict);
}

/* TUPLE before a call. */
static int NOINLINE
load_marked_call(Unpickler *u)
{
    Stack *s = &u->stack;
    int found;

    if (s->mark_count == 0)
        return 0;
    found = load_call(u, s->fence, s->base + (s->mark_count > 1 ? s->marks[s->mark_count - 2] : 0));
    if (found > 0)
        (void)stack_pop_mark(s);
    return found;
}

#define SAVE() do { \
        u->in.pos = p; \
        u->stack.top = top; \
        if (op != NULL) { \
            u->opcode = *op; \
            u->opcode_offset = u->in.offset + (op - u->in.base); \
        } \
    } while (0)
#define RELOAD() (p = u->in.pos, top = u->stack.top, op = NULL)
/* The function takes care of the collector itself. */
#define QUIET_CALL(call) do { \
        SAVE(); \
        if (UNLIKELY((call) < 0)) \
            goto failed; \
        RELOAD(); \
        hold_collector(u); \
    } while (0)
/* The function carries out this opcode and some more, or nothing at all. */
#define TRY_CALL(call) do { \
        int found; \
        SAVE(); \
        found = (call); \
        if (UNLIKELY(found < 0)) \
            goto failed; \
        if (found) { \
            RELOAD(); \
            DISPATCH(); \
        } \
    } while (0)
#define CALL(call) do { \
        free_collector(u); \
        QUIET_CALL(call); \
    } while (0)
/* For what takes bytes from a file or imports a module. */
#define READ_CALL(call) do { \
        let_others_run(u); \
        QUIET_CALL(call); \
    } while (0)
#define ARGUMENT(n) do { \
        if (UNLIKELY(u->in.end - p < (Py_ssize_t)(n))) \
            READ_CALL(reader_need(&u->in, (n))); \
    } while (0)
/* At least n objects above the mark. */
#define NEED(n) do { \
        if (UNLIKELY(top - u->stack.fence < (n))) \
            goto underflow; \
    } while (0)
#define PUSH(object) do { \
        value = (object); \
        if (UNLIKELY(top == u->stack.limit)) \
            goto push_slowly; \
        *top++ = value; \
    } while (0)
#define PUSH_NEW(object) do { \
        value = (object); \
        if (UNLIKELY(value == NULL)) \
            goto fail; \
        if (UNLIKELY(top == u->stack.limit)) \
            goto push_slowly; \
        *top++ = value; \
    } while (0)

#if P5_COMPUTED_GOTO
#  define OPCODE(name) do_##name
#  define DISPATCH() do { \
        if (UNLIKELY(p == u->in.end)) \
            goto refill; \
        op = p; \
        goto *targets[*p++]; \
    } while (0)
#else
#  define OPCODE(name) case OP_##name
#  define DISPATCH() goto next
#endif

#if P5_COMPUTED_GOTO
/* The bytes between the opcodes, from .. to: the table of labels has no empty places. */
#define NO_OPCODES(G) \
    G(0x00, 0x27) G(0x2a, 0x2d) G(0x2f, 0x2f) G(0x33, 0x41) G(0x44, 0x45) G(0x48, 0x48) G(0x4f, 0x4f) \
    G(0x57, 0x57) G(0x59, 0x5c) G(0x5e, 0x60) G(0x66, 0x66) G(0x6b, 0x6b) G(0x6d, 0x6e) G(0x76, 0x7c) \
    G(0x7e, 0x7f) G(0x99, 0xff)

/* Addresses of labels and ranges are GNU C: keep quiet about them under -pedantic. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

ROOM PyObject *
run_machine(Unpickler *u)
{
#if P5_COMPUTED_GOTO
    static const void *const targets[256] = {
#define X(name, byte, protocol) [byte] = &&do_##name,
        OPCODES(X)
#undef X
#define G(first, last) [first ... last] = &&do_unknown,
        NO_OPCODES(G)
#undef G
    };
#endif
    const unsigned char *p = u->in.pos, *op = p;
    PyObject **top = u->stack.top, *value = NULL;
    Py_ssize_t n;

    DISPATCH();
refill:
    u->in.pos = p;
    u->stack.top = top;
    u->opcode = NO_OPCODE;
    u->opcode_offset = u->in.offset + (p - u->in.base);
    let_others_run(u);
    if (reader_next(&u->in) < 0)
        goto failed;
    if (u->rows.count > 0)
        rows_end_here(u);
    RELOAD();
    if (u->in.end - p > WORTH_HOLDING)
        u->gc_wanted = 1;
    hold_collector(u);
    op = p;
#if P5_COMPUTED_GOTO
    goto *targets[*p++];
#else
next:
    if (UNLIKELY(p == u->in.end))
        goto refill;
    op = p;
    switch (*p++) {
#endif

    OPCODE(NONE):
        PUSH(Py_NewRef(Py_None));
        DISPATCH();
    OPCODE(NEWTRUE):
        PUSH(Py_NewRef(Py_True));
        DISPATCH();
    OPCODE(NEWFALSE):
        PUSH(Py_NewRef(Py_False));
        DISPATCH();
    OPCODE(BININT1):
        ARGUMENT(1);
        p += 1;
        PUSH_NEW(PyLong_FromLong(p[-1]));
        DISPATCH();
    OPCODE(BININT2):
        ARGUMENT(2);
        p += 2;
        PUSH_NEW(PyLong_FromLong((long)get_u16le(p - 2)));
        DISPATCH();
    OPCODE(BININT):
        ARGUMENT(4);
        p += 4;
        PUSH_NEW(PyLong_FromLong((long)(int32_t)get_u32le(p - 4)));
        DISPATCH();
    OPCODE(LONG1):
        ARGUMENT(1);
        n = *p++;
        ARGUMENT(n);
        p += n;
        PUSH_NEW(decode_int(p - n, n));
        DISPATCH();
    OPCODE(BINFLOAT):
        ARGUMENT(8);
        p += 8;
        PUSH_NEW(PyFloat_FromDouble(get_f64be(p - 8)));
        DISPATCH();

    OPCODE(SHORT_BINUNICODE):
        ARGUMENT(1);
        n = *p++;
        ARGUMENT(n);
        p += n;
        PUSH_NEW(LIKELY(is_ascii(p - n, n)) ? new_ascii(p - n, n) : decode_non_ascii(u, p - n, n));
        DISPATCH();
    OPCODE(BINUNICODE):
        /* A long one goes the other way, which asks the file for no more than it has. */
        if (UNLIKELY(u->in.end - p < 4 || u->in.end - p - 4 < (Py_ssize_t)get_u32le(p)
                     || (Py_ssize_t)get_u32le(p) < 0)) {
            READ_CALL(load_counted_unicode(u, 4));
            DISPATCH();
        }
        n = (Py_ssize_t)get_u32le(p);
        p += 4 + n;
        PUSH_NEW(LIKELY(is_ascii(p - n, n)) ? new_ascii(p - n, n) : decode_non_ascii(u, p - n, n));
        DISPATCH();
    OPCODE(BINUNICODE8):
        READ_CALL(load_counted_unicode(u, 8));
        DISPATCH();
    OPCODE(SHORT_BINBYTES):
        if (UNLIKELY(u->in.end - p < 2 || u->in.end - p - 1 <= *p)) {
            READ_CALL(load_counted_bytes(u, 1));
            DISPATCH();
        }
        n = *p;
        p += 1 + n;
        if (n <= 10 && top > u->stack.fence && PyType_Check(top[-1]))
            TRY_CALL(load_packed(u, p - n, n));
        PUSH_NEW(PyBytes_FromStringAndSize((const char *)p - n, n));
        DISPATCH();
    OPCODE(BINBYTES):
        READ_CALL(load_counted_bytes(u, 4));
        DISPATCH();
    OPCODE(BINBYTES8):
        READ_CALL(load_counted_bytes(u, 8));
        DISPATCH();
    OPCODE(BYTEARRAY8):
        READ_CALL(load_bytearray8(u));
        DISPATCH();
    OPCODE(SHORT_BINSTRING):
        CALL(load_counted_string(u, 1));
        DISPATCH();
    OPCODE(BINSTRING):
        CALL(load_counted_string(u, 4));
        DISPATCH();

    OPCODE(MEMOIZE):
        NEED(1);
        n = u->memo.count;
        if (UNLIKELY((size_t)n >= (size_t)u->memo.open || u->memo.slots[n] != NULL))
            goto put_with_care;
        u->memo.slots[n] = Py_NewRef(top[-1]);
        u->memo.count = n + 1;
        DISPATCH();
    OPCODE(BINPUT):
        ARGUMENT(1);
        NEED(1);
        n = *p++;
    put:
        if (UNLIKELY((size_t)n >= (size_t)u->memo.open || n < u->memo.count || u->memo.slots[n] != NULL))
            goto put_with_care;
        u->memo.slots[n] = Py_NewRef(top[-1]);
        u->rows.wanted &= n == u->memo.count;
        u->memo.count++;
        DISPATCH();
    put_with_care:
        QUIET_CALL(put_slowly(u, n, u->stack.top[-1]));
        DISPATCH();
    OPCODE(LONG_BINPUT):
        ARGUMENT(4);
        NEED(1);
        n = (Py_ssize_t)get_u32le(p);
        p += 4;
        if (UNLIKELY(n < 0)) {
            SAVE();
            load_fail(u, PyExc_ValueError, "negative LONG_BINPUT argument");
            goto failed;
        }
        goto put;
    OPCODE(BINGET):
        ARGUMENT(1);
        n = *p++;
    get:
        if (UNLIKELY((size_t)n >= (size_t)u->memo.limit || u->memo.slots[n] == NULL)) {
            SAVE();
            value = get_slowly(u, n);
            if (value == NULL)
                goto failed;
            PUSH(Py_NewRef(value));
            DISPATCH();
        }
        PUSH(Py_NewRef(u->memo.slots[n]));
        DISPATCH();
    OPCODE(LONG_BINGET):
        ARGUMENT(4);
        n = (Py_ssize_t)get_u32le(p);
        p += 4;
        goto get;
    OPCODE(GET):
        CALL(load_get(u));
        DISPATCH();
    OPCODE(PUT):
        CALL(load_put(u));
        DISPATCH();

    OPCODE(MARK):
        if (UNLIKELY(u->stack.mark_count == u->stack.mark_limit))
            QUIET_CALL(stack_grow_marks(&u->stack));
        u->stack.marks[u->stack.mark_count++] = top - u->stack.base;
        u->stack.fence = top;
        DISPATCH();
    OPCODE(EMPTY_TUPLE):
        PUSH(Py_NewRef(u->st->empty_tuple));
        DISPATCH();
    OPCODE(EMPTY_LIST):
        PUSH_NEW(PyList_New(0));
        DISPATCH();
    OPCODE(EMPTY_DICT):
        if (UNLIKELY(u->plan.size > 0)) {
            QUIET_CALL(load_planned_dict(u));
            DISPATCH();
        }
        PUSH_NEW(PyDict_New());
        DISPATCH();
    OPCODE(EMPTY_SET):
        QUIET_CALL(load_empty_set(u));
        DISPATCH();
    OPCODE(TUPLE1):
        n = 1;
        goto short_tuple;
    OPCODE(TUPLE2):
        n = 2;
        goto short_tuple;
    OPCODE(TUPLE3):
        n = 3;
    short_tuple:
        NEED(n);
        if (call_follows(p, u->in.end))
            TRY_CALL(load_call(u, top - n, u->stack.fence));
        value = PyTuple_New(n);
        if (UNLIKELY(value == NULL))
            goto fail;
        top -= n;
        PyTuple_SET_ITEM(value, 0, top[0]);
        if (n > 1)
            PyTuple_SET_ITEM(value, 1, top[1]);
        if (n > 2)
            PyTuple_SET_ITEM(value, 2, top[2]);
        /* The collector would find out by itself that it need not know this one, but only after it went through it. */
        if (is_no_container(top[0]) && is_no_container(top[n - 1]) && is_no_container(top[n / 2]))
            PyObject_GC_UnTrack(value);
        *top++ = value;
        DISPATCH();
    OPCODE(TUPLE):
        if (call_follows(p, u->in.end))
            TRY_CALL(load_marked_call(u));
        QUIET_CALL(load_tuple(u));
        DISPATCH();
    OPCODE(LIST):
        QUIET_CALL(load_list(u));
        DISPATCH();
    OPCODE(DICT):
        QUIET_CALL(load_dict(u));
        DISPATCH();
    OPCODE(FROZENSET):
        QUIET_CALL(load_frozenset(u));
        DISPATCH();
    OPCODE(APPEND):
        QUIET_CALL(load_append(u));
        DISPATCH();
    OPCODE(APPENDS):
        QUIET_CALL(load_appends(u));
        DISPATCH();
    OPCODE(SETITEM):
        QUIET_CALL(load_setitem(u));
        DISPATCH();
    OPCODE(SETITEMS):
        QUIET_CALL(load_setitems(u));
        DISPATCH();
    OPCODE(ADDITEMS):
        QUIET_CALL(load_additems(u));
        DISPATCH();

    OPCODE(POP):
        if (top > u->stack.fence) {
            value = *--top;
            SAVE();
            drop_reference(u, value);
            hold_collector(u);
            DISPATCH();
        }
        if (u->stack.mark_count == 0)
            goto underflow;
        stack_pop_mark(&u->stack);
        DISPATCH();
    OPCODE(POP_MARK):
        SAVE();
        if (u->stack.mark_count == 0) {
            no_mark(u);
            goto failed;
        }
        cut_stack(u, stack_pop_mark(&u->stack));
        RELOAD();
        hold_collector(u);
        DISPATCH();
    OPCODE(DUP):
        NEED(1);
        PUSH(Py_NewRef(top[-1]));
        DISPATCH();

    OPCODE(GLOBAL):
        READ_CALL(load_global(u));
        DISPATCH();
    OPCODE(STACK_GLOBAL):
        READ_CALL(load_stack_global(u));
        DISPATCH();
    OPCODE(EXT1):
        CALL(load_extension(u, 1));
        DISPATCH();
    OPCODE(EXT2):
        CALL(load_extension(u, 2));
        DISPATCH();
    OPCODE(EXT4):
        CALL(load_extension(u, 4));
        DISPATCH();
    OPCODE(REDUCE):
        QUIET_CALL(load_reduce(u));
        DISPATCH();
    OPCODE(NEWOBJ):
        QUIET_CALL(load_newobj(u));
        DISPATCH();
    OPCODE(NEWOBJ_EX):
        CALL(load_newobj_ex(u));
        DISPATCH();
    OPCODE(INST):
        CALL(load_inst(u));
        DISPATCH();
    OPCODE(OBJ):
        CALL(load_obj(u));
        DISPATCH();
    OPCODE(BUILD):
        QUIET_CALL(load_build(u));
        DISPATCH();
    OPCODE(PERSID):
        CALL(load_persid(u));
        DISPATCH();
    OPCODE(BINPERSID):
        CALL(load_binpersid(u));
        DISPATCH();
    OPCODE(NEXT_BUFFER):
        CALL(load_next_buffer(u));
        DISPATCH();
    OPCODE(READONLY_BUFFER):
        CALL(load_readonly_buffer(u));
        DISPATCH();

    OPCODE(INT):
        CALL(load_int(u));
        DISPATCH();
    OPCODE(LONG):
        CALL(load_long(u));
        DISPATCH();
    OPCODE(LONG4):
        CALL(load_counted_long(u, 4));
        DISPATCH();
    OPCODE(FLOAT):
        CALL(load_float(u));
        DISPATCH();
    OPCODE(STRING):
        CALL(load_string(u));
        DISPATCH();
    OPCODE(UNICODE):
        CALL(load_unicode(u));
        DISPATCH();

    OPCODE(PROTO):
        ARGUMENT(1);
        n = *p++;
        if (UNLIKELY(n > HIGHEST_PROTOCOL)) {
            SAVE();
            bad_protocol(u, (int)n);
            goto failed;
        }
        u->protocol = (int)n;
        DISPATCH();
    OPCODE(FRAME):
        ARGUMENT(8);
        p += 8;
        READ_CALL(reader_frame(&u->in, get_u64le(p - 8)));
        if (u->rows.count > 0)
            rows_end_here(u);
        DISPATCH();
    OPCODE(STOP):
        NEED(1);
        value = *--top;
        SAVE();
        u->rows.count = 0;      /* nobody asks any more */
        free_collector(u);
        return value;

#if P5_COMPUTED_GOTO
    do_unknown:
#else
    default:
#endif
        SAVE();
        bad_opcode(u, p[-1]);
        goto failed;
#if !P5_COMPUTED_GOTO
    }
#endif

push_slowly:
    SAVE();
    if (stack_push(&u->stack, value) < 0)
        goto failed;
    RELOAD();
    DISPATCH();
underflow:
    SAVE();
    stack_underflow(u);
    goto failed;
fail:
    SAVE();
failed:
    u->rows.count = 0;
    free_collector(u);
    say_where(u);
    return NULL;
}

#if P5_COMPUTED_GOTO
#pragma GCC diagnostic pop
#endif
