/* load_atoms.c - numbers and text, the memo by number in text form.  The common ones are in load.c; here are those with
   an argument that ends in a newline, or has a length of its own. */
#include "unpickler.h"
#include "gc_hold.h"
#include "ascii.h"
#include "endian.h"
#include "utf8_read.h"

/* More digits than this are refused where the interpreter has no limit of its own: the conversion is quadratic. */
enum { MAX_DIGITS = 400000 };

/* A str from this many bytes on is decoded as it is read from a file. */
enum { LONG_TEXT = 1024 * 1024 };

/* Length of a text argument: an empty one is refused as truncated. */
static int
read_number(Unpickler *u, const unsigned char **line, Py_ssize_t *length)
{
    if (reader_line(&u->in, line, length) < 0)
        return -1;
    return *length < 2 ? reader_truncated(&u->in) : 0;
}

/* The line as a C string of its own; PyMem_Free it. */
static char *
copy_line(const unsigned char *line, Py_ssize_t length)
{
    char *text = PyMem_Malloc((size_t)length + 1);

    if (text == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(text, line, (size_t)length);
    text[length] = '\0';
    return text;
}

/* The number on a line of plain digits, perhaps after a minus, that fits easily: 1.  0 for anything else. */
static int
plain_number(const unsigned char *line, Py_ssize_t length, int64_t *number)
{
    int negative = line[0] == '-';
    const unsigned char *p = line + negative, *end = line + length - 1;
    int64_t n = 0;

    if (p == end || end - p > 18)
        return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        n = 10 * n + (*p - '0');
    }
    *number = negative ? -n : n;
    return 1;
}

/* The int on a line, in base 10, as int() reads it; the line's newline may be there or not. */
static PyObject *
parse_int(const unsigned char *line, Py_ssize_t length)
{
    int64_t number;
    char *text;
    PyObject *value;

    if (line[length - 1] == '\n' && plain_number(line, length, &number))
        return PyLong_FromLongLong(number);
    if (length > MAX_DIGITS && PySys_GetObject("get_int_max_str_digits") == NULL)
        return fail_null(PyExc_ValueError, "Exceeds the limit (%zd digits) for integer string conversion",
                         (Py_ssize_t)MAX_DIGITS);
    text = copy_line(line, length);
    if (text == NULL)
        return NULL;
    value = PyLong_FromString(text, NULL, 10);
    PyMem_Free(text);
    return value;
}

ROOM int
load_int(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *value;

    if (read_number(u, &line, &length) < 0)
        return -1;
    if (length == 3 && line[0] == '0' && (line[1] == '0' || line[1] == '1'))
        value = PyBool_FromLong(line[1] == '1');
    else if (line[0] == '\0')           /* strtol() of an empty string, says the stdlib */
        value = PyLong_FromLong(0);
    else
        value = parse_int(line, length);
    if (value != NULL)
        return stack_push(&u->stack, value);
    if (!PyErr_ExceptionMatches(PyExc_ValueError))
        return -1;
    PyErr_Clear();
    return load_fail(u, PyExc_ValueError, "could not convert string to int");
}

ROOM int
load_long(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *value;

    if (read_number(u, &line, &length) < 0)
        return -1;
    if (line[length - 2] == 'L')
        length -= 2;
    value = length > 0 ? parse_int(line, length) : PyLong_FromString("", NULL, 10);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

/* A little-endian count of `width` bytes; -1 with OverflowError where it cannot be the size of anything. */
static Py_ssize_t
read_count(Unpickler *u, int width, const char *what)
{
    uint64_t count = 0;
    int i;

    if (reader_need(&u->in, width) < 0)
        return -1;
    for (i = width; i-- > 0;)
        count = count << 8 | u->in.pos[i];
    u->in.pos += width;
    if (count > (uint64_t)PY_SSIZE_T_MAX)
        return load_fail(u, PyExc_OverflowError, "%s exceeds system's maximum size of %zd bytes", what, PY_SSIZE_T_MAX);
    return (Py_ssize_t)count;
}

/* The same for the two opcodes whose count is signed. */
static Py_ssize_t
read_signed_count(Unpickler *u, int width, const char *what)
{
    Py_ssize_t count;

    if (width == 4) {
        if (reader_need(&u->in, width) < 0)
            return -1;
        if (u->in.pos[3] & 0x80)
            return load_fail(u, u->st->UnpicklingError, "%s pickle has negative byte count", what);
    }
    count = read_count(u, width, what);
    return count;
}

/* An int of more than 8 bytes that count: 32 bits at a time, as what they say without the sign, into digits. */
static PyObject *
decode_long_int(const unsigned char *data, Py_ssize_t size, int negative)
{
    const unsigned char *end = data + size;
    uint64_t word, bits = 0, carry = (uint64_t)negative;
    uint32_t flip = negative ? UINT32_MAX : 0;
    Py_ssize_t count = size / PyLong_SHIFT * 8 + (size % PyLong_SHIFT * 8 + PyLong_SHIFT) / PyLong_SHIFT;
    int held = 0, i;
    void *digits;
    digit *out, *last;
    PyLongWriter *writer = PyLongWriter_Create(negative, count, &digits);

    if (writer == NULL)
        return NULL;
    out = digits;
    last = out + count;
    while (data < end) {
        if (end - data >= 4)
            word = get_u32le(data);
        else {
            for (word = flip, i = 0; i < end - data; i++)
                word = (word & ~(UINT64_C(0xff) << (8 * i))) | (uint64_t)data[i] << (8 * i);
        }
        data += 4;
        word = (uint64_t)((uint32_t)word ^ flip) + carry;
        carry = word >> 32;
        bits |= (word & UINT32_MAX) << held;
        for (held += 32; held >= PyLong_SHIFT && out < last; held -= PyLong_SHIFT) {
            *out++ = (digit)(bits & PyLong_MASK);
            bits >>= PyLong_SHIFT;
        }
    }
    bits |= carry << held;
    for (; out < last; bits >>= PyLong_SHIFT)
        *out++ = (digit)(bits & PyLong_MASK);
    return PyLongWriter_Finish(writer);
}

ROOM PyObject *
decode_int(const unsigned char *data, Py_ssize_t size)
{
    uint64_t value = 0;
    unsigned char sign;
    Py_ssize_t i;

    if (size > 8) {
        sign = data[size - 1] & 0x80 ? 0xff : 0;
        for (i = size; i > 8 && data[i - 1] == sign; i--)
            ;
        if (i > 8)
            return decode_long_int(data, i, sign != 0);
        return _PyLong_FromByteArray(data, (size_t)size, 1, 1);
    }
    if (size == 0)
        return PyLong_FromLong(0);
    for (i = size; i-- > 0;)
        value = value << 8 | data[i];
    if (size < 8 && data[size - 1] & 0x80)
        value |= ~UINT64_C(0) << (8 * size);
    return PyLong_FromLongLong((int64_t)value);
}

ROOM int
load_counted_long(Unpickler *u, int width)
{
    Py_ssize_t size = read_signed_count(u, width, "LONG");
    PyObject *value;

    if (size < 0 || reader_need(&u->in, size) < 0)
        return -1;
    value = decode_int(u->in.pos, size);
    u->in.pos += size;
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_float(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *value = NULL;
    char *text = NULL, *end;
    double number;
    int result = -1;

    if (read_number(u, &line, &length) < 0)
        return -1;
    text = copy_line(line, length);
    if (text == NULL)
        return -1;
    number = PyOS_string_to_double(text, &end, PyExc_OverflowError);
    if (number == -1.0 && PyErr_Occurred())
        goto done;
    if (*end != '\n' && *end != '\0') {
        load_fail(u, PyExc_ValueError, "could not convert string to float");
        goto done;
    }
    value = PyFloat_FromDouble(number);
    if (value != NULL)
        result = stack_push(&u->stack, value);
done:
    PyMem_Free(text);
    return result;
}

ROOM PyObject *
decode_python2(Unpickler *u, const char *data, Py_ssize_t size)
{
    if (u->encoding_kind == ENCODING_BYTES)
        return PyBytes_FromStringAndSize(data, size);
    if (u->encoding_kind == ENCODING_ASCII && is_ascii((const unsigned char *)data, size))
        return new_ascii((const unsigned char *)data, size);
    return PyUnicode_Decode(data, size, u->encoding, u->errors);
}

ROOM int
load_string(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *bytes = NULL, *value = NULL;

    if (reader_line(&u->in, &line, &length) < 0)
        return -1;
    length--;
    if (length < 2 || line[0] != line[length - 1] || (line[0] != '"' && line[0] != '\''))
        return load_fail(u, u->st->UnpicklingError, "the STRING opcode argument must be quoted");
    bytes = PyBytes_DecodeEscape((const char *)line + 1, length - 2, NULL, 0, NULL);
    if (bytes == NULL)
        return -1;
    if (u->encoding_kind == ENCODING_BYTES)
        return stack_push(&u->stack, bytes);
    value = decode_python2(u, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

/* The bytes of an argument stay where they are while a codec, perhaps one written in Python, decodes them: nothing else
   uses the reader meanwhile. */
ROOM int
load_counted_string(Unpickler *u, int width)
{
    Py_ssize_t size = read_signed_count(u, width, "BINSTRING");
    PyObject *value;

    if (size < 0)
        return -1;
    if (u->encoding_kind == ENCODING_BYTES && size > 0)
        value = reader_take_bytes(&u->in, size);
    else {
        if (reader_need(&u->in, size) < 0)
            return -1;
        value = decode_python2(u, (const char *)u->in.pos, size);
        u->in.pos += size;
    }
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

/* The handler of errors is looked up only if there is one, and may be anybody's code. */
ROOM PyObject *
decode_non_ascii(Unpickler *u, const unsigned char *data, Py_ssize_t size)
{
    PyObject *text;

    text = utf8_read(data, size);
    if (text != NULL || PyErr_Occurred())
        return text;
    if (P5_ALLOCATION_MAY_COLLECT && u->gc_held) {
        text = PyUnicode_DecodeUTF8((const char *)data, size, NULL);
        if (text != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return text;
        PyErr_Clear();
        free_collector(u);
    }
    u->known_tuple = NULL;      /* the handler of errors may be anybody's code */
    return PyUnicode_DecodeUTF8((const char *)data, size, "surrogatepass");
}

ROOM int
load_unicode(Unpickler *u)
{
    const unsigned char *line;
    Py_ssize_t length;
    PyObject *value;

    if (reader_line(&u->in, &line, &length) < 0)
        return -1;
    value = PyUnicode_DecodeRawUnicodeEscape((const char *)line, length - 1, NULL);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_counted_unicode(Unpickler *u, int width)
{
    Py_ssize_t size = read_count(u, width, "BINUNICODE");
    PyObject *value;
    int must_read = 0;

    if (size < 0)
        return -1;
    if (size >= LONG_TEXT)
        must_read = reader_must_read(&u->in, size);
    if (must_read > 0)
        value = read_long_text(u, size);
    else if (must_read < 0 || reader_need(&u->in, size) < 0)
        return -1;
    else {
        value = is_ascii(u->in.pos, size) ? new_ascii(u->in.pos, size) : decode_non_ascii(u, u->in.pos, size);
        u->in.pos += size;
    }
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_counted_bytes(Unpickler *u, int width)
{
    Py_ssize_t size = read_count(u, width, "BINBYTES");
    PyObject *value;

    if (size < 0)
        return -1;
    value = reader_take_bytes(&u->in, size);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

ROOM int
load_bytearray8(Unpickler *u)
{
    Py_ssize_t size = read_count(u, 8, "BYTEARRAY8");
    PyObject *value;

    if (size < 0)
        return -1;
    value = reader_take_bytearray(&u->in, size);
    return value == NULL ? -1 : stack_push(&u->stack, value);
}

/* The number on a line, whatever its sign; 0 or -1. */
static int
read_index(Unpickler *u, Py_ssize_t *index)
{
    const unsigned char *line = NULL;
    Py_ssize_t length = 0;
    PyObject *value;

    if (read_number(u, &line, &length) < 0)
        return -1;
    value = parse_int(line, length);
    if (value == NULL)
        return -1;
    *index = PyLong_AsSsize_t(value);
    Py_DECREF(value);
    return *index == -1 && PyErr_Occurred() ? -1 : 0;
}

ROOM int
load_get(Unpickler *u)
{
    Py_ssize_t index;
    PyObject *value;

    if (read_index(u, &index) < 0)
        return -1;
    value = get_slowly(u, index);
    return value == NULL ? -1 : stack_push(&u->stack, Py_NewRef(value));
}

ROOM int
load_put(Unpickler *u)
{
    Py_ssize_t index;

    if (u->stack.top == u->stack.fence)
        return stack_underflow(u);
    if (read_index(u, &index) < 0)
        return -1;
    if (index < 0)
        return load_fail(u, PyExc_ValueError, "negative PUT argument");
    return put_slowly(u, index, u->stack.top[-1]);
}
