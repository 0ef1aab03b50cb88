/* datetime_types.h - the layout of the datetime module's objects.  The interpreter's header declares a pointer that we
   have no use for: the capsule is kept in the module's state, so that nothing is shared between interpreters. */
#ifndef P5_DATETIME_TYPES_H
#define P5_DATETIME_TYPES_H

#include "compat.h"
#include "macros.h"
#include <datetime.h>

static UNUSED inline const void *
unused_datetime_pointer(void)
{
    return &PyDateTimeAPI;
}

#endif
