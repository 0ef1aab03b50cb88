/* pickler_memo.c - Pickler.memo: a proxy that shows the memo as a dict and takes one. */
#include "pickler.h"

typedef struct {
    PyObject_HEAD
    PicklerObject *pickler;
} PicklerMemoObject;

static int
pickler_memo_traverse(PyObject *op, visitproc visit, void *arg)
{
    P5_VISIT_TYPE(op);
    Py_VISIT(((PicklerMemoObject *)op)->pickler);
    return 0;
}

static int
pickler_memo_clear_slot(PyObject *op)
{
    Py_CLEAR(((PicklerMemoObject *)op)->pickler);
    return 0;
}

static void
pickler_memo_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    int owns_type = P5_DEALLOC_OWNS_TYPE(type, pickler_memo_dealloc);

    PyObject_GC_UnTrack(op);
    (void)pickler_memo_clear_slot(op);
    type->tp_free(op);
    if (owns_type)
        Py_DECREF(type);
}

/* The memo behind the proxy; RuntimeError where the proxy was made by hand. */
static Memo *
memo_of(PyObject *op)
{
    PicklerObject *pickler = ((PicklerMemoObject *)op)->pickler;

    if (pickler == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this memo belongs to no Pickler");
        return NULL;
    }
    return &pickler->core.memo;
}

PyDoc_STRVAR(memo_clear_doc,
"clear($self, /)\n"
"--\n"
"\n"
"Empty the memo.");

static PyObject *
pickler_memo_clear(PyObject *op, PyObject *Py_UNUSED(unused))
{
    Memo *memo = memo_of(op);

    if (memo == NULL)
        return NULL;
    memo_clear(memo);
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(memo_copy_doc,
"copy($self, /)\n"
"--\n"
"\n"
"The memo as a new dict: {id(object): (number, object)}.");

static PyObject *
pickler_memo_copy(PyObject *op, PyObject *Py_UNUSED(unused))
{
    Memo *memo = memo_of(op);
    return memo == NULL ? NULL : memo_as_dict(memo);
}

PyDoc_STRVAR(memo_reduce_doc,
"__reduce__($self, /)\n"
"--\n"
"\n"
"Pickle the memo as a dict.");

static PyObject *
pickler_memo_reduce(PyObject *op, PyObject *Py_UNUSED(unused))
{
    PyObject *dict = pickler_memo_copy(op, NULL);

    if (dict == NULL)
        return NULL;
    return Py_BuildValue("O(N)", (PyObject *)&PyDict_Type, dict);
}

static PyMethodDef pickler_memo_methods[] = {
    {"clear", pickler_memo_clear, METH_NOARGS, memo_clear_doc},
    {"copy", pickler_memo_copy, METH_NOARGS, memo_copy_doc},
    {"__reduce__", pickler_memo_reduce, METH_NOARGS, memo_reduce_doc},
    {NULL, NULL, 0, NULL}
};

static PyType_Slot pickler_memo_slots[] = {
    {Py_tp_dealloc, (void *)pickler_memo_dealloc},
    {Py_tp_traverse, (void *)pickler_memo_traverse},
    {Py_tp_clear, (void *)pickler_memo_clear_slot},
    {Py_tp_methods, (void *)pickler_memo_methods},
    {Py_tp_hash, (void *)PyObject_HashNotImplemented},
    {0, NULL}
};

static PyType_Spec pickler_memo_spec = {
    "pickle5._pickle.PicklerMemoProxy",
    sizeof(PicklerMemoObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    pickler_memo_slots
};

ROOM int
add_pickler_memo(PyObject *module, State *st)
{
    st->PicklerMemo_Type = make_type(module, &pickler_memo_spec);
    return st->PicklerMemo_Type == NULL ? -1 : 0;
}

ROOM PyObject *
pickler_get_memo(PyObject *op, void *Py_UNUSED(closure))
{
    PyTypeObject *type = ((PicklerObject *)op)->core.st->PicklerMemo_Type;
    PicklerMemoObject *proxy = (PicklerMemoObject *)type->tp_alloc(type, 0);

    if (proxy != NULL)
        proxy->pickler = (PicklerObject *)Py_NewRef(op);
    return (PyObject *)proxy;
}

ROOM int
pickler_set_memo(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    PicklerObject *self = (PicklerObject *)op;
    Memo *from;

    if (value == NULL)
        return fail(PyExc_TypeError, "attribute deletion is not supported");
    self->core.tuple_visits++;
    self->core.frozenset_visits++;
    self->core.reduce_visits++;
    if (PyDict_Check(value))
        return memo_from_dict(&self->core.memo, value);
    if (!PyObject_TypeCheck(value, self->core.st->PicklerMemo_Type)) {
        PyErr_Format(PyExc_TypeError, "'memo' attribute must be a PicklerMemoProxy object or dict, not %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    from = memo_of(value);
    return from == NULL ? -1 : memo_copy(&self->core.memo, from);
}
