/* unpickler.c - the Unpickler type, load() and loads(). */
#include "unpickler.h"
#include "args.h"

enum { LOAD_FILE, LOAD_FIX_IMPORTS, LOAD_ENCODING, LOAD_ERRORS, LOAD_BUFFERS, LOAD_ARGS };

static const ArgSpec load_spec = {
    "load", 0, 1, 1, LOAD_ARGS, {"file", "fix_imports", "encoding", "errors", "buffers"}
};
static const ArgSpec loads_spec = {
    "loads", 1, 1, 1, LOAD_ARGS, {"", "fix_imports", "encoding", "errors", "buffers"}
};
static const ArgSpec unpickler_spec = {
    "Unpickler", 0, 1, 1, LOAD_ARGS, {"file", "fix_imports", "encoding", "errors", "buffers"}
};

/* What the keywords say. */
typedef struct {
    int fix_imports;
    enum encoding encoding_kind;
    const char *encoding;
    const char *errors;
    PyObject *buffers;          /* a new reference, or NULL */
} Settings;

static int
parse_settings(const ArgSpec *spec, PyObject **args, Settings *settings)
{
    settings->buffers = NULL;
    settings->fix_imports = parse_flag(args[LOAD_FIX_IMPORTS], 1);
    if (settings->fix_imports < 0)
        return -1;
    settings->encoding = parse_text(spec, args[LOAD_ENCODING], "encoding", "ASCII");
    if (settings->encoding == NULL)
        return -1;
    settings->encoding_kind = strcmp(settings->encoding, "ASCII") == 0 ? ENCODING_ASCII
                            : strcmp(settings->encoding, "bytes") == 0 ? ENCODING_BYTES : ENCODING_OTHER;
    settings->errors = parse_text(spec, args[LOAD_ERRORS], "errors", "strict");
    if (settings->errors == NULL)
        return -1;
    if (args[LOAD_BUFFERS] == NULL || args[LOAD_BUFFERS] == Py_None)
        return 0;
    settings->buffers = PyObject_GetIter(args[LOAD_BUFFERS]);
    return settings->buffers == NULL ? -1 : 0;
}

static void
apply_settings(Unpickler *u, const Settings *settings)
{
    u->fix_imports = settings->fix_imports;
    u->encoding = settings->encoding;
    u->errors = settings->errors;
    u->buffers = settings->buffers;
    u->encoding_kind = settings->encoding_kind;
}

/* All but the reader. */
static void
unpickler_core_init(Unpickler *u, State *st)
{
    u->st = st;
    u->busy = 0;
    u->buffers = u->object = u->persistent_load = NULL;
    stack_init(&u->stack);
    unpickler_memo_init(&u->memo);
    plan_init(&u->plan);
    rows_init(&u->rows);
}

/* Load one pickle. */
static PyObject *
load_one(Unpickler *u)
{
    PyObject *value;

    u->protocol = 0;
    u->known_tuple = NULL;
    u->calls_unmade = u->calls_end = 0;
    u->raised = u->gc_wanted = u->gc_held = u->fresh_count = u->name_count = 0;
    reader_start(&u->in);
    value = run_machine(u);
    if (value != NULL && reader_stop(&u->in) < 0)
        Py_CLEAR(value);
    stack_clear(&u->stack, 1);
    if (u->name_count > 0)
        forget_names(u);
    return value;
}

/* Load one pickle with an Unpickler that nobody else sees, and throw it away. */
static PyObject *
load_once(Unpickler *u)
{
    PyObject *value;

    u->rows.wanted = 1;
    value = load_one(u);
    rows_clear(&u->rows);
    unpickler_memo_drop(&u->memo);
    plan_clear(&u->plan);
    reader_clear(&u->in);
    Py_CLEAR(u->buffers);
    return value;
}

UNUSED PyDoc_STRVAR(pickle_load_doc,
"load($module, /, file, *, fix_imports=True, encoding='ASCII',\n"
"     errors='strict', buffers=())\n"
"--\n\n"
"Read one pickled object from an open file.\n\n"
"The file needs a read(n) and a readline() method that return bytes; its\n"
"readinto() and peek() are used where it has them. It is left just after\n"
"the pickle. The protocol is found out from the pickle.\n\n"
"What Python 2 pickled is read with the help of three keywords: under\n"
"*fix_imports* its names of modules and functions are mapped to today's,\n"
"and its str is decoded with *encoding* and *errors*; encoding 'bytes'\n"
"keeps it as bytes. *buffers* is an iterable over the buffers that went\n"
"out of band, in the order in which buffer_callback was given them.\n\n"
"Loading a pickle can run any code: load only what you trust.");

ROOM PyObject *
pickle_load(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames)
{
    State *st = (State *)PyModule_GetState(module);
    PyObject *given[LOAD_ARGS];
    Settings settings;
    Unpickler u;

    if (parse_fastcall(&load_spec, args, nargs, kwnames, given) < 0
            || parse_settings(&load_spec, given, &settings) < 0)
        return NULL;
    unpickler_core_init(&u, st);
    apply_settings(&u, &settings);
    if (reader_init_file(&u.in, st, given[LOAD_FILE]) < 0) {
        Py_XDECREF(settings.buffers);
        return NULL;
    }
    u.plan.wanted = 1;          /* bytes that were read belong to this load alone */
    return load_once(&u);
}

UNUSED PyDoc_STRVAR(pickle_loads_doc,
"loads($module, data, /, *, fix_imports=True, encoding='ASCII',\n"
"      errors='strict', buffers=())\n"
"--\n\n"
"Read one pickled object from a bytes-like object.\n\n"
"What comes after the pickle is ignored. The keywords are those of load().\n\n"
"Loading a pickle can run any code: load only what you trust.");

ROOM PyObject *
pickle_loads(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const Settings default_settings = {1, ENCODING_ASCII, "ASCII", "strict", NULL};
    State *st = (State *)PyModule_GetState(module);
    PyObject *given[LOAD_ARGS], *value;
    Settings settings = default_settings;
    Py_buffer view;
    Unpickler u;

    if (LIKELY(nargs == 1 && kwnames == NULL))
        given[LOAD_FILE] = args[0];
    else if (parse_fastcall(&loads_spec, args, nargs, kwnames, given) < 0
             || parse_settings(&loads_spec, given, &settings) < 0)
        return NULL;
    unpickler_core_init(&u, st);
    apply_settings(&u, &settings);
    if (LIKELY(PyBytes_CheckExact(given[LOAD_FILE]))) {
        reader_init_memory(&u.in, st, (const unsigned char *)PyBytes_AS_STRING(given[LOAD_FILE]),
                           PyBytes_GET_SIZE(given[LOAD_FILE]));
        u.plan.wanted = 1;      /* bytes do not change under the load */
        return load_once(&u);
    }
    if (PyObject_GetBuffer(given[LOAD_FILE], &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(settings.buffers);
        return NULL;
    }
    reader_init_memory(&u.in, st, view.buf, view.len);
    value = load_once(&u);
    PyBuffer_Release(&view);
    return value;
}

/* The type. */

static int
unpickler_traverse(UnpicklerObject *self, visitproc visit, void *arg)
{
    P5_VISIT_TYPE(self);
    Py_VISIT(self->persistent_load);
    Py_VISIT(self->core.persistent_load);
    Py_VISIT(self->core.buffers);
    if (reader_traverse(&self->core.in, visit, arg) < 0)
        return -1;
    return unpickler_memo_traverse(&self->core.memo, visit, arg);
}

/* Let go of everything that __init__ set up. */
static void
unpickler_reset(UnpicklerObject *self)
{
    self->ready = 0;
    stack_clear(&self->core.stack, 1);
    reader_clear(&self->core.in);
    Py_CLEAR(self->core.buffers);
    unpickler_memo_clear(&self->core.memo);
    PyMem_Free(self->encoding);
    PyMem_Free(self->errors);
    self->encoding = self->errors = NULL;
}

static int
unpickler_clear(UnpicklerObject *self)
{
    if (self->core.busy)
        return 0;
    Py_CLEAR(self->persistent_load);
    if (self->core.st != NULL)
        unpickler_reset(self);
    return 0;
}

static void
unpickler_dealloc(UnpicklerObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    int owns = P5_DEALLOC_OWNS_TYPE(type, (destructor)unpickler_dealloc);

    PyObject_GC_UnTrack(self);
    (void)unpickler_clear(self);
    type->tp_free((PyObject *)self);
    if (owns)
        Py_DECREF(type);
}

static PyObject *
unpickler_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    State *st = state_of_type(type, (traverseproc)unpickler_traverse);
    UnpicklerObject *self;

    if (st == NULL)
        return NULL;
    self = (UnpicklerObject *)type->tp_alloc(type, 0);
    if (self != NULL)
        unpickler_core_init(&self->core, st);
    return (PyObject *)self;
}

static int
already_used(void)
{
    return fail(PyExc_RuntimeError, "Unpickler object is already used");
}

static char *
copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = PyMem_Malloc(size);

    if (copy == NULL)
        PyErr_NoMemory();
    else
        memcpy(copy, text, size);
    return copy;
}

static int
unpickler_init(UnpicklerObject *self, PyObject *args, PyObject *kwargs)
{
    Unpickler *u = &self->core;
    PyObject *given[LOAD_ARGS];
    Settings settings;
    Reader in;
    char *encoding = NULL, *errors = NULL;

    if (u->busy)
        return already_used();
    self->ready = 0;
    if (parse_tuple(&unpickler_spec, args, kwargs, given) < 0
            || parse_settings(&unpickler_spec, given, &settings) < 0)
        return -1;
    if (reader_init_file(&in, u->st, given[LOAD_FILE]) < 0) {
        Py_XDECREF(settings.buffers);
        return -1;
    }
    encoding = copy_text(settings.encoding);
    errors = encoding == NULL ? NULL : copy_text(settings.errors);
    /* What the file's attributes or the iterator ran may have come here before us. */
    if (errors == NULL || u->busy) {
        if (errors != NULL)
            already_used();
        PyMem_Free(encoding);
        PyMem_Free(errors);
        reader_clear(&in);
        Py_XDECREF(settings.buffers);
        return -1;
    }
    u->busy = 1;
    unpickler_reset(self);
    u->busy = 0;
    settings.encoding = self->encoding = encoding;
    settings.errors = self->errors = errors;
    apply_settings(u, &settings);
    u->in = in;
    self->ready = 1;
    return 0;
}

static PyObject *unpickler_persistent_load(UnpicklerObject *self, PyObject *pid);

/* Find the hooks of this load: those of the instance, or of a subclass. */
static int
find_load_hooks(UnpicklerObject *self)
{
    Unpickler *u = &self->core;
    PyObject *hook = Py_XNewRef(self->persistent_load);

    u->object = NULL;
    if (!Py_IS_TYPE((PyObject *)self, u->st->Unpickler_Type)) {
        u->object = (PyObject *)self;
        if (hook == NULL) {
            hook = PyObject_GetAttr((PyObject *)self, u->st->s_persistent_load);
            if (hook == NULL)
                return -1;
        }
    }
    if (hook != NULL && PyCFunction_Check(hook) && PyCFunction_GET_SELF(hook) == (PyObject *)self
            && PyCFunction_GET_FUNCTION(hook) == P5_CFUNCTION(unpickler_persistent_load))
        Py_CLEAR(hook);
    Py_XSETREF(u->persistent_load, hook);
    return 0;
}

PyDoc_STRVAR(unpickler_load_doc,
"load($self, /)\n--\n\n"
"Read the next pickle from the file and return its object.");

static PyObject *
unpickler_load(UnpicklerObject *self, PyObject *Py_UNUSED(ignored))
{
    Unpickler *u = &self->core;
    PyObject *value = NULL;

    if (u->busy) {
        already_used();
        return NULL;
    }
    if (!self->ready)
        return fail_null(u->st->UnpicklingError, "Unpickler.__init__() was not called by %s.__init__()",
                         Py_TYPE(self)->tp_name);
    u->busy = 1;
    if (find_load_hooks(self) == 0)
        value = load_one(u);
    Py_CLEAR(u->persistent_load);
    u->busy = 0;
    return value;
}

PyDoc_STRVAR(unpickler_find_class_doc,
"find_class($self, module_name, global_name, /)\n--\n\n"
"Return the object that a pickle names: import the module if need be, and\n"
"take the name from it. From protocol 4 on the name may have dots.\n\n"
"This is called for every class and function that a pickle refers to. A\n"
"subclass may override it, for instance to allow only some of them.");

static PyObject *
unpickler_find_class(UnpicklerObject *self, P5_Args args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const ArgSpec spec = {"find_class", 2, 2, 2, 2, {"", ""}};
    PyObject *given[2];

    if (parse_fastcall(&spec, args, nargs, kwnames, given) < 0)
        return NULL;
    return find_class(&self->core, given[0], given[1]);
}

ROOM int
no_persistent_load(State *st)
{
    return fail(st->UnpicklingError,
                "A load persistent id instruction was encountered, but no persistent_load function was specified.");
}

PyDoc_STRVAR(unpickler_persistent_load_doc,
"persistent_load($self, pid, /)\n--\n\n"
"Return the object that a persistent id stands for. This one knows of none\n"
"and raises UnpicklingError; a subclass, or a function set as attribute of\n"
"the Unpickler, takes its place.");

static PyObject *
unpickler_persistent_load(UnpicklerObject *self, PyObject *Py_UNUSED(pid))
{
    no_persistent_load(self->core.st);
    return NULL;
}

PyDoc_STRVAR(unpickler_sizeof_doc, "__sizeof__($self, /)\n--\n\nReturns size in memory, in bytes.");

static PyObject *
unpickler_sizeof(UnpicklerObject *self, PyObject *Py_UNUSED(ignored))
{
    const Unpickler *u = &self->core;
    Py_ssize_t size = Py_TYPE(self)->tp_basicsize;

    size += stack_allocated(&u->stack) + unpickler_memo_allocated(&u->memo) + reader_allocated(&u->in);
    if (self->encoding != NULL)
        size += (Py_ssize_t)strlen(self->encoding) + 1;
    if (self->errors != NULL)
        size += (Py_ssize_t)strlen(self->errors) + 1;
    return PyLong_FromSsize_t(size);
}

static PyObject *
unpickler_get_memo(UnpicklerObject *self, void *Py_UNUSED(closure))
{
    return new_unpickler_memo_proxy(self);
}

static int
unpickler_set_memo(UnpicklerObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return assign_unpickler_memo(self, value);
}

/* persistent_load is a method that an instance may have its own of, although it has no __dict__. */
static int
names_hook(UnpicklerObject *self, PyObject *name)
{
    if (name == self->core.st->s_persistent_load)
        return 1;
    return PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "persistent_load") == 0;
}

static PyObject *
unpickler_getattro(UnpicklerObject *self, PyObject *name)
{
    if (self->persistent_load != NULL && names_hook(self, name))
        return Py_NewRef(self->persistent_load);
    return PyObject_GenericGetAttr((PyObject *)self, name);
}

static int
unpickler_setattro(UnpicklerObject *self, PyObject *name, PyObject *value)
{
    if (names_hook(self, name)) {
        Py_XSETREF(self->persistent_load, Py_XNewRef(value));
        return 0;
    }
    return PyObject_GenericSetAttr((PyObject *)self, name, value);
}

PyDoc_STRVAR(unpickler_doc,
"Unpickler(file, *, fix_imports=True, encoding='ASCII', errors='strict',\n"
"          buffers=())\n"
"--\n\n"
"Reads pickles from a file, one with each call of load(); what one pickle\n"
"memoized, the next can refer to. The arguments are those of load().\n\n"
"Loading a pickle can run any code: load only what you trust.");

static PyMethodDef unpickler_methods[] = {
    {"load", P5_CFUNCTION(unpickler_load), METH_NOARGS, unpickler_load_doc},
    {"find_class", P5_CFUNCTION(unpickler_find_class), P5_METH_FASTCALL, unpickler_find_class_doc},
    {"persistent_load", P5_CFUNCTION(unpickler_persistent_load), METH_O, unpickler_persistent_load_doc},
    {"__sizeof__", P5_CFUNCTION(unpickler_sizeof), METH_NOARGS, unpickler_sizeof_doc},
    {NULL, NULL, 0, NULL}
};

static PyGetSetDef unpickler_getset[] = {
    {"memo", (getter)unpickler_get_memo, (setter)unpickler_set_memo, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}
};

static PyType_Slot unpickler_slots[] = {
    {Py_tp_new, (void *)unpickler_new},
    {Py_tp_init, (void *)unpickler_init},
    {Py_tp_dealloc, (void *)unpickler_dealloc},
    {Py_tp_traverse, (void *)unpickler_traverse},
    {Py_tp_clear, (void *)unpickler_clear},
    {Py_tp_getattro, (void *)unpickler_getattro},
    {Py_tp_setattro, (void *)unpickler_setattro},
    {Py_tp_methods, unpickler_methods},
    {Py_tp_getset, unpickler_getset},
    {Py_tp_doc, (void *)unpickler_doc},
    {0, NULL}
};

static PyType_Spec unpickler_type_spec = {
    "pickle5._pickle.Unpickler", sizeof(UnpicklerObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, unpickler_slots
};

ROOM int
add_unpickler(PyObject *module, State *st)
{
    if (add_unpickler_memo(module, st) < 0)
        return -1;
    st->Unpickler_Type = make_type(module, &unpickler_type_spec);
    if (st->Unpickler_Type == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "Unpickler", (PyObject *)st->Unpickler_Type);
}
