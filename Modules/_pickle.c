/* _pickle.c - the spine of the engine: the one file that the build compiles.

   The rooms in _pickle/ are included below in layer order, leaf first, so that the whole engine is one translation
   unit and the compiler inlines across it on every platform.  Each room also compiles alone (make rooms), which proves
   that it includes what it needs.  HACKING.md has the map. */
#define PY_SSIZE_T_CLEAN

#include "_pickle/state.c"
#include "_pickle/args.c"
#include "_pickle/names.c"
#include "_pickle/errors.c"

#include "_pickle/picklebuffer.c"

#include "_pickle/writer.c"
#include "_pickle/memo.c"
#include "_pickle/walks.c"
#include "_pickle/save_atoms.c"
#include "_pickle/save_buffers.c"
#include "_pickle/save_containers.c"
#include "_pickle/save_items.c"
#include "_pickle/save_global.c"
#include "_pickle/known.c"
#include "_pickle/uuids.c"
#include "_pickle/typeinfo.c"
#include "_pickle/save_datetime.c"
#include "_pickle/save_instance.c"
#include "_pickle/save_reduce.c"
#include "_pickle/save.c"
#include "_pickle/notes.c"
#include "_pickle/pickler.c"
#include "_pickle/pickler_memo.c"

#include "_pickle/reader.c"
#include "_pickle/stack.c"
#include "_pickle/unpickler_memo.c"
#include "_pickle/plan.c"
#include "_pickle/gc_hold.c"
#include "_pickle/long_text.c"
#include "_pickle/load_atoms.c"
#include "_pickle/hash_depth.c"
#include "_pickle/load_containers.c"
#include "_pickle/load_objects.c"
#include "_pickle/load_calls.c"
#include "_pickle/load_build.c"
#include "_pickle/rows.c"
#include "_pickle/shapes.c"
#include "_pickle/find_class.c"
#include "_pickle/load.c"
#include "_pickle/unpickler_proxy.c"
#include "_pickle/unpickler.c"

PyDoc_STRVAR(module_doc, "The C engine of pickle5: the pickle protocols 0 to 5 on every CPython from 3.6 on.");

static PyMethodDef module_methods[] = {
    {"dump", P5_CFUNCTION(pickle_dump), P5_METH_FASTCALL, pickle_dump_doc},
    {"dumps", P5_CFUNCTION(pickle_dumps), P5_METH_FASTCALL, pickle_dumps_doc},
    {"load", P5_CFUNCTION(pickle_load), P5_METH_FASTCALL, pickle_load_doc},
    {"loads", P5_CFUNCTION(pickle_loads), P5_METH_FASTCALL, pickle_loads_doc},
    {NULL, NULL, 0, NULL}
};

static int
module_exec(PyObject *module)
{
    State *st = (State *)PyModule_GetState(module);

    if (state_init(module, st) < 0)
        return -1;
    if (PyModule_AddObjectRef(module, "PickleError", st->PickleError) < 0
            || PyModule_AddObjectRef(module, "PicklingError", st->PicklingError) < 0
            || PyModule_AddObjectRef(module, "UnpicklingError", st->UnpicklingError) < 0)
        return -1;
    if (add_picklebuffer(module, st) < 0)
        return -1;
    if (add_pickler(module, st) < 0)
        return -1;
    return add_unpickler(module, st);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *st = (State *)PyModule_GetState(module);
    return st == NULL ? 0 : state_traverse(st, visit, arg);
}

static int
module_clear(PyObject *module)
{
    State *st = (State *)PyModule_GetState(module);
    if (st != NULL)
        state_clear(st);
    return 0;
}

static void
module_free(void *module)
{
    (void)module_clear((PyObject *)module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    P5_MODULE_INTERPRETERS_SLOT
    {0, NULL}
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "_pickle",
    module_doc,
    sizeof(State),
    module_methods,
    module_slots,
    module_traverse,
    module_clear,
    module_free
};

P5_INIT_FUNC PyInit__pickle(void);

P5_INIT_FUNC
PyInit__pickle(void)
{
    return PyModuleDef_Init(&module_def);
}
