/* utf8_vectors.h - UTF-8 measured and decoded sixteen bytes at a time, where every processor can (x86-64 has SSE2).

   Where a character of text ends depends on its first byte, and a loop that branches on it guesses wrongly on every other
   one where alphabets are mixed.  Here each bit of a mask stands for a byte, and tells what the byte is: the masks say
   where characters begin, and whether each has as many bytes as its first one asks for, all at once.  Then each
   character takes the same few instructions, however long it is. */
#ifndef P5_UTF8_VECTORS_H
#define P5_UTF8_VECTORS_H

#include "compat.h"
#include "macros.h"
#include "copying.h"
#include "endian.h"
#include "vectors.h"

/* Text shorter than a VECTOR is not for the functions here. */
#if P5_SSE2

enum {
    WINDOW = 64,                /* bytes that have their bits in one mask */
    SPARSE = 6                  /* where no more than one byte in so many begins what is not ASCII, the rest is copied */
};

/* Ones in each byte that is 10xxxxxx. */
static ALWAYS_INLINE __m128i
tails_16(__m128i v)
{
    return _mm_cmplt_epi8(v, _mm_set1_epi8(-64));
}

/* The number of characters, if the bytes are valid, and the largest byte; there are at least VECTOR of them. */
static ALWAYS_INLINE Py_ssize_t
utf8_measure(const unsigned char *p, Py_ssize_t size, int *largest)
{
    static const signed char lanes[2 * VECTOR] = {[VECTOR] = -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    const unsigned char *end = p + size, *stop;
    __m128i zero = _mm_setzero_si128(), most = zero, total = zero, tails, v;

    while (end - p >= VECTOR) {
        tails = zero;           /* of each place, up to 255 */
        stop = end - p > 255 * VECTOR ? p + 255 * VECTOR : end;
        for (; stop - p >= VECTOR; p += VECTOR) {
            v = load_16(p);
            most = _mm_max_epu8(most, v);
            tails = _mm_sub_epi8(tails, tails_16(v));
        }
        total = _mm_add_epi64(total, _mm_sad_epu8(tails, zero));
    }
    v = load_16(end - VECTOR);
    most = _mm_max_epu8(most, v);
    tails = _mm_and_si128(tails_16(v), load_16(lanes + (end - p)));
    total = _mm_add_epi64(total, _mm_sad_epu8(_mm_sub_epi8(zero, tails), zero));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 8));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 4));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 2));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 1));
    *largest = _mm_cvtsi128_si32(most) & 0xff;
    total = _mm_add_epi64(total, _mm_srli_si128(total, 8));
    return size - (Py_ssize_t)_mm_cvtsi128_si64(total);
}

/* What the bytes of a window are, a bit for each. */
typedef struct {
    uint64_t high;              /* not ASCII */
    uint64_t tails;
    uint64_t three;             /* first of three or four, or ASCII */
    uint64_t four;              /* first of four, or ASCII */
} Marks;

static ALWAYS_INLINE void
mark_16(Marks *marks, __m128i v, int without, int at, const int width)
{
    marks->high |= (uint64_t)(uint32_t)(_mm_movemask_epi8(v) >> without) << at;
    marks->tails |= (uint64_t)(uint32_t)(_mm_movemask_epi8(tails_16(v)) >> without) << at;
    if (width > 1)
        marks->three |= (uint64_t)(uint32_t)(_mm_movemask_epi8(_mm_cmpgt_epi8(v, _mm_set1_epi8(-33))) >> without) << at;
    if (width > 2)
        marks->four |= (uint64_t)(uint32_t)(_mm_movemask_epi8(_mm_cmpgt_epi8(v, _mm_set1_epi8(-17))) >> without) << at;
}

/* Of n bytes, before the last of which there are VECTOR. */
static ALWAYS_INLINE void
mark_window(Marks *marks, const unsigned char *p, Py_ssize_t n, const int width)
{
    int at;

    marks->high = marks->tails = marks->three = marks->four = 0;
    for (at = 0; at + VECTOR <= n; at += VECTOR)
        mark_16(marks, load_16(p + at), 0, at, width);
    if (at < n)
        mark_16(marks, load_16(p + n - VECTOR), (int)(at + VECTOR - n), at, width);
}

/* Does each character have its tails, and each tail its character?  Of the last one some may come in the next window. */
static ALWAYS_INLINE int
marks_agree(const Marks *marks, const int width)
{
    uint64_t leads = marks->high & ~marks->tails, wanted = leads << 1;

    if (width > 1)
        wanted |= (leads & marks->three) << 2;
    if (width > 2)
        wanted |= (leads & marks->four) << 3;
    return wanted == marks->tails;
}

/* Store eight characters of 16 bits, or what is left of them in a str of bytes. */
static ALWAYS_INLINE void
store_8(void *to, __m128i characters, const int width)
{
    __m128i zero = _mm_setzero_si128();

    if (width == 1)
        _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(characters, characters));
    else if (width == 2)
        store_16(to, characters);
    else {
        store_16(to, _mm_unpacklo_epi16(characters, zero));
        store_16((char *)to + VECTOR, _mm_unpackhi_epi16(characters, zero));
    }
}

/* Four characters whose bytes, without what marks them, are in one word each, the last one uppermost. */
static ALWAYS_INLINE __m128i
join_4(__m128i bytes, const int width)
{
    __m128i joined = _mm_and_si128(_mm_srli_epi32(bytes, 10), _mm_set1_epi32(0xfc0));

    joined = _mm_or_si128(joined, _mm_srli_epi32(bytes, 24));
    if (width > 1)
        joined = _mm_or_si128(joined, _mm_and_si128(_mm_slli_epi32(bytes, 4), _mm_set1_epi32(0x3f000)));
    if (width > 2)
        joined = _mm_or_si128(joined, _mm_and_si128(_mm_slli_epi32(bytes, 18), _mm_set1_epi32(0x1c0000)));
    return joined;
}

/* What the characters so far tell: how many bytes they should have taken, and whether one may not be. */
typedef struct {
    __m128i fewer;              /* in 32 bits each: minus one for every byte that some characters have less than others */
    __m128i bad;
} Checks;

static ALWAYS_INLINE void
check_8(Checks *checks, __m128i characters)
{
    __m128i zero = _mm_setzero_si128(), fewer;

    fewer = _mm_add_epi16(_mm_cmpeq_epi16(_mm_subs_epu16(characters, _mm_set1_epi16(0x7f)), zero),
                          _mm_cmpeq_epi16(_mm_subs_epu16(characters, _mm_set1_epi16(0x7ff)), zero));
    checks->fewer = _mm_add_epi32(checks->fewer, _mm_madd_epi16(fewer, _mm_set1_epi16(1)));
    checks->bad = _mm_or_si128(checks->bad, _mm_cmpeq_epi16(_mm_and_si128(characters, _mm_set1_epi16((short)0xf800)),
                                                            _mm_set1_epi16((short)0xd800)));
}

static ALWAYS_INLINE void
check_4(Checks *checks, __m128i characters)
{
    checks->fewer = _mm_add_epi32(checks->fewer, _mm_cmplt_epi32(characters, _mm_set1_epi32(0x80)));
    checks->fewer = _mm_add_epi32(checks->fewer, _mm_cmplt_epi32(characters, _mm_set1_epi32(0x800)));
    checks->fewer = _mm_add_epi32(checks->fewer, _mm_cmplt_epi32(characters, _mm_set1_epi32(0x10000)));
    checks->bad = _mm_or_si128(checks->bad, _mm_cmpgt_epi32(characters, _mm_set1_epi32(0x10ffff)));
    checks->bad = _mm_or_si128(checks->bad, _mm_cmpeq_epi32(_mm_and_si128(characters, _mm_set1_epi32(0xfffff800)),
                                                            _mm_set1_epi32(0xd800)));
}

/* Eight characters from eight words. */
static ALWAYS_INLINE void
join_8(void *to, const uint32_t *words, Checks *checks, const int width)
{
    __m128i low = join_4(load_16(words), width), high = join_4(load_16(words + 4), width), bias = _mm_set1_epi32(0x8000);

    if (width == 4) {
        check_4(checks, low);
        check_4(checks, high);
        store_16(to, low);
        store_16((char *)to + VECTOR, high);
    }
    else {
        /* The only way to make 16 bits of 32 looks at the sign. */
        low = _mm_add_epi16(_mm_packs_epi32(_mm_sub_epi32(low, bias), _mm_sub_epi32(high, bias)),
                            _mm_set1_epi16((short)0x8000));
        check_8(checks, low);
        store_8(to, low, width);
    }
}

/* The characters of `count` words, which were `bytes` bytes: -1 where one is none, or was written in more bytes than it
   takes.  There are words of 0 up to the next multiple of 8. */
static ALWAYS_INLINE int
join_words(char *to, const uint32_t *words, int count, Py_ssize_t bytes, const int width)
{
    uint32_t some[8];
    Checks checks = {_mm_setzero_si128(), _mm_setzero_si128()};
    int at, padded = (count + 7) & ~7;

    for (at = 0; at + 8 <= count; at += 8)
        join_8(to + at * width, words + at, &checks, width);
    if (at < count) {
        join_8(some, words + at, &checks, width);
        copy_short(to + at * width, some, (size_t)((count - at) * width));
    }
    checks.fewer = _mm_add_epi32(checks.fewer, _mm_srli_si128(checks.fewer, 8));
    checks.fewer = _mm_add_epi32(checks.fewer, _mm_srli_si128(checks.fewer, 4));
    /* What was added to fill up looks like characters of one byte. */
    if ((width == 4 ? 4 : 3) * padded + _mm_cvtsi128_si32(checks.fewer) - (padded - count) != bytes)
        return -1;
    return _mm_movemask_epi8(checks.bad) ? -1 : 0;
}

/* The word of a character of so many bytes that ends there. */
static ALWAYS_INLINE uint32_t
word_of(uint32_t bytes, int length)
{
    static const uint32_t kept[5] = {0, 0x7f000000, 0x3f1f0000, 0x3f3f0f00, 0x3f3f3f07};

    return bytes & kept[length];
}

/* Decode the characters between the bits of `starts`, the first of which is bit 0; the number of bytes to the last bit,
   or -1.  `at_start`: nothing before p may be read. */
static ALWAYS_INLINE int
fill_dense(char **to, const unsigned char *p, uint64_t starts, int at_start, const int width)
{
    uint32_t words[WINDOW + 8];
    int count = 0, before = 0, at;

    starts &= starts - 1;
    if (at_start) {
        for (; starts != 0 && (at = P5_CTZ64(starts)) < 4; starts &= starts - 1, before = at)
            words[count++] = word_of(get_u32le(p) << (8 * (4 - at)), at - before);
    }
    for (; starts != 0; starts &= starts - 1, before = at) {
        at = P5_CTZ64(starts);
        words[count++] = word_of(get_u32le(p + at - 4), at - before);
    }
    store_16(words + count, _mm_setzero_si128());
    store_16(words + count + 4, _mm_setzero_si128());
    if (join_words(*to, words, count, before, width) < 0)
        return -1;
    *to += count * width;
    return before;
}

/* Widen n bytes of ASCII; where `room` says so up to VECTOR - 1 more bytes may be read and characters written. */
static ALWAYS_INLINE void
widen_ascii(char *to, const unsigned char *p, Py_ssize_t n, int room, const int width)
{
    __m128i zero = _mm_setzero_si128(), v;

    if (room) {
        for (; n > 0; n -= VECTOR, p += VECTOR, to += VECTOR * width) {
            v = load_16(p);
            if (width == 1)
                store_16(to, v);
            else {
                store_8(to, _mm_unpacklo_epi8(v, zero), width);
                store_8(to + 8 * width, _mm_unpackhi_epi8(v, zero), width);
            }
        }
        return;
    }
    for (; n > 0; n--, p++, to += width) {
        if (width == 1)
            *to = (char)*p;
        else if (width == 2)
            *(Py_UCS2 *)(void *)to = *p;
        else
            *(Py_UCS4 *)(void *)to = *p;
    }
}

/* The same where few of them are not ASCII. */
static ALWAYS_INLINE int
fill_sparse(char **to, const char *to_end, const unsigned char *p, const unsigned char *end, uint64_t starts, uint64_t leads,
            int at_start, const int width)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    char *out = *to;
    int before = 0, at, next, count;
    uint64_t rest;
    uint32_t c;

    for (; leads != 0; leads &= leads - 1, before = next) {
        at = P5_CTZ64(leads);
        count = at - before;
        widen_ascii(out, p + before, count, (to_end - out) / width >= count + VECTOR && end - p >= at + VECTOR, width);
        out += count * width;
        rest = starts & ~((UINT64_C(2) << at) - 1);
        if (rest == 0) {
            *to = out;
            return at;
        }
        next = P5_CTZ64(rest);
        c = next < 4 && at_start ? get_u32le(p) << (8 * (4 - next)) : get_u32le(p + next - 4);
        c = (uint32_t)_mm_cvtsi128_si32(join_4(_mm_cvtsi32_si128((int)word_of(c, next - at)), width));
        if (c < least[next - at] || (c & 0xfffff800) == 0xd800 || c > 0x10ffff)
            return -1;
        if (width == 1)
            *out = (char)c;
        else if (width == 2)
            *(Py_UCS2 *)(void *)out = (Py_UCS2)c;
        else
            *(Py_UCS4 *)(void *)out = c;
        out += width;
    }
    at = end - p < WINDOW ? (int)(end - p) : WINDOW;
    count = at - before;
    widen_ascii(out, p + before, count, (to_end - out) / width >= count + VECTOR && end - p >= at + VECTOR, width);
    *to = out + count * width;
    return at;
}

static ALWAYS_INLINE int
count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int)((bits * UINT64_C(0x0101010101010101)) >> 56);
}

/* Eight characters of two bytes each: 1; 0 where these are none, -1 where one needs only one byte. */
static ALWAYS_INLINE int
fill_pairs(char *to, __m128i v, const int width)
{
    __m128i marks = _mm_and_si128(v, _mm_set1_epi16((short)0xc0e0)), low, high;

    if (_mm_movemask_epi8(_mm_cmpeq_epi16(marks, _mm_set1_epi16((short)0x80c0))) != 0xffff)
        return 0;
    low = _mm_and_si128(v, _mm_set1_epi16(0x1f));
    high = _mm_and_si128(_mm_srli_epi16(v, 8), _mm_set1_epi16(0x3f));
    if (_mm_movemask_epi8(_mm_cmplt_epi16(low, _mm_set1_epi16(2))))
        return -1;
    store_8(to, _mm_or_si128(_mm_slli_epi16(low, 6), high), width);
    return 1;
}

/* Four characters of three bytes each, in the first twelve; the same way. */
static ALWAYS_INLINE int
fill_triples(char *to, __m128i v, const unsigned char *p, const int width)
{
    __m128i kept = _mm_setr_epi32((int)0xf0c0c0f0, (int)0xc0f0c0c0, (int)0xc0c0f0c0, 0), wide, bad;
    __m128i marks = _mm_setr_epi32((int)0xe08080e0, (int)0x80e08080, (int)0x8080e080, 0);

    if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(v, kept), marks)) != 0xffff)
        return 0;
    v = _mm_setr_epi32((int)get_u32le(p), (int)get_u32le(p + 3), (int)get_u32le(p + 6), (int)get_u32le(p + 9));
    wide = _mm_or_si128(_mm_and_si128(_mm_srli_epi32(v, 16), _mm_set1_epi32(0x3f)),
                        _mm_or_si128(_mm_and_si128(_mm_srli_epi32(v, 2), _mm_set1_epi32(0xfc0)),
                                     _mm_and_si128(_mm_slli_epi32(v, 12), _mm_set1_epi32(0xf000))));
    bad = _mm_or_si128(_mm_cmplt_epi32(wide, _mm_set1_epi32(0x800)),
                       _mm_cmpeq_epi32(_mm_and_si128(wide, _mm_set1_epi32(0xf800)), _mm_set1_epi32(0xd800)));
    if (_mm_movemask_epi8(bad))
        return -1;
    if (width == 4)
        store_16(to, wide);
    else {
        wide = _mm_srai_epi32(_mm_slli_epi32(wide, 16), 16);
        _mm_storel_epi64((__m128i *)to, _mm_packs_epi32(wide, wide));
    }
    return 1;
}

/* Four characters of four bytes each; the same way. */
static ALWAYS_INLINE int
fill_fours(char *to, __m128i v)
{
    __m128i marks = _mm_and_si128(v, _mm_set1_epi32((int)0xc0c0c0f8)), wide, bad;

    if (_mm_movemask_epi8(_mm_cmpeq_epi32(marks, _mm_set1_epi32((int)0x808080f0))) != 0xffff)
        return 0;
    wide = _mm_or_si128(_mm_or_si128(_mm_and_si128(_mm_srli_epi32(v, 24), _mm_set1_epi32(0x3f)),
                                     _mm_and_si128(_mm_srli_epi32(v, 10), _mm_set1_epi32(0xfc0))),
                        _mm_or_si128(_mm_and_si128(_mm_slli_epi32(v, 4), _mm_set1_epi32(0x3f000)),
                                     _mm_and_si128(_mm_slli_epi32(v, 18), _mm_set1_epi32(0x1c0000))));
    bad = _mm_or_si128(_mm_cmplt_epi32(wide, _mm_set1_epi32(0x10000)), _mm_cmpgt_epi32(wide, _mm_set1_epi32(0x10ffff)));
    if (_mm_movemask_epi8(bad))
        return -1;
    store_16(to, wide);
    return 1;
}

/* Sixteen bytes that are all characters of one length, or nearly: how many bytes were taken, 0, or -1. */
static ALWAYS_INLINE int
fill_run(char **to, const unsigned char *p, const int width)
{
    __m128i v = load_16(p);
    int got;

    if (_mm_movemask_epi8(v) == 0) {
        widen_ascii(*to, p, VECTOR, 1, width);
        *to += VECTOR * width;
        return VECTOR;
    }
    got = fill_pairs(*to, v, width);
    if (got != 0) {
        *to += VECTOR / 2 * width;
        return got * VECTOR;
    }
    got = width > 1 ? fill_triples(*to, v, p, width) : 0;
    if (got != 0) {
        *to += 4 * width;
        return got * 12;
    }
    got = width > 2 ? fill_fours(*to, v) : 0;
    *to += got * 4 * width;
    return got * VECTOR;
}

/* Fill a str of `length` characters of `width` bytes, as utf8_measure found them: -1 where the bytes are not valid. */
static ALWAYS_INLINE int
utf8_fill(void *text, Py_ssize_t length, const unsigned char *p, Py_ssize_t size, const int width)
{
    const unsigned char *start = p, *end = p + size;
    char *to = text, *to_end = to + length * width;
    uint64_t starts, leads;
    Marks marks;
    int got, last;

    for (; p < end; p += got) {
        got = end - p >= VECTOR ? fill_run(&to, p, width) : 0;
        if (got < 0)
            return -1;
        if (got > 0)
            continue;
        last = end - p < WINDOW;
        mark_window(&marks, p, last ? end - p : WINDOW, width);
        if (!marks_agree(&marks, width))
            return -1;
        leads = marks.high & ~marks.tails;
        starts = ~marks.tails;
        if (last)
            starts &= (UINT64_C(2) << (end - p)) - 1;
        if (count_bits(leads) * SPARSE <= (last ? (int)(end - p) : WINDOW))
            got = fill_sparse(&to, to_end, p, end, starts, leads, p == start, width);
        else
            got = fill_dense(&to, p, starts, p == start, width);
        if (got < 0)
            return -1;
    }
    return 0;
}

#endif
#endif
