"""The names of the newest ``pickle``, on whichever interpreter runs.

Where the C engine is built, it does the work.  Where it is not, the
interpreter's own functions do (from 3.8 on, and on PyPy); on 3.6 and 3.7 those
know nothing of protocol 5, and the classes in _protocol5.py take over.
``implementation`` tells which: "C" is the engine, "Python" is this half alone.
"""
import sys

from pickle5.Lib import _base

_stdlib = _base.stdlib

# Everything the interpreter's own module holds, in the form this interpreter
# has it: others import far more of it than __all__ promises.
for _name, _value in vars(_stdlib).items():
    if not _name.startswith("__"):
        globals()[_name] = _value
del _name, _value

__all__ = list(_stdlib.__all__)

format_version = "5.0"
compatible_formats = list(_stdlib.compatible_formats)
if "5.0" not in compatible_formats:
    compatible_formats.append("5.0")

HIGHEST_PROTOCOL = 5
# What we write unasked, the interpreter's own reader must be able to read.
DEFAULT_PROTOCOL = max(_stdlib.DEFAULT_PROTOCOL, 4)

implementation = _base.implementation

if not _base.has_protocol_5:
    from pickle5.Lib._protocol5 import (  # noqa: F401
        _HAVE_PICKLE_BUFFER, BYTEARRAY8, NEXT_BUFFER, READONLY_BUFFER,
        PickleBuffer, _dump, _dumps, _load, _loads, _Pickler, _Unpickler)
    __all__ += ["PickleBuffer", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER"]
    if _base.engine is None:
        Pickler, Unpickler = _Pickler, _Unpickler
        dump, dumps, load, loads = _dump, _dumps, _load, _loads

if _base.engine is not None:
    from pickle5._pickle import (  # noqa: F401
        PickleBuffer, PickleError, Pickler, PicklingError, Unpickler,
        UnpicklingError, dump, dumps, load, loads)

if not _base.has_protocol_5:
    from pickle5.Lib import _loky
    _loky.watch(Pickler, load, loads)  # noqa: F821
    del _loky


def _main(args=None):
    """Print what the pickles in the files named on the command line hold."""
    import argparse
    import pprint

    parser = argparse.ArgumentParser(
        prog="python -m pickle5", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Load pickles and print what they hold.\n"
                    "Loading a pickle can run any code: only show files that you trust.",
        epilog="python -m pickle5 --install SCRIPT ..., or --install -m MODULE ..., runs a program\n"
               "whose pickle is pickle5's, and so is that of the Python processes it starts.")
    parser.add_argument("pickle_file", nargs="+", help="a file that holds a pickle; - is stdin")
    parser.add_argument("--version", action="version", version=_base.describe(),
                        help="print the version, and which implementation runs")
    for name in parser.parse_args(args).pickle_file:
        if name == "-":
            value = load(sys.stdin.buffer)
        else:
            with open(name, "rb") as file:
                value = load(file)
        pprint.pprint(value)
