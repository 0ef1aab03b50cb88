/* long_text.c - a long str that comes from a file, decoded as it is read.

   Its bytes are never there all at once, so the str is all the memory that it takes.  It grows with what has come: a
   declared length is no reason to allocate more than one step ahead.  How wide its characters are shows as they come; when
   wider ones do, what is there is copied once.

   What is no plain UTF-8 (lone surrogates, or bytes that are wrong) is left to the interpreter, as a whole, so that it is
   decoded, or refused, as it would be from memory. */
#include "unpickler.h"
#include "ascii.h"
#include "utf8_read.h"

enum { TEXT_STEP = 256 * 1024 };
#define TEXT_AHEAD ((Py_ssize_t)32 * 1024 * 1024)

typedef struct {
    PyObject *text;             /* NULL at first */
    Py_UCS4 widest;
    Py_ssize_t length;          /* characters that are there */
    Py_ssize_t room;            /* the str's own length so far */
} LongText;

static int
character_size(Py_UCS4 widest)
{
    return widest <= 0xff ? 1 : widest <= 0xffff ? 2 : 4;
}

/* Make room for `more` characters and, if they are likely to come, for `later` ones. */
static int
make_text_room(LongText *t, Py_UCS4 widest, Py_ssize_t more, Py_ssize_t later)
{
    Py_ssize_t ahead, width, room;
    PyObject *wider;

    if (t->text != NULL && widest <= t->widest && more <= t->room - t->length)
        return 0;
    if (t->text != NULL && widest < t->widest)
        widest = t->widest;
    width = character_size(widest);
    ahead = t->length > TEXT_AHEAD / width ? t->length : TEXT_AHEAD / width;
    room = t->length + more + (later < ahead ? later : ahead);
    if (t->text != NULL && widest == t->widest) {
        if (PyUnicode_Resize(&t->text, room) < 0)
            return -1;
    }
    else {
        wider = PyUnicode_New(room, widest);
        if (wider == NULL)
            return -1;
        if (later <= ahead)     /* it will not move: moving huge pages costs more than they save */
            ask_for_huge_pages(PyUnicode_DATA(wider), (size_t)(room * width));
        if (t->length > 0 && PyUnicode_CopyCharacters(wider, 0, t->text, 0, t->length) < 0) {
            Py_DECREF(wider);
            return -1;
        }
        Py_XSETREF(t->text, wider);
        t->widest = widest;
        t->room = room;
        return 0;
    }
    t->room = room;
    if (later <= ahead)
        ask_for_huge_pages((char *)PyUnicode_DATA(t->text) + t->length * width, (size_t)((room - t->length) * width));
    return 0;
}

/* How many of these bytes are whole characters, if they are UTF-8 at all. */
static Py_ssize_t
whole_characters(const unsigned char *p, Py_ssize_t size)
{
    Py_ssize_t back;

    for (back = 1; back <= 3 && back <= size; back++) {
        unsigned char byte = p[size - back];
        if (UTF8_TAIL(byte))
            continue;
        if (byte >= 0xc0 && back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2))
            return size - back;
        break;
    }
    return size;
}

/* 1; 0 where the interpreter must decode it; -1. */
static int
append_text(LongText *t, const unsigned char *p, Py_ssize_t size, Py_ssize_t rest)
{
    Py_UCS4 widest = 0x7f;
    int ascii = is_ascii(p, size);
    Py_ssize_t length = ascii ? size : utf8_length(p, size, &widest);
    char *out;

    if (length < 0)
        return 0;
    if (size == 0)
        return 1;
    if (make_text_room(t, widest, length, (Py_ssize_t)((double)rest / (double)size * (double)length) + 1) < 0)
        return -1;
    out = (char *)PyUnicode_DATA(t->text) + t->length * character_size(t->widest);
    if (ascii && t->widest <= 0xff)
        memcpy(out, p, (size_t)size);
    else if (utf8_decode(out, length, t->widest, p, size) < 0)
        return 0;
    t->length += length;
    return 1;
}

/* Not plain UTF-8: take the rest as well, put back before it what was decoded, and have all of it decoded. */
static PyObject *
decode_all(Unpickler *u, LongText *t, const unsigned char *chunk, Py_ssize_t left, Py_ssize_t rest)
{
    PyObject *head = NULL, *tail = NULL, *value = NULL;

    if (t->length == 0)
        head = PyBytes_FromStringAndSize(NULL, 0);
    else {
        /* Not the str itself: it may be wider than what is in it. */
        PyObject *text = PyUnicode_Substring(t->text, 0, t->length);
        Py_CLEAR(t->text);
        if (text == NULL)
            return NULL;
        head = PyUnicode_AsUTF8String(text);
        Py_DECREF(text);
    }
    if (head == NULL)
        return NULL;
    tail = PyBytes_FromStringAndSize((const char *)chunk, left);
    if (tail != NULL)
        PyBytes_ConcatAndDel(&head, tail);
    else
        Py_CLEAR(head);
    if (head == NULL)
        return NULL;
    if (rest > 0) {
        tail = reader_take_bytes(&u->in, rest);
        if (tail == NULL)
            Py_CLEAR(head);
        else
            PyBytes_ConcatAndDel(&head, tail);
    }
    if (head != NULL)
        value = decode_non_ascii(u, (const unsigned char *)PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head));
    Py_XDECREF(head);
    return value;
}

ROOM PyObject *
read_long_text(Unpickler *u, Py_ssize_t size)
{
    LongText t = {NULL, 0, 0, 0};
    PyObject *value = NULL;
    unsigned char *chunk = PyMem_Malloc(TEXT_STEP);
    Py_ssize_t left = 0, step, whole, rest = size;
    int got = 0;

    if (chunk == NULL)
        return PyErr_NoMemory();
    while (rest > 0) {
        step = rest < TEXT_STEP - left ? rest : TEXT_STEP - left;
        got = reader_take(&u->in, chunk + left, step);
        if (got < 0)
            goto done;
        rest -= step;
        left += step;
        whole = rest > 0 ? whole_characters(chunk, left) : left;
        got = append_text(&t, chunk, whole, rest + left - whole);
        if (got == 0)
            value = decode_all(u, &t, chunk, left, rest);
        if (got <= 0)
            goto done;
        left -= whole;
        memmove(chunk, chunk + whole, (size_t)left);
    }
    if (t.length == t.room || PyUnicode_Resize(&t.text, t.length) == 0) {
        value = t.text;
        t.text = NULL;
    }
done:
    Py_XDECREF(t.text);
    if (got != -2)
        PyMem_Free(chunk);
    return value;
}
