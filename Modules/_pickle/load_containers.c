/* load_containers.c - lists, tuples, dicts and sets, made from what lies on the stack.

   While items go into a container foreign code may run (a hash, an append method, the end of an object that was
   replaced).  It cannot reach the stack, which belongs to this load alone: so the stack goes on owning what is being
   used, and lets go when the call has come back.  Exact lists take the references over as they are. */
#include "unpickler.h"
#include "gc_hold.h"
#include "opcodes.h"
#include "copying.h"

ROOM int COLD
stack_underflow(Unpickler *u)
{
    return load_fail(u, u->st->UnpicklingError, u->stack.mark_count > 0 ? "unexpected MARK found"
                                                                        : "unpickling stack underflow");
}

ROOM int COLD
no_mark(Unpickler *u)
{
    return load_fail(u, u->st->UnpicklingError, "could not find MARK");
}

/* Forget the topmost mark.  What lies above it, or NULL with an exception if there is no mark, or fewer than `below`
   objects under it. */
static ALWAYS_INLINE PyObject **
take_mark(Unpickler *u, Py_ssize_t below)
{
    PyObject **first;

    if (UNLIKELY(u->stack.mark_count == 0)) {
        no_mark(u);
        return NULL;
    }
    first = stack_pop_mark(&u->stack);
    if (UNLIKELY(first - u->stack.fence < below)) {
        stack_underflow(u);
        return NULL;
    }
    return first;
}

/* Before a key is hashed.  Most keys are strings. */
static ALWAYS_INLINE int
check_key(Unpickler *u, PyObject *key)
{
    if (LIKELY(PyUnicode_CheckExact(key)))
        return 0;
    if (!is_plain_key(key))
        free_collector(u);
    return UNLIKELY(P5_HASH_NESTS(key)) ? check_hash_depth(u, key) : 0;
}

ROOM int
load_tuple(Unpickler *u)
{
    PyObject **first = take_mark(u, 0), *tuple;
    Py_ssize_t size, i;

    if (first == NULL)
        return -1;
    size = u->stack.top - first;
    tuple = PyTuple_New(size);
    if (tuple == NULL)
        return -1;
    if (size > 0) {
        copy_short(((PyTupleObject *)tuple)->ob_item, first, (size_t)size * sizeof *first);
        /* The collector would find out by itself that it need not know a tuple of atoms, but only after it went through it. */
        for (i = 0; i < size && is_no_container(first[i]); i++)
            ;
        if (i == size)
            PyObject_GC_UnTrack(tuple);
    }
    u->stack.top = first;
    return stack_push(&u->stack, tuple);
}

ROOM int
load_list(Unpickler *u)
{
    PyObject **first = take_mark(u, 0), *list;
    Py_ssize_t size;

    if (first == NULL)
        return -1;
    size = u->stack.top - first;
    list = PyList_New(size);
    if (list == NULL)
        return -1;
    if (size > 0)
        copy_short(((PyListObject *)list)->ob_item, first, (size_t)size * sizeof *first);
    u->stack.top = first;
    return stack_push(&u->stack, list);
}

/* Set the pairs from `first` up in an exact dict. */
static int
set_pairs(Unpickler *u, PyObject *dict, PyObject **first)
{
    PyObject **pair;

    /* What is replaced in a dict that had items may go away at once; here it would stay on the stack meanwhile. */
    if (PyDict_GET_SIZE(dict) > 0)
        free_collector(u);
    for (pair = first; pair < u->stack.top; pair += 2) {
        if (check_key(u, pair[0]) < 0 || PyDict_SetItem(dict, pair[0], pair[1]) < 0)
            return -1;
    }
    return 0;
}

ROOM int
load_dict(Unpickler *u)
{
    PyObject **first = take_mark(u, 0), *dict;

    if (first == NULL)
        return -1;
    if ((u->stack.top - first) % 2 != 0)
        return load_fail(u, u->st->UnpicklingError, "odd number of items for DICT");
    dict = PyDict_New();
    if (dict == NULL)
        return -1;
    if (set_pairs(u, dict, first) < 0) {
        Py_DECREF(dict);
        return -1;
    }
    cut_stack(u, first);
    return stack_push(&u->stack, dict);
}

ROOM int
load_empty_set(Unpickler *u)
{
    PyObject *set = PySet_New(NULL);
    return set == NULL ? -1 : stack_push(&u->stack, set);
}

ROOM int
load_frozenset(Unpickler *u)
{
    PyObject **first, **item, *set;

    if (u->stack.mark_count == 0)
        return no_mark(u);
    first = u->stack.fence;
    for (item = first; item < u->stack.top; item++) {
        if (check_key(u, *item) < 0)
            return -1;
    }
    if (load_tuple(u) < 0)
        return -1;
    set = PyFrozenSet_New(u->stack.top[-1]);
    if (set == NULL)
        return -1;
    Py_SETREF(u->stack.top[-1], set);
    return 0;
}

#if P5_LIST_LAYOUT_KNOWN

/* Give the list room for `size` items.  After a full batch more will likely come: leave room for half as many again.  A
   smaller one is probably the last: what is left over is given back.  A first batch gets what it needs. */
static int
make_list_room(PyListObject *list, Py_ssize_t size, Py_ssize_t batch)
{
    Py_ssize_t room = size;
    PyObject **items;

    if (size <= list->allocated && (batch >= BATCH_SIZE || list->allocated - size <= size / 8))
        return 0;
    if (size > list->allocated && size > batch)
        room += batch >= BATCH_SIZE ? size / 2 : size / 8 + 6;
    if (room > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof *items)
        items = NULL;
    else
        items = PyMem_Realloc(list->ob_item, (size_t)room * sizeof *items);
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    list->ob_item = items;
    list->allocated = room;
    return 0;
}

/* The stack's references from `first` up become the list's. */
static int
extend_exact_list(Unpickler *u, PyObject *op, PyObject **first)
{
    PyListObject *list = (PyListObject *)op;
    Py_ssize_t size = Py_SIZE(list), batch = u->stack.top - first;

    if (batch == 0)
        return 0;
    if (make_list_room(list, size + batch, batch) < 0)
        return -1;
    copy_short(list->ob_item + size, first, (size_t)batch * sizeof *first);
    Py_SET_SIZE(list, size + batch);
    u->stack.top = first;
    return 0;
}

#else

static int
extend_exact_list(Unpickler *u, PyObject *list, PyObject **first)
{
    PyObject **item;

    for (item = first; item < u->stack.top; item++) {
        if (PyList_Append(list, *item) < 0)
            return -1;
    }
    cut_stack(u, first);
    return 0;
}

#endif

/* Something that is not a list takes the items from `first` up by its extend, or one by one. */
static int
extend_other(Unpickler *u, PyObject *container, PyObject **first)
{
    PyObject *method = NULL, *list = NULL, *result = NULL, **item;
    Py_ssize_t i, size = u->stack.top - first;
    int status = -1;

    free_collector(u);
    if (PyObject_GetOptionalAttr(container, u->st->s_extend, &method) < 0)
        return -1;
    if (method != NULL) {
        list = PyList_New(size);
        if (list == NULL)
            goto done;
        for (i = 0; i < size; i++)
            PyList_SET_ITEM(list, i, Py_NewRef(first[i]));
        if (check_what_call_hashes(u, method, &list, 1) < 0)
            goto done;
        result = PyObject_CallOneArg(method, list);
        if (result == NULL)
            goto done;
        Py_DECREF(result);
    }
    else {
        method = PyObject_GetAttr(container, u->st->s_append);
        if (method == NULL)
            goto done;
        for (item = first; item < u->stack.top; item++) {
            if (check_what_call_hashes(u, method, item, 1) < 0)
                goto done;
            result = PyObject_CallOneArg(method, *item);
            if (result == NULL)
                goto done;
            Py_DECREF(result);
        }
    }
    cut_stack(u, first);
    status = 0;
done:
    Py_XDECREF(list);
    Py_XDECREF(method);
    return status;
}

ROOM int
load_append(Unpickler *u)
{
    PyObject **first = u->stack.top - 1;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    if (!PyList_CheckExact(first[-1]))
        return extend_other(u, first[-1], first);
    if (PyList_Append(first[-1], *first) < 0)
        return -1;
    cut_stack(u, first);
    return 0;
}

ROOM int
load_appends(Unpickler *u)
{
    PyObject **first = take_mark(u, 1);

    if (first == NULL)
        return -1;
    if (LIKELY(PyList_CheckExact(first[-1])))
        return extend_exact_list(u, first[-1], first);
    return extend_other(u, first[-1], first);
}

ROOM int
set_items(Unpickler *u, PyObject **first)
{
    PyObject *container = first[-1], **pair;

    if (LIKELY(PyDict_CheckExact(container))) {
        if (set_pairs(u, container, first) < 0)
            return -1;
    }
    else {
        free_collector(u);
        for (pair = first; pair < u->stack.top; pair += 2) {
            if (check_key(u, pair[0]) < 0 || PyObject_SetItem(container, pair[0], pair[1]) < 0)
                return -1;
        }
    }
    cut_stack(u, first);
    return 0;
}

ROOM int
load_setitem(Unpickler *u)
{
    if (u->stack.top - u->stack.fence < 3)
        return stack_underflow(u);
    return set_items(u, u->stack.top - 2);
}

ROOM int
load_setitems(Unpickler *u)
{
    PyObject **first = take_mark(u, 1);

    if (first == NULL)
        return -1;
    if ((u->stack.top - first) % 2 != 0)
        return load_fail(u, u->st->UnpicklingError, "odd number of items for SETITEMS");
    if (first[-1] == u->st->unmade_dict)
        return load_unmade_state(u, first);
    return set_items(u, first);
}

ROOM int
load_additems(Unpickler *u)
{
    PyObject **first = take_mark(u, 1), **item, *container, *add = NULL, *result;
    int status = -1;

    if (first == NULL)
        return -1;
    container = first[-1];
    if (PySet_Check(container)) {
        for (item = first; item < u->stack.top; item++) {
            if (check_key(u, *item) < 0 || PySet_Add(container, *item) < 0)
                return -1;
        }
    }
    else {
        free_collector(u);
        add = PyObject_GetAttr(container, u->st->s_add);
        if (add == NULL)
            return -1;
        for (item = first; item < u->stack.top; item++) {
            result = check_key(u, *item) < 0 ? NULL : PyObject_CallOneArg(add, *item);
            if (result == NULL)
                goto done;
            Py_DECREF(result);
        }
    }
    cut_stack(u, first);
    status = 0;
done:
    Py_XDECREF(add);
    return status;
}
