/* unpickler.h - the unpickler's data, and what its rooms offer each other. */
#ifndef P5_UNPICKLER_H
#define P5_UNPICKLER_H

#include "state.h"
#include "errors.h"
#include "reader.h"
#include "stack.h"
#include "unpickler_memo.h"
#include "plan.h"
#include "rows.h"

enum { FRESH_INSTANCES = 8, NAME_CACHE = 64 };

/* A str of the pickle that names an attribute, and the interned one that stands for it; both are owned. */
typedef struct {
    PyObject *key;
    PyObject *name;
    int dunder;                   /* it begins with two underscores */
} NameEntry;

enum encoding {
    ENCODING_OTHER,
    ENCODING_ASCII,
    ENCODING_BYTES              /* Python 2's str is read as bytes */
};

/* Everything one load needs.  An Unpickler object holds one; loads() and load() keep theirs on the C stack. */
typedef struct {
    State *st;
    Reader in;
    Stack stack;
    UnpicklerMemo memo;
    Plan plan;
    Rows rows;
    int protocol;                 /* as PROTO said; 0 before */
    int fix_imports;              /* Python 2 names below protocol 3 */
    int busy;                     /* a load is under way */
    int gc_wanted;                /* see gc_hold.h */
    int gc_held;
    int fresh_count;              /* instances without attributes: see gc_hold.h */
    int name_count;               /* entries of names */
    PyTypeObject *known_tuple;    /* compared with: a namedtuple's class, with so many fields; see load_calls.c */
    Py_ssize_t known_fields;
    Py_ssize_t calls_unmade;      /* arguments that the memo lacks, all below this number: */
    Py_ssize_t calls_end;
    int raised;                   /* the pending exception is the engine's own, and may say where in the pickle */
    enum encoding encoding_kind;
    const char *encoding;         /* how Python 2's str is decoded */
    const char *errors;
    int opcode;                   /* the opcode at work, while functions are called for it, and its place */
    Py_ssize_t opcode_offset;
    PyObject *buffers;            /* iterator over the out-of-band buffers, or NULL */
    PyObject *object;             /* the Unpickler whose find_class must be called, or NULL; borrowed */
    PyObject *persistent_load;    /* the hook of this load, or NULL */
    const PyObject *fresh[FRESH_INSTANCES];   /* only compared with */
    NameEntry names[NAME_CACHE];
    unsigned char name_index[2 * NAME_CACHE];   /* by address: the entry's place plus one; set from the first name on */
} Unpickler;

typedef struct {
    PyObject_HEAD
    Unpickler core;
    PyObject *persistent_load;    /* the attribute, where one was set on the instance */
    char *encoding;               /* the memory behind core.encoding and core.errors */
    char *errors;
    int ready;                    /* __init__ succeeded */
} UnpicklerObject;

/* Raise an exception of the engine's own; -1. */
#define load_fail(u, ...) ((u)->raised = 1, fail(__VA_ARGS__))

/* The functions below carry out one opcode each, if nothing else is said: its argument has been read or is read by
   them, and the stack is theirs to change.  0, or -1 with an exception. */

/* load_atoms.c */
/* Python 2's str, under the encoding that was chosen; a new reference. */
ROOM PyObject *decode_python2(Unpickler *u, const char *data, Py_ssize_t size);
/* A str from UTF-8 that is not all ASCII; lone surrogates may stand in it.  A new reference. */
ROOM PyObject *decode_non_ascii(Unpickler *u, const unsigned char *data, Py_ssize_t size);
/* A two's complement little-endian int of any size; a new reference. */
ROOM PyObject *decode_int(const unsigned char *data, Py_ssize_t size);
/* long_text.c: the str of `size` bytes that come next, and must be read from a file; a new reference. */
ROOM PyObject *read_long_text(Unpickler *u, Py_ssize_t size);
ROOM int load_int(Unpickler *u);
ROOM int load_long(Unpickler *u);
ROOM int load_counted_long(Unpickler *u, int width);
ROOM int load_float(Unpickler *u);
ROOM int load_string(Unpickler *u);
ROOM int load_counted_string(Unpickler *u, int width);
ROOM int load_unicode(Unpickler *u);
ROOM int load_counted_unicode(Unpickler *u, int width);
ROOM int load_counted_bytes(Unpickler *u, int width);
ROOM int load_bytearray8(Unpickler *u);
ROOM int load_get(Unpickler *u);
ROOM int load_put(Unpickler *u);

/* load_containers.c */
ROOM int load_tuple(Unpickler *u);
ROOM int load_list(Unpickler *u);
ROOM int load_dict(Unpickler *u);
ROOM int load_empty_set(Unpickler *u);
ROOM int load_frozenset(Unpickler *u);
ROOM int load_append(Unpickler *u);
ROOM int load_appends(Unpickler *u);
ROOM int load_setitem(Unpickler *u);
ROOM int load_setitems(Unpickler *u);
/* The pairs from `first` up go into the container under them. */
ROOM int set_items(Unpickler *u, PyObject **first);
ROOM int load_additems(Unpickler *u);
/* What the stack lacks: a mark in the way, or objects. */
ROOM int stack_underflow(Unpickler *u);
ROOM int no_mark(Unpickler *u);

/* hash_depth.c: RecursionError where hashing this object would overflow the C stack inside the interpreter, or what a call
   hashes of its arguments. */
ROOM int check_hash_depth(Unpickler *u, PyObject *key);
ROOM int check_what_call_hashes(Unpickler *u, PyObject *callable, PyObject *const *arguments, Py_ssize_t count);

/* load_objects.c */
ROOM int load_reduce(Unpickler *u);
ROOM int load_newobj(Unpickler *u);
ROOM int load_newobj_ex(Unpickler *u);
ROOM int load_inst(Unpickler *u);
ROOM int load_obj(Unpickler *u);
ROOM int load_persid(Unpickler *u);
ROOM int load_binpersid(Unpickler *u);
ROOM int load_next_buffer(Unpickler *u);
ROOM int load_readonly_buffer(Unpickler *u);

/* load_calls.c */
/* `size` bytes, the opcode SHORT_BINBYTES before them, come after a class: if it is called with them, make the object.  1: done;
   0: it is for the opcodes to do, and nothing has happened; -1: error. */
ROOM int load_packed(Unpickler *u, const unsigned char *data, Py_ssize_t size);
/* The objects from `args` up become a tuple: if a class below it is called with it, but above `fence`, make the object.  The
   same results. */
ROOM int load_call(Unpickler *u, PyObject **args, PyObject **fence);
/* The collector is free and this type is about to be called: if it is Decimal, load_call will know the next one. */
ROOM void know_decimal(Unpickler *u, PyTypeObject *type);
/* Does a call come after the opcode before p, which made a tuple?  Likely, if so. */
static ALWAYS_INLINE int
call_follows(const unsigned char *p, const unsigned char *end)
{
    int opcode;

    if (UNLIKELY(end - p < 8))
        return 0;
    opcode = LIKELY(*p == OP_MEMOIZE) ? p[1] : *p == OP_BINPUT ? p[2] : *p == OP_LONG_BINPUT ? p[5] : OP_STOP;
    return opcode == OP_REDUCE || opcode == OP_NEWOBJ;
}
/* The tuple or bytes that the memo should have under this number for such a call; borrowed.  NULL where there is none, or with
   an exception. */
ROOM PyObject *find_arguments(Unpickler *u, Py_ssize_t number);
/* Put all of them into the memo. */
ROOM int make_all_arguments(Unpickler *u);

/* load_build.c */
ROOM int load_build(Unpickler *u);
/* SETITEMS where a dict was not made, for the plan says that BUILD comes next: the pairs from `first` up are the state. */
ROOM int load_unmade_state(Unpickler *u, PyObject **first);
ROOM void forget_names(Unpickler *u);
/* What is known of giving a type's instances their attributes; runs no foreign code. */
enum build_ways {
    BUILD_ORDINARY = 1,         /* attributes are found the ordinary way, and there is no __setstate__ in the type */
    BUILD_DICT = 2,             /* and its __dict__ is the one that classes have by themselves */
    BUILD_SLOTS = 4,            /* ordinary, and attributes are set the ordinary way too */
    BUILD_FREE_NAMES = 8        /* nothing in the type would stand in the way of setting an attribute, if its name does
                                   not begin with two underscores */
};
ROOM unsigned int build_ways(Unpickler *u, PyTypeObject *type);
ROOM int is_dunder(PyObject *name);
/* Where in its instances a type has the slot of this name; 0 where it is none, or none that anybody may set. */
ROOM Py_ssize_t find_slot(PyTypeObject *type, PyObject *name);

/* shapes.c */
ROOM void shape_clear(Shape *shape);
/* The shape of instances of this type with these names, found or made; NULL where there can be none, without an exception. */
ROOM Shape *find_shape(Unpickler *u, PyTypeObject *type, PyObject **keys, int count, int paired);
/* Give a new instance its attributes; the references to the values are taken, also when it fails. */
ROOM int set_attributes(Unpickler *u, Shape *shape, PyObject *instance, PyObject **values);

/* rows.c */
/* NEWOBJ has pushed a plain instance: if a flat state follows, read it too.  1: done, the instance has its state; 0: not
   all of it, and the opcodes at pos come next; -1: error. */
ROOM int load_row(Unpickler *u);
/* The state of such an instance, which the memo should have under this number; borrowed.  NULL where there is none, or with
   an exception. */
ROOM PyObject *find_row_state(Unpickler *u, Py_ssize_t number);
/* Foreign code is about to run that can reach objects of this load. */
ROOM void settle_rows(Unpickler *u);
ROOM void rows_clear(Rows *rows);
/* An opcode begins at pos, and no row has come since: settle_rows may look ahead from here. */
static ALWAYS_INLINE void
rows_end_here(Unpickler *u)
{
    u->rows.end = u->in.offset + (u->in.pos - u->in.base);
    u->rows.end_number = u->memo.count;
}

/* find_class.c */
ROOM int load_global(Unpickler *u);
ROOM int load_stack_global(Unpickler *u);
ROOM int load_extension(Unpickler *u, int width);
/* Unpickler.find_class as it is where nobody overrides it; and through the override; a new reference. */
ROOM PyObject *find_class(Unpickler *u, PyObject *module_name, PyObject *name);
ROOM PyObject *find_global(Unpickler *u, PyObject *module_name, PyObject *name);

/* load.c */
/* Run the machine to STOP; the object, or NULL. */
ROOM PyObject *run_machine(Unpickler *u);
/* Put an object into the memo where that takes more than a store: there is a plan, or no free slot. */
ROOM int put_slowly(Unpickler *u, Py_ssize_t number, PyObject *object);
/* The same for the next number. */
static ALWAYS_INLINE int
put_next(Unpickler *u, PyObject *object)
{
    UnpicklerMemo *memo = &u->memo;

    if (UNLIKELY(memo->count >= memo->open || memo->slots[memo->count] != NULL))
        return put_slowly(u, memo->count, object);
    memo->slots[memo->count++] = Py_NewRef(object);
    return 0;
}
/* What GET finds, borrowed; NULL with an exception where there is nothing. */
ROOM PyObject *get_slowly(Unpickler *u, Py_ssize_t number);

/* unpickler.c */
ROOM PyObject *pickle_load(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM PyObject *pickle_loads(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM int add_unpickler(PyObject *module, State *st);
ROOM int no_persistent_load(State *st);

/* unpickler_proxy.c: the type of Unpickler.memo. */
ROOM int add_unpickler_memo(PyObject *module, State *st);
ROOM PyObject *new_unpickler_memo_proxy(UnpicklerObject *unpickler);
ROOM int assign_unpickler_memo(UnpicklerObject *unpickler, PyObject *value);

#endif
