"""Memory: how far the resident memory of a process grows at its peak, over the size of the pickle.

Every figure comes from a process of its own: it makes the object (or takes hold of the pickle), notes its resident
memory, does the one thing, and asks the kernel for the peak.  Linux can forget an earlier peak (/proc/self/clear_refs);
elsewhere making the object must not have peaked higher, and only a figure that is too high can come of it.

`python -m bench.memory MODULE OPERATION CASE MEGABYTES PICKLE` is such a process; it prints the growth in bytes.
"""
import array
import collections
import ctypes
import gc
import os
import re
import subprocess
import sys
import tempfile

from bench import things  # and nothing heavy: many processes start here

OPERATIONS = ["dumps", "dump", "loads", "load"]
MODULES = ["pickle5", "pickle"]


def an_array(size):
    try:
        import numpy
    except ImportError:
        return array.array("d", bytes(size))
    return numpy.arange(size // 8, dtype="f8")


#: name: (title, the object of about SIZE bytes).  A million items stand for 256 MB, fewer for less.
CASES = collections.OrderedDict([
    ("ascii", ("str, ASCII", lambda size: "0123456789abcdef" * (size // 16))),
    ("wide", ("str, 4-byte characters", lambda size: "\U0001f600\U0001f40d" * (size // 8))),
    ("dicts", ("list of small dicts", lambda size: [{"id": number, "name": "n%d" % number}
                                                    for number in range(size // 268)])),
    ("strings", ("list of strings", lambda size: ["string %d" % number for number in range(size // 268)])),
    ("instances", ("list of instances", lambda size: [things.Plain(number) for number in range(size // 268)])),
    ("bytes", ("bytes", lambda size: b"0123456789abcdef" * (size // 16))),
    ("bytearray", ("bytearray", lambda size: bytearray(b"0123456789abcdef") * (size // 16))),
    ("array", ("array, in band", an_array)),
])


def resident(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\s*(\d+)", file.read()).group(1)) * 1024


def peak():
    try:
        return resident("VmHWM")
    except (IOError, OSError):  # not Linux
        import resource
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def start():
    """Give back what is free, forget earlier peaks, and return what is resident now."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        pass
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except (IOError, OSError):
        return peak()
    return resident("VmRSS")


def child(name, operation, case, megabytes, path):
    if name == "pickle5":
        import pickle5 as pickle
    else:
        import pickle
    # The highest protocol that both sides have.
    import pickle as own
    protocol = own.HIGHEST_PROTOCOL
    make = CASES[case][1]
    pickle.loads(pickle.dumps(make(1 << 12), protocol))  # imports whatever this kind of object needs
    if operation in ("loads", "load"):
        with open(path, "rb") as file:
            data = file.read() if operation == "loads" else None
            before = start()
            result = pickle.loads(data) if operation == "loads" else pickle.load(file)
            after = peak()
    else:
        obj = make(int(megabytes) << 20)
        with open(path, "wb") as file:
            before = start()
            result = pickle.dumps(obj, protocol) if operation == "dumps" else pickle.dump(obj, file, protocol)
            after = peak()
    print(after - before)
    sys.stdout.flush()
    del result
    os._exit(0)  # taking a million objects apart tells nothing


def measure(case, megabytes):
    """{"size": bytes of the pickle, "growth": {operation: {module: bytes}}}"""
    growth = collections.OrderedDict()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pickle")
        ask("pickle", "dump", case, megabytes, path)
        size = os.path.getsize(path)
        for operation in OPERATIONS:
            growth[operation] = collections.OrderedDict()
            for module in MODULES:
                target = path if operation.startswith("load") else os.path.join(folder, "other")
                growth[operation][module] = ask(module, operation, case, megabytes, target)
    return {"size": size, "megabytes": megabytes, "growth": growth}


def ask(*arguments):
    command = [sys.executable, "-m", "bench.memory"] + [str(argument) for argument in arguments]
    return int(subprocess.check_output(command))


if __name__ == "__main__":
    child(*sys.argv[1:])
