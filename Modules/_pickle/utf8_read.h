/* utf8_read.h - str from UTF-8, in two passes: the first measures, the second checks and fills in.  Here is how it is done
   where there are no vectors, and for the shortest text; utf8_vectors.h has the other way.

   The interpreter's own decoder finds out how wide the characters are as it goes, and moves what it has each time they
   get wider; knowing it beforehand is about twice as fast for the short strings that pickles are full of.  Whatever is
   not plain valid UTF-8 (lone surrogates too, which pickles may hold) is left to the interpreter. */
#ifndef P5_UTF8_READ_H
#define P5_UTF8_READ_H

#include "ascii.h"
#include "endian.h"
#include "utf8_vectors.h"

/* Where there are no vectors the interpreter's own decoder is better from there on. */
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

/* What bytes are made of, eight at a time and without a branch.  Of what the two ors collect bit 7 of each byte counts. */
typedef struct {
    uint64_t tails;             /* how many are tails, for each place: SHORT_TEXT / 8 fits into a byte */
    uint64_t wide;              /* leads of characters above 0xff */
    uint64_t widest;            /* leads of characters above 0xffff */
} Utf8Sum;

static ALWAYS_INLINE void
utf8_sum(Utf8Sum *sum, uint64_t word)
{
    uint64_t lead = word & word << 1;

    sum->tails += (word & ~(word << 1)) >> 7 & UINT64_C(0x0101010101010101);
    sum->wide |= lead & (word << 2 | word << 3 | word << 4 | word << 5);
    sum->widest |= lead & word << 2 & word << 3;
}

/* Add the bytes of no more than SHORT_TEXT to the sum, and return the number of tails. */
static ALWAYS_INLINE Py_ssize_t
utf8_sum_up(Utf8Sum *sum, const unsigned char *p, Py_ssize_t size)
{
    const unsigned char *end = p + size;
    uint64_t word = 0;
    int i;

    sum->tails = 0;
    for (; end - p >= 8; p += 8)
        utf8_sum(sum, get_u64le(p));
    if (size >= 8)
        word = p < end ? get_u64le(end - 8) >> (8 * (8 - (end - p))) : 0;
    else {
        for (i = 0; p + i < end; i++)
            word |= (uint64_t)p[i] << (8 * i);
    }
    utf8_sum(sum, word);
    sum->tails = (sum->tails & UINT64_C(0x00ff00ff00ff00ff)) + (sum->tails >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (Py_ssize_t)((sum->tails * UINT64_C(0x0001000100010001)) >> 48);
}

/* The number of characters, and the largest that a str of their width may hold, if the bytes are valid. */
static ALWAYS_INLINE Py_ssize_t
utf8_guess(const unsigned char *p, Py_ssize_t size, Py_UCS4 *widest)
{
    Utf8Sum sum = {0, 0, 0};
    Py_ssize_t length = size;

    for (; size > SHORT_TEXT; p += SHORT_TEXT, size -= SHORT_TEXT)
        length -= utf8_sum_up(&sum, p, SHORT_TEXT);
    length -= utf8_sum_up(&sum, p, size);
    *widest = sum.widest & UINT64_C(0x8080808080808080) ? 0x10ffff : sum.wide & UINT64_C(0x8080808080808080) ? 0xffff : 0xff;
    return length;
}

/* Fill a str of one width, as long as the bytes are valid: -1 where they are not.  There are no more characters than bytes
   that are not tails, so it has room for all. */
#define UTF8_FILL(name, type, bytes) \
    static ALWAYS_INLINE int \
    name(type *out, const unsigned char *p, const unsigned char *end) \
    { \
        unsigned char lead; \
        int i; \
        while (p < end) { \
            lead = *p; \
            if (lead < 0x80) { \
                for (; end - p >= 8 && is_ascii_word(p); p += 8, out += 8) { \
                    for (i = 0; i < 8; i++) \
                        out[i] = (type)p[i]; \
                } \
                for (; p < end && p[0] < 0x80; p++) \
                    *out++ = (type)p[0]; \
            } \
            else if (lead < 0xe0) { \
                if (lead < 0xc2 || end - p < 2 || !UTF8_TAIL(p[1])) \
                    return -1; \
                *out++ = (type)((lead & 0x1f) << 6 | (p[1] & 0x3f)); \
                p += 2; \
            } \
            else if (bytes > 1 && lead < 0xf0) { \
                /* Not one that two bytes could spell, nor a surrogate. */ \
                if (end - p < 3 || !UTF8_TAIL(p[1]) || !UTF8_TAIL(p[2]) || (lead == 0xe0 && p[1] < 0xa0) \
                        || (lead == 0xed && p[1] >= 0xa0)) \
                    return -1; \
                *out++ = (type)((lead & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f)); \
                p += 3; \
            } \
            else { \
                if (bytes < 4 || lead > 0xf4 || end - p < 4 || !UTF8_TAIL(p[1]) || !UTF8_TAIL(p[2]) \
                        || !UTF8_TAIL(p[3]) || (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] >= 0x90)) \
                    return -1; \
                *out++ = (type)((Py_UCS4)(lead & 0x07) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 \
                                | (p[3] & 0x3f)); \
                p += 4; \
            } \
        } \
        return 0; \
    }

UTF8_FILL(utf8_fill_1, Py_UCS1, 1)
UTF8_FILL(utf8_fill_2, Py_UCS2, 2)
UTF8_FILL(utf8_fill_4, Py_UCS4, 4)

/* The same where there are vectors; -1 where the bytes cannot be valid. */
static ALWAYS_INLINE Py_ssize_t
utf8_length(const unsigned char *p, Py_ssize_t size, Py_UCS4 *widest)
{
#if P5_SSE2
    Py_ssize_t length;
    int largest;

    if (size >= VECTOR) {
        length = utf8_measure(p, size, &largest);
        *widest = largest >= 0xf0 ? 0x10ffff : largest >= 0xc4 ? 0xffff : 0xff;
        return largest > 0xf4 ? -1 : length;
    }
#endif
    return utf8_guess(p, size, widest);
}

/* Write as many characters as utf8_length found, into a str for characters up to `widest`, which may be more than it
   found: -1 where the bytes are not valid. */
static ALWAYS_INLINE int
utf8_decode(void *out, Py_ssize_t length, Py_UCS4 widest, const unsigned char *p, Py_ssize_t size)
{
#if P5_SSE2
    if (size >= VECTOR)
        return widest <= 0xff ? utf8_fill(out, length, p, size, 1) : widest <= 0xffff ? utf8_fill(out, length, p, size, 2)
               : utf8_fill(out, length, p, size, 4);
#else
    (void)length;
#endif
    return widest <= 0xff ? utf8_fill_1(out, p, p + size) : widest <= 0xffff ? utf8_fill_2(out, p, p + size)
           : utf8_fill_4(out, p, p + size);
}

/* The str, a new reference; NULL with an exception, or without one where the interpreter is to decode it. */
static inline PyObject *
utf8_read(const unsigned char *p, Py_ssize_t size)
{
    Py_UCS4 widest = 0;
    Py_ssize_t length = P5_SSE2 || size <= SHORT_TEXT ? utf8_length(p, size, &widest) : -1;
    PyObject *text;

    if (length <= 1)            /* the interpreter keeps one of each of the first 256 */
        return NULL;
    text = PyUnicode_New(length, widest);
    if (text != NULL && UNLIKELY(utf8_decode(PyUnicode_DATA(text), length, widest, p, size) < 0))
        Py_CLEAR(text);
    return text;
}

#endif
