/* known.h - see known.c. */
#ifndef P5_KNOWN_H
#define P5_KNOWN_H

#include "state.h"

/* Does this function do what the one of that name at the head of known.c does? */
ROOM int is_known_function(State *st, PyObject *function, const char *name);
/* And has one that does the same constants, `constant` being one of them? */
ROOM int has_known_constants(State *st, PyObject *function, const char *name, PyObject *constant);
/* Does cls.__new__(cls, *args) make a namedtuple of `count` arguments, and no more than that?  `cls` is a subclass of tuple. */
ROOM int makes_namedtuples(State *st, PyTypeObject *cls, Py_ssize_t count);
/* What it makes; the references to the items are taken, unless it fails.  A new reference. */
ROOM PyObject *make_namedtuple(PyTypeObject *cls, PyObject **items, Py_ssize_t count);
/* What cls(value) finds where the class is an Enum and has a member of that value.  A new reference; NULL without an
   exception where it has to be called. */
ROOM PyObject *find_member(State *st, PyTypeObject *cls, PyObject *value);

#endif
