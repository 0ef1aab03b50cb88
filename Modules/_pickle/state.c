/* state.c - making, visiting and clearing the module's state, and the way from a type back to it. */
#include "state.h"
#include "opcodes.h"

ROOM PyObject *
import_from(const char *module_name, const char *attribute, PyTypeObject *type)
{
    PyObject *module = NULL, *value = NULL;

    module = PyImport_ImportModule(module_name);
    if (module == NULL)
        return NULL;
    value = PyObject_GetAttrString(module, attribute);
    Py_DECREF(module);
    if (value != NULL && type != NULL && !PyObject_TypeCheck(value, type)) {
        PyErr_Format(PyExc_RuntimeError, "%s.%s should be a %s, not %.200s",
                     module_name, attribute, type->tp_name, Py_TYPE(value)->tp_name);
        Py_CLEAR(value);
    }
    return value;
}

static int
init_strings(State *st)
{
#define X(name) \
    st->s_##name = PyUnicode_InternFromString(#name); \
    if (st->s_##name == NULL) \
        return -1;
    STATE_STRINGS(X)
#undef X
    return 0;
}

static int
init_objects(State *st)
{
    PyObject *object_type = (PyObject *)&PyBaseObject_Type;

#define TAKE(field, module, attribute, type) \
    if ((st->field = import_from(module, attribute, type)) == NULL) \
        return -1;
    TAKE(PickleError, "pickle", "PickleError", &PyType_Type)
    TAKE(PicklingError, "pickle", "PicklingError", &PyType_Type)
    TAKE(UnpicklingError, "pickle", "UnpicklingError", &PyType_Type)
    TAKE(dispatch_table, "copyreg", "dispatch_table", &PyDict_Type)
    TAKE(extension_registry, "copyreg", "_extension_registry", &PyDict_Type)
    TAKE(inverted_registry, "copyreg", "_inverted_registry", &PyDict_Type)
    TAKE(extension_cache, "copyreg", "_extension_cache", &PyDict_Type)
    TAKE(names_2to3, "_compat_pickle", "NAME_MAPPING", &PyDict_Type)
    TAKE(imports_2to3, "_compat_pickle", "IMPORT_MAPPING", &PyDict_Type)
    TAKE(names_3to2, "_compat_pickle", "REVERSE_NAME_MAPPING", &PyDict_Type)
    TAKE(imports_3to2, "_compat_pickle", "REVERSE_IMPORT_MAPPING", &PyDict_Type)
    TAKE(codecs_encode, "codecs", "encode", NULL)
    TAKE(newobj, "copyreg", "__newobj__", NULL)
    TAKE(partial, "functools", "partial", NULL)
    TAKE(builtin_import, "builtins", "__import__", NULL)
    TAKE(builtin_getattr, "builtins", "getattr", NULL)
    TAKE(gc_enable, "gc", "enable", NULL)
    TAKE(gc_disable, "gc", "disable", NULL)
    TAKE(gc_isenabled, "gc", "isenabled", NULL)
#undef TAKE
    st->object_reduce_ex = PyObject_GetAttr(object_type, st->s___reduce_ex__);
    st->object_reduce = PyObject_GetAttr(object_type, st->s___reduce__);
    st->object_class = Py_XNewRef(_PyType_Lookup(&PyBaseObject_Type, st->s___class__));
    st->type_name = Py_XNewRef(_PyType_Lookup(&PyType_Type, st->s___name__));
    st->type_getattribute = Py_XNewRef(_PyType_Lookup(&PyType_Type, st->s___getattribute__));
    st->tuple_new = PyObject_GetAttr((PyObject *)&PyTuple_Type, st->s___new__);
    st->empty_tuple = PyTuple_New(0);
    st->unmade_dict = PyObject_CallNoArgs(object_type);
    if (st->object_reduce_ex == NULL || st->object_reduce == NULL || st->object_class == NULL
            || st->type_name == NULL || st->type_getattribute == NULL || st->tuple_new == NULL || st->empty_tuple == NULL
            || st->unmade_dict == NULL)
        return -1;
    return PyObject_GetOptionalAttr(object_type, st->s___getstate__, &st->object_getstate) < 0 ? -1 : 0;
}

/* What stands in for the interpreter's own pickle writes the protocols that the interpreter's own would have written:
   another process, which has nothing else, must be able to read them. */
static int
init_protocols(PyObject *module, State *st)
{
    PyObject *name = NULL, *unasked = NULL, *highest = NULL;
    int result = -1;

    st->default_protocol = P5_DEFAULT_PROTOCOL;
    st->highest_protocol = HIGHEST_PROTOCOL;
    name = PyModule_GetNameObject(module);
    if (name == NULL)
        return -1;
    st->stands_in = PyUnicode_CompareWithASCIIString(name, "_pickle") == 0;
    Py_DECREF(name);
    if (!st->stands_in)
        return 0;
    unasked = import_from("pickle", "DEFAULT_PROTOCOL", &PyLong_Type);
    highest = import_from("pickle", "HIGHEST_PROTOCOL", &PyLong_Type);
    if (unasked == NULL || highest == NULL)
        goto done;
    st->default_protocol = (int)PyLong_AsLong(unasked);
    st->highest_protocol = (int)PyLong_AsLong(highest);
    if (PyErr_Occurred() == NULL)
        result = 0;
done:
    Py_XDECREF(unasked);
    Py_XDECREF(highest);
    return result;
}

ROOM int
state_init(PyObject *module, State *st)
{
    if (init_strings(st) < 0 || init_protocols(module, st) < 0)
        return -1;
    return init_objects(st);
}

ROOM int
state_traverse(State *st, visitproc visit, void *arg)
{
    int i;

#define X(name) Py_VISIT(st->name##_Type);
    STATE_TYPES(X)
#undef X
#define X(name) Py_VISIT(st->name);
    STATE_OBJECTS(X)
#undef X
    for (i = 0; i < TYPE_INFOS; i++)
        Py_VISIT(st->type_infos[i].slots);
    for (i = 0; i < KNOWN_CODES; i++)
        Py_VISIT(st->known_codes[i].code);
    return 0;
}

ROOM void
state_clear(State *st)
{
    int i;

#define X(name) Py_CLEAR(st->name##_Type);
    STATE_TYPES(X)
#undef X
#define X(name) Py_CLEAR(st->name);
    STATE_OBJECTS(X)
#undef X
#define X(name) Py_CLEAR(st->s_##name);
    STATE_STRINGS(X)
#undef X
    for (i = 0; i < TYPE_INFOS; i++)
        Py_CLEAR(st->type_infos[i].slots);
    for (i = 0; i < KNOWN_CODES; i++)
        Py_CLEAR(st->known_codes[i].code);
    for (i = 0; i < GLOBAL_NAMES; i++) {    /* strings are in no cycle: they need no visit */
        Py_CLEAR(st->global_names[i].module_name);
        Py_CLEAR(st->global_names[i].package);
        Py_CLEAR(st->global_names[i].name);
    }
}

#if !P5_SPEC_KEEPS_SIGNATURE
/* PyType_FromSpec drops the signature from the docstring up to 3.9: put a copy of the whole in its place, which the type
   frees. */
static int
restore_doc(PyTypeObject *type, const PyType_Spec *spec)
{
    const PyType_Slot *slot;
    char *doc;

    for (slot = spec->slots; slot->slot != 0; slot++) {
        if (slot->slot != Py_tp_doc)
            continue;
        doc = PyObject_Malloc(strlen((const char *)slot->pfunc) + 1);
        if (doc == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        strcpy(doc, (const char *)slot->pfunc);
        PyObject_Free((void *)type->tp_doc);
        type->tp_doc = doc;
    }
    return 0;
}
#else
#define restore_doc(type, spec) 0
#endif

/* The spec with the name that the type has in this module: "pickle5._pickle.X", and "_pickle.X" where it stands in. */
static PyType_Spec
named_spec(PyObject *module, const PyType_Spec *spec)
{
    PyType_Spec named = *spec;

    if (((State *)PyModule_GetState(module))->stands_in)
        named.name += strlen("pickle5.");
    return named;
}

#if P5_TYPES_KNOW_MODULE

ROOM PyTypeObject *
make_type(PyObject *module, PyType_Spec *spec)
{
    PyType_Spec named = named_spec(module, spec);
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &named, NULL);

    if (type != NULL && restore_doc(type, spec) < 0)
        Py_CLEAR(type);
    return type;
}

static State *
state_of_own_type(PyTypeObject *type)
{
    return (State *)PyType_GetModuleState(type);
}

#else

/* The type's own dict holds a capsule with the State, whose context keeps the module alive. */
#define STATE_CAPSULE "pickle5._pickle._state"
#define STATE_KEY "_pickle5_state"

static void
drop_capsule(PyObject *capsule)
{
    PyObject *module = (PyObject *)PyCapsule_GetContext(capsule);
    Py_XDECREF(module);
}

ROOM PyTypeObject *
make_type(PyObject *module, PyType_Spec *spec)
{
    PyType_Spec named = named_spec(module, spec);
    PyObject *type = NULL, *capsule = NULL;

    type = PyType_FromSpec(&named);
    if (type == NULL)
        return NULL;
    if (restore_doc((PyTypeObject *)type, spec) < 0)
        goto error;
    capsule = PyCapsule_New(PyModule_GetState(module), STATE_CAPSULE, drop_capsule);
    if (capsule == NULL)
        goto error;
    Py_INCREF(module);
    if (PyCapsule_SetContext(capsule, module) < 0) {
        Py_DECREF(module);
        goto error;
    }
    if (PyDict_SetItemString(((PyTypeObject *)type)->tp_dict, STATE_KEY, capsule) < 0)
        goto error;
    Py_DECREF(capsule);
    return (PyTypeObject *)type;
error:
    Py_XDECREF(capsule);
    Py_DECREF(type);
    return NULL;
}

static State *
state_of_own_type(PyTypeObject *type)
{
    PyObject *key = PyUnicode_FromString(STATE_KEY), *capsule;

    if (key == NULL)
        return NULL;
    capsule = PyDict_GetItemWithError(type->tp_dict, key);
    Py_DECREF(key);
    if (capsule == NULL && PyErr_Occurred())
        return NULL;
    if (capsule == NULL || !PyCapsule_IsValid(capsule, STATE_CAPSULE)) {
        PyErr_Format(PyExc_TypeError, "%.200s has lost its module", type->tp_name);
        return NULL;
    }
    return (State *)PyCapsule_GetPointer(capsule, STATE_CAPSULE);
}

#endif

ROOM State *
state_of_type(PyTypeObject *type, traverseproc traverse)
{
    /* A subclass made by a class statement has a traverse function of its own, so the first type that has ours is the
       one that make_type made. */
    for (; type != NULL; type = type->tp_base) {
        if (type->tp_traverse == traverse)
            return state_of_own_type(type);
    }
    PyErr_SetString(PyExc_TypeError, "not a type of this module");
    return NULL;
}
