/* rows.c - instances whose state is flat.

   Records, rows of a table, nodes: most instances are written as their class, an empty instance, an empty dict, a mark,
   names and values, SETITEMS and BUILD; with slots, the dict stands in a pair behind a None.  Where all of the values are
   atoms or come from the memo, load_row reads the whole of it in one go: no dict is made, and the values go where they
   belong.  What it takes to set them (names interned, offsets of slots) is kept for each class and list of names, a Shape.
   Where something else stands in between it leaves the stack as the opcodes so far would have, and the loop goes on.

   The memo numbers of the dict and the pair stay empty.  Who asks for one gets it made from the instance (find_row_state),
   which is the same as long as nobody could change the instance:

   - The memo holds the instance, and nothing in the load sets its attributes but another BUILD, which begins by settling.
   - Foreign code may change it.  Before any runs that is given an object of this load, or may drop one, free_collector
     has settle_rows make what will be asked for.  What opcodes are still to come it learns from a plan (plan.h), where all
     of the pickle is at hand; else all is made.
   - A file that is read, and a module that is imported for a class, are given no object of the load.  So instances stay
     unsettled across these: else nothing would be gained for files.

   There is no other trace.  Only load() and loads() do this, for the memo of an Unpickler can be seen.  Values are first
   collected on the stack and then set, so that an error among them leaves an instance without attributes, as ever. */
#include "unpickler.h"
#include "gc_hold.h"
#include "ascii.h"
#include "endian.h"

enum { WORTH_A_SHAPE = 256 };   /* bytes that are left: a shape is not for one small instance */

/* Let go of what is kept for the load. */
ROOM void
rows_clear(Rows *rows)
{
    PyMem_Free(rows->rows);
    while (rows->shape_count > 0)
        shape_clear(&rows->shapes[--rows->shape_count]);
    PyMem_Free(rows->shapes);
    rows_init(rows);
}

/* --- states that were not made ------------------------------------------------------------------------------- */

/* The value of an attribute that the row has set; a new reference, or NULL with an exception. */
static PyObject *
get_attribute(const Shape *shape, int i, PyObject *instance, PyObject *attributes)
{
    PyObject *value;

    if (shape->paired)
        value = *(PyObject **)((char *)instance + shape->offsets[i]);
    else
        value = attributes == NULL ? NULL : PyDict_GetItemWithError(attributes, shape->names[i]);
    if (value == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_AttributeError, shape->names[i]);
    return Py_XNewRef(value);
}

static PyObject *
make_state(const Shape *shape, PyObject *instance)
{
    PyObject *state = PyDict_New(), *attributes = NULL, *value;
    int i, set = 0;

    if (state != NULL && !shape->paired)
        attributes = P5_InstanceDict(instance);
    for (i = 0; state != NULL && i < shape->count; i++) {
        value = get_attribute(shape, i, instance, attributes);
        set = value == NULL ? -1 : PyDict_SetItem(state, shape->keys[i], value);
        Py_XDECREF(value);
        if (set < 0)
            Py_CLEAR(state);
    }
    Py_XDECREF(attributes);
    return state;
}

static int
make_row_state(Unpickler *u, const Row *row, Py_ssize_t instance)
{
    PyObject *state = NULL, *pair = NULL;
    int result = -1;

    if (unpickler_memo_get(&u->memo, instance + 1) != NULL)
        return 0;
    state = make_state(&u->rows.shapes[row->shape], u->memo.slots[instance]);
    if (state == NULL)
        return -1;
    if (row->pair > 0) {
        pair = PyTuple_Pack(2, Py_None, state);
        if (pair == NULL || unpickler_memo_fill(&u->memo, instance + row->pair, pair, &u->rows.holes) < 0)
            goto done;
    }
    result = unpickler_memo_fill(&u->memo, instance + 1, state, &u->rows.holes);
done:
    Py_XDECREF(pair);
    Py_DECREF(state);
    return result;
}

ROOM PyObject *
find_row_state(Unpickler *u, Py_ssize_t number)
{
    Py_ssize_t low = 0, high = u->rows.count, middle, instance;
    const Row *row;

    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (u->rows.rows[middle].instance < number)
            low = middle;
        else
            high = middle;
    }
    if (high == low || number <= u->rows.rows[low].instance)
        return NULL;
    row = &u->rows.rows[low];
    instance = row->instance + (number - 1 - row->instance) / row->step * row->step;
    if (instance >= row->instance + row->times * row->step
            || (number != instance + 1 && (number != instance + row->pair || row->pair == 0)))
        return NULL;
    return make_row_state(u, row, instance) < 0 ? NULL : unpickler_memo_get(&u->memo, number);
}

/* A plan of what comes from p on, and for which numbers from `first` on it is asked; `count` is the memo's there.  p is NULL
   where these bytes are gone: then there is none. */
static void NOINLINE
plan_rest(Unpickler *u, const unsigned char *p, Py_ssize_t count)
{
    Py_ssize_t i, holes = 0, first = u->rows.count > 0 ? u->rows.rows[0].instance : count;

    u->plan.wanted = 0;
    for (i = 0; i < u->memo.count && i < u->memo.limit; i++)
        holes += u->memo.slots[i] == NULL;
    if (p == NULL || holes + (u->memo.count - i) != u->rows.holes + u->calls_unmade)
        return;
    plan_make(&u->plan, p, u->in.data_end, count, first, u->rows.holes);
    if (u->plan.size > 0)
        u->memo.open = 0;
}

static int
asked(const Unpickler *u, Py_ssize_t number)
{
    return plan_note(&u->plan, number) & PLAN_ASKED;
}

/* Make the states that will be asked for.  What cannot be made for want of memory stays, and GET tries it again. */
static void
settle(Unpickler *u, const unsigned char *p, Py_ssize_t count)
{
    Rows *rows = &u->rows;
    Py_ssize_t i, j, kept = 0;

    if (u->plan.wanted)
        plan_rest(u, p, count);
    rows->vain += u->plan.size == 0 && rows->count > 0 && rows->holes < 16;
    for (i = 0; i < rows->count; i++) {
        Row *row = &rows->rows[i];
        Py_ssize_t instance = row->instance;
        int lacking = 0;
        for (j = 0; j < row->times; j++, instance += row->step) {
            if (u->plan.size > 0 && !asked(u, instance + 1) && (row->pair == 0 || !asked(u, instance + row->pair)))
                continue;
            if (make_row_state(u, row, instance) < 0) {
                PyErr_Clear();
                lacking = 1;
            }
        }
        if (lacking)
            rows->rows[kept++] = *row;
    }
    rows->count = kept;
}

ROOM void NOINLINE
settle_rows(Unpickler *u)
{
    Py_ssize_t from = u->rows.end - u->in.offset;       /* the file may have given other bytes since */

    P5_ASSERT(!PyErr_Occurred());
    settle(u, from >= 0 && from <= u->in.data_end - u->in.base ? u->in.base + from : NULL, u->rows.end_number);
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* A MEMOIZE or PUT at p, for this object: the place behind it.  NULL with an exception; or the same p where there is none. */
static NOINLINE const unsigned char *
row_put_slowly(Unpickler *u, const unsigned char *p, PyObject *object)
{
    const unsigned char *behind = behind_put(p, u->in.end, u->memo.count);

    if (behind == NULL)
        return p;
    return put_slowly(u, u->memo.count, object) < 0 ? NULL : behind;
}

static ALWAYS_INLINE const unsigned char *
row_put(Unpickler *u, const unsigned char *p, PyObject *object)
{
    UnpicklerMemo *memo = &u->memo;

    if (LIKELY(p < u->in.end && *p == OP_MEMOIZE && memo->count < memo->open && memo->slots[memo->count] == NULL)) {
        memo->slots[memo->count++] = Py_NewRef(object);
        return p + 1;
    }
    return row_put_slowly(u, p, object);
}

/* One more row of whose state nothing was made.  0, or -1 where it could not be noted: without an exception. */
static ALWAYS_INLINE int
note_row(Unpickler *u, Py_ssize_t instance, Py_ssize_t pair, int shape)
{
    Rows *rows = &u->rows;
    Row *grown, *row;

    rows->holes += 1 + (pair > 0);
    if (LIKELY(rows->count > 0)) {
        row = &rows->rows[rows->count - 1];
        if (row->times == 1 && row->shape == shape)
            row->step = instance - row->instance;
        if (LIKELY(row->shape == shape && row->pair == pair && row->instance + row->times * row->step == instance)) {
            row->times++;
            return 0;
        }
    }
    if (UNLIKELY(rows->count == rows->room)) {
        Py_ssize_t room = rows->room == 0 ? 64 : rows->room * 2;
        grown = PyMem_Realloc(rows->rows, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            rows->holes -= 1 + (pair > 0);
            return -1;
        }
        rows->rows = grown;
        rows->room = room;
    }
    row = &rows->rows[rows->count++];
    row->instance = instance;
    row->step = PY_SSIZE_T_MAX / 4;     /* no other follows */
    row->times = 1;
    row->pair = pair;
    row->shape = shape;
    return 0;
}

/* What a row is in the middle of reading. */
typedef struct {
    const unsigned char *p;
    Py_ssize_t number;          /* of the instance */
    int planned;                /* the plan says that nobody asks for the dict, and that BUILD follows */
    int paired;
    int cut;                    /* the bytes at hand end in the middle of it */
    int count;                  /* names so far */
    int values;                 /* values so far: as many, or one less */
    Shape *shape;               /* the one that was guessed, where it proved right; else NULL, and the names: */
    PyObject *keys[SHAPE_NAMES];        /* borrowed: the memo holds them */
} RowRead;

/* The names so far were those of `guess`. */
static NOINLINE void
give_up_guess(RowRead *row, const Shape *guess, int names)
{
    memcpy(row->keys, guess->keys, (size_t)names * sizeof *row->keys);
}

/* Something that is not flat: leave the stack as the opcodes up to here would have. */
static int NOINLINE
leave_row(Unpickler *u, RowRead *row)
{
    PyObject **first = u->stack.top - row->values, *dict;
    int i;

    if (row->shape != NULL)
        give_up_guess(row, row->shape, row->count);
    if (!row->planned) {
        dict = PyDict_New();
        if (dict == NULL || unpickler_memo_put(&u->memo, row->number + 1, dict) < 0) {
            Py_XDECREF(dict);
            return -1;
        }
        u->memo.count--;
        Py_SETREF(first[-1], dict);
    }
    if (u->stack.mark_count == u->stack.mark_limit && stack_grow_marks(&u->stack) < 0)
        return -1;
    for (i = row->count; i > 0; i--) {
        if (i <= row->values)
            first[2 * i - 1] = first[i - 1];
        first[2 * i - 2] = Py_NewRef(row->keys[i - 1]);
    }
    u->stack.top = first + row->count + row->values;
    u->stack.marks[u->stack.mark_count++] = first - u->stack.base;
    u->stack.fence = first;
    u->in.pos = row->p;
    return 0;
}

/* SETITEMS was read, `count` names and as many values; if BUILD follows, carry it out.  1: done, 0: not, -1: error. */
static ALWAYS_INLINE int
finish_row(Unpickler *u, RowRead *row)
{
    const unsigned char *p = row->p + 1, *end = u->in.end;
    PyObject **first = u->stack.top - row->count, *instance;
    Py_ssize_t pair = 0;
    Shape *shape;
    int result;

    if (row->paired) {
        if (p == end || *p != OP_TUPLE2) {
            row->cut = p == end;
            return 0;
        }
        pair = u->memo.count;
        if (row->planned && plan_note(&u->plan, pair) & PLAN_ASKED)
            return 0;
        p = behind_put(p + 1, end, pair);
    }
    if (p == NULL || p == end || *p != OP_BUILD) {
        row->cut = end - row->p < 5;
        return 0;
    }
    instance = first[-2 - row->paired];
    shape = row->shape;
    if (shape == NULL)
        shape = find_shape(u, Py_TYPE(instance), row->keys, row->count, row->paired);
    /* A str that was no UTF-8 may have been given to a handler of errors, which is anybody's code. */
    if (UNLIKELY(shape == NULL || shape->version != P5_TypeVersion(Py_TYPE(instance)))
            || (!row->planned && note_row(u, row->number, pair == 0 ? 0 : pair - row->number, (int)(shape - u->rows.shapes)) < 0))
        return 0;
    u->rows.last = (int)(shape - u->rows.shapes);
    result = set_attributes(u, shape, instance, first);
    /* The values are gone; what else lies above the instance is immortal or has other owners. */
    u->stack.top = first;
    Py_DECREF(*--u->stack.top);
    if (row->paired)
        Py_DECREF(*--u->stack.top);
    if (UNLIKELY(result < 0))
        return -1;
    u->memo.count += row->paired;
    u->in.pos = p + 1;
    if (!row->planned)
        rows_end_here(u);
    return 1;
}

/* A name that is not in the memo yet: the place behind it.  NULL with an exception; or the same p where it is none that the
   memo will hold. */
static NOINLINE const unsigned char *
new_name(Unpickler *u, const unsigned char *p, PyObject **name)
{
    const unsigned char *end = u->in.end, *text = p + 2;
    Py_ssize_t n, number = u->memo.count;

    if (*p != OP_SHORT_BINUNICODE || end - p < 2 || end - text < (n = p[1]) || behind_put(text + n, end, number) == NULL
            || (u->plan.size > 0 && !(plan_note(&u->plan, number) & PLAN_ASKED)))
        return p;
    *name = is_ascii(text, n) ? new_ascii(text, n) : decode_non_ascii(u, text, n);
    p = *name == NULL ? NULL : row_put(u, text + n, *name);
    Py_XDECREF(*name);
    return p;
}

/* At least n bytes more, or the row cannot go on. */
#define HAVE(n) do { \
        if (UNLIKELY(end - p < (Py_ssize_t)(n))) \
            goto cut; \
    } while (0)
/* What GET finds. */
#define IN_MEMO(n) (LIKELY((size_t)(n) < (size_t)u->memo.limit) ? u->memo.slots[n] : NULL)

/* Names and values up to SETITEMS: names are noted, values pushed.  `guess` has the names that are likely, or is NULL.  1; 0:
   something else comes first, -1: error. */
static ALWAYS_INLINE int
read_row(Unpickler *u, RowRead *row, Shape *guess)
{
    const unsigned char *p = row->p, *end = u->in.end;
    PyObject **top = u->stack.top, *object;
    int names = 0, missing = 0, found = -1;
    Py_ssize_t n;

    for (;;) {
        row->p = p;
        HAVE(2);
        if (LIKELY(*p == OP_BINGET)) {
            object = IN_MEMO(p[1]);
            p += 2;
        }
        else if (*p == OP_SETITEMS) {
            found = names > 0;
            goto done;
        }
        else if (*p == OP_LONG_BINGET) {
            HAVE(5);
            n = (Py_ssize_t)get_u32le(p + 1);
            object = IN_MEMO(n);
            p += 5;
        }
        else if (names == SHAPE_NAMES)
            goto other;
        else {
            object = NULL;
            p = new_name(u, p, &object);
            if (p == NULL)
                goto done;
            if (p == row->p)
                goto other;
        }
        if (UNLIKELY(guess == NULL || names == guess->count || object != guess->keys[names])) {
            if (guess != NULL) {
                give_up_guess(row, guess, names);
                guess = NULL;
            }
            if (object == NULL || !PyUnicode_CheckExact(object) || names == SHAPE_NAMES)
                goto other;
            row->keys[names] = object;
        }
        names++;
        row->p = p;
        missing = 1;
        HAVE(2);
        switch (*p) {
        case OP_NONE:
            object = Py_NewRef(Py_None);
            p += 1;
            break;
        case OP_NEWTRUE:
            object = Py_NewRef(Py_True);
            p += 1;
            break;
        case OP_NEWFALSE:
            object = Py_NewRef(Py_False);
            p += 1;
            break;
        case OP_BININT1:
            object = PyLong_FromLong(p[1]);
            p += 2;
            break;
        case OP_BININT2:
            HAVE(3);
            object = PyLong_FromLong((long)get_u16le(p + 1));
            p += 3;
            break;
        case OP_BININT:
            HAVE(5);
            object = PyLong_FromLong((long)(int32_t)get_u32le(p + 1));
            p += 5;
            break;
        case OP_LONG1:
            n = p[1];
            HAVE(2 + n);
            object = decode_int(p + 2, n);
            p += 2 + n;
            break;
        case OP_BINFLOAT:
            HAVE(9);
            object = PyFloat_FromDouble(get_f64be(p + 1));
            p += 9;
            break;
        case OP_BINGET:
            object = IN_MEMO(p[1]);
            p += 2;
            goto got;
        case OP_LONG_BINGET:
            HAVE(5);
            n = (Py_ssize_t)get_u32le(p + 1);
            object = IN_MEMO(n);
            p += 5;
        got:
            if (object == NULL)
                goto other;
            Py_INCREF(object);
            break;
        case OP_SHORT_BINUNICODE:
            n = p[1];
            HAVE(2 + n);
            object = LIKELY(is_ascii(p + 2, n)) ? new_ascii(p + 2, n) : decode_non_ascii(u, p + 2, n);
            p += 2 + n;
            goto put;
        case OP_SHORT_BINBYTES:
            n = p[1];
            HAVE(2 + n);
            object = PyBytes_FromStringAndSize((const char *)p + 2, n);
            p += 2 + n;
        put:
            p = object == NULL ? NULL : row_put(u, p, object);
            if (UNLIKELY(p == NULL))
                Py_CLEAR(object);
            break;
        default:
            goto other;
        }
        if (UNLIKELY(object == NULL))
            goto done;
        *top++ = object;
        missing = 0;
    }
cut:
    row->cut = 1;
other:
    found = 0;
done:
    if (guess != NULL && (found <= 0 || names != guess->count)) {
        give_up_guess(row, guess, names);
        guess = NULL;
    }
    row->shape = guess;
    row->count = names;
    row->values = names - missing;
    u->stack.top = top;
    return found;
}

/* The shape that instances of this type had last; NULL where they had none. */
static ALWAYS_INLINE Shape *
find_guess(Unpickler *u, PyTypeObject *type, int paired)
{
    Shape *shape, *end;

    if (UNLIKELY(u->rows.shape_count == 0))
        return NULL;
    shape = u->rows.shapes + u->rows.last;
    end = u->rows.shapes + u->rows.shape_count;
    if (UNLIKELY(shape->type != type)) {
        for (shape = u->rows.shapes; shape < end && shape->type != type; shape++)
            ;
    }
    return shape < end && shape->paired == paired && shape->version == P5_TypeVersion(type) ? shape : NULL;
}

/* What cannot be read here is for a plan, from where its instance began. */
static NOINLINE void
look_ahead(Unpickler *u, const unsigned char *start, Py_ssize_t number)
{
    if (!u->plan.wanted)
        return;
    plan_rest(u, start, number);
    if (u->plan.size > 0)
        settle(u, start, number);
}

/* An instance, and its dict: MEMOIZE, EMPTY_DICT, MEMOIZE, MARK. */
#define HEAD (OP_MEMOIZE | OP_EMPTY_DICT << 8 | OP_MEMOIZE << 16 | (uint32_t)OP_MARK << 24)

ROOM int
load_row(Unpickler *u)
{
    const unsigned char *start = u->in.pos, *end = u->in.end, *p;
    PyObject *instance = u->stack.top[-1];
    RowRead row;
    Shape *guess;
    int found, note;

    row.number = u->memo.count;
    if (LIKELY(end - start >= 4 && get_u32le(start) == HEAD)) {
        row.paired = 0;
        p = start + 4;
    }
    else {
        p = behind_put(start, end, row.number);
        row.paired = p != NULL && p < end && *p == OP_NONE;
        p = p == NULL ? NULL : p + row.paired;
        if (p == NULL || p >= end || *p != OP_EMPTY_DICT)
            return 0;
        p = behind_put(p + 1, end, row.number + 1);
        if (p == NULL || p >= end || *p != OP_MARK)
            return 0;
        p++;
    }
    /* Room for all that a row can have, with the names, which leave_row may have to put there. */
    if (UNLIKELY(u->stack.limit - u->stack.top < 2 * SHAPE_NAMES + 2) && stack_grow(&u->stack) < 0)
        return -1;
    guess = find_guess(u, Py_TYPE(instance), row.paired);
    if (UNLIKELY(guess == NULL) && (u->rows.shape_count == MAX_SHAPES
                                    || (u->rows.shape_count == 0 && u->in.data_end - start < WORTH_A_SHAPE))) {
        look_ahead(u, start, row.number);
        return 0;
    }
    row.planned = u->plan.size > 0;
    if (row.planned) {
        note = plan_note(&u->plan, row.number + 1);
        if (note != PLAN_STATE || u->plan.keep_containers)
            return 0;
    }
    if (row_put(u, start, instance) == NULL)
        return -1;
    u->memo.count++;            /* the dict's */
    if (row.paired)
        *u->stack.top++ = Py_NewRef(Py_None);
    *u->stack.top++ = Py_NewRef(u->st->unmade_dict);
    row.p = p;
    row.cut = 0;
    found = read_row(u, &row, guess);
    if (LIKELY(found > 0))
        found = finish_row(u, &row);
    if (LIKELY(found != 0))
        return found;
    if (u->plan.wanted && !row.cut) {
        /* Not flat: look ahead, from where this instance began. */
        u->rows.holes++;
        look_ahead(u, start, row.number);
        u->rows.holes--;
        row.planned = u->plan.size > 0 && plan_note(&u->plan, row.number + 1) == PLAN_STATE && !u->plan.keep_containers;
    }
    return leave_row(u, &row);
}
