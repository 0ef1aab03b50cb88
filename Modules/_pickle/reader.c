/* reader.c - see reader.h.

   The bytes at hand lie in one of three places: in the caller's memory (loads), in a bytes object that the file's
   read, readline or peek returned (held), or in a buffer of our own, for arguments and frames that are longer than one
   step.

       base          unskipped      pos          end         frame_end       data_end
        |----------------|-----------|------------|--------------|---------------|
           consumed here    read, but    given out   this frame    after it
           and in the file  the file is
                            behind

   What the file may be asked for.  Its position after the load must be just past STOP, so only bytes that surely
   belong to this pickle are read: the argument of an opcode, or a frame, whose length the pickle declares.  Where the
   file can peek, more is looked at, and the part that was used is skipped by a read when the rest is needed or the
   pickle ends.  Without frames and without peek, that makes one read for each opcode.

   Declared lengths are not trusted: nothing is allocated for bytes that have not come, beyond one step (BIG_STEP).  A
   read that returns less than it was asked for ends the pickle, as with the stdlib. */
#include "reader.h"
#include "hugepages.h"

enum {
    PEEK_SIZE = 128 * 1024,
    SMALL_STEP = 1024 * 1024,       /* up to this, one read() whose result is used where it lies */
    SIGNAL_WINDOW = 256 * 1024      /* bytes between two looks at signals */
};
#define BIG_STEP ((Py_ssize_t)32 * 1024 * 1024)

ROOM int COLD
reader_truncated(Reader *r)
{
    r->raised = 1;
    return fail(r->unpickling_error, "pickle data was truncated");
}

static int COLD
ran_out(Reader *r)
{
    r->raised = 1;
    return fail(PyExc_EOFError, "Ran out of input");
}

static int COLD
straddles_frame(Reader *r)
{
    r->raised = 1;
    return fail(r->unpickling_error, "pickle exhausted before end of frame");
}

static void
reader_init(Reader *r, State *st)
{
    clear_struct(r, sizeof *r);
    r->unpickling_error = st->UnpicklingError;
}

ROOM void
reader_init_memory(Reader *r, State *st, const unsigned char *data, Py_ssize_t size)
{
    reader_init(r, st);
    r->pos = r->base = r->end = data;
    r->data_end = data + size;
}

ROOM int
reader_init_file(Reader *r, State *st, PyObject *file)
{
    reader_init(r, st);
    if (PyObject_GetOptionalAttr(file, st->s_peek, &r->peek) < 0
            || PyObject_GetOptionalAttr(file, st->s_readinto, &r->readinto) < 0
            || PyObject_GetOptionalAttr(file, st->s_read, &r->read) < 0
            || PyObject_GetOptionalAttr(file, st->s_readline, &r->readline) < 0)
        goto error;
    if (r->read != NULL && r->readline != NULL)
        return 0;
    fail(PyExc_TypeError, "file must have 'read' and 'readline' attributes");
error:
    reader_clear(r);
    return -1;
}

ROOM void
reader_clear(Reader *r)
{
    r->pos = r->end = r->data_end = r->base = r->frame_end = r->unskipped = NULL;
    PyMem_Free(r->own);
    r->own = NULL;
    r->own_size = 0;
    Py_CLEAR(r->held);
    Py_CLEAR(r->read);
    Py_CLEAR(r->readline);
    Py_CLEAR(r->readinto);
    Py_CLEAR(r->peek);
}

ROOM int
reader_traverse(Reader *r, visitproc visit, void *arg)
{
    Py_VISIT(r->read);
    Py_VISIT(r->readline);
    Py_VISIT(r->readinto);
    Py_VISIT(r->peek);
    return 0;
}

ROOM Py_ssize_t
reader_allocated(const Reader *r)
{
    return r->own_size;
}

/* Look at signals twice a second of work, and at each full second of the day where the machine is busy with other things;
   the waiting is done inside read, which answers them itself.  Not more often: from 3.12 on that also starts collections
   that are due, and with them a walk over what has been loaded so far. */
static int
check_signals(Reader *r)
{
    clock_t now = clock();
    time_t second = time(NULL);

    r->unchecked = 0;
    if (r->last_check == 0) {
        r->last_check = now;
        r->last_second = second;
    }
    if (now - r->last_check < CLOCKS_PER_SEC / 2 && second == r->last_second)
        return 0;
    r->last_check = now;
    r->last_second = second;
    return PyErr_CheckSignals();
}

/* Let `n` bytes and as many more as may be read on be given out, up to the next look at signals. */
static int
open_window(Reader *r, Py_ssize_t n)
{
    const unsigned char *limit = r->frame_end != NULL ? r->frame_end : r->data_end;

    if (n < SIGNAL_WINDOW)
        n = SIGNAL_WINDOW;
    r->end = limit - r->pos > n ? r->pos + n : limit;
    r->unchecked += 16 + (r->end - r->pos);
    return r->unchecked > SIGNAL_WINDOW ? check_signals(r) : 0;
}

/* Point at new bytes, the first of which is the next to be read. */
static void
place(Reader *r, const unsigned char *data, Py_ssize_t size)
{
    r->offset += r->pos - r->base;
    r->pos = r->base = r->end = data;
    r->data_end = data + size;
    r->unskipped = NULL;
}

/* The same, with the bytes object they lie in; takes the reference. */
static void
place_held(Reader *r, PyObject *bytes)
{
    PyObject *old = r->held;

    place(r, (const unsigned char *)PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    r->held = bytes;
    Py_XDECREF(old);
}

/* What a file's method returned, as bytes: any buffer will do.  Takes the reference. */
static PyObject *
as_bytes(PyObject *result)
{
    Py_buffer view;
    PyObject *bytes;

    if (result == NULL || PyBytes_CheckExact(result))
        return result;
    if (PyObject_GetBuffer(result, &view, PyBUF_CONTIG_RO) < 0) {
        Py_DECREF(result);
        return NULL;
    }
    bytes = PyBytes_FromStringAndSize(view.buf, view.len);
    PyBuffer_Release(&view);
    Py_DECREF(result);
    return bytes;
}

static PyObject *
call_with_size(PyObject *method, Py_ssize_t n)
{
    PyObject *size = PyLong_FromSsize_t(n), *result;

    if (size == NULL)
        return NULL;
    result = PyObject_CallOneArg(method, size);
    Py_DECREF(size);
    return result;
}

/* Bring the file to pos. */
static int
skip_peeked(Reader *r)
{
    Py_ssize_t n;
    PyObject *skipped;

    if (r->unskipped == NULL)
        return 0;
    n = r->pos - r->unskipped;
    r->unskipped = r->pos;
    if (n == 0)
        return 0;
    skipped = call_with_size(r->read, n);
    if (skipped == NULL)
        return -1;
    Py_DECREF(skipped);
    return 0;
}

/* The same, and forget what was peeked beyond it: it is about to be read. */
static int
drop_peeked(Reader *r)
{
    if (r->unskipped == NULL)
        return 0;
    if (skip_peeked(r) < 0)
        return -1;
    r->data_end = r->end = r->pos;
    r->unskipped = NULL;
    return 0;
}

/* Look at what the file has, with nothing at hand.  It may well show nothing. */
static int
peek_more(Reader *r)
{
    PyObject *bytes;

    bytes = call_with_size(r->peek, PEEK_SIZE);
    if (bytes == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_NotImplementedError))
            return -1;
        PyErr_Clear();
        Py_CLEAR(r->peek);
        return 0;
    }
    bytes = as_bytes(bytes);
    if (bytes == NULL)
        return -1;
    place_held(r, bytes);
    r->unskipped = r->pos;
    return 0;
}

/* Can someone still reach the memory behind this view?  If nobody else has derived a view from it, make it useless to
   those who kept it. */
static int
view_was_kept(PyObject *view)
{
    PyMemoryViewObject *memory = (PyMemoryViewObject *)view;
    PyObject *type = NULL, *value = NULL, *traceback = NULL, *released;
    int kept = 0;

    PyErr_Fetch(&type, &value, &traceback);
    if (memory->exports > 0 || memory->mbuf->exports > 1)
        kept = 1;
    else if (Py_REFCNT(view) > 1) {
        released = PyObject_CallMethod(view, "release", NULL);
        kept = released == NULL;
        PyErr_Clear();
        Py_XDECREF(released);
    }
    PyErr_Restore(type, value, traceback);
    return kept;
}

enum filled { FILLED = 0, FILL_FAILED = -1, FILL_LOST = -2 };

/* Call readinto for n bytes at `dest`.  FILL_LOST: with an exception set, and someone has kept a view of the memory,
   so that it must never be freed. */
static enum filled
call_readinto(Reader *r, char *dest, Py_ssize_t n)
{
    PyObject *view, *result;
    Py_ssize_t got = -1;
    int kept;

    view = PyMemoryView_FromMemory(dest, n, PyBUF_WRITE);
    if (view == NULL)
        return FILL_FAILED;
    result = PyObject_CallOneArg(r->readinto, view);
    kept = view_was_kept(view);
    Py_DECREF(view);
    if (kept) {
        Py_XDECREF(result);
        fail(PyExc_BufferError, "readinto() kept a view of the buffer it was given");
        return FILL_LOST;
    }
    if (result == NULL)
        return FILL_FAILED;
    if (PyLong_Check(result))
        got = PyLong_AsSsize_t(result);
    else
        fail(PyExc_TypeError, "an integer is required");
    Py_DECREF(result);
    if (got == -1 && PyErr_Occurred())
        return FILL_FAILED;
    if (got < 0 || got > n)
        return fail(PyExc_ValueError, got < 0 ? "readinto() returned negative size"
                                              : "readinto() returned more than it was asked for");
    return got < n ? reader_truncated(r) : 0;
}

/* Read exactly n bytes to `dest`. */
static enum filled
read_into(Reader *r, char *dest, Py_ssize_t n)
{
    PyObject *bytes;
    Py_ssize_t got;

    if (n == 0)
        return FILLED;
    if (r->readinto != NULL)
        return call_readinto(r, dest, n);
    bytes = as_bytes(call_with_size(r->read, n));
    if (bytes == NULL)
        return FILL_FAILED;
    got = PyBytes_GET_SIZE(bytes);
    memcpy(dest, PyBytes_AS_STRING(bytes), (size_t)(got < n ? got : n));
    Py_DECREF(bytes);
    return got < n ? reader_truncated(r) : 0;
}

static int
grow_own(Reader *r, Py_ssize_t size)
{
    unsigned char *own;

    if (size <= r->own_size)
        return 0;
    own = PyMem_Realloc(r->own, (size_t)size);
    if (own == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    r->own = own;
    r->own_size = size;
    return 0;
}

/* Make our own buffer hold `n` bytes, of which the first `left` are the ones at pos. */
static int
fill_own(Reader *r, Py_ssize_t left, Py_ssize_t n)
{
    Py_ssize_t have = left, step = SMALL_STEP, target;
    const unsigned char *rest = r->pos;
    enum filled filled = FILLED;

    r->offset += r->pos - r->base;
    r->pos = r->base = r->end = r->data_end = NULL;
    if (r->held == NULL && left > 0)
        memmove(r->own, rest, (size_t)left);
    else if (left > 0) {
        if (grow_own(r, left) < 0)
            return -1;
        memcpy(r->own, rest, (size_t)left);
    }
    Py_CLEAR(r->held);
    while (have < n && filled == FILLED) {
        target = n - have > step ? have + step : n;
        if (grow_own(r, target) < 0)
            return -1;
        filled = read_into(r, (char *)r->own + have, target - have);
        have = target;
        step = have;
    }
    if (filled == FILL_LOST) {
        r->own = NULL;
        r->own_size = 0;
    }
    if (filled != FILLED)
        return -1;
    place(r, r->own, n);
    return 0;
}

/* Get exactly what is missing of n bytes at pos from the file, at which nothing is peeked. */
static int
fetch(Reader *r, Py_ssize_t n, int for_opcode)
{
    Py_ssize_t left = r->data_end - r->pos;
    PyObject *bytes;

    if (left > 0 || n > SMALL_STEP)
        return fill_own(r, left, n);
    bytes = as_bytes(call_with_size(r->read, n));
    if (bytes == NULL)
        return -1;
    place_held(r, bytes);
    if (PyBytes_GET_SIZE(bytes) >= n)
        return 0;
    return for_opcode ? ran_out(r) : reader_truncated(r);
}

/* Bring n bytes at pos within reach, all in memory or from a file.  No frame is open. */
static int
bring(Reader *r, Py_ssize_t n, int for_opcode)
{
    if (r->data_end - r->pos >= n)
        return 0;
    if (r->read == NULL)
        return for_opcode ? ran_out(r) : reader_truncated(r);
    if (drop_peeked(r) < 0)
        return -1;
    if (r->peek != NULL && r->data_end == r->pos) {
        if (peek_more(r) < 0)
            return -1;
        if (r->data_end - r->pos >= n)
            return 0;
        if (drop_peeked(r) < 0)
            return -1;
    }
    return fetch(r, n, for_opcode);
}

/* Where something begins at pos: leave a frame that ends there.  Then the bytes left in the frame, -1 without one. */
static Py_ssize_t
left_in_frame(Reader *r)
{
    if (r->frame_end == NULL)
        return -1;
    if (r->pos < r->frame_end)
        return r->frame_end - r->pos;
    r->frame_end = NULL;
    return -1;
}

ROOM void
reader_start(Reader *r)
{
    r->offset = -(r->pos - r->base);
    r->frame_end = NULL;
    r->end = r->pos;
    r->raised = 0;
}

ROOM int
reader_stop(Reader *r)
{
    r->frame_end = NULL;
    return skip_peeked(r);
}

ROOM int
reader_next(Reader *r)
{
    if (left_in_frame(r) < 0 && bring(r, 1, 1) < 0)
        return -1;
    return open_window(r, 1);
}

ROOM int
reader_need(Reader *r, Py_ssize_t n)
{
    Py_ssize_t left;

    if (r->end - r->pos >= n)
        return 0;
    left = left_in_frame(r);
    if (left < 0) {
        if (bring(r, n, 0) < 0)
            return -1;
    }
    else if (left < n)
        return straddles_frame(r);
    return open_window(r, n);
}

static int
take_line(Reader *r, const unsigned char *limit, const unsigned char **line, Py_ssize_t *length)
{
    const unsigned char *newline = NULL;

    if (limit > r->pos)
        newline = memchr(r->pos, '\n', (size_t)(limit - r->pos));
    if (newline == NULL)
        return 0;
    *line = r->pos;
    *length = newline + 1 - r->pos;
    r->pos = newline + 1;
    if (r->end < r->pos)
        r->end = r->pos;
    return 1;
}

ROOM int
reader_line(Reader *r, const unsigned char **line, Py_ssize_t *length)
{
    PyObject *bytes = NULL, *head;

    if (left_in_frame(r) >= 0)
        return take_line(r, r->frame_end, line, length) ? 0 : straddles_frame(r);
    if (take_line(r, r->data_end, line, length))
        return 0;
    if (r->read == NULL)
        return reader_truncated(r);
    if (drop_peeked(r) < 0)
        return -1;
    bytes = as_bytes(PyObject_CallNoArgs(r->readline));
    if (bytes == NULL)
        return -1;
    if (r->data_end > r->pos) {
        head = PyBytes_FromStringAndSize((const char *)r->pos, r->data_end - r->pos);
        if (head != NULL)
            PyBytes_Concat(&head, bytes);
        Py_DECREF(bytes);
        bytes = head;
        if (bytes == NULL)
            return -1;
    }
    place_held(r, bytes);
    return take_line(r, r->data_end, line, length) ? 0 : reader_truncated(r);
}

ROOM int
reader_frame(Reader *r, uint64_t n)
{
    Py_ssize_t size = (Py_ssize_t)n;

    if (left_in_frame(r) >= 0) {
        r->raised = 1;
        return fail(r->unpickling_error, "beginning of a new frame before end of current frame");
    }
    if (n > (uint64_t)PY_SSIZE_T_MAX) {
        r->raised = 1;
        return fail(PyExc_OverflowError, "FRAME length exceeds system's maximum of %zd bytes", PY_SSIZE_T_MAX);
    }
    if (r->data_end - r->pos < size) {
        if (r->read == NULL)
            return reader_truncated(r);
        if (drop_peeked(r) < 0 || fetch(r, size, 0) < 0)
            return -1;
    }
    r->frame_end = r->pos + size;
    return open_window(r, 1);
}

/* The bytes of an object begin at pos, n of them.  1: they are at hand, 0: they must come from the file, at which nothing
   is peeked; -1: there are not as many, or they straddle the frame.  In memory even no bytes must begin before its end,
   as with the stdlib. */
static int
locate(Reader *r, Py_ssize_t n)
{
    Py_ssize_t left = left_in_frame(r);

    if (left >= 0)
        return left >= n ? 1 : straddles_frame(r);
    if (r->data_end - r->pos >= n && (r->read != NULL || r->pos < r->data_end))
        return 1;
    if (r->read == NULL)
        return reader_truncated(r);
    return drop_peeked(r) < 0 ? -1 : 0;
}

/* The bytes at hand are the first of an object that is read straight from the file: take them. */
static Py_ssize_t
take_rest(Reader *r, char *dest)
{
    Py_ssize_t left = r->data_end - r->pos;

    if (left > 0)
        memcpy(dest, r->pos, (size_t)left);
    r->pos = r->data_end;
    return left;
}

/* The `n` bytes after those at hand went elsewhere: places before them are out of reach now. */
static void
passed(Reader *r, Py_ssize_t n)
{
    r->offset += r->pos - r->base + n;
    r->base = r->pos;
}

static void
took(Reader *r, Py_ssize_t n)
{
    r->pos += n;
    if (r->end < r->pos)
        r->end = r->pos;
}

static Py_ssize_t
next_size(Py_ssize_t have, Py_ssize_t n)
{
    Py_ssize_t step = have < BIG_STEP ? BIG_STEP : have;
    return n - have > step ? have + step : n;
}

ROOM int
reader_must_read(Reader *r, Py_ssize_t n)
{
    int at_hand = locate(r, n);
    return at_hand < 0 ? -1 : !at_hand;
}

ROOM int
reader_take(Reader *r, unsigned char *dest, Py_ssize_t n)
{
    Py_ssize_t left = r->data_end - r->pos;

    if (left > n)
        left = n;
    if (left > 0)
        memcpy(dest, r->pos, (size_t)left);
    took(r, left);
    if (n > left)
        passed(r, n - left);
    return read_into(r, (char *)dest + left, n - left);
}

ROOM PyObject *
reader_take_bytes(Reader *r, Py_ssize_t n)
{
    PyObject *bytes = NULL;
    Py_ssize_t have, size;
    enum filled filled;
    int at_hand = locate(r, n);

    if (at_hand < 0)
        return NULL;
    if (at_hand) {
        bytes = PyBytes_FromStringAndSize(NULL, n);
        if (bytes != NULL)
            copy_to_fresh(PyBytes_AS_STRING(bytes), r->pos, (size_t)n);
        took(r, n);
        return bytes;
    }
    have = r->data_end - r->pos;
    size = next_size(have, n);
    bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes == NULL)
        return NULL;
    take_rest(r, PyBytes_AS_STRING(bytes));
    for (;;) {
        if (size == n)          /* moving huge pages costs more than they save */
            ask_for_huge_pages(PyBytes_AS_STRING(bytes) + have, (size_t)(size - have));
        filled = read_into(r, PyBytes_AS_STRING(bytes) + have, size - have);
        if (filled == FILL_LOST)
            return NULL;
        if (filled == FILL_FAILED) {
            Py_DECREF(bytes);
            return NULL;
        }
        passed(r, size - have);
        have = size;
        if (have == n)
            return bytes;
        size = next_size(have, n);
        if (_PyBytes_Resize(&bytes, size) < 0)
            return NULL;
    }
}

ROOM PyObject *
reader_take_bytearray(Reader *r, Py_ssize_t n)
{
    PyObject *array = NULL;
    Py_ssize_t have, size;
    enum filled filled;
    int at_hand = locate(r, n);

    if (at_hand < 0)
        return NULL;
    if (at_hand) {
        array = PyByteArray_FromStringAndSize(NULL, n);
        if (array != NULL)
            copy_to_fresh(PyByteArray_AS_STRING(array), r->pos, (size_t)n);
        took(r, n);
        return array;
    }
    have = r->data_end - r->pos;
    size = next_size(have, n);
    array = PyByteArray_FromStringAndSize(NULL, size);
    if (array == NULL)
        return NULL;
    take_rest(r, PyByteArray_AS_STRING(array));
    for (;;) {
        if (size == n)
            ask_for_huge_pages(PyByteArray_AS_STRING(array) + have, (size_t)(size - have));
        filled = read_into(r, PyByteArray_AS_STRING(array) + have, size - have);
        if (filled == FILL_LOST)
            return NULL;
        passed(r, size - have);
        have = size;
        if (filled == FILLED && have == n)
            return array;
        size = next_size(have, n);
        if (filled == FILL_FAILED || PyByteArray_Resize(array, size) < 0) {
            Py_DECREF(array);
            return NULL;
        }
    }
}
