"""Rank 0 sends what lies in a file to rank 1 and back, by mpi4py's own pickling, for each line on stdin; see consumers.py.

(What mpiexec passes on to stdin must be small, so the objects travel by files.)
"""
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
    source, target = sys.argv[1:]
    for _ in sys.stdin:
        with open(source, "rb") as file:
            obj = pickle5.load(file)
        try:
            world.send(obj, dest=1)
            answer = world.recv(source=1)
        except Exception as error:
            answer = error
        with open(target, "wb") as file:
            pickle5.dump(answer, file, protocol=5)
        print("done", flush=True)
    world.send(None, dest=1)
