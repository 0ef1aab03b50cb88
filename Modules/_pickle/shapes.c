/* shapes.c - what it takes to give instances of one class the same attributes again and again.

   A shape is a class and the names of its instances' attributes, in order: as dict entries or as slots.  It is only made where
   setting these attributes runs nothing but the interpreter's own code (fits), and holds as long as the class has its
   version tag. */
#include "unpickler.h"

ROOM void
shape_clear(Shape *shape)
{
    int i;

    for (i = 0; i < shape->count; i++) {
        Py_DECREF(shape->keys[i]);
        Py_DECREF(shape->names[i]);
    }
    Py_XDECREF(shape->pattern);
    Py_DECREF(shape->type);
}

/* Up to 3.10: the dict that a first instance got shares its keys with those of all instances of the class.  A copy of it
   does too, and the interpreter copies such a dict without looking anything up. */
static PyObject *
make_pattern(PyObject *dict, const Shape *shape)
{
    PyObject *pattern;
    int i;

    if (!P5_DICT_VALUES_KNOWN || !P5_DICT_SHARES_KEYS(dict) || PyDict_GET_SIZE(dict) != shape->count)
        return NULL;
    pattern = PyDict_Copy(dict);
    for (i = 0; pattern != NULL && i < shape->count; i++) {
        if (PyDict_SetItem(pattern, shape->names[i], Py_None) < 0)
            Py_CLEAR(pattern);
    }
    if (pattern == NULL)
        PyErr_Clear();
    else if (!P5_DICT_SHARES_KEYS(pattern) || PyDict_GET_SIZE(pattern) != shape->count)
        Py_CLEAR(pattern);
    else
        PyObject_GC_UnTrack(pattern);   /* copies are like it */
    return pattern;
}

#if P5_DICT_VALUES_KNOWN
/* The instance's dict as a copy of the pattern, with these values, whose references it takes.  1; 0: not done; -1. */
static ALWAYS_INLINE int
copy_pattern(const Shape *shape, PyObject *instance, PyObject **values)
{
    PyObject **slot = _PyObject_GetDictPtr(instance), *dict, **places, *none;
    int i, tracked = 0;

    if (slot == NULL || *slot != NULL)
        return 0;
    dict = PyDict_Copy(shape->pattern);
    if (dict == NULL)
        return -1;
    if (UNLIKELY(!P5_DICT_SHARES_KEYS(dict))) {
        Py_DECREF(dict);
        return 0;
    }
    places = ((PyDictObject *)dict)->ma_values;
    for (i = 0; i < shape->count; i++) {
        none = places[i];
        places[i] = values[i];
        Py_DECREF(none);
        tracked |= PyObject_IS_GC(values[i]);
    }
    /* As setting an item does: a dict of atoms is none of the collector's business. */
    if (tracked) {
        PyObject_GC_UnTrack(dict);
        PyObject_GC_Track(dict);
    }
    *slot = dict;
    return 1;
}
#endif

/* Where in an instance the slots are.  1, or 0 where one is none, or none that anybody may set. */
static int
find_offsets(Shape *shape)
{
    int i, j;

    for (i = 0; i < shape->count; i++) {
        shape->offsets[i] = find_slot(shape->type, shape->names[i]);
        if (shape->offsets[i] == 0)
            return 0;
        for (j = 0; j < i; j++) {
            if (shape->offsets[j] == shape->offsets[i])
                return 0;
        }
    }
    return 1;
}

/* Can attributes of these names be set on a new instance by nothing but the interpreter's own code?  0: no. */
static int
fits(Unpickler *u, Shape *shape)
{
    unsigned int ways = build_ways(u, shape->type);
    int i, j;

    if (shape->paired) {
        if (!(ways & BUILD_SLOTS) || !find_offsets(shape))
            return 0;
    }
    else if ((ways & (BUILD_DICT | BUILD_FREE_NAMES)) != (BUILD_DICT | BUILD_FREE_NAMES)
             || !(P5_DICT_VALUES_KNOWN || P5_INLINE_ATTRIBUTES(shape->type)))
        return 0;
    for (i = 0; i < shape->count; i++) {
        if (is_dunder(shape->names[i]))
            return 0;
        for (j = 0; j < i; j++) {
            if (shape->names[i] == shape->names[j])
                return 0;
        }
    }
    shape->version = P5_TypeVersion(shape->type);
    return shape->version != 0;
}

/* They are not on the C stack, for loads may be nested as deep as Python code.  0, or -1 without an exception. */
static int
make_shape_room(Rows *rows)
{
    int room = rows->shape_room == 0 ? 1 : rows->shape_room * 4;
    Shape *grown;

    if (rows->shape_count == MAX_SHAPES)
        return -1;
    grown = PyMem_Realloc(rows->shapes, (size_t)room * sizeof *grown);
    if (grown == NULL)
        return -1;
    rows->shapes = grown;
    rows->shape_room = room;
    return 0;
}

/* A new one; NULL where there can be none.  No exception is set.  The pointers to older ones are void after this. */
static NOINLINE Shape *
add_shape(Unpickler *u, PyTypeObject *type, PyObject **keys, int count, int paired)
{
    Shape *shape;
    int i;

    if (u->rows.shape_count == u->rows.shape_room && make_shape_room(&u->rows) < 0)
        return NULL;
    shape = &u->rows.shapes[u->rows.shape_count];
    shape->type = type;
    shape->count = count;
    shape->paired = paired;
    shape->pattern = NULL;
    shape->times = 0;
    for (i = 0; i < count; i++) {
        shape->keys[i] = Py_NewRef(keys[i]);
        shape->names[i] = Py_NewRef(keys[i]);
        PyUnicode_InternInPlace(&shape->names[i]);
    }
    if (fits(u, shape)) {
        u->rows.shape_count++;
        Py_INCREF(type);
        return shape;
    }
    for (i = 0; i < count; i++) {
        Py_DECREF(shape->keys[i]);
        Py_DECREF(shape->names[i]);
    }
    return NULL;
}

ROOM Shape *
find_shape(Unpickler *u, PyTypeObject *type, PyObject **keys, int count, int paired)
{
    Shape *shape;
    int i, number;

    for (number = 0; number < u->rows.shape_count; number++) {
        shape = &u->rows.shapes[number];
        if (shape->type != type || shape->count != count || shape->paired != paired
                || shape->version != P5_TypeVersion(type))
            continue;
        for (i = 0; i < count && shape->keys[i] == keys[i]; i++)
            ;
        if (i == count)
            return shape;
    }
    return add_shape(u, type, keys, count, paired);
}

ROOM int
set_attributes(Unpickler *u, Shape *shape, PyObject *instance, PyObject **values)
{
    PyObject *dict = NULL;
    int i, result = 0;

    if (shape->paired) {
        for (i = 0; i < shape->count; i++)
            *(PyObject **)((char *)instance + shape->offsets[i]) = values[i];
        return 0;
    }
#if P5_DICT_VALUES_KNOWN
    if (LIKELY(shape->pattern != NULL)) {
        result = copy_pattern(shape, instance, values);
        if (LIKELY(result > 0))
            return 0;
    }
#endif
    if (!P5_INLINE_ATTRIBUTES(shape->type) && result == 0) {
        dict = PyObject_GetAttr(instance, u->st->s___dict__);
        result = dict == NULL ? -1 : 0;
    }
    for (i = 0; i < shape->count; i++) {
        if (LIKELY(result == 0))
            result = dict != NULL ? PyDict_SetItem(dict, shape->names[i], values[i])
                                  : PyObject_GenericSetAttr(instance, shape->names[i], values[i]);
        Py_DECREF(values[i]);
    }
    if (dict != NULL) {
        if (shape->pattern == NULL && result == 0 && shape->times++ == 1)    /* one will not do for a single instance */
            shape->pattern = make_pattern(dict, shape);
        Py_DECREF(dict);
    }
    return result;
}
