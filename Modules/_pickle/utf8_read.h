/* utf8_read.h - str from UTF-8, in two passes: the first checks and measures, the second fills in.

   The interpreter's own decoder finds out how wide the characters are as it goes, and moves what it has each time they
   get wider; knowing it beforehand is about twice as fast for the short strings that pickles are full of.  Whatever is
   not plain valid UTF-8 (lone surrogates too, which pickles may hold) is left to the interpreter. */
#ifndef P5_UTF8_READ_H
#define P5_UTF8_READ_H

#include "ascii.h"

enum { SHORT_TEXT = 512 };

/* Is this a byte 10xxxxxx? */
#define UTF8_TAIL(byte) (((byte) & 0xc0) == 0x80)

static ALWAYS_INLINE int
is_ascii_word(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, 8);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* The number of characters, and the largest that a str of their width may hold; -1 where the interpreter is to look at
   it itself. */
static inline Py_ssize_t
utf8_measure(const unsigned char *p, Py_ssize_t size, Py_UCS4 *widest)
{
    const unsigned char *end = p + size;
    Py_ssize_t tails = 0;
    Py_UCS4 wide = 0x7f;
    unsigned char lead;

    while (p < end) {
        lead = *p;
        if (lead < 0x80) {
            while (end - p >= 8 && is_ascii_word(p))
                p += 8;
            while (p < end && *p < 0x80)
                p++;
        }
        else if (lead < 0xe0) {
            if (lead < 0xc2 || end - p < 2 || !UTF8_TAIL(p[1]))
                return -1;
            wide |= lead < 0xc4 ? 0xff : 0xffff;
            tails += 1;
            p += 2;
        }
        else if (lead < 0xf0) {
            /* Not one that two bytes could spell, nor a surrogate. */
            if (end - p < 3 || !UTF8_TAIL(p[1]) || !UTF8_TAIL(p[2]) || (lead == 0xe0 && p[1] < 0xa0)
                    || (lead == 0xed && p[1] >= 0xa0))
                return -1;
            wide |= 0xffff;
            tails += 2;
            p += 3;
        }
        else {
            if (lead > 0xf4 || end - p < 4 || !UTF8_TAIL(p[1]) || !UTF8_TAIL(p[2]) || !UTF8_TAIL(p[3])
                    || (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] >= 0x90))
                return -1;
            wide |= 0x10ffff;
            tails += 3;
            p += 4;
        }
    }
    *widest = wide > 0xffff ? 0x10ffff : wide;
    return size - tails;
}

/* Fill a str of one width from bytes that utf8_measure found good. */
#define UTF8_FILL(name, type) \
    static inline void \
    name(type *out, const unsigned char *p, const unsigned char *end) \
    { \
        int i; \
        while (p < end) { \
            if (p[0] < 0x80) { \
                for (; end - p >= 8 && is_ascii_word(p); p += 8, out += 8) { \
                    for (i = 0; i < 8; i++) \
                        out[i] = (type)p[i]; \
                } \
                for (; p < end && p[0] < 0x80; p++) \
                    *out++ = (type)p[0]; \
            } \
            else if (p[0] < 0xe0) { \
                *out++ = (type)((p[0] & 0x1f) << 6 | (p[1] & 0x3f)); \
                p += 2; \
            } \
            else if (p[0] < 0xf0) { \
                *out++ = (type)((p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f)); \
                p += 3; \
            } \
            else { \
                *out++ = (type)((Py_UCS4)(p[0] & 0x07) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 \
                                | (p[3] & 0x3f)); \
                p += 4; \
            } \
        } \
    }

UTF8_FILL(utf8_fill_1, Py_UCS1)
UTF8_FILL(utf8_fill_2, Py_UCS2)
UTF8_FILL(utf8_fill_4, Py_UCS4)

/* The str, a new reference; NULL with an exception, or without one where the interpreter is to decode it. */
static inline PyObject *
utf8_read(const unsigned char *p, Py_ssize_t size)
{
    Py_UCS4 widest = 0;
    Py_ssize_t length = size <= SHORT_TEXT ? utf8_measure(p, size, &widest) : -1;
    PyObject *text;

    if (length <= 1)            /* the interpreter keeps one of each of the first 256 */
        return NULL;
    text = PyUnicode_New(length, widest);
    if (text == NULL)
        return NULL;
    if (widest <= 0xff)
        utf8_fill_1(PyUnicode_1BYTE_DATA(text), p, p + size);
    else if (widest <= 0xffff)
        utf8_fill_2(PyUnicode_2BYTE_DATA(text), p, p + size);
    else
        utf8_fill_4(PyUnicode_4BYTE_DATA(text), p, p + size);
    return text;
}

#endif
