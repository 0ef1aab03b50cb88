/* compat.h - one Python C API for 3.6 to 3.15.

   This is the only file that asks which Python it is compiled for.  The rest of the engine is written against the
   newest names, or against a P5_ name where no public one exists; each block below, newest first, says what it stands
   in for. */
#ifndef P5_COMPAT_H
#define P5_COMPAT_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#include <structmember.h>
#include <stdint.h>
#include <string.h>

#if PY_VERSION_HEX < 0x03060000
#error "pickle5 needs CPython 3.6 or later"
#endif
#ifdef PYPY_VERSION
#error "the C engine is for CPython; PyPy uses the Python half"
#endif

/* 3.14: the protocol that is written by default.  What the default writes, the interpreter's own reader can read. */
#if PY_VERSION_HEX >= 0x030E0000
#define P5_DEFAULT_PROTOCOL 5
#else
#define P5_DEFAULT_PROTOCOL 4
#endif

/* 3.14: a tuple keeps its hash; in one that tp_alloc made it must be said that there is none yet. */
#if PY_VERSION_HEX >= 0x030E0000
#define P5_FORGET_TUPLE_HASH(op) ((void)(((PyTupleObject *)(op))->ob_hash = -1))
#else
#define P5_FORGET_TUPLE_HASH(op) ((void)(op))
#endif

/* 3.14: the interpreter guards the C stack while it hashes nested tuples and aliases (list[...], which came with 3.9), but not
   slices, which can be hashed since 3.12.  Up to 3.7 a bound method's hash asks for its object's.  Does hashing this object hash
   what it is made of, in C, with no guard? */
#if PY_VERSION_HEX >= 0x030E0000
#define P5_HASH_NESTS(obj) PySlice_Check(obj)
#elif PY_VERSION_HEX >= 0x030C0000
#define P5_HASH_NESTS(obj) (PyTuple_Check(obj) || PySlice_Check(obj) || Py_IS_TYPE(obj, &Py_GenericAliasType))
#elif PY_VERSION_HEX >= 0x03090000
#define P5_HASH_NESTS(obj) (PyTuple_Check(obj) || Py_IS_TYPE(obj, &Py_GenericAliasType))
#elif PY_VERSION_HEX >= 0x03080000
#define P5_HASH_NESTS(obj) PyTuple_Check(obj)
#else
#define P5_HASH_NESTS(obj) (PyTuple_Check(obj) || PyMethod_Check(obj))
#endif

/* 3.13: builds without the GIL.  There a reference count says little and containers need critical sections. */
#ifdef Py_GIL_DISABLED
#define P5_FREE_THREADED 1
#define P5_LIST_LAYOUT_KNOWN 0
#else
#define P5_FREE_THREADED 0
#define P5_LIST_LAYOUT_KNOWN 1
#endif

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(op) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* 3.13: attributes and items that may be missing: 1 found, 0 missing (no exception set), -1 error. */
#if PY_VERSION_HEX < 0x030D0000
static inline int
PyObject_GetOptionalAttr(PyObject *obj, PyObject *name, PyObject **result)
{
#if PY_VERSION_HEX >= 0x03070000
    return _PyObject_LookupAttr(obj, name, result);
#else
    *result = PyObject_GetAttr(obj, name);
    if (*result != NULL)
        return 1;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    return 0;
#endif
}

static inline int
PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **result)
{
    *result = PyDict_GetItemWithError(dict, key);
    if (*result != NULL) {
        Py_INCREF(*result);
        return 1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static inline int
PyMapping_GetOptionalItem(PyObject *obj, PyObject *key, PyObject **result)
{
    *result = PyObject_GetItem(obj, key);
    if (*result != NULL)
        return 1;
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
        return -1;
    PyErr_Clear();
    return 0;
}

static inline PyObject *
PyList_GetItemRef(PyObject *list, Py_ssize_t i)
{
    PyObject *item = PyList_GetItem(list, i);
    Py_XINCREF(item);
    return item;
}
#endif

/* 3.12: the layout of int.  sign is -1, 0 or 1; digits are the magnitude, least significant first. */
#if PY_VERSION_HEX >= 0x030C0000
#define P5_LONG_NDIGITS(op) ((Py_ssize_t)(((PyLongObject *)(op))->long_value.lv_tag >> 3))
#define P5_LONG_SIGN(op) (1 - (int)(((PyLongObject *)(op))->long_value.lv_tag & 3))
#define P5_LONG_IS_NEGATIVE(op) (((PyLongObject *)(op))->long_value.lv_tag >> 1 & 1)
#define P5_LONG_DIGIT(op, i) (((PyLongObject *)(op))->long_value.ob_digit[i])
#else
#if PY_VERSION_HEX < 0x030B0000
#include <longintrepr.h>
#endif
#define P5_LONG_SIGNED_SIZE(op) (((PyVarObject *)(op))->ob_size)
#define P5_LONG_NDIGITS(op) (P5_LONG_SIGNED_SIZE(op) < 0 ? -P5_LONG_SIGNED_SIZE(op) : P5_LONG_SIGNED_SIZE(op))
#define P5_LONG_SIGN(op) (P5_LONG_SIGNED_SIZE(op) < 0 ? -1 : P5_LONG_SIGNED_SIZE(op) > 0)
#define P5_LONG_IS_NEGATIVE(op) (P5_LONG_SIGNED_SIZE(op) < 0)
#define P5_LONG_DIGIT(op, i) (((PyLongObject *)(op))->ob_digit[i])
#endif

/* The value of an int of magnitude below 2**63: 1, or 0 where it is larger.  How many digits one has in a list of numbers,
   and its sign, is nothing a processor could foresee: with digits of 30 bits a read more is cheaper than a branch. */
static inline int
P5_LongAsInt64(PyObject *obj, int64_t *result)
{
    Py_ssize_t digits = P5_LONG_NDIGITS(obj);
    int64_t value = 0, negative = -(int64_t)P5_LONG_IS_NEGATIVE(obj);

    if (digits == 0) {  /* there may be none to be read */
        *result = 0;
        return 1;
    }
#if PyLong_SHIFT == 30
    if (digits > 2) {
        if (digits > 3 || P5_LONG_DIGIT(obj, 2) >= 8)
            return 0;
        value = (int64_t)P5_LONG_DIGIT(obj, 2) << 60 | (int64_t)P5_LONG_DIGIT(obj, 1) << 30;
    }
    else
        value = ((int64_t)P5_LONG_DIGIT(obj, digits >> 1) << 30) & -(int64_t)(digits >> 1);
    value |= (int64_t)P5_LONG_DIGIT(obj, 0);
#else
    if (digits > 4)
        return 0;
    while (digits-- > 0)
        value = value << PyLong_SHIFT | (int64_t)P5_LONG_DIGIT(obj, digits);
#endif
    *result = (value ^ negative) - negative;
    return 1;
}

/* An int of up to 255; of any other, something that is larger.  Without a branch for the number of digits, see above. */
static inline size_t
P5_LongSmall(PyObject *obj)
{
#if PY_VERSION_HEX >= 0x030C0000
    size_t tag = ((PyLongObject *)obj)->long_value.lv_tag;   /* 1 for 0, 8 for one digit above 0; the 4 says nothing */
    return (P5_LONG_DIGIT(obj, 0) & (size_t)-(Py_ssize_t)(tag >> 3 & 1)) | (size_t)((tag & ~(size_t)13) != 0) << 8;
#else
    size_t size = (size_t)P5_LONG_SIGNED_SIZE(obj);
    return size == 0 ? 0 : P5_LONG_DIGIT(obj, 0) | (size_t)(size != 1) << 8;
#endif
}

/* 3.7: Enum.__new__ looks a value up once; before, it asked first whether it is there. */
#define P5_ENUM_LOOKS_TWICE (PY_VERSION_HEX < 0x03070000)

/* 3.14: an int is made digit by digit, PyLong_SHIFT bits each, least significant first.  More digits than it needs may be
   asked for; all must be set. */
#if PY_VERSION_HEX < 0x030E0000
typedef PyLongObject PyLongWriter;

static inline PyLongWriter *
PyLongWriter_Create(int negative, Py_ssize_t ndigits, void **digits)
{
    PyLongObject *value = _PyLong_New(ndigits);

    if (value == NULL)
        return NULL;
    *digits = &P5_LONG_DIGIT(value, 0);
#if PY_VERSION_HEX >= 0x030C0000
    value->long_value.lv_tag |= negative ? 2 : 0;
#else
    ((PyVarObject *)value)->ob_size = negative ? -ndigits : ndigits;
#endif
    return value;
}

static inline PyObject *
PyLongWriter_Finish(PyLongWriter *value)
{
    Py_ssize_t count = P5_LONG_NDIGITS(value);

    while (count > 0 && P5_LONG_DIGIT(value, count - 1) == 0)
        count--;
#if PY_VERSION_HEX >= 0x030C0000
    value->long_value.lv_tag = (uintptr_t)count << 3 | (value->long_value.lv_tag & 7);
#else
    ((PyVarObject *)value)->ob_size = P5_LONG_SIGN(value) < 0 ? -count : count;
#endif
    return (PyObject *)value;
}
#endif

/* 3.12: subinterpreters with a GIL of their own, and a collector that runs in the eval loop only.  Before, an
   allocation may start a collection, and with it run finalizers. */
#if PY_VERSION_HEX >= 0x030C0000
#define P5_ALLOCATION_MAY_COLLECT 0
#define P5_MODULE_INTERPRETERS_SLOT {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#else
#define P5_ALLOCATION_MAY_COLLECT 1
#define P5_MODULE_INTERPRETERS_SLOT
#endif

/* 3.12: a version tag other than 0 is valid; before, a flag says so.  0 where there is none. */
static inline unsigned int
P5_TypeVersion(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    if (!PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG))
        return 0;
#endif
    return type->tp_version_tag;
}

/* 3.11: instances may keep their attributes without a dict, which is made when it is asked for.  A new reference to the
   instance's dict, or NULL without an exception where it has none or (before 3.11) none yet. */
static inline PyObject *
P5_InstanceDict(PyObject *obj)
{
#if PY_VERSION_HEX >= 0x030B0000
    if (Py_TYPE(obj)->tp_dictoffset == 0)
        return NULL;
    return PyObject_GenericGetDict(obj, NULL);
#else
    PyObject **slot = _PyObject_GetDictPtr(obj);
    PyObject *dict = slot == NULL ? NULL : *slot;
    Py_XINCREF(dict);
    return dict;
#endif
}

/* 3.12: the pending exception as one object. */
#if PY_VERSION_HEX < 0x030C0000
static inline PyObject *
PyErr_GetRaisedException(void)
{
    PyObject *type = NULL, *value = NULL, *traceback = NULL;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return value;
}

static inline void
PyErr_SetRaisedException(PyObject *value)
{
    PyObject *type = (PyObject *)Py_TYPE(value);
    Py_INCREF(type);
    PyErr_Restore(type, value, PyException_GetTraceback(value));
}
#endif

/* 3.11: instances keep their attributes without a dict until somebody asks for one.  Does this type's? */
#if PY_VERSION_HEX >= 0x030B0000
#define P5_INLINE_ATTRIBUTES(type) (((type)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0)
#else
#define P5_INLINE_ATTRIBUTES(type) ((void)(type), 0)
#endif

/* 3.10: the switch of the cyclic collector, as C functions. */
#if PY_VERSION_HEX >= 0x030A0000
#define P5_HAVE_GC_SWITCH 1
#else
#define P5_HAVE_GC_SWITCH 0
#define PyGC_Enable() 0
#define PyGC_Disable() 0
#endif

/* 3.10: small helpers that return or store new references. */
#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *
P5_NewRef(PyObject *op)
{
    Py_INCREF(op);
    return op;
}
static inline PyObject *
P5_XNewRef(PyObject *op)
{
    Py_XINCREF(op);
    return op;
}
#define Py_NewRef(op) P5_NewRef((PyObject *)(op))
#define Py_XNewRef(op) P5_XNewRef((PyObject *)(op))

static inline int
PyModule_AddObjectRef(PyObject *module, const char *name, PyObject *value)
{
    Py_XINCREF(value);
    if (PyModule_AddObject(module, name, value) < 0) {
        Py_XDECREF(value);
        return -1;
    }
    return 0;
}
#endif
/* 3.10: a type made from a spec keeps the signature in its docstring. */
#if PY_VERSION_HEX >= 0x030A0000
#define P5_SPEC_KEEPS_SIGNATURE 1
#else
#define P5_SPEC_KEEPS_SIGNATURE 0
#endif

/* 3.10: types that nobody can put attributes on. */
#ifndef Py_TPFLAGS_IMMUTABLETYPE
#define Py_TPFLAGS_IMMUTABLETYPE 0
#endif
#ifndef Py_TPFLAGS_DISALLOW_INSTANTIATION
#define Py_TPFLAGS_DISALLOW_INSTANTIATION 0
#define P5_FORBID_NEW(type) ((type)->tp_new = NULL)
#else
#define P5_FORBID_NEW(type) ((void)(type))
#endif

#ifndef Py_SETREF
#define Py_SETREF(op, value) do { PyObject *_old = (PyObject *)(op); (op) = (value); Py_DECREF(_old); } while (0)
#endif
#ifndef Py_XSETREF
#define Py_XSETREF(op, value) do { PyObject *_old = (PyObject *)(op); (op) = (value); Py_XDECREF(_old); } while (0)
#endif
#ifndef Py_UNREACHABLE
#define Py_UNREACHABLE() abort()
#endif
#ifndef Py_SET_SIZE
#define Py_SET_SIZE(op, size) (((PyVarObject *)(op))->ob_size = (size))
#endif
#ifndef Py_IS_TYPE
#define Py_IS_TYPE(op, type) (Py_TYPE(op) == (type))
#endif

/* 3.9 (and 3.8 under a private name): calls with an array of arguments.  `args` is never written to. */
static inline PyObject *
P5_Call(PyObject *callable, PyObject *const *args, Py_ssize_t nargs)
{
#if PY_VERSION_HEX >= 0x03090000
    return PyObject_Vectorcall(callable, args, (size_t)nargs, NULL);
#elif PY_VERSION_HEX >= 0x03080000
    return _PyObject_Vectorcall(callable, args, (size_t)nargs, NULL);
#else
    return _PyObject_FastCallDict(callable, (PyObject **)args, nargs, NULL);
#endif
}

/* 3.9: a method call that makes no bound method. */
#if PY_VERSION_HEX < 0x03090000
static inline PyObject *
PyObject_CallMethodNoArgs(PyObject *obj, PyObject *name)
{
    return PyObject_CallMethodObjArgs(obj, name, NULL);
}
#endif

/* Call a method that is looked up on the type alone, as the interpreter does for its special methods. */
static inline PyObject *
P5_CallSpecialMethod(PyObject *obj, PyObject *name)
{
    PyObject *method = _PyType_Lookup(Py_TYPE(obj), name), *result = NULL;
    descrgetfunc get;

    if (method == NULL) {
        PyErr_SetObject(PyExc_AttributeError, name);
        return NULL;
    }
    Py_INCREF(method);
    get = Py_TYPE(method)->tp_descr_get;
    if (PyFunction_Check(method))
        result = P5_Call(method, &obj, 1);
    else if (get != NULL) {
        Py_SETREF(method, get(method, obj, (PyObject *)Py_TYPE(obj)));
        if (method != NULL)
            result = P5_Call(method, NULL, 0);
    }
    else
        result = P5_Call(method, NULL, 0);
    Py_XDECREF(method);
    return result;
}

#if PY_VERSION_HEX < 0x03090000
#define PyObject_CallNoArgs(callable) P5_Call((callable), NULL, 0)
static inline PyObject *
PyObject_CallOneArg(PyObject *callable, PyObject *arg)
{
    return P5_Call(callable, &arg, 1);
}
#endif

/* 3.9: a heap type leads to its module; before, p5_link_type() in state.c leaves a capsule in the type's dict. */
#if PY_VERSION_HEX >= 0x03090000
#define P5_TYPES_KNOW_MODULE 1
#else
#define P5_TYPES_KNOW_MODULE 0
#endif

/* 3.9: traverse visits the type of an instance of a heap type. */
#if PY_VERSION_HEX >= 0x03090000
#define P5_VISIT_TYPE(self) Py_VISIT(Py_TYPE(self))
#else
#define P5_VISIT_TYPE(self) ((void)(self))
#endif

/* 3.8: PickleBuffer is the interpreter's own. */
#if PY_VERSION_HEX >= 0x03080000
#define P5_OWN_PICKLEBUFFER 0
#else
#define P5_OWN_PICKLEBUFFER 1
#endif

/* 3.8: an instance owns its type also when a Python subclass's dealloc runs ours; before, that one lets it go itself. */
#if PY_VERSION_HEX >= 0x03080000
#define P5_DEALLOC_OWNS_TYPE(type, dealloc) 1
#else
#define P5_DEALLOC_OWNS_TYPE(type, dealloc) ((type)->tp_dealloc == (dealloc))
#endif

/* 3.8: audit events. */
#if PY_VERSION_HEX >= 0x03080000
#define P5_Audit(...) PySys_Audit(__VA_ARGS__)
#else
#define P5_Audit(...) 0
#endif

/* 3.9: the module's init function is visible whatever the compiler's default. */
#if PY_VERSION_HEX < 0x03090000 && (defined(__GNUC__) || defined(__clang__))
#define P5_INIT_FUNC __attribute__((visibility("default"))) PyMODINIT_FUNC
#else
#define P5_INIT_FUNC PyMODINIT_FUNC
#endif

/* 3.7: the size of a dict as a macro. */
#ifndef PyDict_GET_SIZE
#define PyDict_GET_SIZE(dict) (((PyDictObject *)(dict))->ma_used)
#endif

/* 3.7: METH_FASTCALL gained METH_KEYWORDS and a const array; on 3.6 it always takes keywords. */
#if PY_VERSION_HEX >= 0x03070000
#define P5_METH_FASTCALL (METH_FASTCALL | METH_KEYWORDS)
typedef PyObject *const *P5_Args;
#else
#define P5_METH_FASTCALL METH_FASTCALL
typedef PyObject **P5_Args;
#endif

/* A C function of any signature as a method table wants it: the cast that every compiler accepts. */
#define P5_CFUNCTION(f) ((PyCFunction)(void (*)(void))(f))

/* Strings are always ready from 3.12; before, a legacy string must be made so first.  0 or -1. */
#if PY_VERSION_HEX >= 0x030C0000
#define P5_Unicode_Ready(op) 0
#else
#define P5_Unicode_Ready(op) PyUnicode_READY(op)
#endif

/* The UTF-8 form of a str, where it stands in memory already: that of ASCII is its text, and the interpreter keeps the
   form of any other str that it was once asked for (never one with lone surrogates).  NULL where it does not. */
static inline const char *
P5_KnownUTF8(PyObject *text, Py_ssize_t *size)
{
    if (PyUnicode_IS_ASCII(text)) {
        *size = PyUnicode_GET_LENGTH(text);
        return (const char *)PyUnicode_DATA(text);
    }
#if P5_FREE_THREADED
    return NULL;
#else
    *size = ((PyCompactUnicodeObject *)text)->utf8_length;
    return ((PyCompactUnicodeObject *)text)->utf8;
#endif
}

/* How many references an object has, where that proves anything (see memo.c): 1 means that exactly one edge owns it.
   A build without the GIL keeps counts apart per thread, so nothing is ever unique there. */
#if P5_FREE_THREADED
#define P5_IS_UNIQUE(op) ((void)(op), 0)
#else
#define P5_IS_UNIQUE(op) (Py_REFCNT(op) == 1)
#endif

/* 3.11: instances keep values without a dict, and how is nobody's business.  Before, dicts of instances share their keys, and
   their values stand in an array in the order of insertion. */
#if PY_VERSION_HEX >= 0x030B0000
#define P5_DICT_VALUES_KNOWN 0
#else
#define P5_DICT_VALUES_KNOWN 1
#endif

/* Are the keys of this dict shared with other dicts?  Then a key's count says nothing about this edge. */
#define P5_DICT_SHARES_KEYS(dict) (((PyDictObject *)(dict))->ma_values != NULL)

#endif
