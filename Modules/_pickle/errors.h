/* errors.h - raising, out of the way of the hot code.  Formats are PyErr_Format's, plus %T as in 3.13: the name of the
   type of an object, which is passed as PyObject *. */
#ifndef P5_ERRORS_H
#define P5_ERRORS_H

#include "names.h"

/* errors.c */
/* Set the exception and return -1; fail_null returns NULL. */
ROOM int fail(PyObject *exception, const char *format, ...);
ROOM PyObject *fail_null(PyObject *exception, const char *format, ...);
/* The same, with the exception that is pending now as __context__ of the new one. */
ROOM int fail_from(PyObject *exception, const char *format, ...);
/* Add a note to the pending exception: BaseException.add_note, and before 3.11 the same attribute, __notes__, set
   plainly.  The exception stays pending whatever happens; a failure here is dropped. */
ROOM void add_note(State *st, const char *format, ...);
/* Put more text after the message of the pending exception, if its only argument is a str. */
ROOM void extend_message(const char *format, ...);

#endif
