/* uuids.h - see uuids.c. */
#ifndef P5_UUIDS_H
#define P5_UUIDS_H

#include "state.h"

/* Is this function the __getstate__ of UUID?  To find it out may run anything. */
ROOM int is_uuid_getstate(State *st, PyObject *function);
/* The int that is all an instance's __getstate__ would give now, borrowed, where the type has that of UUID; else NULL, without an
   exception. */
ROOM PyObject *find_uuid_state(State *st, PyObject *obj);
/* Find out whether the type's __setstate__ is that of UUID; may run anything. */
ROOM void look_at_setstate(State *st, PyTypeObject *type);
/* Do what the __setstate__ of a UUID would do with this state.  1: done; 0: not the usual case, and nothing has happened. */
ROOM int set_uuid_state(State *st, PyObject *obj, PyObject *state);

#endif
