/* save_containers.c - list, dict, tuple, set and frozenset.

   save_X() writes what opens the container and pushes its walk; step_X() goes on from the place reached.  A step is one
   loop that can stop anywhere: it returns when save() has pushed a walk for a child, and is called again when that one
   is done, with `in_child` set; then it jumps to where the child ended.

   A container of at most one batch is begun without a walk, and if all in it are atoms it is done without one: most lists,
   tuples and dicts are such leaves.  No foreign code runs in there.  At the first child that is no atom, the walk for the
   rest is pushed and starts in the middle of the batch (`open`).

   Batches: up to BATCH_SIZE items between MARK and APPENDS, SETITEMS or ADDITEMS; a batch of one list or dict item goes
   without MARK, as APPEND or SETITEM.  Protocol 0 writes every item by itself, from the container's own iterator
   (save_items.c), which shows when the container changes in the middle. */
#include "save_inline.h"

/* ---- fast mode: no memo, so cycles are looked for among the open lists and dicts ---- */

enum { FAST_NESTING = 50 };   /* shallower nesting is not looked at */

static int COLD
fast_enter(Pickler *p, PyObject *obj)
{
    PyObject *id = NULL;
    int found, result = -1;

    if (p->fast_depth++ < FAST_NESTING)
        return 0;
    if (p->fast_open == NULL && (p->fast_open = PySet_New(NULL)) == NULL)
        return -1;
    id = PyLong_FromVoidPtr(obj);
    if (id == NULL)
        return -1;
    found = PySet_Contains(p->fast_open, id);
    if (found > 0)
        PyErr_Format(PyExc_ValueError, "fast mode: can't pickle cyclic objects including object type %.200s at %p",
                     Py_TYPE(obj)->tp_name, obj);
    else if (found == 0)
        result = PySet_Add(p->fast_open, id);
    Py_DECREF(id);
    return result;
}

static int COLD
fast_leave(Pickler *p, PyObject *obj)
{
    PyObject *id = NULL;
    int result;

    if (p->fast_depth > 0 && --p->fast_depth < FAST_NESTING)
        return 0;
    if (p->fast_open == NULL)
        return 0;
    id = PyLong_FromVoidPtr(obj);
    if (id == NULL)
        return -1;
    result = PySet_Discard(p->fast_open, id);
    Py_DECREF(id);
    return result < 0 ? -1 : 0;
}

ROOM int
leave_container(Pickler *p)
{
    int result = UNLIKELY(p->fast) ? fast_leave(p, p->walks.top->obj) : 0;
    walks_pop(&p->walks);
    return result;
}

/* Write the opcode for a new list or dict, and number it. */
static ALWAYS_INLINE int
open_container(Pickler *p, PyObject *obj, int unique, enum opcode empty, enum opcode text)
{
    Writer *w = &p->out;

    if (LIKELY(unique && p->protocol >= 4 && !p->fast)) {
        if (UNLIKELY(writer_reserve(w, 2) < 0 || memo_log(&p->memo, obj) < 0))
            return -1;
        w->next[0] = (unsigned char)empty;
        w->next[1] = OP_MEMOIZE;
        w->next += 2;
        return 0;
    }
    if (UNLIKELY(p->fast) && fast_enter(p, obj) < 0)
        return -1;
    if (LIKELY(p->bin)) {
        if (UNLIKELY(put_op(&p->out, empty) < 0))
            return -1;
    }
    else if (put_op(&p->out, OP_MARK) < 0 || put_op(&p->out, text) < 0)
        return -1;
    return memoize(p, obj, unique);
}

/* May the `size` items of a container be begun without a walk?  1, and their MARK is written; 0; -1 on error. */
static ALWAYS_INLINE int
begin_leaf(Pickler *p, Py_ssize_t size)
{
    if (UNLIKELY(size > BATCH_SIZE || p->countdown <= size))
        return 0;
    p->countdown -= size;
    return size <= 1 ? 1 : put_op(&p->out, OP_MARK) < 0 ? -1 : 1;
}

/* The end of a container that had no walk: the opcode for its items, if it has any. */
static ALWAYS_INLINE enum saved
end_leaf(Pickler *p, PyObject *obj, Py_ssize_t size, enum opcode one, enum opcode many)
{
    if (size != 0 && UNLIKELY(put_op(&p->out, size == 1 ? one : many) < 0))
        return SAVE_ERROR;
    return UNLIKELY(p->fast) && fast_leave(p, obj) < 0 ? SAVE_ERROR : SAVED;
}

/* Push the walk over the items of a container, of which `left` are not written yet, in the batch that begin_leaf began or
   in none. */
static ALWAYS_INLINE Walk *
push_container(Pickler *p, PyObject *obj, enum walk_kind kind, Py_ssize_t size, Py_ssize_t left, int open)
{
    Walk *walk = walks_push(&p->walks, kind, obj);

    if (UNLIKELY(walk == NULL))
        return NULL;
    walk->size = size;
    walk->left = left;
    walk->open = (unsigned char)open;
    walk->single = size == 1;
    if (open)
        walk->batch = walk->single ? 1 : (int)(BATCH_SIZE - (size - left));
    return walk;
}

/* A list or dict in protocol 0: its items come from its own iterator. */
static enum saved COLD
open_text_container(Pickler *p, PyObject *obj, enum opcode text, enum walk_kind kind)
{
    PyObject *items = NULL, *iterator = NULL;
    enum saved result = SAVE_ERROR;

    Py_INCREF(obj);
    ran_foreign(p);
    items = kind == WALK_DICT_ITEMS ? PyObject_CallMethod(obj, "items", NULL) : Py_NewRef(obj);
    if (items != NULL)
        iterator = PyObject_GetIter(items);
    if (iterator != NULL && open_container(p, obj, 0, text, text) == 0 && walks_push(&p->walks, kind, obj) != NULL) {
        p->walks.top->aux = iterator;
        p->walks.top->stage = ITEMS_OF_CONTAINER;
        iterator = NULL;
        result = SAVE_PUSHED;
    }
    Py_XDECREF(iterator);
    Py_XDECREF(items);
    Py_DECREF(obj);
    return result;
}

/* `stage` of the walk over a list or tuple: the item that it begins with is no atom, which has been seen already. */
enum { ITEM_IS_NO_ATOM = 1 };

/* ---- list ---- */

/* See prefetch_items(): from how many items on; how many ahead of the one being written; bytes of most caches' lines. */
enum { LARGE_LIST = 4096, HEADERS_AHEAD = 6, CONTENTS_AHEAD = 3, CACHE_LINE = 64 };

/* Is this item a list that can be begun at once, since nothing is to be asked about it? */
static ALWAYS_INLINE int
is_next_list(const Pickler *p, PyObject *item)
{
    return Py_IS_TYPE(item, &PyList_Type) && P5_IS_UNIQUE(item) && is_quiet(p) && !p->fast && p->countdown > 1;
}

/* The first item that is no atom is often a list again: then that one is begun here, too, and its owner's walk waits for
   it (`in_child`). */
ROOM enum saved
save_list(Pickler *p, PyObject *obj, int unique)
{
    enum saved saved = SAVED;
    Py_ssize_t at, size;
    int open, written;
    Walk *walk;

    if (UNLIKELY(!p->bin))
        return open_text_container(p, obj, OP_LIST, WALK_LIST_ITEMS);
begin:
    if (UNLIKELY(open_container(p, obj, unique, OP_EMPTY_LIST, OP_LIST) < 0))
        return SAVE_ERROR;
    at = 0;
    size = PyList_GET_SIZE(obj);
    open = begin_leaf(p, size);
    if (UNLIKELY(open < 0))
        return SAVE_ERROR;
    if (!open || size == 0)
        written = 1;
    else if (is_next_list(p, PyList_GET_ITEM(obj, 0)))
        written = 0;   /* without asking for each kind of atom */
    else
        written = save_atoms(p, ((PyListObject *)obj)->ob_item, &at, size, 1);
    if (at == size)
        return UNLIKELY(end_leaf(p, obj, size, OP_APPEND, OP_APPENDS) < 0) ? SAVE_ERROR : saved;
    walk = push_container(p, obj, WALK_LIST, size, size - at, open);
    if (UNLIKELY(walk == NULL))
        return SAVE_ERROR;
    walk->at = at;
    if (written == 0 && is_next_list(p, PyList_GET_ITEM(obj, at))) {
        walk->in_child = 1;
        p->countdown--;
        saved = SAVE_PUSHED;
        obj = PyList_GET_ITEM(obj, at);
        unique = 1;
        goto begin;
    }
    walk->stage = written == 0 ? ITEM_IS_NO_ATOM : 0;
    walk->in_child = written < 0;
    return written < 0 ? SAVE_ERROR : SAVE_PUSHED;
}

static int COLD
list_changed(void)
{
    return fail(PyExc_RuntimeError, "list changed size during iteration");
}

/* Begin a batch of list or dict items: MARK, unless one item is left. */
static ALWAYS_INLINE int
open_batch(Pickler *p, Walk *walk)
{
    walk->single = walk->left == 1;
    walk->batch = walk->single ? 1 : BATCH_SIZE;
    if (UNLIKELY(tick(p, walk->left < BATCH_SIZE ? walk->left : BATCH_SIZE) < 0))
        return -1;
    return walk->single ? 0 : put_op(&p->out, OP_MARK);
}

/* Items of a large list are in no cache when their turn comes.  So the containers among them are asked for while those before
   them are written: first their headers, and with these at hand what the headers lead to.  (The list has `size` items, as
   was seen after foreign code last ran.) */
static ALWAYS_INLINE void
prefetch_items(PyObject *list, Py_ssize_t at, Py_ssize_t size)
{
    PyObject *const *items = ((PyListObject *)list)->ob_item + at;
    PyTypeObject *type;
    PyObject *item;

    if (P5_FREE_THREADED || size < LARGE_LIST || size - at <= HEADERS_AHEAD)
        return;
    PREFETCH(items[HEADERS_AHEAD]);
    item = items[CONTENTS_AHEAD];
    type = Py_TYPE(item);
    if (type == &PyDict_Type) {
        PREFETCH(((PyDictObject *)item)->ma_keys);
        PREFETCH((char *)((PyDictObject *)item)->ma_keys + CACHE_LINE);
    }
    else if (type == &PyList_Type)
        PREFETCH(((PyListObject *)item)->ob_item);
    else if (type == &PyTuple_Type && PyTuple_GET_SIZE(item) != 0) {
        PREFETCH(PyTuple_GET_ITEM(item, 0));
        PREFETCH(PyTuple_GET_ITEM(item, PyTuple_GET_SIZE(item) - 1));
    }
}

/* As long as the top walk is one over a list, this goes on with it itself. */
ROOM int
step_list(Pickler *p)
{
    Walk *walk;
    PyObject *list, *item;
    Py_ssize_t at, end;
    enum saved saved;
    int left;

next_walk:
    walk = p->walks.top;
    list = walk->obj;
    if (walk->in_child)
        goto child_done;
    if (walk->open) {
        if (UNLIKELY(PyList_GET_SIZE(list) != walk->size))
            return list_changed();
        if (walk->stage == ITEM_IS_NO_ATOM)
            goto no_atom;
        goto in_batch;
    }
    while (walk->at < walk->size) {
        walk->left = walk->size - walk->at;
        if (UNLIKELY(open_batch(p, walk) < 0))
            return -1;
        if (UNLIKELY(PyList_GET_SIZE(list) != walk->size))
            return list_changed();
in_batch:
        for (;;) {
            at = walk->at;
            end = walk->size - at > walk->batch ? at + walk->batch : walk->size;
            if (save_atoms(p, ((PyListObject *)list)->ob_item, &at, end, 1) < 0) {
                walk->at = at;
                walk->in_child = 1;
                return -1;
            }
            walk->batch -= (int)(at - walk->at);
            walk->at = at;
            if (walk->batch == 0 || walk->at == walk->size)
                break;
no_atom:
            item = PyList_GET_ITEM(list, walk->at);
            prefetch_items(list, walk->at, walk->size);
            walk->in_child = 1;
            saved = save(p, item, P5_IS_UNIQUE(item));
            if (saved == SAVE_PUSHED && p->walks.top->kind == WALK_LIST && LIKELY(--p->countdown > 0))
                goto next_walk;
            if (saved != SAVED)
                return saved;
child_done:
            walk->in_child = 0;
            walk->at++;
            walk->batch--;
            if (UNLIKELY(PyList_GET_SIZE(list) != walk->size)) {
                if (!walk->single)
                    return list_changed();
                break;
            }
            if (walk->at == walk->size)
                break;
        }
        if (UNLIKELY(put_op(&p->out, walk->single ? OP_APPEND : OP_APPENDS) < 0))
            return -1;
    }
    left = UNLIKELY(p->fast) ? fast_leave(p, list) : 0;
    p->walks.top--;   /* what walks_pop() does, for a walk that holds nothing else */
    Py_DECREF(list);
    if (UNLIKELY(left < 0))
        return -1;
    if (!walks_empty(&p->walks) && p->walks.top->kind == WALK_LIST)
        goto next_walk;
    return 0;
}

/* ---- dict ---- */

enum dict_stage { DICT_KEY = 1, DICT_VALUE };

/* What is written of a pair. */
enum pair { PAIR_ERROR = -1, PAIR_NOTHING, PAIR_KEY, PAIR_WHOLE };

/* Does this dict's edge alone own the key? */
static ALWAYS_INLINE int
is_unique_key(PyObject *dict, PyObject *key)
{
    return P5_IS_UNIQUE(key) && !P5_DICT_SHARES_KEYS(dict);
}

/* Write of a pair what is atoms. */
static ALWAYS_INLINE enum pair
save_pair_atoms(Pickler *p, PyObject *dict, PyObject *key, PyObject *value)
{
    int written;

    if (Py_IS_TYPE(key, &PyLong_Type) && Py_IS_TYPE(value, &PyLong_Type) && save_two_ints(p, key, value))
        return PAIR_WHOLE;
    written = save_atom(p, key, is_unique_key(dict, key));
    if (UNLIKELY(written <= 0))
        return written < 0 ? PAIR_ERROR : PAIR_NOTHING;
    if (UNLIKELY(!is_quiet(p)))
        return PAIR_KEY;
    written = save_atom(p, value, P5_IS_UNIQUE(value));
    return LIKELY(written > 0) ? PAIR_WHOLE : written < 0 ? PAIR_ERROR : PAIR_KEY;
}

/* Hold a pair while foreign code may run. */
static ALWAYS_INLINE void
hold_pair(const Pickler *p, Walk *walk, PyObject *key, PyObject *value)
{
    note_waiting(p, walk, P5_IS_UNIQUE(value));
    walk->held = Py_NewRef(key);
    walk->aux = Py_NewRef(value);
}

ROOM enum saved
save_dict(Pickler *p, PyObject *obj, int unique)
{
    Py_ssize_t size, left, at = 0, before = 0;
    PyObject *key = NULL, *value = NULL;
    enum pair pair = PAIR_NOTHING;
    Walk *walk;
    int open;

    if (UNLIKELY(!p->bin))
        return open_text_container(p, obj, OP_DICT, WALK_DICT_ITEMS);
    if (UNLIKELY(open_container(p, obj, unique, OP_EMPTY_DICT, OP_DICT) < 0))
        return SAVE_ERROR;
    size = left = PyDict_GET_SIZE(obj);
    open = begin_leaf(p, size);
    if (UNLIKELY(open < 0))
        return SAVE_ERROR;
    for (; left > 0 && open && is_quiet(p) && PyDict_Next(obj, &at, &key, &value); left--, before = at) {
        pair = save_pair_atoms(p, obj, key, value);
        if (pair != PAIR_WHOLE)
            break;
    }
    if (left == 0)
        return end_leaf(p, obj, size, OP_SETITEM, OP_SETITEMS);
    walk = push_container(p, obj, WALK_DICT, size, left, open);
    if (UNLIKELY(walk == NULL))
        return SAVE_ERROR;
    walk->at = before;
    if (pair == PAIR_KEY || pair == PAIR_ERROR) {
        hold_pair(p, walk, key, value);
        walk->at = at;
        walk->stage = DICT_KEY;
        walk->in_child = pair == PAIR_ERROR;
    }
    return pair == PAIR_ERROR ? SAVE_ERROR : SAVE_PUSHED;
}

ROOM int
step_dict(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *dict = walk->obj, *key = NULL, *value = NULL;
    enum pair pair;
    int key_unique;
    enum saved saved;

    if (walk->stage == DICT_KEY)
        goto key_done;
    if (walk->stage == DICT_VALUE)
        goto value_done;
    if (walk->open)
        goto in_batch;
    while (walk->left > 0) {
        if (UNLIKELY(open_batch(p, walk) < 0))
            return -1;
in_batch:
        for (; walk->batch > 0 && PyDict_Next(dict, &walk->at, &key, &value); walk->batch--, walk->left--) {
            pair = LIKELY(is_quiet(p)) ? save_pair_atoms(p, dict, key, value) : PAIR_NOTHING;
            if (LIKELY(pair == PAIR_WHOLE))
                continue;
            key_unique = is_unique_key(dict, key);
            hold_pair(p, walk, key, value);
            if (UNLIKELY(pair == PAIR_ERROR)) {
                walk->in_child = 1;
                return -1;
            }
            if (pair == PAIR_NOTHING) {
                walk->stage = DICT_KEY;
                saved = save(p, key, key_unique);
                if (saved != SAVED)
                    return saved;
                /* If foreign code ran, nothing but a str or an int was written; and the log is stale still, or will be by the
                   value's persistent_id(). */
                if (!waiting_is_unique(p, walk) && (PyUnicode_CheckExact(walk->held) || PyLong_CheckExact(walk->held))
                        && (p->persistent_id != NULL || p->memo.foreign != p->memo.foreign_hashed))
                    note_waiting(p, walk, still_unique(p, walk->aux, walk->child_unique));
            }
key_done:
            walk->stage = DICT_VALUE;
            walk->in_child = 1;
            saved = save(p, walk->aux, waiting_is_unique(p, walk));
            if (saved != SAVED)
                return saved;
value_done:
            walk->stage = 0;
            walk->in_child = 0;
            Py_CLEAR(walk->aux);
            Py_CLEAR(walk->held);
            if (UNLIKELY(PyDict_GET_SIZE(dict) != walk->size) && !walk->single)
                return fail(PyExc_RuntimeError, "dictionary changed size during iteration");
        }
        if (UNLIKELY(walk->batch > 0)) {
            /* no pairs are left: the last batch, or keys were exchanged meanwhile */
            walk->left = 0;
            if (walk->single)
                break;
        }
        if (UNLIKELY(put_op(&p->out, walk->single ? OP_SETITEM : OP_SETITEMS) < 0))
            return -1;
    }
    return leave_container(p);
}

/* ---- tuple ---- */

/* Write the opcode that makes a tuple of items that are written, and number it. */
static ALWAYS_INLINE int
put_tuple(Pickler *p, PyObject *obj, Py_ssize_t size, int unique)
{
    enum opcode op = OP_TUPLE;

    if (size <= 3 && p->protocol >= 2)
        op = size == 1 ? OP_TUPLE1 : size == 2 ? OP_TUPLE2 : OP_TUPLE3;
    if (UNLIKELY(put_op(&p->out, op) < 0))
        return -1;
    return memoize(p, obj, unique);
}

/* When was it seen that one edge owns this tuple?  If a tuple holds it, when that was seen of the holder: it is walked with it. */
static ALWAYS_INLINE uint32_t
seen_unique(const Pickler *p, size_t foreign)
{
    const Walk *holder = p->walks.top;

    if (!walks_empty(&p->walks) && holder->kind == WALK_TUPLE)
        return holder->foreign;
    return (uint32_t)foreign;
}

ROOM enum saved
save_tuple_seen(Pickler *p, PyObject *obj, size_t foreign)
{
    Walk *walk;

    if ((PyTuple_GET_SIZE(obj) > 3 || p->protocol < 2) && put_op(&p->out, OP_MARK) < 0)
        return SAVE_ERROR;
    p->tuple_visits++;
    foreign = seen_unique(p, foreign);
    walk = walks_push(&p->walks, WALK_TUPLE, obj);
    if (walk == NULL)
        return SAVE_ERROR;
    walk->unique = 1;
    walk->foreign = (uint32_t)foreign;
    walk->size = (Py_ssize_t)p->tuple_visits;
    return SAVE_PUSHED;
}

ROOM enum saved
save_tuple(Pickler *p, PyObject *obj, int unique)
{
    Py_ssize_t size = PyTuple_GET_SIZE(obj), at = 0;
    int written = 1;
    uint32_t seen;
    Walk *walk;

    if (size == 0) {
        if (p->bin)
            return (enum saved)put_op(&p->out, OP_EMPTY_TUPLE);
        return put_op(&p->out, OP_MARK) < 0 ? SAVE_ERROR : (enum saved)put_op(&p->out, OP_TUPLE);
    }
    if (size > 3 || p->protocol < 2) {
        if (UNLIKELY(put_op(&p->out, OP_MARK) < 0))
            return SAVE_ERROR;
    }
    p->tuple_visits++;
    seen = seen_unique(p, p->memo.foreign);
    if (size <= BATCH_SIZE && (!unique || seen == (uint32_t)p->memo.foreign))
        written = save_atoms(p, ((PyTupleObject *)obj)->ob_item, &at, size, unique);
    if (at == size)
        return put_tuple(p, obj, size, unique) < 0 ? SAVE_ERROR : SAVED;
    walk = walks_push(&p->walks, WALK_TUPLE, obj);
    if (UNLIKELY(walk == NULL))
        return SAVE_ERROR;
    walk->unique = (unsigned char)unique;
    walk->foreign = seen;
    walk->size = (Py_ssize_t)p->tuple_visits;
    walk->at = at;
    walk->stage = written == 0 ? ITEM_IS_NO_ATOM : 0;
    walk->in_child = written < 0;
    return written < 0 ? SAVE_ERROR : SAVE_PUSHED;
}

/* The tuple's items are on the unpickler's stack: drop them, and fetch the tuple that the cycle made. */
static int COLD
drop_tuple_items(Pickler *p, const Walk *walk, Py_ssize_t position)
{
    Py_ssize_t items = PyTuple_GET_SIZE(walk->obj);

    if (items > 3 || p->protocol < 2) {
        if (p->bin) {
            if (put_op(&p->out, OP_POP_MARK) < 0)
                return -1;
            items = 0;
        }
        else
            items++;
    }
    while (items-- > 0) {
        if (put_op(&p->out, OP_POP) < 0)
            return -1;
    }
    return save_get(p, position);
}

static ALWAYS_INLINE int
close_tuple(Pickler *p, Walk *walk)
{
    Py_ssize_t position;
    int known = late_owner_known(p, walk->obj, p->tuple_visits, walk->size, &position), result;

    if (UNLIKELY(known != 0))
        result = known < 0 ? -1 : drop_tuple_items(p, walk, position);
    else
        result = put_tuple(p, walk->obj, PyTuple_GET_SIZE(walk->obj), owner_is_unique(p, walk));
    if (LIKELY(result == 0))
        walks_pop(&p->walks);
    return result;
}

ROOM int
step_tuple(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *tuple = walk->obj, *item;
    Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    enum saved saved;

    if (walk->in_child)
        goto child_done;
    if (size > BATCH_SIZE && UNLIKELY(tick(p, size) < 0))
        return -1;
    while (walk->at < size) {
        if (walk->stage == ITEM_IS_NO_ATOM)
            walk->stage = 0;
        else if ((owner_is_fresh(p, walk) || !owner_is_unique(p, walk))
                 && save_atoms(p, ((PyTupleObject *)tuple)->ob_item, &walk->at, size, owner_is_fresh(p, walk)) < 0) {
            walk->in_child = 1;
            return -1;
        }
        if (walk->at == size)
            break;
        item = PyTuple_GET_ITEM(tuple, walk->at);
        walk->in_child = 1;
        saved = save(p, item, P5_IS_UNIQUE(item) && owner_is_unique(p, walk));
        if (saved != SAVED)
            return saved;
child_done:
        walk->in_child = 0;
        walk->at++;
    }
    return close_tuple(p, walk);
}

/* ---- set and frozenset ---- */

/* Write atoms as long as they come, from slot walk->at on.  1 with a new reference to the first element that is none, or
   that a boundary stands before, and whether it is unique; 0 at the end of the set or the batch; -1 on error.
   `may_log`: elements that the set's edge alone owns need not be hashed. */
static int
save_set_atoms(Pickler *p, Walk *walk, int may_log, PyObject **element, int *unique)
{
    PySetObject *set = (PySetObject *)walk->obj;
    setentry *entry;
    int written;

    for (; walk->batch != 0 && walk->at <= set->mask; walk->at++) {
        entry = &set->table[walk->at];
        if (entry->key == NULL || entry->hash == -1)   /* -1 marks a slot whose element was removed */
            continue;
        *unique = P5_IS_UNIQUE(entry->key) && may_log;
        written = is_quiet(p) ? save_atom(p, entry->key, *unique) : 0;
        if (written <= 0) {
            if (written < 0)
                return -1;
            *element = Py_NewRef(entry->key);
            walk->at++;
            return 1;
        }
        walk->batch -= walk->batch > 0;
        walk->left--;
    }
    return 0;
}

/* Sets of protocol 0 to 3: set([...]). */
static enum saved COLD
save_set_by_call(Pickler *p, PyObject *obj)
{
    PyObject *items = NULL, *args = NULL;
    enum saved result = SAVE_ERROR;

    Py_INCREF(obj);
    end_plain(p);
    ran_foreign(p);
    items = PySequence_List(obj);
    if (items != NULL)
        args = PyTuple_Pack(1, items);
    Py_XDECREF(items);
    if (args != NULL)
        result = save_call(p, obj, (PyObject *)Py_TYPE(obj), args);
    Py_XDECREF(args);
    Py_DECREF(obj);
    return result;
}

ROOM enum saved
save_set(Pickler *p, PyObject *obj, int unique)
{
    Walk *walk;

    if (p->protocol < 4)
        return save_set_by_call(p, obj);
    if (put_op(&p->out, OP_EMPTY_SET) < 0 || memoize(p, obj, unique) < 0)
        return SAVE_ERROR;
    if (PySet_GET_SIZE(obj) == 0)
        return SAVED;
    walk = walks_push(&p->walks, WALK_SET, obj);
    if (walk == NULL)
        return SAVE_ERROR;
    walk->size = walk->left = PySet_GET_SIZE(obj);
    return SAVE_PUSHED;
}

/* Write an element, whose reference goes to the walk. */
static enum saved
save_element(Pickler *p, Walk *walk, PyObject *element, int unique)
{
    walk->held = element;
    walk->in_child = 1;
    return save(p, element, unique);
}

ROOM int
step_set(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *set = walk->obj, *element;
    int unique, found;
    enum saved saved;

    if (walk->in_child)
        goto child_done;
    while (walk->left > 0) {
        walk->batch = BATCH_SIZE;
        if (tick(p, walk->left < BATCH_SIZE ? walk->left : BATCH_SIZE) < 0 || put_op(&p->out, OP_MARK) < 0)
            return -1;
        while ((found = save_set_atoms(p, walk, 1, &element, &unique)) > 0) {
            saved = save_element(p, walk, element, unique);
            if (saved != SAVED)
                return saved;
child_done:
            walk->in_child = 0;
            Py_CLEAR(walk->held);
            walk->batch--;
            walk->left--;
            if (PySet_GET_SIZE(set) != walk->size)
                return fail(PyExc_RuntimeError, "set changed size during iteration");
        }
        if (found < 0)
            return -1;
        if (walk->batch > 0)
            walk->left = 0;
        if (put_op(&p->out, OP_ADDITEMS) < 0)
            return -1;
    }
    walks_pop(&p->walks);
    return 0;
}

ROOM enum saved
save_frozenset(Pickler *p, PyObject *obj, int unique)
{
    Walk *walk;

    if (p->protocol < 4)
        return save_set_by_call(p, obj);
    if (put_op(&p->out, OP_MARK) < 0)
        return SAVE_ERROR;
    walk = walks_push(&p->walks, WALK_FROZENSET, obj);
    if (walk == NULL)
        return SAVE_ERROR;
    walk->unique = (unsigned char)unique;
    walk->foreign = (uint32_t)p->memo.foreign;
    walk->batch = -1;   /* no batches: all elements stand between MARK and FROZENSET */
    walk->size = (Py_ssize_t)++p->frozenset_visits;
    return SAVE_PUSHED;
}

ROOM int
step_frozenset(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *element;
    Py_ssize_t position;
    int unique, known, found;
    enum saved saved;

    if (walk->in_child)
        goto child_done;
    while ((found = save_set_atoms(p, walk, owner_is_fresh(p, walk), &element, &unique)) > 0) {
        saved = save_element(p, walk, element, unique);
        if (saved != SAVED)
            return saved;
child_done:
        walk->in_child = 0;
        Py_CLEAR(walk->held);
    }
    if (found < 0)
        return -1;
    known = late_owner_known(p, walk->obj, p->frozenset_visits, walk->size, &position);
    if (known < 0)
        return -1;
    if (known > 0) {
        if (put_op(&p->out, OP_POP_MARK) < 0 || save_get(p, position) < 0)
            return -1;
    }
    else if (put_op(&p->out, OP_FROZENSET) < 0 || memoize(p, walk->obj, owner_is_fresh(p, walk)) < 0)
        return -1;
    walks_pop(&p->walks);
    return 0;
}
