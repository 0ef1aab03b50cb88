/* writer.h - where the bytes of a pickle gather, and how protocol 4's frames are laid around them. */
#ifndef P5_WRITER_H
#define P5_WRITER_H

#include "errors.h"
#include "endian.h"
#include "opcodes.h"
#include "copying.h"

enum {
    WRITER_SMALL = 512,           /* bytes kept inside the struct, so that a tiny message needs one allocation */
    LARGE_OBJECT = 64 * 1024,     /* from this size on a body goes outside frames, and to a file directly */
    TEXT_PIECE = 1024 * 1024      /* bytes of a large str that go to a file in one write */
};

typedef struct {
    unsigned char *next;          /* the next byte goes here */
    unsigned char *end;           /* end of the room that there is */
    unsigned char *start;         /* first byte of the buffer */
    uintptr_t limit;              /* the address from which on an object's boundary has something to do: close_at, or 0
                                     where something is to be done at each object */
    uintptr_t close_at;           /* the address from which on a boundary closes the frame or flushes */
    int watched;                  /* limit is 0 */
    unsigned char *frame;         /* header of the open frame, or NULL */
    PyObject *bytes;              /* owns the buffer; NULL while it is `small` */
    size_t expected;              /* the size that a pickle in memory may well reach: that of the last one; or 0 */
    PyObject *write;              /* the file's write method; NULL when the pickle stays in memory */
    int kept;                     /* the file kept a bytes object that it was handed: now it gets copies */
    int framing;                  /* frames are being written (protocol 4 on) */
    unsigned char small[WRITER_SMALL];
} Writer;

/* writer.c */
ROOM void writer_init(Writer *w);
ROOM void writer_clear(Writer *w);
/* Begin a pickle: forget what is buffered; frames are opened by writer_open_frame once the header is out.  `watched`: every
   boundary has something to do. */
ROOM void writer_begin(Writer *w, int watched);
ROOM int writer_open_frame(Writer *w);
/* Close the open frame; frames shorter than FRAME_SIZE_MIN lose their header. */
ROOM void writer_close_frame(Writer *w);
/* Make room for `more` bytes beyond what is buffered. */
ROOM int writer_grow(Writer *w, size_t more);
/* The boundary before an object.  1 if the file was written to, 0 if not, -1 on error. */
ROOM int writer_boundary(Writer *w);
/* A body of at least LARGE_OBJECT bytes, after the opcode and length in `header`.  `owner`, if not NULL, is what a
   file is handed in place of a copy. */
ROOM int writer_put_large(Writer *w, const unsigned char *header, size_t header_size, const char *data, size_t size,
                          PyObject *owner);
/* The same for a str in UTF-8 form of `size` bytes that is made piece by piece: never more than a piece beside it. */
ROOM int writer_put_large_text(Writer *w, const unsigned char *header, size_t header_size, PyObject *text, size_t size);
/* End a pickle that stays in memory: its bytes.  End one that goes to a file: write what is left; `for_good`: the writer is
   not used again. */
ROOM PyObject *writer_finish_bytes(Writer *w);
ROOM int writer_finish_file(Writer *w);
ROOM int writer_finish_file_for_good(Writer *w);

static ALWAYS_INLINE int
writer_reserve(Writer *w, size_t more)
{
    if (LIKELY((size_t)(w->end - w->next) >= more))
        return 0;
    return writer_grow(w, more);
}

/* Is there anything to do at this boundary between objects? */
static ALWAYS_INLINE int
writer_is_quiet(const Writer *w)
{
    return (uintptr_t)w->next < w->limit;
}

/* One opcode, with its room already reserved or not. */
static ALWAYS_INLINE void
put_op_reserved(Writer *w, enum opcode op)
{
    *w->next++ = (unsigned char)op;
}

static ALWAYS_INLINE int
put_op(Writer *w, enum opcode op)
{
    if (UNLIKELY(writer_reserve(w, 1) < 0))
        return -1;
    *w->next++ = (unsigned char)op;
    return 0;
}

static ALWAYS_INLINE int
put_bytes(Writer *w, const void *data, size_t size)
{
    if (UNLIKELY(writer_reserve(w, size) < 0))
        return -1;
    copy_short(w->next, data, size);
    w->next += size;
    return 0;
}

#endif
