/* macros.h - what the compiler offers, under one name each. */
#ifndef P5_MACROS_H
#define P5_MACROS_H

/* Functions shared between rooms: private to the one translation unit of the normal build, hidden symbols when each
   room is compiled alone (make rooms). */
#ifdef P5_ROOM_ALONE
#  if defined(__GNUC__) || defined(__clang__)
#    define ROOM extern __attribute__((visibility("hidden")))
#  else
#    define ROOM extern
#  endif
#else
#  define ROOM static
#endif

#if defined(__GNUC__) || defined(__clang__)
#  define LIKELY(x) __builtin_expect(!!(x), 1)
#  define UNLIKELY(x) __builtin_expect(!!(x), 0)
#  define COLD __attribute__((noinline, cold))
#  define NOINLINE __attribute__((noinline))
#  define ALWAYS_INLINE inline __attribute__((always_inline))
#  define UNUSED __attribute__((unused))
#  define P5_COMPUTED_GOTO 1
#elif defined(_MSC_VER)
#  define LIKELY(x) (x)
#  define UNLIKELY(x) (x)
#  define COLD __declspec(noinline)
#  define NOINLINE __declspec(noinline)
#  define ALWAYS_INLINE __forceinline
#  define UNUSED
#  define P5_COMPUTED_GOTO 0
#else
#  define LIKELY(x) (x)
#  define UNLIKELY(x) (x)
#  define COLD
#  define NOINLINE
#  define ALWAYS_INLINE inline
#  define UNUSED
#  define P5_COMPUTED_GOTO 0
#endif

/* Have the cache line at an address brought in: it will be read soon. */
#if defined(__GNUC__) || defined(__clang__)
#  define PREFETCH(address) __builtin_prefetch(address)
#else
#  define PREFETCH(address) ((void)(address))
#endif

/* Let the compiler know nothing about the value that an integer variable has here. */
#if defined(__GNUC__) || defined(__clang__)
#  define FORGET_VALUE(variable) __asm__("" : "+r"(variable))
#else
#  define FORGET_VALUE(variable) ((void)0)
#endif

/* Swap the bytes of a uint64_t, defined only where that turns the machine's order into big-endian. */
#if (defined(__GNUC__) || defined(__clang__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#  define P5_BSWAP64(v) __builtin_bswap64(v)
#elif defined(_MSC_VER)
#  define P5_BSWAP64(v) _byteswap_uint64(v)
#endif

/* Has every processor that this is compiled for SSE2?  And the number of zeros below the lowest bit of a uint64_t that is
   not 0, defined there only. */
#if defined(__x86_64__) && defined(__SSE2__) && !defined(P5_NO_VECTORS)
#  define P5_SSE2 1
#  define P5_CTZ64(v) __builtin_ctzll(v)
#elif defined(_M_X64) && defined(_MSC_VER) && !defined(P5_NO_VECTORS)
#  define P5_SSE2 1
#  include <intrin.h>
static __forceinline int
P5_CTZ64(unsigned __int64 v)
{
    unsigned long at;
    _BitScanForward64(&at, v);
    return (int)at;
}
#else
#  define P5_SSE2 0
#endif

/* P5_ASSERT: on in a debug build of the engine or of the interpreter, nothing otherwise. */
#if defined(PICKLE5_DEBUG) || defined(Py_DEBUG)
#  include <stdio.h>
#  include <stdlib.h>
#  define P5_ASSERT(x) ((x) ? (void)0 : \
        (fprintf(stderr, "pickle5: %s:%d: %s\n", __FILE__, __LINE__, #x), abort()))
#  define P5_DEBUG 1
#else
#  define P5_ASSERT(x) ((void)0)
#  define P5_DEBUG 0
#endif

#endif
