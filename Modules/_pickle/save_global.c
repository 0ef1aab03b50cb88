/* save_global.c - classes, functions and whatever else is written by name.

   An object's name is its module and its qualified name; both are checked by importing the one and walking the other
   before anything is written.  How it is written depends on the protocol:

     extension code          EXT1, EXT2, EXT4         (protocol 2 on, where copyreg knows one)
     protocol 4 on           the two names as str objects, STACK_GLOBAL
     below, a plain name     GLOBAL module NL name NL (Python 2's names under fix_imports below protocol 3)
     below, a nested name    getattr(getattr(module's first name, "second"), "third")

   The names and getattr are saved like any object, so persistent_id sees them and they may need walks: WALK_GLOBAL and
   WALK_NESTED_GLOBAL keep the names in a tuple in `aux`. */
#include "save_inline.h"

/* ---- finding the names ---- */

/* Private names are mangled inside classes: A.__f is found as A._A__f.  `previous` is the class's own name. */
static PyObject *
mangle(PyObject *part, PyObject *previous)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(part), strip = 0, length = PyUnicode_GET_LENGTH(previous);
    PyObject *stripped = NULL, *mangled = NULL;

    if (size < 2 || PyUnicode_READ_CHAR(part, 0) != '_' || PyUnicode_READ_CHAR(part, 1) != '_')
        return Py_NewRef(part);
    if (PyUnicode_READ_CHAR(part, size - 1) == '_' && PyUnicode_READ_CHAR(part, size - 2) == '_')
        return Py_NewRef(part);
    while (strip < length && PyUnicode_READ_CHAR(previous, strip) == '_')
        strip++;
    if (strip == length)
        return Py_NewRef(part);
    stripped = PyUnicode_Substring(previous, strip, length);
    if (stripped == NULL)
        return NULL;
    mangled = PyUnicode_FromFormat("_%U%U", stripped, part);
    Py_DECREF(stripped);
    return mangled;
}

ROOM PyObject *
lookup_name(PyObject *qualname)
{
    PyObject *dot = NULL, *parts = NULL, *mangled = NULL, *result = NULL;
    Py_ssize_t i, count;

    if (PyUnicode_FindChar(qualname, '.', 0, PyUnicode_GET_LENGTH(qualname), 1) < 0)
        return Py_NewRef(qualname);
    dot = PyUnicode_FromString(".");
    if (dot == NULL)
        return NULL;
    parts = PyUnicode_Split(qualname, dot, -1);
    if (parts == NULL)
        goto done;
    count = PyList_GET_SIZE(parts);
    for (i = count - 1; i > 0; i--) {
        mangled = mangle(PyList_GET_ITEM(parts, i), PyList_GET_ITEM(parts, i - 1));
        if (mangled == NULL || PyList_SetItem(parts, i, mangled) < 0)
            goto done;
    }
    result = PyUnicode_Join(dot, parts);
done:
    Py_XDECREF(parts);
    Py_DECREF(dot);
    return result;
}

/* Does walking `name` from `module` lead to `obj`?  Whatever goes wrong on the way means no. */
static int
module_has(PyObject *module, PyObject *name, PyObject *obj)
{
    PyObject *found = walk_dotted(module, name, NULL);

    if (found == NULL) {
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(found);
    return found == obj;
}

/* The name of the loaded module that has `obj` under `name`; __main__ where none has. */
static PyObject *COLD
search_modules(State *st, PyObject *obj, PyObject *name)
{
    PyObject *modules = PyImport_GetModuleDict(), *items = NULL, *pair, *result = NULL;
    Py_ssize_t i;

    if (modules == NULL)
        return fail_null(PyExc_RuntimeError, "unable to get sys.modules");
    items = PyMapping_Items(modules);   /* a snapshot: attribute access may import more */
    if (items == NULL)
        return NULL;
    for (i = 0; result == NULL && i < PyList_GET_SIZE(items); i++) {
        pair = PyList_GET_ITEM(items, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0)))
            continue;
        if (PyTuple_GET_ITEM(pair, 1) == Py_None
                || PyUnicode_Compare(PyTuple_GET_ITEM(pair, 0), st->s___main__) == 0
                || PyUnicode_Compare(PyTuple_GET_ITEM(pair, 0), st->s___mp_main__) == 0)
            continue;
        if (module_has(PyTuple_GET_ITEM(pair, 1), name, obj))
            result = Py_NewRef(PyTuple_GET_ITEM(pair, 0));
    }
    Py_DECREF(items);
    return result != NULL ? result : Py_NewRef(st->s___main__);
}

static PyObject *
module_name_of(State *st, PyObject *obj, PyObject *name)
{
    PyObject *module_name = NULL;

    if (PyObject_GetOptionalAttr(obj, st->s___module__, &module_name) < 0)
        return NULL;
    if (module_name != NULL && module_name != Py_None)
        return module_name;
    Py_XDECREF(module_name);
    return search_modules(st, obj, name);
}

/* Import the module and check that the name in it is this very object.  Errors are PicklingError, with the cause as
   context. */
static int
check_name(State *st, PyObject *obj, PyObject *module_name, PyObject *name)
{
    PyObject *module = NULL, *found = NULL, *raised = NULL;
    int loaded = loaded_module(st, module_name, &module), result = -1;

    if (loaded < 0)
        return -1;
    if (loaded == 0 || module == Py_None) {
        Py_XDECREF(module);
        module = PyImport_Import(module_name);
    }
    if (module == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_ImportError) && !PyErr_ExceptionMatches(PyExc_ValueError)
                && !PyErr_ExceptionMatches(PyExc_KeyError))
            return -1;
        raised = PyErr_GetRaisedException();
        PyErr_SetRaisedException(Py_NewRef(raised));
        fail_from(st->PicklingError, "Can't pickle %R: %S", obj, raised);
        Py_DECREF(raised);
        return -1;
    }
    found = walk_dotted(module, name, NULL);
    if (found == obj)
        result = 0;
    else if (found != NULL)
        fail(st->PicklingError, "Can't pickle %R: it's not the same object as %S.%S", obj, module_name, name);
    else if (PyErr_ExceptionMatches(PyExc_AttributeError))
        fail_from(st->PicklingError, "Can't pickle %R: it's not found as %S.%S", obj, module_name, name);
    Py_XDECREF(found);
    Py_DECREF(module);
    return result;
}

/* ---- extension codes ---- */

/* 1 if the name has an extension code and it is written, 0 if it has none. */
static int
save_extension(Pickler *p, PyObject *module_name, PyObject *name)
{
    PyObject *key = NULL, *code_obj = NULL;
    unsigned char *o;
    long code;
    int found;

    if (PyDict_GET_SIZE(p->st->extension_registry) == 0)
        return 0;
    key = PyTuple_Pack(2, module_name, name);
    if (key == NULL)
        return -1;
    found = PyDict_GetItemRef(p->st->extension_registry, key, &code_obj);
    Py_DECREF(key);
    if (found <= 0)
        return found;
    code = PyLong_AsLong(code_obj);
    Py_DECREF(code_obj);
    if (code == -1 && PyErr_Occurred())
        return -1;
    if (code <= 0 || code > 0x7fffffffL) {
        PyErr_Format(PyExc_RuntimeError, "extension code %ld is out of range", code);
        return -1;
    }
    if (writer_reserve(&p->out, 5) < 0)
        return -1;
    o = p->out.next;
    put_u32le(o + 1, (uint32_t)code);
    o[0] = code <= 0xff ? OP_EXT1 : code <= 0xffff ? OP_EXT2 : OP_EXT4;
    p->out.next = o + (code <= 0xff ? 2 : code <= 0xffff ? 3 : 5);
    return 1;
}

/* ---- GLOBAL ---- */

static int COLD
bad_mapping(const char *table, const char *kind, PyObject *value)
{
    PyErr_Format(PyExc_RuntimeError, "_compat_pickle.%s values should be %s, not %.200s", table, kind,
                 Py_TYPE(value)->tp_name);
    return -1;
}

/* Replace the names by Python 2's where those differ.  Both are owned by the caller. */
static int
python2_names(State *st, PyObject **module_name, PyObject **name)
{
    PyObject *key = NULL, *value = NULL;
    int found;

    key = PyTuple_Pack(2, *module_name, *name);
    if (key == NULL)
        return -1;
    found = PyDict_GetItemRef(st->names_3to2, key, &value);
    Py_DECREF(key);
    if (found < 0)
        return -1;
    if (found > 0) {
        if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(value, 0))
                || !PyUnicode_Check(PyTuple_GET_ITEM(value, 1))) {
            bad_mapping("REVERSE_NAME_MAPPING", "2-tuples of str", value);
            Py_DECREF(value);
            return -1;
        }
        Py_SETREF(*module_name, Py_NewRef(PyTuple_GET_ITEM(value, 0)));
        Py_SETREF(*name, Py_NewRef(PyTuple_GET_ITEM(value, 1)));
        Py_DECREF(value);
        return 0;
    }
    found = PyDict_GetItemRef(st->imports_3to2, *module_name, &value);
    if (found <= 0)
        return found;
    if (!PyUnicode_Check(value)) {
        bad_mapping("REVERSE_IMPORT_MAPPING", "strings", value);
        Py_DECREF(value);
        return -1;
    }
    Py_SETREF(*module_name, value);
    return 0;
}

/* One line of GLOBAL: ASCII below protocol 3, UTF-8 in it. */
static int
put_line(Pickler *p, PyObject *text, const char *what)
{
    PyObject *encoded = NULL;
    int result = -1;

    encoded = p->protocol >= 3 ? PyUnicode_AsUTF8String(text) : PyUnicode_AsASCIIString(text);
    if (encoded == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        if (what[0] == 'm')
            return fail_from(p->st->PicklingError, "can't pickle module identifier %R using pickle protocol %zd", text,
                             (Py_ssize_t)p->protocol);
        return fail_from(p->st->PicklingError, "can't pickle global identifier %R using pickle protocol %zd", text,
                         (Py_ssize_t)p->protocol);
    }
    if (put_bytes(&p->out, PyBytes_AS_STRING(encoded), (size_t)PyBytes_GET_SIZE(encoded)) == 0)
        result = put_bytes(&p->out, "\n", 1);
    Py_DECREF(encoded);
    return result;
}

static int
put_global(Pickler *p, PyObject *module_name, PyObject *name)
{
    int result = -1;

    Py_INCREF(module_name);
    Py_INCREF(name);
    if (p->fix_imports && p->protocol < 3 && python2_names(p->st, &module_name, &name) < 0)
        goto done;
    if (put_op(&p->out, OP_GLOBAL) == 0 && put_line(p, module_name, "module") == 0)
        result = put_line(p, name, "global");
done:
    Py_DECREF(module_name);
    Py_DECREF(name);
    return result;
}

/* ---- the walks ---- */

/* aux = (module name, name) */
ROOM int
step_global(Pickler *p)
{
    Walk *walk = p->walks.top;
    enum saved saved;

    while (walk->at < 2) {
        saved = save(p, PyTuple_GET_ITEM(walk->aux, walk->at++), 0);
        if (saved != SAVED)
            return saved;
    }
    if (put_op(&p->out, OP_STACK_GLOBAL) < 0 || memoize(p, walk->obj, 0) < 0)
        return -1;
    walks_pop(&p->walks);
    return 0;
}

/* aux = (module name, first name, second name, ...): getattr as often as there are further names, then the first as a
   global, then each further name with the call that takes it. */
ROOM int
step_nested_global(Pickler *p)
{
    Walk *walk = p->walks.top;
    Py_ssize_t further = PyTuple_GET_SIZE(walk->aux) - 2;
    enum saved saved;

    for (;;) {
        if (walk->in_child) {
            walk->in_child = 0;
            if (walk->at < further) {
                if (p->protocol < 2 && put_op(&p->out, OP_MARK) < 0)
                    return -1;
            }
            else if (put_op(&p->out, p->protocol < 2 ? OP_TUPLE : OP_TUPLE2) < 0 || put_op(&p->out, OP_REDUCE) < 0)
                return -1;
            walk->at++;
        }
        if (walk->at == further && !walk->open) {
            walk->open = 1;
            if (put_global(p, PyTuple_GET_ITEM(walk->aux, 0), PyTuple_GET_ITEM(walk->aux, 1)) < 0)
                return -1;
        }
        if (walk->at == 2 * further)
            break;
        walk->in_child = 1;
        saved = save(p, walk->at < further ? p->st->builtin_getattr
                                           : PyTuple_GET_ITEM(walk->aux, walk->at - further + 2), 0);
        if (saved != SAVED)
            return saved;
    }
    if (memoize(p, walk->obj, 0) < 0)
        return -1;
    walks_pop(&p->walks);
    return 0;
}

/* (module name, first, second, ...) from a dotted name. */
static PyObject *
split_global(PyObject *module_name, PyObject *name)
{
    PyObject *dot = PyUnicode_FromString("."), *parts = NULL, *result = NULL;

    if (dot == NULL)
        return NULL;
    parts = PyUnicode_Split(name, dot, -1);
    Py_DECREF(dot);
    if (parts != NULL && PyList_Insert(parts, 0, module_name) == 0)
        result = PyList_AsTuple(parts);
    Py_XDECREF(parts);
    return result;
}

static enum saved
push_global(Pickler *p, PyObject *obj, PyObject *module_name, PyObject *name, int nested)
{
    PyObject *names = nested ? split_global(module_name, name) : PyTuple_Pack(2, module_name, name);
    Walk *walk;

    if (names == NULL)
        return SAVE_ERROR;
    walk = walks_push(&p->walks, nested ? WALK_NESTED_GLOBAL : WALK_GLOBAL, obj);
    if (walk == NULL) {
        Py_DECREF(names);
        return SAVE_ERROR;
    }
    walk->aux = names;
    return SAVE_PUSHED;
}

/* Write the name, which is checked. */
static enum saved
save_name(Pickler *p, PyObject *obj, PyObject *module_name, PyObject *name)
{
    int extension = p->protocol >= 2 ? save_extension(p, module_name, name) : 0;
    int dotted = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1) >= 0;

    if (extension != 0)
        return extension < 0 ? SAVE_ERROR : SAVED;
    if (p->protocol >= 4) {
        if (p->persistent_id != NULL || !PyUnicode_CheckExact(module_name) || !PyUnicode_CheckExact(name))
            return push_global(p, obj, module_name, name, 0);
        if (save(p, module_name, 0) < 0 || save(p, name, 0) < 0 || put_op(&p->out, OP_STACK_GLOBAL) < 0)
            return SAVE_ERROR;
        return (enum saved)memoize(p, obj, 0);
    }
    if (dotted)
        return push_global(p, obj, module_name, name, 1);
    if (put_global(p, module_name, name) < 0)
        return SAVE_ERROR;
    return (enum saved)memoize(p, obj, 0);
}

/* The qualified name of an object, or its name where it has no other. */
static PyObject *
own_name(State *st, PyObject *obj)
{
    PyObject *name = NULL;

    if (PyObject_GetOptionalAttr(obj, st->s___qualname__, &name) < 0)
        return NULL;
    return name != NULL ? name : PyObject_GetAttr(obj, st->s___name__);
}

/* Is one of the parts of the name "<locals>"? */
static int
is_local(PyObject *name)
{
    PyObject *locals = NULL;
    Py_ssize_t at;

    if (PyUnicode_FindChar(name, '<', 0, PyUnicode_GET_LENGTH(name), 1) < 0)
        return 0;
    locals = PyUnicode_FromString("<locals>");
    if (locals == NULL)
        return -1;
    at = PyUnicode_Find(name, locals, 0, PyUnicode_GET_LENGTH(name), 1);
    Py_DECREF(locals);
    return at >= 0 ? 1 : at == -2 ? -1 : 0;
}

ROOM enum saved
save_global(Pickler *p, PyObject *obj, PyObject *name)
{
    PyObject *qualname = NULL, *path = NULL, *module_name = NULL;
    enum saved result = SAVE_ERROR;
    int local;

    Py_INCREF(obj);
    ran_foreign(p);
    qualname = name != NULL ? Py_NewRef(name) : own_name(p->st, obj);
    if (qualname == NULL)
        goto done;
    if (!PyUnicode_Check(qualname)) {
        fail(p->st->PicklingError, "Can't pickle %R: its name is not a str", obj);
        goto done;
    }
    local = is_local(qualname);
    if (local > 0)
        fail(p->st->PicklingError, "Can't pickle local object %R", obj);
    if (local != 0)
        goto done;
    path = lookup_name(qualname);
    if (path == NULL)
        goto done;
    module_name = module_name_of(p->st, obj, path);
    if (module_name == NULL || check_name(p->st, obj, module_name, path) < 0)
        goto done;
    if (!PyUnicode_Check(module_name)) {
        fail(p->st->PicklingError, "Can't pickle %R: its module's name is not a str", obj);
        goto done;
    }
    result = save_name(p, obj, module_name, path);
done:
    Py_XDECREF(module_name);
    Py_XDECREF(path);
    Py_XDECREF(qualname);
    Py_DECREF(obj);
    return result;
}

/* A class, but for the three types of singletons, which are type(None) and so on. */
ROOM enum saved
save_type(Pickler *p, PyObject *obj)
{
    PyObject *singleton = NULL, *args = NULL;
    enum saved result;

    if (obj == (PyObject *)Py_TYPE(Py_None))
        singleton = Py_None;
    else if (obj == (PyObject *)Py_TYPE(Py_NotImplemented))
        singleton = Py_NotImplemented;
    else if (obj == (PyObject *)Py_TYPE(Py_Ellipsis))
        singleton = Py_Ellipsis;
    else
        return save_global(p, obj, NULL);
    args = PyTuple_Pack(1, singleton);
    if (args == NULL)
        return SAVE_ERROR;
    result = save_call(p, obj, (PyObject *)&PyType_Type, args);
    Py_DECREF(args);
    return result;
}
