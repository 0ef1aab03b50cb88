"""The interpreter's own ``pickletools``, which knows protocol 5 everywhere.

From 3.8 on that is all there is to it.  On 3.6 and 3.7 a second copy of the
module is made, and the three opcodes that it lacks are added to that copy; the
one that others import stays as it is.
"""
import importlib.machinery
import importlib.util
import io
import sys

from pickle5.Lib import _base


def _private_copy():
    """Load pickletools once more, and teach that copy protocol 5."""
    from pickle5.Lib import pickle

    spec = importlib.machinery.PathFinder.find_spec("pickletools")
    copy = importlib.util.module_from_spec(spec)
    standin = sys.modules.get("pickle")
    sys.modules["pickle"] = _base.stdlib    # the module compares its opcodes with those of "pickle"
    try:
        spec.loader.exec_module(copy)
    finally:
        if standin is not None:
            sys.modules["pickle"] = standin
    copy.pickle = pickle    # whose HIGHEST_PROTOCOL is 5

    def read_bytearray8(file):
        """Read what follows BYTEARRAY8: 8 bytes of length, then so many bytes."""
        return bytearray(copy.read_bytes8(file))

    bytearray8 = copy.ArgumentDescriptor(
        "bytearray8", copy.TAKEN_FROM_ARGUMENT8U, read_bytearray8,
        "The length in 8 bytes (unsigned, little-endian), and then the content of a bytearray.")
    pybytearray = copy.StackObject("bytearray", bytearray, "A bytearray.")
    pybuffer = copy.StackObject("buffer", object, "An object that exports a buffer.")
    added = [
        copy.OpcodeInfo("BYTEARRAY8", "\x96", bytearray8, [], [pybytearray], 5,
                        "Push a bytearray, whose length and content follow."),
        copy.OpcodeInfo("NEXT_BUFFER", "\x97", None, [], [pybuffer], 5,
                        "Push the next of the buffers that travel beside the stream."),
        copy.OpcodeInfo("READONLY_BUFFER", "\x98", None, [pybuffer], [pybuffer], 5,
                        "Replace the buffer on top of the stack by a read-only view of it."),
    ]
    copy.opcodes.extend(added)
    copy.code2op.update((op.code, op) for op in added)
    vars(copy).update(read_bytearray8=read_bytearray8, bytearray8=bytearray8,
                      pybytearray=pybytearray, pybuffer=pybuffer)
    return copy


if _base.has_protocol_5:
    _tools = _base.own_module("pickletools", pickle=_base.stdlib)
else:
    _tools = _private_copy()

for _name, _value in vars(_tools).items():
    if not _name.startswith("__") or _name == "__test__":
        globals()[_name] = _value
del _name, _value

__all__ = list(_tools.__all__)


def _main(args=None):
    """Disassemble the pickles in the files named on the command line."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m pickle5.pickletools",
        description="Show the opcodes of pickles, without loading them.")
    parser.add_argument("pickle_file", nargs="+", help="a file that holds a pickle; - is stdin")
    parser.add_argument("-a", "--annotate", action="store_true",
                        help="say on each line what its opcode does")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there and not to stdout")
    parser.add_argument("-l", "--indentlevel", metavar="N", type=int, default=4,
                        help="indent what follows a MARK by N blanks (default: %(default)s)")
    parser.add_argument("-m", "--memo", action="store_true",
                        help="carry the memo over from one pickle to the next")
    parser.add_argument("-p", "--preamble", metavar="TEXT", default="==> {name} <==",
                        help="with several files, print this before each (default: %(default)s)")
    options = parser.parse_args(args)
    output = sys.stdout if options.output is None else open(options.output, "w")
    try:
        _dis_files(options, output)
    finally:
        if output is not sys.stdout:
            output.close()


def _dis_files(options, output):
    stdin = None
    memo = {} if options.memo else None
    annotate = 30 if options.annotate else 0
    for name in options.pickle_file:
        if len(options.pickle_file) > 1:
            shown = "<stdin>" if name == "-" else name
            output.write(options.preamble.format(name=shown) + "\n")
        if name == "-":
            if stdin is None:
                stdin = sys.stdin.buffer
                if not stdin.seekable():    # dis() asks where it is, which a pipe cannot tell
                    stdin = io.BytesIO(stdin.read())
            dis(stdin, output, memo, options.indentlevel, annotate)  # noqa: F821
        else:
            with open(name, "rb") as file:
                dis(file, output, memo, options.indentlevel, annotate)  # noqa: F821
