/* typeinfo.h - what is known of the types whose instances are pickled, kept from dump to dump in the module's state. */
#ifndef P5_TYPEINFO_H
#define P5_TYPEINFO_H

#include "state.h"

/* typeinfo.c */
/* What is known of a type; found out anew where it is not known or the type has changed since.  Runs no foreign code.
   Never NULL; valid until the next call. */
ROOM TypeInfo *type_info(State *st, PyTypeObject *type);
/* copyreg has made `value` from an instance of a candidate: is it what a plain instance gives? */
ROOM void type_info_prove(State *st, TypeInfo *info, PyTypeObject *type, PyObject *value);

#endif
