/* typeinfo.h - what is known of the types whose instances are pickled, kept from dump to dump in the module's state. */
#ifndef P5_TYPEINFO_H
#define P5_TYPEINFO_H

#include "state.h"

/* typeinfo.c */
/* What is known of a type; found out anew where it is not known or the type has changed since, which may
   import a module.  Never NULL; valid until the next call. */
ROOM TypeInfo *find_type_info(State *st, PyTypeObject *type);
/* The place for what is known of a type, whether it is about that type or not. */
static ALWAYS_INLINE TypeInfo *
type_info_place(State *st, PyTypeObject *type)
{
    uintptr_t address = (uintptr_t)type;
    return &st->type_infos[(address >> 4 ^ address >> 11) % TYPE_INFOS];
}

/* Is what stands there about this type, as it is now?  Of a type without a version tag it says what holds whatever became
   of the type since, even if another one has its address. */
static ALWAYS_INLINE int
type_info_is_about(const TypeInfo *info, PyTypeObject *type)
{
    return info->type == type && info->version == P5_TypeVersion(type);
}

/* Has a type the ways of an Enum?  No version tag is needed, but the type must be held: foreign code may run. */
ROOM int is_enum_now(State *st, PyTypeObject *type);

/* copyreg has made `value` from an instance of a candidate: is it what a plain instance gives? */
ROOM void type_info_prove(State *st, TypeInfo *info, PyTypeObject *type, PyObject *value);

#endif
