/* walks.c - see walks.h. */
#include "walks.h"

ROOM void
walks_init(Walks *walks)
{
    walks->base = walks->small + 1;   /* so that `top` may stand one below */
    walks->top = walks->small;
    walks->end = walks->small + WALKS_SMALL;
}

ROOM void
walks_drop(Walks *walks)
{
    while (!walks_empty(walks))
        walks_pop(walks);
    if (walks->base != walks->small + 1)
        PyMem_Free(walks->base - 1);
    walks_init(walks);
}

ROOM int
walks_traverse(Walks *walks, visitproc visit, void *arg)
{
    Walk *walk;

    for (walk = walks->base; walk <= walks->top; walk++) {
        Py_VISIT(walk->obj);
        Py_VISIT(walk->aux);
        Py_VISIT(walk->held);
    }
    return 0;
}

ROOM size_t
walks_sizeof(const Walks *walks)
{
    return walks->base == walks->small + 1 ? 0 : (size_t)(walks->end - walks->base + 1) * sizeof(Walk);
}

ROOM int COLD
walks_grow(Walks *walks)
{
    size_t used = (size_t)(walks->top - walks->base) + 2;
    size_t slots = (size_t)(walks->end - walks->base) + 1;
    Walk *old = walks->base - 1, *made;

    if (slots > (size_t)PY_SSIZE_T_MAX / sizeof(Walk) / 4) {
        PyErr_NoMemory();
        return -1;
    }
    slots = slots < WALKS_LARGE ? WALKS_LARGE : slots < 4096 ? slots * 2 : slots + slots / 2;
    made = PyMem_Realloc(old == walks->small ? NULL : old, slots * sizeof(Walk));
    if (made == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (old == walks->small)
        memcpy(made, old, used * sizeof(Walk));
    walks->base = made + 1;
    walks->top = made + used - 1;
    walks->end = made + slots;
    return 0;
}
