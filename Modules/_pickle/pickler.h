/* pickler.h - the pickler's data, and what its rooms offer each other. */
#ifndef P5_PICKLER_H
#define P5_PICKLER_H

#include "state.h"
#include "errors.h"
#include "writer.h"
#include "memo.h"
#include "walks.h"
#include "picklebuffer.h"
#include "typeinfo.h"

/* Everything one dump needs.  A Pickler object holds one; dumps() and dump() keep theirs on the C stack. */
typedef struct {
    State *st;
    Writer out;
    Memo memo;
    Walks walks;
    int protocol;
    int bin;                      /* protocol 1 on */
    int fast;                     /* no memo; cycles are an error */
    int fix_imports;              /* Python 2 names below protocol 3 */
    int busy;                     /* a dump is under way */
    int fast_depth;               /* open lists and dicts in fast mode */
    Py_ssize_t open_reduces;      /* reduce values and persistent ids that are open now */
    Py_ssize_t max_open_reduces;  /* and how many may be: what stops a __reduce__ that never ends */
    /* How often each kind of late owner (memo.c) was visited: what has not been visited since cannot have been numbered
       since.  Setting the memo counts as a visit. */
    size_t tuple_visits;
    size_t frozenset_visits;
    size_t reduce_visits;
    Py_ssize_t countdown;         /* steps until signals are looked for */
    PyObject *persistent_id;      /* the hooks of this dump, or NULL */
    PyObject *reducer_override;
    PyObject *table;              /* the dispatch table of this dump, or NULL for copyreg's */
    PyObject *buffer_callback;
    PyObject *fast_open;          /* set of the ids of open lists and dicts, in fast mode */
    PyObject *dispatch_table;     /* the attribute */
} Pickler;

typedef struct {
    PyObject_HEAD
    Pickler core;
    PyObject *persistent_id;      /* the attribute, where one was set on the instance */
    int ready;                    /* __init__ succeeded */
} PicklerObject;

/* What came of writing one object. */
enum saved {
    SAVE_ERROR = -1,
    SAVED = 0,                    /* it is written, and the stack of walks was not touched */
    SAVE_PUSHED = 1               /* a walk that will write it is on top of the stack: return to the loop */
};

/* More than any real data nests; a __reduce__ that never ends stays below a gigabyte. */
#define DEFAULT_MAX_OPEN_REDUCES 1250000
/* Steps of the loop between two looks for signals. */
#define SIGNAL_INTERVAL (1 << 18)

/* Foreign code runs, or may have run: what the memo knows of reference counts is no longer sure. */
static ALWAYS_INLINE void
ran_foreign(Pickler *p)
{
    p->memo.foreign++;
}

/* Nothing that the engine does on its own can run foreign code before the next `limit`: no hook, no file's write. */
static ALWAYS_INLINE int
is_quiet(const Pickler *p)
{
    return writer_is_quiet(&p->out);
}

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

/* save_atoms.c: objects without parts.  Those with a memo number take `unique`: one edge alone owns the object. */
ROOM int save_bool(Pickler *p, PyObject *obj);
ROOM int save_int(Pickler *p, PyObject *obj);
/* An int of magnitude below 2**60, in protocol 2 on, or of 32 bits in protocol 1. */
ROOM int save_small_int(Pickler *p, int64_t value);
ROOM int save_float(Pickler *p, PyObject *obj);
ROOM int save_str(Pickler *p, PyObject *obj, int unique);
ROOM int save_bytes_data(Pickler *p, PyObject *obj, const char *data, Py_ssize_t size);
/* Number an object and write the opcode for it. */
ROOM int memoize(Pickler *p, PyObject *obj, int unique);
/* Write the opcode that fetches a numbered object; save_get() below has the shortest form inline. */
ROOM int save_long_get(Pickler *p, Py_ssize_t position);
/* If the object has a number, write the opcode that fetches it: 1; 0 if it has none; -1 on error. */
ROOM int save_known(Pickler *p, PyObject *obj);

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

/* An int of one digit, in protocol 2 on: BININT1, BININT2 or BININT, whose bytes begin alike. */
static ALWAYS_INLINE int
save_digit(Pickler *p, PyObject *obj, int sign)
{
    Writer *w = &p->out;
    uint32_t value;
    unsigned char *o;

    if (UNLIKELY(writer_reserve(w, 5) < 0))
        return -1;
    value = sign == 0 ? 0 : (uint32_t)P5_LONG_DIGIT(obj, 0);
    if (sign < 0)
        value = 0 - value;
    o = w->next;
    o[0] = value < 256 ? OP_BININT1 : value < 65536 ? OP_BININT2 : OP_BININT;
    put_u32le(o + 1, value);
    w->next = o + (value < 256 ? 2 : value < 65536 ? 3 : 5);
    return 0;
}

static ALWAYS_INLINE int
save_any_int(Pickler *p, PyObject *obj)
{
    if (LIKELY(P5_LONG_NDIGITS(obj) <= 1 && p->protocol >= 2))
        return save_digit(p, obj, P5_LONG_SIGN(obj));
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
    memcpy(w->next + 2, PyBytes_AS_STRING(obj), size);
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
        if (UNLIKELY(PyUnicode_GET_LENGTH(obj) >= LARGE_OBJECT / 4))
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

/* save_buffers.c */
ROOM enum saved save_bytes(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_bytearray(Pickler *p, PyObject *obj, int unique);
ROOM int save_picklebuffer(Pickler *p, PyObject *obj, int unique);

/* save_containers.c: open a walk, and go on with it. */
ROOM enum saved save_list(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_dict(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_tuple(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_set(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_frozenset(Pickler *p, PyObject *obj, int unique);
ROOM int step_list(Pickler *p);
ROOM int step_dict(Pickler *p);
ROOM int step_tuple(Pickler *p);
ROOM int step_set(Pickler *p);
ROOM int step_frozenset(Pickler *p);
/* End the walk over a list or dict. */
ROOM int leave_container(Pickler *p);

/* save_items.c: the iterators of a reduce value, and of lists and dicts in protocol 0. */
ROOM enum saved save_list_items(Pickler *p, PyObject *owner, PyObject *iterator);
ROOM enum saved save_dict_items(Pickler *p, PyObject *owner, PyObject *iterator);
ROOM int step_list_items(Pickler *p);
ROOM int step_dict_items(Pickler *p);
ROOM int step_pair(Pickler *p);

/* save_global.c */
/* A qualified name as it can be looked up: private parts mangled. */
ROOM PyObject *lookup_name(PyObject *qualname);
ROOM enum saved save_global(Pickler *p, PyObject *obj, PyObject *name);
ROOM enum saved save_type(Pickler *p, PyObject *obj);
ROOM int step_global(Pickler *p);
ROOM int step_nested_global(Pickler *p);

/* save_instance.c */
/* Write an object of a type that is known well (typeinfo.c) without asking it for a reduce value: 1 if it is one and
   *saved says how it went, 0 if it is to be asked. */
ROOM int save_known_type(Pickler *p, PyObject *obj, int unique, enum saved *saved);
ROOM int step_instance(Pickler *p);
ROOM void note_instance(Pickler *p, const Walk *walk);

/* save_datetime.c: the same for the datetime module's types, whose class is in the memo; -1 on error. */
ROOM int save_datetime(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, enum type_form form,
                       enum saved *saved);

/* save_reduce.c */
/* Count a reduce value or persistent id that is opened; RecursionError past the bound. */
ROOM int open_reduce(Pickler *p);
ROOM enum saved save_by_reduce(Pickler *p, PyObject *obj, int unique);
/* Write a reduce value made by the engine: callable(*args); steals nothing.  `obj` may be NULL: no memo number. */
ROOM enum saved save_call(Pickler *p, PyObject *obj, PyObject *callable, PyObject *args);
ROOM int step_reduce(Pickler *p);
/* The notes of a walk over a reduce value. */
ROOM void note_reduce(Pickler *p, const Walk *walk);

/* save.c */
/* The boundary before an object where there is something to do, and then the object. */
ROOM enum saved save_slowly(Pickler *p, PyObject *obj, int unique);
/* An object that is no str, int, float or None. */
ROOM enum saved save_object(Pickler *p, PyObject *obj, int unique);

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

/* Write an object, or push the walk that will. */
static ALWAYS_INLINE enum saved
save(Pickler *p, PyObject *obj, int unique)
{
    if (UNLIKELY(!is_quiet(p)))
        return save_slowly(p, obj, unique);
    return save_quietly(p, obj, unique);
}

/* The same without asking persistent_id. */
ROOM enum saved save_no_pid(Pickler *p, PyObject *obj, int unique);
ROOM int step_persid(Pickler *p);
/* Count steps, and look for signals now and then. */
ROOM int tick(Pickler *p, Py_ssize_t steps);
/* Write a whole pickle of `obj` to p->out. */
ROOM int dump_object(Pickler *p, PyObject *obj);

/* notes.c: tell where in the object graph the pending exception arose, from the open walks. */
ROOM void note_open_walks(Pickler *p);

/* pickler.c */
ROOM void pickler_init(Pickler *p, State *st);
ROOM void pickler_clear(Pickler *p);
ROOM PyObject *pickle_dump(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM PyObject *pickle_dumps(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM int pickler_traverse(PyObject *self, visitproc visit, void *arg);
ROOM int add_pickler(PyObject *module, State *st);

/* pickler_memo.c */
ROOM PyObject *pickler_get_memo(PyObject *self, void *closure);
ROOM int pickler_set_memo(PyObject *self, PyObject *value, void *closure);
ROOM int add_pickler_memo(PyObject *module, State *st);

#endif
