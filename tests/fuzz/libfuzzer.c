/* libfuzzer.c - libFuzzer around an interpreter: each input goes to a target in targets.py.

   PICKLE5_FUZZ_TARGET names the target.  The engine is loaded as an extension that was built with coverage; a finding
   (an exception that is none of the target's business) aborts, and libFuzzer keeps the input. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *target;

static void
quit(void)
{
    PyErr_Print();
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    PyObject *module;
    const char *name = getenv("PICKLE5_FUZZ_TARGET");

    (void)argc;
    (void)argv;
    Py_InitializeEx(0);
    PyRun_SimpleString("import warnings; warnings.simplefilter('ignore')");
    module = PyImport_ImportModule("targets");
    if (module == NULL)
        quit();
    target = PyObject_GetAttrString(module, name != NULL ? name : "read");
    Py_DECREF(module);
    if (target == NULL)
        quit();
    return 0;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    PyObject *result = PyObject_CallFunction(target, "y#", (const char *)data, (Py_ssize_t)size);

    if (result == NULL)
        quit();
    Py_DECREF(result);
    return 0;
}
