/* save_instance.c - plain instances, written straight from their dict and slots.

   What object.__reduce_ex__ would be asked for is known (typeinfo.c), so the tuples that it builds are not made, no code
   of the class runs, and the memo's log stays fresh.  The opcodes are the same: the class, (), NEWOBJ, then the state:

     dict                    no slots are set
     (dict or None, slots)   some are

   and BUILD.  Likewise members of an Enum, class, value, TUPLE1, REDUCE, and namedtuples, class, items, TUPLE, NEWOBJ, as
   long as their values and items are atoms.

   The dict of the slots and the tuple around it and the tuples of arguments are never made: their memo numbers stay empty.  An instance's
   own dict is made real if it was not (3.11 on), because its number refers to it.

   A frame may end before each of these objects, also where they are never made (before_part()).  With a file its write() would
   then be called in between, which nothing here is prepared for; so what begins close to the end of the frame goes the general
   way.  Without a file it must not: the general way runs foreign code, and has the whole log of the memo hashed, once for each
   frame. */
#include "save_inline.h"
#include "uuids.h"

/* What is written in one go takes less: the names of one of datetime's classes, its fields and memo numbers. */
enum { IN_ONE_GO = 64, MAX_TEXT = 40 };

/* Does the instance's own dict shadow what pickling looks up on it?  All such names begin with two underscores. */
static int
dict_is_plain(PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;

    if (!PyDict_CheckExact(dict))
        return 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (!PyUnicode_CheckExact(key) || P5_Unicode_Ready(key) < 0)
            return 0;
        if (PyUnicode_GET_LENGTH(key) > 4 && PyUnicode_READ_CHAR(key, 0) == '_' && PyUnicode_READ_CHAR(key, 1) == '_')
            return 0;
    }
    return 1;
}

/* The value of the slot with this name; a borrowed reference, or NULL if it is not set. */
static PyObject *
slot_value(PyObject *obj, PyObject *name)
{
    PyObject *member = _PyType_Lookup(Py_TYPE(obj), name);

    if (UNLIKELY(member == NULL || !Py_IS_TYPE(member, &PyMemberDescr_Type)))
        return NULL;   /* the type was changed just now */
    return *(PyObject **)((char *)obj + ((PyMemberDescrObject *)member)->d_member->offset);
}

/* The slots that are set, as (name, value, name, value, ...).  Foreign code may change them while the dict before them is
   written; the state is what it was at the start.  1, or 0 if they changed even while they were looked at (up to 3.11 the
   tuple's allocation can run a finalizer), -1 on error. */
static int
snapshot_slots(PyObject *obj, PyObject *names, PyObject **slots)
{
    PyObject *value;
    Py_ssize_t i, count = PyList_GET_SIZE(names), set = 0, at = 0;

    for (i = 0; i < count; i++)
        set += slot_value(obj, PyList_GET_ITEM(names, i)) != NULL;
    if (set == 0)
        return 1;
    *slots = PyTuple_New(2 * set);
    if (*slots == NULL)
        return -1;
    for (i = 0; i < PyList_GET_SIZE(names) && at < 2 * set; i++) {
        value = slot_value(obj, PyList_GET_ITEM(names, i));
        if (value == NULL)
            continue;
        PyTuple_SET_ITEM(*slots, at++, Py_NewRef(PyList_GET_ITEM(names, i)));
        PyTuple_SET_ITEM(*slots, at++, Py_NewRef(value));
    }
    return at == 2 * set;
}

/* Has the type a reduce function in the dispatch table?  Anything but a plain look-up counts as yes. */
static int
in_dispatch_table(Pickler *p, PyTypeObject *type)
{
    PyObject *table = p->table == NULL ? p->st->dispatch_table : p->table;

    if (!PyDict_CheckExact(table) || Py_TYPE(type)->tp_hash != PyType_Type.tp_hash)
        return 1;
    return PyDict_GET_SIZE(table) != 0 && PyDict_Contains(table, (PyObject *)type) != 0;
}

/* What the walk writes now.  The first two are for the first instance of a class, whose walk begins with the class. */
enum instance_stage { INSTANCE_CLASS, INSTANCE_ARGUMENTS, INSTANCE_DICT, INSTANCE_SLOTS };

/* The dict of an instance has one reference besides ours, and the value of a slot one besides the snapshot's; as long as no
   foreign code ran since: that may have put it elsewhere. */
static int
only_ours_besides(PyObject *obj)
{
    return !P5_FREE_THREADED && Py_REFCNT(obj) == 2;
}

/* Write the class, NEWOBJ and the dict, and push the walk over what comes after unless there is nothing. */
static enum saved
begin_instance(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, PyObject *dict, PyObject *slots)
{
    Walk *walk;

    if (before_part(p) < 0 || save_get(p, class_position) < 0 || before_part(p) < 0 || writer_reserve(&p->out, 2) < 0)
        return SAVE_ERROR;
    put_op_reserved(&p->out, OP_EMPTY_TUPLE);
    put_op_reserved(&p->out, OP_NEWOBJ);
    if (memoize(p, obj, unique) < 0)
        return SAVE_ERROR;
    if (dict == NULL && slots == NULL)
        return SAVED;
    walk = walks_push(&p->walks, WALK_INSTANCE, obj);
    if (walk == NULL)
        return SAVE_ERROR;
    walk->aux = Py_XNewRef(slots);
    walk->left = (Py_ssize_t)p->memo.foreign;
    walk->stage = INSTANCE_DICT;
    walk->in_child = 1;
    if (dict == NULL)
        return before_part(p) < 0 || put_op(&p->out, OP_NONE) < 0 ? SAVE_ERROR : SAVE_PUSHED;
    return save(p, dict, only_ours_besides(dict)) < 0 ? SAVE_ERROR : SAVE_PUSHED;
}

/* What an instance that is plain by its type has in its dict and slots: NULL where nothing.  1, or 0 where the dict is
   not plain, -1 on error. */
static int
find_state(PyObject *obj, PyObject *names, PyObject **dict, PyObject **slots)
{
    int found = PyList_GET_SIZE(names) == 0 ? 1 : snapshot_slots(obj, names, slots);

    if (found <= 0)
        return found;
    *dict = P5_InstanceDict(obj);
    if (*dict == NULL)
        return PyErr_Occurred() ? -1 : 1;
    if (!dict_is_plain(*dict))
        return 0;
    if (PyDict_GET_SIZE(*dict) == 0)
        Py_CLEAR(*dict);
    return 1;
}

/* An instance of a plain type whose class has a number: 1 if it is written, 0 if its own dict has something against it,
   -1 on error. */
static int
save_plain_instance(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, PyObject *names,
                    enum saved *saved)
{
    PyObject *dict = NULL, *slots = NULL;
    int found;

    Py_INCREF(names);
    found = find_state(obj, names, &dict, &slots);
    Py_DECREF(names);
    if (P5_ALLOCATION_MAY_COLLECT) {
        ran_foreign(p);
        unique = unique && !p->memo.assigned;   /* it takes its number before the memo is looked into */
    }
    if (found > 0)
        *saved = begin_instance(p, obj, unique, class_position, dict, slots);
    Py_XDECREF(dict);
    Py_XDECREF(slots);
    return found;
}

/* The first instance of a plain type in this pickle: its class, which is written by name, comes first, and may run foreign
   code.  The state is what it was before that, as a reduce value would have it: `held` keeps the dict. */
static int
save_first_instance(Pickler *p, PyObject *obj, PyObject *names, enum saved *saved)
{
    PyObject *dict = NULL, *slots = NULL, *cls = Py_NewRef(Py_TYPE(obj));
    Walk *walk = NULL;
    int found;

    Py_INCREF(names);
    found = find_state(obj, names, &dict, &slots);
    Py_DECREF(names);
    ran_foreign(p);
    if (found > 0)
        walk = walks_push(&p->walks, WALK_INSTANCE, obj);
    if (walk != NULL) {
        walk->held = Py_XNewRef(dict);
        walk->aux = Py_XNewRef(slots);
        walk->size = (Py_ssize_t)p->reduce_visits;
        walk->left = (Py_ssize_t)p->memo.foreign;
        walk->stage = INSTANCE_CLASS;
        walk->in_child = 1;
        if (save(p, cls, 0) >= 0)
            *saved = SAVE_PUSHED;
    }
    Py_DECREF(cls);
    Py_XDECREF(dict);
    Py_XDECREF(slots);
    return found;
}

/* Go on with it: (), NEWOBJ and the dict.  SAVED if there is no state.  If a cycle through the class has made the object
   already, that one takes the place of this, and it has its state. */
static enum saved
after_class(Pickler *p, Walk *walk)
{
    Py_ssize_t position;
    int known;

    walk->stage = INSTANCE_ARGUMENTS;
    walk->in_child = 1;
    if (save(p, p->st->empty_tuple, 0) < 0)
        return SAVE_ERROR;
    walk->in_child = 0;
    known = late_owner_known(p, walk->obj, p->reduce_visits, walk->size, &position);
    if (known < 0 || put_op(&p->out, OP_NEWOBJ) < 0)
        return SAVE_ERROR;
    if (known > 0)
        return put_op(&p->out, OP_POP) < 0 ? SAVE_ERROR : (enum saved)save_get(p, position);
    if (memoize(p, walk->obj, 0) < 0)
        return SAVE_ERROR;
    if (walk->held == NULL && walk->aux == NULL)
        return SAVED;
    walk->stage = INSTANCE_DICT;
    walk->in_child = 1;
    return save(p, walk->held == NULL ? Py_None : walk->held, 0) < 0 ? SAVE_ERROR : SAVE_PUSHED;
}

/* ---- members of an Enum and namedtuples ---- */

/* An object that save() writes at once, whatever else there is, without an error of its own. */
static ALWAYS_INLINE int
is_atom(PyObject *obj)
{
    PyTypeObject *type = Py_TYPE(obj);

    return is_short_str(obj) || (type == &PyLong_Type && P5_LONG_NDIGITS(obj) <= 4) || type == &PyFloat_Type
        || obj == Py_None || type == &PyBool_Type;
}

/* The end of a call: the tuple of its `size` arguments, which is never made, and the object. */
static int
put_call(Pickler *p, PyObject *obj, int unique, Py_ssize_t size, enum opcode op)
{
    enum opcode tuple = size == 0 ? OP_EMPTY_TUPLE : size == 1 ? OP_TUPLE1 : size == 2 ? OP_TUPLE2
                      : size == 3 ? OP_TUPLE3 : OP_TUPLE;

    if (put_op(&p->out, tuple) < 0 || (size != 0 && memoize(p, NULL, 1) < 0) || put_op(&p->out, op) < 0)
        return -1;
    return memoize(p, obj, unique);
}

/* Would the class, not a member's own dict, say what its value is? */
static int
class_has_value(State *st, PyTypeObject *type)
{
    PyObject *in_class = _PyType_Lookup(type, st->s__value_);
    return in_class != NULL && Py_TYPE(in_class)->tp_descr_set != NULL;
}

/* The value of a member of an Enum, borrowed, where it is an atom that stands in the member's own dict, and nothing else
   there is looked up by pickling; or NULL, without an exception. */
static PyObject *
member_value(State *st, PyObject *obj)
{
    PyObject *dict = P5_InstanceDict(obj), *value = NULL;

    if (dict != NULL && PyDict_CheckExact(dict) && PyDict_GetItemWithError(dict, st->s___reduce_ex__) == NULL)
        value = PyDict_GetItemWithError(dict, st->s__value_);
    Py_XDECREF(dict);
    PyErr_Clear();
    return value != NULL && is_atom(value) ? value : NULL;
}

/* A member of an Enum: 1 if it is written, 0 if it is to be asked, -1 on error. */
static int
save_member(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position)
{
    PyObject *value = member_value(p->st, obj);
    int result = -1;

    if (value == NULL)
        return 0;
    Py_INCREF(value);
    if (before_part(p) == 0 && save_get(p, class_position) == 0 && save(p, value, 0) == SAVED
            && put_call(p, obj, unique, 1, OP_REDUCE) == 0)
        result = 1;
    Py_DECREF(value);
    return result;
}

/* A namedtuple, likewise. */
static int
save_namedtuple(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position)
{
    Py_ssize_t i, size = PyTuple_GET_SIZE(obj);
    size_t foreign = p->memo.foreign;
    PyObject *item;

    for (i = 0; i < size; i++) {
        if (!is_atom(PyTuple_GET_ITEM(obj, i)))
            return 0;
    }
    if (size > BATCH_SIZE)
        return 0;
    if (before_part(p) < 0 || save_get(p, class_position) < 0 || before_part(p) < 0 || (size > 3 && put_op(&p->out, OP_MARK) < 0))
        return -1;
    for (i = 0; i < size; i++) {
        item = PyTuple_GET_ITEM(obj, i);
        if (save(p, item, unique && P5_IS_UNIQUE(item)) != SAVED)
            return -1;
    }
    /* A frame may have ended among many items. */
    return put_call(p, obj, unique && foreign == p->memo.foreign, size, OP_NEWOBJ) < 0 ? -1 : 1;
}

/* A UUID: its state is a dict with one item. */
static int
save_uuid(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position)
{
    PyObject *number = find_uuid_state(p->st, obj);

    if (number == NULL || !PyLong_CheckExact(number) || P5_LONG_NDIGITS(number) > 6)
        return 0;
    if (before_part(p) < 0 || save_get(p, class_position) < 0 || before_part(p) < 0 || put_op(&p->out, OP_EMPTY_TUPLE) < 0
            || put_op(&p->out, OP_NEWOBJ) < 0 || memoize(p, obj, unique) < 0
            || before_part(p) < 0 || put_op(&p->out, OP_EMPTY_DICT) < 0 || memoize(p, NULL, 1) < 0
            || save(p, p->st->s_int, 0) != SAVED || save(p, number, 0) != SAVED || put_op(&p->out, OP_SETITEM) < 0
            || put_op(&p->out, OP_BUILD) < 0)
        return -1;
    return 1;
}

/* A Decimal, of which only the text is made.  To make it the first context of a thread may be made, and up to 3.11 with it a
   collection begin. */
static int
save_decimal(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position)
{
    PyObject *text = Py_TYPE(obj)->tp_str(obj);
    int result = -1, found = 1;

    if (text == NULL)
        return -1;
    if (P5_ALLOCATION_MAY_COLLECT) {
        ran_foreign(p);
        unique = 0;
        found = memo_lookup(&p->memo, (PyObject *)Py_TYPE(obj), &class_position);
    }
    if (found <= 0 || !is_short_str(text) || PyUnicode_GET_LENGTH(text) > MAX_TEXT)
        result = found < 0 ? -1 : 0;
    else if (before_part(p) == 0 && save_get(p, class_position) == 0 && save(p, text, P5_IS_UNIQUE(text)) == SAVED
             && put_call(p, obj, unique, 1, OP_REDUCE) == 0)
        result = 1;
    Py_DECREF(text);
    return result;
}

/* ---- an Enum without a version tag ---- */

/* Has the dispatch table nothing but ordinary classes, so that no code runs when one is looked for? */
static int
table_is_plain(Pickler *p)
{
    PyObject *table = p->table == NULL ? p->st->dispatch_table : p->table, *key, *value;
    Py_ssize_t at = 0;

    if (PyDict_GET_SIZE(table) > 100)
        return 0;
    while (PyDict_Next(table, &at, &key, &value)) {
        if (!PyType_Check(key) || Py_TYPE(key)->tp_hash != PyType_Type.tp_hash
                || Py_TYPE(key)->tp_richcompare != PyType_Type.tp_richcompare)
            return 0;
    }
    return 1;
}

/* What is found out about such an Enum for one member holds for the next ones, as long as nothing but atoms and members of
   it are written meanwhile in this container: then no code runs that could change the class or the table.  Not so
   without the GIL. */
static void
remember_members(Pickler *p, PyTypeObject *type)
{
    p->members.type = type;
    p->members.in = P5_FREE_THREADED || walks_empty(&p->walks) || !table_is_plain(p) ? NULL : p->walks.top->obj;
    p->members.foreign = p->memo.foreign;
    p->members.visits = p->reduce_visits;
}

/* Is this the next one?  Both pointers are only compared: the memo holds the container, the container held a member. */
static int
is_next_member(Pickler *p, PyTypeObject *type)
{
    if (p->members.type != type || p->members.foreign != p->memo.foreign || p->members.visits + 1 != p->reduce_visits
            || walks_empty(&p->walks) || p->members.in != p->walks.top->obj)
        return 0;
    p->members.visits++;
    return 1;
}

/* Is it a member of one, as far as the class goes, and not in the dispatch table?  Foreign code may run. */
static int
is_untagged_member(Pickler *p, PyObject *obj)
{
    PyTypeObject *type = Py_TYPE(obj);
    int result;

    if (is_next_member(p, type))
        return 1;
    if (in_dispatch_table(p, type))
        return 0;
    ran_foreign(p);
    Py_INCREF(type);
    result = is_enum_now(p->st, type) && Py_TYPE(obj) == type && !class_has_value(p->st, type);
    if (result)
        remember_members(p, type);
    Py_DECREF(type);
    return result;
}

ROOM int
save_known_type(Pickler *p, PyObject *obj, int unique, enum saved *saved)
{
    PyTypeObject *type = Py_TYPE(obj);
    TypeInfo *info = type_info_place(p->st, type);
    enum type_form form;
    Py_ssize_t class_position;
    int found;

    if (!type_info_is_about(info, type)) {
        info = find_type_info(p->st, type);
        ran_foreign(p);
        unique = 0;
    }
    form = (enum type_form)info->form;
    if (form < TYPE_UNTAGGED_ENUM
            || (form == TYPE_ASKED && !(info->asks == ASKS_VALUE || info->asks == ASKS_ITEMS || info->asks & (ASKS_UUID | ASKS_TEXT)))
            || p->protocol < 2 || p->fast || p->persistent_id != NULL
            || p->reducer_override != NULL
            || (p->out.write != NULL && (uintptr_t)p->out.next + IN_ONE_GO >= p->out.limit)
            || (form == TYPE_UNTAGGED_ENUM ? !is_untagged_member(p, obj) : in_dispatch_table(p, type))
            || !type_info_is_about(info, type))   /* a key of that table has changed it */
        return 0;
    unique = unique && form != TYPE_UNTAGGED_ENUM;
    *saved = SAVE_ERROR;
    found = memo_lookup(&p->memo, (PyObject *)type, &class_position);
    if (found == 0 && form == TYPE_PLAIN)
        return save_first_instance(p, obj, info->slots, saved) != 0;
    if (found == 0 && form >= TYPE_DATETIME)
        return save_first_datetime(p, obj, form, saved) != 0;
    if (found <= 0)
        return found < 0;   /* the first instance of another class goes the general way */
    if (form == TYPE_UNTAGGED_ENUM || form == TYPE_ASKED) {
        if (form == TYPE_UNTAGGED_ENUM || info->asks == ASKS_VALUE)
            found = form == TYPE_ASKED && class_has_value(p->st, type) ? 0 : save_member(p, obj, unique, class_position);
        else if (info->asks & ASKS_UUID)
            found = save_uuid(p, obj, unique, class_position);
        else if (info->asks & ASKS_TEXT)
            found = save_decimal(p, obj, unique, class_position);
        else
            found = save_namedtuple(p, obj, unique, class_position);
        *saved = found < 0 ? SAVE_ERROR : SAVED;
    }
    else if (form == TYPE_PLAIN)
        found = save_plain_instance(p, obj, unique, class_position, info->slots, saved);
    else
        found = save_datetime(p, obj, unique, class_position, form, saved);
    return found != 0;
}

/* For the notes: the error arose in the slots' dict, and in the value of none of them. */
static int COLD
fail_before_value(Walk *walk)
{
    walk->in_child = 1;
    walk->at = 0;
    return -1;
}

/* Write the slots from walk->at on, and close their dict and the pair.  walk->left tells when they were looked at. */
static enum saved
step_slots(Pickler *p, Walk *walk)
{
    PyObject *value;
    Py_ssize_t size = PyTuple_GET_SIZE(walk->aux);
    enum saved saved;

    while (walk->at < size) {
        if (save(p, PyTuple_GET_ITEM(walk->aux, walk->at), 0) < 0)
            return (enum saved)fail_before_value(walk);
        value = PyTuple_GET_ITEM(walk->aux, walk->at + 1);
        walk->in_child = 1;
        walk->at += 2;
        saved = save(p, value, walk->left == (Py_ssize_t)p->memo.foreign && only_ours_besides(value));
        if (saved != SAVED)
            return saved;
        walk->in_child = 0;
    }
    if (put_op(&p->out, size == 2 ? OP_SETITEM : OP_SETITEMS) < 0 || put_op(&p->out, OP_TUPLE2) < 0)
        return SAVE_ERROR;
    return (enum saved)memoize(p, NULL, 1);
}

/* The first half of the pair is written: open the dict of the slots. */
static int
begin_slots(Pickler *p, Walk *walk)
{
    walk->stage = INSTANCE_SLOTS;
    if (before_part(p) < 0)
        return fail_before_value(walk);
    if (put_op(&p->out, OP_EMPTY_DICT) < 0 || memoize(p, NULL, 1) < 0)
        return -1;
    return PyTuple_GET_SIZE(walk->aux) == 2 ? 0 : put_op(&p->out, OP_MARK);
}

ROOM int
step_instance(Pickler *p)
{
    Walk *walk = p->walks.top;
    enum saved saved;

    walk->in_child = 0;
    if (walk->stage == INSTANCE_CLASS) {
        saved = after_class(p, walk);
        if (saved == SAVED)
            walks_pop(&p->walks);
        return saved;
    }
    if (walk->aux != NULL) {
        if (walk->stage == INSTANCE_DICT && begin_slots(p, walk) < 0)
            return -1;
        saved = step_slots(p, walk);
        if (saved != SAVED)
            return saved;
    }
    if (put_op(&p->out, OP_BUILD) < 0)
        return -1;
    walks_pop(&p->walks);
    return 0;
}

ROOM void COLD
note_instance(Pickler *p, const Walk *walk)
{
    int in_slots = walk->stage == INSTANCE_SLOTS;

    if (walk->in_child && walk->stage < INSTANCE_DICT)
        add_note(p->st, "when serializing %T %s", walk->obj,
                 walk->stage == INSTANCE_CLASS ? "class" : "__new__ arguments");
    else if (walk->in_child) {
        if (in_slots && walk->at > 0)
            add_note(p->st, "when serializing dict item %R", PyTuple_GET_ITEM(walk->aux, walk->at - 2));
        if (walk->aux != NULL)
            add_note(p->st, "when serializing tuple item %zd", (Py_ssize_t)in_slots);
        add_note(p->st, "when serializing %T state", walk->obj);
    }
    add_note(p->st, "when serializing %T object", walk->obj);
}
