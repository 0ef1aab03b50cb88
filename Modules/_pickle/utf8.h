/* utf8.h - str to UTF-8 straight into the output, lone surrogates included ("surrogatepass"), as pickles have it. */
#ifndef P5_UTF8_H
#define P5_UTF8_H

#include "compat.h"
#include "macros.h"

/* The most bytes that one character of a str of this kind can take. */
static ALWAYS_INLINE Py_ssize_t
utf8_most(int kind)
{
    return kind == PyUnicode_1BYTE_KIND ? 2 : kind == PyUnicode_2BYTE_KIND ? 3 : 4;
}

static ALWAYS_INLINE unsigned char *
utf8_put(unsigned char *p, Py_UCS4 c)
{
    if (c < 0x80)
        *p++ = (unsigned char)c;
    else if (c < 0x800) {
        *p++ = (unsigned char)(0xc0 | c >> 6);
        *p++ = (unsigned char)(0x80 | (c & 0x3f));
    }
    else if (c < 0x10000) {
        *p++ = (unsigned char)(0xe0 | c >> 12);
        *p++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (unsigned char)(0x80 | (c & 0x3f));
    }
    else {
        *p++ = (unsigned char)(0xf0 | c >> 18);
        *p++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
        *p++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (unsigned char)(0x80 | (c & 0x3f));
    }
    return p;
}

/* Encode characters from..to at p, where there is room for utf8_most each; the end of what was written. */
static inline unsigned char *
utf8_encode(unsigned char *p, int kind, const void *data, Py_ssize_t from, Py_ssize_t to)
{
    Py_ssize_t i;

    if (kind == PyUnicode_1BYTE_KIND) {
        for (i = from; i < to; i++)
            p = utf8_put(p, ((const Py_UCS1 *)data)[i]);
    }
    else if (kind == PyUnicode_2BYTE_KIND) {
        for (i = from; i < to; i++)
            p = utf8_put(p, ((const Py_UCS2 *)data)[i]);
    }
    else {
        for (i = from; i < to; i++)
            p = utf8_put(p, ((const Py_UCS4 *)data)[i]);
    }
    return p;
}

/* How many bytes utf8_encode writes. */
static inline Py_ssize_t
utf8_size(int kind, const void *data, Py_ssize_t length)
{
    Py_ssize_t i, size = length;
    Py_UCS4 c;

    if (kind == PyUnicode_1BYTE_KIND) {
        for (i = 0; i < length; i++)
            size += ((const Py_UCS1 *)data)[i] >> 7;
        return size;
    }
    for (i = 0; i < length; i++) {
        c = kind == PyUnicode_2BYTE_KIND ? ((const Py_UCS2 *)data)[i] : ((const Py_UCS4 *)data)[i];
        size += (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    }
    return size;
}

#endif
