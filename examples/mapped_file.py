"""Write an array out of band to a file, and load it by mapping that file into memory: nothing is read until it is used.

The file holds the pickle and then, each at a multiple of 4096 bytes, the buffers.  An index of their places is its head.
"""
import mmap
import os
import struct
import tempfile
import time

import pickle5 as pickle

try:
    import numpy
except ImportError:
    numpy = None

MEGABYTES = 64
PAGE = 4096


def save(obj, path):
    buffers = []
    parts = [pickle.dumps(obj, protocol=5, buffer_callback=buffers.append)] + [buffer.raw() for buffer in buffers]
    with open(path, "wb") as file:
        head = struct.calcsize("<%dQ" % (1 + 2 * len(parts)))
        index, at = [], head
        for part in parts:
            at = -(-at // PAGE) * PAGE
            index += [at, len(part)]
            at += len(part)
        file.write(struct.pack("<%dQ" % (1 + len(index)), len(parts), *index))
        for place, part in zip(index[::2], parts):
            file.seek(place)
            file.write(part)


def load(path):
    """What is loaded is a copy-on-write view of the file: it can be changed, and the file stays as it is."""
    with open(path, "rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    count, = struct.unpack_from("<Q", view)
    index = struct.unpack_from("<%dQ" % (2 * count), view, 8)
    parts = [view[place:place + size] for place, size in zip(index[::2], index[1::2])]
    return pickle.loads(parts[0], buffers=parts[1:])


def timed(what, function, *args):
    start = time.perf_counter()
    result = function(*args)
    print("%-44s %9.2f ms" % (what, (time.perf_counter() - start) * 1e3))
    return result


def in_band(path, data):
    with open(path, "wb") as file:
        pickle.dump(data, file, protocol=5)


def load_in_band(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def main():
    if numpy is None:
        print("NumPy is not installed: a bytearray in a PickleBuffer takes the array's place")
        samples = pickle.PickleBuffer(bytearray(MEGABYTES << 20))
    else:
        samples = numpy.arange(MEGABYTES << 17, dtype="f8")
    data = {"name": "samples of %d MiB" % MEGABYTES, "samples": samples}
    with tempfile.TemporaryDirectory() as folder:
        plain, mapped = os.path.join(folder, "plain.pickle"), os.path.join(folder, "mapped")
        timed("write, in band", in_band, plain, data)
        timed("write, out of band", save, data, mapped)
        timed("load, in band", load_in_band, plain)
        back = timed("load, mapped", load, mapped)
        view = memoryview(back["samples"]).cast("B")
        assert bytes(view[-64:]) == bytes(memoryview(samples).cast("B")[-64:])
        view[0] ^= 1
        again = load(mapped)
        print("a change to what was loaded shows in the file: %s"
              % ("yes" if memoryview(again["samples"]).cast("B")[0] == view[0] else "no"))
        del view, back, again   # Windows does not delete a file that is mapped


if __name__ == "__main__":
    main()
