/* names.c - see names.h. */
#include "names.h"

ROOM PyObject *
walk_dotted(PyObject *start, PyObject *dotted, PyObject **parent)
{
    PyObject *here = Py_NewRef(start), *above = NULL, *part = NULL, *next = NULL;
    Py_ssize_t from = 0, to, length = PyUnicode_GET_LENGTH(dotted);

    while (from <= length) {
        to = PyUnicode_FindChar(dotted, '.', from, length, 1);
        if (to == -2)
            goto error;
        if (to == -1)
            to = length;
        part = PyUnicode_Substring(dotted, from, to);
        if (part == NULL)
            goto error;
        PyUnicode_InternInPlace(&part);
        next = PyObject_GetAttr(here, part);
        Py_DECREF(part);
        if (next == NULL)
            goto error;
        Py_XSETREF(above, here);
        here = next;
        from = to + 1;
    }
    if (parent != NULL)
        *parent = above;
    else
        Py_XDECREF(above);
    return here;
error:
    Py_DECREF(here);
    Py_XDECREF(above);
    return NULL;
}

ROOM PyObject *
type_display_name(PyTypeObject *type)
{
    PyObject *module = NULL, *qualname = NULL, *name = NULL;

    qualname = PyObject_GetAttrString((PyObject *)type, "__qualname__");
    module = PyObject_GetAttrString((PyObject *)type, "__module__");
    PyErr_Clear();
    if (qualname == NULL || !PyUnicode_Check(qualname))
        name = PyUnicode_FromString(type->tp_name);
    else if (module == NULL || !PyUnicode_Check(module)
             || PyUnicode_CompareWithASCIIString(module, "builtins") == 0
             || PyUnicode_CompareWithASCIIString(module, "__main__") == 0)
        name = Py_NewRef(qualname);
    else
        name = PyUnicode_FromFormat("%U.%U", module, qualname);
    Py_XDECREF(module);
    Py_XDECREF(qualname);
    return name;
}

ROOM int
loaded_module(State *st, PyObject *name, PyObject **module)
{
    PyObject *modules = PyImport_GetModuleDict();

    if (modules == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "unable to get sys.modules");
        *module = NULL;
        return -1;
    }
    (void)st;
    if (PyDict_CheckExact(modules))
        return PyDict_GetItemRef(modules, name, module);
    return PyMapping_GetOptionalItem(modules, name, module);
}
