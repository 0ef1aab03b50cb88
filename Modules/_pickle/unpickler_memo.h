/* unpickler_memo.h - what was memoized, by number.

   Numbers are handed out in order, so the memo is an array.  A number far beyond what the array holds (an old pickle
   with gaps, or a hostile one) goes to a hash table instead: memory stays in proportion to the entries. */
#ifndef P5_UNPICKLER_MEMO_H
#define P5_UNPICKLER_MEMO_H

#include "errors.h"
#include "copying.h"

enum { SMALL_MEMO = 24 };

typedef struct {
    Py_ssize_t index;           /* 0 where the entry is free */
    PyObject *value;
} SparseEntry;

typedef struct {
    PyObject **slots;           /* by number; NULL where there is no entry */
    Py_ssize_t limit;           /* numbers below this live in slots */
    Py_ssize_t open;            /* the same, or 0 while not everything is put there: see plan.h */
    Py_ssize_t count;           /* entries, here and there: also the number of the next MEMOIZE */
    SparseEntry *sparse;        /* the others: open addressing, a power of two, or NULL */
    Py_ssize_t sparse_size;
    Py_ssize_t sparse_used;     /* its entries that are not free */
    PyObject *small[SMALL_MEMO];
} UnpicklerMemo;

/* unpickler_memo.c */
ROOM void unpickler_memo_init(UnpicklerMemo *memo);
ROOM void unpickler_memo_clear(UnpicklerMemo *memo);
/* The same for one that nobody else can reach, and that is not used again. */
ROOM void unpickler_memo_drop(UnpicklerMemo *memo);
ROOM int unpickler_memo_traverse(UnpicklerMemo *memo, visitproc visit, void *arg);
ROOM Py_ssize_t unpickler_memo_allocated(const UnpicklerMemo *memo);
/* Set an entry, with a new reference; the old value, if any, is let go.  index >= 0. */
ROOM int unpickler_memo_put(UnpicklerMemo *memo, Py_ssize_t index, PyObject *value);
/* Set one that was left empty, and counted, when its turn came; `holes`, how many of its kind there are, goes down. */
ROOM int unpickler_memo_fill(UnpicklerMemo *memo, Py_ssize_t index, PyObject *value, Py_ssize_t *holes);
/* Borrowed, or NULL where there is none; no exception. */
ROOM PyObject *unpickler_memo_get(const UnpicklerMemo *memo, Py_ssize_t index);
/* As a new dict, and from one. */
ROOM PyObject *unpickler_memo_as_dict(const UnpicklerMemo *memo);
ROOM int unpickler_memo_from_dict(UnpicklerMemo *memo, PyObject *dict);
ROOM int unpickler_memo_copy(UnpicklerMemo *memo, const UnpicklerMemo *from);
/* Make `memo` hold what `from` holds, and let its old entries go; `from` is left empty. */
ROOM void unpickler_memo_replace(UnpicklerMemo *memo, UnpicklerMemo *from);

#endif
