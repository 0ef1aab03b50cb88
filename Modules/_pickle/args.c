/* args.c - see args.h. */
#include "args.h"

static int COLD
too_many_positional(const ArgSpec *spec, Py_ssize_t given)
{
    PyErr_Format(PyExc_TypeError, "%s() takes %s %d positional argument%s (%zd given)", spec->function,
                 spec->required >= spec->positional ? "exactly" : "at most", spec->positional,
                 spec->positional == 1 ? "" : "s", given);
    return -1;
}

static int
set_keyword(const ArgSpec *spec, PyObject *name, PyObject *value, PyObject **out)
{
    int i;

    if (!PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "keywords must be strings");
        return -1;
    }
    for (i = spec->positional_only; i < spec->count; i++) {
        if (PyUnicode_CompareWithASCIIString(name, spec->names[i]) != 0)
            continue;
        if (out[i] != NULL) {
            PyErr_Format(PyExc_TypeError, "argument for %s() given by name ('%U') and position (%d)", spec->function,
                         name, i + 1);
            return -1;
        }
        out[i] = value;
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", spec->function, name);
    return -1;
}

/* Those that can only be given by position. */
static int COLD
too_few_positional(const ArgSpec *spec, Py_ssize_t given)
{
    PyErr_Format(PyExc_TypeError, "%s() takes %s %d positional argument%s (%zd given)", spec->function,
                 spec->required >= spec->positional ? "exactly" : "at least", spec->required,
                 spec->required == 1 ? "" : "s", given);
    return -1;
}

static int
check_required(const ArgSpec *spec, PyObject **out)
{
    int i;

    for (i = 0; i < spec->required; i++) {
        if (out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s' (pos %d)", spec->function,
                         spec->names[i], i + 1);
            return -1;
        }
    }
    return 0;
}

ROOM int
parse_fastcall(const ArgSpec *spec, P5_Args args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out)
{
    Py_ssize_t i, nkw = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);

    if (UNLIKELY(nargs > spec->positional))
        return too_many_positional(spec, nargs);
    if (UNLIKELY(nargs < spec->positional_only && nargs < spec->required))
        return too_few_positional(spec, nargs);
    for (i = 0; i < nargs; i++)
        out[i] = args[i];
    for (; i < spec->count; i++)
        out[i] = NULL;
    for (i = 0; i < nkw; i++) {
        if (set_keyword(spec, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out) < 0)
            return -1;
    }
    return check_required(spec, out);
}

ROOM int
parse_tuple(const ArgSpec *spec, PyObject *args, PyObject *kwargs, PyObject **out)
{
    Py_ssize_t i, position = 0, nargs = PyTuple_GET_SIZE(args);
    PyObject *name, *value;

    if (UNLIKELY(nargs > spec->positional))
        return too_many_positional(spec, nargs);
    if (UNLIKELY(nargs < spec->positional_only && nargs < spec->required))
        return too_few_positional(spec, nargs);
    for (i = 0; i < nargs; i++)
        out[i] = PyTuple_GET_ITEM(args, i);
    for (; i < spec->count; i++)
        out[i] = NULL;
    while (kwargs != NULL && PyDict_Next(kwargs, &position, &name, &value)) {
        if (set_keyword(spec, name, value, out) < 0)
            return -1;
    }
    return check_required(spec, out);
}

ROOM int
parse_flag(PyObject *value, int default_value)
{
    if (value == NULL)
        return default_value;
    return PyObject_IsTrue(value);
}

ROOM const char *
parse_text(const ArgSpec *spec, PyObject *value, const char *name, const char *default_value)
{
    Py_ssize_t size;
    const char *text;

    if (value == NULL)
        return default_value;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s() argument '%s' must be str, not %.50s", spec->function, name,
                     value == Py_None ? "None" : Py_TYPE(value)->tp_name);
        return NULL;
    }
    text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text != NULL && strlen(text) != (size_t)size) {
        PyErr_SetString(PyExc_ValueError, "embedded null character");
        return NULL;
    }
    return text;
}
