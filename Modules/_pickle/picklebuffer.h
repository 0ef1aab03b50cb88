/* picklebuffer.h - the buffer that may travel out of band: the interpreter's own type from 3.8 on, ours before. */
#ifndef P5_PICKLEBUFFER_H
#define P5_PICKLEBUFFER_H

#include "state.h"

/* picklebuffer.c */
/* Set st->PickleBuffer_Type and put the type in the module (on 3.6 and 3.7 the C API's capsule too).  0 or -1. */
ROOM int add_picklebuffer(PyObject *module, State *st);
/* The view that a PickleBuffer holds, valid until it is released; NULL with ValueError where it has been, and with
   TypeError where `op` is something else. */
ROOM const Py_buffer *picklebuffer_get(State *st, PyObject *op);

/* Is it a PickleBuffer?  The type is final, so there are no subclasses to ask about. */
static inline int
picklebuffer_check(State *st, PyObject *op)
{
    return Py_IS_TYPE(op, st->PickleBuffer_Type);
}

#endif
