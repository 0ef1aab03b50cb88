/* walks.h - the pickler's own stack.

   A walk is one container or reduce value that is open, with the place reached in it.  The pickler is a loop over the
   top walk (save.c): a step writes what it can, and where it meets something that needs a walk of its own, that one is
   pushed and the step returns.  So depth costs memory, never C stack. */
#ifndef P5_WALKS_H
#define P5_WALKS_H

#include "errors.h"
#include "copying.h"

enum walk_kind {
    WALK_LIST,            /* an exact list, in batches */
    WALK_DICT,            /* an exact dict, in batches */
    WALK_SET,             /* an exact set, in batches (protocol 4 on) */
    WALK_TUPLE,
    WALK_FROZENSET,       /* protocol 4 on */
    WALK_LIST_ITEMS,      /* an iterator of list items of a reduce value */
    WALK_DICT_ITEMS,      /* an iterator of pairs of a reduce value */
    WALK_PAIR,            /* one of those pairs */
    WALK_REDUCE,          /* a reduce value: callable, arguments, state */
    WALK_INSTANCE,        /* a plain instance: its dict, its slots */
    WALK_DATETIME,        /* the first datetime of a pickle: its class, then its fields */
    WALK_GLOBAL,          /* a name: its module and qualified name as objects (protocol 4 on) */
    WALK_NESTED_GLOBAL,   /* a nested name below protocol 4, by getattr */
    WALK_PERSID           /* a persistent id that is an object */
};

/* `stage` of the WALK_LIST_ITEMS or WALK_DICT_ITEMS of a list or dict itself. */
enum { ITEMS_OF_CONTAINER = 1 };

typedef struct {
    unsigned char kind;
    unsigned char stage;          /* where a WALK_REDUCE and the like stand; see save_reduce.c */
    unsigned char in_child;       /* a child is being written: an error belongs to it, and gets its note */
    unsigned char unique;         /* one edge owned the object when its walk began */
    unsigned char open;           /* a batch is open */
    unsigned char single;         /* the open batch has one item and no MARK */
    unsigned char child_unique;   /* one edge owned the child that waits (see waiting_is_unique()) */
    int batch;                    /* items that the open batch may still take */
    uint32_t foreign;             /* the memo's `foreign` when that or `unique` was read */
    PyObject *obj;                /* what is being written */
    PyObject *aux;                /* a second object: a pending dict value, an iterator, a reduce value */
    PyObject *held;               /* a third: a dict key, a pending item, arguments made by the engine */
    Py_ssize_t at;                /* the place reached */
    Py_ssize_t size;              /* the size when the walk began; for late owners, the visits of their kind */
    Py_ssize_t left;              /* items that no batch has taken yet */
} Walk;

/* Room in the struct itself, and in the first block of memory: 32 kB cost as much as less would. */
enum { WALKS_SMALL = 8, WALKS_LARGE = 512 };

typedef struct {
    Walk *top;                    /* the walk in progress; below `base` when there is none */
    Walk *base;
    Walk *end;
    Walk small[WALKS_SMALL];
} Walks;

/* walks.c */
ROOM void walks_init(Walks *walks);
ROOM void walks_drop(Walks *walks);
ROOM int walks_traverse(Walks *walks, visitproc visit, void *arg);
ROOM size_t walks_sizeof(const Walks *walks);
ROOM int walks_grow(Walks *walks);

/* Open a walk over `obj`, with a reference of its own.  Every other field is zero.  The pointers to older walks are
   void after this.  NULL with MemoryError. */
static ALWAYS_INLINE Walk *
walks_push(Walks *walks, enum walk_kind kind, PyObject *obj)
{
    Walk *walk;

    if (UNLIKELY(walks->top + 1 == walks->end) && walks_grow(walks) < 0)
        return NULL;
    walk = ++walks->top;
    clear_struct(walk, sizeof(Walk));
    walk->kind = (unsigned char)kind;
    Py_INCREF(obj);
    walk->obj = obj;
    return walk;
}

/* Close all walks. */
static ALWAYS_INLINE void
walks_clear(Walks *walks)
{
    if (UNLIKELY(walks->top != walks->small))   /* there it stands as long as the stack has not grown and is empty */
        walks_drop(walks);
}

/* Close the top walk. */
static ALWAYS_INLINE void
walks_pop(Walks *walks)
{
    Walk *walk = walks->top--;
    PyObject *obj = walk->obj, *aux = walk->aux, *held = walk->held;

    Py_XDECREF(held);
    Py_XDECREF(aux);
    Py_DECREF(obj);
}

static ALWAYS_INLINE int
walks_empty(const Walks *walks)
{
    return walks->top < walks->base;
}

#endif
