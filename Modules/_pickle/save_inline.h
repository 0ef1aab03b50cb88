/* save_inline.h - the shortest ways to write the most frequent objects, in line in every loop that walks a container. */
#ifndef P5_SAVE_INLINE_H
#define P5_SAVE_INLINE_H

#include "pickler.h"

/* A str that is written without a file's write method being called. */
static ALWAYS_INLINE int
is_short_str(PyObject *obj)
{
    return PyUnicode_CheckExact(obj) && PyUnicode_GET_LENGTH(obj) < LARGE_OBJECT / 4;
}

/* Was a late owner numbered while its contents were written?  `visits` is its kind's count now, and `before` when its walk
   began.  1 with the position, 0, or -1 on error. */
static ALWAYS_INLINE int
late_owner_known(Pickler *p, PyObject *owner, size_t visits, Py_ssize_t before, Py_ssize_t *position)
{
    return LIKELY(visits == (size_t)before) ? 0 : memo_lookup(&p->memo, owner, position);
}

static ALWAYS_INLINE int
save_get(Pickler *p, Py_ssize_t position)
{
    Writer *w = &p->out;

    if (LIKELY(position < 256 && p->bin && p->memo.numbers == NULL)) {
        if (UNLIKELY(writer_reserve(w, 2) < 0))
            return -1;
        w->next[0] = OP_BINGET;
        w->next[1] = (unsigned char)position;
        w->next += 2;
        return 0;
    }
    if (LIKELY((uint64_t)position <= UINT32_MAX && p->bin && p->memo.numbers == NULL)) {
        if (UNLIKELY(writer_reserve(w, 5) < 0))
            return -1;
        w->next[0] = OP_LONG_BINGET;
        put_u32le(w->next + 1, (uint32_t)position);
        w->next += 5;
        return 0;
    }
    return save_long_get(p, position);
}

/* A str, known or not. */
static ALWAYS_INLINE int
save_any_str(Pickler *p, PyObject *obj, int unique)
{
    Py_ssize_t position;
    int known;

    if (!unique) {
        position = memo_find(&p->memo, obj);
        if (LIKELY(position >= 0))
            return save_get(p, position);
        if (UNLIKELY(memo_is_stale(&p->memo)) && (known = save_known(p, obj)) != 0)
            return known < 0 ? -1 : 0;
    }
    return save_str(p, obj, unique);
}

/* BININT1, BININT2 or BININT, whose bytes begin alike, into 5 bytes of room; gives the place behind it. */
static ALWAYS_INLINE unsigned char *
put_int32(unsigned char *o, int32_t number)
{
    uint32_t value = (uint32_t)number;

    o[0] = value < 256 ? OP_BININT1 : value < 65536 ? OP_BININT2 : OP_BININT;
    put_u32le(o + 1, value);
    return o + (value < 256 ? 2 : value < 65536 ? 3 : 5);
}

static ALWAYS_INLINE int
save_int32(Pickler *p, int32_t number)
{
    if (UNLIKELY(writer_reserve(&p->out, 5) < 0))
        return -1;
    p->out.next = put_int32(p->out.next, number);
    return 0;
}

/* Two ints in a row, where both have 32 bits and nothing can come between them: 1, or 0 where nothing was done. */
static ALWAYS_INLINE int
save_two_ints(Pickler *p, PyObject *one, PyObject *other)
{
    Writer *w = &p->out;
    int64_t first, second;

    if (p->protocol < 2 || w->end - w->next < 10 || (uintptr_t)w->next + 5 >= w->limit
            || !P5_LongAsInt64(one, &first) || first != (int32_t)first
            || !P5_LongAsInt64(other, &second) || second != (int32_t)second)
        return 0;
    w->next = put_int32(put_int32(w->next, (int32_t)first), (int32_t)second);
    return 1;
}

static ALWAYS_INLINE int
save_any_int(Pickler *p, PyObject *obj)
{
    int64_t value;

    if (LIKELY(p->protocol >= 2 && P5_LongAsInt64(obj, &value) && value == (int32_t)value))
        return save_int32(p, (int32_t)value);
    return save_int(p, obj);
}

/* Bytes that one edge owns, of protocol 3 on. */
static ALWAYS_INLINE int
save_short_bytes(Pickler *p, PyObject *obj)
{
    Writer *w = &p->out;
    size_t size = (size_t)PyBytes_GET_SIZE(obj);

    if (UNLIKELY(writer_reserve(w, size + 2) < 0))
        return -1;
    w->next[0] = OP_SHORT_BINBYTES;
    w->next[1] = (unsigned char)size;
    copy_short(w->next + 2, PyBytes_AS_STRING(obj), size);
    w->next += size + 2;
    return memoize(p, obj, 1);
}

/* Write an object of the frequent types that run no foreign code while the pickler is quiet: 1, or 0 if it is not of
   them, -1 on error. */
static ALWAYS_INLINE int
save_atom(Pickler *p, PyObject *obj, int unique)
{
    PyTypeObject *type = Py_TYPE(obj);
    Py_ssize_t position;
    int result;

    if (type == &PyUnicode_Type) {
        if (UNLIKELY(!is_short_str(obj)))
            return 0;
        result = save_any_str(p, obj, unique);
    }
    else if (type == &PyLong_Type)
        result = save_any_int(p, obj);
    else if (type == &PyFloat_Type)
        result = save_float(p, obj);
    else if (obj == Py_None)
        result = put_op(&p->out, OP_NONE);
    else if (type == &PyBool_Type)
        result = save_bool(p, obj);
    else if (type == &PyBytes_Type && unique && PyBytes_GET_SIZE(obj) < 256 && p->protocol >= 3)
        result = save_short_bytes(p, obj);
    else {
        /* nor does the second and further meeting with anything */
        if (unique || (position = memo_find(&p->memo, obj)) < 0)
            return 0;
        result = save_get(p, position);
    }
    return UNLIKELY(result < 0) ? -1 : 1;
}

/* Write atoms as long as they come: *AT stops at the first item that is none (0) or that cannot be written (-1), or where
   a boundary stands before it.  `unique`: one edge alone owns what holds the items. */
static ALWAYS_INLINE int
save_atoms(Pickler *p, PyObject *const *items, Py_ssize_t *at, Py_ssize_t end, int unique)
{
    Py_ssize_t i = *at, run;
    int written = 1;

    while (i < end && is_quiet(p)) {
        PyObject *item = items[i];
        if (Py_TYPE(item) == &PyLong_Type && i + 1 < end && Py_TYPE(items[i + 1]) == &PyLong_Type && p->protocol >= 2) {
            run = save_int_run(p, items, i, end);
            if (run > i) {
                i = run;
                continue;
            }
        }
        written = save_atom(p, item, P5_IS_UNIQUE(item) && unique);
        if (written <= 0)
            break;
        i++;
    }
    *at = i;
    return written;
}

/* What save() does at a boundary with nothing to do. */
static ALWAYS_INLINE enum saved
save_quietly(Pickler *p, PyObject *obj, int unique)
{
    PyTypeObject *type = Py_TYPE(obj);

    if (type == &PyUnicode_Type)
        return (enum saved)save_any_str(p, obj, unique);
    if (type == &PyLong_Type)
        return (enum saved)save_any_int(p, obj);
    if (type == &PyFloat_Type)
        return (enum saved)save_float(p, obj);
    if (obj == Py_None)
        return (enum saved)put_op(&p->out, OP_NONE);
    return save_object(p, obj, unique);
}

/* What save() does before an object, for one that is written without it. */
static ALWAYS_INLINE int
before_part(Pickler *p)
{
    return UNLIKELY(!is_quiet(p)) ? pass_boundary(p) : 0;
}

/* Write an object, or push the walk that will. */
static ALWAYS_INLINE enum saved
save(Pickler *p, PyObject *obj, int unique)
{
    if (UNLIKELY(!is_quiet(p)))
        return save_slowly(p, obj, unique);
    return save_quietly(p, obj, unique);
}

#endif
