/* save_items.c - list items and dict items that come from an iterator.

   The iterator of a reduce value is asked for two items before the first is written: a batch of one goes without MARK.
   Within a batch each further item is asked for when the one before it is written.  Items are ours, so they are held by
   the walk; the waiting second one (and with dict items, the open pair) too. */
#include "save_inline.h"

/* An item of a plain list or dict has one reference more than its edge: the one that the iterator handed us. */
static int
item_is_unique(PyObject *iterator, PyObject *item)
{
    if (P5_FREE_THREADED)
        return 0;
    if (Py_IS_TYPE(iterator, &PyListIter_Type))
        return Py_REFCNT(item) == 2;
    return Py_REFCNT(item) == 1;
}

static enum saved
push_items(Pickler *p, enum walk_kind kind, PyObject *owner, PyObject *iterator)
{
    Walk *walk = walks_push(&p->walks, kind, owner);

    if (walk == NULL)
        return SAVE_ERROR;
    walk->aux = Py_NewRef(iterator);
    return SAVE_PUSHED;
}

ROOM enum saved
save_list_items(Pickler *p, PyObject *owner, PyObject *iterator)
{
    return push_items(p, WALK_LIST_ITEMS, owner, iterator);
}

ROOM enum saved
save_dict_items(Pickler *p, PyObject *owner, PyObject *iterator)
{
    return push_items(p, WALK_DICT_ITEMS, owner, iterator);
}

/* The next item: 1 with a new reference and whether one edge owns it, 0 at the end, -1 on error. */
static int
next_item(Pickler *p, PyObject *iterator, PyObject **item, int *unique)
{
    if (tick(p, 1) < 0)
        return -1;
    *item = PyIter_Next(iterator);
    ran_foreign(p);
    if (*item != NULL) {
        *unique = item_is_unique(iterator, *item);
        return 1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* The item to write next: 1 with a new reference and whether one edge owns it, 0 where the open batch ends (or, with no batch
   open, everything), -1 on error. */
static int
item_of_batch(Pickler *p, Walk *walk, PyObject **item, int *unique)
{
    int found, waiting_unique = 0;

    if (walk->open) {
        if (walk->single || walk->batch == 0)
            return 0;
        if (walk->held == NULL)
            return next_item(p, walk->aux, item, unique);
        *item = walk->held;
        walk->held = NULL;
        *unique = waiting_is_unique(p, walk);
        return 1;
    }
    found = next_item(p, walk->aux, item, unique);
    if (found <= 0)
        return found;
    walk->open = walk->single = 1;
    walk->batch = BATCH_SIZE;
    if (!p->bin)
        return 1;
    found = next_item(p, walk->aux, &walk->held, &waiting_unique);
    *unique = still_unique(p, *item, *unique);
    note_waiting(p, walk, waiting_unique);
    if (found < 0 || (found > 0 && put_op(&p->out, OP_MARK) < 0)) {
        Py_CLEAR(*item);
        return -1;
    }
    walk->single = found == 0;
    return 1;
}

/* No item is left for the open batch: close it.  1 if more may follow, 0 at the end of all, -1 on error. */
static int
close_batch(Pickler *p, Walk *walk, enum opcode one, enum opcode many)
{
    int exhausted;

    if (!walk->open)
        return 0;
    walk->open = 0;
    exhausted = p->bin && (walk->single || walk->batch > 0);
    if (put_op(&p->out, walk->single ? one : many) < 0)
        return -1;
    return !exhausted;
}

static int
end_items(Pickler *p)
{
    if (p->walks.top->stage == ITEMS_OF_CONTAINER)
        return leave_container(p);
    walks_pop(&p->walks);
    return 0;
}

ROOM int
step_list_items(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *item = NULL;
    int found, more, unique = 0;
    enum saved saved;

    if (walk->in_child)
        goto child_done;
    for (;;) {
        found = item_of_batch(p, walk, &item, &unique);
        if (found < 0)
            return -1;
        if (found == 0) {
            more = close_batch(p, walk, OP_APPEND, OP_APPENDS);
            if (more <= 0)
                return more < 0 ? -1 : end_items(p);
            continue;
        }
        walk->in_child = 1;
        saved = save(p, item, unique);
        Py_DECREF(item);   /* if it is still being written, its walk has a reference */
        if (saved != SAVED)
            return saved;
child_done:
        walk->in_child = 0;
        walk->at++;
        walk->batch--;
    }
}

ROOM int
step_dict_items(Pickler *p)
{
    Walk *walk = p->walks.top;
    PyObject *pair = NULL;
    int found, more, unique;

    if (walk->in_child) {
        walk->in_child = 0;
        walk->batch--;
    }
    do {
        found = item_of_batch(p, walk, &pair, &unique);
        if (found < 0)
            return -1;
        more = found > 0 ? 1 : close_batch(p, walk, OP_SETITEM, OP_SETITEMS);
        if (more <= 0)
            return more < 0 ? -1 : end_items(p);
    } while (found == 0);
    walk->in_child = 1;
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2)
        found = fail(PyExc_TypeError, "dict items iterator must return 2-tuples");
    else if (walks_push(&p->walks, WALK_PAIR, pair) == NULL)
        found = -1;
    Py_DECREF(pair);
    return found < 0 ? -1 : 0;
}

/* A key and its value. */
ROOM int
step_pair(Pickler *p)
{
    Walk *walk = p->walks.top;
    enum saved saved;

    while (walk->at < 2) {
        walk->in_child = walk->at == 1;   /* only values get a note */
        saved = save(p, PyTuple_GET_ITEM(walk->obj, walk->at++), 0);
        if (saved != SAVED)
            return saved;
    }
    walks_pop(&p->walks);
    return 0;
}
