/* plan.h - what the rest of a pickle will ask of the memo, found out before it is loaded.

   An instance is written as an empty one, and a dict with its state, which BUILD takes.  If nobody asks the memo for that
   dict it need not be made.  One quick pass over the opcodes that are left, which makes no objects, tells for every number
   of the memo whether it is asked for; the others need no slot either.  The pass costs about a tenth of loading plain data:
   so it begins with the first plain instance that rows.c cannot read by itself, or must settle, and is broken off where there
   are few. */
#ifndef P5_PLAN_H
#define P5_PLAN_H

#include "errors.h"
#include "opcodes.h"
#include "endian.h"

enum {
    PLAN_ASKED = 1,             /* a GET of this number comes */
    PLAN_STATE = 2,             /* a dict: MARK follows, pairs, SETITEMS, and then BUILD takes it, or the pair it is in */
    SMALL_PLAN = 32
};

typedef struct {
    int wanted;                 /* the whole pickle is at hand, nobody else sees its bytes change, nor the memo */
    Py_ssize_t first;           /* the first number that is known */
    Py_ssize_t size;            /* and how many are; 0 where there is no plan */
    unsigned char *notes;       /* about each of these */
    int keep_containers;        /* lists, tuples and dicts may hold what the memo alone keeps alive besides */
    unsigned char small[SMALL_PLAN];
} Plan;

/* plan.c */
/* Look through a pickle, from p on; `count` is the memo's.  Of the numbers from `first` up to it only whether they are asked
   for is noted; there were `states` states among them.  Where that is not possible, or not worth it, there is no plan: that
   is no error.  It is tried once. */
ROOM void plan_make(Plan *plan, const unsigned char *p, const unsigned char *end, Py_ssize_t count, Py_ssize_t first,
                    Py_ssize_t states);
ROOM void plan_clear(Plan *plan);

static ALWAYS_INLINE void
plan_init(Plan *plan)
{
    plan->notes = NULL;
    plan->size = 0;
    plan->wanted = 0;
}

/* Is anything known of this number, and what?  -1: nothing. */
static ALWAYS_INLINE int
plan_note(const Plan *plan, Py_ssize_t number)
{
    Py_ssize_t i = number - plan->first;
    return (size_t)i < (size_t)plan->size ? plan->notes[i] : -1;
}

/* Behind a MEMOIZE or a PUT of this number at p, or NULL if there is none. */
static ALWAYS_INLINE const unsigned char *
behind_put(const unsigned char *p, const unsigned char *end, Py_ssize_t number)
{
    if (p < end && *p == OP_MEMOIZE)
        return p + 1;
    if (end - p >= 2 && *p == OP_BINPUT && p[1] == number)
        return p + 2;
    if (end - p >= 5 && *p == OP_LONG_BINPUT && get_u32le(p + 1) == (uint64_t)number)
        return p + 5;
    return NULL;
}

#endif
