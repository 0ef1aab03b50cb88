/* save_datetime.c - datetime, date, time and timedelta, written straight from their fields.

   They reduce to the class called with the object's packed bytes (and its tzinfo, if it has one), timedelta with three
   ints.  The arguments' tuple and bytes are never made: their memo numbers stay empty.  Below protocol 3 bytes have no
   opcode of their own, and a tzinfo that the pickle has not met yet may need anything: those go the general way. */
#include "save_inline.h"
#include "datetime_types.h"

/* class((bytes, tzinfo)) or class((bytes,)); `tzinfo_position` is -1 where there is none. */
static int
put_packed(Pickler *p, const unsigned char *packed, size_t size, Py_ssize_t tzinfo_position)
{
    Writer *w = &p->out;

    if (writer_reserve(w, size + 2) < 0)
        return -1;
    w->next[0] = OP_SHORT_BINBYTES;
    w->next[1] = (unsigned char)size;
    memcpy(w->next + 2, packed, size);
    w->next += size + 2;
    if (memoize(p, NULL, 1) < 0)
        return -1;
    if (tzinfo_position >= 0 && save_get(p, tzinfo_position) < 0)
        return -1;
    return put_op(w, tzinfo_position >= 0 ? OP_TUPLE2 : OP_TUPLE1);
}

static int
put_timedelta(Pickler *p, PyObject *obj)
{
    if (save_int32(p, PyDateTime_DELTA_GET_DAYS(obj)) < 0
            || save_int32(p, PyDateTime_DELTA_GET_SECONDS(obj)) < 0
            || save_int32(p, PyDateTime_DELTA_GET_MICROSECONDS(obj)) < 0)
        return -1;
    return put_op(&p->out, OP_TUPLE3);
}

/* The bytes of the object as pickles have them: the first bit of a datetime's month or a time's hour tells the fold,
   from protocol 4 on.  The number of bytes. */
static size_t
pack(Pickler *p, PyObject *obj, enum type_form form, unsigned char *packed)
{
    if (form == TYPE_DATE) {
        memcpy(packed, ((PyDateTime_Date *)obj)->data, _PyDateTime_DATE_DATASIZE);
        return _PyDateTime_DATE_DATASIZE;
    }
    if (form == TYPE_TIME) {
        memcpy(packed, ((PyDateTime_Time *)obj)->data, _PyDateTime_TIME_DATASIZE);
        if (p->protocol > 3 && PyDateTime_TIME_GET_FOLD(obj))
            packed[0] |= 0x80;
        return _PyDateTime_TIME_DATASIZE;
    }
    memcpy(packed, ((PyDateTime_DateTime *)obj)->data, _PyDateTime_DATETIME_DATASIZE);
    if (p->protocol > 3 && PyDateTime_DATE_GET_FOLD(obj))
        packed[2] |= 0x80;
    return _PyDateTime_DATETIME_DATASIZE;
}

/* The tzinfo of a datetime or time; a borrowed reference, or NULL for none. */
static PyObject *
tzinfo_of(PyObject *obj, enum type_form form)
{
    if (form == TYPE_DATETIME && ((PyDateTime_DateTime *)obj)->hastzinfo)
        return ((PyDateTime_DateTime *)obj)->tzinfo;
    if (form == TYPE_TIME && ((PyDateTime_Time *)obj)->hastzinfo)
        return ((PyDateTime_Time *)obj)->tzinfo;
    return NULL;
}

ROOM int
save_datetime(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, enum type_form form,
              enum saved *saved)
{
    PyObject *tzinfo = tzinfo_of(obj, form);
    unsigned char packed[16];
    size_t size;
    Py_ssize_t tzinfo_position = -1;
    int found, result;

    if (p->protocol < 3)
        return 0;
    if (tzinfo != NULL) {
        found = memo_lookup(&p->memo, tzinfo, &tzinfo_position);
        if (found <= 0)
            return found;
    }
    if (save_get(p, class_position) < 0)
        return -1;
    if (form == TYPE_TIMEDELTA)
        result = put_timedelta(p, obj);
    else {
        size = pack(p, obj, form, packed);
        result = put_packed(p, packed, size, tzinfo_position);
    }
    if (result < 0 || memoize(p, NULL, 1) < 0 || put_op(&p->out, OP_REDUCE) < 0 || memoize(p, obj, unique) < 0)
        return -1;
    *saved = SAVED;
    return 1;
}
