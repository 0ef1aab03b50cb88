/* load_build.c - BUILD: giving an instance its state.

   The usual case has a short way: an instance whose class says nothing about its state or its attributes, just made,
   and a plain dict of names.  Then no foreign code runs, and the instance's __dict__ fills up as if by assignment.
   Everything else goes the long way, where anything may happen to the state while it is applied.

   Shorter still: where the plan says that a dict is made for nothing but BUILD, it is not made, and the pairs go from the
   stack into the instance (load_unmade_state).  When that does not work out the dict is made after all, so every case that
   is not usual meets what it would have met.

   What is known of a type stands as long as its version tag: any change of the type or of its bases gives it another. */
#include "unpickler.h"
#include "gc_hold.h"
#include "uuids.h"

/* Steps through a state that foreign code may change meanwhile: no more steps than it had items at first, and own
   references to what is in hand. */
typedef struct {
    PyObject *dict;
    Py_ssize_t position;
    Py_ssize_t left;
    PyObject *key;
    PyObject *value;
} StateWalk;

static void
begin_state(StateWalk *walk, PyObject *dict)
{
    walk->dict = dict;
    walk->position = 0;
    walk->left = PyDict_GET_SIZE(dict);
    walk->key = walk->value = NULL;
}

static int
next_in_state(StateWalk *walk)
{
    Py_CLEAR(walk->key);
    Py_CLEAR(walk->value);
    if (walk->left-- <= 0 || !PyDict_Next(walk->dict, &walk->position, &walk->key, &walk->value))
        return 0;
    Py_INCREF(walk->key);
    Py_INCREF(walk->value);
    return 1;
}

static int
end_state(StateWalk *walk)
{
    Py_CLEAR(walk->key);
    Py_CLEAR(walk->value);
    return -1;
}

/* Items of the state become items of the instance's __dict__, whatever the class says of attributes of that name. */
static int
update_instance_dict(Unpickler *u, PyObject *instance, PyObject *state)
{
    StateWalk walk;
    PyObject *dict = PyObject_GetAttr(instance, u->st->s___dict__);
    int set;

    if (dict == NULL)
        return -1;
    begin_state(&walk, state);
    while (next_in_state(&walk)) {
        if (PyUnicode_CheckExact(walk.key))
            PyUnicode_InternInPlace(&walk.key);
        set = check_hash_depth(u, walk.key);
        if (set == 0)
            set = PyDict_CheckExact(dict) ? PyDict_SetItem(dict, walk.key, walk.value)
                                          : PyObject_SetItem(dict, walk.key, walk.value);
        if (set < 0) {
            Py_DECREF(dict);
            return end_state(&walk);
        }
    }
    Py_DECREF(dict);
    return 0;
}

static int
set_slots(PyObject *instance, PyObject *state)
{
    StateWalk walk;

    begin_state(&walk, state);
    while (next_in_state(&walk)) {
        if (PyObject_SetAttr(instance, walk.key, walk.value) < 0)
            return end_state(&walk);
    }
    return 0;
}

static int
apply_state(Unpickler *u, PyObject *instance, PyObject *state)
{
    PyObject *slots = NULL;

    if (PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 2) {
        slots = PyTuple_GET_ITEM(state, 1);
        state = PyTuple_GET_ITEM(state, 0);
    }
    if (state != Py_None) {
        if (!PyDict_Check(state))
            return load_fail(u, u->st->UnpicklingError, "state is not a dictionary");
        if (update_instance_dict(u, instance, state) < 0)
            return -1;
    }
    if (slots != NULL) {
        if (!PyDict_Check(slots))
            return load_fail(u, u->st->UnpicklingError, "slot state is not a dictionary");
        return set_slots(instance, slots);
    }
    return 0;
}

/* What is known of types. */

ROOM int
is_dunder(PyObject *name)
{
    return PyUnicode_GET_LENGTH(name) >= 2 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
}

/* Nothing that takes part in setting an attribute, nor something that could come to without a change of this type: what
   is there must be of types that cannot be changed. */
static int
leaves_names_free(PyTypeObject *type)
{
    PyObject *bases = type->tp_mro, *dict, *key, *value;
    Py_ssize_t i, position;

    for (i = 0; bases != NULL && i < PyTuple_GET_SIZE(bases); i++) {
        if (PyTuple_GET_ITEM(bases, i) == (PyObject *)&PyBaseObject_Type)
            continue;
        dict = ((PyTypeObject *)PyTuple_GET_ITEM(bases, i))->tp_dict;
        if (dict == NULL)
            return 0;
        for (position = 0; PyDict_Next(dict, &position, &key, &value);) {
            if (!PyUnicode_CheckExact(key))
                return 0;
            if (!is_dunder(key) && (Py_TYPE(value)->tp_descr_set != NULL
                                    || PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_HEAPTYPE)))
                return 0;
        }
    }
    return bases != NULL;
}

static NOINLINE unsigned int
find_build_ways(Unpickler *u, PyTypeObject *type, BuildInfo *info)
{
    PyObject *dict;
    unsigned int ways = 0;

    if (type->tp_getattro == PyObject_GenericGetAttr && _PyType_Lookup(type, u->st->s___setstate__) == NULL) {
        ways |= BUILD_ORDINARY;
        if (type->tp_setattro == PyObject_GenericSetAttr)
            ways |= BUILD_SLOTS;
        dict = _PyType_Lookup(type, u->st->s___dict__);
        if (dict != NULL && Py_IS_TYPE(dict, &PyGetSetDescr_Type))
            ways |= BUILD_DICT;
    }
    info->version = P5_TypeVersion(type);       /* the look-ups have given it one */
    if (info->version != 0 && ways & BUILD_DICT && leaves_names_free(type))
        ways |= BUILD_FREE_NAMES;
    info->type = type;
    info->ways = ways;
    return ways;
}

ROOM unsigned int
build_ways(Unpickler *u, PyTypeObject *type)
{
    uintptr_t address = (uintptr_t)type;
    BuildInfo *info = &u->st->build_infos[(address >> 4 ^ address >> 10) % BUILD_INFOS];
    unsigned int version = P5_TypeVersion(type);

    if (LIKELY(info->type == type && info->version == version && version != 0))
        return info->ways;
    return find_build_ways(u, type, info);
}

/* Names.  Interning looks each name up in the interpreter's table; a pickle has a few of them again and again, as the same
   objects.  What stands here is owned, so an address stands for one str only. */

static ALWAYS_INLINE unsigned int
name_place(PyObject *key)
{
    uintptr_t address = (uintptr_t)key;
    return (unsigned int)(address >> 4 ^ address >> 10) % (2 * NAME_CACHE);
}

/* Not where it should be: nearby, or not there.  No more than half of the index is in use, so there is an end. */
static NOINLINE NameEntry *
enter_name(Unpickler *u, PyObject *key)
{
    NameEntry *entry;
    unsigned int place = name_place(key);

    if (u->name_count == NAME_CACHE)
        forget_names(u);
    if (u->name_count == 0)
        memset(u->name_index, 0, sizeof u->name_index);
    for (; u->name_index[place] != 0; place = (place + 1) % (2 * NAME_CACHE)) {
        entry = &u->names[u->name_index[place] - 1];
        if (entry->key == key)
            return entry;
    }
    entry = &u->names[u->name_count++];
    u->name_index[place] = (unsigned char)u->name_count;
    entry->key = Py_NewRef(key);
    entry->name = Py_NewRef(key);
    PyUnicode_InternInPlace(&entry->name);
    entry->dunder = is_dunder(entry->name);
    return entry;
}

/* `key` is an exact str.  The entry is good until the next look-up. */
static ALWAYS_INLINE NameEntry *
find_name(Unpickler *u, PyObject *key)
{
    unsigned int i = u->name_count > 0 ? u->name_index[name_place(key)] : 0;

    if (LIKELY(i > 0 && u->names[i - 1].key == key))
        return &u->names[i - 1];
    return enter_name(u, key);
}

/* They are str: letting them go runs no code. */
ROOM void
forget_names(Unpickler *u)
{
    while (u->name_count > 0) {
        NameEntry *entry = &u->names[--u->name_count];
        Py_DECREF(entry->key);
        Py_DECREF(entry->name);
    }
}

/* The short way.  1: done; 0: not the usual case, and nothing has happened; -1: error. */

/* All keys plain names?  The dict is exact, so looking runs no code. */
static int
has_plain_names(PyObject *state)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;

    while (PyDict_Next(state, &position, &key, &value)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
    }
    return 1;
}

/* The instance's dict, a new reference in *dict, if it is its very own and empty.  Then there is no __setstate__ in it, and
   filling it runs no foreign code: the names are hashed by the interpreter, and nothing is replaced. */
static int
get_empty_dict(Unpickler *u, PyObject *instance, PyObject **dict)
{
    *dict = PyObject_GetAttr(instance, u->st->s___dict__);
    if (*dict == NULL)
        return -1;
    if (PyDict_CheckExact(*dict) && PyDict_GET_SIZE(*dict) == 0)
        return 1;
    Py_CLEAR(*dict);
    return 0;
}

/* For an instance that has no dict yet and need not get one: each name is set as an attribute, unless the class has
   something under it that would stand in the way. */
static int
set_attribute(Unpickler *u, PyObject *instance, PyObject *name, PyObject *value)
{
    PyObject *in_class = _PyType_Lookup(Py_TYPE(instance), name), *dict;
    int result;

    if (in_class == NULL || Py_TYPE(in_class)->tp_descr_set == NULL)
        return PyObject_GenericSetAttr(instance, name, value);
    dict = PyObject_GetAttr(instance, u->st->s___dict__);
    if (dict == NULL)
        return -1;
    result = PyDict_SetItem(dict, name, value);
    Py_DECREF(dict);
    return result;
}

/* Before attributes are set on an instance that may have some: the type has no __setstate__, but it may have one of its
   own; looking for it there runs no code.  What is replaced may run some when it goes. */
static int
expect_old_attributes(Unpickler *u, PyObject *instance)
{
    PyObject *setstate = NULL;
    int found = PyObject_GetOptionalAttr(instance, u->st->s___setstate__, &setstate);

    if (found != 0) {
        Py_XDECREF(setstate);
        return found < 0 ? -1 : 0;
    }
    free_collector(u);
    return 1;
}

/* From a dict.  If foreign code runs it may change the state: no more steps than it has items now, and a reference of our
   own to what is in hand. */
static int
fill_from_dict(Unpickler *u, PyObject *instance, PyObject *state)
{
    Py_ssize_t position = 0, left = PyDict_GET_SIZE(state);
    PyObject *dict = NULL, *key, *value, *name;
    int found, result = 0;

    if (P5_INLINE_ATTRIBUTES(Py_TYPE(instance)))
        found = take_fresh(u, instance) ? 1 : expect_old_attributes(u, instance);
    else
        found = get_empty_dict(u, instance, &dict);
    if (found <= 0)
        return found;
    while (result == 0 && left-- > 0 && PyDict_Next(state, &position, &key, &value)) {
        name = Py_NewRef(key);
        Py_INCREF(value);
        PyUnicode_InternInPlace(&name);
        result = dict != NULL ? PyDict_SetItem(dict, name, value) : set_attribute(u, instance, name, value);
        Py_DECREF(value);
        Py_DECREF(name);
    }
    Py_XDECREF(dict);
    return result < 0 ? -1 : 1;
}

/* From pairs on the stack, which nothing else can reach. */
static int
fill_from_pairs(Unpickler *u, PyObject *instance, PyObject **first, unsigned int ways)
{
    PyObject *dict = NULL, **pair;
    NameEntry *entry;
    int found, result = 0, fresh = 0;

    if (!P5_INLINE_ATTRIBUTES(Py_TYPE(instance)))
        found = get_empty_dict(u, instance, &dict);
    else {
        fresh = take_fresh(u, instance);
        found = fresh ? 1 : expect_old_attributes(u, instance);
    }
    if (found <= 0)
        return found;
    for (pair = first; result == 0 && pair < u->stack.top; pair += 2) {
        entry = find_name(u, pair[0]);
        if (dict != NULL)
            result = PyDict_SetItem(dict, entry->name, pair[1]);
        /* As long as the instance is fresh nothing is replaced, so no code runs and what was known of the type holds. */
        else if (fresh && ways & BUILD_FREE_NAMES && !entry->dunder)
            result = PyObject_GenericSetAttr(instance, entry->name, pair[1]);
        else
            result = set_attribute(u, instance, entry->name, pair[1]);
    }
    Py_XDECREF(dict);
    return result < 0 ? -1 : 1;
}

ROOM Py_ssize_t
find_slot(PyTypeObject *type, PyObject *name)
{
    PyObject *member = _PyType_Lookup(type, name);
    PyMemberDef *def;

    if (member == NULL || !Py_IS_TYPE(member, &PyMemberDescr_Type)
            || !PyType_IsSubtype(type, ((PyDescrObject *)member)->d_type))
        return 0;
    def = ((PyMemberDescrObject *)member)->d_member;
    return def->type == T_OBJECT_EX && def->flags == 0 ? def->offset : 0;
}

/* The slot of this name in this instance, if it is an empty one, which the interpreter would fill without running foreign
   code; NULL otherwise. */
static PyObject **
find_empty_slot(PyObject *instance, PyObject *name)
{
    Py_ssize_t offset = find_slot(Py_TYPE(instance), name);
    PyObject **slot = (PyObject **)((char *)instance + offset);

    return offset > 0 && *slot == NULL ? slot : NULL;
}

/* The pairs are the second half of a state: they go into slots.  Only where each is an empty one: then nothing is
   replaced, and no code runs. */
static int
fill_slots(Unpickler *u, PyObject *instance, PyObject **first)
{
    PyObject **pair, **slot;

    for (pair = first; pair < u->stack.top; pair += 2) {
        if (find_empty_slot(instance, find_name(u, pair[0])->name) == NULL)
            return 0;
    }
    for (pair = first; pair < u->stack.top; pair += 2) {
        slot = find_empty_slot(instance, find_name(u, pair[0])->name);
        if (slot != NULL)
            *slot = Py_NewRef(pair[1]);
        else if (PyObject_GenericSetAttr(instance, find_name(u, pair[0])->name, pair[1]) < 0)     /* a name twice */
            return -1;
    }
    return 1;
}

/* The same from a dict. */
static int
fill_slots_from_dict(Unpickler *u, PyObject *instance, PyObject *state)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;

    while (PyDict_Next(state, &position, &key, &value)) {
        if (find_empty_slot(instance, find_name(u, key)->name) == NULL)
            return 0;
    }
    for (position = 0; PyDict_Next(state, &position, &key, &value);)
        *find_empty_slot(instance, find_name(u, key)->name) = Py_NewRef(value);
    return 1;
}

/* A state that is a dict of names, or a pair of None and such a dict, which go into slots. */
static int
build_plainly(Unpickler *u, PyObject *instance, PyObject *state)
{
    unsigned int ways = build_ways(u, Py_TYPE(instance));
    int found;

    if (PyDict_CheckExact(state))
        return ways & BUILD_DICT && has_plain_names(state) ? fill_from_dict(u, instance, state) : 0;
    if (!(ways & BUILD_SLOTS) || !PyTuple_CheckExact(state) || PyTuple_GET_SIZE(state) != 2
            || PyTuple_GET_ITEM(state, 0) != Py_None)
        return 0;
    state = PyTuple_GET_ITEM(state, 1);
    if (!PyDict_CheckExact(state) || !has_plain_names(state))
        return 0;
    found = take_fresh(u, instance) || !(ways & BUILD_DICT) ? 1 : expect_old_attributes(u, instance);
    return found > 0 ? fill_slots_from_dict(u, instance, state) : found;
}

/* Carry out BUILD from the pairs. */
static int
build_from_pairs(Unpickler *u, PyObject **first)
{
    const unsigned char *p = u->in.pos, *end = u->in.end;
    PyObject **pair;
    unsigned int ways;
    int paired, found;

    for (pair = first; pair < u->stack.top; pair += 2) {
        if (!PyUnicode_CheckExact(pair[0]))
            return 0;
    }
    paired = p < end && *p == OP_TUPLE2;
    if (paired) {
        /* Of the dict in the first half there is none; of the pair itself there need not be one. */
        if (first[-2] != Py_None || first - 3 < u->stack.fence
                || plan_note(&u->plan, u->memo.count) & PLAN_ASKED)
            return 0;
        p = behind_put(p + 1, end, u->memo.count);
    }
    if (p == NULL || p >= end || *p != OP_BUILD || first - 2 < u->stack.fence)
        return 0;
    ways = build_ways(u, Py_TYPE(first[-2 - paired]));
    if (!paired)
        found = ways & BUILD_DICT ? fill_from_pairs(u, first[-2], first, ways) : 0;
    else if (!(ways & BUILD_SLOTS))
        found = 0;
    else {
        found = take_fresh(u, first[-3]) || !(ways & BUILD_DICT) ? 1 : expect_old_attributes(u, first[-3]);
        if (found > 0)
            found = fill_slots(u, first[-3], first);
    }
    if (found <= 0)
        return found;
    u->memo.count += paired;
    u->in.pos = p + 1;
    cut_stack(u, first - 1 - paired);
    return 1;
}

ROOM int
load_unmade_state(Unpickler *u, PyObject **first)
{
    PyObject *dict;
    int found = build_from_pairs(u, first);

    if (found != 0)
        return found < 0 ? -1 : 0;
    dict = PyDict_New();
    if (dict == NULL)
        return -1;
    Py_SETREF(first[-1], dict);
    return set_items(u, first);
}

/* The stack owns the instance and the state until it is all done. */
ROOM int
load_build(Unpickler *u)
{
    PyObject **first = u->stack.top - 2, *setstate = NULL, *result;
    int found;

    if (u->stack.top - u->stack.fence < 2)
        return stack_underflow(u);
    found = build_plainly(u, first[0], first[1]);
    if (found == 0)
        found = set_uuid_state(u->st, first[0], first[1]);
    if (found < 0)
        return -1;
    if (found) {
        cut_stack(u, first + 1);
        return 0;
    }
    free_collector(u);
    look_at_setstate(u->st, Py_TYPE(first[0]));
    found = PyObject_GetOptionalAttr(first[0], u->st->s___setstate__, &setstate);
    if (found < 0)
        return -1;
    if (found) {
        result = PyObject_CallOneArg(setstate, first[1]);
        Py_DECREF(setstate);
        if (result == NULL)
            return -1;
        Py_DECREF(result);
    }
    else if (apply_state(u, first[0], first[1]) < 0)
        return -1;
    stack_cut(&u->stack, first + 1);
    return 0;
}
