/* find_class.c - globals: from names to objects. */
#include "unpickler.h"

/* Python 2's name for something, by the tables of fix_imports.  Both are replaced where the tables say so. */
static int
map_names(State *st, PyObject **module_name, PyObject **name)
{
    PyObject *key = NULL, *pair = NULL, *mapped = NULL;
    int found;

    key = PyTuple_Pack(2, *module_name, *name);
    if (key == NULL)
        return -1;
    found = PyDict_GetItemRef(st->names_2to3, key, &pair);
    Py_DECREF(key);
    if (found < 0)
        return -1;
    if (found) {
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2)
            fail(PyExc_RuntimeError, "_compat_pickle.NAME_MAPPING values should be 2-tuples, not %.200s",
                 Py_TYPE(pair)->tp_name);
        else if (!PyUnicode_Check(PyTuple_GET_ITEM(pair, 0)) || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 1)))
            fail(PyExc_RuntimeError, "_compat_pickle.NAME_MAPPING values should be pairs of str, not (%.200s, %.200s)",
                 Py_TYPE(PyTuple_GET_ITEM(pair, 0))->tp_name, Py_TYPE(PyTuple_GET_ITEM(pair, 1))->tp_name);
        else {
            Py_SETREF(*module_name, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
            Py_SETREF(*name, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
            Py_DECREF(pair);
            return 0;
        }
        Py_DECREF(pair);
        return -1;
    }
    found = PyDict_GetItemRef(st->imports_2to3, *module_name, &mapped);
    if (found <= 0)
        return found;
    if (!PyUnicode_Check(mapped)) {
        fail(PyExc_RuntimeError, "_compat_pickle.IMPORT_MAPPING values should be strings, not %.200s",
             Py_TYPE(mapped)->tp_name);
        Py_DECREF(mapped);
        return -1;
    }
    Py_SETREF(*module_name, mapped);
    return 0;
}

/* The dict of what is just a module, borrowed; NULL for all else.  Up to 3.10 one that was made without __init__ has none. */
static PyObject *
dict_of_module(PyObject *module)
{
    return PyModule_CheckExact(module) ? PyModule_GetDict(module) : NULL;
}

/* An attribute of a module, by a name that is interned, so that the interpreter's caches know it again.  All that
   modules have by themselves begins with two underscores; other names are looked for in the module's dict first. */
static PyObject *
get_from_module(PyObject *module, PyObject *name)
{
    PyObject *dict = dict_of_module(module), *value = NULL;

    if (dict != NULL && !is_dunder(name) && PyDict_GetItemRef(dict, name, &value) != 0)
        return value;
    return PyObject_GetAttr(module, name);
}

/* The same by any name. */
static PyObject *
get_interned(PyObject *module, PyObject *name)
{
    PyObject *value;

    if (!PyUnicode_CheckExact(name))
        return PyObject_GetAttr(module, name);
    Py_INCREF(name);
    PyUnicode_InternInPlace(&name);
    value = PyObject_GetAttr(module, name);
    Py_DECREF(name);
    return value;
}

/* Below protocol 4 a dot in the name means nothing. */
static PyObject *
get_global(Unpickler *u, PyObject *module, PyObject *module_name, PyObject *name)
{
    PyObject *value;
    Py_ssize_t dot;

    if (u->protocol < 4 || !PyUnicode_Check(name))
        return get_interned(module, name);
    dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
    if (dot == -2)
        return NULL;
    if (dot == -1)
        return get_interned(module, name);
    value = walk_dotted(module, name, NULL);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError))
        fail_from(PyExc_AttributeError, "Can't resolve path %R on module %R", name, module_name);
    return value;
}

/* Is importing still what it was when the engine was loaded? */
static int
import_is_plain(State *st)
{
    PyObject *builtins = PyEval_GetBuiltins();

    return builtins != NULL && PyDict_CheckExact(builtins) && PyCFunction_Check(st->builtin_import)
        && PyDict_GetItemWithError(builtins, st->s___import__) == st->builtin_import;
}

/* Is the module being imported just now, perhaps by another thread?  -1 on error. */
static int
is_initializing(State *st, PyObject *module)
{
    PyObject *dict = dict_of_module(module), *spec = NULL, *flag = NULL;
    int found = 0, result = 0;

    if (dict != NULL)
        found = PyDict_GetItemRef(dict, st->s___spec__, &spec);
    if (found == 0)
        found = PyObject_GetOptionalAttr(module, st->s___spec__, &spec);
    if (found <= 0)
        return found;
    found = PyObject_GetOptionalAttr(spec, st->s__initializing, &flag);
    Py_DECREF(spec);
    if (found > 0) {
        result = PyObject_IsTrue(flag);
        Py_DECREF(flag);
    }
    return found < 0 ? -1 : result;
}

/* A module that is imported already, with the package it is in (or NULL): 1; 0 where the import machinery has to be
   asked; -1 on error. */
static int
find_imported(State *st, PyObject *name, PyObject *package_name, PyObject **module)
{
    PyObject *package = NULL;
    int found;

    if (!import_is_plain(st))
        return PyErr_Occurred() ? -1 : 0;
    if (package_name != NULL) {
        found = loaded_module(st, package_name, &package);
        if (found <= 0)
            return found;
        Py_DECREF(package);
    }
    found = loaded_module(st, name, module);
    if (found <= 0)
        return found;
    found = *module == Py_None ? 1 : is_initializing(st, *module);
    if (found == 0)
        return 1;
    Py_CLEAR(*module);
    PyErr_Clear();              /* whatever it was, the machinery meets it again */
    return 0;
}

static PyObject *
import_module(State *st, PyObject *name, PyObject *package)
{
    PyObject *module = NULL;

    if (find_imported(st, name, package, &module) < 0)
        return NULL;
    return module != NULL ? module : PyImport_Import(name);
}

/* The part of a module's name before its first dot, a new reference; NULL where it has none, or with an exception. */
static PyObject *
package_of(PyObject *module_name)
{
    Py_ssize_t dot = PyUnicode_FindChar(module_name, '.', 0, PyUnicode_GET_LENGTH(module_name), 1);

    return dot < 0 ? NULL : PyUnicode_Substring(module_name, 0, dot);
}

static PyObject *
import_any(State *st, PyObject *module_name)
{
    PyObject *package, *module;

    if (!PyUnicode_CheckExact(module_name))
        return PyImport_Import(module_name);
    package = package_of(module_name);
    if (package == NULL && PyErr_Occurred())
        return NULL;
    module = import_module(st, module_name, package);
    Py_XDECREF(package);
    return module;
}

/* Each pickle brings the names of its globals as new strings, which would have to be hashed, cut and interned each time.
   So those that were met last are kept, and found by their text. */

static void
forget_global_names(GlobalNames *kept)
{
    Py_CLEAR(kept->module_name);
    Py_CLEAR(kept->package);
    Py_CLEAR(kept->name);
}

static int
keep_names(GlobalNames *kept, PyObject *module_name, PyObject *name)
{
    forget_global_names(kept);
    kept->package = package_of(module_name);
    if (kept->package == NULL && PyErr_Occurred())
        return -1;
    if (kept->package != NULL)
        PyUnicode_InternInPlace(&kept->package);
    kept->module_name = Py_NewRef(module_name);
    PyUnicode_InternInPlace(&kept->module_name);
    kept->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&kept->name);
    return 0;
}

static ALWAYS_INLINE int
same_ascii(PyObject *kept, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);

    return PyUnicode_GET_LENGTH(kept) == length
        && memcmp(PyUnicode_1BYTE_DATA(kept), PyUnicode_1BYTE_DATA(text), (size_t)length) == 0;
}

static int
is_short_name(PyObject *text)
{
    return PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text) && PyUnicode_GET_LENGTH(text) > 0
        && PyUnicode_GET_LENGTH(text) < 200;
}

/* The kept names, new references: 1; 0 where these names are not kept; -1 on error. */
static int
kept_names(State *st, PyObject *module_name, PyObject *name, GlobalNames *found)
{
    const unsigned char *first, *second;
    Py_ssize_t m, n;
    GlobalNames *kept;

    if (!is_short_name(module_name) || !is_short_name(name))
        return 0;
    first = PyUnicode_1BYTE_DATA(module_name);
    second = PyUnicode_1BYTE_DATA(name);
    m = PyUnicode_GET_LENGTH(module_name);
    n = PyUnicode_GET_LENGTH(name);
    kept = &st->global_names[(m + first[m - 1] + 5 * (n + second[0]) + 11 * second[n / 2] + 23 * second[n - 1])
                             % GLOBAL_NAMES];
    if (kept->name == NULL || !same_ascii(kept->name, name) || !same_ascii(kept->module_name, module_name)) {
        if (memchr(second, '.', (size_t)n) != NULL)
            return 0;
        if (keep_names(kept, module_name, name) < 0)
            return -1;
    }
    found->module_name = Py_NewRef(kept->module_name);
    found->package = Py_XNewRef(kept->package);
    found->name = Py_NewRef(kept->name);
    return 1;
}

ROOM PyObject *
find_class(Unpickler *u, PyObject *module_name, PyObject *name)
{
    PyObject *module = NULL, *value = NULL;
    GlobalNames names;
    int got;

    if (P5_Audit("pickle.find_class", "OO", module_name, name) < 0)
        return NULL;
    Py_INCREF(module_name);
    Py_INCREF(name);
    if (u->protocol < 3 && u->fix_imports && map_names(u->st, &module_name, &name) < 0)
        goto done;
    got = kept_names(u->st, module_name, name, &names);
    if (got > 0) {
        module = import_module(u->st, names.module_name, names.package);
        if (module != NULL)
            value = get_from_module(module, names.name);
        forget_global_names(&names);
    }
    else if (got == 0) {
        module = import_any(u->st, module_name);
        if (module != NULL)
            value = get_global(u, module, module_name, name);
    }
done:
    Py_XDECREF(module);
    Py_DECREF(module_name);
    Py_DECREF(name);
    return value;
}

ROOM PyObject *
find_global(Unpickler *u, PyObject *module_name, PyObject *name)
{
    PyObject *method, *value, *args[2];

    if (LIKELY(u->object == NULL))
        return find_class(u, module_name, name);
    method = PyObject_GetAttr(u->object, u->st->s_find_class);
    if (method == NULL)
        return NULL;
    args[0] = module_name;
    args[1] = name;
    value = P5_Call(method, args, 2);
    Py_DECREF(method);
    return value;
}

/* One of the two lines of GLOBAL, as str. */
static PyObject *
read_name(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;

    if (reader_line(&u->in, &line, &length) < 0)
        return NULL;
    if (length < 2) {
        reader_truncated(&u->in);
        return NULL;
    }
    return PyUnicode_DecodeUTF8((const char *)line, length - 1, "strict");
}

ROOM int
load_global(Unpickler *u)
{
    PyObject *module_name, *name = NULL, *value = NULL;

    module_name = read_name(u);
    if (module_name == NULL)
        return -1;
    name = read_name(u);
    if (name != NULL)
        value = find_global(u, module_name, name);
    Py_XDECREF(name);
    Py_DECREF(module_name);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_stack_global(Unpickler *u)
{
    PyObject **first = u->stack.top - 2, *value;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    if (!PyUnicode_CheckExact(first[0]) || !PyUnicode_CheckExact(first[1]))
        return load_fail(u, u->st->UnpicklingError, "STACK_GLOBAL requires str");
    value = find_global(u, first[0], first[1]);
    if (value == NULL)
        return -1;
    stack_cut(&u->stack, first);
    return stack_push(&u->stack, value);
}

/* The object that an extension code stands for; found once, then kept in copyreg's cache. */
static PyObject *
find_extension(Unpickler *u, PyObject *code)
{
    State *st = u->st;
    PyObject *pair = NULL, *value = NULL;
    int found = PyDict_GetItemRef(st->extension_cache, code, &value);

    if (found != 0)
        return found < 0 ? NULL : value;
    found = PyDict_GetItemRef(st->inverted_registry, code, &pair);
    if (found < 0)
        return NULL;
    if (!found) {
        load_fail(u, PyExc_ValueError, "unregistered extension code %S", code);
        return NULL;
    }
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0))
            || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 1)))
        load_fail(u, PyExc_ValueError, "_inverted_registry[%S] isn't a 2-tuple of strings", code);
    else
        value = find_global(u, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    Py_DECREF(pair);
    if (value != NULL && PyDict_SetItem(st->extension_cache, code, value) < 0)
        Py_CLEAR(value);
    return value;
}

ROOM int
load_extension(Unpickler *u, int width)
{
    uint32_t number = 0;
    PyObject *code, *value;
    int i;

    if (reader_need(&u->in, width) < 0)
        return -1;
    for (i = width; i-- > 0;)
        number = number << 8 | u->in.pos[i];
    u->in.pos += width;
    if (number == 0 || number > INT32_MAX)
        return load_fail(u, u->st->UnpicklingError, "EXT specifies code <= 0");
    code = PyLong_FromLong((long)number);
    if (code == NULL)
        return -1;
    value = find_extension(u, code);
    Py_DECREF(code);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}
