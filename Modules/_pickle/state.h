/* state.h - what one instance of the module holds.

   There are no static Python objects: everything lives in State, one per module object and so one per interpreter.
   Each field stands once, in one of the lists below; state.c expands them into the struct's traverse and clear.
   A Pickler or Unpickler finds its State when it is created (state_of_type) and keeps the pointer: its type keeps the
   module alive. */
#ifndef P5_STATE_H
#define P5_STATE_H

#include "compat.h"
#include "macros.h"

/* Types of ours, but PickleBuffer from 3.8 on. */
#define STATE_TYPES(X) \
    X(Pickler) \
    X(Unpickler) \
    X(PicklerMemo) \
    X(UnpicklerMemo) \
    X(PickleBuffer)

/* Objects of the interpreter, taken when the module is made. */
#define STATE_OBJECTS(X) \
    X(PickleError) \
    X(PicklingError) \
    X(UnpicklingError) \
    X(dispatch_table)         /* copyreg.dispatch_table: {type: reduce function} */ \
    X(extension_registry)     /* copyreg._extension_registry: {(module, name): code} */ \
    X(inverted_registry)      /* copyreg._inverted_registry: {code: (module, name)} */ \
    X(extension_cache)        /* copyreg._extension_cache: {code: object} */ \
    X(names_2to3)             /* _compat_pickle.NAME_MAPPING: {(module, name): (module, name)} */ \
    X(imports_2to3)           /* _compat_pickle.IMPORT_MAPPING: {module: module} */ \
    X(names_3to2)             /* _compat_pickle.REVERSE_NAME_MAPPING */ \
    X(imports_3to2)           /* _compat_pickle.REVERSE_IMPORT_MAPPING */ \
    X(codecs_encode)          /* codecs.encode: how bytes are written below protocol 3 */ \
    X(partial)                /* functools.partial: NEWOBJ_EX below protocol 4 */ \
    X(builtin_import)         /* builtins.__import__ */ \
    X(builtin_getattr)        /* builtins.getattr: nested names below protocol 4 */ \
    X(gc_enable)              /* gc's functions: up to 3.9 the only way to the collector's switch */ \
    X(gc_disable) \
    X(gc_isenabled) \
    X(object_reduce_ex)       /* object.__reduce_ex__, the descriptor */ \
    X(object_reduce)          /* object.__reduce__ */ \
    X(object_class)           /* the descriptor of object.__class__ */ \
    X(object_getstate)        /* object.__getstate__; NULL before 3.11 */ \
    X(newobj)                 /* copyreg.__newobj__ */ \
    X(type_name)              /* the descriptors of type.__name__ and type.__getattribute__ */ \
    X(type_getattribute) \
    X(known_functions)        /* {name: function}, made when first needed; see known.c */ \
    X(enum_code)              /* the code of an Enum's __reduce_ex__ that was found to do what is known */ \
    X(enum_call)              /* what calls an Enum, and its __new__, when first needed, and their code; see known.c */ \
    X(enum_call_code) \
    X(enum_new) \
    X(enum_new_code) \
    X(uuid_getstate_code)     /* the code of UUID's functions, when first needed, and what they look up; see uuids.c */ \
    X(uuid_setstate_code) \
    X(uuid_tried)             /* the code that was looked at last */ \
    X(safe_uuid) \
    X(uuid_unknown) \
    X(datetime_capsule)       /* that of datetime's own functions in C; since one of its types was met */ \
    X(tuple_new)              /* tuple.__new__ */ \
    X(empty_tuple)            /* the one and only */ \
    X(one_argument)           /* the tuple that Decimals are made from, when first needed; see load_calls.c */ \
    X(unmade_dict)            /* stands on the unpickler's stack for a dict that need not be made */

/* Interned strings, as st->s_NAME. */
#define STATE_STRINGS(X) \
    X(SafeUUID) \
    X(__builtins__) \
    X(__call__) \
    X(__class__) \
    X(__dict__) \
    X(__getattribute__) \
    X(__getinitargs__) \
    X(__getnewargs__) \
    X(__getnewargs_ex__) \
    X(__getstate__) \
    X(__import__) \
    X(__main__) \
    X(__module__) \
    X(__mp_main__) \
    X(__name__) \
    X(__new__) \
    X(__newobj__) \
    X(__newobj_ex__) \
    X(__notes__) \
    X(__qualname__) \
    X(__reduce__) \
    X(__reduce_ex__) \
    X(__setstate__) \
    X(__slotnames__) \
    X(__spec__) \
    X(_initializing) \
    X(_tuple_new) \
    X(_value2member_map_) \
    X(_value_) \
    X(co_argcount) \
    X(co_code) \
    X(co_consts) \
    X(co_freevars) \
    X(co_kwonlyargcount) \
    X(co_names) \
    X(add) \
    X(append) \
    X(bytes) \
    X(dispatch_table) \
    X(extend) \
    X(find_class) \
    X(int) \
    X(is_safe) \
    X(latin1) \
    X(object) \
    X(peek) \
    X(persistent_id) \
    X(persistent_load) \
    X(read) \
    X(readinto) \
    X(readline) \
    X(reducer_override) \
    X(unknown) \
    X(write)

/* What typeinfo.c has found out about a type. */
enum type_form {
    TYPE_UNKNOWN,
    TYPE_GENERAL,             /* ask the object for its reduce value */
    TYPE_CANDIDATE,           /* nothing in it departs from object's ways, but copyreg has not passed it yet */
    TYPE_UNTAGGED_ENUM,       /* an Enum that has no version tag: what it is must be found out again for each member */
    TYPE_ASKED,               /* what its __reduce_ex__ would ask it for is known: the engine asks itself */
    TYPE_PLAIN,               /* its instances are written straight from their dict and slots */
    TYPE_DATETIME,            /* the types of the datetime module, written straight from their fields */
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMEDELTA
};

/* What an object of TYPE_ASKED is asked for. */
enum asks {
    ASKS_ARGUMENTS = 1,       /* its __getnewargs__ */
    ASKS_STATE = 2,           /* its __getstate__ */
    ASKS_REDUCE = 4,          /* its __reduce__, and nothing else */
    ASKS_ITEMS = 8,           /* the items of a namedtuple, which its __getnewargs__ would give */
    ASKS_TEXT = 64,           /* with ASKS_REDUCE: it is Decimal, whose __reduce__ gives its text */
    ASKS_UUID = 32,           /* with ASKS_STATE: its __getstate__ is that of UUID */
    ASKS_VALUE = 16           /* the value of an Enum's member, which its __reduce_ex__ would give */
};

typedef struct {
    PyTypeObject *type;       /* borrowed: compared, never used */
    unsigned int version;     /* the type's version tag; another one means that the type has changed; 0: it has none */
    unsigned char form;       /* enum type_form */
    unsigned char asks;       /* TYPE_ASKED and candidates for it: enum asks, added up */
    PyObject *slots;          /* TYPE_PLAIN: copyreg's list of the names of its slots */
} TypeInfo;

enum { TYPE_INFOS = 128 };    /* a power of two */

/* What load_build.c has found out about a type. */
typedef struct {
    PyTypeObject *type;       /* borrowed: compared, never used */
    unsigned int version;
    unsigned int ways;        /* enum build_ways */
} BuildInfo;

enum { BUILD_INFOS = 64 };    /* a power of two */

/* What known.c has found out about the code of a __new__. */
typedef struct {
    PyObject *code;
    Py_ssize_t fields;        /* it makes a namedtuple of this many; -1: something else */
} KnownCode;

enum { KNOWN_CODES = 128 };   /* a power of two */

/* A global as pickles name it, in interned strings, whose hashes are known. */
typedef struct {
    PyObject *module_name;
    PyObject *package;        /* what the module's name has before its first dot; NULL: it has none */
    PyObject *name;
} GlobalNames;

enum { GLOBAL_NAMES = 64 };   /* a power of two */

typedef struct {
    TypeInfo type_infos[TYPE_INFOS];
    unsigned int safe_uuid_version;     /* of the type safe_uuid, when it was looked at */
    size_t last_size;         /* of the last pickle that dumps() made, in bytes */
    int stands_in;            /* loaded as "_pickle", in the place of the interpreter's own: see pickle5/_install.py */
    int default_protocol;     /* where nothing is said */
    int highest_protocol;     /* what a negative number stands for */
    BuildInfo build_infos[BUILD_INFOS];
    KnownCode known_codes[KNOWN_CODES];
    GlobalNames global_names[GLOBAL_NAMES];
#define X(name) PyTypeObject *name##_Type;
    STATE_TYPES(X)
#undef X
#define X(name) PyObject *name;
    STATE_OBJECTS(X)
#undef X
#define X(name) PyObject *s_##name;
    STATE_STRINGS(X)
#undef X
} State;

/* state.c */
ROOM int state_init(PyObject *module, State *st);
/* An attribute of the module of that name, of the type given if one is; a new reference, or NULL. */
ROOM PyObject *import_from(const char *module_name, const char *attribute, PyTypeObject *type);
ROOM int state_traverse(State *st, visitproc visit, void *arg);
ROOM void state_clear(State *st);
/* Make a type of ours that state_of_type can be asked about; a new reference, or NULL. */
ROOM PyTypeObject *make_type(PyObject *module, PyType_Spec *spec);
/* The State behind a type that make_type made, or a subclass of it; `traverse` is the traverse function of the type
   that was made.  NULL with TypeError set where there is none. */
ROOM State *state_of_type(PyTypeObject *type, traverseproc traverse);

#endif
