/* load_calls.c - calls whose arguments are not made.

   A namedtuple, a datetime, a timedelta or a Decimal is written as its class, arguments and REDUCE or NEWOBJ.  Where these opcodes come
   one after the other, and the class is known to do nothing but take the arguments in, the object is made from what lies on
   the stack, or from the bytes of the pickle: there is no tuple of arguments, and no packed bytes.  Their memo numbers stay
   empty.  Who asks for one gets it made from the object, which has the next number (find_arguments); a Decimal's from the text
   it was made of, which has the number before.

   - None of these objects can change in what its arguments are made from, so they can be made at any time.
   - Nothing foreign runs while such an object is made, and the arguments hold nothing that the object does not hold or that
     could be seen to end.
   - Numbers below `calls_end` are all given away, one by one, so an empty one stands for what was not made.  Before a number
     is given again (put_slowly) everything that lacks is made.
   - Only load() and loads() do this, for the memo of an Unpickler can be seen.

   What is not exactly as expected is left to the opcodes, which then meet it as ever: so there are no errors here but for
   want of memory. */
#include "unpickler.h"
#include "datetime_types.h"
#include "gc_hold.h"
#include "known.h"
#include "opcodes.h"
#include "typeinfo.h"

/* --- arguments that were not made ---------------------------------------------------------------------------- */

static int
is_decimal_type(const PyTypeObject *type)
{
    return strcmp(type->tp_name, "decimal.Decimal") == 0;
}

/* What the object was made from, the tuple of this number; a new reference. */
static PyObject *
make_arguments(const Unpickler *u, PyObject *object, Py_ssize_t number)
{
    PyObject *value, *args = NULL;
    Py_ssize_t i;

    if (PyTuple_Check(object)) {
        args = PyTuple_New(PyTuple_GET_SIZE(object));
        for (i = 0; args != NULL && i < PyTuple_GET_SIZE(object); i++)
            PyTuple_SET_ITEM(args, i, Py_NewRef(PyTuple_GET_ITEM(object, i)));
        return args;
    }
    if (is_decimal_type(Py_TYPE(object)))
        return PyTuple_Pack(1, unpickler_memo_get(&u->memo, number - 1));
    /* One of datetime's own types: what it would be written as is what it was read from. */
    value = PyObject_CallMethod(object, "__reduce_ex__", "i", 4);
    if (value != NULL)
        args = Py_NewRef(PyTuple_GET_ITEM(value, 1));
    Py_XDECREF(value);
    return args;
}

ROOM PyObject *
find_arguments(Unpickler *u, Py_ssize_t number)
{
    PyObject *object, *args;
    Py_ssize_t asked = number;
    int packed, result;

    if (number >= u->calls_end)
        return NULL;
    object = unpickler_memo_get(&u->memo, number + 1);
    packed = object == NULL;
    if (packed)
        object = unpickler_memo_get(&u->memo, number + 2);
    if (object == NULL)
        return NULL;
    args = make_arguments(u, object, number);
    if (args == NULL)
        return NULL;
    /* The packed bytes of a date have the number before that of the tuple they are in. */
    if (!packed && !PyTuple_Check(object) && PyBytes_Check(PyTuple_GET_ITEM(args, 0))) {
        packed = 1;
        number--;
    }
    result = packed ? unpickler_memo_fill(&u->memo, number, PyTuple_GET_ITEM(args, 0), &u->calls_unmade) : 0;
    if (result == 0)
        result = unpickler_memo_fill(&u->memo, number + packed, args, &u->calls_unmade);
    Py_DECREF(args);
    return result < 0 ? NULL : unpickler_memo_get(&u->memo, asked);
}

ROOM int
make_all_arguments(Unpickler *u)
{
    Py_ssize_t number;

    for (number = 0; number < u->calls_end && u->calls_unmade > 0; number++) {
        if (unpickler_memo_get(&u->memo, number) == NULL && find_arguments(u, number) == NULL && PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* --- making them --------------------------------------------------------------------------------------------- */

/* Will nobody ask for this number, or is it enough to make it then? */
static ALWAYS_INLINE int
may_be_empty(const Unpickler *u, Py_ssize_t number)
{
    return u->plan.size == 0 || !(plan_note(&u->plan, number) & PLAN_ASKED);
}

/* The object gets its number, after `unmade` ones that stay empty, and takes the places from `first` up on the stack, whose
   objects are gone. */
static int
push_made(Unpickler *u, PyObject **first, PyObject *value, Py_ssize_t unmade)
{
    u->memo.count += unmade;
    if (u->plan.size == 0) {
        u->calls_unmade += unmade;
        u->calls_end = u->memo.count;
    }
    u->stack.top = first;
    *u->stack.top++ = value;
    return put_next(u, value) < 0 ? -1 : 1;
}

/* A datetime, date or time from its packed bytes; NULL without an exception where they are none that it writes itself. */
static PyObject *
unpack(State *st, PyTypeObject *type, enum type_form form, const unsigned char *data, PyObject *tzinfo)
{
    PyDateTime_CAPI *api = PyCapsule_GetPointer(st->datetime_capsule, PyDateTime_CAPSULE_NAME);
    PyObject *value = NULL;

    if (api == NULL || (tzinfo != Py_None && !PyObject_TypeCheck(tzinfo, api->TZInfoType)))
        goto done;
    if (form == TYPE_DATE)
        value = api->Date_FromDate(data[0] << 8 | data[1], data[2], data[3], type);
    else if (form == TYPE_DATETIME)
        value = api->DateTime_FromDateAndTimeAndFold(data[0] << 8 | data[1], data[2] & 0x7f, data[3], data[4], data[5], data[6],
                                                     data[7] << 16 | data[8] << 8 | data[9], tzinfo, data[2] >> 7, type);
    else
        value = api->Time_FromTimeAndFold(data[0] & 0x7f, data[1], data[2], data[3] << 16 | data[4] << 8 | data[5], tzinfo,
                                          data[0] >> 7, type);
done:
    if (value == NULL)
        PyErr_Clear();
    return value;
}

/* The place behind what comes after the packed bytes, if it is a put, the tuple, a put, REDUCE and a put, with a tzinfo out of
   the memo in the tuple, or none; else NULL. */
static const unsigned char *
behind_packed(Unpickler *u, const unsigned char *p, PyObject **tzinfo)
{
    const unsigned char *end = u->in.end;
    Py_ssize_t number = u->memo.count;
    int tuple = OP_TUPLE1;

    *tzinfo = Py_None;
    p = behind_put(p, end, number);
    if (p != NULL && end - p > 5 && (*p == OP_BINGET || *p == OP_LONG_BINGET)) {
        *tzinfo = unpickler_memo_get(&u->memo, *p == OP_BINGET ? (Py_ssize_t)p[1] : (Py_ssize_t)get_u32le(p + 1));
        p += *p == OP_BINGET ? 2 : 5;
        tuple = OP_TUPLE2;
        if (*tzinfo == Py_None)     /* in the tuple all the same */
            return NULL;
    }
    if (p == NULL || p >= end || *p != tuple || *tzinfo == NULL)
        return NULL;
    p = behind_put(p + 1, end, number + 1);
    return p == NULL || p >= end || *p != OP_REDUCE ? NULL : behind_put(p + 1, end, number + 2);
}

ROOM int NOINLINE
load_packed(Unpickler *u, const unsigned char *data, Py_ssize_t size)
{
    PyObject **first = u->stack.top - 1, *tzinfo, *value;
    PyTypeObject *type = (PyTypeObject *)first[0];
    const TypeInfo *info = type_info_place(u->st, type);
    const unsigned char *p;

    if (!u->rows.wanted || !type_info_is_about(info, type)
            || size != (info->form == TYPE_DATETIME ? 10 : info->form == TYPE_TIME ? 6 : info->form == TYPE_DATE ? 4 : 0)
            || !may_be_empty(u, u->memo.count) || !may_be_empty(u, u->memo.count + 1))
        return 0;
    p = behind_packed(u, data + size, &tzinfo);
    if (p == NULL || (tzinfo != Py_None && info->form == TYPE_DATE))
        return 0;
    value = unpack(u->st, type, (enum type_form)info->form, data, tzinfo);
    if (value == NULL)
        return 0;
    u->in.pos = p;
    Py_DECREF(type);            /* the interpreter's own, and never the last reference */
    return push_made(u, first, value, 2);
}

/* A timedelta from its three ints; NULL without an exception where they are none that it writes itself. */
static PyObject *
make_timedelta(State *st, PyTypeObject *type, PyObject **args)
{
    PyDateTime_CAPI *api = PyCapsule_GetPointer(st->datetime_capsule, PyDateTime_CAPSULE_NAME);
    static const int64_t limits[3] = {1000000000, 24 * 3600, 1000000};
    PyObject *value = NULL;
    int64_t n[3];
    int i;

    for (i = 0; i < 3; i++) {
        if (!PyLong_CheckExact(args[i]) || !P5_LongAsInt64(args[i], &n[i]) || n[i] >= limits[i]
                || n[i] < (i > 0 ? 0 : 1 - limits[i]))
            return NULL;
    }
    if (api != NULL)
        value = api->Delta_FromDelta((int)n[0], (int)n[1], (int)n[2], 0, type);
    if (value == NULL)
        PyErr_Clear();
    return value;
}

/* Is this text a finite number for certain, and one that Decimal takes as it is, whatever its context? */
static int
is_number_text(PyObject *text)
{
    const unsigned char *p, *end;
    Py_ssize_t digits = 0, points = 0;

    if (!PyUnicode_IS_COMPACT_ASCII(text) || PyUnicode_GET_LENGTH(text) > 100)
        return 0;
    p = PyUnicode_1BYTE_DATA(text);
    end = p + PyUnicode_GET_LENGTH(text);
    p += p < end && *p == '-';
    for (; p < end && *p != 'E'; p++) {
        if (*p == '.')
            points++;
        else if (*p >= '0' && *p <= '9')
            digits++;
        else
            return 0;
    }
    if (digits == 0 || points > 1)
        return 0;
    if (p == end)
        return 1;
    p += end - p > 1 && (p[1] == '+' || p[1] == '-') ? 2 : 1;
    if (p == end || end - p > 8)
        return 0;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p == end;
}

/* A Decimal from its text; NULL without an exception where it has to be called.

   Its type is called by its tp_new, with a tuple that is kept from call to call; between them it holds None.  tp_new looks at
   the text, and at the fields of the context of this thread, which it may have to make first: up to 3.11 a collection could
   begin there, if the collector is not held.  Numbers that are certain are exact in any context: there is no signal, so no
   exception of decimal's is made, whose class anybody may change. */
static PyObject *
make_decimal(Unpickler *u, PyTypeObject *type, PyObject *text)
{
    State *st = u->st;
    PyObject *value;

    if ((P5_ALLOCATION_MAY_COLLECT && !u->gc_held) || !is_number_text(text))
        return NULL;
    if (st->one_argument == NULL || Py_REFCNT(st->one_argument) != 1) {
        Py_XSETREF(st->one_argument, PyTuple_Pack(1, Py_None));
        if (st->one_argument == NULL) {
            PyErr_Clear();
            return NULL;
        }
    }
    PyTuple_SET_ITEM(st->one_argument, 0, text);
    value = type->tp_new(type, st->one_argument, NULL);
    PyTuple_SET_ITEM(st->one_argument, 0, Py_None);
    if (value == NULL)
        PyErr_Clear();
    return value;
}

/* Is this the text under the last number of the memo, where it stays, or does nobody ask for the tuple that it would be in? */
static int
text_stays(const Unpickler *u, PyObject *text)
{
    return u->plan.size != 0 || (u->memo.count > 0 && unpickler_memo_get(&u->memo, u->memo.count - 1) == text);
}

ROOM void
know_decimal(Unpickler *u, PyTypeObject *type)
{
    if (is_decimal_type(type))
        (void)find_type_info(u->st, type);
}

/* The namedtuple that this class makes of `count` arguments, whose references it takes; NULL, without an exception and with
   the references left alone, where it has to be called.  That a class was found to be one stands until foreign code may run;
   up to 3.11 it may do so at each allocation, as long as the collector is not held. */
static PyObject *
make_tuple_like(Unpickler *u, PyTypeObject *cls, PyObject **args, Py_ssize_t count)
{
    PyObject *value;

    if (cls != u->known_tuple || count != u->known_fields) {
        if (!PyType_HasFeature(cls, Py_TPFLAGS_TUPLE_SUBCLASS) || !makes_namedtuples(u->st, cls, count))
            return NULL;
        if (!P5_ALLOCATION_MAY_COLLECT || u->gc_held) {
            u->known_tuple = cls;
            u->known_fields = count;
        }
    }
    value = make_namedtuple(cls, args, count);
    if (value == NULL)
        PyErr_Clear();
    return value;
}

ROOM int NOINLINE
load_call(Unpickler *u, PyObject **args, PyObject **fence)
{
    const unsigned char *p = behind_put(u->in.pos, u->in.end, u->memo.count), *end = u->in.end, *behind;
    Py_ssize_t count = u->stack.top - args;
    PyObject *value = NULL;
    PyTypeObject *cls;

    if (!u->rows.wanted || p == NULL || p >= end || (*p != OP_REDUCE && *p != OP_NEWOBJ) || args - fence < 1
            || !PyType_Check(args[-1]) || !may_be_empty(u, u->memo.count))
        return 0;
    behind = behind_put(p + 1, end, u->memo.count + 1);
    if (behind == NULL)
        return 0;
    cls = (PyTypeObject *)args[-1];
    if (*p == OP_NEWOBJ)
        value = make_tuple_like(u, cls, args, count);
    else if (count == 3 || count == 1) {
        const TypeInfo *info = type_info_place(u->st, cls);
        if (!type_info_is_about(info, cls))
            return 0;
        if (count == 3 && info->form == TYPE_TIMEDELTA)
            value = make_timedelta(u->st, cls, args);
        else if (count == 1 && info->asks & ASKS_TEXT && PyUnicode_CheckExact(args[0]) && text_stays(u, args[0]))
            value = make_decimal(u, cls, args[0]);
        if (value != NULL)
            stack_cut(&u->stack, args);
    }
    if (value == NULL)
        return 0;
    u->in.pos = behind;
    Py_DECREF(cls);             /* the object has another */
    return push_made(u, args - 1, value, 1);
}
