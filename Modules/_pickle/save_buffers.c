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

    end_plain(p);
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

    end_plain(p);
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

/* A bytearray's or PickleBuffer's memory, held while foreign code may run: a callback or a file's write could release or
   resize it. */
typedef struct {
    Py_buffer buffer;
    PyObject *flat;           /* what a file is handed in place of a copy; NULL where nothing needs it */
} HeldView;

static void
drop_view(HeldView *view)
{
    Py_XDECREF(view->flat);
    PyBuffer_Release(&view->buffer);
}

static int
hold_view(Pickler *p, PyObject *obj, HeldView *view)
{
    view->flat = NULL;
    if (PyObject_GetBuffer(obj, &view->buffer, PyBUF_FULL_RO) < 0)
        return -1;
    if (!PyBuffer_IsContiguous(&view->buffer, 'A')) {
        PyBuffer_Release(&view->buffer);
        return fail(p->st->PicklingError, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer");
    }
    if (p->out.write != NULL && view->buffer.len >= LARGE_OBJECT) {
        view->flat = flat_view(p, obj);
        if (view->flat == NULL) {
            PyBuffer_Release(&view->buffer);
            return -1;
        }
    }
    return 0;
}

static int
save_view(Pickler *p, const HeldView *view, int readonly)
{
    const char *data = (const char *)view->buffer.buf;

    if (readonly)
        return save_bytes_data(p, view->flat, data, view->buffer.len);
    return save_bytearray_data(p, view->flat, data, view->buffer.len);
}

ROOM enum saved
save_bytearray(Pickler *p, PyObject *obj, int unique)
{
    HeldView view;
    enum saved result = SAVE_ERROR;

    if (UNLIKELY(p->protocol < 5))
        return save_bytearray_by_call(p, obj);
    end_plain(p);
    if (hold_view(p, obj, &view) < 0)
        return SAVE_ERROR;
    if (save_view(p, &view, 0) == 0 && memoize(p, obj, unique) == 0)
        result = SAVED;
    drop_view(&view);
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
    HeldView view;
    int in_band, readonly, result = -1;

    if (p->protocol < 5)
        return fail(p->st->PicklingError, "PickleBuffer can only be pickled with protocol >= 5");
    if (picklebuffer_get(p->st, obj) == NULL)
        return -1;
    Py_INCREF(obj);
    end_plain(p);
    if (hold_view(p, obj, &view) < 0)
        goto done;
    readonly = view.buffer.readonly;
    in_band = ask_buffer_callback(p, obj);
    if (in_band > 0) {
        result = save_view(p, &view, readonly);
        if (result == 0)
            result = memoize(p, obj, unique && p->buffer_callback == NULL);
    }
    else if (in_band == 0) {
        result = put_op(&p->out, OP_NEXT_BUFFER);
        if (result == 0 && readonly)
            result = put_op(&p->out, OP_READONLY_BUFFER);
    }
    drop_view(&view);
    ran_foreign(p);   /* an exporter may be written in Python */
done:
    Py_DECREF(obj);
    return result;
}
