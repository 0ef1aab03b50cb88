/* copying.h - copies of a few bytes, and small structs set to zero, in plain loads and stores.

   Where a compiler knows that a size is small but not how small, it may write the copy as one string instruction (gcc up to
   14 does: `rep movs`, `rep stos`), and that takes some thirty cycles to begin.  Most of the text in pickles is copied in
   less. */
#ifndef P5_COPYING_H
#define P5_COPYING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "macros.h"

/* Copy any number of bytes; meant for less than some hundred.  The parts of up to 32 overlap. */
static ALWAYS_INLINE void
copy_short(void *to, const void *from, size_t size)
{
    unsigned char *o = to;
    const unsigned char *p = from;
    uint64_t first, second, third, last;
    uint32_t half, half_last;

    if (size > 32) {
        FORGET_VALUE(size);
        memcpy(o, p, size);
    }
    else if (size > 16) {
        memcpy(&first, p, 8);
        memcpy(&second, p + 8, 8);
        memcpy(&third, p + size - 16, 8);
        memcpy(&last, p + size - 8, 8);
        memcpy(o, &first, 8);
        memcpy(o + 8, &second, 8);
        memcpy(o + size - 16, &third, 8);
        memcpy(o + size - 8, &last, 8);
    }
    else if (size >= 8) {
        memcpy(&first, p, 8);
        memcpy(&last, p + size - 8, 8);
        memcpy(o, &first, 8);
        memcpy(o + size - 8, &last, 8);
    }
    else if (size >= 4) {
        memcpy(&half, p, 4);
        memcpy(&half_last, p + size - 4, 4);
        memcpy(o, &half, 4);
        memcpy(o + size - 4, &half_last, 4);
    }
    else if (size > 0) {
        o[0] = p[0];
        o[size / 2] = p[size / 2];
        o[size - 1] = p[size - 1];
    }
}

/* Set a struct, or a part of one, to zero; `size` is a constant. */
static ALWAYS_INLINE void
clear_struct(void *at, size_t size)
{
    unsigned char *o = at;

    for (; size > 64; size -= 64, o += 64)
        memset(o, 0, 64);
    memset(o, 0, size);
}

#endif
