/* pickler.c - the Pickler type, and the functions dump() and dumps(). */
#include "pickler.h"
#include "args.h"

ROOM void
pickler_init(Pickler *p, State *st)
{
    clear_struct(p, offsetof(Pickler, out));
    p->st = st;
    writer_init(&p->out);
    memo_init(&p->memo);
    walks_init(&p->walks);
    clear_struct((char *)p + offsetof(Pickler, protocol), sizeof(Pickler) - offsetof(Pickler, protocol));
    p->max_open_reduces = DEFAULT_MAX_OPEN_REDUCES;
}

ROOM void
pickler_clear(Pickler *p)
{
    writer_clear(&p->out);
    memo_clear(&p->memo);
    walks_clear(&p->walks);
    Py_CLEAR(p->persistent_id);
    Py_CLEAR(p->reducer_override);
    Py_CLEAR(p->table);
    Py_CLEAR(p->buffer_callback);
    Py_CLEAR(p->fast_open);
    Py_CLEAR(p->dispatch_table);
}

/* End a pickler that stood on the C stack, and that nothing can look at any more. */
static void
pickler_end(Pickler *p)
{
    Py_XDECREF(p->out.write);
    Py_XDECREF(p->out.bytes);
    memo_end(&p->memo);
    Py_XDECREF(p->buffer_callback);
}

/* ---- settings ---- */

/* The protocol, where it is given as an int from 0 to HIGHEST_PROTOCOL or not at all, or -1.  The default is the
   interpreter's own reader's level: 4, and 5 from 3.14 on (and see init_protocols). */
static ALWAYS_INLINE long
usual_protocol(const State *st, PyObject *protocol)
{
    long value;

    if (protocol == NULL)
        return st->default_protocol;
    if (!PyLong_CheckExact(protocol) || P5_LONG_NDIGITS(protocol) > 1 || P5_LONG_SIGN(protocol) < 0)
        return -1;
    value = P5_LONG_SIGN(protocol) == 0 ? 0 : (long)P5_LONG_DIGIT(protocol, 0);
    return value <= HIGHEST_PROTOCOL ? value : -1;
}

static int
set_protocol(Pickler *p, PyObject *protocol, PyObject *fix_imports, PyObject *buffer_callback)
{
    long value = usual_protocol(p->st, protocol);
    PyObject *index = NULL;

    if (protocol == Py_None)
        value = p->st->default_protocol;
    else if (value < 0) {
        index = PyNumber_Index(protocol);
        if (index == NULL)
            return -1;
        value = PyLong_AsLong(index);
        Py_DECREF(index);
        if (value == -1 && PyErr_Occurred())
            return -1;
        if (value < 0)
            value = p->st->highest_protocol;
        else if (value > HIGHEST_PROTOCOL) {
            PyErr_Format(PyExc_ValueError, "pickle protocol must be <= %d", HIGHEST_PROTOCOL);
            return -1;
        }
    }
    p->fix_imports = parse_flag(fix_imports, 1);
    if (p->fix_imports < 0)
        return -1;
    if (buffer_callback == Py_None)
        buffer_callback = NULL;
    if (buffer_callback != NULL && value < 5)
        return fail(PyExc_ValueError, "buffer_callback needs protocol >= 5");
    p->protocol = (int)value;
    p->bin = value > 0;
    Py_XSETREF(p->buffer_callback, Py_XNewRef(buffer_callback));
    return 0;
}

/* The same where a call most often says nothing but the protocol. */
static ALWAYS_INLINE int
set_first_protocol(Pickler *p, PyObject *protocol, PyObject *fix_imports, PyObject *buffer_callback)
{
    long value = usual_protocol(p->st, protocol);

    if (UNLIKELY(value < 0 || fix_imports != NULL || buffer_callback != NULL))
        return set_protocol(p, protocol, fix_imports, buffer_callback);
    p->fix_imports = 1;
    p->protocol = (int)value;
    p->bin = value > 0;
    return 0;
}

static int
set_file(Pickler *p, PyObject *file)
{
    PyObject *write = NULL;

    if (PyObject_GetOptionalAttr(file, p->st->s_write, &write) < 0)
        return -1;
    if (write == NULL)
        return fail(PyExc_TypeError, "file must have a 'write' attribute");
    Py_XSETREF(p->out.write, write);
    return 0;
}

/* ---- dump() and dumps() ---- */

/* Write an object to a pickler whose memo nobody sees: it begins with borrowed references (memo.c). */
static ALWAYS_INLINE int
dump_plainly(Pickler *p, PyObject *obj)
{
    p->memo.borrows = p->bin && !P5_FREE_THREADED;
    return dump_object(p, obj);
}

static const ArgSpec dump_args = {"dump", 0, 3, 2, 5, {"obj", "file", "protocol", "fix_imports", "buffer_callback"}};

PyDoc_STRVAR(pickle_dump_doc,
"dump($module, /, obj, file, protocol=None, *, fix_imports=True,\n"
"     buffer_callback=None)\n"
"--\n"
"\n"
"Pickle an object to a binary file.\n"
"\n"
"obj: the object.\n"
"file: anything with a write() method that takes bytes; large bytes-like objects may\n"
"  reach it as memoryview.  Nothing is written beyond the pickle's STOP.\n"
"protocol: int from 0 to 5; negative means 5; None the default (4, and 5 from Python\n"
"  3.14 on).\n"
"fix_imports: with protocols 0 to 2, write the names that Python 2 knows.\n"
"buffer_callback: with protocol 5, called with each PickleBuffer; a false result keeps\n"
"  its memory out of the pickle (PEP 574).\n"
"\n"
"Raises PicklingError, and whatever the object's own methods and the file raise; notes on\n"
"the exception tell where in the object it happened.  Since pickle5 1.0.");

ROOM PyObject *
pickle_dump(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *argv[ARGS_MAX];
    Pickler p;
    int result = -1;

    if (parse_fastcall(&dump_args, args, nargs, kwnames, argv) < 0)
        return NULL;
    pickler_init(&p, (State *)PyModule_GetState(module));
    if (set_protocol(&p, argv[2], argv[3], argv[4]) == 0 && set_file(&p, argv[1]) == 0
            && dump_plainly(&p, argv[0]) == 0)
        result = writer_finish_file_for_good(&p.out);
    pickler_end(&p);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static const ArgSpec dumps_args = {"dumps", 0, 2, 1, 4, {"obj", "protocol", "fix_imports", "buffer_callback"}};

PyDoc_STRVAR(pickle_dumps_doc,
"dumps($module, /, obj, protocol=None, *, fix_imports=True,\n"
"      buffer_callback=None)\n"
"--\n"
"\n"
"Pickle an object to a bytes object, and return that.\n"
"\n"
"The arguments and errors are dump()'s, but for the file.  Since pickle5 1.0.");

ROOM PyObject *
pickle_dumps(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *argv[ARGS_MAX], *result = NULL;
    Pickler p;

    if (!take_positional(&dumps_args, args, nargs, kwnames, argv)
            && parse_fastcall(&dumps_args, args, nargs, kwnames, argv) < 0)
        return NULL;
    pickler_init(&p, (State *)PyModule_GetState(module));
    p.out.expected = p.st->last_size;
    if (set_first_protocol(&p, argv[1], argv[2], argv[3]) == 0 && dump_plainly(&p, argv[0]) == 0)
        result = writer_finish_bytes(&p.out);
    if (result != NULL)
        p.st->last_size = (size_t)PyBytes_GET_SIZE(result);
    pickler_end(&p);
    return result;
}

/* ---- hooks: looked up anew for each dump ---- */

static PyObject *
pickler_persistent_id(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(obj))
{
    return Py_NewRef(Py_None);
}

/* Is the attribute that instances of this type find the one that our own type defines? */
static int
has_own_attribute(State *st, PyTypeObject *type, PyObject *name)
{
    return _PyType_Lookup(type, name) == PyDict_GetItemWithError(st->Pickler_Type->tp_dict, name);
}

static int
find_persistent_id(PicklerObject *self)
{
    Pickler *p = &self->core;

    Py_CLEAR(p->persistent_id);
    if (self->persistent_id != NULL)
        p->persistent_id = Py_NewRef(self->persistent_id);
    else if (!has_own_attribute(p->st, Py_TYPE(self), p->st->s_persistent_id)) {
        p->persistent_id = PyObject_GetAttr((PyObject *)self, p->st->s_persistent_id);
        if (p->persistent_id == NULL)
            return -1;
    }
    return 0;
}

static int
find_hooks(PicklerObject *self)
{
    Pickler *p = &self->core;

    if (find_persistent_id(self) < 0)
        return -1;
    Py_CLEAR(p->reducer_override);
    Py_CLEAR(p->table);
    if (Py_TYPE(self) == p->st->Pickler_Type) {
        p->table = Py_XNewRef(p->dispatch_table);
        return 0;
    }
    if (PyObject_GetOptionalAttr((PyObject *)self, p->st->s_reducer_override, &p->reducer_override) < 0)
        return -1;
    return PyObject_GetOptionalAttr((PyObject *)self, p->st->s_dispatch_table, &p->table) < 0 ? -1 : 0;
}

static void
drop_hooks(Pickler *p)
{
    Py_CLEAR(p->persistent_id);
    Py_CLEAR(p->reducer_override);
    Py_CLEAR(p->table);
}

/* ---- the type ---- */

static int
check_idle(PicklerObject *self)
{
    if (UNLIKELY(self->core.busy))
        return fail(PyExc_RuntimeError, "Pickler object is already used");
    return 0;
}

PyDoc_STRVAR(dump_doc,
"dump($self, obj, /)\n"
"--\n"
"\n"
"Pickle an object to the file.\n"
"\n"
"What earlier calls wrote is remembered in the memo, and is referred to rather than written\n"
"again; clear_memo() forgets it.  Errors are dump()'s, and RuntimeError where the Pickler is\n"
"at work already; the Pickler stays usable after any of them.");

static PyObject *
pickler_dump(PyObject *op, PyObject *obj)
{
    PicklerObject *self = (PicklerObject *)op;
    Pickler *p = &self->core;
    int result = -1;

    if (check_idle(self) < 0)
        return NULL;
    if (!self->ready)
        return fail_null(p->st->PicklingError, "Pickler.__init__() was not called by %s.__init__()",
                         Py_TYPE(self)->tp_name);
    p->busy = 1;
    if (find_hooks(self) == 0 && dump_object(p, obj) == 0)
        result = writer_finish_file(&p->out);
    drop_hooks(p);
    p->busy = 0;
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(clear_memo_doc,
"clear_memo($self, /)\n"
"--\n"
"\n"
"Forget which objects have been pickled: the next dump() writes all of its own anew.");

static PyObject *
pickler_clear_memo(PyObject *self, PyObject *Py_UNUSED(unused))
{
    memo_clear(&((PicklerObject *)self)->core.memo);
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(persistent_id_doc,
"persistent_id($self, obj, /)\n"
"--\n"
"\n"
"The persistent id of an object, or None to pickle the object itself.\n"
"\n"
"Called for each object.  This one always returns None; override it in a subclass, or set\n"
"it on an instance.");

PyDoc_STRVAR(sizeof_doc,
"__sizeof__($self, /)\n"
"--\n"
"\n"
"The bytes of memory that the Pickler takes, its memo and buffer included.");

static PyObject *
pickler_sizeof(PyObject *op, PyObject *Py_UNUSED(unused))
{
    Pickler *p = &((PicklerObject *)op)->core;
    size_t size = (size_t)Py_TYPE(op)->tp_basicsize + memo_sizeof(&p->memo) + walks_sizeof(&p->walks);

    if (p->out.bytes != NULL)
        size += sizeof(PyBytesObject) + (size_t)PyBytes_GET_SIZE(p->out.bytes);
    return PyLong_FromSize_t(size);
}

static PyObject *
pickler_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    State *st = state_of_type(type, pickler_traverse);
    PicklerObject *self;

    if (st == NULL)
        return NULL;
    self = (PicklerObject *)type->tp_alloc(type, 0);
    if (self != NULL)
        pickler_init(&self->core, st);
    return (PyObject *)self;
}

static const ArgSpec init_args = {"Pickler", 0, 4, 1, 4, {"file", "protocol", "fix_imports", "buffer_callback"}};

static int
pickler_tp_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PicklerObject *self = (PicklerObject *)op;
    Pickler *p = &self->core;
    PyObject *argv[ARGS_MAX];

    if (check_idle(self) < 0)
        return -1;
    self->ready = 0;
    if (parse_tuple(&init_args, args, kwargs, argv) < 0)
        return -1;
    if (set_protocol(p, argv[1], argv[2], argv[3]) < 0 || set_file(p, argv[0]) < 0)
        return -1;
    p->fast = 0;
    memo_clear(&p->memo);
    self->ready = 1;
    return 0;
}

ROOM int
pickler_traverse(PyObject *op, visitproc visit, void *arg)
{
    Pickler *p = &((PicklerObject *)op)->core;
    int result;

    P5_VISIT_TYPE(op);
    Py_VISIT(p->out.write);
    Py_VISIT(p->persistent_id);
    Py_VISIT(p->reducer_override);
    Py_VISIT(p->table);
    Py_VISIT(p->buffer_callback);
    Py_VISIT(p->fast_open);
    Py_VISIT(p->dispatch_table);
    Py_VISIT(((PicklerObject *)op)->persistent_id);
    result = walks_traverse(&p->walks, visit, arg);
    return result != 0 ? result : memo_traverse(&p->memo, visit, arg);
}

static int
pickler_tp_clear(PyObject *op)
{
    PicklerObject *self = (PicklerObject *)op;

    if (self->core.st != NULL)
        pickler_clear(&self->core);
    self->ready = 0;
    Py_CLEAR(self->persistent_id);
    return 0;
}

static void
pickler_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    int owns_type = P5_DEALLOC_OWNS_TYPE(type, pickler_dealloc);

    PyObject_GC_UnTrack(op);
    (void)pickler_tp_clear(op);
    type->tp_free(op);
    if (owns_type)
        Py_DECREF(type);
}

/* persistent_id is a method that may be replaced on instances, which have no dict of their own. */
static int
is_persistent_id(PicklerObject *self, PyObject *name)
{
    State *st = self->core.st;

    if (name == st->s_persistent_id)
        return 1;
    return PyUnicode_Check(name) && PyUnicode_Compare(name, st->s_persistent_id) == 0;
}

static PyObject *
pickler_getattro(PyObject *op, PyObject *name)
{
    PicklerObject *self = (PicklerObject *)op;

    if (self->persistent_id != NULL && is_persistent_id(self, name))
        return Py_NewRef(self->persistent_id);
    return PyObject_GenericGetAttr(op, name);
}

static int
pickler_setattro(PyObject *op, PyObject *name, PyObject *value)
{
    PicklerObject *self = (PicklerObject *)op;

    if (!is_persistent_id(self, name))
        return PyObject_GenericSetAttr(op, name, value);
    Py_XSETREF(self->persistent_id, Py_XNewRef(value));
    return 0;
}

static PyMethodDef pickler_methods[] = {
    {"persistent_id", pickler_persistent_id, METH_O, persistent_id_doc},
    {"dump", pickler_dump, METH_O, dump_doc},
    {"clear_memo", pickler_clear_memo, METH_NOARGS, clear_memo_doc},
    {"__sizeof__", pickler_sizeof, METH_NOARGS, sizeof_doc},
    {NULL, NULL, 0, NULL}
};

static PyMemberDef pickler_members[] = {
    {"bin", T_INT, offsetof(PicklerObject, core.bin), 0, NULL},
    {"fast", T_INT, offsetof(PicklerObject, core.fast), 0, NULL},
    {"dispatch_table", T_OBJECT_EX, offsetof(PicklerObject, core.dispatch_table), 0, NULL},
    {"max_open_reduces", T_PYSSIZET, offsetof(PicklerObject, core.max_open_reduces), 0, NULL},
    {NULL, 0, 0, 0, NULL}
};

static PyGetSetDef pickler_getset[] = {
    {"memo", pickler_get_memo, pickler_set_memo, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}
};

PyDoc_STRVAR(pickler_doc,
"Pickler(file, protocol=None, fix_imports=True, buffer_callback=None)\n"
"--\n"
"\n"
"A writer of pickles to one binary file.\n"
"\n"
"The arguments are dump()'s.  Subclasses may define persistent_id(obj),\n"
"reducer_override(obj) and dispatch_table; instances may set persistent_id and\n"
"dispatch_table.\n"
"\n"
"memo, fast, bin: as in the stdlib.\n"
"max_open_reduces: how many reduce values may be open inside each other before\n"
"  RecursionError stops a __reduce__ that never ends.  Since pickle5 1.0.");

static PyType_Slot pickler_slots[] = {
    {Py_tp_new, (void *)pickler_new},
    {Py_tp_init, (void *)pickler_tp_init},
    {Py_tp_dealloc, (void *)pickler_dealloc},
    {Py_tp_traverse, (void *)pickler_traverse},
    {Py_tp_clear, (void *)pickler_tp_clear},
    {Py_tp_getattro, (void *)pickler_getattro},
    {Py_tp_setattro, (void *)pickler_setattro},
    {Py_tp_methods, (void *)pickler_methods},
    {Py_tp_members, (void *)pickler_members},
    {Py_tp_getset, (void *)pickler_getset},
    {Py_tp_doc, (void *)pickler_doc},
    {0, NULL}
};

static PyType_Spec pickler_spec = {
    "pickle5._pickle.Pickler",
    sizeof(PicklerObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    pickler_slots
};

ROOM int
add_pickler(PyObject *module, State *st)
{
    st->Pickler_Type = make_type(module, &pickler_spec);
    if (st->Pickler_Type == NULL || PyModule_AddObjectRef(module, "Pickler", (PyObject *)st->Pickler_Type) < 0)
        return -1;
    return add_pickler_memo(module, st);
}
