/* save_atoms.c - objects without parts: None, bool, int, float, str, bytes; and the opcodes of the memo. */
#include "save_inline.h"
#include "utf8.h"

ROOM int
save_bool(Pickler *p, PyObject *obj)
{
    if (LIKELY(p->protocol >= 2))
        return put_op(&p->out, obj == Py_True ? OP_NEWTRUE : OP_NEWFALSE);
    return put_bytes(&p->out, obj == Py_True ? "I01\n" : "I00\n", 4);
}

/* ---- int ---- */

/* A decimal int: INT where it fits 32 bits, LONG otherwise. */
static int COLD
save_int_text(Pickler *p, PyObject *obj, int short_form)
{
    PyObject *text = NULL;
    const char *digits;
    Py_ssize_t size;
    int result = -1;

    text = PyLong_Type.tp_repr(obj);
    if (text == NULL)
        return -1;
    digits = PyUnicode_AsUTF8AndSize(text, &size);
    if (digits == NULL || put_op(&p->out, short_form ? OP_INT : OP_LONG) < 0)
        goto done;
    if (put_bytes(&p->out, digits, (size_t)size) < 0)
        goto done;
    result = short_form ? put_bytes(&p->out, "\n", 1) : put_bytes(&p->out, "L\n", 2);
done:
    Py_DECREF(text);
    return result;
}

/* Of an int other than 0. */
static Py_ssize_t
bit_length(PyObject *obj)
{
    Py_ssize_t digits = P5_LONG_NDIGITS(obj), bits = (digits - 1) * PyLong_SHIFT;
    digit top;

    for (top = P5_LONG_DIGIT(obj, digits - 1); top != 0; top >>= 1)
        bits++;
    return bits;
}

/* Write an int's two's complement in `size` bytes, as many as its bits and one for the sign take.  There must be room for
   four more, which are left undefined. */
static void
put_long_bytes(PyObject *obj, unsigned char *body, Py_ssize_t size)
{
    Py_ssize_t i, digits = P5_LONG_NDIGITS(obj);
    unsigned char *o = body, *end = body + size;
    const digit all_ones = (digit)PyLong_MASK;
    uint64_t gathered = 0;
    int bits = 0, negative = P5_LONG_SIGN(obj) < 0;
    digit d, carry = 1;

    for (i = 0; i < digits; i++) {
        d = P5_LONG_DIGIT(obj, i);
        if (negative) {
            d = (digit)((d ^ all_ones) + carry);
            carry = (digit)(d >> PyLong_SHIFT);
            d &= all_ones;
        }
        gathered |= (uint64_t)d << bits;
        bits += PyLong_SHIFT;
        if (bits >= 32) {
            put_u32le(o, (uint32_t)gathered);
            o += 4;
            gathered >>= 32;
            bits -= 32;
        }
    }
    if (negative)
        gathered |= UINT64_MAX << bits;
    for (; o < end; gathered >>= 8)
        *o++ = (unsigned char)gathered;
}

/* An int of more than 63 bits: LONG1 or LONG4, two's complement and as short as can be. */
static int
save_int_bytes(Pickler *p, PyObject *obj)
{
    Py_ssize_t size;
    unsigned char *body;

    if (P5_LONG_NDIGITS(obj) > (Py_ssize_t)(INT32_MAX / PyLong_SHIFT) * 8)
        return fail(PyExc_OverflowError, "int too large to pickle");
    size = bit_length(obj) / 8 + 1;
    if (size > INT32_MAX)
        return fail(PyExc_OverflowError, "int too large to pickle");
    if (writer_reserve(&p->out, (size_t)size + 9) < 0)
        return -1;
    body = p->out.next + (size < 256 ? 2 : 5);
    put_long_bytes(obj, body, size);
    if (P5_LONG_SIGN(obj) < 0 && body[size - 1] == 0xff && (body[size - 2] & 0x80)) {
        /* -2**63, -2**71 and so on need no byte for the sign */
        size--;
        if (size == 255) {
            memmove(body - 3, body, (size_t)size);
            body -= 3;
        }
    }
    if (size < 256) {
        body[-2] = OP_LONG1;
        body[-1] = (unsigned char)size;
    }
    else {
        body[-5] = OP_LONG4;
        put_u32le(body - 4, (uint32_t)size);
    }
    p->out.next = body + size;
    return 0;
}

/* An int too large for BININT: LONG1 and the shortest two's complement, into 10 bytes of room. */
static ALWAYS_INLINE unsigned char *
put_int64(unsigned char *o, int64_t value)
{
    uint64_t bits = (uint64_t)(value ^ (value >> 63));
    int size = 5 + (bits >> 39 != 0) + (bits >> 47 != 0) + (bits >> 55 != 0);

    o[0] = OP_LONG1;
    o[1] = (unsigned char)size;
    put_u64le(o + 2, (uint64_t)value);
    return o + 2 + size;
}

/* Any int that save_any_int() does not write in line. */
ROOM int
save_int(Pickler *p, PyObject *obj)
{
    int64_t value;

    if (!P5_LongAsInt64(obj, &value))
        return p->protocol >= 2 ? save_int_bytes(p, obj) : save_int_text(p, obj, 0);
    if (value < INT32_MIN || value > INT32_MAX) {
        if (p->protocol < 2)
            return save_int_text(p, obj, 0);
        if (UNLIKELY(writer_reserve(&p->out, 10) < 0))
            return -1;
        p->out.next = put_int64(p->out.next, value);
        return 0;
    }
    return p->bin ? save_int32(p, (int32_t)value) : save_int_text(p, obj, 1);
}

/* Numbers come in runs: write the ints of up to 64 bits from ITEMS[AT] on, in protocol 2 on, and say where the run
   ends.  Where it begins with numbers of one byte, these have a loop of their own. */
ROOM NOINLINE Py_ssize_t
save_int_run(Pickler *p, PyObject *const *items, Py_ssize_t at, Py_ssize_t end)
{
    Writer *w = &p->out;
    unsigned char *o = w->next;
    const uintptr_t limit = w->limit, room_ends = (uintptr_t)w->end;  /* no need to read them again for every byte */
    PyTypeObject *const type = &PyLong_Type;
    int64_t value;
    size_t small;

    for (; at < end && (uintptr_t)o < limit && room_ends - (uintptr_t)o >= 2; at++) {
        if (Py_TYPE(items[at]) != type || (small = P5_LongSmall(items[at])) > 255)
            break;
        o[0] = OP_BININT1;
        o[1] = (unsigned char)small;
        o += 2;
    }
    for (; at < end && (uintptr_t)o < limit && room_ends - (uintptr_t)o >= 10; at++) {
        if (Py_TYPE(items[at]) != type || !P5_LongAsInt64(items[at], &value))
            break;
        o = LIKELY(value == (int32_t)value) ? put_int32(o, (int32_t)value) : put_int64(o, value);
    }
    w->next = o;
    return at;
}

/* ---- float ---- */

static int COLD
save_float_text(Pickler *p, PyObject *obj)
{
    char *text = PyOS_double_to_string(PyFloat_AS_DOUBLE(obj), 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    int result = -1;

    if (text == NULL)
        return -1;
    if (put_op(&p->out, OP_FLOAT) == 0 && put_bytes(&p->out, text, strlen(text)) == 0)
        result = put_bytes(&p->out, "\n", 1);
    PyMem_Free(text);
    return result;
}

ROOM int
save_float(Pickler *p, PyObject *obj)
{
    Writer *w = &p->out;

    if (UNLIKELY(!p->bin))
        return save_float_text(p, obj);
    if (UNLIKELY(writer_reserve(w, 9) < 0))
        return -1;
    w->next[0] = OP_BINFLOAT;
    put_f64be(w->next + 1, PyFloat_AS_DOUBLE(obj));
    w->next += 9;
    return 0;
}

/* ---- memo ---- */

static int
put_number_text(Pickler *p, enum opcode op, Py_ssize_t number)
{
    char text[32];
    int size = PyOS_snprintf(text, sizeof(text), "%c%lld\n", (int)op, (long long)number);
    return put_bytes(&p->out, text, (size_t)size);
}

/* PUT or GET and their binary forms, but for the shortest. */
static NOINLINE int
put_memo_op(Pickler *p, Py_ssize_t number, enum opcode text, enum opcode one, enum opcode four, const char *too_large)
{
    Writer *w = &p->out;

    if (UNLIKELY(!p->bin))
        return put_number_text(p, text, number);
    if (UNLIKELY(writer_reserve(w, 5) < 0))
        return -1;
    if (number >= 0 && number < 256) {
        w->next[0] = (unsigned char)one;
        w->next[1] = (unsigned char)number;
        w->next += 2;
    }
    else if (LIKELY((uint64_t)number <= UINT32_MAX)) {
        w->next[0] = (unsigned char)four;
        put_u32le(w->next + 1, (uint32_t)number);
        w->next += 5;
    }
    else
        return fail(p->st->PicklingError, too_large);
    return 0;
}

ROOM int
memoize(Pickler *p, PyObject *obj, int unique)
{
    Py_ssize_t position;

    if (UNLIKELY(p->fast))
        return 0;
    if (LIKELY(unique))
        position = memo_log(&p->memo, obj);
    else if (memo_is_small(&p->memo) && p->memo.used < MEMO_SMALL)
        position = memo_log_seen(&p->memo, obj);
    else
        position = memo_add(&p->memo, obj);
    if (UNLIKELY(position < 0))
        return -1;
    if (LIKELY(p->protocol >= 4))
        return put_op(&p->out, OP_MEMOIZE);
    return put_memo_op(p, memo_number(&p->memo, position), OP_PUT, OP_BINPUT, OP_LONG_BINPUT,
                       "memo id too large for LONG_BINPUT");
}

ROOM int
save_long_get(Pickler *p, Py_ssize_t position)
{
    return put_memo_op(p, memo_number(&p->memo, position), OP_GET, OP_BINGET, OP_LONG_BINGET,
                       "memo id too large for LONG_BINGET");
}

ROOM int
save_known(Pickler *p, PyObject *obj)
{
    Py_ssize_t position;
    int found = memo_lookup(&p->memo, obj, &position);

    return found <= 0 ? found : save_get(p, position) < 0 ? -1 : 1;
}

/* ---- str ---- */

/* What protocol 0 escapes: beyond Latin-1 everything, and the bytes that would end or confuse the line. */
static int COLD
save_str_text(Pickler *p, PyObject *obj)
{
    static const char hex[] = "0123456789abcdef";
    Py_ssize_t i, length = PyUnicode_GET_LENGTH(obj);
    int kind = (int)PyUnicode_KIND(obj), shift;
    const void *data = PyUnicode_DATA(obj);
    unsigned char *o;
    Py_UCS4 c;

    if (put_op(&p->out, OP_UNICODE) < 0)
        return -1;
    for (i = 0; i < length; i++) {
        if (writer_reserve(&p->out, 10) < 0)
            return -1;
        o = p->out.next;
        c = PyUnicode_READ(kind, data, i);
        if (c > 0xff || c == '\\' || c == '\0' || c == '\n' || c == '\r' || c == 0x1a) {
            *o++ = '\\';
            *o++ = c > 0xffff ? 'U' : 'u';
            for (shift = c > 0xffff ? 28 : 12; shift >= 0; shift -= 4)
                *o++ = (unsigned char)hex[c >> shift & 15];
        }
        else
            *o++ = (unsigned char)c;
        p->out.next = o;
    }
    return put_bytes(&p->out, "\n", 1);
}

/* The opcode and length that go before `size` bytes of UTF-8: how many bytes they take, or -1. */
static int
str_header(Pickler *p, unsigned char *header, uint64_t size)
{
    if (size <= 0xff && p->protocol >= 4) {
        header[0] = OP_SHORT_BINUNICODE;
        header[1] = (unsigned char)size;
        return 2;
    }
    if (size <= UINT32_MAX) {
        header[0] = OP_BINUNICODE;
        put_u32le(header + 1, (uint32_t)size);
        return 5;
    }
    if (p->protocol >= 4) {
        header[0] = OP_BINUNICODE8;
        put_u64le(header + 1, size);
        return 9;
    }
    return fail(PyExc_OverflowError, "serializing a string larger than 4 GiB requires pickle protocol 4 or higher");
}

/* The UTF-8 form of a str at o, where there is room for it; the end of it. */
static ALWAYS_INLINE unsigned char *
put_text(unsigned char *o, PyObject *obj)
{
    Py_ssize_t size;
    const char *known = P5_KnownUTF8(obj, &size);

    if (known == NULL)
        return utf8_encode(o, (int)PyUnicode_KIND(obj), PyUnicode_DATA(obj), 0, PyUnicode_GET_LENGTH(obj));
    memcpy(o, known, (size_t)size);
    return o + size;
}

/* How many bytes that takes. */
static ALWAYS_INLINE Py_ssize_t
text_size(PyObject *obj)
{
    Py_ssize_t size;

    if (P5_KnownUTF8(obj, &size) != NULL)
        return size;
    return utf8_size((int)PyUnicode_KIND(obj), PyUnicode_DATA(obj), PyUnicode_GET_LENGTH(obj));
}

/* A str whose UTF-8 form takes `size` bytes. */
static int
save_sized_str(Pickler *p, PyObject *obj, Py_ssize_t size)
{
    unsigned char header[9];
    int header_size = str_header(p, header, (uint64_t)size);
    Writer *w = &p->out;

    if (header_size < 0)
        return -1;
    if (size >= LARGE_OBJECT) {
        if (w->write != NULL)
            end_plain(p);
        if (writer_put_large_text(w, header, (size_t)header_size, obj, (size_t)size) < 0)
            return -1;
        if (w->write != NULL)
            ran_foreign(p);
        return 0;
    }
    if (writer_reserve(w, (size_t)header_size + (size_t)size) < 0)
        return -1;
    memcpy(w->next, header, (size_t)header_size);
    w->next += header_size;
    w->next = put_text(w->next, obj);
    return 0;
}

/* A str that is not short ASCII. */
static NOINLINE int
save_other_str(Pickler *p, PyObject *obj)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(obj), most;
    Writer *w = &p->out;
    unsigned char *header;

    if (UNLIKELY(!p->bin))
        return save_str_text(p, obj);
    if (PyUnicode_IS_ASCII(obj))
        return save_sized_str(p, obj, length);
    if (length <= 63 && p->protocol >= 4) {
        /* short whatever the characters: encode first, fill in the length after */
        most = length * utf8_most((int)PyUnicode_KIND(obj));
        if (writer_reserve(w, (size_t)most + 2) < 0)
            return -1;
        header = w->next;
        w->next = put_text(header + 2, obj);
        header[0] = OP_SHORT_BINUNICODE;
        header[1] = (unsigned char)(w->next - header - 2);
        return 0;
    }
    if (length > PY_SSIZE_T_MAX / 4)
        return fail(PyExc_OverflowError, "serializing a string larger than 4 GiB requires pickle protocol 4 or higher");
    return save_sized_str(p, obj, text_size(obj));
}

ROOM int
save_str(Pickler *p, PyObject *obj, int unique)
{
    Writer *w = &p->out;
    Py_ssize_t length;
    unsigned char *o;

    if (UNLIKELY(P5_Unicode_Ready(obj) < 0))
        return -1;
    length = PyUnicode_GET_LENGTH(obj);
    if (LIKELY(PyUnicode_IS_ASCII(obj) && length < 256 && p->protocol >= 4)) {
        if (UNLIKELY(writer_reserve(w, (size_t)length + 3) < 0))
            return -1;
        o = w->next;
        o[0] = OP_SHORT_BINUNICODE;
        o[1] = (unsigned char)length;
        copy_short(o + 2, PyUnicode_DATA(obj), (size_t)length);
        w->next = o + 2 + length;
        if (LIKELY(unique && !p->fast)) {
            if (UNLIKELY(memo_log(&p->memo, obj) < 0))
                return -1;
            *w->next++ = OP_MEMOIZE;
            return 0;
        }
    }
    else if (save_other_str(p, obj) < 0)
        return -1;
    return memoize(p, obj, unique);
}

/* ---- bytes ---- */

/* The bytes of protocol 3 on: opcode, length, body.  `obj` is what a file may be handed in place of a copy. */
ROOM int
save_bytes_data(Pickler *p, PyObject *obj, const char *data, Py_ssize_t size)
{
    unsigned char header[9];
    int header_size;
    Writer *w = &p->out;

    if (size <= 0xff) {
        header[0] = OP_SHORT_BINBYTES;
        header[1] = (unsigned char)size;
        header_size = 2;
    }
    else if ((uint64_t)size <= UINT32_MAX) {
        header[0] = OP_BINBYTES;
        put_u32le(header + 1, (uint32_t)size);
        header_size = 5;
    }
    else if (p->protocol >= 4) {
        header[0] = OP_BINBYTES8;
        put_u64le(header + 1, (uint64_t)size);
        header_size = 9;
    }
    else
        return fail(PyExc_OverflowError, "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher");
    if (UNLIKELY(size >= LARGE_OBJECT)) {
        if (w->write != NULL)
            end_plain(p);
        if (writer_put_large(w, header, (size_t)header_size, data, (size_t)size, obj) < 0)
            return -1;
        if (w->write != NULL)
            ran_foreign(p);
        return 0;
    }
    if (UNLIKELY(writer_reserve(w, (size_t)header_size + (size_t)size) < 0))
        return -1;
    memcpy(w->next, header, (size_t)header_size);
    memcpy(w->next + header_size, data, (size_t)size);
    w->next += header_size + size;
    return 0;
}
