"""What the Python half stands on: the interpreter's own modules, and the engine.

``stdlib`` is the interpreter's own ``pickle`` even while something else answers
to that name.  ``engine`` is ``pickle5._pickle``, or None; then ``engine_error``
tells why.
"""
import importlib
import sys
import warnings


def own_module(name, **instead):
    """Return the interpreter's own module NAME.

    pickle5 may stand in for such modules in sys.modules.  If it does so before
    we could take hold of the real ones, the stand-ins step aside for a moment,
    or make room for INSTEAD, while NAME is imported.
    """
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__name__", None) == name:
        return module
    aside = {}
    for key in ("pickle", "_pickle", "pickletools"):
        found = sys.modules.get(key)
        if found is not None and getattr(found, "__name__", None) != key:
            aside[key] = sys.modules.pop(key)
    sys.modules.update(instead)
    try:
        return importlib.import_module(name)
    finally:
        sys.modules.update(aside)


stdlib = own_module("pickle")

#: Protocol 5 came with 3.8; below, the Python half adds it.
has_protocol_5 = stdlib.HIGHEST_PROTOCOL >= 5

engine = engine_error = None
try:
    engine = importlib.import_module("pickle5._pickle")
except ImportError as error:
    engine_error = error

implementation = "Python" if engine is None else "C"


def _warn():
    """Say so when a C engine that one would expect is not there.

    An installed package without it is a choice (PyPy, no compiler) and stays
    quiet.  A checkout that is not built, or an engine that is there and does
    not load, is a mishap.
    """
    import pickle5
    if isinstance(engine_error, ModuleNotFoundError):
        if (sys.implementation.name != "cpython" or len(pickle5.__path__) < 2
                or sys.modules.get("pickle5._pickle", stdlib) is None):
            return
        reason = "it is not built in this checkout (see HACKING.md)"
    else:
        reason = str(engine_error)
    warnings.warn("pickle5 runs without its C engine: " + reason, RuntimeWarning, stacklevel=2)


if engine is None:
    _warn()


def describe():
    """One line for people: which version runs, where, and on what."""
    import platform

    import pickle5
    line = "pickle5 %s on %s %s: " % (
        pickle5.__version__, platform.python_implementation(), platform.python_version())
    if engine is not None:
        return line + "C engine (%s)" % engine.__file__
    if has_protocol_5:
        line += "Python half over the interpreter's own pickle"
    else:
        line += "Python half, all in Python"
    return line + " (no C engine: %s)" % engine_error
