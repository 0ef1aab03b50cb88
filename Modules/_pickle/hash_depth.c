/* hash_depth.c - objects so deep that to hash them would overflow the C stack.

   Hashing a tuple hashes its items, and so on down, in C and on the C stack; compat.h knows the other types for which that
   holds.  The hash of a frozenset is made from those that it keeps, and whatever Python code computes is guarded by its
   recursion limit.  Walk down such an object before the interpreter does, with a stack that has an end.  Each part is visited
   as often as hashing would visit it, so this takes no longer than the hash itself.

   What is hashed is known for the opcodes that fill containers, and for calls of sets and dicts and of their methods with
   items that lie in a list or tuple.  An iterator is not looked into, nor what other functions do with their arguments. */
#include "unpickler.h"

enum { HASH_DEPTH = 2500 };

typedef struct {
    PyObject *object;
    Py_ssize_t next;
} HashWalk;

/* A part of an object with P5_HASH_NESTS, borrowed; NULL after the last. */
static PyObject *
hashed_part(PyObject *obj, Py_ssize_t i)
{
    PyObject *args;

    if (PyTuple_Check(obj))
        return i < PyTuple_GET_SIZE(obj) ? PyTuple_GET_ITEM(obj, i) : NULL;
    if (PySlice_Check(obj))
        return i == 0 ? ((PySliceObject *)obj)->start : i == 1 ? ((PySliceObject *)obj)->stop
             : i == 2 ? ((PySliceObject *)obj)->step : NULL;
    if (i > 0)
        return NULL;
    if (PyMethod_Check(obj))
        return PyMethod_GET_SELF(obj);
    args = PyObject_GetAttrString(obj, "__args__");   /* of an alias, which keeps it */
    Py_XDECREF(args);
    PyErr_Clear();
    return args;
}

static int COLD
walk_down(PyObject *key)
{
    HashWalk *walk = PyMem_Malloc(HASH_DEPTH * sizeof *walk);
    Py_ssize_t depth = 0;
    PyObject *part;

    if (walk == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    walk[0].object = key;
    walk[0].next = 0;
    while (depth >= 0) {
        part = hashed_part(walk[depth].object, walk[depth].next++);
        if (part == NULL) {
            depth--;
            continue;
        }
        if (!P5_HASH_NESTS(part))
            continue;
        if (++depth == HASH_DEPTH)
            break;
        walk[depth].object = part;
        walk[depth].next = 0;
    }
    PyMem_Free(walk);
    return depth < 0 ? 0 : -2;
}

ROOM int
check_hash_depth(Unpickler *u, PyObject *key)
{
    PyObject *part;
    Py_ssize_t i;
    int result = 0;

    if (!P5_HASH_NESTS(key))
        return 0;
    for (i = 0; (part = hashed_part(key, i)) != NULL; i++) {
        if (P5_HASH_NESTS(part)) {
            result = walk_down(key);
            break;
        }
    }
    if (result == -2)
        return load_fail(u, PyExc_RecursionError, "a %.200s nested more than %zd deep cannot be hashed", Py_TYPE(key)->tp_name,
                         (Py_ssize_t)HASH_DEPTH);
    return result;
}

/* ---- calls ---- */

/* What a function hashes: nothing, all its arguments or what is in them, its first, or the keys of pairs. */
enum hashes { HASHES_NOTHING, HASHES_ALL, HASHES_FIRST, HASHES_PAIRS };

static enum hashes
hashes_of_type(PyTypeObject *type)
{
    if (PyType_FastSubclass(type, Py_TPFLAGS_DICT_SUBCLASS))
        return HASHES_PAIRS;
    return PyType_IsSubtype(type, &PySet_Type) || PyType_IsSubtype(type, &PyFrozenSet_Type) ? HASHES_ALL : HASHES_NOTHING;
}

/* Those of dict take pairs, or a key first and then a value. */
static enum hashes
hashes_of_method(PyTypeObject *type, int is_update)
{
    enum hashes hashes = hashes_of_type(type);

    return hashes == HASHES_PAIRS && !is_update ? HASHES_FIRST : hashes;
}

/* `self`: how many arguments come before those. */
static enum hashes
hashes_of(PyObject *callable, Py_ssize_t *self)
{
    const char *name;
    PyObject *of;

    *self = 0;
    if (PyType_Check(callable))
        return hashes_of_type((PyTypeObject *)callable);
    if (PyCFunction_Check(callable) && (of = PyCFunction_GET_SELF(callable)) != NULL) {
        name = ((PyCFunctionObject *)callable)->m_ml->ml_name;
        if (PyModule_Check(of))
            return strcmp(name, "hash") == 0 ? HASHES_FIRST : HASHES_NOTHING;
        return hashes_of_method(PyType_Check(of) ? (PyTypeObject *)of : Py_TYPE(of), strcmp(name, "update") == 0);
    }
    if (Py_IS_TYPE(callable, &PyMethodDescr_Type) || Py_IS_TYPE(callable, &PyWrapperDescr_Type)) {
        *self = 1;
        return hashes_of_method(PyDescr_TYPE(callable),
                                PyUnicode_CompareWithASCIIString(PyDescr_NAME(callable), "update") == 0);
    }
    return HASHES_NOTHING;
}

/* The key of what is a pair, as dict() takes it. */
static PyObject *
key_of_pair(PyObject *pair)
{
    return (PyTuple_Check(pair) || PyList_Check(pair)) && PySequence_Fast_GET_SIZE(pair) == 2
        ? PySequence_Fast_GET_ITEM(pair, 0) : NULL;
}

/* An argument: what is in a list or tuple, or the key itself. */
static int
check_argument(Unpickler *u, PyObject *argument, enum hashes hashes)
{
    PyObject *key;
    Py_ssize_t i;

    if (!PyTuple_Check(argument) && !PyList_Check(argument))
        return check_hash_depth(u, argument);
    for (i = 0; i < PySequence_Fast_GET_SIZE(argument); i++) {
        key = PySequence_Fast_GET_ITEM(argument, i);
        if (hashes == HASHES_PAIRS)
            key = key_of_pair(key);
        if (key != NULL && check_hash_depth(u, key) < 0)
            return -1;
    }
    return 0;
}

ROOM int
check_what_call_hashes(Unpickler *u, PyObject *callable, PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t i;
    enum hashes hashes = hashes_of(callable, &i);

    if (hashes == HASHES_NOTHING)
        return 0;
    if (hashes == HASHES_FIRST && count > i + 1)
        count = i + 1;
    for (; i < count; i++) {
        if (check_argument(u, arguments[i], hashes) < 0)
            return -1;
    }
    return 0;
}
