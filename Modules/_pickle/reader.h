/* reader.h - the pickle as it comes in: one pointer into one stretch of bytes, which is filled up from a file.

   Bytes from pos to end may be read without asking; whoever needs more calls reader_need.  Pointers into the stretch
   hold until the next call of a function below. */
#ifndef P5_READER_H
#define P5_READER_H

#include "errors.h"
#include "copying.h"
#include <time.h>

typedef struct {
    const unsigned char *pos;       /* the next byte; the dispatch loop keeps a copy and writes it back before calls */
    const unsigned char *end;       /* no further without asking: the frame's end, the data's, or time to look up */
    const unsigned char *data_end;  /* bytes before it are at hand */
    const unsigned char *frame_end; /* end of the open frame; NULL when none is open */
    const unsigned char *base;      /* the first byte at hand ... */
    Py_ssize_t offset;              /* ... and its distance from the start of this pickle */
    const unsigned char *unskipped; /* bytes from here on were only peeked at; NULL when none were */
    Py_ssize_t unchecked;           /* bytes given out since the clock was last looked at ... */
    clock_t last_check;             /* ... and when signals were, by the work done (0 before the first time) ... */
    time_t last_second;             /* ... and by the day's time */
    PyObject *held;                 /* the bytes object that all of this points into, or NULL */
    unsigned char *own;             /* or memory of our own */
    Py_ssize_t own_size;
    PyObject *read;                 /* the file's methods; all NULL when the pickle is in memory */
    PyObject *readline;
    PyObject *readinto;             /* these two may be missing */
    PyObject *peek;
    PyObject *unpickling_error;     /* borrowed from the module */
    int raised;                     /* the pending exception is one of the reader's own */
} Reader;

/* reader.c */
ROOM void reader_init_memory(Reader *r, State *st, const unsigned char *data, Py_ssize_t size);
/* Take the methods of a file; TypeError where read or readline is missing. */
ROOM int reader_init_file(Reader *r, State *st, PyObject *file);
ROOM void reader_clear(Reader *r);
ROOM int reader_traverse(Reader *r, visitproc visit, void *arg);
ROOM Py_ssize_t reader_allocated(const Reader *r);
/* A new pickle begins at pos. */
ROOM void reader_start(Reader *r);
/* The pickle ended before pos: leave the file there. */
ROOM int reader_stop(Reader *r);
/* Make at least one byte available, for an opcode: EOFError if there is none. */
ROOM int reader_next(Reader *r);
/* Make n bytes available, for an argument that begins at pos: UnpicklingError if there are fewer, or if the argument
   would straddle the end of the frame. */
ROOM int reader_need(Reader *r, Py_ssize_t n);
/* Take a line; `length` includes its newline. */
ROOM int reader_line(Reader *r, const unsigned char **line, Py_ssize_t *length);
/* Open a frame of n bytes. */
ROOM int reader_frame(Reader *r, uint64_t n);
/* Take n bytes as a new bytes or bytearray, straight from the file where they are not at hand. */
ROOM PyObject *reader_take_bytes(Reader *r, Py_ssize_t n);
ROOM PyObject *reader_take_bytearray(Reader *r, Py_ssize_t n);
/* An argument of n bytes begins at pos: must it be read from the file?  If so (1) it may be taken in parts. */
ROOM int reader_must_read(Reader *r, Py_ssize_t n);
/* Take the next n bytes of such an argument.  0, -1, or -2: with an exception, and `dest` must never be freed. */
ROOM int reader_take(Reader *r, unsigned char *dest, Py_ssize_t n);
/* "pickle data was truncated" */
ROOM int reader_truncated(Reader *r);

#endif
