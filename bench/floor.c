/* The floor: how fast it could be at best, a bare C loop that makes the same objects or writes the same bytes.
 *
 * prepare(obj) goes through an object beforehand, outside the clock, and notes all that takes a pickle thought: which
 * objects come again (the memo's answers), the value of every number, the UTF-8 of text, the names of the attributes.
 * It refuses what no such loop can be written for (other classes) and single objects of over a megabyte, which are
 * bound by how the system hands out memory.
 *
 * make(program) then makes an equal object, shared parts shared, with the fewest calls of the interpreter: no opcodes,
 * no decoding, no checks of input.  write(program) walks the object as it is and writes the opcodes of protocol 4 and 5
 * for it, into memory of the right size, without frames; it has no memo to ask, for it knows the answers.  Neither is a
 * pickle; both are what a pickle cannot be faster than, as long as it is to give objects of the interpreter.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

enum kind { ATOM, INT, FLOAT, STR, BYTES, TUPLE, LIST, DICT, SET, INSTANCE, NAME, AGAIN };

typedef struct {
    enum kind kind;
    Py_ssize_t count;   /* items; pairs of a dict; attributes of an instance */
    Py_ssize_t slot;    /* where make() keeps it, -1 where nobody asks again; for AGAIN: where it is */
    Py_ssize_t number;  /* the memo number a pickle gives it; for AGAIN: which is asked for */
    PyObject *value;    /* an atom, text, bytes, a class or a name: kept alive by the program's object or `kept` */
    const char *data;   /* of text and bytes: what is written, `size` bytes */
    Py_ssize_t size;
    long long integer;
    double real;
} Step;

typedef struct {
    PyObject_HEAD
    PyObject *obj;
    PyObject *kept;
    Step *steps;
    Py_ssize_t length, room;
    PyObject **slots;
    Py_ssize_t slot_count;
    Py_ssize_t numbers;     /* memo numbers given so far */
    Py_ssize_t size;        /* bytes that write() writes; at first the most it could be */
    int writable;           /* 0: write() does not know some of the types */
    PyObject *collector_off, *collector_on;
} Program;

/* --- prepare ------------------------------------------------------------------------------------------------- */

static Step *add(Program *program, enum kind kind, PyObject *value)
{
    Step *step = NULL;

    if (program->length == program->room) {
        Py_ssize_t room = program->room ? program->room * 2 : 64;
        Step *grown = PyMem_Realloc(program->steps, (size_t)room * sizeof(Step));
        if (grown == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        program->steps = grown;
        program->room = room;
    }
    step = &program->steps[program->length++];
    memset(step, 0, sizeof *step);
    step->kind = kind;
    step->value = value;
    step->slot = step->number = -1;
    program->size += 16;
    return step;
}

/* Has a pickle put this object into its memo before?  1: the step AGAIN is added; 0: it is noted now. */
static int met(Program *program, PyObject *seen, PyObject *obj)
{
    PyObject *key = NULL, *where = NULL;
    int result = -1;

    key = PyLong_FromVoidPtr(obj);
    if (key == NULL) goto done;
    where = PyDict_GetItemWithError(seen, key);
    if (where != NULL) {
        Py_ssize_t first = PyLong_AsSsize_t(where);
        Step *step = add(program, AGAIN, NULL);
        where = NULL;
        if (step == NULL) goto done;
        if (program->steps[first].slot < 0) program->steps[first].slot = program->slot_count++;
        step->slot = program->steps[first].slot;
        step->number = program->steps[first].number;
        result = 1;
        goto done;
    }
    if (PyErr_Occurred()) goto done;
    where = PyLong_FromSsize_t(program->length);
    if (where == NULL || PyDict_SetItem(seen, key, where) < 0) {
        Py_XDECREF(where);
        goto done;
    }
    Py_DECREF(where);
    result = 0;
done:
    Py_XDECREF(key);
    return result;
}

static int visit(Program *program, PyObject *seen, PyObject *obj);

static int visit_sequence(Program *program, PyObject *seen, PyObject *items)
{
    Py_ssize_t i;

    for (i = 0; i < PySequence_Fast_GET_SIZE(items); i++)
        if (visit(program, seen, PySequence_Fast_GET_ITEM(items, i)) < 0) return -1;
    return 0;
}

static int visit_attributes(Program *program, PyObject *seen, PyObject *state, Py_ssize_t *count)
{
    PyObject *name, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(state, &at, &name, &value)) {
        ++*count;
        if (add(program, NAME, name) == NULL || visit(program, seen, value) < 0) return -1;
    }
    return 0;
}

/* Is all that the state has an attribute of the object, which keeps it alive?  Then nothing else may: how an object is pickled
   depends on who else refers to its parts. */
static int holds_all(PyObject *obj, PyObject *state)
{
    PyObject *name, *value, *held;
    Py_ssize_t at = 0;
    int all = 1;

    while (all && state != Py_None && PyDict_Next(state, &at, &name, &value)) {
        held = PyObject_GetAttr(obj, name);
        all = held == value;
        Py_XDECREF(held);
    }
    PyErr_Clear();
    return all;
}

/* An instance that object.__reduce_ex__ takes apart: class, then a dict or (dict or None, slots) as state. */
static int visit_instance(Program *program, PyObject *seen, PyObject *obj)
{
    PyObject *parts = NULL, *arguments, *state, *slots = NULL;
    Py_ssize_t at = program->length, count = 0;
    int result = -1, own;

    parts = PyObject_CallMethod(obj, "__reduce_ex__", "i", 2);
    if (parts == NULL) goto done;
    if (!PyTuple_Check(parts) || PyTuple_GET_SIZE(parts) < 3) goto unknown;
    arguments = PyTuple_GET_ITEM(parts, 1);
    state = PyTuple_GET_ITEM(parts, 2);
    if (!PyTuple_Check(arguments) || PyTuple_GET_SIZE(arguments) != 1
            || PyTuple_GET_ITEM(arguments, 0) != (PyObject *)Py_TYPE(obj))
        goto unknown;
    if (PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 2) {
        slots = PyTuple_GET_ITEM(state, 1);
        state = PyTuple_GET_ITEM(state, 0);
    }
    if (!(state == Py_None || PyDict_CheckExact(state)) || !(slots == NULL || PyDict_CheckExact(slots))) goto unknown;
    if (add(program, INSTANCE, (PyObject *)Py_TYPE(obj)) == NULL) goto done;
    program->writable = 0;
    if (state != Py_None && visit_attributes(program, seen, state, &count) < 0) goto done;
    if (slots != NULL && visit_attributes(program, seen, slots, &count) < 0) goto done;
    program->steps[at].count = count;
    own = holds_all(obj, state) && (slots == NULL || holds_all(obj, slots));
    result = own ? 0 : PyList_Append(program->kept, parts);
    goto done;
unknown:
    PyErr_Format(PyExc_TypeError, "no floor for %.100s", Py_TYPE(obj)->tp_name);
done:
    Py_XDECREF(parts);
    return result;
}

static int visit_container(Program *program, PyObject *seen, PyObject *obj)
{
    Py_ssize_t at = program->length, place = 0, count = 0;
    PyObject *key, *value, *copy;
    int result = -1;

    if (Py_EnterRecursiveCall(" in floor.prepare()")) return -1;
    if (PyTuple_CheckExact(obj)) {
        if (add(program, TUPLE, NULL) == NULL || visit_sequence(program, seen, obj) < 0) goto done;
        count = PyTuple_GET_SIZE(obj);
        if (count) program->steps[at].number = program->numbers++;
    }
    else if (PyList_CheckExact(obj)) {
        if (add(program, LIST, NULL) == NULL) goto done;
        program->steps[at].number = program->numbers++;
        if (visit_sequence(program, seen, obj) < 0) goto done;
        count = PyList_GET_SIZE(obj);
    }
    else if (PyDict_CheckExact(obj)) {
        if (add(program, DICT, NULL) == NULL) goto done;
        program->steps[at].number = program->numbers++;
        for (; PyDict_Next(obj, &place, &key, &value); count++)
            if (visit(program, seen, key) < 0 || visit(program, seen, value) < 0) goto done;
    }
    else if (PyAnySet_CheckExact(obj) && !PyFrozenSet_CheckExact(obj)) {
        if (add(program, SET, NULL) == NULL) goto done;
        program->steps[at].number = program->numbers++;
        copy = PySequence_List(obj);
        if (copy == NULL || PyList_Append(program->kept, copy) < 0 || visit_sequence(program, seen, copy) < 0) {
            Py_XDECREF(copy);
            goto done;
        }
        count = PyList_GET_SIZE(copy);
        program->steps[at].value = copy;  /* `kept` has it */
        Py_DECREF(copy);
    }
    else {
        result = visit_instance(program, seen, obj);
        goto done;
    }
    program->steps[at].count = count;
    program->size += count / 500;
    result = 0;
done:
    Py_LeaveRecursiveCall();
    return result;
}

static int visit_data(Program *program, PyObject *obj)
{
    PyObject *utf8 = NULL;
    Step *step = add(program, PyBytes_CheckExact(obj) ? BYTES : STR, obj);

    if (step == NULL) return -1;
    step->number = program->numbers++;
    if (step->kind == BYTES) {
        step->data = PyBytes_AS_STRING(obj);
        step->size = step->count = PyBytes_GET_SIZE(obj);
    }
    else {
        utf8 = PyUnicode_AsUTF8String(obj);
        if (utf8 == NULL || PyList_Append(program->kept, utf8) < 0) {
            Py_XDECREF(utf8);
            return -1;
        }
        step->count = PyUnicode_GET_LENGTH(obj);
        step->data = PyBytes_AS_STRING(utf8);
        step->size = PyBytes_GET_SIZE(utf8);
        Py_DECREF(utf8);
    }
    program->size += step->size;
    if (step->size > 1 << 20) {
        PyErr_SetString(PyExc_TypeError, "no floor for large objects");
        return -1;
    }
    return 0;
}

static int visit(Program *program, PyObject *seen, PyObject *obj)
{
    Step *step = NULL;
    int again = 0;

    if (obj == Py_None || obj == Py_True || obj == Py_False) return add(program, ATOM, obj) ? 0 : -1;
    if (PyLong_CheckExact(obj)) {
        long long integer = PyLong_AsLongLong(obj);
        if (integer == -1 && PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "no floor for ints of more than 64 bits");
            return -1;
        }
        step = add(program, INT, NULL);
        if (step == NULL) return -1;
        step->integer = integer;
        return 0;
    }
    if (PyFloat_CheckExact(obj)) {
        step = add(program, FLOAT, NULL);
        if (step == NULL) return -1;
        step->real = PyFloat_AS_DOUBLE(obj);
        return 0;
    }
    again = met(program, seen, obj);
    if (again != 0) return again < 0 ? -1 : 0;
    if (PyUnicode_CheckExact(obj) || PyBytes_CheckExact(obj)) return visit_data(program, obj);
    return visit_container(program, seen, obj);
}

/* --- make ---------------------------------------------------------------------------------------------------- */

static PyObject *make_next(Program *program, const Step **at);

static PyObject *make_str(PyObject *text, Py_ssize_t count)
{
    PyObject *made = PyUnicode_New(count, PyUnicode_MAX_CHAR_VALUE(text));
    if (made != NULL) memcpy(PyUnicode_DATA(made), PyUnicode_DATA(text), (size_t)count * PyUnicode_KIND(text));
    return made;
}

static int fill(Program *program, const Step *step, const Step **at, PyObject *made)
{
    Py_ssize_t i;
    int bad = 0;

    for (i = 0; i < step->count && !bad; i++) {
        PyObject *key = NULL, *value = NULL;
        switch (step->kind) {
        case TUPLE:
            value = make_next(program, at);
            if (value == NULL) return -1;
            PyTuple_SET_ITEM(made, i, value);
            break;
        case LIST:
            value = make_next(program, at);
            if (value == NULL) return -1;
            PyList_SET_ITEM(made, i, value);
            break;
        case SET:
            value = make_next(program, at);
            bad = value == NULL || PySet_Add(made, value) < 0;
            Py_XDECREF(value);
            break;
        case DICT:
            key = make_next(program, at);
            value = key ? make_next(program, at) : NULL;
            bad = value == NULL || PyDict_SetItem(made, key, value) < 0;
            Py_XDECREF(key);
            Py_XDECREF(value);
            break;
        default:  /* INSTANCE */
            key = (*at)++->value;
            value = make_next(program, at);
            bad = value == NULL || PyObject_SetAttr(made, key, value) < 0;
            Py_XDECREF(value);
        }
    }
    return bad ? -1 : 0;
}

static PyObject *make_instance(PyObject *type)
{
    PyObject *nothing = PyTuple_New(0), *made;
    if (nothing == NULL) return NULL;
    made = ((PyTypeObject *)type)->tp_new((PyTypeObject *)type, nothing, NULL);
    Py_DECREF(nothing);
    return made;
}

static PyObject *make_next(Program *program, const Step **at)
{
    const Step *step = (*at)++;
    PyObject *made = NULL;

    switch (step->kind) {
    case ATOM: Py_INCREF(step->value); return step->value;
    case INT: return PyLong_FromLongLong(step->integer);
    case FLOAT: return PyFloat_FromDouble(step->real);
    case AGAIN: made = program->slots[step->slot]; Py_INCREF(made); return made;
    case STR: made = make_str(step->value, step->count); break;
    case BYTES: made = PyBytes_FromStringAndSize(PyBytes_AS_STRING(step->value), step->count); break;
    case TUPLE: made = PyTuple_New(step->count); break;
    case LIST: made = PyList_New(step->count); break;
    case DICT: made = PyDict_New(); break;
    case SET: made = PySet_New(NULL); break;
    case INSTANCE: made = make_instance(step->value); break;
    default: PyErr_SetString(PyExc_SystemError, "a step in the wrong place"); return NULL;
    }
    if (made == NULL) return NULL;
    if (step->slot >= 0 && step->kind != TUPLE) program->slots[step->slot] = made;
    if (step->kind >= TUPLE && fill(program, step, at, made) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    if (step->slot >= 0) program->slots[step->slot] = made;
    return made;
}

static int call(PyObject *function)
{
    PyObject *result = PyObject_CallObject(function, NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Many objects at once would only set off the cyclic collector, which would find nothing. */
static PyObject *make(PyObject *module, PyObject *argument)
{
    Program *program = (Program *)argument;
    const Step *at = program->steps;
    int hold = program->length > 500;
    PyObject *made = NULL;

    (void)module;
    if (hold && call(program->collector_off) < 0) return NULL;
    made = make_next(program, &at);
    if (hold && call(program->collector_on) < 0) Py_CLEAR(made);
    return made;
}

/* --- write --------------------------------------------------------------------------------------------------- */

/* All known while compiling but the number: one store, where the machine has its bytes in this order. */
static inline char *put_number(char *out, unsigned long long number, int bytes)
{
    int i;

    for (i = 0; i < bytes; i++) out[i] = (char)(number >> 8 * i & 0xff);
    return out + bytes;
}

static char *put_int(char *out, long long integer)
{
    unsigned long long number = (unsigned long long)integer;
    int bytes = 5;

    if (integer >= 0 && integer < 256) { *out++ = 'K'; return put_number(out, number, 1); }
    if (integer >= 0 && integer < 65536) { *out++ = 'M'; return put_number(out, number, 2); }
    if (integer >= -2147483647 - 1 && integer <= 2147483647) { *out++ = 'J'; return put_number(out, number, 4); }
    while (bytes < 8 && (integer >> (8 * bytes - 1)) != (integer < 0 ? -1 : 0)) bytes++;
    *out++ = '\x8a';
    *out++ = (char)bytes;
    put_number(out, number, 8);
    return out + bytes;
}

static char *put_float(char *out, double real)
{
    unsigned long long bits;
    int i;

    memcpy(&bits, &real, 8);
    *out++ = 'G';
    for (i = 0; i < 8; i++) out[i] = (char)(bits >> (56 - 8 * i) & 0xff);
    return out + 8;
}

static char *put_data(char *out, const Step *step, char tiny, char usual)
{
    if (step->size < 256) { *out++ = tiny; *out++ = (char)step->size; }
    else { *out++ = usual; out = put_number(out, (unsigned long long)step->size, 4); }
    memcpy(out, step->data, (size_t)step->size);
    out += step->size;
    *out++ = '\x94';
    return out;
}

static char *put_get(char *out, Py_ssize_t number)
{
    *out++ = number < 256 ? 'h' : 'j';
    return put_number(out, (unsigned long long)number, number < 256 ? 1 : 4);
}

static char *put(char *out, PyObject *obj, const Step **at);

static char *put_items(char *out, PyObject **items, Py_ssize_t count, const Step **at, char one, char many)
{
    Py_ssize_t i, end;

    for (i = 0; i < count; i = end) {
        int single = count - i == 1 && one;
        end = count - i > 1000 ? i + 1000 : count;
        if (single) {
            out = put(out, items[i], at);
            *out++ = one;
            break;
        }
        *out++ = '(';
        for (; i < end; i++) out = put(out, items[i], at);
        *out++ = many;
    }
    return out;
}

static char *put_tuple(char *out, PyObject *tuple, const Step **at)
{
    Py_ssize_t i, count = PyTuple_GET_SIZE(tuple);

    if (count == 0) { *out++ = ')'; return out; }
    if (count > 3) *out++ = '(';
    for (i = 0; i < count; i++) out = put(out, PyTuple_GET_ITEM(tuple, i), at);
    *out++ = count > 3 ? 't' : "\x85\x86\x87"[count - 1];
    *out++ = '\x94';
    return out;
}

static char *put_dict(char *out, PyObject *dict, const Step **at)
{
    Py_ssize_t place = 0, left = PyDict_Size(dict), batch;
    PyObject *key, *value;

    *out++ = '}';
    *out++ = '\x94';
    while (left > 0) {
        int single = left == 1;
        batch = left > 1000 ? 1000 : left;
        left -= batch;
        if (!single) *out++ = '(';
        for (; batch > 0 && PyDict_Next(dict, &place, &key, &value); batch--) {
            out = put(out, key, at);
            out = put(out, value, at);
        }
        *out++ = single ? 's' : 'u';
    }
    return out;
}

/* What there is to walk, and of which type each thing is, is asked of the objects; all else of the steps. */
static char *put(char *out, PyObject *obj, const Step **at)
{
    const Step *step = (*at)++;
    PyTypeObject *type = Py_TYPE(obj);

    if (step->kind == AGAIN) return put_get(out, step->number);
    if (type == &PyLong_Type) return put_int(out, step->integer);
    if (type == &PyUnicode_Type) return put_data(out, step, '\x8c', 'X');
    if (type == &PyFloat_Type) return put_float(out, step->real);
    if (obj == Py_None) { *out++ = 'N'; return out; }
    if (type == &PyBool_Type) { *out++ = obj == Py_True ? '\x88' : '\x89'; return out; }
    if (type == &PyDict_Type) return put_dict(out, obj, at);
    if (type == &PyTuple_Type) return put_tuple(out, obj, at);
    if (type == &PyBytes_Type) return put_data(out, step, 'C', 'B');
    *out++ = type == &PyList_Type ? ']' : '\x8f';
    *out++ = '\x94';
    if (type == &PyList_Type)
        return put_items(out, ((PyListObject *)obj)->ob_item, PyList_GET_SIZE(obj), at, 'a', 'e');
    return put_items(out, ((PyListObject *)step->value)->ob_item, step->count, at, 0, '\x90');
}

static PyObject *write_program(PyObject *module, PyObject *argument)
{
    Program *program = (Program *)argument;
    const Step *at = program->steps;
    PyObject *bytes = NULL;
    char *out = NULL;

    (void)module;
    if (!program->writable) {
        PyErr_SetString(PyExc_TypeError, "no floor for writing instances");
        return NULL;
    }
    bytes = PyBytes_FromStringAndSize(NULL, program->size);
    if (bytes == NULL) return NULL;
    out = PyBytes_AS_STRING(bytes);
    *out++ = '\x80';
    *out++ = 4;
    out = put(out, program->obj, &at);
    *out++ = '.';
    if (out - PyBytes_AS_STRING(bytes) != program->size) {
        program->size = out - PyBytes_AS_STRING(bytes);
        if (_PyBytes_Resize(&bytes, program->size) < 0) return NULL;
    }
    return bytes;
}

/* --- the module ---------------------------------------------------------------------------------------------- */

static void program_dealloc(PyObject *self)
{
    Program *program = (Program *)self;

    PyMem_Free(program->steps);
    PyMem_Free(program->slots);
    Py_XDECREF(program->obj);
    Py_XDECREF(program->kept);
    Py_XDECREF(program->collector_off);
    Py_XDECREF(program->collector_on);
    PyObject_Del(self);
}

static PyTypeObject Program_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "floor.Program", .tp_basicsize = sizeof(Program), .tp_dealloc = program_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

static PyObject *prepare(PyObject *module, PyObject *obj)
{
    Program *program = NULL;
    PyObject *seen = NULL, *gc = NULL, *written = NULL;
    int good = 0;

    (void)module;
    program = PyObject_New(Program, &Program_Type);
    if (program == NULL) return NULL;
    memset((char *)program + sizeof(PyObject), 0, sizeof *program - sizeof(PyObject));
    Py_INCREF(obj);
    program->obj = obj;
    program->size = 16;
    program->writable = 1;
    program->kept = PyList_New(0);
    seen = PyDict_New();
    gc = PyImport_ImportModule("gc");
    if (program->kept == NULL || seen == NULL || gc == NULL) goto done;
    program->collector_off = PyObject_GetAttrString(gc, "disable");
    program->collector_on = PyObject_GetAttrString(gc, "enable");
    if (program->collector_off == NULL || program->collector_on == NULL) goto done;
    if (visit(program, seen, obj) < 0) goto done;
    program->slots = PyMem_Calloc((size_t)program->slot_count + 1, sizeof(PyObject *));
    if (program->slots == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if (program->writable) {  /* once, to learn the size */
        written = write_program(NULL, (PyObject *)program);
        if (written == NULL) goto done;
    }
    good = 1;
done:
    Py_XDECREF(seen);
    Py_XDECREF(gc);
    Py_XDECREF(written);
    if (!good) Py_CLEAR(program);
    return (PyObject *)program;
}

static PyMethodDef methods[] = {
    {"prepare", prepare, METH_O, "Go through an object outside the clock: a program for make() and write()."},
    {"make", make, METH_O, "An object equal to the one prepared."},
    {"write", write_program, METH_O, "A pickle of the object prepared, without frames."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "floor", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit_floor(void)
{
    if (PyType_Ready(&Program_Type) < 0) return NULL;
    return PyModule_Create(&definition);
}
