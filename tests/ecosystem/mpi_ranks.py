"""Rank 0 takes what comes by a socket, sends it to rank 1 and back by mpi4py's own pickling, and returns it; see consumers.py.

(A socket of its own: libraries and launchers write to stdout, so answers there would be mistaken for one another.)  Started
with `-m mpi4py`, which ends all ranks when one of them ends with an exception.
"""
import sys
from multiprocessing.connection import Client

import pickle5

pickle5.install()
from mpi4py import MPI  # noqa: E402
import things  # noqa: E402

world = MPI.COMM_WORLD
if world.rank == 1:
    world.send(things.engine(), dest=0)
    while True:
        obj = world.recv(source=0)
        if obj is None:
            break
        world.send(obj, dest=0)
else:
    with Client(sys.argv[1]) as outside:
        outside.send(world.recv(source=1) and things.engine())
        while True:
            try:
                data = outside.recv_bytes()
            except EOFError:
                break
            try:
                world.send(pickle5.loads(data), dest=1)
                answer = world.recv(source=1)
            except ImportError as error:
                answer = error
            outside.send_bytes(pickle5.dumps(answer, protocol=5))
        world.send(None, dest=1)
