/* typeinfo.c - which types have instances that the engine writes without asking them.

   A plain instance is one that object.__reduce_ex__ (protocol 2 on) would reduce to

     copyreg.__newobj__, (cls,), its dict and slots

   with no code of the class being asked.  That holds where __reduce_ex__, __reduce__, __getstate__ and __class__ are
   object's own, __getnewargs__ and __getnewargs_ex__ are missing, attributes are found the ordinary way, and the type is
   no list or dict.  copyreg refuses some types for their layout in memory; rather than know its rules, the first instance
   of a candidate is reduced the general way, and its reduce value is the proof.

   A verdict stands as long as the type's version tag: any change of the type or of its bases gives it another one. */
#include "typeinfo.h"
#include "datetime_types.h"

static int
is_ordinary(State *st, PyTypeObject *type)
{
    PyObject *dict;

    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || type->tp_getattro != PyObject_GenericGetAttr)
        return 0;
    if (type->tp_itemsize != 0 || type->tp_new == NULL)
        return 0;
    if (PyType_HasFeature(type, Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS))
        return 0;
    if (_PyType_Lookup(type, st->s___reduce_ex__) != st->object_reduce_ex
            || _PyType_Lookup(type, st->s___reduce__) != st->object_reduce
            || _PyType_Lookup(type, st->s___getstate__) != st->object_getstate
            || _PyType_Lookup(type, st->s___class__) != st->object_class
            || _PyType_Lookup(type, st->s___getnewargs__) != NULL
            || _PyType_Lookup(type, st->s___getnewargs_ex__) != NULL)
        return 0;
    dict = _PyType_Lookup(type, st->s___dict__);
    return type->tp_dictoffset == 0 ? dict == NULL : dict != NULL && Py_IS_TYPE(dict, &PyGetSetDescr_Type);
}

/* Is it one of the datetime module's own types? */
static enum type_form
datetime_form(PyTypeObject *type)
{
    PyDateTime_CAPI *api;

    if (strncmp(type->tp_name, "datetime.", 9) != 0)
        return TYPE_UNKNOWN;
    api = (PyDateTime_CAPI *)PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    if (api == NULL) {
        PyErr_Clear();
        return TYPE_UNKNOWN;
    }
    return type == api->DateTimeType ? TYPE_DATETIME
         : type == api->DateType ? TYPE_DATE
         : type == api->TimeType ? TYPE_TIME
         : type == api->DeltaType ? TYPE_TIMEDELTA : TYPE_UNKNOWN;
}

ROOM TypeInfo *
find_type_info(State *st, PyTypeObject *type)
{
    TypeInfo *info = type_info_place(st, type);
    enum type_form form;

    if (LIKELY(type_info_is_about(info, type)))
        return info;
    form = datetime_form(type);
    if (form == TYPE_UNKNOWN)
        form = is_ordinary(st, type) ? TYPE_CANDIDATE : TYPE_GENERAL;
    else
        (void)_PyType_Lookup(type, st->s___reduce__);
    info->type = type;
    info->form = (unsigned char)form;
    info->version = P5_TypeVersion(type);   /* the look-ups have given it one */
    Py_CLEAR(info->slots);
    return info;
}

/* The slots are read as members: all their names must belong to plain ones. */
static int
slots_are_members(PyTypeObject *type, PyObject *slots)
{
    PyObject *member;
    Py_ssize_t i;

    for (i = 0; i < PyList_GET_SIZE(slots); i++) {
        if (!PyUnicode_CheckExact(PyList_GET_ITEM(slots, i)))
            return 0;
        member = _PyType_Lookup(type, PyList_GET_ITEM(slots, i));
        if (member == NULL || !Py_IS_TYPE(member, &PyMemberDescr_Type)
                || ((PyMemberDescrObject *)member)->d_member->type != T_OBJECT_EX)
            return 0;
    }
    return i < 1000;   /* more would need batches */
}

ROOM void
type_info_prove(State *st, TypeInfo *info, PyTypeObject *type, PyObject *value)
{
    PyObject *args, *slots;
    Py_ssize_t i;

    if (!type_info_is_about(info, type) || info->form != TYPE_CANDIDATE)
        return;
    if (!PyTuple_CheckExact(value) || PyTuple_GET_SIZE(value) < 2)
        return;
    args = PyTuple_GET_ITEM(value, 1);
    if (!PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) != 1 || PyTuple_GET_ITEM(args, 0) != (PyObject *)type)
        return;
    for (i = 3; i < PyTuple_GET_SIZE(value); i++) {
        if (PyTuple_GET_ITEM(value, i) != Py_None)
            return;
    }
    /* copyreg leaves the names of the slots on the class */
    slots = PyDict_GetItemWithError(type->tp_dict, st->s___slotnames__);
    if (slots == NULL || !PyList_CheckExact(slots) || !slots_are_members(type, slots))
        return;
    info->slots = Py_NewRef(slots);
    info->form = TYPE_PLAIN;
}
