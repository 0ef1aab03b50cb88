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

/* Let go of what is kept for the load. */
ROOM void
rows_clear(Rows *rows)
{
    int i;

    PyMem_Free(rows->rows);
    while (rows->shape_count > 0) {
        Shape *shape = &rows->shapes[--rows->shape_count];
        for (i = 0; i < shape->count; i++) {
            Py_DECREF(shape->keys[i]);
            Py_DECREF(shape->names[i]);
        }
        Py_XDECREF(shape->pattern);
        Py_DECREF(shape->type);
    }
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

/* Into the memo, where its number was counted already. */
static int
fill_hole(Unpickler *u, Py_ssize_t number, PyObject *object)
{
    if (unpickler_memo_put(&u->memo, number, object) < 0)
        return -1;
    u->memo.count--;
    u->rows.holes--;
    return 0;
}

static int
make_row_state(Unpickler *u, const Row *row)
{
    PyObject *state = NULL, *pair = NULL;
    int result = -1;

    if (unpickler_memo_get(&u->memo, row->instance + 1) != NULL)
        return 0;
    state = make_state(&u->rows.shapes[row->shape], u->memo.slots[row->instance]);
    if (state == NULL)
        return -1;
    if (row->pair > 0) {
        pair = PyTuple_Pack(2, Py_None, state);
        if (pair == NULL || fill_hole(u, row->pair, pair) < 0)
            goto done;
    }
    result = fill_hole(u, row->instance + 1, state);
done:
    Py_XDECREF(pair);
    Py_DECREF(state);
    return result;
}

ROOM PyObject *
find_row_state(Unpickler *u, Py_ssize_t number)
{
    Py_ssize_t low = 0, high = u->rows.count, middle;
    const Row *row;

    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (u->rows.rows[middle].instance < number)
            low = middle;
        else
            high = middle;
    }
    if (high == low)
        return NULL;
    row = &u->rows.rows[low];
    if (number != row->instance + 1 && (number != row->pair || row->pair == 0))
        return NULL;
    return make_row_state(u, row) < 0 ? NULL : unpickler_memo_get(&u->memo, number);
}

/* A plan of what comes from p on, and for which numbers from `first` on it is asked; `count` is the memo's there. */
static void NOINLINE
plan_rest(Unpickler *u, const unsigned char *p, Py_ssize_t count)
{
    Py_ssize_t i, holes = 0, first = u->rows.count > 0 ? u->rows.rows[0].instance : count;

    u->plan.wanted = 0;
    for (i = 0; i < u->memo.count && i < u->memo.limit; i++)
        holes += u->memo.slots[i] == NULL;
    if (holes + (u->memo.count - i) != u->rows.holes)
        return;
    plan_make(&u->plan, p, u->in.data_end, count, first, u->rows.count);
    if (u->plan.size > 0)
        u->memo.open = 0;
}

/* A row whose state cannot be made for want of memory is asked for in vain: then GET raises MemoryError. */
static void
settle(Unpickler *u, const unsigned char *p, Py_ssize_t count)
{
    Rows *rows = &u->rows;
    Py_ssize_t i, kept = 0;

    if (u->plan.wanted)
        plan_rest(u, p, count);
    if (u->plan.size == 0 && rows->count > 0 && rows->count < 8 && ++rows->vain > 8)
        rows->wanted = 0;
    for (i = 0; i < rows->count; i++) {
        Row *row = &rows->rows[i];
        if (u->plan.size > 0 && !(plan_note(&u->plan, row->instance + 1) & PLAN_ASKED)
                && (row->pair == 0 || !(plan_note(&u->plan, row->pair) & PLAN_ASKED)))
            continue;
        if (make_row_state(u, row) < 0) {
            PyErr_Clear();
            rows->rows[kept++] = *row;
        }
    }
    rows->count = kept;
}

ROOM void NOINLINE
settle_rows(Unpickler *u)
{
    P5_ASSERT(!PyErr_Occurred());
    settle(u, u->rows.end, u->rows.end_number);
}

/* --- shapes -------------------------------------------------------------------------------------------------- */

/* Up to 3.10: the dict that a first instance got shares its keys with those of all instances of the class.  A copy of it
   does too, and the interpreter copies such a dict without looking anything up. */
static PyObject *
make_pattern(PyObject *dict, const Shape *shape)
{
    PyObject *pattern;
    int i;

    if (!P5_DICT_VALUES_KNOWN || !P5_DICT_SHARES_KEYS(dict) || PyDict_GET_SIZE(dict) != shape->count)
        return NULL;
    pattern = PyDict_Copy(dict);
    for (i = 0; pattern != NULL && i < shape->count; i++) {
        if (PyDict_SetItem(pattern, shape->names[i], Py_None) < 0)
            Py_CLEAR(pattern);
    }
    if (pattern == NULL)
        PyErr_Clear();
    else if (!P5_DICT_SHARES_KEYS(pattern) || PyDict_GET_SIZE(pattern) != shape->count)
        Py_CLEAR(pattern);
    else
        PyObject_GC_UnTrack(pattern);   /* copies are like it */
    return pattern;
}

#if P5_DICT_VALUES_KNOWN
/* The instance's dict as a copy of the pattern, with these values, whose references it takes.  1; 0: not done; -1. */
static ALWAYS_INLINE int
copy_pattern(const Shape *shape, PyObject *instance, PyObject **values)
{
    PyObject **slot = _PyObject_GetDictPtr(instance), *dict, **places, *none;
    int i, tracked = 0;

    if (slot == NULL || *slot != NULL)
        return 0;
    dict = PyDict_Copy(shape->pattern);
    if (dict == NULL)
        return -1;
    if (UNLIKELY(!P5_DICT_SHARES_KEYS(dict))) {
        Py_DECREF(dict);
        return 0;
    }
    places = ((PyDictObject *)dict)->ma_values;
    for (i = 0; i < shape->count; i++) {
        none = places[i];
        places[i] = values[i];
        Py_DECREF(none);
        tracked |= PyObject_IS_GC(values[i]);
    }
    /* As setting an item does: a dict of atoms is none of the collector's business. */
    if (tracked) {
        PyObject_GC_UnTrack(dict);
        PyObject_GC_Track(dict);
    }
    *slot = dict;
    return 1;
}
#endif

/* Where in an instance the slots are.  1, or 0 where one is none, or none that anybody may set. */
static int
find_offsets(Shape *shape)
{
    PyObject *member;
    PyMemberDef *def;
    int i, j;

    for (i = 0; i < shape->count; i++) {
        member = _PyType_Lookup(shape->type, shape->names[i]);
        if (member == NULL || !Py_IS_TYPE(member, &PyMemberDescr_Type)
                || !PyType_IsSubtype(shape->type, ((PyDescrObject *)member)->d_type))
            return 0;
        def = ((PyMemberDescrObject *)member)->d_member;
        if (def->type != T_OBJECT_EX || def->flags != 0)
            return 0;
        shape->offsets[i] = def->offset;
        for (j = 0; j < i; j++) {
            if (shape->offsets[j] == def->offset)
                return 0;
        }
    }
    return 1;
}

/* Can attributes of these names be set on a new instance by nothing but the interpreter's own code?  0: no. */
static int
fits(Unpickler *u, Shape *shape)
{
    unsigned int ways = find_ways(u, shape->type);
    int i, j;

    if (shape->paired) {
        if (!(ways & BUILD_SLOTS) || !find_offsets(shape))
            return 0;
    }
    else if ((ways & (BUILD_DICT | BUILD_FREE_NAMES)) != (BUILD_DICT | BUILD_FREE_NAMES)
             || !(P5_DICT_VALUES_KNOWN || P5_INLINE_ATTRIBUTES(shape->type)))
        return 0;
    for (i = 0; i < shape->count; i++) {
        if (is_dunder(shape->names[i]))
            return 0;
        for (j = 0; j < i; j++) {
            if (shape->names[i] == shape->names[j])
                return 0;
        }
    }
    shape->version = P5_TypeVersion(shape->type);
    return shape->version != 0;
}

/* A new one; NULL where there can be none.  No exception is set. */
static NOINLINE Shape *
add_shape(Unpickler *u, PyTypeObject *type, PyObject **keys, int count, int paired)
{
    Shape *shape = &u->rows.shapes[u->rows.shape_count];
    int i;

    if (u->rows.shape_count == MAX_SHAPES)
        return NULL;
    shape->type = type;
    shape->count = count;
    shape->paired = paired;
    shape->pattern = NULL;
    for (i = 0; i < count; i++) {
        shape->keys[i] = Py_NewRef(keys[i]);
        shape->names[i] = Py_NewRef(keys[i]);
        PyUnicode_InternInPlace(&shape->names[i]);
    }
    if (fits(u, shape)) {
        u->rows.shape_count++;
        Py_INCREF(type);
        return shape;
    }
    for (i = 0; i < count; i++) {
        Py_DECREF(shape->keys[i]);
        Py_DECREF(shape->names[i]);
    }
    return NULL;
}

static ALWAYS_INLINE Shape *
find_shape(Unpickler *u, PyTypeObject *type, PyObject **keys, int count, int paired)
{
    Shape *shape = u->rows.shapes, *end = shape + u->rows.shape_count;
    int i;

    for (; shape < end; shape++) {
        if (shape->type != type || shape->count != count || shape->paired != paired
                || shape->version != P5_TypeVersion(type))
            continue;
        for (i = 0; i < count && shape->keys[i] == keys[i]; i++)
            ;
        if (i == count)
            return shape;
    }
    return add_shape(u, type, keys, count, paired);
}

/* Give a new instance its attributes; the references to the values are taken, also when it fails. */
static ALWAYS_INLINE int
set_attributes(Unpickler *u, Shape *shape, PyObject *instance, PyObject **values)
{
    PyObject *dict = NULL;
    int i, result = 0;

    if (shape->paired) {
        for (i = 0; i < shape->count; i++)
            *(PyObject **)((char *)instance + shape->offsets[i]) = values[i];
        return 0;
    }
#if P5_DICT_VALUES_KNOWN
    if (LIKELY(shape->pattern != NULL)) {
        result = copy_pattern(shape, instance, values);
        if (LIKELY(result > 0))
            return 0;
    }
#endif
    if (!P5_INLINE_ATTRIBUTES(shape->type) && result == 0) {
        dict = PyObject_GetAttr(instance, u->st->s___dict__);
        result = dict == NULL ? -1 : 0;
    }
    for (i = 0; i < shape->count; i++) {
        if (LIKELY(result == 0))
            result = dict != NULL ? PyDict_SetItem(dict, shape->names[i], values[i])
                                  : PyObject_GenericSetAttr(instance, shape->names[i], values[i]);
        Py_DECREF(values[i]);
    }
    if (dict != NULL) {
        if (shape->pattern == NULL && result == 0)
            shape->pattern = make_pattern(dict, shape);
        Py_DECREF(dict);
    }
    return result;
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* A MEMOIZE or PUT at p, for this object: the place behind it.  NULL with an exception; or the same p where there is none. */
static ALWAYS_INLINE const unsigned char *
row_put(Unpickler *u, const unsigned char *p, PyObject *object)
{
    UnpicklerMemo *memo = &u->memo;
    const unsigned char *behind = behind_put(p, u->in.end, memo->count);

    if (behind == NULL)
        return p;
    if (LIKELY(memo->count < memo->open && memo->slots[memo->count] == NULL))
        memo->slots[memo->count++] = Py_NewRef(object);
    else if (put_slowly(u, memo->count, object) < 0)
        return NULL;
    return behind;
}

/* One more row of whose state nothing was made.  0, or -1 where it could not be noted: without an exception. */
static ALWAYS_INLINE int
note_row(Unpickler *u, Py_ssize_t instance, Py_ssize_t pair, int shape)
{
    Rows *rows = &u->rows;
    Row *grown;

    if (UNLIKELY(rows->count == rows->room)) {
        Py_ssize_t room = rows->room == 0 ? 64 : rows->room * 2;
        grown = PyMem_Realloc(rows->rows, (size_t)room * sizeof *grown);
        if (grown == NULL)
            return -1;
        rows->rows = grown;
        rows->room = room;
    }
    rows->rows[rows->count].instance = instance;
    rows->rows[rows->count].pair = pair;
    rows->rows[rows->count++].shape = shape;
    rows->holes += 1 + (pair > 0);
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
    PyObject *keys[SHAPE_NAMES];        /* borrowed: the memo holds them */
} RowRead;

/* Something that is not flat: leave the stack as the opcodes up to here would have. */
static int NOINLINE
leave_row(Unpickler *u, RowRead *row)
{
    PyObject **first = u->stack.top - row->values, *dict;
    int i;

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
        if (p == end || *p != OP_TUPLE2)
            return 0;
        pair = u->memo.count;
        if (row->planned && plan_note(&u->plan, pair) & PLAN_ASKED)
            return 0;
        p = behind_put(p + 1, end, pair);
    }
    if (p == NULL || p == end || *p != OP_BUILD)
        return 0;
    instance = first[-2 - row->paired];
    shape = find_shape(u, Py_TYPE(instance), row->keys, row->count, row->paired);
    if (UNLIKELY(shape == NULL)
            || (!row->planned && note_row(u, row->number, pair, (int)(shape - u->rows.shapes)) < 0))
        return 0;
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
    if (!row->planned) {
        u->rows.end = p + 1;
        u->rows.end_number = u->memo.count;
    }
    return 1;
}

/* At least n bytes more, or the row cannot go on. */
#define HAVE(n) do { \
        if (UNLIKELY(end - p < (Py_ssize_t)(n))) { \
            row->cut = 1; \
            return 0; \
        } \
    } while (0)

/* A name, which the memo holds; borrowed.  0: it is none, -1: error. */
static ALWAYS_INLINE int
row_name(Unpickler *u, RowRead *row)
{
    const unsigned char *p = row->p, *end = u->in.end;
    PyObject *name = NULL;
    Py_ssize_t n, number = u->memo.count;

    HAVE(2);
    if (UNLIKELY(row->count == SHAPE_NAMES))
        return 0;
    if (LIKELY(*p == OP_BINGET)) {
        n = p[1];
        p += 2;
    }
    else if (*p == OP_LONG_BINGET) {
        HAVE(5);
        n = (Py_ssize_t)get_u32le(p + 1);
        p += 5;
    }
    else if (*p == OP_SHORT_BINUNICODE) {
        n = p[1];
        HAVE(n + 4);
        p += 2 + n;
        if (behind_put(p, end, number) == NULL || (u->plan.size > 0 && !(plan_note(&u->plan, number) & PLAN_ASKED)))
            return 0;
        name = is_ascii(p - n, n) ? new_ascii(p - n, n) : decode_non_ascii(u, p - n, n);
        p = name == NULL ? NULL : row_put(u, p, name);
        if (p == NULL) {
            Py_XDECREF(name);
            return -1;
        }
        Py_DECREF(name);
        goto done;
    }
    else
        return 0;
    name = (size_t)n < (size_t)u->memo.limit ? u->memo.slots[n] : NULL;
    if (UNLIKELY(name == NULL || !PyUnicode_CheckExact(name)))
        return 0;
done:
    row->keys[row->count++] = name;
    row->p = p;
    return 1;
}

/* A value, onto the stack.  0: something else, -1: error. */
static ALWAYS_INLINE int
row_value(Unpickler *u, RowRead *row)
{
    const unsigned char *p = row->p, *end = u->in.end;
    PyObject *value = NULL;
    Py_ssize_t n;

    HAVE(2);
    switch (*p) {
    case OP_NONE:
        value = Py_NewRef(Py_None);
        p += 1;
        break;
    case OP_NEWTRUE:
        value = Py_NewRef(Py_True);
        p += 1;
        break;
    case OP_NEWFALSE:
        value = Py_NewRef(Py_False);
        p += 1;
        break;
    case OP_BININT1:
        value = PyLong_FromLong(p[1]);
        p += 2;
        break;
    case OP_BININT2:
        HAVE(3);
        value = PyLong_FromLong((long)get_u16le(p + 1));
        p += 3;
        break;
    case OP_BININT:
        HAVE(5);
        value = PyLong_FromLong((long)(int32_t)get_u32le(p + 1));
        p += 5;
        break;
    case OP_LONG1:
        n = p[1];
        HAVE(2 + n);
        value = decode_int(p + 2, n);
        p += 2 + n;
        break;
    case OP_BINFLOAT:
        HAVE(9);
        value = PyFloat_FromDouble(get_f64be(p + 1));
        p += 9;
        break;
    case OP_BINGET: case OP_LONG_BINGET:
        HAVE(*p == OP_BINGET ? 2 : 5);
        n = *p == OP_BINGET ? p[1] : (Py_ssize_t)get_u32le(p + 1);
        value = (size_t)n < (size_t)u->memo.limit ? u->memo.slots[n] : NULL;
        if (value == NULL)
            return 0;
        Py_INCREF(value);
        p += *p == OP_BINGET ? 2 : 5;
        break;
    case OP_SHORT_BINUNICODE:
        n = p[1];
        HAVE(2 + n);
        value = LIKELY(is_ascii(p + 2, n)) ? new_ascii(p + 2, n) : decode_non_ascii(u, p + 2, n);
        p += 2 + n;
        goto put;
    case OP_SHORT_BINBYTES:
        n = p[1];
        HAVE(2 + n);
        value = PyBytes_FromStringAndSize((const char *)p + 2, n);
        p += 2 + n;
    put:
        p = value == NULL ? NULL : row_put(u, p, value);
        if (UNLIKELY(p == NULL)) {
            Py_XDECREF(value);
            return -1;
        }
        break;
    default:
        return 0;
    }
    if (UNLIKELY(value == NULL))
        return -1;
    *u->stack.top++ = value;
    row->values++;
    row->p = p;
    return 1;
}

/* Names and values up to SETITEMS.  1; 0: something else comes first, -1: error. */
static ALWAYS_INLINE int
read_row(Unpickler *u, RowRead *row)
{
    const unsigned char *end = u->in.end;
    int found;

    for (;;) {
        if (UNLIKELY(row->p == end)) {
            row->cut = 1;
            return 0;
        }
        if (*row->p == OP_SETITEMS)
            return row->count > 0;
        /* Room for one more pair, and for the names, which are not on the stack: leave_row puts them there. */
        if (UNLIKELY(u->stack.limit - u->stack.top < row->count + 3) && stack_grow(&u->stack) < 0)
            return -1;
        found = row_name(u, row);
        if (LIKELY(found > 0))
            found = row_value(u, row);
        if (UNLIKELY(found <= 0))
            return found;
    }
}

ROOM int
load_row(Unpickler *u)
{
    const unsigned char *start = u->in.pos, *end = u->in.end, *p;
    PyObject *instance = u->stack.top[-1];
    RowRead row;
    int found, note;

    row.number = u->memo.count;
    p = behind_put(start, end, row.number);
    row.paired = p != NULL && p < end && *p == OP_NONE;
    p = p == NULL ? NULL : p + row.paired;
    if (p == NULL || p >= end || *p != OP_EMPTY_DICT)
        return 0;
    p = behind_put(p + 1, end, row.number + 1);
    if (p == NULL || p >= end || *p != OP_MARK)
        return 0;
    if (UNLIKELY(u->stack.limit - u->stack.top < 2) && stack_grow(&u->stack) < 0)
        return -1;
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
    row.p = p + 1;
    row.cut = row.count = row.values = 0;
    found = read_row(u, &row);
    if (LIKELY(found > 0))
        found = finish_row(u, &row);
    if (LIKELY(found != 0))
        return found < 0 ? -1 : 0;
    if (u->plan.wanted && !row.cut) {
        /* Not flat: look ahead, from where this instance began. */
        u->rows.holes++;
        plan_rest(u, start, row.number);
        u->rows.holes--;
        if (u->plan.size > 0)
            settle(u, start, row.number);
        row.planned = u->plan.size > 0 && plan_note(&u->plan, row.number + 1) == PLAN_STATE && !u->plan.keep_containers;
    }
    return leave_row(u, &row);
}
