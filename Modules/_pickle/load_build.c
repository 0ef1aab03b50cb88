/* load_build.c - BUILD: giving an instance its state.

   The usual case has a short way: an instance whose class says nothing about its state or its attributes, just made,
   and a plain dict of names.  Then no foreign code runs, and the instance's __dict__ fills up as if by assignment.
   Everything else goes the long way, where anything may happen to the state while it is applied. */
#include "unpickler.h"
#include "gc_hold.h"

/* Steps through a state that foreign code may change meanwhile: no more steps than it had items at first, and own
   references to what is in hand. */
typedef struct {
    PyObject *dict;
    Py_ssize_t position;
    Py_ssize_t left;
    PyObject *key;
    PyObject *value;
} StateWalk;

static void
begin_state(StateWalk *walk, PyObject *dict)
{
    walk->dict = dict;
    walk->position = 0;
    walk->left = PyDict_GET_SIZE(dict);
    walk->key = walk->value = NULL;
}

static int
next_in_state(StateWalk *walk)
{
    Py_CLEAR(walk->key);
    Py_CLEAR(walk->value);
    if (walk->left-- <= 0 || !PyDict_Next(walk->dict, &walk->position, &walk->key, &walk->value))
        return 0;
    Py_INCREF(walk->key);
    Py_INCREF(walk->value);
    return 1;
}

static int
end_state(StateWalk *walk)
{
    Py_CLEAR(walk->key);
    Py_CLEAR(walk->value);
    return -1;
}

/* Items of the state become items of the instance's __dict__, whatever the class says of attributes of that name. */
static int
update_instance_dict(Unpickler *u, PyObject *instance, PyObject *state)
{
    StateWalk walk;
    PyObject *dict = PyObject_GetAttr(instance, u->st->s___dict__);
    int set;

    if (dict == NULL)
        return -1;
    begin_state(&walk, state);
    while (next_in_state(&walk)) {
        if (PyUnicode_CheckExact(walk.key))
            PyUnicode_InternInPlace(&walk.key);
        set = check_hash_depth(u, walk.key);
        if (set == 0)
            set = PyDict_CheckExact(dict) ? PyDict_SetItem(dict, walk.key, walk.value)
                                          : PyObject_SetItem(dict, walk.key, walk.value);
        if (set < 0) {
            Py_DECREF(dict);
            return end_state(&walk);
        }
    }
    Py_DECREF(dict);
    return 0;
}

static int
set_slots(PyObject *instance, PyObject *state)
{
    StateWalk walk;

    begin_state(&walk, state);
    while (next_in_state(&walk)) {
        if (PyObject_SetAttr(instance, walk.key, walk.value) < 0)
            return end_state(&walk);
    }
    return 0;
}

static int
apply_state(Unpickler *u, PyObject *instance, PyObject *state)
{
    PyObject *slots = NULL;

    if (PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 2) {
        slots = PyTuple_GET_ITEM(state, 1);
        state = PyTuple_GET_ITEM(state, 0);
    }
    if (state != Py_None) {
        if (!PyDict_Check(state))
            return load_fail(u, u->st->UnpicklingError, "state is not a dictionary");
        if (update_instance_dict(u, instance, state) < 0)
            return -1;
    }
    if (slots != NULL) {
        if (!PyDict_Check(slots))
            return load_fail(u, u->st->UnpicklingError, "slot state is not a dictionary");
        return set_slots(instance, slots);
    }
    return 0;
}

/* The short way. */

/* Is this the __dict__ that classes have by themselves, reached in the way that they have by themselves, and no
   __setstate__ in sight? */
static int
has_plain_state(Unpickler *u, PyTypeObject *type)
{
    PyObject *dict_descr;

    if (type->tp_getattro != PyObject_GenericGetAttr || _PyType_Lookup(type, u->st->s___setstate__) != NULL)
        return 0;
    dict_descr = _PyType_Lookup(type, u->st->s___dict__);
    return dict_descr != NULL && Py_IS_TYPE(dict_descr, &PyGetSetDescr_Type);
}

/* All keys plain names?  The dict is exact, so looking runs no code. */
static int
has_plain_names(PyObject *state)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;

    while (PyDict_Next(state, &position, &key, &value)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
    }
    return 1;
}

/* Nothing below runs foreign code: the names are hashed by the interpreter, and nothing is replaced. */
static int
fill_instance_dict(PyObject *dict, PyObject *state)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;
    int result = 0;

    while (result == 0 && PyDict_Next(state, &position, &key, &value)) {
        if (PyUnicode_CHECK_INTERNED(key)) {
            result = PyDict_SetItem(dict, key, value);
            continue;
        }
        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        result = PyDict_SetItem(dict, key, value);
        Py_DECREF(key);
    }
    return result;
}

/* The same for an instance that has no dict yet and need not get one: each name is set as an attribute, unless the
   class has something under it that would stand in the way. */
static int
set_attribute(Unpickler *u, PyObject *instance, PyObject *name, PyObject *value)
{
    PyObject *in_class = _PyType_Lookup(Py_TYPE(instance), name), *dict;
    int result;

    if (in_class == NULL || Py_TYPE(in_class)->tp_descr_set == NULL)
        return PyObject_GenericSetAttr(instance, name, value);
    dict = PyObject_GetAttr(instance, u->st->s___dict__);
    if (dict == NULL)
        return -1;
    result = PyDict_SetItem(dict, name, value);
    Py_DECREF(dict);
    return result;
}

/* What an attribute replaces may run foreign code when it goes, and that may change the state: no more steps than it
   has items now. */
static int
fill_attributes(Unpickler *u, PyObject *instance, PyObject *state)
{
    Py_ssize_t position = 0, left = PyDict_GET_SIZE(state);
    PyObject *key, *value;
    int result = 0;

    if (!is_fresh(u, instance))
        free_collector(u);
    while (result == 0 && left-- > 0 && PyDict_Next(state, &position, &key, &value)) {
        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        result = set_attribute(u, instance, key, value);
        Py_DECREF(key);
    }
    return result;
}

/* 1: done; 0: not the usual case, and nothing has happened; -1: error. */
static int
build_plainly(Unpickler *u, PyObject *instance, PyObject *state)
{
    PyObject *dict, *setstate = NULL;
    int result = 0;

    if (!PyDict_CheckExact(state) || !has_plain_state(u, Py_TYPE(instance)) || !has_plain_names(state))
        return 0;
    if (P5_INLINE_ATTRIBUTES(Py_TYPE(instance))) {
        /* Only the instance itself can have a __setstate__ now, and looking for it there runs no code. */
        result = PyObject_GetOptionalAttr(instance, u->st->s___setstate__, &setstate);
        if (result != 0) {
            Py_XDECREF(setstate);
            return result < 0 ? -1 : 0;
        }
        return fill_attributes(u, instance, state) < 0 ? -1 : 1;
    }
    dict = PyObject_GetAttr(instance, u->st->s___dict__);
    if (dict == NULL)
        return -1;
    if (PyDict_CheckExact(dict) && PyDict_GET_SIZE(dict) == 0 && dict != state)
        result = fill_instance_dict(dict, state) < 0 ? -1 : 1;
    Py_DECREF(dict);
    return result;
}

/* The stack owns the instance and the state until it is all done. */
ROOM int
load_build(Unpickler *u)
{
    PyObject **first = u->stack.top - 2, *setstate = NULL, *result;
    int found;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    found = build_plainly(u, first[0], first[1]);
    if (found < 0)
        return -1;
    if (found) {
        cut_stack(u, first + 1);
        return 0;
    }
    free_collector(u);
    found = PyObject_GetOptionalAttr(first[0], u->st->s___setstate__, &setstate);
    if (found < 0)
        return -1;
    if (found) {
        result = PyObject_CallOneArg(setstate, first[1]);
        Py_DECREF(setstate);
        if (result == NULL)
            return -1;
        Py_DECREF(result);
    }
    else if (apply_state(u, first[0], first[1]) < 0)
        return -1;
    stack_cut(&u->stack, first + 1);
    return 0;
}
