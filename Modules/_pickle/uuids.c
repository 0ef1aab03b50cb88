/* uuids.c - UUIDs, whose __getstate__ and __setstate__ are Python code that the engine can do without.

   From 3.8 on a UUID has two slots, `int` and `is_safe`.  Its state is {'int': its int}, with an 'is_safe' where that is not
   SafeUUID.unknown, as it is of most.  Only those without are done here.

   Both functions are recognized as known.c does it, by their code.  What they look up in their module, SafeUUID, `unknown` in
   it and `object`, is looked at each time, SafeUUID itself by its version tag. */
#include "uuids.h"
#include "known.h"

/* The type's own function of this name, borrowed, as long as its code is `code`; or NULL. */
static PyObject *
function_with_code(PyTypeObject *type, PyObject *name, PyObject *code)
{
    PyObject *function = code == NULL ? NULL : _PyType_Lookup(type, name);

    return function != NULL && Py_IS_TYPE(function, &PyFunction_Type) && PyFunction_GET_CODE(function) == code ? function : NULL;
}

static PyObject *
get_global_of(PyObject *function, PyObject *name)
{
    PyObject *globals = PyFunction_GET_GLOBALS(function), *value;

    value = PyDict_CheckExact(globals) ? PyDict_GetItemWithError(globals, name) : NULL;
    PyErr_Clear();
    return value;
}

/* Keep SafeUUID as it is now, if its `unknown` is one of its members, and members are equal to none but themselves. */
static int
keep_safe_uuid(State *st, PyObject *function)
{
    PyObject *safe = Py_XNewRef(get_global_of(function, st->s_SafeUUID)), *unknown = NULL;
    unsigned int version;
    int kept = 0;

    if (safe == NULL || !PyType_Check(safe))
        goto done;
    unknown = PyObject_GetAttr(safe, st->s_unknown);
    (void)_PyType_Lookup((PyTypeObject *)safe, st->s_unknown);      /* gives it a version, if it can have one */
    version = P5_TypeVersion((PyTypeObject *)safe);
    if (unknown == NULL || version == 0 || !Py_IS_TYPE(unknown, (PyTypeObject *)safe)
            || ((PyTypeObject *)safe)->tp_richcompare != PyBaseObject_Type.tp_richcompare)
        goto done;
    Py_XSETREF(st->safe_uuid, Py_NewRef(safe));
    Py_XSETREF(st->uuid_unknown, Py_NewRef(unknown));
    st->safe_uuid_version = version;
    kept = 1;
done:
    PyErr_Clear();
    Py_XDECREF(unknown);
    Py_XDECREF(safe);
    return kept;
}

/* Is SafeUUID in this function still what was kept? */
static int
knows_safe_uuid(State *st, PyObject *function)
{
    return st->safe_uuid != NULL && get_global_of(function, st->s_SafeUUID) == st->safe_uuid
        && P5_TypeVersion((PyTypeObject *)st->safe_uuid) == st->safe_uuid_version;
}

/* Keep the code of the function if it is the known one of that name. */
static int
keep_code(State *st, PyObject *function, const char *name, PyObject **code)
{
    PyObject *looked_at;
    int kept;

    if (function == NULL || !PyFunction_Check(function))
        return 0;
    Py_INCREF(function);
    looked_at = Py_NewRef(PyFunction_GET_CODE(function));
    /* It may get another code while SafeUUID's class is asked for `unknown`. */
    if (is_known_function(st, function, name) && has_known_constants(st, function, name, st->s_int)
            && keep_safe_uuid(st, function) && PyFunction_GET_CODE(function) == looked_at)
        Py_XSETREF(*code, Py_NewRef(looked_at));
    kept = *code != NULL && PyFunction_GET_CODE(function) == *code;
    Py_DECREF(looked_at);
    Py_DECREF(function);
    return kept;
}

ROOM int
is_uuid_getstate(State *st, PyObject *function)
{
    return keep_code(st, function, "uuid_getstate", &st->uuid_getstate_code);
}

/* Where the type has the slot of this name, one that anybody may set, in this object; or NULL. */
static PyObject **
slot_of(PyObject *obj, PyObject *name)
{
    PyObject *member = _PyType_Lookup(Py_TYPE(obj), name);
    PyMemberDef *def;

    if (member == NULL || !Py_IS_TYPE(member, &PyMemberDescr_Type)
            || !PyType_IsSubtype(Py_TYPE(obj), ((PyDescrObject *)member)->d_type))
        return NULL;
    def = ((PyMemberDescrObject *)member)->d_member;
    return def->type == T_OBJECT_EX && def->flags == 0 ? (PyObject **)((char *)obj + def->offset) : NULL;
}

ROOM PyObject *
find_uuid_state(State *st, PyObject *obj)
{
    PyObject *function = function_with_code(Py_TYPE(obj), st->s___getstate__, st->uuid_getstate_code), **number, **is_safe;

    if (function == NULL || !knows_safe_uuid(st, function))
        return NULL;
    number = slot_of(obj, st->s_int);
    is_safe = slot_of(obj, st->s_is_safe);
    return number != NULL && is_safe != NULL && *is_safe == st->uuid_unknown ? *number : NULL;
}

ROOM void
look_at_setstate(State *st, PyTypeObject *type)
{
    PyObject *function;

    if (strcmp(type->tp_name, "UUID") != 0)
        return;
    /* The code that is let go of may be watched by a weak reference, and whoever that calls may take the function away. */
    function = Py_XNewRef(_PyType_Lookup(type, st->s___setstate__));
    if (function != NULL && PyFunction_Check(function) && PyFunction_GET_CODE(function) != st->uuid_tried) {
        Py_XSETREF(st->uuid_tried, Py_NewRef(PyFunction_GET_CODE(function)));
        (void)keep_code(st, function, "uuid_setstate", &st->uuid_setstate_code);
    }
    Py_XDECREF(function);
}

/* Does the function find the interpreter's own `object` under that name? */
static int
finds_object(State *st, PyObject *function)
{
    PyObject *builtins = get_global_of(function, st->s___builtins__), *found = NULL;

    if (builtins != NULL && PyModule_CheckExact(builtins))
        builtins = PyModule_GetDict(builtins);
    if (builtins != NULL && PyDict_CheckExact(builtins))
        found = PyDict_GetItemWithError(builtins, st->s_object);
    PyErr_Clear();
    return found == (PyObject *)&PyBaseObject_Type && get_global_of(function, st->s_object) == NULL;
}

/* object.__setattr__ lets itself be called for classes right under object.  Both slots must be empty: then nothing is replaced,
   and no foreign code runs. */
ROOM int
set_uuid_state(State *st, PyObject *obj, PyObject *state)
{
    PyTypeObject *type = Py_TYPE(obj);
    PyObject *function = function_with_code(type, st->s___setstate__, st->uuid_setstate_code), *key, *value;
    PyObject **number, **is_safe;
    Py_ssize_t position = 0;

    if (function == NULL || type->tp_base != &PyBaseObject_Type || type->tp_dictoffset != 0
            || type->tp_getattro != PyObject_GenericGetAttr || !PyDict_CheckExact(state) || PyDict_GET_SIZE(state) != 1
            || !PyDict_Next(state, &position, &key, &value) || !PyUnicode_CheckExact(key)
            || PyUnicode_CompareWithASCIIString(key, "int") != 0 || !knows_safe_uuid(st, function) || !finds_object(st, function))
        return 0;
    number = slot_of(obj, st->s_int);
    is_safe = slot_of(obj, st->s_is_safe);
    if (number == NULL || is_safe == NULL || *number != NULL || *is_safe != NULL)
        return 0;
    *number = Py_NewRef(value);
    *is_safe = Py_NewRef(st->uuid_unknown);
    return 1;
}
