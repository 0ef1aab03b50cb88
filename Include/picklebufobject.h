/* picklebufobject.h - PickleBuffer for C extensions, on CPython 3.6 and later.

   The names are those that Python.h has from 3.8 on, where this header adds nothing to them.  On 3.6 and 3.7 the type
   lives in pickle5, and its functions are reached through a capsule:

       #include <Python.h>
       #include "picklebufobject.h"

       if (Pickle5_ImportPickleBuffer() < 0)      // once in each C file that uses the names below,
           return NULL;                           // before the first use; does nothing from 3.8 on

       PyTypeObject PyPickleBuffer_Type;
       int PyPickleBuffer_Check(PyObject *op);
       PyObject *PyPickleBuffer_FromObject(PyObject *base);
       const Py_buffer *PyPickleBuffer_GetBuffer(PyObject *picklebuffer);
       int PyPickleBuffer_Release(PyObject *picklebuffer);
*/
#ifndef PICKLE5_PICKLEBUFOBJECT_H
#define PICKLE5_PICKLEBUFOBJECT_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

#if PY_VERSION_HEX >= 0x03080000

#define Pickle5_ImportPickleBuffer() 0

#else

#define PICKLE5_PICKLEBUFFER_CAPSULE "pickle5._pickle._PickleBuffer_CAPI"

/* What the capsule points to.  Members are only ever added, at the end. */
typedef struct {
    PyTypeObject *type;
    PyObject *(*from_object)(PyTypeObject *type, PyObject *base);
    const Py_buffer *(*get_buffer)(PyTypeObject *type, PyObject *picklebuffer);
    int (*release)(PyTypeObject *type, PyObject *picklebuffer);
} Pickle5_PickleBuffer_CAPI;

#ifndef PICKLE5_BUILDING_ENGINE

static Pickle5_PickleBuffer_CAPI *Pickle5_PickleBufferAPI = NULL;

static inline int
Pickle5_ImportPickleBuffer(void)
{
    if (Pickle5_PickleBufferAPI == NULL)
        Pickle5_PickleBufferAPI = (Pickle5_PickleBuffer_CAPI *)PyCapsule_Import(PICKLE5_PICKLEBUFFER_CAPSULE, 0);
    return Pickle5_PickleBufferAPI == NULL ? -1 : 0;
}

#define PyPickleBuffer_Type (*Pickle5_PickleBufferAPI->type)
#define PyPickleBuffer_Check(op) (Py_TYPE(op) == Pickle5_PickleBufferAPI->type)
#define PyPickleBuffer_FromObject(base) \
    (Pickle5_PickleBufferAPI->from_object(Pickle5_PickleBufferAPI->type, (PyObject *)(base)))
#define PyPickleBuffer_GetBuffer(op) \
    (Pickle5_PickleBufferAPI->get_buffer(Pickle5_PickleBufferAPI->type, (PyObject *)(op)))
#define PyPickleBuffer_Release(op) \
    (Pickle5_PickleBufferAPI->release(Pickle5_PickleBufferAPI->type, (PyObject *)(op)))

#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
