/* save_buffers.c - bytes, bytearray and PickleBuffer, in band and out of band. */
#include "pickler.h"

/* Call one of the interpreter's own callables on arguments made here. */
static enum saved
save_made_call(Pickler *p, PyObject *obj, PyObject *callable, PyObject *args)
{
    enum saved result;

    if (args == NULL)
        return SAVE_ERROR;
    result = save_call(p, obj, callable, args);
    Py_DECREF(args);
    return result;
}

/* bytes below protocol 3: codecs.encode(text, "latin1"), or bytes(). */
static enum saved COLD
save_bytes_by_call(Pickler *p, PyObject *obj)
{
    PyObject *text = NULL, *args = NULL;

    if (PyBytes_GET_SIZE(obj) == 0)
        return save_call(p, obj, (PyObject *)&PyBytes_Type, p->st->empty_tuple);
    text = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(obj), PyBytes_GET_SIZE(obj), "strict");
    if (text == NULL)
        return SAVE_ERROR;
    args = PyTuple_Pack(2, text, p->st->s_latin1);
    Py_DECREF(text);
    return save_made_call(p, obj, p->st->codecs_encode, args);
}

ROOM enum saved
save_bytes(Pickler *p, PyObject *obj, int unique)
{
    enum saved result = SAVE_ERROR;

    if (UNLIKELY(p->protocol < 3))
        return save_bytes_by_call(p, obj);
    Py_INCREF(obj);   /* a large one goes to the file, which is foreign code */
    if (save_bytes_data(p, obj, PyBytes_AS_STRING(obj), PyBytes_GET_SIZE(obj)) == 0
            && memoize(p, obj, unique) == 0)
        result = SAVED;
    Py_DECREF(obj);
    return result;
}

/* BYTEARRAY8, length, body. */
static int
save_bytearray_data(Pickler *p, PyObject *obj, const char *data, Py_ssize_t size)
{
    unsigned char header[9];

    header[0] = OP_BYTEARRAY8;
    put_u64le(header + 1, (uint64_t)size);
    if (size >= LARGE_OBJECT) {
        if (writer_put_large(&p->out, header, sizeof(header), data, (size_t)size, obj) < 0)
            return -1;
        if (p->out.write != NULL)
            ran_foreign(p);
        return 0;
    }
    if (put_bytes(&p->out, header, sizeof(header)) < 0)
        return -1;
    return put_bytes(&p->out, data, (size_t)size);
}

/* bytearray below protocol 5: bytearray(bytes), or bytearray(). */
static enum saved COLD
save_bytearray_by_call(Pickler *p, PyObject *obj)
{
    PyObject *body = NULL, *args = NULL;
    PyObject *callable = (PyObject *)&PyByteArray_Type;

    if (PyByteArray_GET_SIZE(obj) == 0)
        return save_call(p, obj, callable, p->st->empty_tuple);
    body = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(obj), PyByteArray_GET_SIZE(obj));
    if (body == NULL)
        return SAVE_ERROR;
    args = PyTuple_Pack(1, body);
    Py_DECREF(body);
    return save_made_call(p, obj, callable, args);
}

/* What a file is handed in place of a copy: a flat view of the memory, which has a length in bytes. */
static PyObject *
flat_view(Pickler *p, PyObject *obj)
{
    if (picklebuffer_check(p->st, obj))
        return PyObject_CallMethod(obj, "raw", NULL);
    return PyMemoryView_FromObject(obj);
}

/* Memory that foreign code may resize is held through a buffer of its own while it is written. */
static int
save_view(Pickler *p, PyObject *obj, int readonly)
{
    Py_buffer view;
    PyObject *flat = NULL;
    int result = -1;

    if (PyObject_GetBuffer(obj, &view, PyBUF_FULL_RO) < 0)
        return -1;
    if (!PyBuffer_IsContiguous(&view, 'A')) {
        fail(p->st->PicklingError, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer");
        goto done;
    }
    if (p->out.write != NULL && view.len >= LARGE_OBJECT) {
        flat = flat_view(p, obj);
        if (flat == NULL)
            goto done;
    }
    if (readonly)
        result = save_bytes_data(p, flat, (const char *)view.buf, view.len);
    else
        result = save_bytearray_data(p, flat, (const char *)view.buf, view.len);
done:
    Py_XDECREF(flat);
    PyBuffer_Release(&view);
    return result;
}

ROOM enum saved
save_bytearray(Pickler *p, PyObject *obj, int unique)
{
    enum saved result = SAVE_ERROR;

    if (UNLIKELY(p->protocol < 5))
        return save_bytearray_by_call(p, obj);
    Py_INCREF(obj);
    if (save_view(p, obj, 0) == 0 && memoize(p, obj, unique) == 0)
        result = SAVED;
    Py_DECREF(obj);
    return result;
}

/* Ask the callback: 1 in band, 0 out of band, -1 error. */
static int
ask_buffer_callback(Pickler *p, PyObject *obj)
{
    PyObject *answer = NULL;
    int in_band;

    if (p->buffer_callback == NULL)
        return 1;
    answer = PyObject_CallOneArg(p->buffer_callback, obj);
    ran_foreign(p);
    if (answer == NULL)
        return -1;
    in_band = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return in_band;
}

ROOM int
save_picklebuffer(Pickler *p, PyObject *obj, int unique)
{
    const Py_buffer *view;
    int in_band, readonly, result = -1;

    if (p->protocol < 5)
        return fail(p->st->PicklingError, "PickleBuffer can only be pickled with protocol >= 5");
    Py_INCREF(obj);
    view = picklebuffer_get(p->st, obj);
    if (view == NULL)
        goto done;
    if (!PyBuffer_IsContiguous(view, 'A')) {
        fail(p->st->PicklingError, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer");
        goto done;
    }
    readonly = view->readonly;
    in_band = ask_buffer_callback(p, obj);
    if (in_band < 0)
        goto done;
    if (in_band) {
        /* the callback may have released the buffer: it is taken anew */
        if (p->buffer_callback != NULL && picklebuffer_get(p->st, obj) == NULL)
            goto done;
        result = save_view(p, obj, readonly);
        if (result == 0)
            result = memoize(p, obj, unique && p->buffer_callback == NULL);
    }
    else {
        result = put_op(&p->out, OP_NEXT_BUFFER);
        if (result == 0 && readonly)
            result = put_op(&p->out, OP_READONLY_BUFFER);
    }
done:
    Py_DECREF(obj);
    return result;
}
