/* stack.h - the stack of the unpickling machine, and the marks on it.

   The stack owns its objects.  A mark is a position: everything above the topmost one belongs to the container that is
   being collected, and `fence` points there, so no opcode can take an object from under it. */
#ifndef P5_STACK_H
#define P5_STACK_H

#include "errors.h"

enum { SMALL_STACK = 48, SMALL_MARKS = 8 };

typedef struct {
    PyObject **top;             /* the next free slot; the dispatch loop keeps a copy */
    PyObject **fence;           /* the topmost mark's position, or base */
    PyObject **limit;           /* end of the slots */
    PyObject **base;
    Py_ssize_t *marks;          /* positions, as distances from base */
    Py_ssize_t mark_count;
    Py_ssize_t mark_limit;
    PyObject *small[SMALL_STACK];
    Py_ssize_t small_marks[SMALL_MARKS];
} Stack;

/* stack.c */
ROOM void stack_init(Stack *s);
/* Let go of all objects and marks; the memory too if `memory` is set. */
ROOM void stack_clear(Stack *s, int memory);
/* More slots, more marks. */
ROOM int stack_grow(Stack *s);
ROOM int stack_grow_marks(Stack *s);
ROOM Py_ssize_t stack_allocated(const Stack *s);

/* Push, taking the reference also when it fails. */
static ALWAYS_INLINE int
stack_push(Stack *s, PyObject *object)
{
    if (UNLIKELY(s->top == s->limit) && stack_grow(s) < 0) {
        Py_DECREF(object);
        return -1;
    }
    *s->top++ = object;
    return 0;
}

/* Let the mark be forgotten; its objects now lie on top of what was under it. */
static ALWAYS_INLINE PyObject **
stack_pop_mark(Stack *s)
{
    PyObject **first = s->fence;

    s->mark_count--;
    s->fence = s->base + (s->mark_count > 0 ? s->marks[s->mark_count - 1] : 0);
    return first;
}

/* Drop everything from `first` up. */
static inline void
stack_cut(Stack *s, PyObject **first)
{
    while (s->top > first) {
        PyObject *object = *--s->top;
        Py_DECREF(object);
    }
}

#endif
