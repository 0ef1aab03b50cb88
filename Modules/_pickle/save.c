/* save.c - the heart of the pickler: which room writes an object, and the loop over open walks.

   save() writes an object at once, or pushes the walk that will.  Callers pass `unique`: whether the edge they came by
   is the only reference to the object, read before they took one of their own (memo.c has the reason).  Objects are
   borrowed from their container while nothing foreign can run; whoever may run foreign code takes a reference first. */
#include "save_inline.h"

/* Signals are looked for now and then, so that a long dump can be interrupted. */
static int COLD
look_for_signals(Pickler *p)
{
    p->countdown = SIGNAL_INTERVAL;
    end_plain(p);   /* so large a dump is cheaper when each object gets its reference while the caches have it */
    ran_foreign(p);
    return PyErr_CheckSignals();
}

ROOM int
tick(Pickler *p, Py_ssize_t steps)
{
    p->countdown -= steps;
    return LIKELY(p->countdown > 0) ? 0 : look_for_signals(p);
}

/* An object without a memo number that is none of the most frequent types. */
static NOINLINE enum saved
save_rarer(Pickler *p, PyObject *obj, int unique)
{
    PyTypeObject *type = Py_TYPE(obj);

    if (type == &PySet_Type)
        return save_set(p, obj, unique);
    if (type == &PyFrozenSet_Type)
        return save_frozenset(p, obj, unique);
    if (type == &PyByteArray_Type)
        return save_bytearray(p, obj, unique);
    if (type == p->st->PickleBuffer_Type)
        return (enum saved)save_picklebuffer(p, obj, unique);
    return save_by_reduce(p, obj, unique);
}

ROOM enum saved
save_object(Pickler *p, PyObject *obj, int unique)
{
    PyTypeObject *type = Py_TYPE(obj);
    int known;

    if (type == &PyBool_Type)
        return (enum saved)save_bool(p, obj);
    if (!unique) {
        known = save_known(p, obj);
        if (known != 0)
            return known < 0 ? SAVE_ERROR : SAVED;
    }
    if (type == &PyDict_Type)
        return save_dict(p, obj, unique);
    if (type == &PyList_Type)
        return save_list(p, obj, unique);
    if (type == &PyTuple_Type)
        return save_tuple(p, obj, unique);
    if (type == &PyBytes_Type)
        return save_bytes(p, obj, unique);
    return save_rarer(p, obj, unique);
}

ROOM int
step_persid(Pickler *p)
{
    p->open_reduces--;
    walks_pop(&p->walks);
    return put_op(&p->out, OP_BINPERSID);
}

/* The persistent id of an object. */
static enum saved
save_pid(Pickler *p, PyObject *pid)
{
    PyObject *text = NULL;
    const char *ascii;
    Py_ssize_t size;
    enum saved result = SAVE_ERROR;

    if (p->bin) {
        if (open_reduce(p) < 0 || walks_push(&p->walks, WALK_PERSID, pid) == NULL)
            return SAVE_ERROR;
        return save_no_pid(p, pid, 0) < 0 ? SAVE_ERROR : SAVE_PUSHED;
    }
    text = PyObject_Str(pid);
    if (text == NULL)
        return SAVE_ERROR;
    if (P5_Unicode_Ready(text) < 0)
        goto done;
    if (!PyUnicode_IS_ASCII(text)) {
        fail(p->st->PicklingError, "persistent IDs in protocol 0 must be ASCII strings");
        goto done;
    }
    ascii = PyUnicode_AsUTF8AndSize(text, &size);
    if (ascii != NULL && put_op(&p->out, OP_PERSID) == 0 && put_bytes(&p->out, ascii, (size_t)size) == 0
            && put_bytes(&p->out, "\n", 1) == 0)
        result = SAVED;
done:
    Py_DECREF(text);
    return result;
}

ROOM NOINLINE enum saved
save_slowly(Pickler *p, PyObject *obj, int unique)
{
    PyObject *pid = NULL;
    enum saved result = SAVE_ERROR;
    size_t foreign = p->memo.foreign;
    int wrote, unique_tuple = unique && PyTuple_CheckExact(obj) && PyTuple_GET_SIZE(obj) != 0;

    Py_INCREF(obj);
    if (p->out.write != NULL)
        end_plain(p);
    wrote = writer_boundary(&p->out);
    if (wrote < 0)
        goto done;
    if (wrote) {
        ran_foreign(p);
        unique = still_unique(p, obj, unique);
    }
    if (p->persistent_id != NULL) {
        pid = PyObject_CallOneArg(p->persistent_id, obj);
        ran_foreign(p);
        unique = still_unique(p, obj, unique);
        if (pid == NULL)
            goto done;
        if (pid != Py_None) {
            result = save_pid(p, pid);
            goto done;
        }
    }
    if (unique_tuple && !p->memo.assigned)
        result = save_tuple_seen(p, obj, foreign);
    else
        result = save_quietly(p, obj, unique);
done:
    Py_XDECREF(pid);
    Py_DECREF(obj);
    return result;
}

ROOM int
pass_boundary(Pickler *p)
{
    int wrote = writer_boundary(&p->out);

    if (wrote > 0)
        ran_foreign(p);
    return wrote < 0 ? -1 : 0;
}

ROOM enum saved
save_no_pid(Pickler *p, PyObject *obj, int unique)
{
    return pass_boundary(p) < 0 ? SAVE_ERROR : save_quietly(p, obj, unique);
}

/* One step of the top walk. */
static ALWAYS_INLINE int
step(Pickler *p)
{
    switch ((enum walk_kind)p->walks.top->kind) {
    case WALK_LIST:          return step_list(p);
    case WALK_DICT:          return step_dict(p);
    case WALK_SET:           return step_set(p);
    case WALK_TUPLE:         return step_tuple(p);
    case WALK_FROZENSET:     return step_frozenset(p);
    case WALK_LIST_ITEMS:    return step_list_items(p);
    case WALK_DICT_ITEMS:    return step_dict_items(p);
    case WALK_PAIR:          return step_pair(p);
    case WALK_REDUCE:        return step_reduce(p);
    case WALK_INSTANCE:      return step_instance(p);
    case WALK_DATETIME:      return step_datetime(p);
    case WALK_GLOBAL:        return step_global(p);
    case WALK_NESTED_GLOBAL: return step_nested_global(p);
    case WALK_PERSID:        return step_persid(p);
    }
    Py_UNREACHABLE();
}

static int
save_root(Pickler *p, PyObject *obj)
{
    if (save(p, obj, 0) < 0)
        return -1;
    while (!walks_empty(&p->walks)) {
        if (UNLIKELY(tick(p, 1) < 0) || step(p) < 0)
            return -1;
    }
    return 0;
}

ROOM int
dump_object(Pickler *p, PyObject *obj)
{
    Writer *w = &p->out;
    int result = -1;

    p->fast_depth = 0;
    p->open_reduces = 0;
    p->countdown = SIGNAL_INTERVAL;
    p->memo.assigned = 0;
    ran_foreign(p);
    if (p->memo.used == 0)
        p->memo.foreign_hashed = p->memo.foreign;   /* nothing is logged yet */
    writer_begin(w, p->persistent_id != NULL);
    if (p->protocol >= 2) {
        if (put_op(w, OP_PROTO) < 0 || writer_reserve(w, 1) < 0)
            return -1;
        *w->next++ = (unsigned char)p->protocol;
        if (p->protocol >= 4 && writer_open_frame(w) < 0)
            return -1;
    }
    if (save_root(p, obj) < 0)
        note_open_walks(p);
    else
        result = put_op(w, OP_STOP);
    walks_clear(&p->walks);
    Py_CLEAR(p->fast_open);
    return result;
}
