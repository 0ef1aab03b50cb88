/* names.h - global names: "a.b.c" walked from a module, and what names mean in messages. */
#ifndef P5_NAMES_H
#define P5_NAMES_H

#include "state.h"

/* names.c */
/* Follow a dotted name from `start`.  A new reference, or NULL with AttributeError (or what an attribute raised).
   `parent`, if not NULL, receives a new reference to the object that the last attribute was taken from. */
ROOM PyObject *walk_dotted(PyObject *start, PyObject *dotted, PyObject **parent);
/* The name of a type as messages show it (%T of 3.13): module.qualname, without builtins and __main__.  A new str. */
ROOM PyObject *type_display_name(PyTypeObject *type);
/* sys.modules[name]: 1 with a new reference, 0 if absent, -1 on error. */
ROOM int loaded_module(State *st, PyObject *name, PyObject **module);

#endif
