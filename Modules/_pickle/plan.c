/* plan.c - see plan.h.

   What makes it sound to leave the memo out:

   - The bytes do not change between this pass and the load (the caller sees to that), so both meet the same opcodes.
   - Numbers are counted as the load counts them, and up to the pass each had its place in the memo.  That holds where every
     PUT has the number that MEMOIZE would have had (all picklers write it so); a pickle that numbers otherwise gets no plan.
     Neither does one with POP, which may take a mark or an object, nor one with the text opcodes of protocol 0.
   - The memo also keeps alive what it holds, until the load ends, and nobody may see an object end sooner.  A str, bytes
     or a number ends unseen.  So does a list, tuple or dict whose contents are in the memo themselves: all that could be
     seen to end is put there, or came from outside (a persistent id, a buffer, an extension code); where an object that
     was made is not put, or came from outside, keep_containers is set.  Other objects are always kept.
   - Nobody can look at the memo: only an Unpickler shows its own, and gets no plan. */
#include "plan.h"
#include "endian.h"

enum {
    KNOWN_MARKS = 64,           /* marks nested deeper are only counted */
    WORTH_A_STATE = 40          /* break off where fewer than one in so many numbers is an instance's state */
};

typedef struct {
    const unsigned char *p;
    const unsigned char *end;
    Py_ssize_t room;            /* of the plan's notes */
    Py_ssize_t states;          /* found so far */
    Py_ssize_t depth;           /* marks that are open ... */
    Py_ssize_t dicts[KNOWN_MARKS];      /* ... and the number of the dict right under each, or -1 */
} Pass;

static int COLD
grow_notes(Plan *plan, Pass *pass)
{
    int small = plan->notes == plan->small;
    unsigned char *notes;

    if (pass->states < pass->room / WORTH_A_STATE)
        return -1;
    notes = PyMem_Realloc(small ? NULL : plan->notes, (size_t)pass->room * 2);
    if (notes == NULL)
        return -1;
    if (small)
        memcpy(notes, plan->small, (size_t)pass->room);
    plan->notes = notes;
    pass->room *= 2;
    return 0;
}

/* The next number is given away. */
static ALWAYS_INLINE int
note_put(Plan *plan, Pass *pass)
{
    if (UNLIKELY(plan->size == pass->room) && grow_notes(plan, pass) < 0)
        return -1;
    plan->notes[plan->size++] = 0;
    return 0;
}

static ALWAYS_INLINE int
note_get(Plan *plan, Py_ssize_t number)
{
    Py_ssize_t i = number - plan->first;

    if (number < 0 || i >= plan->size)
        return -1;
    if (i >= 0)
        plan->notes[i] |= PLAN_ASKED;
    return 0;
}

/* What was just made is in the memo, or else whatever holds it must be. */
static ALWAYS_INLINE void
expect_put(Plan *plan, const Pass *pass)
{
    if (pass->p < pass->end && *pass->p != OP_MEMOIZE && *pass->p != OP_BINPUT && *pass->p != OP_LONG_BINPUT
            && *pass->p != OP_STOP)
        plan->keep_containers = 1;
}

static ALWAYS_INLINE void
note_mark(Pass *pass, Py_ssize_t dict)
{
    if (LIKELY(pass->depth < KNOWN_MARKS))
        pass->dicts[pass->depth] = dict;
    pass->depth++;
}

/* A mark is used up.  The number of the dict under it; -1 where that is none, or one that was begun before this pass. */
static ALWAYS_INLINE Py_ssize_t
note_mark_end(Pass *pass)
{
    if (UNLIKELY(pass->depth == 0))
        return -1;
    pass->depth--;
    return LIKELY(pass->depth < KNOWN_MARKS) ? pass->dicts[pass->depth] : -1;
}

/* A new dict: with its number and a mark after it, all at once. */
static ALWAYS_INLINE int
note_dict(Plan *plan, Pass *pass)
{
    const unsigned char *p = behind_put(pass->p, pass->end, plan->first + plan->size);

    if (p == NULL || p == pass->end || *p != OP_MARK)
        return 0;
    pass->p = p + 1;
    note_mark(pass, plan->size);    /* counted from plan->first */
    return note_put(plan, pass);
}

/* SETITEMS: was it the state of an instance that got its items? */
static ALWAYS_INLINE void
note_items(Plan *plan, Pass *pass)
{
    const unsigned char *p = pass->p, *end = pass->end;
    Py_ssize_t dict = note_mark_end(pass);

    if (dict < 0 || p == end)
        return;
    if (*p == OP_TUPLE2)
        p = behind_put(p + 1, end, plan->first + plan->size);
    if (p != NULL && p < end && *p == OP_BUILD) {
        plan->notes[dict] |= PLAN_STATE;
        pass->states++;
    }
}

/* Past an argument of n bytes. */
static ALWAYS_INLINE int
pass_bytes(Pass *pass, uint64_t n)
{
    if (n > (uint64_t)(pass->end - pass->p))
        return -1;
    pass->p += n;
    return 0;
}

/* Past an argument that begins with its length, in `width` bytes. */
static ALWAYS_INLINE int
pass_counted(Pass *pass, int width)
{
    const unsigned char *p = pass->p;

    if (pass->end - p < width)
        return -1;
    pass->p += width;
    return pass_bytes(pass, width == 1 ? *p : width == 4 ? get_u32le(p) : get_u64le(p));
}

static int
pass_line(Pass *pass)
{
    const unsigned char *newline = memchr(pass->p, '\n', (size_t)(pass->end - pass->p));

    if (newline == NULL)
        return -1;
    pass->p = newline + 1;
    return 0;
}

/* The opcodes that are not in the loop below: 0, or -1 where there can be no plan. */
static int
pass_rare(Plan *plan, Pass *pass, int opcode)
{
    switch (opcode) {
    case OP_LONG4: case OP_BINBYTES: case OP_BINSTRING:
        return pass_counted(pass, 4);
    case OP_SHORT_BINSTRING:
        return pass_counted(pass, 1);
    case OP_BINUNICODE8: case OP_BINBYTES8: case OP_BYTEARRAY8:
        return pass_counted(pass, 8);
    case OP_LIST: case OP_DICT: case OP_ADDITEMS:
        note_mark_end(pass);
        return 0;
    case OP_FROZENSET:
        expect_put(plan, pass);
        note_mark_end(pass);
        return 0;
    case OP_GLOBAL:
        if (pass_line(pass) < 0 || pass_line(pass) < 0)
            return -1;
        expect_put(plan, pass);
        return 0;
    case OP_EMPTY_SET: case OP_NEWOBJ_EX: case OP_STACK_GLOBAL:
        expect_put(plan, pass);
        return 0;
    case OP_EXT1: case OP_EXT2: case OP_EXT4:
        plan->keep_containers = 1;
        return pass_bytes(pass, opcode == OP_EXT1 ? 1 : opcode == OP_EXT2 ? 2 : 4);
    case OP_BINPERSID: case OP_NEXT_BUFFER: case OP_READONLY_BUFFER:
        plan->keep_containers = 1;
        return 0;
    case OP_PROTO:
        return pass_bytes(pass, 1);
    case OP_FRAME:
        return pass_bytes(pass, 8);
    default:
        return -1;
    }
}

/* To STOP: 0, or -1 where there can be no plan. */
static int
look_through(Plan *plan, Pass *pass)
{
    const unsigned char *p;
    int opcode, bad = 0;

    while (!bad && pass->p < pass->end) {
        opcode = *pass->p++;
        switch (opcode) {
        case OP_NONE: case OP_NEWTRUE: case OP_NEWFALSE: case OP_EMPTY_TUPLE: case OP_EMPTY_LIST:
        case OP_TUPLE1: case OP_TUPLE2: case OP_TUPLE3: case OP_APPEND: case OP_SETITEM: case OP_BUILD: case OP_DUP:
            break;
        case OP_BININT1:
            bad = pass_bytes(pass, 1);
            break;
        case OP_BININT2:
            bad = pass_bytes(pass, 2);
            break;
        case OP_BININT:
            bad = pass_bytes(pass, 4);
            break;
        case OP_BINFLOAT:
            bad = pass_bytes(pass, 8);
            break;
        case OP_LONG1: case OP_SHORT_BINUNICODE: case OP_SHORT_BINBYTES:
            bad = pass_counted(pass, 1);
            break;
        case OP_BINUNICODE:
            bad = pass_counted(pass, 4);
            break;
        case OP_MEMOIZE:
            bad = note_put(plan, pass);
            break;
        case OP_BINPUT:
            bad = pass->p == pass->end || *pass->p++ != plan->first + plan->size ? -1 : note_put(plan, pass);
            break;
        case OP_LONG_BINPUT:
            p = pass->p;
            bad = pass_bytes(pass, 4) < 0 || get_u32le(p) != (uint64_t)(plan->first + plan->size) ? -1 : note_put(plan, pass);
            break;
        case OP_BINGET:
            bad = pass->p == pass->end ? -1 : note_get(plan, *pass->p++);
            break;
        case OP_LONG_BINGET:
            p = pass->p;
            bad = pass_bytes(pass, 4) < 0 ? -1 : note_get(plan, (Py_ssize_t)get_u32le(p));
            break;
        case OP_MARK:
            note_mark(pass, -1);
            break;
        case OP_EMPTY_DICT:
            bad = note_dict(plan, pass);
            break;
        case OP_SETITEMS:
            note_items(plan, pass);
            break;
        case OP_TUPLE: case OP_APPENDS:
            note_mark_end(pass);
            break;
        case OP_REDUCE: case OP_NEWOBJ:
            expect_put(plan, pass);
            break;
        case OP_STOP:
            return 0;
        default:
            bad = pass_rare(plan, pass, opcode);
        }
    }
    return -1;
}

ROOM void
plan_make(Plan *plan, const unsigned char *p, const unsigned char *end, Py_ssize_t count, Py_ssize_t first,
          Py_ssize_t states)
{
    Pass pass;

    plan->wanted = 0;
    pass.p = p;
    pass.end = end;
    pass.room = SMALL_PLAN;
    pass.depth = 0;
    pass.states = states;
    plan->notes = plan->small;
    plan->first = first;
    plan->size = 0;
    plan->keep_containers = 0;
    while (count - first > pass.room) {
        if (grow_notes(plan, &pass) < 0) {
            plan_clear(plan);
            return;
        }
    }
    memset(plan->notes, 0, (size_t)(count - first));
    plan->size = count - first;
    if (look_through(plan, &pass) < 0)
        plan_clear(plan);
}

ROOM void
plan_clear(Plan *plan)
{
    if (plan->notes != plan->small)
        PyMem_Free(plan->notes);
    plan_init(plan);
}
