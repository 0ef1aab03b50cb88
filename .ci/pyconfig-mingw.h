/* A stand-in for the pyconfig.h that only Windows installs of CPython carry: the sizes of 64-bit
   and 32-bit Windows and the few settings that Python.h asks for.  For `make mingw` only. */
#ifndef PICKLE5_PYCONFIG_MINGW_H
#define PICKLE5_PYCONFIG_MINGW_H

#ifndef MS_WINDOWS
#define MS_WINDOWS
#endif
#if defined(_WIN64) && !defined(MS_WIN64)
#define MS_WIN64
#endif
#ifndef MS_WIN32
#define MS_WIN32
#endif
#define NT_THREADS 1
#define WITH_THREAD 1
#define PLATFORM "win32"

#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#ifdef _WIN64
#define SIZEOF_VOID_P 8
#else
#define SIZEOF_VOID_P 4
#endif
#define SIZEOF_SIZE_T SIZEOF_VOID_P
#define SIZEOF_TIME_T 8
#define SIZEOF_FLOAT 4
#define SIZEOF_DOUBLE 8
#define SIZEOF_WCHAR_T 2
#define SIZEOF_FPOS_T 8
#define SIZEOF_OFF_T 4
#define SIZEOF_PID_T SIZEOF_VOID_P
#define SIZEOF__BOOL 1
#define SIZEOF_UINTPTR_T SIZEOF_VOID_P
#define SIZEOF_PTHREAD_T SIZEOF_VOID_P
#define ALIGNOF_LONG 4
#define ALIGNOF_SIZE_T SIZEOF_VOID_P
#define ALIGNOF_MAX_ALIGN_T 16

#define STDC_HEADERS 1
#define HAVE_LONG_LONG 1
#define HAVE_LONG_DOUBLE 1
#define HAVE_SSIZE_T 1
#define HAVE_WCHAR_H 1
#define HAVE_STDDEF_H 1
#define HAVE_STDINT_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_ERRNO_H 1
#define HAVE_FCNTL_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_STRERROR 1
#define HAVE_UINTPTR_T 1
#define HAVE_INT32_T 1
#define HAVE_INT64_T 1
#define HAVE_UINT32_T 1
#define HAVE_UINT64_T 1
#define HAVE_DECL_ISNAN 1
#define HAVE_DECL_ISINF 1
#define HAVE_DECL_ISFINITE 1
#define HAVE_PROTOTYPES 1
#define HAVE_STD_ATOMIC 1
#define DOUBLE_IS_LITTLE_ENDIAN_IEEE754 1
#define WITH_DOC_STRINGS 1
#define WITH_PYMALLOC 1
#define RETSIGTYPE void
#define DL_EXPORT(type) __declspec(dllexport) type

#include <io.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <basetsd.h>

#endif
