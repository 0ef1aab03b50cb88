/* known.c - functions written in Python whose effect the engine can have without calling them.

   A function counts as one of these if it was compiled to the same code with the same names as one that is known, and its
   free variables hold the same objects; for enum's, which are long, if they are functions of the module enum under their
   own names.  What can change afterwards without a trace in the type (a function's code, the globals it looks into) is
   looked at each time. */
#include "known.h"
#include "copying.h"
#include "names.h"


static const char known_source[] =
    "def make(_tuple):\n"
    "    def __getnewargs__(self):\n"
    "        return _tuple(self)\n"
    "    return __getnewargs__\n"
    "namedtuple = make(().__class__)\n"
    "def enum(self, proto):\n"
    "    return self.__class__, (self._value_, )\n"
    "def uuid_getstate(self):\n"
    "    d = {'int': self.int}\n"
    "    if self.is_safe != SafeUUID.unknown:\n"
    "        d['is_safe'] = self.is_safe.value\n"
    "    return d\n"
    "def uuid_setstate(self, state):\n"
    "    object.__setattr__(self, 'int', state['int'])\n"
    "    object.__setattr__(self, 'is_safe',\n"
    "                       SafeUUID(state['is_safe'])\n"
    "                       if 'is_safe' in state else SafeUUID.unknown)\n";

/* One of the functions above, borrowed; NULL, with no exception, if it cannot be made. */
static PyObject *
known_function(State *st, const char *name)
{
    PyObject *names, *result;

    if (st->known_functions == NULL) {
        names = PyDict_New();
        result = names == NULL ? NULL : PyRun_String(known_source, Py_file_input, names, names);
        if (result != NULL)
            st->known_functions = Py_NewRef(names);
        Py_XDECREF(result);
        Py_XDECREF(names);
    }
    result = st->known_functions == NULL ? NULL : PyDict_GetItemString(st->known_functions, name);
    if (result == NULL)
        PyErr_Clear();
    return result;
}

static int
same_attribute(PyObject *one, PyObject *other, PyObject *name)
{
    PyObject *of_one = PyObject_GetAttr(one, name), *of_other = PyObject_GetAttr(other, name);
    int same = of_one != NULL && of_other != NULL && PyObject_RichCompareBool(of_one, of_other, Py_EQ) > 0;

    Py_XDECREF(of_one);
    Py_XDECREF(of_other);
    return same;
}

static int
same_cells(PyObject *one, PyObject *other)
{
    Py_ssize_t i;

    if (one == NULL || other == NULL)
        return one == other;
    for (i = 0; i < PyTuple_GET_SIZE(other); i++) {
        if (PyCell_GET(PyTuple_GET_ITEM(one, i)) != PyCell_GET(PyTuple_GET_ITEM(other, i)))
            return 0;
    }
    return 1;
}

/* Is it compiled to the same code, with the same free variables?  Any trouble counts as no. */
static int
same_function(State *st, PyObject *function, PyObject *known)
{
    PyObject *code = PyFunction_GET_CODE(function), *known_code = PyFunction_GET_CODE(known);
    int same = same_attribute(code, known_code, st->s_co_argcount) && same_attribute(code, known_code, st->s_co_code)
        && same_attribute(code, known_code, st->s_co_kwonlyargcount)
        && same_attribute(code, known_code, st->s_co_names) && same_attribute(code, known_code, st->s_co_freevars)
        && same_cells(PyFunction_GET_CLOSURE(function), PyFunction_GET_CLOSURE(known));

    PyErr_Clear();
    return same;
}

ROOM int
is_known_function(State *st, PyObject *function, const char *name)
{
    PyObject *known;

    if (function == NULL || !PyFunction_Check(function))
        return 0;
    known = known_function(st, name);
    return known != NULL && same_function(st, function, known);
}

/* Has it the same constants too, and is `constant` one of them, as this very object?  Where a docstring may stand there is none. */
ROOM int
has_known_constants(State *st, PyObject *function, const char *name, PyObject *constant)
{
    PyObject *known = Py_XNewRef(known_function(st, name)), *code = PyFunction_GET_CODE(function), *constants = NULL;
    Py_ssize_t i;
    int found = 0;

    if (known != NULL && same_attribute(code, PyFunction_GET_CODE(known), st->s_co_consts))
        constants = PyObject_GetAttr(code, st->s_co_consts);
    for (i = 0; constants != NULL && i < PyTuple_GET_SIZE(constants); i++)
        found |= PyTuple_GET_ITEM(constants, i) == constant;
    PyErr_Clear();
    Py_XDECREF(constants);
    Py_XDECREF(known);
    return found;
}

/* ---- making namedtuples ---- */

enum { MAX_FIELDS = 64 };

/* What collections.namedtuple makes of this many fields is compiled from this; a new reference. */
static PyObject *
make_known_new(Py_ssize_t fields)
{
    char source[MAX_FIELDS * 2 * sizeof ", a00" + sizeof "lambda _cls: _tuple_new(_cls, (,))"];
    char *p = source;
    PyObject *names = PyDict_New(), *function;
    Py_ssize_t i;

    if (names == NULL)
        return NULL;
    p += sprintf(p, "lambda _cls");
    for (i = 0; i < fields; i++)
        p += sprintf(p, ", a%d", (int)i);
    p += sprintf(p, ": _tuple_new(_cls, (");
    for (i = 0; i < fields; i++)
        p += sprintf(p, "a%d,", (int)i);
    sprintf(p, "))");
    function = PyRun_String(source, Py_eval_input, names, names);
    Py_DECREF(names);
    return function;
}

static int
is_namedtuple_new(State *st, PyObject *function, Py_ssize_t fields)
{
    PyObject *known = fields > 0 && fields <= MAX_FIELDS ? make_known_new(fields) : NULL;
    int same = known != NULL && PyFunction_Check(known) && same_function(st, function, known);

    PyErr_Clear();
    Py_XDECREF(known);
    return same;
}

/* How many fields the __new__ of a namedtuple with this code takes, -1 where it is something else's. */
static Py_ssize_t
count_fields(State *st, PyObject *function)
{
    PyObject *count = PyObject_GetAttr(PyFunction_GET_CODE(function), st->s_co_argcount);
    Py_ssize_t fields = count == NULL ? -1 : PyLong_AsSsize_t(count) - 1;

    Py_XDECREF(count);
    return is_namedtuple_new(st, function, fields) ? fields : -1;
}

/* The place of this code, or a free one for it; NULL where there is none, for what is known is not forgotten. */
static KnownCode *
place_of_code(State *st, PyObject *code)
{
    unsigned int i, first = (unsigned int)((uintptr_t)code >> 4 ^ (uintptr_t)code >> 11);
    KnownCode *known;

    for (i = 0; i < 8; i++) {
        known = &st->known_codes[(first + i) % KNOWN_CODES];
        if (known->code == code || known->code == NULL)
            return known;
    }
    return NULL;
}

/* The same, found out once for each code, which does not change. */
static Py_ssize_t
fields_of_new(State *st, PyObject *function)
{
    PyObject *code = PyFunction_GET_CODE(function);
    KnownCode *known = place_of_code(st, code);
    Py_ssize_t fields;

    if (known == NULL)
        return -1;
    if (UNLIKELY(known->code == NULL)) {
        Py_INCREF(code);
        fields = count_fields(st, function);
        /* A collection meanwhile may have run anything. */
        if (known->code == NULL && PyFunction_GET_CODE(function) == code) {
            known->code = code;
            known->fields = fields;
        }
        else
            Py_DECREF(code);
    }
    return known->code == PyFunction_GET_CODE(function) ? known->fields : -1;
}

/* The function that stands in a class as a function, or as a static method; a new reference, or NULL without an exception
   where it is something else. */
static PyObject *
plain_function(PyTypeObject *type, PyObject *name)
{
    PyObject *function = _PyType_Lookup(type, name);

    if (function == NULL)
        return NULL;
    if (Py_IS_TYPE(function, &PyStaticMethod_Type))
        function = PyStaticMethod_Type.tp_descr_get(function, NULL, (PyObject *)type);
    else
        Py_INCREF(function);
    if (function != NULL && Py_IS_TYPE(function, &PyFunction_Type))
        return function;
    Py_XDECREF(function);
    PyErr_Clear();
    return NULL;
}

/* Is tuple.__new__ the one that may make instances of this class? */
static int
is_made_by_tuple(PyTypeObject *cls)
{
    const PyTypeObject *base = cls;

    while (base != NULL && base->tp_new == cls->tp_new)
        base = base->tp_base;
    return base == &PyTuple_Type && cls->tp_alloc == PyType_GenericAlloc;
}

ROOM int
makes_namedtuples(State *st, PyTypeObject *cls, Py_ssize_t count)
{
    PyObject *function, *globals;
    int known = 0;

    if (!Py_IS_TYPE((PyObject *)cls, &PyType_Type) || !is_made_by_tuple(cls))
        return 0;
    function = plain_function(cls, st->s___new__);
    if (function == NULL)
        return 0;
    globals = PyFunction_GET_GLOBALS(function);
    if (fields_of_new(st, function) == count && PyDict_CheckExact(globals)) {
        known = PyDict_GetItemWithError(globals, st->s__tuple_new) == st->tuple_new;
        PyErr_Clear();
    }
    Py_DECREF(function);
    return known;
}

ROOM PyObject *
make_namedtuple(PyTypeObject *cls, PyObject **items, Py_ssize_t count)
{
    PyObject *value = cls->tp_alloc(cls, count);

    if (value == NULL)
        return NULL;
    P5_FORGET_TUPLE_HASH(value);
    copy_short(((PyTupleObject *)value)->ob_item, items, (size_t)count * sizeof *items);
    return value;
}

/* ---- members of an Enum ---- */

/* A function of the module's own, under this name. */
static int
is_of_module(PyObject *function, PyObject *module, PyObject *qualname, const char *name, const char *older_name)
{
    return PyFunction_GET_GLOBALS(function) == PyModule_GetDict(module) && PyUnicode_Check(qualname)
        && (PyUnicode_CompareWithASCIIString(qualname, name) == 0
            || PyUnicode_CompareWithASCIIString(qualname, older_name) == 0);
}

/* What enum does when a class is called with a value: keep both functions, and their code.  Where they are not enum's own,
   None is kept, which nothing is compared equal to. */
static void
find_enum(State *st)
{
    PyObject *module = NULL, *name = PyUnicode_FromString("enum"), *cls = NULL, *call = NULL, *new = NULL;
    PyObject *call_name = NULL, *new_name = NULL;

    if (name == NULL || loaded_module(st, name, &module) <= 0 || !PyModule_CheckExact(module))
        goto done;
    cls = PyObject_GetAttrString(module, "Enum");
    if (cls == NULL || !PyType_Check(cls))
        goto done;
    call = plain_function(Py_TYPE(cls), st->s___call__);
    new = plain_function((PyTypeObject *)cls, st->s___new__);
    if (call == NULL || new == NULL)
        goto done;
    call_name = PyObject_GetAttr(call, st->s___qualname__);
    new_name = PyObject_GetAttr(new, st->s___qualname__);
    if (call_name == NULL || new_name == NULL
            || !is_of_module(call, module, call_name, "EnumType.__call__", "EnumMeta.__call__")
            || !is_of_module(new, module, new_name, "Enum.__new__", "Enum.__new__"))
        goto done;
    if (st->enum_call != NULL)
        goto done;              /* a collection meanwhile ran a load */
    st->enum_call_code = Py_NewRef(PyFunction_GET_CODE(call));
    st->enum_new_code = Py_NewRef(PyFunction_GET_CODE(new));
    st->enum_new = Py_NewRef(new);
    st->enum_call = Py_NewRef(call);
done:
    PyErr_Clear();
    if (st->enum_call == NULL)
        st->enum_call = Py_NewRef(Py_None);
    Py_XDECREF(name);
    Py_XDECREF(module);
    Py_XDECREF(cls);
    Py_XDECREF(call);
    Py_XDECREF(new);
    Py_XDECREF(call_name);
    Py_XDECREF(new_name);
}

/* Is this the function that was kept, and has it still its code? */
static int
is_kept(PyObject *function, PyObject *kept, PyObject *code)
{
    return function == kept && Py_IS_TYPE(function, &PyFunction_Type) && PyFunction_GET_CODE(function) == code;
}

/* Does calling the class find the member in its map of values, and is that map found where it stands? */
static int
finds_members(State *st, PyTypeObject *cls)
{
    PyTypeObject *meta = Py_TYPE(cls);
    PyObject *new;
    int known;

    if (_PyType_Lookup(meta, st->s___getattribute__) != st->type_getattribute
            || _PyType_Lookup(meta, st->s__value2member_map_) != NULL
            || !is_kept(_PyType_Lookup(meta, st->s___call__), st->enum_call, st->enum_call_code))
        return 0;
    new = plain_function(cls, st->s___new__);
    known = new != NULL && is_kept(new, st->enum_new, st->enum_new_code);
    Py_XDECREF(new);
    return known;
}

ROOM PyObject *
find_member(State *st, PyTypeObject *cls, PyObject *value)
{
    PyObject *members, *member = NULL;

    if (!PyUnicode_CheckExact(value) && !PyLong_CheckExact(value))
        return NULL;
    members = _PyType_Lookup(cls, st->s__value2member_map_);
    if (members == NULL || !PyDict_CheckExact(members))
        return NULL;
    if (st->enum_call == NULL)
        find_enum(st);
    if (!finds_members(st, cls))
        return NULL;
    members = _PyType_Lookup(cls, st->s__value2member_map_);
    if (members == NULL || !PyDict_CheckExact(members))
        return NULL;
    Py_INCREF(members);
    if (P5_ENUM_LOOKS_TWICE && PyDict_Contains(members, value) <= 0)
        PyErr_Clear();
    else if (PyDict_GetItemRef(members, value, &member) < 0)
        PyErr_Clear();
    Py_DECREF(members);
    return member;
}
