/* notes.c - where in the object graph an error arose, read off the open walks: free while nothing fails. */
#include "pickler.h"

static void
note_walk(Pickler *p, const Walk *walk)
{
    switch ((enum walk_kind)walk->kind) {
    case WALK_LIST:
    case WALK_TUPLE:
    case WALK_LIST_ITEMS:
        if (walk->in_child)
            add_note(p->st, "when serializing %T item %zd", walk->obj, walk->at);
        break;
    case WALK_DICT:
        if (walk->in_child && walk->held != NULL)
            add_note(p->st, "when serializing %T item %R", walk->obj, walk->held);
        break;
    case WALK_SET:
    case WALK_FROZENSET:
        if (walk->in_child)
            add_note(p->st, "when serializing %T element", walk->obj);
        break;
    case WALK_PAIR:
        if (walk->in_child)
            add_note(p->st, "when serializing %T item %R", walk[-1].obj, PyTuple_GET_ITEM(walk->obj, 0));
        break;
    case WALK_REDUCE:
        note_reduce(p, walk);
        break;
    case WALK_INSTANCE:
        note_instance(p, walk);
        break;
    case WALK_DATETIME:
        if (walk->in_child)
            add_note(p->st, "when serializing %T reconstructor", walk->obj);
        add_note(p->st, "when serializing %T object", walk->obj);
        break;
    case WALK_DICT_ITEMS:
    case WALK_GLOBAL:
    case WALK_NESTED_GLOBAL:
    case WALK_PERSID:
        break;
    }
}

/* A very deep structure is told by its innermost and outermost ends. */
enum { NOTES_AT_AN_END = 500 };

ROOM void COLD
note_open_walks(Pickler *p)
{
    Walk *walk, *base = p->walks.base, *top = p->walks.top;

    for (walk = top; walk >= base; walk--) {
        if (top - walk >= NOTES_AT_AN_END && walk - base >= NOTES_AT_AN_END) {
            walk = base + NOTES_AT_AN_END;
            add_note(p->st, "...");
            continue;
        }
        note_walk(p, walk);
    }
}
