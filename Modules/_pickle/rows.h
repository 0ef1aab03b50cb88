/* rows.h - instances whose state is flat, read in one go; what was not made for them. */
#ifndef P5_ROWS_H
#define P5_ROWS_H

#include "compat.h"
#include "macros.h"

enum {
    MAX_VAIN = 8,               /* so often few rows may have to be settled */
    MAX_SHAPES = 16,            /* that one load knows: a power of four */
    SHAPE_NAMES = 20            /* attributes of one */
};

/* Instances of one class, with the same attributes in the same order. */
typedef struct {
    PyTypeObject *type;         /* owned, like all objects here */
    unsigned int version;       /* of the type, when this was found out */
    int count;
    int paired;                 /* the attributes are slots, and the state is the pair (None, {...}) */
    int times;                  /* instances of it, up to 3.10, while there is no pattern */
    PyObject *pattern;          /* up to 3.10: a dict like that of these instances, which shares their keys; or NULL */
    PyObject *keys[SHAPE_NAMES];        /* the str of the pickle */
    PyObject *names[SHAPE_NAMES];       /* interned */
    Py_ssize_t offsets[SHAPE_NAMES];    /* of slots: where in the instance */
} Shape;

/* Some that were read, of whose states the memo has nothing, by their numbers in the memo: the first instance's, how far it
   is from one to the next, and how many there are.  A dict's number is one more than its instance's. */
typedef struct {
    Py_ssize_t instance;
    Py_ssize_t step;
    Py_ssize_t times;
    Py_ssize_t pair;            /* how far the pair's number is from the instance's, or 0 */
    int shape;
} Row;

typedef struct {
    int wanted;                 /* nobody can look at the memo, and its numbers are given one by one */
    int shape_count;
    int vain;                   /* how often few rows had to be settled: it has not been worth while */
    int last;                   /* the shape that was used last */
    Py_ssize_t count;
    Py_ssize_t room;
    Py_ssize_t holes;           /* numbers that the memo lacks for them */
    Row *rows;
    Py_ssize_t end;             /* where in the pickle an opcode begins, behind the last of them ... */
    Py_ssize_t end_number;      /* ... and the number that comes next there */
    Shape *shapes;
    int shape_room;
} Rows;

static ALWAYS_INLINE void
rows_init(Rows *rows)
{
    rows->wanted = rows->shape_count = rows->vain = rows->last = 0;
    rows->count = rows->room = rows->holes = 0;
    rows->rows = NULL;
    rows->shapes = NULL;
    rows->shape_room = 0;
}

#endif
