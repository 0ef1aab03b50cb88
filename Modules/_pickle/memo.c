/* memo.c - the memo of a pickler, built late.

   Every str, bytes, container and instance takes a memo number, yet almost none is ever met again.  An object whose
   reference count is 1 is owned by exactly one edge of the object graph, so no other edge leads to it, as long as no
   foreign code runs.  Such an object gets its number by being appended to `objects` (the log); only objects that more
   than one reference leads to are also entered in `index` (hashed).  Position in `objects` IS the memo number.

   What makes it sound:

   - Each logged object has our reference besides its edge's before foreign code runs, so it never shows a count of 1
     again, and its address is never used for another object.  If it is met a second time it is looked up, and missed: so the only thing that can
     go wrong is a miss.
   - It can be met a second time only over a new edge, which foreign code made, or because its owner is walked twice.
     Whatever runs foreign code makes the log stale (`foreign` is counted up).  A miss on a stale log first hashes the log and looks again
     (memo_hash_log).  Each position is hashed at most once, so the worst case is what hashing everything would cost.
   - So whether one edge owns an object may be read before foreign code runs and relied on after it, as long as the log is
     stale when it takes its number, and nothing was numbered in between but what is known not to be this object.  A
     write() or a persistent_id() numbers nothing, unless it assigned the memo (`assigned`); but a miss may hash the log
     before the object is in it.  So that is for objects that take their number at once, before any other is looked for
     (still_unique()).  What takes it after its contents is hashed, with the contents left, once the log was hashed
     after that foreign code ran (owner_is_unique(); frozensets once it ran).  A tuple in a tuple is walked again with its
     owner, so it goes by what was read of the outermost.  Where other objects are written in between, foreign code may have led to this one from them
     (waiting_is_unique()).
   - An owner is walked twice when it takes its number after its contents and a cycle leads back to it while it is open:
     tuples and frozensets (a reduce value means foreign code, hence a stale log).  A cycle needs a second edge to the
     owner, so the owner was hashed, not logged.  Hence the rule: the children of a hashed tuple or frozenset are hashed
     whatever their count, and so on down through tuples and frozensets; any other container is numbered before its
     contents and ends the chain.
   - Edges that own nothing (keys of dicts that share their keys table) and the root of a dump are always hashed.

   A memo of up to MEMO_SMALL objects has no index: it is searched from end to end (memo_is_small), if `seen` has the bit of
   the object.  What was only logged has no bit there until foreign code ran, for the same reasons.

   Those references are borrowed at first, where nobody can see the memo (`borrows`: dumps() and dump()).  As long as nothing
   runs but the engine, on data that somebody else holds, no object can go away, so none needs a reference of ours; a dump
   of nothing but plain data ends without having made one.  Before foreign code runs for the first time (a file's write, a
   look for signals), and before the first reduce value or buffer, which the engine itself lets go, each gets its reference,
   and from then on at once (memo_stop_borrowing).  Not before each such time anew: what foreign code takes out of the data
   is held by an open walk alone, and goes with it.  An object that is only borrowed may show a count of 1 again, but it is
   met a second time only over an edge that foreign code made, and then it has its reference; or when its owner is walked
   twice, and then it was hashed.  An error ends such a dump, and the memo with it: what was only borrowed is not looked at
   again.

   In debug builds a miss on a log that is not stale scans the log: a hit there is a bug.

   A memo that a user assigned may hold any numbers: `numbers` then maps positions to them. */
#include "memo.h"

ROOM void
memo_init(Memo *memo)
{
    clear_struct(memo, offsetof(Memo, small));
    memo->objects = memo->small;
    memo->allocated = MEMO_SMALL;
}

ROOM void
memo_clear(Memo *memo)
{
    PyObject **objects = memo->objects;
    PyObject *small[MEMO_SMALL];
    Py_ssize_t i, used = memo->used;
    size_t foreign;

    if (used == 0 && memo->index == NULL && memo->numbers == NULL && objects == memo->small) {
        memo->foreign++;
        return;
    }
    /* Letting an object go can run code that looks at this memo: empty it first. */
    if (objects == memo->small) {
        memcpy(small, memo->small, (size_t)used * sizeof(PyObject *));
        objects = small;
    }
    PyMem_Free(memo->index);
    PyMem_Free(memo->numbers);
    foreign = memo->foreign + 1;
    memo_init(memo);
    memo->foreign = foreign;
    for (i = 0; i < used; i++)
        Py_XDECREF(objects[i]);
    if (objects != small)
        PyMem_Free(objects);
}

ROOM void
memo_stop_borrowing(Memo *memo)
{
    Py_ssize_t i;

    for (i = 0; i < memo->used; i++)
        Py_XINCREF(memo->objects[i]);
    memo->borrows = 0;
}

ROOM void
memo_end(Memo *memo)
{
    Py_ssize_t i;

    for (i = 0; i < memo->used && !memo->borrows; i++)
        Py_XDECREF(memo->objects[i]);
    if (LIKELY(memo->objects == memo->small && memo->numbers == NULL))
        return;
    PyMem_Free(memo->index);
    PyMem_Free(memo->numbers);
    if (memo->objects != memo->small)
        PyMem_Free(memo->objects);
}

ROOM int
memo_traverse(Memo *memo, visitproc visit, void *arg)
{
    Py_ssize_t i;

    for (i = 0; i < memo->used; i++)
        Py_VISIT(memo->objects[i]);
    return 0;
}

ROOM size_t
memo_sizeof(const Memo *memo)
{
    size_t size = 0;

    if (memo->objects != memo->small)
        size += (size_t)memo->allocated * sizeof(PyObject *);
    if (memo->index != NULL)
        size += (memo->mask + 1) * sizeof(uint32_t);
    if (memo->numbers != NULL)
        size += (size_t)memo->allocated * sizeof(Py_ssize_t);
    return size;
}

#if P5_DEBUG
ROOM void
memo_check_not_logged(const Memo *memo, const PyObject *object)
{
    Py_ssize_t i;

    if (memo_is_stale(memo) || P5_FREE_THREADED || memo->used - memo->log > 1000)
        return;
    for (i = memo->log; i < memo->used; i++)
        P5_ASSERT(memo->objects[i] != object);
}
#endif

/* Room in the index for `entries` in all. */
static int
reserve_index(Memo *memo, size_t entries)
{
    size_t old_slots = memo->index == NULL ? 0 : memo->mask + 1, slots = old_slots, i, slot;
    uint32_t *old = memo->index, *made;

    if (slots == 0)
        slots = 64;
    while (entries * 8 > slots * 5) {
        if (slots > (size_t)PY_SSIZE_T_MAX / 16) {
            PyErr_NoMemory();
            return -1;
        }
        slots *= 2;
    }
    if (slots == old_slots)
        return 0;
    made = PyMem_Calloc(slots, sizeof(uint32_t));
    if (made == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memo->index = made;
    memo->mask = slots - 1;
    for (i = 0; i < old_slots; i++) {
        if (old[i] != 0) {
            memo_find_slot(memo, memo->objects[old[i] - 1], &slot);
            made[slot] = old[i];
        }
    }
    PyMem_Free(old);
    return 0;
}

/* Enter a position in the index, which has room, unless its object is there already. */
static void
enter(Memo *memo, Py_ssize_t position)
{
    size_t slot;

    if (memo->objects[position] == NULL || memo_find_slot(memo, memo->objects[position], &slot) >= 0)
        return;
    memo->index[slot] = (uint32_t)position + 1;
    memo->hashed++;
}

/* Positions are kept in 32 bits.  A pickle cannot refer to a larger number either (LONG_BINGET has four bytes). */
static int
check_range(const Memo *memo)
{
    if (UNLIKELY((uint64_t)memo->used >= UINT32_MAX))
        return fail(PyExc_OverflowError, "too many objects for the memo of one pickle");
    return 0;
}

ROOM void
memo_see_log(Memo *memo)
{
    Py_ssize_t i;

    for (i = 0; i < memo->used; i++)
        memo->seen |= memo_bit(memo->objects[i]);
    memo->foreign_hashed = memo->foreign;
}

ROOM int COLD
memo_hash_log(Memo *memo)
{
    Py_ssize_t i;

    if (check_range(memo) < 0 || reserve_index(memo, memo->hashed + (size_t)(memo->used - memo->log)) < 0)
        return -1;
    for (i = memo->log; i < memo->used; i++)
        enter(memo, i);
    memo->log = memo->used;
    memo->foreign_hashed = memo->foreign;
    return 0;
}

ROOM int COLD
memo_grow(Memo *memo)
{
    Py_ssize_t allocated = memo->allocated < 64 ? 128 : memo->allocated * 2;
    PyObject **objects;
    Py_ssize_t *numbers;

    if (memo->allocated > PY_SSIZE_T_MAX / 16) {
        PyErr_NoMemory();
        return -1;
    }
    if (allocated > 1 << 20)
        allocated = memo->allocated + memo->allocated / 4;
    if (memo->numbers != NULL) {
        numbers = PyMem_Realloc(memo->numbers, (size_t)allocated * sizeof(Py_ssize_t));
        if (numbers == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memo->numbers = numbers;
    }
    objects = PyMem_Realloc(memo->objects == memo->small ? NULL : memo->objects, (size_t)allocated * sizeof(PyObject *));
    if (objects == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (memo->objects != memo->small) {
        memo->objects = objects;
        memo->allocated = allocated;
        return 0;
    }
    memcpy(objects, memo->small, sizeof(memo->small));
    memo->objects = objects;
    memo->allocated = allocated;
    return memo_hash_log(memo);   /* the memo is small no longer */
}

ROOM Py_ssize_t
memo_add(Memo *memo, PyObject *object)
{
    Py_ssize_t position;

    if (memo_is_small(memo) && memo->used < MEMO_SMALL)
        return memo_log_seen(memo, object);
    if (UNLIKELY((memo->hashed + 1) * 8 > (memo->mask + 1) * 5)) {
        if (reserve_index(memo, memo->hashed + 1) < 0)
            return -1;
    }
    if (check_range(memo) < 0)
        return -1;
    position = memo_log(memo, object);
    if (UNLIKELY(position < 0))
        return -1;
    enter(memo, position);
    return position;
}

ROOM PyObject *COLD
memo_as_dict(Memo *memo)
{
    PyObject *dict = PyDict_New(), *key = NULL, *value = NULL;
    Py_ssize_t i;

    for (i = 0; dict != NULL && i < memo->used; i++) {
        if (memo->objects[i] == NULL)
            continue;
        key = PyLong_FromVoidPtr(memo->objects[i]);
        value = Py_BuildValue("nO", memo_number(memo, i), memo->objects[i]);
        if (key == NULL || value == NULL || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

/* One value of a user's memo, (number, object): append it. */
static int
add_user_entry(Memo *memo, PyObject *value)
{
    Py_ssize_t number, position;

    if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2)
        return fail(PyExc_TypeError, "'memo' values must be 2-item tuples");
    number = PyLong_AsSsize_t(PyTuple_GET_ITEM(value, 0));
    if (number == -1 && PyErr_Occurred())
        return -1;
    position = memo_add(memo, PyTuple_GET_ITEM(value, 1));
    if (position < 0)
        return -1;
    memo->numbers[position] = number;
    return 0;
}

ROOM int COLD
memo_from_dict(Memo *memo, PyObject *dict)
{
    Memo made, old;
    PyObject *key, *value;
    Py_ssize_t at = 0;

    memo_init(&made);
    made.numbers = PyMem_Malloc(MEMO_SMALL * sizeof(Py_ssize_t));
    if (made.numbers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (add_user_entry(&made, value) < 0) {
            memo_clear(&made);
            return -1;
        }
    }
    made.foreign = memo->foreign + 1;
    made.assigned = 1;
    old = *memo;
    if (old.objects == memo->small)
        old.objects = old.small;
    *memo = made;
    if (made.objects == made.small)
        memo->objects = memo->small;
    memo_clear(&old);
    return 0;
}

ROOM int COLD
memo_copy(Memo *to, const Memo *from)
{
    Memo made;
    Py_ssize_t i;

    memo_init(&made);
    while (made.allocated < from->used) {
        if (memo_grow(&made) < 0)
            goto error;
    }
    for (i = 0; i < from->used; i++)
        (void)memo_log(&made, from->objects[i]);
    if (from->numbers != NULL) {
        made.numbers = PyMem_Malloc((size_t)made.allocated * sizeof(Py_ssize_t));
        if (made.numbers == NULL) {
            PyErr_NoMemory();
            goto error;
        }
        memcpy(made.numbers, from->numbers, (size_t)from->used * sizeof(Py_ssize_t));
    }
    if (memo_hash_log(&made) < 0)
        goto error;
    made.foreign = to->foreign + 1;
    made.assigned = 1;
    memo_clear(to);
    *to = made;
    if (made.objects == made.small)
        to->objects = to->small;
    return 0;
error:
    memo_clear(&made);
    return -1;
}
