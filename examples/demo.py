"""Pickle a table of records and a large array, in band and out of band.

    make demo                      or    python examples/demo.py
    PYTHON=python3.7 make demo

Each line of the table is measured in a process of its own: the best of three
dumps and of three loads; how long the stream is; how many buffers stayed out
of it; the most memory that one dump and one load took on top of the data; and
whether what was loaded is the same memory as what was dumped.  Beside each
line of pickle5 stands the interpreter's own pickle.  A dash means that it
cannot do this.
"""
import json
import platform
import subprocess
import sys
import time

RECORDS = 50000
ARRAY_BYTES = 64 << 20
CASES = ["table, in band", "array, in band", "array, out of band",
         "table + array, in band", "table + array, out of band"]
MODULES = ["pickle5", "pickle"]

try:
    import numpy
except ImportError:
    numpy = None


class Samples:
    """What stands in for an array where there is no NumPy: a bytearray that can stay out of band."""

    def __init__(self, memory):
        self.memory = memory

    def __reduce_ex__(self, protocol):
        if protocol >= 5:
            return Samples, (PickleBuffer(self.memory),)
        return Samples, (self.memory,)

    def __eq__(self, other):
        return bytes(self.memory) == bytes(other.memory)


def make_table():
    towns = ["Aarhus", "Bergen", "Cádiz", "Dnipro", "Évora", "Fès"]
    return [{"id": number, "name": "customer %d" % number, "town": towns[number % 6],
             "paid": number % 3 == 0, "total": number * 1.17, "items": [number % 7, number % 11],
             "address": {"zip": "%05d" % (number % 90000), "lines": ("a street", str(number))}}
            for number in range(RECORDS)]


def make_array():
    if numpy is not None:
        return numpy.arange(ARRAY_BYTES // 8, dtype="f8")
    return Samples(bytearray(b"0123456789abcdef" * (ARRAY_BYTES // 16)))


def is_shared(original, loaded):
    """Does a write to one of two arrays show in the other?"""
    if numpy is not None:
        return bool(numpy.shares_memory(original, loaded))
    original.memory[0] ^= 0xff
    seen = memoryview(loaded.memory)[0] == original.memory[0]
    original.memory[0] ^= 0xff
    return seen


def equal(one, other):
    if isinstance(one, tuple):
        return all(map(equal, one, other))
    if numpy is not None and isinstance(one, numpy.ndarray):
        return numpy.array_equal(one, other)
    return one == other


def most_memory():
    """The most memory this process ever held, in bytes; None where that cannot be asked."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(case, module):
    """Do one line of the table, in this process."""
    global PickleBuffer
    import importlib
    pickle = importlib.import_module(module)
    out_of_band = case.endswith("out of band")
    if out_of_band and pickle.HIGHEST_PROTOCOL < 5:
        return None
    protocol = pickle.HIGHEST_PROTOCOL
    PickleBuffer = getattr(pickle, "PickleBuffer", None)
    data = (make_table() if case.startswith("table,") else make_array() if case.startswith("array,")
            else (make_table(), make_array()))
    buffers = []

    def dump():
        del buffers[:]
        if out_of_band:
            return pickle.dumps(data, protocol, buffer_callback=buffers.append)
        return pickle.dumps(data, protocol)

    def load():
        return pickle.loads(stream, buffers=buffers) if out_of_band else pickle.loads(stream)

    before = most_memory()
    stream = dump()
    loaded = load()
    peak = None if before is None else most_memory() - before
    if not equal(data, loaded):
        raise SystemExit("%s: %s gave back something else" % (case, module))
    array = data[1] if isinstance(data, tuple) else data
    shared = (None if isinstance(array, list)
              else is_shared(array, loaded[1] if isinstance(loaded, tuple) else loaded))
    del loaded
    return {"dumps": best(dump), "loads": best(load), "stream": len(stream),
            "buffers": len(buffers), "peak": peak, "shared": shared}


def best(function):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
        del result
    return min(times)


def show(cells):
    print("%-26s %-8s %9s %9s %12s %8s %9s  %s" % tuple(cells))


def main():
    import pickle5
    print("pickle5 %s (%s) on %s %s" % (
        pickle5.__version__, "C engine" if pickle5.implementation == "C" else "Python half, no C engine",
        platform.python_implementation(), platform.python_version()))
    if numpy is None:
        print("NumPy is not installed here: a bytearray of %d MiB takes the array's place" % (ARRAY_BYTES >> 20))
    else:
        print("NumPy %s: an array of %d MiB; the table has %d records"
              % (numpy.__version__, ARRAY_BYTES >> 20, RECORDS))
    print("protocol %d; pickle is the interpreter's own, which knows protocols up to %d\n"
          % (pickle5.HIGHEST_PROTOCOL, __import__("pickle").HIGHEST_PROTOCOL))
    show(["", "", "dumps s", "loads s", "stream bytes", "buffers", "peak MiB", "memory shared"])
    for case in CASES:
        for module in MODULES:
            answer = subprocess.check_output([sys.executable, __file__, case, module])
            row = json.loads(answer.decode())
            label = case if module == MODULES[0] else ""
            if row is None:
                show([label, module] + ["-"] * 6)
                continue
            show([label, module, "%.6f" % row["dumps"], "%.6f" % row["loads"], row["stream"], row["buffers"],
                  "-" if row["peak"] is None else "%.1f" % (row["peak"] / 1048576.0),
                  {None: "", True: "yes", False: "no"}[row["shared"]]])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
