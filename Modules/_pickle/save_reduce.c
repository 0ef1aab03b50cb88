/* save_reduce.c - objects that say themselves how they are made again.

   Where a reduce value comes from, in order: reducer_override, the dispatch table, __reduce_ex__, __reduce__; classes
   and functions go by name before the last two are asked.  A str is a global name.  A tuple is

     (callable, arguments, state, list items, dict items, state setter), the last four optional,

   and becomes a WALK_REDUCE, which owns the tuple in `aux` and goes through the stages below.  copyreg.__newobj__ and
   __newobj_ex__ as the callable mean NEWOBJ and NEWOBJ_EX from protocol 2 and 4 on; what is written instead of the
   tuple's own members then (the arguments after the class, the functools.partial of protocols 2 and 3) is in `held`. */
#include "save_inline.h"

/* The parts of a reduce value, by their place in the tuple. */
enum part { CALLABLE, ARGUMENTS, STATE, LIST_ITEMS, DICT_ITEMS, STATE_SETTER, PARTS };

/* What the walk writes next. */
enum reduce_stage {
    STAGE_CALLABLE,
    STAGE_CLASS,              /* of NEWOBJ and NEWOBJ_EX */
    STAGE_NEW_ARGUMENTS,
    STAGE_NEW_KEYWORDS,
    STAGE_ARGUMENTS,
    STAGE_OPCODE,
    STAGE_LIST_ITEMS,
    STAGE_DICT_ITEMS,
    STAGE_STATE_SETTER,
    STAGE_SETTER_OBJECT,
    STAGE_SETTER_STATE,
    STAGE_STATE,
    STAGE_BUILD,
    STAGE_END
};

/* How the object is made: walk->single holds it. */
enum form { FORM_CALL, FORM_NEWOBJ, FORM_NEWOBJ_EX, FORM_PARTIAL };

/* walk->open: the value came from the object, so errors get a note "when serializing X object". */

static PyObject *
part_of(const Walk *walk, enum part part)
{
    PyObject *value = walk->aux;
    return (Py_ssize_t)part < PyTuple_GET_SIZE(value) ? PyTuple_GET_ITEM(value, part) : Py_None;
}

/* ---- checking a reduce value ---- */

static int
check_parts(State *st, const Walk *walk)
{
    PyObject *value = walk->aux, *part;
    Py_ssize_t size = PyTuple_GET_SIZE(value);

    if (size < 2 || size > PARTS)
        return fail(st->PicklingError, "tuple returned by __reduce__ must contain 2 through 6 elements");
    part = part_of(walk, CALLABLE);
    if (!PyCallable_Check(part))
        return fail(st->PicklingError, "first item of the tuple returned by __reduce__ must be callable, not %T", part);
    part = part_of(walk, ARGUMENTS);
    if (!PyTuple_Check(part))
        return fail(st->PicklingError, "second item of the tuple returned by __reduce__ must be a tuple, not %T", part);
    part = part_of(walk, LIST_ITEMS);
    if (part != Py_None && !PyIter_Check(part))
        return fail(st->PicklingError, "fourth item of the tuple returned by __reduce__ must be an iterator, not %T",
                    part);
    part = part_of(walk, DICT_ITEMS);
    if (part != Py_None && !PyIter_Check(part))
        return fail(st->PicklingError, "fifth item of the tuple returned by __reduce__ must be an iterator, not %T",
                    part);
    part = part_of(walk, STATE_SETTER);
    if (part != Py_None && !PyCallable_Check(part))
        return fail(st->PicklingError, "sixth item of the tuple returned by __reduce__ must be callable, not %T", part);
    return 0;
}

/* The __name__ of a callable whose kind is known to keep it there: a borrowed reference, or NULL. */
static PyObject *
known_name(State *st, PyObject *callable)
{
    PyTypeObject *type = Py_TYPE(callable);

    if (type == &PyFunction_Type)
        return ((PyFunctionObject *)callable)->func_name;
    if (!PyType_Check(callable) || !PyType_HasFeature((PyTypeObject *)callable, Py_TPFLAGS_HEAPTYPE))
        return NULL;
    if (type != &PyType_Type && (_PyType_Lookup(type, st->s___name__) != st->type_name
                                 || _PyType_Lookup(type, st->s___getattribute__) != st->type_getattribute))
        return NULL;   /* a metaclass has other ideas */
    return ((PyHeapTypeObject *)callable)->ht_name;
}

/* Does the callable's __name__ say that it is copyreg's __newobj__ or __newobj_ex__? */
static int
find_form(State *st, PyObject *callable, enum form *form)
{
    PyObject *name = Py_XNewRef(known_name(st, callable));

    *form = FORM_CALL;
    if (name == NULL && PyObject_GetOptionalAttr(callable, st->s___name__, &name) < 0)
        return -1;
    if (name != NULL && PyUnicode_Check(name)) {
        if (PyUnicode_Compare(name, st->s___newobj__) == 0)
            *form = FORM_NEWOBJ;
        else if (PyUnicode_Compare(name, st->s___newobj_ex__) == 0)
            *form = FORM_NEWOBJ_EX;
    }
    Py_XDECREF(name);
    return 0;
}

/* __newobj__(cls, *arguments): the arguments after the class go to walk->held. */
static int
begin_newobj(State *st, Walk *walk, PyObject *args)
{
    PyObject *cls, *own = NULL;

    if (PyTuple_GET_SIZE(args) < 1)
        return fail(st->PicklingError, "__newobj__ expected at least 1 argument, got 0");
    cls = PyTuple_GET_ITEM(args, 0);
    if (!PyType_Check(cls))
        return fail(st->PicklingError, "first argument to __newobj__() must be a class, not %T", cls);
    if (PyObject_GetOptionalAttr(walk->obj, st->s___class__, &own) < 0)
        return -1;
    if (own == NULL)
        own = Py_NewRef(Py_TYPE(walk->obj));
    if (own != cls)
        fail(st->PicklingError, "first argument to __newobj__() must be %R, not %R", own, cls);
    else {
        walk->held = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
        walk->stage = STAGE_CLASS;
    }
    Py_DECREF(own);
    return walk->held == NULL ? -1 : 0;
}

/* functools.partial(cls.__new__, cls, *args, **kwargs): NEWOBJ_EX before there was that opcode. */
static PyObject *
make_partial(State *st, PyObject *cls, PyObject *args, PyObject *kwargs)
{
    PyObject *made = NULL, *new_method = NULL, *result = NULL;
    Py_ssize_t i, count = PyTuple_GET_SIZE(args);

    new_method = PyObject_GetAttr(cls, st->s___new__);
    if (new_method == NULL)
        return NULL;
    made = PyTuple_New(count + 2);
    if (made == NULL) {
        Py_DECREF(new_method);
        return NULL;
    }
    PyTuple_SET_ITEM(made, 0, new_method);
    PyTuple_SET_ITEM(made, 1, Py_NewRef(cls));
    for (i = 0; i < count; i++)
        PyTuple_SET_ITEM(made, i + 2, Py_NewRef(PyTuple_GET_ITEM(args, i)));
    result = PyObject_Call(st->partial, made, kwargs);
    Py_DECREF(made);
    return result;
}

/* __newobj_ex__(cls, args, kwargs) */
static int
begin_newobj_ex(Pickler *p, Walk *walk, PyObject *args)
{
    PyObject *exception = p->st->PicklingError, *cls, *new_args, *kwargs;

    if (PyTuple_GET_SIZE(args) != 3)
        return fail(exception, "__newobj_ex__ expected 3 arguments, got %zd", PyTuple_GET_SIZE(args));
    cls = PyTuple_GET_ITEM(args, 0);
    new_args = PyTuple_GET_ITEM(args, 1);
    kwargs = PyTuple_GET_ITEM(args, 2);
    if (!PyType_Check(cls))
        return fail(exception, "first argument to __newobj_ex__() must be a class, not %T", cls);
    if (!PyTuple_Check(new_args))
        return fail(exception, "second argument to __newobj_ex__() must be a tuple, not %T", new_args);
    if (!PyDict_Check(kwargs))
        return fail(exception, "third argument to __newobj_ex__() must be a dict, not %T", kwargs);
    if (p->protocol >= 4) {
        walk->stage = STAGE_CLASS;
        return 0;
    }
    walk->single = FORM_PARTIAL;
    walk->held = make_partial(p->st, cls, new_args, kwargs);
    return walk->held == NULL ? -1 : 0;
}

/* Check the reduce value of the top walk, and find how the object is made. */
static int
begin_reduce(Pickler *p)
{
    Walk *walk = p->walks.top;
    enum form form = FORM_CALL;

    if (check_parts(p->st, walk) < 0)
        return -1;
    if (p->protocol >= 2 && find_form(p->st, part_of(walk, CALLABLE), &form) < 0)
        return -1;
    walk->single = (unsigned char)form;
    walk->stage = STAGE_CALLABLE;
    if (form == FORM_NEWOBJ)
        return begin_newobj(p->st, walk, part_of(walk, ARGUMENTS));
    if (form == FORM_NEWOBJ_EX)
        return begin_newobj_ex(p, walk, part_of(walk, ARGUMENTS));
    return 0;
}

/* Count a value that foreign code made, and that more may be made inside. */
ROOM int
open_reduce(Pickler *p)
{
    if (p->open_reduces >= p->max_open_reduces)
        return fail(PyExc_RecursionError, "reduce values and persistent ids nested more than %zd deep while pickling "
                    "an object", p->max_open_reduces);
    p->open_reduces++;
    return 0;
}

/* Push the walk over a reduce value, which it takes over. */
static enum saved
push_reduce(Pickler *p, PyObject *obj, PyObject *value, int from_object)
{
    Walk *walk = NULL;

    if (open_reduce(p) == 0)
        walk = walks_push(&p->walks, WALK_REDUCE, obj);
    if (walk == NULL) {
        Py_DECREF(value);
        return SAVE_ERROR;
    }
    walk->aux = value;
    walk->open = (unsigned char)from_object;
    walk->size = (Py_ssize_t)p->reduce_visits;
    return begin_reduce(p) < 0 ? SAVE_ERROR : SAVE_PUSHED;
}

ROOM enum saved
save_call(Pickler *p, PyObject *obj, PyObject *callable, PyObject *args)
{
    PyObject *value = PyTuple_Pack(2, callable, args);

    if (value == NULL)
        return SAVE_ERROR;
    p->reduce_visits++;
    ran_foreign(p);
    return push_reduce(p, obj, value, 0);
}

/* ---- the walk ---- */

/* What is written for a stage that saves an object. */
static PyObject *
object_of_stage(Pickler *p, const Walk *walk)
{
    PyObject *args = part_of(walk, ARGUMENTS);

    switch ((enum reduce_stage)walk->stage) {
    case STAGE_CALLABLE:
        return walk->single == FORM_PARTIAL ? walk->held : part_of(walk, CALLABLE);
    case STAGE_CLASS:
        return PyTuple_GET_ITEM(args, 0);
    case STAGE_NEW_ARGUMENTS:
        return walk->single == FORM_NEWOBJ ? walk->held : PyTuple_GET_ITEM(args, 1);
    case STAGE_NEW_KEYWORDS:
        return PyTuple_GET_ITEM(args, 2);
    case STAGE_ARGUMENTS:
        return walk->single == FORM_PARTIAL ? p->st->empty_tuple : args;
    case STAGE_STATE_SETTER:
        return part_of(walk, STATE_SETTER);
    case STAGE_SETTER_OBJECT:
        return walk->obj;
    case STAGE_SETTER_STATE:
    case STAGE_STATE:
        return part_of(walk, STATE);
    default:
        return NULL;
    }
}

/* The opcode that makes the object, and its memo number.  If a cycle through the arguments has made the object already,
   that one takes the place of this, and it has its items and state. */
static int
put_reduce_opcode(Pickler *p, Walk *walk)
{
    enum opcode op = walk->single == FORM_NEWOBJ ? OP_NEWOBJ : walk->single == FORM_NEWOBJ_EX ? OP_NEWOBJ_EX : OP_REDUCE;
    Py_ssize_t position;
    int known = late_owner_known(p, walk->obj, p->reduce_visits, walk->size, &position);

    if (known < 0 || put_op(&p->out, op) < 0)
        return -1;
    if (known == 0)
        return memoize(p, walk->obj, 0);
    walk->stage = STAGE_BUILD;   /* the stage before the end */
    return put_op(&p->out, OP_POP) < 0 ? -1 : save_get(p, position);
}

static enum reduce_stage
stage_after(const Walk *walk)
{
    switch ((enum reduce_stage)walk->stage) {
    case STAGE_CALLABLE:      return STAGE_ARGUMENTS;
    case STAGE_CLASS:         return STAGE_NEW_ARGUMENTS;
    case STAGE_NEW_ARGUMENTS: return walk->single == FORM_NEWOBJ_EX ? STAGE_NEW_KEYWORDS : STAGE_OPCODE;
    case STAGE_NEW_KEYWORDS:  return STAGE_OPCODE;
    case STAGE_ARGUMENTS:     return STAGE_OPCODE;
    case STAGE_DICT_ITEMS:
        if (part_of(walk, STATE) == Py_None)
            return STAGE_END;
        return part_of(walk, STATE_SETTER) != Py_None ? STAGE_STATE_SETTER : STAGE_STATE;
    case STAGE_STATE:         return STAGE_BUILD;
    case STAGE_SETTER_STATE:  return STAGE_BUILD;
    default:                  return (enum reduce_stage)(walk->stage + 1);
    }
}

/* BUILD; or with a state setter, its call, whose result is dropped. */
static int
put_build(Pickler *p, const Walk *walk)
{
    if (part_of(walk, STATE_SETTER) == Py_None)
        return put_op(&p->out, OP_BUILD);
    if (put_op(&p->out, OP_TUPLE2) < 0 || put_op(&p->out, OP_REDUCE) < 0)
        return -1;
    return put_op(&p->out, OP_POP);
}

/* Do what the stage asks for. */
static enum saved
do_stage(Pickler *p, Walk *walk)
{
    PyObject *part;

    switch ((enum reduce_stage)walk->stage) {
    case STAGE_OPCODE:
        return (enum saved)put_reduce_opcode(p, walk);
    case STAGE_LIST_ITEMS:
        part = part_of(walk, LIST_ITEMS);
        return part == Py_None ? SAVED : save_list_items(p, walk->obj, part);
    case STAGE_DICT_ITEMS:
        part = part_of(walk, DICT_ITEMS);
        return part == Py_None ? SAVED : save_dict_items(p, walk->obj, part);
    case STAGE_BUILD:
        return (enum saved)put_build(p, walk);
    default:
        part = object_of_stage(p, walk);
        return save(p, part, P5_IS_UNIQUE(part));
    }
}

ROOM int
step_reduce(Pickler *p)
{
    Walk *walk = p->walks.top;
    enum saved saved;

    if (walk->in_child) {
        walk->in_child = 0;
        walk->stage = (unsigned char)stage_after(walk);
    }
    while (walk->stage != STAGE_END) {
        walk->in_child = 1;
        saved = do_stage(p, walk);
        if (saved != SAVED)
            return saved;
        walk->in_child = 0;
        walk->stage = (unsigned char)stage_after(walk);
    }
    p->open_reduces--;
    walks_pop(&p->walks);
    return 0;
}

/* The note for an error in the part that the walk was writing. */
ROOM void COLD
note_reduce(Pickler *p, const Walk *walk)
{
    const char *part = NULL;

    switch ((enum reduce_stage)walk->stage) {
    case STAGE_CALLABLE:      part = "reconstructor"; break;
    case STAGE_CLASS:         part = "class"; break;
    case STAGE_NEW_ARGUMENTS:
    case STAGE_NEW_KEYWORDS:  part = "__new__ arguments"; break;
    case STAGE_ARGUMENTS:     part = "reconstructor arguments"; break;
    case STAGE_STATE_SETTER:  part = "state setter"; break;
    case STAGE_SETTER_STATE:
    case STAGE_STATE:         part = "state"; break;
    default:                  break;
    }
    if (walk->in_child && part != NULL)
        add_note(p->st, "when serializing %T %s", walk->obj, part);
    if (walk->open)
        add_note(p->st, "when serializing %T object", walk->obj);
}

/* ---- where the reduce value comes from ---- */

/* From the dispatch table: 1 with *value set, 0 if the type is not in it. */
static int
reduce_by_table(Pickler *p, PyObject *obj, PyObject **value)
{
    PyObject *type = (PyObject *)Py_TYPE(obj), *reduce = NULL;
    int found;

    if (p->table == NULL)
        found = PyDict_GetItemRef(p->st->dispatch_table, type, &reduce);
    else {
        found = PyMapping_GetOptionalItem(p->table, type, &reduce);
        ran_foreign(p);
    }
    if (found <= 0)
        return found;
    *value = PyObject_CallOneArg(reduce, obj);
    ran_foreign(p);
    Py_DECREF(reduce);
    return *value == NULL ? -1 : 1;
}

/* The arguments of __newobj__: the class and what __getnewargs__ gives. */
static PyObject *
ask_arguments(Pickler *p, PyObject *obj, int asks)
{
    PyObject *cls = (PyObject *)Py_TYPE(obj), *given, *args;
    Py_ssize_t i;

    if (!(asks & (ASKS_ARGUMENTS | ASKS_ITEMS)))
        return PyTuple_Pack(1, cls);
    given = asks & ASKS_ITEMS ? Py_NewRef(obj) : P5_CallSpecialMethod(obj, p->st->s___getnewargs__);
    if (given == NULL)
        return NULL;
    if (!PyTuple_Check(given)) {
        PyErr_Format(PyExc_TypeError, "__getnewargs__ should return a tuple, not '%.200s'", Py_TYPE(given)->tp_name);
        Py_DECREF(given);
        return NULL;
    }
    args = PyTuple_New(PyTuple_GET_SIZE(given) + 1);
    if (args != NULL) {
        PyTuple_SET_ITEM(args, 0, Py_NewRef(cls));
        for (i = 0; i < PyTuple_GET_SIZE(given); i++)
            PyTuple_SET_ITEM(args, i + 1, Py_NewRef(PyTuple_GET_ITEM(given, i)));
    }
    Py_DECREF(given);
    return args;
}

/* What the __reduce_ex__ of an object of TYPE_ASKED gives: the same questions in the same order. */
static PyObject *
reduce_by_asking(Pickler *p, PyObject *obj, int asks)
{
    PyObject *first = NULL, *state = NULL, *value = NULL;

    if (asks & ASKS_REDUCE)
        return PyObject_CallMethodNoArgs(obj, p->st->s___reduce__);
    if (asks & ASKS_VALUE) {
        first = PyObject_GetAttr(obj, p->st->s__value_);
        if (first != NULL)
            Py_SETREF(first, PyTuple_Pack(1, first));
        if (first != NULL)
            value = PyTuple_Pack(2, Py_TYPE(obj), first);
    }
    else {
        first = ask_arguments(p, obj, asks);
        if (first != NULL)
            state = asks & ASKS_STATE ? PyObject_CallMethodNoArgs(obj, p->st->s___getstate__) : Py_NewRef(Py_None);
        if (state != NULL)
            value = PyTuple_Pack(3, p->st->newobj, first, state);
    }
    Py_XDECREF(first);
    Py_XDECREF(state);
    return value;
}

/* Is this method, which was found on the object, the one of its type?  An attribute of the object itself comes first. */
static int
is_method_of_type(PyObject *method, PyObject *obj, PyObject *name)
{
    PyObject *of_type = _PyType_Lookup(Py_TYPE(obj), name);

    if (of_type == NULL)
        return 0;
    if (Py_IS_TYPE(method, &PyMethod_Type))
        return PyMethod_GET_SELF(method) == obj && PyMethod_GET_FUNCTION(method) == of_type;
    return Py_IS_TYPE(method, &PyCFunction_Type) && PyCFunction_GET_SELF(method) == obj
        && Py_IS_TYPE(of_type, &PyMethodDescr_Type)
        && ((PyCFunctionObject *)method)->m_ml == ((PyMethodDescrObject *)of_type)->d_method;
}

/* Is the type one of TYPE_ASKED?  *asks then says for what. */
static int
is_asked(Pickler *p, PyTypeObject *type, int *asks)
{
    TypeInfo *info = type_info_place(p->st, type);

    *asks = info->asks;
    return p->protocol >= 2 && type_info_is_about(info, type) && info->form == TYPE_ASKED;
}

/* From __reduce_ex__, or __reduce__ where there is no such thing. */
static PyObject *
reduce_by_method(Pickler *p, PyObject *obj)
{
    PyObject *method = NULL, *protocol = NULL, *value = NULL;
    int found, asks, asked = is_asked(p, Py_TYPE(obj), &asks);

    if (asked && Py_TYPE(obj)->tp_dictoffset == 0)
        return reduce_by_asking(p, obj, asks);
    found = PyObject_GetOptionalAttr(obj, p->st->s___reduce_ex__, &method);
    if (found < 0)
        return NULL;
    if (found > 0) {
        if (asked && is_method_of_type(method, obj, p->st->s___reduce_ex__))
            value = reduce_by_asking(p, obj, asks);
        else if ((protocol = PyLong_FromLong(p->protocol)) != NULL)
            value = PyObject_CallOneArg(method, protocol);
        Py_XDECREF(protocol);
    }
    else {
        if (PyObject_GetOptionalAttr(obj, p->st->s___reduce__, &method) < 0)
            return NULL;
        if (method == NULL)
            return fail_null(p->st->PicklingError, "Can't pickle %T object", obj);
        value = PyObject_CallNoArgs(method);
    }
    Py_DECREF(method);
    return value;
}

/* A bound method reduces to getattr(object, name).  Up to 3.14 the name of a private one is not mangled, and so cannot
   be found again: mangle it. */
static PyObject *
reduce_bound_method(Pickler *p, PyObject *obj)
{
    PyObject *value = reduce_by_method(p, obj), *args, *qualname = NULL, *path = NULL, *name = NULL, *made = NULL;
    Py_ssize_t dot, length;

    if (value == NULL || !PyTuple_CheckExact(value) || PyTuple_GET_SIZE(value) != 2)
        return value;
    args = PyTuple_GET_ITEM(value, 1);
    if (!PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) != 2)
        return value;
    if (PyObject_GetOptionalAttr(PyMethod_GET_FUNCTION(obj), p->st->s___qualname__, &qualname) < 0)
        goto done;
    if (qualname == NULL || !PyUnicode_Check(qualname)) {
        Py_XDECREF(qualname);
        return value;
    }
    path = lookup_name(qualname);
    if (path == NULL)
        goto done;
    length = PyUnicode_GET_LENGTH(path);
    dot = PyUnicode_FindChar(path, '.', 0, length, -1);
    name = PyUnicode_Substring(path, dot < 0 ? 0 : dot + 1, length);
    if (name == NULL)
        goto done;
    if (PyUnicode_GET_LENGTH(name) > 2 && PyUnicode_Tailmatch(name, PyTuple_GET_ITEM(args, 1), 0, PY_SSIZE_T_MAX, 1) == 1
            && PyUnicode_Compare(name, PyTuple_GET_ITEM(args, 1)) != 0)
        made = Py_BuildValue("O(OO)", PyTuple_GET_ITEM(value, 0), PyTuple_GET_ITEM(args, 0), name);
    else
        made = Py_NewRef(value);
done:
    Py_XDECREF(name);
    Py_XDECREF(path);
    Py_XDECREF(qualname);
    Py_DECREF(value);
    return made;
}

/* super(cls, object), which has no reduce method of its own: attributes of it are its object's. */
static PyObject *
reduce_super(PyObject *obj)
{
    PyObject *cls = PyObject_GetAttrString(obj, "__thisclass__"), *self = NULL, *value = NULL;

    if (cls != NULL)
        self = PyObject_GetAttrString(obj, "__self__");
    if (self != NULL)
        value = Py_BuildValue("O(OO)", (PyObject *)&PySuper_Type, cls, self);
    Py_XDECREF(cls);
    Py_XDECREF(self);
    return value;
}

/* What the object, its type or a hook says; or how it is written without asking: *result is then not SAVE_ERROR. */
static PyObject *
find_reduce_value(Pickler *p, PyObject *obj, enum saved *result)
{
    PyTypeObject *type = Py_TYPE(obj);
    PyObject *value = NULL;
    int found;

    *result = SAVE_ERROR;
    if (p->reducer_override != NULL) {
        value = PyObject_CallOneArg(p->reducer_override, obj);
        ran_foreign(p);
        if (value != Py_NotImplemented)
            return value;
        Py_CLEAR(value);
    }
    if (type == &PyType_Type || type == &PyFunction_Type) {
        *result = type == &PyType_Type ? save_type(p, obj) : save_global(p, obj, NULL);
        return NULL;
    }
    found = reduce_by_table(p, obj, &value);
    if (found != 0)
        return value;
    if (PyType_IsSubtype(type, &PyType_Type)) {
        *result = save_global(p, obj, NULL);
        return NULL;
    }
    if (type == &PyMethod_Type)
        value = reduce_bound_method(p, obj);
    else if (type == &PySuper_Type)
        value = reduce_super(obj);
    else {
        value = reduce_by_method(p, obj);
        if (value != NULL && p->protocol >= 2)
            type_info_prove(p->st, type_info_place(p->st, type), type, value);
    }
    ran_foreign(p);
    return value;
}

ROOM enum saved
save_by_reduce(Pickler *p, PyObject *obj, int unique)
{
    PyObject *value = NULL;
    enum saved result = SAVE_ERROR;

    p->reduce_visits++;
    Py_INCREF(obj);
    end_plain(p);
    /* Of type itself nothing is known, and asking would take the place of what is known of another type. */
    if (!Py_IS_TYPE(obj, &PyType_Type) && save_known_type(p, obj, unique, &result))
        goto done;
    value = find_reduce_value(p, obj, &result);
    if (value == NULL)
        goto done;
    if (PyUnicode_Check(value))
        result = save_global(p, obj, value);
    else if (PyTuple_Check(value)) {
        result = push_reduce(p, obj, value, 1);
        value = NULL;
    }
    else {
        fail(p->st->PicklingError, "__reduce__ must return a string or tuple, not %T", value);
        add_note(p->st, "when serializing %T object", obj);
    }
done:
    Py_XDECREF(value);
    Py_DECREF(obj);
    return result;
}
