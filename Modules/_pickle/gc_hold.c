/* gc_hold.c - see gc_hold.h. */
#include "gc_hold.h"

#if P5_ALLOCATION_MAY_COLLECT && !P5_HAVE_GC_SWITCH

/* Call one of gc's own functions, past everything that could be in the way; NULL without an exception if it has been
   replaced by something else. */
static PyObject *
call_gc(PyObject *function)
{
    if (!PyCFunction_Check(function) || PyCFunction_GET_FLAGS(function) != METH_NOARGS)
        return NULL;
    return PyCFunction_GET_FUNCTION(function)(PyCFunction_GET_SELF(function), NULL);
}

ROOM void NOINLINE
switch_collector_off(Unpickler *u)
{
    PyObject *enabled = call_gc(u->st->gc_isenabled);

    if (enabled == Py_True && PyCFunction_Check(u->st->gc_enable)
            && PyCFunction_GET_FLAGS(u->st->gc_enable) == METH_NOARGS) {
        PyObject *done = call_gc(u->st->gc_disable);
        u->gc_held = done != NULL;
        Py_XDECREF(done);
    }
    Py_XDECREF(enabled);
}

ROOM void NOINLINE
switch_collector_on(Unpickler *u)
{
    PyObject *done = call_gc(u->st->gc_enable);

    u->gc_held = 0;
    Py_XDECREF(done);
}

#else

ROOM void NOINLINE
switch_collector_off(Unpickler *u)
{
    u->gc_held = PyGC_Disable();
}

ROOM void NOINLINE
switch_collector_on(Unpickler *u)
{
    u->gc_held = 0;
    (void)PyGC_Enable();
}

#endif
