/* writer.c - the output buffer, frames, and files.

   A pickle gathers in one contiguous buffer.  It starts inside the struct and moves to a bytes object when it outgrows
   that; the bytes object doubles by realloc, so that dumps ends by cutting it to size and returning it, without a copy.
   Programs tend to dump alike things again and again, so on its way it stops at the size of the last pickle: memory of
   just that size was freed not long ago, and malloc has it at hand, where more would be fresh pages from the system.

   Frames (protocol 4 on) are laid while writing: opening one leaves FRAME_HEADER_SIZE bytes free, closing it fills them
   in.  A frame is closed at the first boundary between objects past FRAME_SIZE_TARGET bytes, and around each body of
   LARGE_OBJECT bytes or more, which stands outside any frame.  The hot path knows all this as one comparison: at each
   boundary, has `next` passed `limit`?

   With a file, the boundary that closes a frame also hands it to the file's write method and starts the buffer anew;
   below protocol 4 the same limit makes pieces of the same size.  A large body goes to the file as itself.

   What the file is handed is the buffer's own bytes object, cut to size: no copy, and no fresh memory for each frame.  Where
   ours is the only reference after the call, nobody can look at it any more, and it becomes the buffer again; where the file
   kept it, it is the file's, and from then on the file gets copies, which are as large as they need to be. */
#include "writer.h"
#include "utf8.h"
#include "hugepages.h"

#define NO_LIMIT UINTPTR_MAX

enum {
    EXPECTED_REACH = 16,    /* how many times larger the buffer may become because the last pickle was */
    ROOM_TO_SPARE = 64,     /* bytes that may be reserved beyond the end of a pickle, and stay with its bytes object */
    PIECE_CAPACITY = FRAME_SIZE_TARGET + 16 * 1024   /* what most frames that go to a file fit in */
};

/* An empty buffer inside the struct. */
static ALWAYS_INLINE void
use_small_buffer(Writer *w)
{
    w->start = w->next = w->small;
    w->end = w->small + WRITER_SMALL;
    w->frame = NULL;
}

ROOM void
writer_init(Writer *w)
{
    w->bytes = NULL;
    w->expected = 0;
    w->write = NULL;
    w->kept = 0;
    w->framing = 0;
    use_small_buffer(w);
    w->watched = 0;
    w->limit = w->close_at = NO_LIMIT;
}

ROOM void
writer_clear(Writer *w)
{
    Py_CLEAR(w->write);
    Py_CLEAR(w->bytes);
    w->kept = 0;
    use_small_buffer(w);
}

static void
set_limit(Writer *w)
{
    if (w->frame != NULL)
        w->close_at = (uintptr_t)w->frame + FRAME_HEADER_SIZE + FRAME_SIZE_TARGET;
    else if (w->write != NULL)
        w->close_at = (uintptr_t)w->start + FRAME_SIZE_TARGET;
    else
        w->close_at = NO_LIMIT;
    w->limit = w->watched ? 0 : w->close_at;
}

ROOM void
writer_begin(Writer *w, int watched)
{
    w->next = w->start;
    w->frame = NULL;
    w->framing = 0;
    w->watched = watched;
    set_limit(w);
}

ROOM int
writer_open_frame(Writer *w)
{
    if (writer_reserve(w, FRAME_HEADER_SIZE) < 0)
        return -1;
    w->framing = 1;
    w->frame = w->next;
    w->next += FRAME_HEADER_SIZE;
    set_limit(w);
    return 0;
}

ROOM void
writer_close_frame(Writer *w)
{
    unsigned char *header = w->frame;
    size_t size, i;

    if (header == NULL)
        return;
    w->frame = NULL;
    size = (size_t)(w->next - header) - FRAME_HEADER_SIZE;
    if (size < FRAME_SIZE_MIN) {
        for (i = 0; i < size; i++)
            header[i] = header[FRAME_HEADER_SIZE + i];
        w->next = header + size;
        return;
    }
    header[0] = OP_FRAME;
    put_u64le(header + 1, (uint64_t)size);
}

/* Replace the bytes object by a larger one.  What makes it much larger is one large object: fresh memory in huge pages
   beats moving what there is, and such memory is not moved later.  Otherwise it grows in place. */
static int
replace_bytes(Writer *w, size_t used, size_t capacity)
{
    PyObject *made = NULL;

    if (w->bytes != NULL && (capacity < WORTH_HUGE_PAGES || capacity / 4 < used))
        return _PyBytes_Resize(&w->bytes, (Py_ssize_t)capacity);
    made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
    if (made != NULL) {
        ask_for_huge_pages(PyBytes_AS_STRING(made), capacity);
        memcpy(PyBytes_AS_STRING(made), w->start, used);
    }
    Py_XSETREF(w->bytes, made);
    return made == NULL ? -1 : 0;
}

/* Move the buffer to a bytes object of `capacity` bytes. */
static int
move_buffer(Writer *w, size_t capacity)
{
    size_t used = (size_t)(w->next - w->start);
    size_t frame = w->frame == NULL ? 0 : (size_t)(w->frame - w->start);

    if (replace_bytes(w, used, capacity) < 0) {
        use_small_buffer(w);
        return -1;
    }
    w->start = (unsigned char *)PyBytes_AS_STRING(w->bytes);
    w->next = w->start + used;
    w->end = w->start + capacity;
    if (w->frame != NULL)
        w->frame = w->start + frame;
    set_limit(w);
    return 0;
}

ROOM int COLD
writer_grow(Writer *w, size_t more)
{
    size_t used = (size_t)(w->next - w->start), capacity = (size_t)(w->end - w->start);

    if (more > (size_t)PY_SSIZE_T_MAX / 2 - used) {
        PyErr_NoMemory();
        return -1;
    }
    if (more / 4 > used)
        capacity = used + more + 1024;   /* one large object: most of the pickle, and maybe the last of it */
    else if (w->expected >= used + more && w->expected / EXPECTED_REACH <= used + more)
        capacity = w->expected + ROOM_TO_SPARE;
    else if (w->write != NULL && capacity >= PIECE_CAPACITY / 4 && used + more <= PIECE_CAPACITY)
        capacity = PIECE_CAPACITY;
    else
        capacity = capacity < 2048 ? 4096 : capacity * 2;
    if (capacity > (size_t)PY_SSIZE_T_MAX / 2 || capacity < used + more)
        capacity = used + more;
    return move_buffer(w, capacity);
}

/* Hand `object` to the file. */
static int
call_write(Writer *w, PyObject *object)
{
    PyObject *write = Py_NewRef(w->write);
    PyObject *result = PyObject_CallOneArg(write, object);

    Py_DECREF(write);
    if (result == NULL)
        return -1;
    Py_DECREF(result);
    return 0;
}

/* Take the buffer out of the writer, as a bytes object of all that is in it.  NULL on error. */
static PyObject *
take_buffer(Writer *w)
{
    Py_ssize_t size = w->next - w->start;
    PyObject *result;

    if (w->bytes == NULL) {
        w->next = w->start;
        return PyBytes_FromStringAndSize((char *)w->start, size);
    }
    if (size < 1024 || w->end - w->next > ROOM_TO_SPARE)
        (void)_PyBytes_Resize(&w->bytes, size);
    else {
        Py_SET_SIZE(w->bytes, size);
        PyBytes_AS_STRING(w->bytes)[size] = '\0';
    }
    result = w->bytes;
    w->bytes = NULL;
    use_small_buffer(w);
    return result;
}

/* Hand a bytes object to the file, whose reference is ours to give. */
static int
write_and_drop(Writer *w, PyObject *piece)
{
    int result;

    if (piece == NULL)
        return -1;
    result = call_write(w, piece);
    Py_DECREF(piece);
    return result;
}

/* Hand the buffer itself to the file, and take it back if the file let go of it. */
static int
lend_buffer(Writer *w)
{
    PyObject *piece = w->bytes;
    Py_ssize_t capacity = w->end - w->start, size = w->next - w->start;
    int result;

    w->start[size] = '\0';
    Py_SET_SIZE(piece, size);
    w->bytes = NULL;
    use_small_buffer(w);
    result = call_write(w, piece);
    if (!P5_IS_UNIQUE(piece) || w->bytes != NULL) {
        w->kept = 1;
        Py_DECREF(piece);
        return result;
    }
    /* It is as large as that already: this sets its size, and forgets its hash if someone asked for it. */
    if (_PyBytes_Resize(&piece, capacity) < 0)
        return -1;
    w->bytes = piece;
    w->start = w->next = (unsigned char *)PyBytes_AS_STRING(piece);
    w->end = w->start + capacity;
    return result;
}

/* Hand everything buffered to the file, and start the buffer anew. */
static int
flush(Writer *w)
{
    size_t size = (size_t)(w->next - w->start), capacity = (size_t)(w->end - w->start);
    PyObject *piece;

    if (size == 0)
        return 0;
    /* A buffer that is full to the last byte would not be resized, and its hash not forgotten. */
    if (w->bytes != NULL && !w->kept && size >= capacity / 2 && size < capacity && !P5_FREE_THREADED)
        return lend_buffer(w);
    piece = PyBytes_FromStringAndSize((char *)w->start, (Py_ssize_t)size);
    w->next = w->start;
    return write_and_drop(w, piece);
}

ROOM int
writer_boundary(Writer *w)
{
    if ((uintptr_t)w->next < w->close_at)
        return 0;
    writer_close_frame(w);
    if (w->write != NULL && flush(w) < 0)
        return -1;
    if (w->framing) {
        if (writer_open_frame(w) < 0)
            return -1;
    }
    else
        set_limit(w);
    return w->write != NULL;
}

/* Before a large body: the opcode and length go outside any frame, and to the file if there is one. */
static int
begin_large(Writer *w, const unsigned char *header, size_t header_size)
{
    writer_close_frame(w);
    if (writer_reserve(w, header_size) < 0)
        return -1;
    memcpy(w->next, header, header_size);   /* put_bytes() has gcc see more than nine bytes read */
    w->next += header_size;
    return w->write == NULL ? 0 : flush(w);
}

static int
end_large(Writer *w)
{
    if (w->framing)
        return writer_open_frame(w);
    set_limit(w);
    return 0;
}

ROOM int
writer_put_large(Writer *w, const unsigned char *header, size_t header_size, const char *data, size_t size,
                 PyObject *owner)
{
    PyObject *piece = NULL;

    if (begin_large(w, header, header_size) < 0)
        return -1;
    if (w->write == NULL) {
        if (put_bytes(w, data, size) < 0)
            return -1;
        return end_large(w);
    }
    piece = owner != NULL ? Py_NewRef(owner) : PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    return write_and_drop(w, piece) < 0 ? -1 : end_large(w);
}

ROOM int
writer_put_large_text(Writer *w, const unsigned char *header, size_t header_size, PyObject *text, size_t size)
{
    Py_ssize_t from, to, length, known_size;
    const char *known = P5_KnownUTF8(text, &known_size);
    int kind = (int)PyUnicode_KIND(text);
    Py_ssize_t piece = known != NULL ? TEXT_PIECE : TEXT_PIECE / utf8_most(kind);

    if (begin_large(w, header, header_size) < 0)
        return -1;
    if (w->write == NULL && writer_reserve(w, size) < 0)
        return -1;
    length = known != NULL ? known_size : PyUnicode_GET_LENGTH(text);
    for (from = 0; from < length; from = to) {
        to = length - from > piece ? from + piece : length;
        if (known != NULL) {
            if (put_bytes(w, known + from, (size_t)(to - from)) < 0)
                return -1;
        }
        else {
            if (w->write != NULL && writer_reserve(w, (size_t)((to - from) * utf8_most(kind))) < 0)
                return -1;
            w->next = utf8_encode(w->next, kind, PyUnicode_DATA(text), from, to);
        }
        if (w->write != NULL && flush(w) < 0)
            return -1;
    }
    return end_large(w);
}

ROOM PyObject *
writer_finish_bytes(Writer *w)
{
    writer_close_frame(w);
    return take_buffer(w);
}

ROOM int
writer_finish_file(Writer *w)
{
    writer_close_frame(w);
    return flush(w);
}

ROOM int
writer_finish_file_for_good(Writer *w)
{
    writer_close_frame(w);
    return w->next == w->start ? 0 : write_and_drop(w, take_buffer(w));
}
