"""What a reader on an older protocol gets: the same values from each, but other sizes, other types and more copies."""
import sys
import time

import pickle5 as pickle

READS = ["Python 2 and 3", "Python 2 and 3", "Python 2 and 3", "Python 3", "Python 3.4 and later",
         "Python 3.8 and later; 3.6 and 3.7 with pickle5"]


class Samples(object):
    """A type of one's own that gives its memory away out of band where the protocol can."""

    def __init__(self, memory):
        self.memory = memory

    def __reduce_ex__(self, protocol):
        if protocol >= 5:
            return Samples, (pickle.PickleBuffer(self.memory),)
        return Samples, (bytes(self.memory),)


def main():
    memory = bytearray(range(256)) * 4096
    data = {"samples": Samples(memory), "names": ["name %d" % number for number in range(1000)], "set": {1, 2, 3}}
    print("%-9s %10s %9s %9s  %-10s %-7s %s" % ("protocol", "bytes", "dumps ms", "loads ms", "memory", "shared", "who reads it"))
    for protocol in range(6):
        for out_of_band in ([False, True] if protocol == 5 else [False]):
            buffers = []
            start = time.perf_counter()
            stream = pickle.dumps(data, protocol, buffer_callback=buffers.append if out_of_band else None)
            middle = time.perf_counter()
            back = pickle.loads(stream, buffers=buffers)
            end = time.perf_counter()
            assert bytes(back["samples"].memory) == bytes(memory) and back["names"] == data["names"]
            kind = type(back["samples"].memory).__name__
            memory[0] ^= 1
            shared = bytes(memoryview(back["samples"].memory)[:1]) == bytes(memory[:1])
            memory[0] ^= 1
            print("%-9s %10d %9.2f %9.2f  %-10s %-7s %s" % (
                "%d%s" % (protocol, " oob" if out_of_band else ""), len(stream), (middle - start) * 1e3, (end - middle) * 1e3,
                kind, "yes" if shared else "no", READS[protocol]))
            del back, buffers
    print("\nWritten when nothing is said: %d (the interpreter's own pickle: %d)" % (
        pickle.DEFAULT_PROTOCOL, sys.modules["pickle"].DEFAULT_PROTOCOL))
    try:
        pickle.dumps(pickle.PickleBuffer(memory), protocol=4)
    except pickle.PicklingError as error:
        print("A PickleBuffer below protocol 5: %s" % error)


if __name__ == "__main__":
    main()
