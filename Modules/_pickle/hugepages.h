/* hugepages.h - fresh memory for one large object, in huge pages where the system gives them for the asking.

   Filling tens of megabytes of fresh memory costs more in page faults than in copying.  Linux backs a range with huge
   pages after madvise(), if that comes before the first touch; elsewhere this does nothing. */
#ifndef P5_HUGEPAGES_H
#define P5_HUGEPAGES_H

#include "compat.h"
#include "macros.h"

#if defined(__linux__)
#  include <sys/mman.h>
#endif
#ifndef MADV_HUGEPAGE
#  define MADV_HUGEPAGE 14      /* the header hides it from strict C99 */
#endif

enum { WORTH_HUGE_PAGES = 4 * 1024 * 1024 };

static inline void
ask_for_huge_pages(void *memory, size_t size)
{
#if defined(__linux__)
    const uintptr_t page = 4096;
    uintptr_t first = ((uintptr_t)memory + page - 1) & ~(page - 1), end = ((uintptr_t)memory + size) & ~(page - 1);

    if (size >= WORTH_HUGE_PAGES && end > first)
        (void)madvise((void *)first, (size_t)(end - first), MADV_HUGEPAGE);
#else
    (void)memory;
    (void)size;
#endif
}

/* Fill memory that has not been touched yet. */
static inline void
copy_to_fresh(void *to, const void *from, size_t size)
{
    ask_for_huge_pages(to, size);
    memcpy(to, from, size);
}

#endif
