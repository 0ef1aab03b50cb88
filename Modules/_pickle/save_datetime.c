/* save_datetime.c - datetime, date, time and timedelta, written straight from their fields.

   They reduce to the class called with the object's packed bytes (and its tzinfo, if it has one), timedelta with three
   ints.  The arguments' tuple and bytes are never made: their memo numbers stay empty.  Below protocol 3 bytes have no
   opcode of their own, and a tzinfo that the pickle has not met yet may need anything: those go the general way.

   The first of a type in a pickle has a walk, for its class is written by name, which may run foreign code.  With a tzinfo
   it goes the general way as well: that code may have put another memo in the place of the one that knows the tzinfo. */
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
    copy_short(w->next + 2, packed, size);
    w->next += size + 2;
    if (memoize(p, NULL, 1) < 0)
        return -1;
    if (tzinfo_position >= 0 && (before_part(p) < 0 || save_get(p, tzinfo_position) < 0))
        return -1;
    return put_op(w, tzinfo_position >= 0 ? OP_TUPLE2 : OP_TUPLE1);
}

static int
put_timedelta(Pickler *p, PyObject *obj)
{
    if (save_int32(p, PyDateTime_DELTA_GET_DAYS(obj)) < 0
            || before_part(p) < 0 || save_int32(p, PyDateTime_DELTA_GET_SECONDS(obj)) < 0
            || before_part(p) < 0 || save_int32(p, PyDateTime_DELTA_GET_MICROSECONDS(obj)) < 0)
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

/* All that comes after the class: its arguments and REDUCE. */
static int
put_fields(Pickler *p, PyObject *obj, enum type_form form, Py_ssize_t tzinfo_position)
{
    unsigned char packed[16];
    size_t size;
    int result;

    if (before_part(p) < 0)
        return -1;
    if (form == TYPE_TIMEDELTA)
        result = put_timedelta(p, obj);
    else {
        size = pack(p, obj, form, packed);
        result = put_packed(p, packed, size, tzinfo_position);
    }
    return result < 0 || memoize(p, NULL, 1) < 0 ? -1 : put_op(&p->out, OP_REDUCE);
}

ROOM int
save_datetime(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, enum type_form form,
              enum saved *saved)
{
    PyObject *tzinfo = tzinfo_of(obj, form);
    Py_ssize_t tzinfo_position = -1;
    int found;

    if (p->protocol < 3)
        return 0;
    if (tzinfo != NULL) {
        found = memo_lookup(&p->memo, tzinfo, &tzinfo_position);
        if (found <= 0)
            return found;
    }
    if (before_part(p) < 0 || save_get(p, class_position) < 0 || put_fields(p, obj, form, tzinfo_position) < 0
            || memoize(p, obj, unique) < 0)
        return -1;
    *saved = SAVED;
    return 1;
}

ROOM int
save_first_datetime(Pickler *p, PyObject *obj, enum type_form form, enum saved *saved)
{
    Walk *walk;

    if (p->protocol < 3 || tzinfo_of(obj, form) != NULL)
        return 0;
    walk = walks_push(&p->walks, WALK_DATETIME, obj);
    if (walk == NULL)
        return -1;
    walk->stage = (unsigned char)form;
    walk->size = (Py_ssize_t)p->reduce_visits;
    walk->in_child = 1;
    *saved = save(p, (PyObject *)Py_TYPE(obj), 0) < 0 ? SAVE_ERROR : SAVE_PUSHED;
    return 1;
}

/* The class is written.  What foreign code did there to the memo counts, as it does for any reduce value. */
ROOM int
step_datetime(Pickler *p)
{
    Walk *walk = p->walks.top;
    Py_ssize_t position;
    int known, result;

    walk->in_child = 0;
    if (put_fields(p, walk->obj, (enum type_form)walk->stage, -1) < 0)
        return -1;
    known = late_owner_known(p, walk->obj, p->reduce_visits, walk->size, &position);
    if (known == 0)
        result = memoize(p, walk->obj, 0);
    else
        result = known < 0 || put_op(&p->out, OP_POP) < 0 ? -1 : save_get(p, position);
    if (result == 0)
        walks_pop(&p->walks);
    return result;
}
