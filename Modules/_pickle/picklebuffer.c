/* picklebuffer.c - see picklebuffer.h.

   From 3.8 on this only takes the interpreter's type.  Before, it makes one: an object that holds a Py_buffer, acquired
   once with the fullest request and let go by release().  A view of a PickleBuffer is a view of what is behind it: our
   getbuffer asks the original exporter again, so views taken earlier stay valid after release(). */
#include "picklebuffer.h"
#include "errors.h"

#if !P5_OWN_PICKLEBUFFER

ROOM int
add_picklebuffer(PyObject *module, State *st)
{
    st->PickleBuffer_Type = (PyTypeObject *)Py_NewRef((PyObject *)&PyPickleBuffer_Type);
    return PyModule_AddObjectRef(module, "PickleBuffer", (PyObject *)st->PickleBuffer_Type);
}

ROOM const Py_buffer *
picklebuffer_get(State *Py_UNUSED(st), PyObject *op)
{
    return PyPickleBuffer_GetBuffer(op);
}

#else

#define PICKLE5_BUILDING_ENGINE
#include "../../Include/picklebufobject.h"

typedef struct {
    PyObject_HEAD
    Py_buffer view;             /* view.obj is NULL once released */
    PyObject *weakrefs;
} PickleBuffer;

static const Py_buffer *
held_view(PickleBuffer *self)
{
    if (self->view.obj == NULL) {
        fail(PyExc_ValueError, "operation forbidden on released PickleBuffer object");
        return NULL;
    }
    return &self->view;
}

static PyObject *
picklebuffer_from(PyTypeObject *type, PyObject *base)
{
    PickleBuffer *self = (PickleBuffer *)type->tp_alloc(type, 0);

    if (self != NULL && PyObject_GetBuffer(base, &self->view, PyBUF_FULL_RO) < 0) {
        self->view.obj = NULL;
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *
picklebuffer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t given = PyTuple_GET_SIZE(args), all = given + (kwargs == NULL ? 0 : PyDict_Size(kwargs));

    if (given < 1)
        return fail_null(PyExc_TypeError, "PickleBuffer() takes exactly 1 positional argument (0 given)");
    if (all > 1)
        return fail_null(PyExc_TypeError, "PickleBuffer() takes at most 1 argument (%zd given)", all);
    return picklebuffer_from(type, PyTuple_GET_ITEM(args, 0));
}

static int
picklebuffer_traverse(PickleBuffer *self, visitproc visit, void *arg)
{
    P5_VISIT_TYPE(self);
    Py_VISIT(self->view.obj);
    return 0;
}

static int
picklebuffer_clear(PickleBuffer *self)
{
    PyBuffer_Release(&self->view);
    return 0;
}

static void
picklebuffer_dealloc(PickleBuffer *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    PyBuffer_Release(&self->view);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int
picklebuffer_getbuffer(PickleBuffer *self, Py_buffer *view, int flags)
{
    if (held_view(self) == NULL) {
        view->obj = NULL;
        return -1;
    }
    return PyObject_GetBuffer(self->view.obj, view, flags);
}


PyDoc_STRVAR(raw_doc,
"raw($self, /)\n--\n\n"
"Return a one-dimensional memoryview of the bytes behind this buffer.\n\n"
"BufferError is raised if the buffer is contiguous neither in C nor in Fortran order.");

/* A memoryview of any shape, and then its description made flat.  Its master buffer, which the exporter gets back, is
   another struct and stays as it was. */
static PyObject *
picklebuffer_raw(PickleBuffer *self, PyObject *Py_UNUSED(ignored))
{
    PyMemoryViewObject *memory = NULL;
    Py_buffer *flat;

    if (held_view(self) == NULL)
        return NULL;
    if (!PyBuffer_IsContiguous(&self->view, 'A'))
        return fail_null(PyExc_BufferError, "cannot extract raw buffer from non-contiguous buffer");
    memory = (PyMemoryViewObject *)PyMemoryView_FromObject((PyObject *)self);
    if (memory == NULL)
        return NULL;
    flat = PyMemoryView_GET_BUFFER(memory);
    flat->itemsize = 1;
    flat->format = "B";
    flat->ndim = 1;
    flat->shape = &flat->len;
    flat->strides = &flat->itemsize;
    flat->suboffsets = NULL;
    memory->flags = _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN;
    return (PyObject *)memory;
}

PyDoc_STRVAR(release_doc,
"release($self, /)\n--\n\n"
"Let go of the underlying buffer; the PickleBuffer cannot be used any more.");

static PyObject *
picklebuffer_release(PickleBuffer *self, PyObject *Py_UNUSED(ignored))
{
    PyBuffer_Release(&self->view);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(picklebuffer_doc, "A wrapper for a buffer that pickle may keep out of the stream (protocol 5).");

static PyMethodDef picklebuffer_methods[] = {
    {"raw", P5_CFUNCTION(picklebuffer_raw), METH_NOARGS, raw_doc},
    {"release", P5_CFUNCTION(picklebuffer_release), METH_NOARGS, release_doc},
    {NULL, NULL, 0, NULL}
};

static PyType_Slot picklebuffer_slots[] = {
    {Py_tp_new, (void *)picklebuffer_new},
    {Py_tp_dealloc, (void *)picklebuffer_dealloc},
    {Py_tp_traverse, (void *)picklebuffer_traverse},
    {Py_tp_clear, (void *)picklebuffer_clear},
    {Py_tp_methods, picklebuffer_methods},
    {Py_tp_doc, (void *)picklebuffer_doc},
    {0, NULL}
};

static PyType_Spec picklebuffer_spec = {
    "pickle5.PickleBuffer", sizeof(PickleBuffer), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, picklebuffer_slots
};

/* The C API. */

static PickleBuffer *
checked_picklebuffer(PyTypeObject *type, PyObject *op)
{
    if (Py_IS_TYPE(op, type))
        return (PickleBuffer *)op;
    fail(PyExc_TypeError, "expected PickleBuffer, %.200s found", Py_TYPE(op)->tp_name);
    return NULL;
}

static const Py_buffer *
capi_get_buffer(PyTypeObject *type, PyObject *op)
{
    PickleBuffer *self = checked_picklebuffer(type, op);
    return self == NULL ? NULL : held_view(self);
}

static int
capi_release(PyTypeObject *type, PyObject *op)
{
    PickleBuffer *self = checked_picklebuffer(type, op);
    if (self == NULL)
        return -1;
    PyBuffer_Release(&self->view);
    return 0;
}

static void
free_capi(PyObject *capsule)
{
    Pickle5_PickleBuffer_CAPI *api = PyCapsule_GetPointer(capsule, PICKLE5_PICKLEBUFFER_CAPSULE);
    Py_DECREF(api->type);
    PyMem_Free(api);
}

static PyObject *
make_capi(PyTypeObject *type)
{
    PyObject *capsule;
    Pickle5_PickleBuffer_CAPI *api = PyMem_Malloc(sizeof *api);

    if (api == NULL)
        return PyErr_NoMemory();
    api->type = type;
    api->from_object = picklebuffer_from;
    api->get_buffer = capi_get_buffer;
    api->release = capi_release;
    capsule = PyCapsule_New(api, PICKLE5_PICKLEBUFFER_CAPSULE, free_capi);
    if (capsule == NULL)
        PyMem_Free(api);
    else
        Py_INCREF(type);
    return capsule;
}

ROOM int
add_picklebuffer(PyObject *module, State *st)
{
    PyTypeObject *type = NULL;
    PyObject *capsule = NULL;
    int result;

    if (st->stands_in) {        /* there is one type: others look for it in pickle5 */
        st->PickleBuffer_Type = (PyTypeObject *)import_from("pickle5._pickle", "PickleBuffer", &PyType_Type);
        if (st->PickleBuffer_Type == NULL)
            return -1;
        return PyModule_AddObjectRef(module, "PickleBuffer", (PyObject *)st->PickleBuffer_Type);
    }
    type = make_type(module, &picklebuffer_spec);
    if (type == NULL)
        return -1;
    st->PickleBuffer_Type = type;
    type->tp_as_buffer->bf_getbuffer = (getbufferproc)picklebuffer_getbuffer;
    type->tp_weaklistoffset = offsetof(PickleBuffer, weakrefs);
    capsule = make_capi(type);
    if (capsule == NULL)
        return -1;
    result = PyModule_AddObjectRef(module, "_PickleBuffer_CAPI", capsule);
    Py_DECREF(capsule);
    if (result < 0)
        return -1;
    return PyModule_AddObjectRef(module, "PickleBuffer", (PyObject *)type);
}

ROOM const Py_buffer *
picklebuffer_get(State *st, PyObject *op)
{
    return capi_get_buffer(st->PickleBuffer_Type, op);
}

#endif
