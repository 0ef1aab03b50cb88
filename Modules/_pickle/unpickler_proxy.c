/* unpickler_proxy.c - what Unpickler.memo gives: a small object that stands for the memo, so that it can be copied to
   another Unpickler without becoming a dict. */
#include "unpickler.h"

typedef struct {
    PyObject_HEAD
    UnpicklerObject *unpickler;
} UnpicklerMemoProxy;

static int
unpickler_proxy_traverse(UnpicklerMemoProxy *self, visitproc visit, void *arg)
{
    P5_VISIT_TYPE(self);
    Py_VISIT(self->unpickler);
    return 0;
}

static int
unpickler_proxy_clear(UnpicklerMemoProxy *self)
{
    Py_CLEAR(self->unpickler);
    return 0;
}

static void
unpickler_proxy_dealloc(UnpicklerMemoProxy *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->unpickler);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(unpickler_proxy_clear_doc, "clear($self, /)\n--\n\nForget all entries of the memo.");

static PyObject *
unpickler_proxy_forget(UnpicklerMemoProxy *self, PyObject *Py_UNUSED(ignored))
{
    if (self->unpickler != NULL)
        unpickler_memo_clear(&self->unpickler->core.memo);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unpickler_proxy_copy_doc, "copy($self, /)\n--\n\nThe memo as a new dict: its numbers and their objects.");

static PyObject *
unpickler_proxy_copy(UnpicklerMemoProxy *self, PyObject *Py_UNUSED(ignored))
{
    return self->unpickler == NULL ? PyDict_New() : unpickler_memo_as_dict(&self->unpickler->core.memo);
}

PyDoc_STRVAR(unpickler_proxy_reduce_doc, "__reduce__($self, /)\n--\n\nThe memo is pickled and copied as a dict.");

static PyObject *
unpickler_proxy_reduce(UnpicklerMemoProxy *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *dict = unpickler_proxy_copy(self, NULL);
    return dict == NULL ? NULL : Py_BuildValue("(O(N))", (PyObject *)&PyDict_Type, dict);
}

static PyMethodDef unpickler_proxy_methods[] = {
    {"clear", P5_CFUNCTION(unpickler_proxy_forget), METH_NOARGS, unpickler_proxy_clear_doc},
    {"copy", P5_CFUNCTION(unpickler_proxy_copy), METH_NOARGS, unpickler_proxy_copy_doc},
    {"__reduce__", P5_CFUNCTION(unpickler_proxy_reduce), METH_NOARGS, unpickler_proxy_reduce_doc},
    {NULL, NULL, 0, NULL}
};

static PyType_Slot unpickler_proxy_slots[] = {
    {Py_tp_dealloc, (void *)unpickler_proxy_dealloc},
    {Py_tp_traverse, (void *)unpickler_proxy_traverse},
    {Py_tp_clear, (void *)unpickler_proxy_clear},
    {Py_tp_hash, (void *)PyObject_HashNotImplemented},
    {Py_tp_methods, unpickler_proxy_methods},
    {0, NULL}
};

static PyType_Spec unpickler_proxy_spec = {
    "pickle5._pickle.UnpicklerMemoProxy", sizeof(UnpicklerMemoProxy), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    unpickler_proxy_slots
};

ROOM int
add_unpickler_memo(PyObject *module, State *st)
{
    st->UnpicklerMemo_Type = make_type(module, &unpickler_proxy_spec);
    if (st->UnpicklerMemo_Type == NULL)
        return -1;
    P5_FORBID_NEW(st->UnpicklerMemo_Type);
    return 0;
}

ROOM PyObject *
new_unpickler_memo_proxy(UnpicklerObject *unpickler)
{
    PyTypeObject *type = unpickler->core.st->UnpicklerMemo_Type;
    UnpicklerMemoProxy *proxy = (UnpicklerMemoProxy *)type->tp_alloc(type, 0);

    if (proxy != NULL)
        proxy->unpickler = (UnpicklerObject *)Py_NewRef((PyObject *)unpickler);
    return (PyObject *)proxy;
}

ROOM int
assign_unpickler_memo(UnpicklerObject *unpickler, PyObject *value)
{
    UnpicklerMemo memo;
    PyTypeObject *proxy_type = unpickler->core.st->UnpicklerMemo_Type;
    UnpicklerObject *from;
    int result = 0;

    if (value == NULL)
        return fail(PyExc_TypeError, "attribute deletion is not supported");
    unpickler_memo_init(&memo);
    if (Py_IS_TYPE(value, proxy_type)) {
        from = ((UnpicklerMemoProxy *)value)->unpickler;
        if (from != NULL)
            result = unpickler_memo_copy(&memo, &from->core.memo);
    }
    else if (PyDict_Check(value))
        result = unpickler_memo_from_dict(&memo, value);
    else
        return fail(PyExc_TypeError, "'memo' attribute must be an UnpicklerMemoProxy object or dict, not %.200s",
                    Py_TYPE(value)->tp_name);
    if (result < 0)
        unpickler_memo_clear(&memo);
    else
        unpickler_memo_replace(&unpickler->core.memo, &memo);
    return result;
}
