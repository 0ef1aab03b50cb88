/* unpickler_memo.c - see unpickler_memo.h; and the type of Unpickler.memo at the end.

   Letting an entry go can run foreign code, and that code can reach the memo through its Unpickler.  So entries are
   first taken out, and only then let go. */
#include "unpickler_memo.h"

ROOM void
unpickler_memo_init(UnpicklerMemo *memo)
{
    clear_struct(memo, sizeof *memo);
    memo->slots = memo->small;
    memo->limit = memo->open = SMALL_MEMO;
}

/* Take the contents away; the copy may be cleared at leisure. */
static UnpicklerMemo
take_contents(UnpicklerMemo *memo)
{
    UnpicklerMemo contents = *memo;
    unpickler_memo_init(memo);
    return contents;
}

/* From the last number to the first: what ends here then leaves free the memory that was asked for last.  Allocators keep some
   of what is freed for the next ones to ask; where that is the end of the heap, the system is not handed back everything below
   it when the loaded object ends, to be asked for it page by page in the next load. */
static void
drop_contents(UnpicklerMemo *memo, int small)
{
    PyObject **slots = small ? memo->small : memo->slots;
    Py_ssize_t end = memo->count < memo->limit ? memo->count : memo->limit;
    Py_ssize_t i, left = memo->count;

    for (i = end; i-- > 0; ) {
        if (slots[i] != NULL) {
            left--;
            Py_DECREF(slots[i]);
        }
    }
    /* Some numbers have no slot, others may have been left out. */
    for (i = end; i < memo->limit && left > 0; i++) {
        if (slots[i] != NULL) {
            left--;
            Py_DECREF(slots[i]);
        }
    }
    if (!small)
        PyMem_Free(slots);
    for (i = 0; i < memo->sparse_size; i++)
        Py_XDECREF(memo->sparse[i].value);
    PyMem_Free(memo->sparse);
}

ROOM void
unpickler_memo_clear(UnpicklerMemo *memo)
{
    int small = memo->slots == memo->small;
    UnpicklerMemo contents = take_contents(memo);
    drop_contents(&contents, small);
}

ROOM void
unpickler_memo_drop(UnpicklerMemo *memo)
{
    int small = memo->slots == memo->small;

    if (memo->count > 0 || !small || memo->sparse != NULL)
        drop_contents(memo, small);
}

ROOM void
unpickler_memo_replace(UnpicklerMemo *memo, UnpicklerMemo *from)
{
    int small = memo->slots == memo->small;
    UnpicklerMemo contents = take_contents(memo);

    *memo = *from;
    if (from->slots == from->small)
        memo->slots = memo->small;
    unpickler_memo_init(from);
    drop_contents(&contents, small);
}

ROOM int
unpickler_memo_traverse(UnpicklerMemo *memo, visitproc visit, void *arg)
{
    Py_ssize_t i;

    for (i = 0; i < memo->limit; i++)
        Py_VISIT(memo->slots[i]);
    for (i = 0; i < memo->sparse_size; i++)
        Py_VISIT(memo->sparse[i].value);
    return 0;
}

ROOM Py_ssize_t
unpickler_memo_allocated(const UnpicklerMemo *memo)
{
    Py_ssize_t size = memo->sparse_size * (Py_ssize_t)sizeof *memo->sparse;

    if (memo->slots != memo->small)
        size += memo->limit * (Py_ssize_t)sizeof *memo->slots;
    return size;
}

/* The array is made to reach `index`, and half as far again. */
static int
grow_slots(UnpicklerMemo *memo, Py_ssize_t index)
{
    Py_ssize_t limit;
    PyObject **slots = NULL;

    if (index <= PY_SSIZE_T_MAX / (Py_ssize_t)sizeof *slots / 2) {
        limit = index + index / 2 + 16;
        if (memo->slots != memo->small)
            slots = PyMem_Realloc(memo->slots, (size_t)limit * sizeof *slots);
        else {
            slots = PyMem_Malloc((size_t)limit * sizeof *slots);
            if (slots != NULL)
                memcpy(slots, memo->small, sizeof memo->small);
        }
    }
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset(slots + memo->limit, 0, (size_t)(limit - memo->limit) * sizeof *slots);
    memo->slots = slots;
    memo->limit = limit;
    if (memo->open > 0)
        memo->open = limit;
    return 0;
}

/* Where `index` is in the table, or the free entry where it belongs.  The table is never full.  Free entries have index
   0, which always lives in the array; those that moved to the array have DEAD_INDEX. */
#define DEAD_INDEX (-1)

static SparseEntry *
sparse_find(const UnpicklerMemo *memo, Py_ssize_t index)
{
    uint64_t h = (uint64_t)index ^ (uint64_t)(uintptr_t)memo->sparse;
    size_t mask = (size_t)memo->sparse_size - 1, i;

    /* A pickle chooses its numbers, but not the address of the table, and every bit of both counts. */
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    h ^= h >> 31;
    for (i = (size_t)h & mask; memo->sparse[i].index != 0 && memo->sparse[i].index != index; i = (i + 1) & mask)
        ;
    return &memo->sparse[i];
}

static int
grow_sparse(UnpicklerMemo *memo)
{
    SparseEntry *old = memo->sparse, *entry;
    Py_ssize_t i, old_size = memo->sparse_size, size = old_size == 0 ? 64 : 2 * old_size;

    entry = PyMem_Calloc((size_t)size, sizeof *entry);
    if (entry == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memo->sparse = entry;
    memo->sparse_size = size;
    memo->sparse_used = 0;
    for (i = 0; i < old_size; i++) {
        if (old[i].value != NULL) {
            *sparse_find(memo, old[i].index) = old[i];
            memo->sparse_used++;
        }
    }
    PyMem_Free(old);
    return 0;
}

/* The array has grown: move what it now reaches out of the table. */
static void
settle_sparse(UnpicklerMemo *memo)
{
    SparseEntry *entry = memo->sparse, *end = entry + memo->sparse_size;

    for (; entry < end; entry++) {
        if (entry->value != NULL && entry->index < memo->limit) {
            memo->slots[entry->index] = entry->value;
            entry->value = NULL;
            entry->index = DEAD_INDEX;
        }
    }
}

static int
put_sparse(UnpicklerMemo *memo, Py_ssize_t index, PyObject *value)
{
    SparseEntry *entry;
    PyObject *old;

    if (memo->sparse_used >= memo->sparse_size / 2 && grow_sparse(memo) < 0)
        return -1;
    entry = sparse_find(memo, index);
    old = entry->value;
    entry->index = index;
    entry->value = Py_NewRef(value);
    if (old == NULL) {
        memo->sparse_used++;
        memo->count++;
    }
    else
        Py_DECREF(old);
    return 0;
}

ROOM int
unpickler_memo_put(UnpicklerMemo *memo, Py_ssize_t index, PyObject *value)
{
    PyObject *old;

    if (UNLIKELY(index >= memo->limit)) {
        /* A few numbers may be left out, as in pickles that were edited or optimized. */
        if (index > memo->count + memo->count / 4 + 1024)
            return put_sparse(memo, index, value);
        if (grow_slots(memo, index) < 0)
            return -1;
        if (memo->sparse_used > 0)
            settle_sparse(memo);
    }
    old = memo->slots[index];
    memo->slots[index] = Py_NewRef(value);
    if (old == NULL)
        memo->count++;
    else
        Py_DECREF(old);
    return 0;
}

ROOM int
unpickler_memo_fill(UnpicklerMemo *memo, Py_ssize_t index, PyObject *value, Py_ssize_t *holes)
{
    if (unpickler_memo_put(memo, index, value) < 0)
        return -1;
    memo->count--;
    --*holes;
    return 0;
}

ROOM PyObject *
unpickler_memo_get(const UnpicklerMemo *memo, Py_ssize_t index)
{
    if (index < 0)
        return NULL;
    if (index < memo->limit)
        return memo->slots[index];
    return memo->sparse_used > 0 ? sparse_find(memo, index)->value : NULL;
}

static int
set_in_dict(PyObject *dict, Py_ssize_t index, PyObject *value)
{
    PyObject *key;
    int result;

    if (value == NULL)
        return 0;
    key = PyLong_FromSsize_t(index);
    if (key == NULL)
        return -1;
    result = PyDict_SetItem(dict, key, value);
    Py_DECREF(key);
    return result;
}

ROOM PyObject *
unpickler_memo_as_dict(const UnpicklerMemo *memo)
{
    PyObject *dict = PyDict_New();
    Py_ssize_t i;

    for (i = 0; dict != NULL && i < memo->limit; i++) {
        if (set_in_dict(dict, i, memo->slots[i]) < 0)
            Py_CLEAR(dict);
    }
    for (i = 0; dict != NULL && i < memo->sparse_size; i++) {
        if (set_in_dict(dict, memo->sparse[i].index, memo->sparse[i].value) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

ROOM int
unpickler_memo_from_dict(UnpicklerMemo *memo, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t position = 0, index;

    while (PyDict_Next(dict, &position, &key, &value)) {
        if (!PyLong_Check(key))
            return fail(PyExc_TypeError, "memo key must be integers");
        index = PyLong_AsSsize_t(key);
        if (index < 0) {
            if (index != -1 || !PyErr_Occurred())
                fail(PyExc_ValueError, "memo key must be positive integers.");
            return -1;
        }
        if (unpickler_memo_put(memo, index, value) < 0)
            return -1;
    }
    return 0;
}

ROOM int
unpickler_memo_copy(UnpicklerMemo *memo, const UnpicklerMemo *from)
{
    Py_ssize_t i;

    for (i = 0; i < from->limit; i++) {
        if (from->slots[i] != NULL && unpickler_memo_put(memo, i, from->slots[i]) < 0)
            return -1;
    }
    for (i = 0; i < from->sparse_size; i++) {
        if (from->sparse[i].value != NULL && unpickler_memo_put(memo, from->sparse[i].index, from->sparse[i].value) < 0)
            return -1;
    }
    return 0;
}
