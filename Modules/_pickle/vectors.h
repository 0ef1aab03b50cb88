/* vectors.h - sixteen bytes at once, where every processor can: P5_SSE2 of macros.h is 1 there. */
#ifndef P5_VECTORS_H
#define P5_VECTORS_H

#include "macros.h"

#if P5_SSE2
#include <emmintrin.h>

enum { VECTOR = 16 };

static ALWAYS_INLINE __m128i
load_16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static ALWAYS_INLINE void
store_16(void *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

#endif
#endif
