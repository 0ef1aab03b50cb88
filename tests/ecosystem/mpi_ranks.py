"""Rank 0 sends what it gets on stdin to rank 1 and back, by mpi4py's own pickling; see consumers.py."""
import struct
import sys

import pickle5

pickle5.install()
from mpi4py import MPI  # noqa: E402

world = MPI.COMM_WORLD
if world.rank == 1:
    while True:
        obj = world.recv(source=0)
        if obj is None:
            break
        world.send(obj, dest=0)
else:
    while True:
        head = sys.stdin.buffer.read(8)
        if not head:
            world.send(None, dest=1)
            break
        obj = pickle5.loads(sys.stdin.buffer.read(struct.unpack("<Q", head)[0]))
        try:
            world.send(obj, dest=1)
            answer = world.recv(source=1)
        except Exception as error:
            answer = error
        data = pickle5.dumps(answer, protocol=5)
        sys.stdout.buffer.write(struct.pack("<Q", len(data)) + data)
        sys.stdout.buffer.flush()
