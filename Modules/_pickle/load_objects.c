/* load_objects.c - making instances, calling reduce functions, persistent ids and out-of-band buffers. */
#include "unpickler.h"
#include "gc_hold.h"
#include "known.h"
#include "typeinfo.h"

/* The call that a pickle asks for. */
static PyObject *
call(Unpickler *u, PyObject *callable, PyObject *args)
{
    if (check_what_call_hashes(u, callable, ((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args)) < 0)
        return NULL;
    return PyObject_Call(callable, args, NULL);
}

/* What is known of the form of a type's instances.  To find it out may import a module. */
static enum type_form
form_of(Unpickler *u, PyTypeObject *type)
{
    const TypeInfo *info = type_info_place(u->st, type);

    if (!type_info_is_about(info, type)) {
        free_collector(u);
        info = find_type_info(u->st, type);
    }
    return (enum type_form)info->form;
}

/* One of the datetime module's own types, with arguments as its pickles have them?  Then a call is its tp_new, which looks
   at nothing but the bytes of a bytes object, the digits of ints, and the type of a tzinfo: no foreign code runs, nor when the
   arguments are let go, for what is not a bytes or an int the new object holds. */
static int
is_plain_datetime(Unpickler *u, PyObject *callable, PyObject *args)
{
    PyTypeObject *type = (PyTypeObject *)callable;
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    enum type_form form;

    if (!PyType_Check(callable) || PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || !PyTuple_CheckExact(args) || count == 0
            || count > 3)
        return 0;
    if (count == 3 && !(PyLong_CheckExact(PyTuple_GET_ITEM(args, 0)) && PyLong_CheckExact(PyTuple_GET_ITEM(args, 1))
                        && PyLong_CheckExact(PyTuple_GET_ITEM(args, 2))))
        return 0;
    if (count < 3 && !PyBytes_CheckExact(PyTuple_GET_ITEM(args, 0)))
        return 0;
    form = form_of(u, type);
    return count == 3 ? form == TYPE_TIMEDELTA
         : form == TYPE_DATETIME || form == TYPE_TIME || (count == 1 && form == TYPE_DATE);
}

ROOM int
load_reduce(Unpickler *u)
{
    PyObject **first = u->stack.top - 2, *value = NULL;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    if (!PyTuple_Check(first[1]))
        return load_fail(u, PyExc_TypeError, "argument list must be a tuple");
    if (is_plain_datetime(u, first[0], first[1])) {
        value = ((PyTypeObject *)first[0])->tp_new((PyTypeObject *)first[0], first[1], NULL);
        if (value == NULL)
            return -1;
        stack_cut(&u->stack, first);
        *u->stack.top++ = value;
        return 0;
    }
    free_collector(u);
    if (PyType_Check(first[0]) && PyTuple_GET_SIZE(first[1]) == 1) {
        if (Py_IS_TYPE(first[0], &PyType_Type))
            know_decimal(u, (PyTypeObject *)first[0]);
        else
            value = find_member(u->st, (PyTypeObject *)first[0], PyTuple_GET_ITEM(first[1], 0));
    }
    if (value == NULL)
        value = call(u, first[0], first[1]);
    if (value == NULL)
        return -1;
    stack_cut(&u->stack, first);
    return stack_push(&u->stack, value);
}

/* The checks that NEWOBJ and NEWOBJ_EX share. */
static int
check_newobj(Unpickler *u, const char *opcode, PyObject *cls, PyObject *args)
{
    PyObject *error = u->st->UnpicklingError;

    if (!PyType_Check(cls))
        return load_fail(u, error, "%s class argument must be a type, not %.200s", opcode, Py_TYPE(cls)->tp_name);
    if (((PyTypeObject *)cls)->tp_new == NULL)
        return load_fail(u, error, "%s class argument '%.200s' doesn't have __new__", opcode, Py_TYPE(cls)->tp_name);
    if (!PyTuple_Check(args))
        return load_fail(u, error, "%s args argument must be a tuple, not %.200s", opcode, Py_TYPE(args)->tp_name);
    return 0;
}

/* Does it take nothing but the interpreter's own code to make an instance of this type? */
static ALWAYS_INLINE int
makes_plain_instance(const PyTypeObject *type)
{
    return type->tp_new == PyBaseObject_Type.tp_new && type->tp_alloc == PyType_GenericAlloc
        && !(type->tp_flags & Py_TPFLAGS_IS_ABSTRACT);
}

/* A namedtuple of these arguments. */
static PyObject *
copy_namedtuple(PyTypeObject *cls, PyObject *args)
{
    PyObject *value = make_namedtuple(cls, ((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args));
    Py_ssize_t i;

    for (i = 0; value != NULL && i < PyTuple_GET_SIZE(args); i++)
        Py_INCREF(PyTuple_GET_ITEM(args, i));
    return value;
}

/* The __new__ of frozensets fills them. */
static ALWAYS_INLINE int
check_arguments_of_new(Unpickler *u, PyTypeObject *cls, PyObject *args)
{
    if (LIKELY(cls->tp_new != PyFrozenSet_Type.tp_new))
        return 0;
    return check_what_call_hashes(u, (PyObject *)cls, ((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args));
}

ROOM int
load_newobj(Unpickler *u)
{
    PyObject **first = u->stack.top - 2, *value = NULL;
    PyTypeObject *cls;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    cls = (PyTypeObject *)first[0];
    if (UNLIKELY(!PyType_Check(first[0]) || cls->tp_new == NULL || !PyTuple_Check(first[1])))
        return check_newobj(u, "NEWOBJ", first[0], first[1]);
    if (makes_plain_instance(cls) && first[1] == u->st->empty_tuple) {
        value = cls->tp_new(cls, first[1], NULL);
        if (UNLIKELY(value == NULL))
            return -1;
        cut_stack(u, first);
        *u->stack.top++ = value;
        if (u->rows.wanted && u->rows.vain <= MAX_VAIN) {
            int found = load_row(u);
            if (found != 0)
                return found < 0 ? -1 : 0;
        }
        remember_fresh(u, value);
        return 0;
    }
    free_collector(u);
    if (PyType_HasFeature(cls, Py_TPFLAGS_TUPLE_SUBCLASS) && PyTuple_CheckExact(first[1])
            && makes_namedtuples(u->st, cls, PyTuple_GET_SIZE(first[1])))
        value = copy_namedtuple(cls, first[1]);
    else if (check_arguments_of_new(u, cls, first[1]) == 0)
        value = cls->tp_new(cls, first[1], NULL);
    if (value == NULL)
        return -1;
    cut_stack(u, first);
    return stack_push(&u->stack, value);
}

ROOM int
load_newobj_ex(Unpickler *u)
{
    PyObject **first = u->stack.top - 3, *value;
    PyTypeObject *cls;

    if (u->stack.top - u->stack.fence < 3)
        return stack_underflow(u);
    if (check_newobj(u, "NEWOBJ_EX", first[0], first[1]) < 0)
        return -1;
    if (!PyDict_Check(first[2]))
        return load_fail(u, u->st->UnpicklingError, "NEWOBJ_EX kwargs argument must be a dict, not %.200s",
                         Py_TYPE(first[2])->tp_name);
    if (!PyArg_ValidateKeywordArguments(first[2]))
        return -1;
    cls = (PyTypeObject *)first[0];
    if (check_arguments_of_new(u, cls, first[1]) < 0)
        return -1;
    value = cls->tp_new(cls, first[1], first[2]);
    if (value == NULL)
        return -1;
    stack_cut(&u->stack, first);
    return stack_push(&u->stack, value);
}

/* An instance as INST and OBJ make it.  A class that is given no arguments is not called, for that is how instances
   of Python 2's classes were written, unless it wants to be. */
static PyObject *
instantiate(Unpickler *u, PyObject *cls, PyObject *args)
{
    PyObject *method = NULL, *value;
    int found = 1;

    if (PyTuple_GET_SIZE(args) == 0 && PyType_Check(cls)) {
        found = PyObject_GetOptionalAttr(cls, u->st->s___getinitargs__, &method);
        Py_XDECREF(method);
    }
    if (found < 0)
        return NULL;
    if (found)
        return call(u, cls, args);
    method = PyObject_GetAttr(cls, u->st->s___new__);
    if (method == NULL)
        return NULL;
    value = PyObject_CallOneArg(method, cls);
    Py_DECREF(method);
    return value;
}

ROOM int
load_inst(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length, i;
    PyObject *names[2] = {NULL, NULL}, *cls = NULL, *value = NULL;

    if (u->stack.mark_count == 0)
        return no_mark(u);
    for (i = 0; i < 2; i++) {
        if (reader_line(&u->in, &line, &length) < 0)
            goto done;
        if (length < 2) {
            reader_truncated(&u->in);
            goto done;
        }
        names[i] = PyUnicode_DecodeASCII((const char *)line, length - 1, "strict");
        if (names[i] == NULL)
            goto done;
    }
    cls = find_global(u, names[0], names[1]);
    if (cls == NULL || load_tuple(u) < 0)
        goto done;
    value = instantiate(u, cls, u->stack.top[-1]);
    if (value != NULL)
        Py_SETREF(u->stack.top[-1], value);
done:
    Py_XDECREF(cls);
    Py_XDECREF(names[0]);
    Py_XDECREF(names[1]);
    return value == NULL ? -1 : 0;
}

ROOM int
load_obj(Unpickler *u)
{
    PyObject *cls, *value, **first;
    Py_ssize_t count;

    if (u->stack.mark_count == 0)
        return no_mark(u);
    if (u->stack.top == u->stack.fence) {
        stack_pop_mark(&u->stack);
        return stack_underflow(u);
    }
    /* The class leaves the stack from below the arguments. */
    first = u->stack.fence;
    cls = first[0];
    count = --u->stack.top - first;
    memmove(first, first + 1, (size_t)count * sizeof *first);
    if (load_tuple(u) < 0) {
        Py_DECREF(cls);
        return -1;
    }
    value = instantiate(u, cls, u->stack.top[-1]);
    Py_DECREF(cls);
    if (value == NULL)
        return -1;
    Py_SETREF(u->stack.top[-1], value);
    return 0;
}

/* What the hook says this id stands for. */
static PyObject *
call_persistent_load(Unpickler *u, PyObject *pid)
{
    if (u->persistent_load != NULL)
        return PyObject_CallOneArg(u->persistent_load, pid);
    u->raised = 1;
    no_persistent_load(u->st);
    return NULL;
}

ROOM int
load_persid(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *pid, *value;

    if (reader_line(&u->in, &line, &length) < 0)
        return -1;
    pid = PyUnicode_DecodeASCII((const char *)line, length - 1, "strict");
    if (pid == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return -1;
        PyErr_Clear();
        /* Where it was goes into a note: CPython's tests compare this text to the letter. */
        return fail(u->st->UnpicklingError, "persistent IDs in protocol 0 must be ASCII strings");
    }
    value = call_persistent_load(u, pid);
    Py_DECREF(pid);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_binpersid(Unpickler *u)
{
    PyObject *value;

    if (u->stack.top == u->stack.fence)
        return stack_underflow(u);
    value = call_persistent_load(u, u->stack.top[-1]);
    if (value == NULL)
        return -1;
    Py_SETREF(u->stack.top[-1], value);
    return 0;
}

ROOM int
load_next_buffer(Unpickler *u)
{
    PyObject *buffer;

    if (u->buffers == NULL)
        return load_fail(u, u->st->UnpicklingError,
                         "pickle stream refers to out-of-band data but no *buffers* argument was given");
    buffer = PyIter_Next(u->buffers);
    if (buffer != NULL)
        return stack_push(&u->stack, buffer);
    if (PyErr_Occurred())
        return -1;
    return load_fail(u, u->st->UnpicklingError, "not enough out-of-band buffers");
}

ROOM int
load_readonly_buffer(Unpickler *u)
{
    PyObject *view;

    if (u->stack.top == u->stack.fence)
        return stack_underflow(u);
    view = PyMemoryView_FromObject(u->stack.top[-1]);
    if (view == NULL)
        return -1;
    if (PyMemoryView_GET_BUFFER(view)->readonly) {
        Py_DECREF(view);
        return 0;
    }
    /* Nobody else has seen this view yet, and whatever is derived from it inherits the mark. */
    PyMemoryView_GET_BUFFER(view)->readonly = 1;
    Py_SETREF(u->stack.top[-1], view);
    return 0;
}
