/* endian.h - fixed-width numbers as pickle spells them: little-endian, but for floats, which are big-endian.
   Alignment does not matter.  Where the machine's own byte order is the wanted one the bytes are copied: compilers make
   one instruction of four shifted stores too, but not when other stores stand beside them. */
#ifndef P5_ENDIAN_H
#define P5_ENDIAN_H

#include "compat.h"
#include "macros.h"

static ALWAYS_INLINE void
put_u16le(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static ALWAYS_INLINE void
put_u32le(unsigned char *p, uint32_t v)
{
#if PY_LITTLE_ENDIAN
    memcpy(p, &v, 4);
#else
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
    p[2] = (unsigned char)(v >> 16);
    p[3] = (unsigned char)(v >> 24);
#endif
}

static ALWAYS_INLINE void
put_u64le(unsigned char *p, uint64_t v)
{
    put_u32le(p, (uint32_t)v);
    put_u32le(p + 4, (uint32_t)(v >> 32));
}

static ALWAYS_INLINE uint32_t
get_u16le(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static ALWAYS_INLINE uint32_t
get_u32le(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static ALWAYS_INLINE uint64_t
get_u64le(const unsigned char *p)
{
    return (uint64_t)get_u32le(p) | (uint64_t)get_u32le(p + 4) << 32;
}

/* Big-endian 64 bits.  Compilers see through the shifts on one side only, so the byte swap is spelled where there is
   one. */
static ALWAYS_INLINE void
put_u64be(unsigned char *p, uint64_t v)
{
#if defined(P5_BSWAP64)
    v = P5_BSWAP64(v);
    memcpy(p, &v, 8);
#else
    int i;
    for (i = 0; i < 8; i++)
        p[i] = (unsigned char)(v >> (56 - 8 * i));
#endif
}

static ALWAYS_INLINE uint64_t
get_u64be(const unsigned char *p)
{
    uint64_t v = 0;
#if defined(P5_BSWAP64)
    memcpy(&v, p, 8);
    v = P5_BSWAP64(v);
#else
    int i;
    for (i = 0; i < 8; i++)
        v = v << 8 | p[i];
#endif
    return v;
}

/* IEEE 754 doubles through their bits.  Every machine CPython runs on has them, and its integers and floats share one
   byte order. */
static ALWAYS_INLINE void
put_f64be(unsigned char *p, double value)
{
    uint64_t v;
    memcpy(&v, &value, 8);
    put_u64be(p, v);
}

static ALWAYS_INLINE double
get_f64be(const unsigned char *p)
{
    uint64_t v = get_u64be(p);
    double value;
    memcpy(&value, &v, 8);
    return value;
}

#endif
