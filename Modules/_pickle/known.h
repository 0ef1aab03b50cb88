/* known.h - see known.c. */
#ifndef P5_KNOWN_H
#define P5_KNOWN_H

#include "state.h"

/* Does this function do what the one of that name at the head of known.c does? */
ROOM int is_known_function(State *st, PyObject *function, const char *name);
/* What cls.__new__(cls, *args) makes where it is a namedtuple's.  A new reference; NULL with an exception, or without one
   where it has to be called.  `cls` is a subclass of tuple, args a tuple. */
ROOM PyObject *make_namedtuple(State *st, PyTypeObject *cls, PyObject *args);
/* What cls(value) finds where the class is an Enum and has a member of that value.  A new reference; NULL without an
   exception where it has to be called. */
ROOM PyObject *find_member(State *st, PyTypeObject *cls, PyObject *value);

#endif
