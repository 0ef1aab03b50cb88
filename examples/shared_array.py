"""Two processes work on one array: its memory lies in a mapped file, and only a pickle of some hundred bytes is sent.

(From 3.8 on multiprocessing.shared_memory gives the same kind of memory; a mapped file serves every version.)
"""
import mmap
import os
import subprocess
import sys
import tempfile
import time

import pickle5 as pickle

try:
    import numpy
except ImportError:
    numpy = None

MEGABYTES = 64
SIZE = MEGABYTES << 20


def share(path):
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), SIZE)


def child(path):
    """Read the pickle from stdin, take the array's memory from the shared mapping, change the array."""
    start = time.perf_counter()
    array = pickle.loads(sys.stdin.buffer.read(), buffers=[share(path)])["array"]
    found = time.perf_counter() - start
    view = memoryview(array).cast("B")
    seen = view[SIZE - 1]
    view[SIZE - 1] = 200
    print("%d %.3f" % (seen, found * 1e3))


def main():
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path = os.path.join(folder, "memory")
        with open(path, "wb") as file:
            file.truncate(SIZE)
        memory = share(path)
        if numpy is None:
            print("NumPy is not installed: the mapping itself takes the array's place")
            array = pickle.PickleBuffer(memory)
        else:
            array = numpy.frombuffer(memory, dtype="u1")
        memory[SIZE - 1] = 100
        buffers = []
        data = pickle.dumps({"array": array, "what": "an example"}, protocol=5, buffer_callback=buffers.append)
        answer = subprocess.Popen([sys.executable, __file__, path], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE).communicate(data)[0].split()
        print("array                            %12d bytes" % SIZE)
        print("sent to the other process        %12d bytes" % len(data))
        print("loaded there in                  %12.3f ms" % float(answer[1]))
        print("the other saw what this one wrote:  %s" % ("yes" if int(answer[0]) == 100 else "no"))
        print("this one sees what the other wrote: %s" % ("yes" if memoryview(array).cast("B")[SIZE - 1] == 200 else "no"))
        for buffer in buffers:
            buffer.release()
        del array, memory, buffers


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        main()
