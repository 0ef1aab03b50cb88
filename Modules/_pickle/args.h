/* args.h - a small parser for the arguments of our functions, in place of generated ones. */
#ifndef P5_ARGS_H
#define P5_ARGS_H

#include "compat.h"
#include "macros.h"

enum { ARGS_MAX = 6 };

/* The parameters of one function, in order: `positional` of them may be given by position, the first
   `positional_only` only so, and the first `required` must be given. */
typedef struct {
    const char *function;
    int positional_only;
    int positional;
    int required;
    int count;
    const char *names[ARGS_MAX];
} ArgSpec;

/* args.c: fill out[0..count-1] with borrowed references, NULL where nothing was given.  0, or -1 with TypeError. */
ROOM int parse_fastcall(const ArgSpec *spec, P5_Args args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
ROOM int parse_tuple(const ArgSpec *spec, PyObject *args, PyObject *kwargs, PyObject **out);
/* The most usual call, in line: everything by position.  1, or 0 where it takes parse_fastcall. */
static ALWAYS_INLINE int
take_positional(const ArgSpec *spec, P5_Args args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out)
{
    int i;

    if (kwnames != NULL || nargs < spec->required || nargs > spec->positional)
        return 0;
    for (i = 0; i < spec->count; i++)
        out[i] = i < nargs ? args[i] : NULL;
    return 1;
}
/* fix_imports and the like: -1 on error. */
ROOM int parse_flag(PyObject *value, int default_value);
/* encoding and errors: a NUL-free UTF-8 string that `value` owns, or NULL with TypeError or ValueError. */
ROOM const char *parse_text(const ArgSpec *spec, PyObject *value, const char *name, const char *default_value);

#endif
