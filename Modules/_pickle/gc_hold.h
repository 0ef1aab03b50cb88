/* gc_hold.h - keeping the cyclic collector off while nothing but this engine runs.

   Up to 3.11 every few hundred containers an allocation starts a collection, which walks over everything that the load
   has made so far and never finds anything.  So the collector is switched off for stretches in which only the engine
   works: it runs no foreign code there and does not let go of the GIL, so nobody can see the switch, or move it.

       hold_collector(u)    at the start of such a stretch, if the pickle is large enough to be worth it
       free_collector(u)    before anything that may run foreign code: a call into an object of a type not known, a
                            signal handler, the last reference to an object, the end of the load

       let_others_run(u)    before foreign code that is given nothing of this load: a file, an import

   From 3.12 on the collector runs only between the instructions of Python code, and there is nothing to hold.  But
   free_collector also is the place that knows when foreign code may run: an instance that was made since then cannot have
   got attributes from anybody. */
#ifndef P5_GC_HOLD_H
#define P5_GC_HOLD_H

#include "unpickler.h"

/* gc_hold.c */
ROOM void switch_collector_off(Unpickler *u);
ROOM void switch_collector_on(Unpickler *u);

static ALWAYS_INLINE void
hold_collector(Unpickler *u)
{
    if (P5_ALLOCATION_MAY_COLLECT && u->gc_wanted && !u->gc_held)
        switch_collector_off(u);
}

/* Before foreign code that is not given any object of this load, nor drops one: files, and modules that are imported.
   Instances stay as new as they were; but classes may change. */
static ALWAYS_INLINE void
let_others_run(Unpickler *u)
{
    u->known_tuple = NULL;
    if (P5_ALLOCATION_MAY_COLLECT && u->gc_held)
        switch_collector_on(u);
}

static ALWAYS_INLINE void
free_collector(Unpickler *u)
{
    if (UNLIKELY(u->rows.count > 0))
        settle_rows(u);
    u->fresh_count = 0;
    let_others_run(u);
}

/* Remember the instance that was just made. */
static ALWAYS_INLINE void
remember_fresh(Unpickler *u, const PyObject *instance)
{
    if (UNLIKELY(u->fresh_count == FRESH_INSTANCES))
        u->fresh_count = 0;
    u->fresh[u->fresh_count++] = instance;
}

/* Is it one that was remembered, with no foreign code run since then, so that it has no attributes yet?  It is about to
   get some: it and those made after it, which wait for none any more, are forgotten. */
static ALWAYS_INLINE int
take_fresh(Unpickler *u, const PyObject *instance)
{
    int i = u->fresh_count;

    while (i-- > 0) {
        if (u->fresh[i] == instance) {
            u->fresh_count = i;
            return 1;
        }
    }
    return 0;
}

/* Let go of a reference that may be the last one. */
static ALWAYS_INLINE void
drop_reference(Unpickler *u, PyObject *object)
{
    if (Py_REFCNT(object) == 1)
        free_collector(u);
    Py_DECREF(object);
}

/* stack_cut, with the collector held or not. */
static ALWAYS_INLINE void
cut_stack(Unpickler *u, PyObject **first)
{
    while (u->stack.top > first) {
        PyObject *object = *--u->stack.top;
        drop_reference(u, object);
    }
}

/* Has it no references that the collector would follow? */
static ALWAYS_INLINE int
is_no_container(PyObject *object)
{
    return !PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HAVE_GC);
}

/* Does hashing and comparing it run nothing but the interpreter's own code? */
static ALWAYS_INLINE int
is_plain_key(PyObject *key)
{
    return PyUnicode_CheckExact(key) || PyLong_CheckExact(key) || PyBytes_CheckExact(key) || PyFloat_CheckExact(key)
        || key == Py_None || PyBool_Check(key);
}

#endif
