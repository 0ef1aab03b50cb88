/* typeinfo.c - which types have instances that the engine writes without asking them, or by asking less.

   A plain instance is one that object.__reduce_ex__ (protocol 2 on) would reduce to

     copyreg.__newobj__, (cls,), its dict and slots

   with no code of the class being asked.  That holds where __reduce_ex__, __reduce__, __getstate__ and __class__ are
   object's own, __getnewargs__ and __getnewargs_ex__ are missing, attributes are found the ordinary way, and the type is
   no list or dict.

   Where one of these methods is the type's own, it is all that object.__reduce_ex__ would call, and the engine calls it
   itself, in the same order; and where it is a namedtuple's or an Enum's, the engine knows what it would give.

   copyreg refuses some types for their layout in memory; rather than know its rules, the first instance of a candidate is
   reduced the general way, and its reduce value is the proof.

   A verdict stands as long as the type's version tag: any change of the type or of its bases gives it another one.  A type
   without a tag (up to 3.7 those with a metaclass; from 3.13 on those that were changed very often, as an Enum is while its
   500 members are made) is asked the general way.  That verdict is kept too, since it is always right.  But what was an
   Enum is worth looking at again for each member. */
#include "typeinfo.h"
#include "known.h"
#include "uuids.h"
#include "datetime_types.h"

/* Does the class, asked for an attribute, look where every class does? */
static int
has_plain_metaclass(State *st, PyTypeObject *type)
{
    PyTypeObject *meta = Py_TYPE(type);

    return meta == &PyType_Type || (_PyType_Lookup(meta, st->s___getattribute__) == st->type_getattribute
                                    && _PyType_Lookup(meta, st->s___reduce__) == st->object_reduce);
}

/* Are a tuple subclass's items what tuple(self) gives? */
static int
iterates_as_tuple(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_TUPLE_SUBCLASS) && type->tp_iter == PyTuple_Type.tp_iter
        && type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length == PyTuple_Type.tp_as_sequence->sq_length;
}

/* Is this an Enum's __reduce_ex__?  Enums without a tag ask for each member, and mostly about the same code; it has no
   free variables. */
static int
is_enum_reduce_ex(State *st, PyObject *function)
{
    PyObject *code;

    if (function == NULL || !PyFunction_Check(function))
        return 0;
    code = PyFunction_GET_CODE(function);
    if (code == st->enum_code)
        return 1;
    if (!is_known_function(st, function, "enum"))
        return 0;
    Py_XSETREF(st->enum_code, Py_NewRef(code));
    return 1;
}

/* Is it the interpreter's own Decimal, which reduces to itself called with its text?  Nobody can change that type, nor make
   another one of that name with a method in C. */
static int
is_decimal(State *st, PyTypeObject *type)
{
    PyObject *reduce = _PyType_Lookup(type, st->s___reduce__);

    return (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE))
        && Py_IS_TYPE((PyObject *)type, &PyType_Type) && strcmp(type->tp_name, "decimal.Decimal") == 0
        && reduce != NULL && Py_IS_TYPE(reduce, &PyMethodDescr_Type);
}

/* What an instance of the type is asked for beyond what object has, as enum asks; -1 if only it can say. */
static int
what_it_asks(State *st, PyTypeObject *type)
{
    PyObject *reduce_ex = _PyType_Lookup(type, st->s___reduce_ex__), *newargs, *getstate;
    int asks = 0;

    if (reduce_ex != st->object_reduce_ex)
        return has_plain_metaclass(st, type) && is_enum_reduce_ex(st, reduce_ex) ? ASKS_VALUE : -1;
    if (_PyType_Lookup(type, st->s___reduce__) != st->object_reduce)
        return !has_plain_metaclass(st, type) ? -1 : is_decimal(st, type) ? ASKS_REDUCE | ASKS_TEXT : ASKS_REDUCE;
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || type->tp_new == NULL
            || PyType_HasFeature(type, Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS)
            || _PyType_Lookup(type, st->s___getnewargs_ex__) != NULL)
        return -1;
    newargs = _PyType_Lookup(type, st->s___getnewargs__);
    if (newargs != NULL)
        asks |= iterates_as_tuple(type) && is_known_function(st, newargs, "namedtuple") ? ASKS_ITEMS : ASKS_ARGUMENTS;
    getstate = _PyType_Lookup(type, st->s___getstate__);
    if (getstate != st->object_getstate)
        asks |= is_uuid_getstate(st, getstate) ? ASKS_STATE | ASKS_UUID : ASKS_STATE;
    return asks;
}

static enum type_form
find_form_of_type(State *st, PyTypeObject *type, unsigned char *asks)
{
    PyObject *dict;
    int found;

    if (type->tp_getattro != PyObject_GenericGetAttr || _PyType_Lookup(type, st->s___class__) != st->object_class)
        return TYPE_GENERAL;
    found = what_it_asks(st, type);
    if (found < 0)
        return TYPE_GENERAL;
    *asks = (unsigned char)found;
    if (found & (ASKS_REDUCE | ASKS_VALUE))
        return TYPE_ASKED;
    if (found & ASKS_STATE || (found != 0 && type->tp_dictoffset == 0))
        return TYPE_CANDIDATE;
    if (found != 0 || type->tp_itemsize != 0)
        return TYPE_GENERAL;
    dict = _PyType_Lookup(type, st->s___dict__);
    if (type->tp_dictoffset == 0 ? dict == NULL : dict != NULL && Py_IS_TYPE(dict, &PyGetSetDescr_Type))
        return TYPE_CANDIDATE;
    return TYPE_GENERAL;
}

/* Is it one of the datetime module's own types? */
static enum type_form
datetime_form(State *st, PyTypeObject *type)
{
    PyDateTime_CAPI *api = NULL;
    PyObject *capsule;

    if (strncmp(type->tp_name, "datetime.", 9) != 0)
        return TYPE_UNKNOWN;
    capsule = import_from("datetime", "datetime_CAPI", &PyCapsule_Type);
    if (capsule != NULL)
        api = PyCapsule_GetPointer(capsule, PyDateTime_CAPSULE_NAME);
    if (api == NULL) {
        Py_XDECREF(capsule);
        PyErr_Clear();
        return TYPE_UNKNOWN;
    }
    Py_XSETREF(st->datetime_capsule, capsule);
    return type == api->DateTimeType ? TYPE_DATETIME
         : type == api->DateType ? TYPE_DATE
         : type == api->TimeType ? TYPE_TIME
         : type == api->DeltaType ? TYPE_TIMEDELTA : TYPE_UNKNOWN;
}

ROOM int
is_enum_now(State *st, PyTypeObject *type)
{
    unsigned char asks = 0;
    return find_form_of_type(st, type, &asks) == TYPE_ASKED && asks == ASKS_VALUE;
}

ROOM TypeInfo *
find_type_info(State *st, PyTypeObject *type)
{
    TypeInfo *info = type_info_place(st, type);
    enum type_form form;
    unsigned char asks = 0;
    unsigned int version;

    if (LIKELY(type_info_is_about(info, type)))
        return info;
    (void)_PyType_Lookup(type, st->s___reduce__);   /* gives it a version, if it can have one */
    version = P5_TypeVersion(type);
    if (version == 0)
        form = is_enum_now(st, type) ? TYPE_UNTAGGED_ENUM : TYPE_GENERAL;
    else {
        form = datetime_form(st, type);
        if (form == TYPE_UNKNOWN)
            form = find_form_of_type(st, type, &asks);
    }
    info->type = type;
    info->form = (unsigned char)form;
    info->asks = asks;
    info->version = version;
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
    if (PyTuple_GET_ITEM(value, 0) != st->newobj || !PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) < 1
            || PyTuple_GET_ITEM(args, 0) != (PyObject *)type)
        return;
    if (!(info->asks & (ASKS_ARGUMENTS | ASKS_ITEMS)) && PyTuple_GET_SIZE(args) != 1)
        return;
    for (i = 3; i < PyTuple_GET_SIZE(value); i++) {
        if (PyTuple_GET_ITEM(value, i) != Py_None)
            return;
    }
    /* copyreg leaves the names of the slots on the class */
    if (info->asks & ASKS_STATE) {
        info->form = TYPE_ASKED;
        return;
    }
    slots = PyDict_GetItemWithError(type->tp_dict, st->s___slotnames__);
    if (slots == NULL || !PyList_CheckExact(slots) || !slots_are_members(type, slots))
        return;
    if (info->asks != 0) {
        if (PyList_GET_SIZE(slots) == 0)
            info->form = TYPE_ASKED;
        return;
    }
    info->slots = Py_NewRef(slots);
    info->form = TYPE_PLAIN;
}
