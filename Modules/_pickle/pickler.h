/* pickler.h - the pickler's data, and what its rooms offer each other. */
#ifndef P5_PICKLER_H
#define P5_PICKLER_H

#include "state.h"
#include "errors.h"
#include "writer.h"
#include "memo.h"
#include "walks.h"
#include "picklebuffer.h"
#include "typeinfo.h"

/* Everything one dump needs.  A Pickler object holds one; dumps() and dump() keep theirs on the C stack. */
typedef struct {
    State *st;
    Writer out;
    Memo memo;
    Walks walks;
    int protocol;
    int bin;                      /* protocol 1 on */
    int fast;                     /* no memo; cycles are an error */
    int fix_imports;              /* Python 2 names below protocol 3 */
    int busy;                     /* a dump is under way */
    int fast_depth;               /* open lists and dicts in fast mode */
    Py_ssize_t open_reduces;      /* reduce values and persistent ids that are open now */
    Py_ssize_t max_open_reduces;  /* and how many may be: what stops a __reduce__ that never ends */
    /* How often each kind of late owner (memo.c) was visited: what has not been visited since cannot have been numbered
       since.  Setting the memo counts as a visit. */
    size_t tuple_visits;
    size_t frozenset_visits;
    size_t reduce_visits;
    struct {                      /* the Enum without a version tag that was looked at last (save_instance.c) */
        PyTypeObject *type;
        PyObject *in;             /* in this container; NULL where it must be looked at again */
        size_t foreign;           /* the memo's `foreign` and the visits then */
        size_t visits;
    } members;
    Py_ssize_t countdown;         /* steps until signals are looked for */
    PyObject *persistent_id;      /* the hooks of this dump, or NULL */
    PyObject *reducer_override;
    PyObject *table;              /* the dispatch table of this dump, or NULL for copyreg's */
    PyObject *buffer_callback;
    PyObject *fast_open;          /* set of the ids of open lists and dicts, in fast mode */
    PyObject *dispatch_table;     /* the attribute */
} Pickler;

typedef struct {
    PyObject_HEAD
    Pickler core;
    PyObject *persistent_id;      /* the attribute, where one was set on the instance */
    int ready;                    /* __init__ succeeded */
} PicklerObject;

/* What came of writing one object. */
enum saved {
    SAVE_ERROR = -1,
    SAVED = 0,                    /* it is written, and the stack of walks was not touched */
    SAVE_PUSHED = 1               /* a walk that will write it is on top of the stack: return to the loop */
};

/* More than any real data nests; a __reduce__ that never ends stays below a gigabyte. */
#define DEFAULT_MAX_OPEN_REDUCES 1250000
/* Steps of the loop between two looks for signals. */
#define SIGNAL_INTERVAL (1 << 18)

/* The plain part of a dump is over: foreign code will run, or there will be objects that only the pickler holds. */
static ALWAYS_INLINE void
end_plain(Pickler *p)
{
    if (p->memo.borrows)
        memo_stop_borrowing(&p->memo);
}

/* Foreign code runs, or may have run: what the memo knows of reference counts is no longer sure. */
static ALWAYS_INLINE void
ran_foreign(Pickler *p)
{
    P5_ASSERT(!p->memo.borrows || p->memo.used == 0);
    p->memo.foreign++;
}

/* What was read of an object before foreign code ran that wrote nothing to this pickle: may it still be logged (memo.c)?  Only if
   it takes its number before another object is looked for in the memo. */
static ALWAYS_INLINE int
still_unique(const Pickler *p, PyObject *obj, int unique)
{
    PyTypeObject *type = Py_TYPE(obj);

    return unique && !p->memo.assigned
        && (type == &PyUnicode_Type || type == &PyList_Type || type == &PyDict_Type || type == &PySet_Type || type == &PyBytes_Type);
}

/* A child that waits while another is written: note whether one edge owns it. */
static ALWAYS_INLINE void
note_waiting(const Pickler *p, Walk *walk, int unique)
{
    walk->child_unique = (unsigned char)unique;
    walk->foreign = (uint32_t)p->memo.foreign;
}

/* And is it still sure?  If foreign code ran, the child may have been written, and numbered, as part of the other. */
static ALWAYS_INLINE int
waiting_is_unique(const Pickler *p, const Walk *walk)
{
    return walk->child_unique && walk->foreign == (uint32_t)p->memo.foreign;
}

/* Does one edge own the tuple or frozenset that is open, and has no foreign code run since that was read? */
static ALWAYS_INLINE int
owner_is_fresh(const Pickler *p, const Walk *walk)
{
    return walk->unique && walk->foreign == (uint32_t)p->memo.foreign;
}

/* May it and its contents be logged?  If foreign code ran, as long as the log has not been hashed since. */
static ALWAYS_INLINE int
owner_is_unique(const Pickler *p, const Walk *walk)
{
    return walk->unique && (walk->foreign == (uint32_t)p->memo.foreign
        || (!p->memo.assigned && (int32_t)(walk->foreign - (uint32_t)p->memo.foreign_hashed) >= 0));
}

/* Nothing that the engine does on its own can run foreign code before the next `limit`: no hook, no file's write. */
static ALWAYS_INLINE int
is_quiet(const Pickler *p)
{
    return writer_is_quiet(&p->out);
}

/* save_atoms.c: objects without parts.  Those with a memo number take `unique`: one edge alone owns the object. */
ROOM int save_bool(Pickler *p, PyObject *obj);
ROOM int save_int(Pickler *p, PyObject *obj);
ROOM Py_ssize_t save_int_run(Pickler *p, PyObject *const *items, Py_ssize_t at, Py_ssize_t end);
ROOM int save_float(Pickler *p, PyObject *obj);
ROOM int save_str(Pickler *p, PyObject *obj, int unique);
ROOM int save_bytes_data(Pickler *p, PyObject *obj, const char *data, Py_ssize_t size);
/* Number an object and write the opcode for it. */
ROOM int memoize(Pickler *p, PyObject *obj, int unique);
/* Write the opcode that fetches a numbered object; save_get() in save_inline.h has the shortest form. */
ROOM int save_long_get(Pickler *p, Py_ssize_t position);
/* If the object has a number, write the opcode that fetches it: 1; 0 if it has none; -1 on error. */
ROOM int save_known(Pickler *p, PyObject *obj);

/* save_buffers.c */
ROOM enum saved save_bytes(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_bytearray(Pickler *p, PyObject *obj, int unique);
ROOM int save_picklebuffer(Pickler *p, PyObject *obj, int unique);

/* save_containers.c: open a walk, and go on with it. */
ROOM enum saved save_list(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_dict(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_tuple(Pickler *p, PyObject *obj, int unique);
/* The same for a tuple that was seen to be unique when the memo's `foreign` was this, before foreign code ran. */
ROOM enum saved save_tuple_seen(Pickler *p, PyObject *obj, size_t foreign);
ROOM enum saved save_set(Pickler *p, PyObject *obj, int unique);
ROOM enum saved save_frozenset(Pickler *p, PyObject *obj, int unique);
ROOM int step_list(Pickler *p);
ROOM int step_dict(Pickler *p);
ROOM int step_tuple(Pickler *p);
ROOM int step_set(Pickler *p);
ROOM int step_frozenset(Pickler *p);
/* End the walk over a list or dict. */
ROOM int leave_container(Pickler *p);

/* save_items.c: the iterators of a reduce value, and of lists and dicts in protocol 0. */
ROOM enum saved save_list_items(Pickler *p, PyObject *owner, PyObject *iterator);
ROOM enum saved save_dict_items(Pickler *p, PyObject *owner, PyObject *iterator);
ROOM int step_list_items(Pickler *p);
ROOM int step_dict_items(Pickler *p);
ROOM int step_pair(Pickler *p);

/* save_global.c */
/* A qualified name as it can be looked up: private parts mangled. */
ROOM PyObject *lookup_name(PyObject *qualname);
ROOM enum saved save_global(Pickler *p, PyObject *obj, PyObject *name);
ROOM enum saved save_type(Pickler *p, PyObject *obj);
ROOM int step_global(Pickler *p);
ROOM int step_nested_global(Pickler *p);

/* save_instance.c */
/* Write an object of a type that is known well (typeinfo.c) without asking it for a reduce value: 1 if it is one and
   *saved says how it went, 0 if it is to be asked. */
ROOM int save_known_type(Pickler *p, PyObject *obj, int unique, enum saved *saved);
ROOM int step_instance(Pickler *p);
ROOM void note_instance(Pickler *p, const Walk *walk);

/* save_datetime.c: the same for the datetime module's types, whose class is in the memo, or not yet; -1 on error. */
ROOM int save_datetime(Pickler *p, PyObject *obj, int unique, Py_ssize_t class_position, enum type_form form,
                       enum saved *saved);
ROOM int save_first_datetime(Pickler *p, PyObject *obj, enum type_form form, enum saved *saved);
ROOM int step_datetime(Pickler *p);

/* save_reduce.c */
/* Count a reduce value or persistent id that is opened; RecursionError past the bound. */
ROOM int open_reduce(Pickler *p);
ROOM enum saved save_by_reduce(Pickler *p, PyObject *obj, int unique);
/* Write a reduce value made by the engine: callable(*args); steals nothing.  `obj` may be NULL: no memo number. */
ROOM enum saved save_call(Pickler *p, PyObject *obj, PyObject *callable, PyObject *args);
ROOM int step_reduce(Pickler *p);
/* The notes of a walk over a reduce value. */
ROOM void note_reduce(Pickler *p, const Walk *walk);

/* save.c; save() itself is in save_inline.h. */
/* The boundary before an object where there is something to do, and then the object. */
ROOM enum saved save_slowly(Pickler *p, PyObject *obj, int unique);
/* An object that is no str, int, float or None. */
ROOM enum saved save_object(Pickler *p, PyObject *obj, int unique);

/* The boundary before an object that does not come by save().  With a file, end_plain() was called: write() is foreign code. */
ROOM int pass_boundary(Pickler *p);
/* Write an object without asking persistent_id. */
ROOM enum saved save_no_pid(Pickler *p, PyObject *obj, int unique);
ROOM int step_persid(Pickler *p);
/* Count steps, and look for signals now and then. */
ROOM int tick(Pickler *p, Py_ssize_t steps);
/* Write a whole pickle of `obj` to p->out. */
ROOM int dump_object(Pickler *p, PyObject *obj);

/* notes.c: tell where in the object graph the pending exception arose, from the open walks. */
ROOM void note_open_walks(Pickler *p);

/* pickler.c */
ROOM void pickler_init(Pickler *p, State *st);
ROOM void pickler_clear(Pickler *p);
ROOM PyObject *pickle_dump(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM PyObject *pickle_dumps(PyObject *module, P5_Args args, Py_ssize_t nargs, PyObject *kwnames);
ROOM int pickler_traverse(PyObject *self, visitproc visit, void *arg);
ROOM int add_pickler(PyObject *module, State *st);

/* pickler_memo.c */
ROOM PyObject *pickler_get_memo(PyObject *self, void *closure);
ROOM int pickler_set_memo(PyObject *self, PyObject *value, void *closure);
ROOM int add_pickler_memo(PyObject *module, State *st);

#endif
