/* errors.c - see errors.h.  Everything here is cold. */
#include "errors.h"
#include <stdarg.h>

/* PyUnicode_FromFormatV with %T on every version: %T is replaced by %U before the real formatting, with the display
   name of the object's type.  At most FORMAT_MAX arguments, all of them pointers or Py_ssize_t passed as %zd; other
   conversions (%d, %c, %ld) must come without a %T in the same format. */
static PyObject *COLD
format_text(const char *format, va_list args)
{
    PyObject *text = NULL, *piece = NULL, *object = NULL;
    const char *mark;
    char head[512];

    if (strstr(format, "%T") == NULL)
        return PyUnicode_FromFormatV(format, args);
    text = PyUnicode_FromString("");
    while (text != NULL && *format != '\0') {
        mark = strchr(format, '%');
        if (mark == NULL)
            mark = format + strlen(format);
        memcpy(head, format, (size_t)(mark - format));
        head[mark - format] = '\0';
        piece = PyUnicode_FromString(head);
        PyUnicode_AppendAndDel(&text, piece);
        if (text == NULL || *mark == '\0')
            break;
        if (strncmp(mark, "%zd", 3) == 0) {
            piece = PyUnicode_FromFormat("%zd", va_arg(args, Py_ssize_t));
            format = mark + 3;
        }
        else if (mark[1] == 's') {
            piece = PyUnicode_FromString(va_arg(args, const char *));
            format = mark + 2;
        }
        else {
            object = va_arg(args, PyObject *);
            switch (mark[1]) {
            case 'T': piece = type_display_name(Py_TYPE(object)); break;
            case 'N': piece = type_display_name((PyTypeObject *)object); break;
            case 'R': piece = PyObject_Repr(object); break;
            default: piece = PyObject_Str(object); break;
            }
            format = mark + 2;
        }
        PyUnicode_AppendAndDel(&text, piece);
    }
    return text;
}

static void COLD
raise_text(PyObject *exception, const char *format, va_list args)
{
    PyObject *text = format_text(format, args);
    if (text != NULL) {
        PyErr_SetObject(exception, text);
        Py_DECREF(text);
    }
}

ROOM int COLD
fail(PyObject *exception, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    raise_text(exception, format, args);
    va_end(args);
    return -1;
}

ROOM PyObject *COLD
fail_null(PyObject *exception, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    raise_text(exception, format, args);
    va_end(args);
    return NULL;
}

ROOM int COLD
fail_from(PyObject *exception, const char *format, ...)
{
    va_list args;
    PyObject *context = PyErr_GetRaisedException(), *raised;

    va_start(args, format);
    raise_text(exception, format, args);
    va_end(args);
    raised = PyErr_GetRaisedException();
    if (raised != NULL && context != NULL && raised != context)
        PyException_SetContext(raised, Py_NewRef(context));
    Py_XDECREF(context);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return -1;
}

/* Append `note` to the exception's list of notes, making it where there is none. */
static int
append_note(State *st, PyObject *exception, PyObject *note)
{
    PyObject *notes = NULL;
    int result = -1;

    if (PyObject_GetOptionalAttr(exception, st->s___notes__, &notes) < 0)
        return -1;
    if (notes == NULL) {
        notes = PyList_New(0);
        if (notes == NULL || PyObject_SetAttr(exception, st->s___notes__, notes) < 0)
            goto done;
    }
    if (PyList_Check(notes))
        result = PyList_Append(notes, note);
done:
    Py_XDECREF(notes);
    return result;
}

ROOM void COLD
add_note(State *st, const char *format, ...)
{
    va_list args;
    PyObject *exception = PyErr_GetRaisedException(), *note = NULL;

    if (exception == NULL)
        return;
    va_start(args, format);
    note = format_text(format, args);
    va_end(args);
    if (note == NULL || append_note(st, exception, note) < 0)
        PyErr_Clear();
    Py_XDECREF(note);
    PyErr_SetRaisedException(exception);
}

ROOM void COLD
extend_message(const char *format, ...)
{
    va_list args;
    PyObject *exception = PyErr_GetRaisedException(), *more = NULL, *old, *text = NULL, *arguments = NULL;

    if (exception == NULL)
        return;
    va_start(args, format);
    more = format_text(format, args);
    va_end(args);
    /* Straight to the field: an attribute looked up by a new str each time would fill the interpreter's caches. */
    old = ((PyBaseExceptionObject *)exception)->args;
    if (more != NULL && old != NULL && PyTuple_CheckExact(old) && PyTuple_GET_SIZE(old) == 1
            && PyUnicode_CheckExact(PyTuple_GET_ITEM(old, 0))) {
        text = PyUnicode_Concat(PyTuple_GET_ITEM(old, 0), more);
        if (text != NULL)
            arguments = PyTuple_Pack(1, text);
        if (arguments != NULL)
            Py_SETREF(((PyBaseExceptionObject *)exception)->args, arguments);
    }
    PyErr_Clear();
    Py_XDECREF(more);
    Py_XDECREF(text);
    PyErr_SetRaisedException(exception);
}
