/* memo.h - the pickler's memo: which object has which number.  See memo.c for why most objects are never hashed. */
#ifndef P5_MEMO_H
#define P5_MEMO_H

#include "errors.h"
#include "copying.h"

enum { MEMO_SMALL = 20 };

typedef struct {
    PyObject **objects;       /* position -> object; NULL where the object was never made */
    Py_ssize_t used;          /* positions handed out */
    Py_ssize_t allocated;
    int borrows;              /* no object has a reference of ours yet (see memo.c) */
    uint32_t *index;          /* open addressing by address: position + 1, 0 for a free slot */
    size_t mask;              /* slots - 1; 0 while there is no index */
    size_t hashed;            /* slots in use */
    Py_ssize_t log;           /* positions below this one are all hashed; from it on they may be only logged */
    size_t foreign;           /* goes up whenever foreign code may have run */
    size_t foreign_hashed;    /* its value when the log was last hashed: the log is stale where they differ */
    int assigned;             /* a user assigned this memo, and no dump has begun since */
    uint64_t seen;            /* of a memo without index: the bits (memo_bit) of the objects that are not only logged */
    Py_ssize_t *numbers;      /* position -> memo number, for a memo that a user assigned; NULL when they are equal */
    PyObject *small[MEMO_SMALL];
} Memo;

/* memo.c */
ROOM void memo_init(Memo *memo);
/* Forget everything; the memo stays usable. */
ROOM void memo_clear(Memo *memo);
/* The same for a memo that is not used again and that nothing can look at. */
ROOM void memo_end(Memo *memo);
ROOM int memo_traverse(Memo *memo, visitproc visit, void *arg);
/* While it borrows: a reference to each object, and from now on at once. */
ROOM void memo_stop_borrowing(Memo *memo);
/* Bytes of memory outside the struct. */
ROOM size_t memo_sizeof(const Memo *memo);
/* Put the log into the index. */
ROOM int memo_hash_log(Memo *memo);
/* Give `object` the next position and hash it.  -1 on error. */
ROOM Py_ssize_t memo_add(Memo *memo, PyObject *object);
/* Room for one more position. */
ROOM int memo_grow(Memo *memo);
/* The contents as {id(object): (number, object)}, and the way back from such a dict. */
ROOM PyObject *memo_as_dict(Memo *memo);
ROOM int memo_from_dict(Memo *memo, PyObject *dict);
ROOM int memo_copy(Memo *to, const Memo *from);

/* Give an object that one edge owns the next position, without hashing it (see memo.c).  NULL: a number whose object
   was never made. */
static ALWAYS_INLINE Py_ssize_t
memo_log(Memo *memo, PyObject *object)
{
    if (UNLIKELY(memo->used == memo->allocated) && memo_grow(memo) < 0)
        return -1;
    if (!memo->borrows)
        Py_XINCREF(object);
    memo->objects[memo->used] = object;
    if (UNLIKELY(memo->numbers != NULL))
        memo->numbers[memo->used] = memo->used;
    return memo->used++;
}

/* A memo of few objects is searched from end to end: no index, and no difference between logged and hashed. */
static ALWAYS_INLINE int
memo_is_small(const Memo *memo)
{
    return memo->mask == 0;
}

static ALWAYS_INLINE int
memo_is_stale(const Memo *memo)
{
    return memo->foreign != memo->foreign_hashed && !memo_is_small(memo);
}

#if P5_DEBUG
ROOM void memo_check_not_logged(const Memo *memo, const PyObject *object);
#endif
/* What memo_hash_log does for a memo without index. */
ROOM void memo_see_log(Memo *memo);

/* One of 64 bits for each object: where it is missing in `seen`, no search is needed. */
static ALWAYS_INLINE uint64_t
memo_bit(const PyObject *object)
{
    return (uint64_t)1 << ((uint64_t)(uintptr_t)object * 0x9E3779B97F4A7C15u >> 58);
}

/* memo_log() for an object that may be met again, while there is no index. */
static ALWAYS_INLINE Py_ssize_t
memo_log_seen(Memo *memo, PyObject *object)
{
    memo->seen |= memo_bit(object);
    return memo_log(memo, object);
}

/* Objects of one kilobyte of memory share 64 slots of the index, which keeps the caches warm; the kilobytes are
   scattered, and each shuffles its slots its own way. */
static ALWAYS_INLINE size_t
memo_slot_of(const Memo *memo, const PyObject *object)
{
    uint64_t address = (uint64_t)(uintptr_t)object;
    uint64_t scattered = (address >> 10) * 0x9E3779B97F4A7C15u;
    return (size_t)((scattered >> 32 << 6) ^ (address >> 4 & 63) ^ (scattered >> 58)) & memo->mask;
}

/* The position of an object that is hashed, or -1; and the slot where it is or would be. */
static ALWAYS_INLINE Py_ssize_t
memo_find_slot(const Memo *memo, const PyObject *object, size_t *slot)
{
    size_t i;

    for (i = memo_slot_of(memo, object); memo->index[i] != 0; i = (i + 1) & memo->mask) {
        if (memo->objects[memo->index[i] - 1] == object) {
            *slot = i;
            return (Py_ssize_t)memo->index[i] - 1;
        }
    }
    *slot = i;
    return -1;
}

static ALWAYS_INLINE Py_ssize_t
memo_find(Memo *memo, PyObject *object)
{
    size_t slot;
    Py_ssize_t position;

    if (UNLIKELY(memo_is_small(memo))) {
        if (UNLIKELY(memo->foreign != memo->foreign_hashed))
            memo_see_log(memo);
        position = memo->seen & memo_bit(object) ? memo->used - 1 : -1;
        for (; position >= 0 && memo->objects[position] != object; position--)
            ;
    }
    else
        position = memo_find_slot(memo, object, &slot);
#if P5_DEBUG
    if (position < 0)
        memo_check_not_logged(memo, object);
#endif
    return position;
}

/* Find an object for good: 1 and its position, 0 if it has none, -1 on error. */
static ALWAYS_INLINE int
memo_lookup(Memo *memo, PyObject *object, Py_ssize_t *position)
{
    *position = memo_find(memo, object);
    if (*position < 0 && UNLIKELY(memo_is_stale(memo))) {
        if (memo_hash_log(memo) < 0)
            return -1;
        *position = memo_find(memo, object);
    }
    return *position >= 0;
}

/* The number that the pickle knows a position by. */
static ALWAYS_INLINE Py_ssize_t
memo_number(const Memo *memo, Py_ssize_t position)
{
    return UNLIKELY(memo->numbers != NULL) ? memo->numbers[position] : position;
}

#endif
