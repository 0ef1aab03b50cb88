/* stack.c - see stack.h. */
#include "stack.h"

ROOM void
stack_init(Stack *s)
{
    s->base = s->top = s->fence = s->small;
    s->limit = s->small + SMALL_STACK;
    s->marks = s->small_marks;
    s->mark_count = 0;
    s->mark_limit = SMALL_MARKS;
}

ROOM void
stack_clear(Stack *s, int memory)
{
    s->mark_count = 0;
    s->fence = s->base;
    stack_cut(s, s->base);
    if (!memory)
        return;
    if (s->base != s->small)
        PyMem_Free(s->base);
    if (s->marks != s->small_marks)
        PyMem_Free(s->marks);
    stack_init(s);
}

/* Twice the memory of a growing array whose first `used` bytes count; `small` is where it started. */
static void *
double_array(void *array, void *small, size_t used)
{
    void *more;

    if (used > (size_t)PY_SSIZE_T_MAX / 2)
        more = NULL;
    else if (array == small) {
        more = PyMem_Malloc(2 * used);
        if (more != NULL)
            memcpy(more, array, used);
    }
    else
        more = PyMem_Realloc(array, 2 * used);
    if (more == NULL)
        PyErr_NoMemory();
    return more;
}

ROOM int COLD
stack_grow(Stack *s)
{
    Py_ssize_t size = s->limit - s->base, top = s->top - s->base, fence = s->fence - s->base;
    PyObject **base = double_array(s->base, s->small, (size_t)size * sizeof *base);

    if (base == NULL)
        return -1;
    s->base = base;
    s->top = base + top;
    s->fence = base + fence;
    s->limit = base + 2 * size;
    return 0;
}

ROOM int COLD
stack_grow_marks(Stack *s)
{
    Py_ssize_t *marks = double_array(s->marks, s->small_marks, (size_t)s->mark_limit * sizeof *marks);

    if (marks == NULL)
        return -1;
    s->marks = marks;
    s->mark_limit *= 2;
    return 0;
}

ROOM Py_ssize_t
stack_allocated(const Stack *s)
{
    Py_ssize_t size = 0;

    if (s->base != s->small)
        size += (s->limit - s->base) * (Py_ssize_t)sizeof *s->base;
    if (s->marks != s->small_marks)
        size += s->mark_limit * (Py_ssize_t)sizeof *s->marks;
    return size;
}
