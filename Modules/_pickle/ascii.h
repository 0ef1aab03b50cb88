/* ascii.h - finding out that bytes are ASCII, and making text of them. */
#ifndef P5_ASCII_H
#define P5_ASCII_H

#include "compat.h"
#include "macros.h"
#include "copying.h"
#include "hugepages.h"
#include "vectors.h"

/* Are these n bytes all ASCII?  Eight or sixteen at a time, the last ones overlapping those before. */
static ALWAYS_INLINE int
is_short_ascii(const unsigned char *p, Py_ssize_t n)
{
    uint64_t word, last, high = 0;
    uint32_t half, half_last;
    Py_ssize_t i;

#if P5_SSE2
    if (n > VECTOR) {
        __m128i all = load_16(p + n - VECTOR);
        for (i = 0; i + VECTOR < n; i += VECTOR)
            all = _mm_or_si128(all, load_16(p + i));
        return _mm_movemask_epi8(all) == 0;
    }
#endif
    if (n >= 8) {
        for (i = 0; i + 8 < n; i += 8) {
            memcpy(&word, p + i, 8);
            high |= word;
        }
        memcpy(&last, p + n - 8, 8);
        return ((high | last) & UINT64_C(0x8080808080808080)) == 0;
    }
    if (n >= 4) {
        memcpy(&half, p, 4);
        memcpy(&half_last, p + n - 4, 4);
        return ((half | half_last) & UINT32_C(0x80808080)) == 0;
    }
    for (i = 0; i < n; i++)
        high |= p[i];
    return (high & 0x80) == 0;
}

enum { ASCII_STEP = 1024 };

/* ASCII_STEP of them. */
static ALWAYS_INLINE int
is_ascii_step(const unsigned char *p)
{
#if P5_SSE2
    __m128i all = _mm_setzero_si128(), more = all;
    int i;

    for (i = 0; i < ASCII_STEP; i += 4 * VECTOR) {
        all = _mm_or_si128(all, _mm_or_si128(load_16(p + i), load_16(p + i + VECTOR)));
        more = _mm_or_si128(more, _mm_or_si128(load_16(p + i + 2 * VECTOR), load_16(p + i + 3 * VECTOR)));
    }
    return _mm_movemask_epi8(_mm_or_si128(all, more)) == 0;
#else
    return is_short_ascii(p, ASCII_STEP);
#endif
}

/* The same, looking no further than need be. */
static NOINLINE UNUSED int
is_long_ascii(const unsigned char *p, Py_ssize_t n)
{
    for (; n > ASCII_STEP; p += ASCII_STEP, n -= ASCII_STEP) {
        if (!is_ascii_step(p))
            return 0;
    }
    return is_short_ascii(p, n);
}

static ALWAYS_INLINE int
is_ascii(const unsigned char *p, Py_ssize_t n)
{
    return n <= ASCII_STEP ? is_short_ascii(p, n) : is_long_ascii(p, n);
}

/* A str of n bytes that are known to be ASCII. */
static ALWAYS_INLINE PyObject *
new_ascii(const unsigned char *p, Py_ssize_t n)
{
    PyObject *text;

    if (UNLIKELY(n <= 1))       /* the interpreter keeps one of each of these */
        return n == 1 ? PyUnicode_FromOrdinal(p[0]) : PyUnicode_New(0, 0);
    text = PyUnicode_New(n, 127);
    if (UNLIKELY(text == NULL))
        return NULL;
    if (UNLIKELY(n >= WORTH_HUGE_PAGES))
        ask_for_huge_pages(PyUnicode_1BYTE_DATA(text), (size_t)n);
    copy_short(PyUnicode_1BYTE_DATA(text), p, (size_t)n);
    return text;
}

#endif
