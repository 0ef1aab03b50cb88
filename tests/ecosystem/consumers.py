"""How it is sent: each consumer is a context that gives a function `send(object)`, which returns a Sent.

All run under pickle5.install(), so that whoever writes or reads with `pickle` does so with our engine; on 3.6 and 3.7 most of
these libraries ask for pickle5 by name besides.  `writer()` is the class or function that the consumer writes with, where it
can be asked.
"""
import asyncio
import collections
import contextlib
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import pickle5
import things

CONSUMERS = collections.OrderedDict()


class Sent(object):
    """What arrived; how many bytes of it were in the stream, and how many buffers travelled beside it, where known."""

    def __init__(self, value, in_band=None, buffers=None):
        self.value, self.in_band, self.buffers = value, in_band, buffers


class Consumer(object):
    def __init__(self, name, needs, open, writer, far):
        self.name, self.needs, self.open, self.writer, self.far = name, needs, open, writer, far


def consumer(name, needs=(), writer=lambda: None, far=False):
    """far: another process is involved, so memory cannot be one's own."""
    def add(function):
        CONSUMERS[name] = Consumer(name, needs, contextlib.contextmanager(function), writer, far)
        return function
    return add


def dumps_out_of_band(obj, dumps=None):
    buffers = []
    return (dumps or pickle5.dumps)(obj, protocol=5, buffer_callback=buffers.append), buffers


# --- pickle5 itself ----------------------------------------------------------------------------------------------------

@consumer("pickle5, in band", writer=lambda: pickle5.dumps)
def in_band():
    def send(obj):
        data = pickle5.dumps(obj, protocol=5)
        return Sent(pickle5.loads(data), len(data), 0)
    yield send


@consumer("pickle5, out of band", writer=lambda: pickle5.dumps)
def out_of_band():
    def send(obj):
        data, buffers = dumps_out_of_band(obj)
        return Sent(pickle5.loads(data, buffers=buffers), len(data), len(buffers))
    yield send


@consumer("pickle5, buffers arrive as bytearray", writer=lambda: pickle5.dumps)
def as_bytearray():
    def send(obj):
        data, buffers = dumps_out_of_band(obj)
        return Sent(pickle5.loads(data, buffers=[bytearray(buffer.raw()) for buffer in buffers]), len(data), len(buffers))
    yield send


@consumer("pickle5, the Python half")
def python_half():
    def send(obj):
        data, buffers = dumps_out_of_band(obj, pickle5._dumps)
        return Sent(pickle5._loads(data, buffers=buffers), len(data), len(buffers))
    yield send


# --- other libraries that pickle, in one process ---------------------------------------------------------------------

def _cloudpickler():
    import cloudpickle
    return cloudpickle.CloudPickler


@consumer("cloudpickle", ["cloudpickle"], _cloudpickler)
def with_cloudpickle():
    import cloudpickle

    def send(obj):
        data, buffers = dumps_out_of_band(obj, cloudpickle.dumps)
        loads = pickle5.loads if sys.version_info < (3, 8) else cloudpickle.loads
        return Sent(loads(data, buffers=buffers), len(data), len(buffers))
    yield send


@consumer("dill", ["dill"])
def with_dill():
    import dill     # its Pickler is a subclass of the interpreter's _Pickler

    def send(obj):
        data = dill.dumps(obj)
        return Sent(dill.loads(data), len(data), 0)
    yield send


@consumer("joblib dump, load", ["joblib"])
def joblib_file():
    import joblib

    def send(obj):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            joblib.dump(obj, path)
            return Sent(joblib.load(path), os.path.getsize(path))
    yield send


@consumer("joblib load, mapped", ["joblib", "numpy"], far=True)
def joblib_mapped():
    import joblib
    with tempfile.TemporaryDirectory() as folder:
        def send(obj):
            path = os.path.join(folder, "file")
            joblib.dump(obj, path)
            return Sent(joblib.load(path, mmap_mode="c"), os.path.getsize(path))
        yield send


def _distributed_writer():
    from distributed.protocol import pickle as module
    return module.pickle.dumps


@consumer("distributed's protocol", ["distributed"], _distributed_writer)
def distributed_protocol():
    from distributed.protocol import deserialize, serialize

    def send(obj):
        header, frames = serialize(obj, serializers=("pickle",))
        sizes = [memoryview(frame).nbytes for frame in frames]
        return Sent(deserialize(header, frames), sizes[0], len(frames) - 1)
    yield send


@consumer("Arrow buffers", ["pyarrow"], lambda: pickle5.dumps)
def arrow_buffers():
    import pyarrow

    def send(obj):
        data, buffers = dumps_out_of_band(obj)
        sink = pyarrow.BufferOutputStream()     # one Arrow buffer for all, as an IPC message would be
        places = []
        for buffer in buffers:
            places.append((sink.tell(), buffer.raw().nbytes))
            sink.write(buffer.raw())
        whole = sink.getvalue()
        return Sent(pickle5.loads(data, buffers=[whole.slice(*place) for place in places]), len(data), len(buffers))
    yield send


@consumer("asyncio streams", writer=lambda: pickle5.dumps)
def asyncio_streams():
    async def transfer(parts):
        one, other = socket.socketpair()
        reader, other_writer = await asyncio.open_connection(sock=one)
        _, writer = await asyncio.open_connection(sock=other)

        async def write():
            for part in parts:
                writer.write(struct.pack("<Q", part.nbytes))
                writer.write(part)
                await writer.drain()

        async def read():
            got = []
            for _ in parts:
                size, = struct.unpack("<Q", await reader.readexactly(8))
                got.append(bytearray(await reader.readexactly(size)))
            return got
        _, got = await asyncio.gather(write(), read())
        writer.close()
        other_writer.close()
        return got

    loop = asyncio.new_event_loop()

    def send(obj):
        data, buffers = dumps_out_of_band(obj)
        got = loop.run_until_complete(transfer([memoryview(data)] + [buffer.raw() for buffer in buffers]))
        return Sent(pickle5.loads(got[0], buffers=got[1:]), len(data), len(buffers))
    try:
        yield send
    finally:
        loop.close()


# --- other processes ---------------------------------------------------------------------------------------------------

def _forking_pickler():
    from multiprocessing.reduction import ForkingPickler
    return ForkingPickler


def pipe_child(connection):
    connection.send(things.engine())
    while True:
        try:
            connection.send(connection.recv())
        except EOFError:
            return


@consumer("multiprocessing pipe", writer=_forking_pickler, far=True)
def pipe():
    import multiprocessing
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=pipe_child, args=(there,), daemon=True)
    process.start()
    there.close()
    assert here.recv(), "the child does not work on the engine"

    def send(obj):
        here.send(obj)
        return Sent(here.recv())
    try:
        yield send
    finally:
        here.close()
        process.join(30)


@consumer("multiprocessing Pool", writer=_forking_pickler, far=True)
def pool():
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        assert workers.apply(things.engine), "the child does not work on the engine"
        yield lambda obj: Sent(workers.map(things.echo, [obj])[0])


def shared_child(connection, path, size):
    """Take the memory from the mapping, write to it where that is allowed, and say so."""
    import mmap
    with open(path, "r+b") as file:
        memory = memoryview(mmap.mmap(file.fileno(), size))
    while True:
        try:
            data, places = connection.recv()
        except EOFError:
            return
        value = pickle5.loads(data, buffers=[memory[start:end] for start, end in places])
        connection.send(pickle5.dumps(value, protocol=5))


@consumer("shared memory", writer=lambda: pickle5.dumps, far=True)
def shared_memory():
    """The buffers are put into memory that both processes map; the other one loads from there and sends its view back."""
    import mmap
    import multiprocessing
    size = 1 << 25
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "memory")
        with open(path, "wb") as file:
            file.truncate(size)
        with open(path, "r+b") as file:
            memory = memoryview(mmap.mmap(file.fileno(), size))
        here, there = context.Pipe()
        process = context.Process(target=shared_child, args=(there, path, size), daemon=True)
        process.start()
        there.close()

        def send(obj):
            data, buffers = dumps_out_of_band(obj)
            at, places = 0, []
            for buffer in buffers:
                raw = buffer.raw()
                memory[at:at + raw.nbytes] = raw
                places.append((at, at + raw.nbytes))
                at = (at + raw.nbytes + 63) & ~63
            here.send((data, places))
            return Sent(pickle5.loads(here.recv()), len(data), len(buffers))
        try:
            yield send
        finally:
            here.close()
            process.join(30)


@consumer("concurrent.futures", writer=_forking_pickler, far=True)
def futures():
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as executor:
        assert executor.submit(things.engine).result(), "the child does not work on the engine"
        yield lambda obj: Sent(executor.submit(things.echo, obj).result())


@consumer("joblib Parallel (loky)", ["joblib"], far=True)
def loky():
    import joblib
    with joblib.Parallel(n_jobs=2, backend="loky") as parallel:
        assert all(parallel(joblib.delayed(things.engine)() for _ in range(2))), "a worker does not work on the engine"
        yield lambda obj: Sent(parallel([joblib.delayed(things.echo)(obj), joblib.delayed(things.echo)(0)])[0])


@consumer("dask LocalCluster", ["distributed"], _distributed_writer, far=True)
def dask_cluster():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0) as cluster:
        with Client(cluster) as client:
            assert client.submit(things.engine).result(60), "the worker does not work on the engine"
            yield lambda obj: Sent(client.submit(things.echo, client.scatter(obj, hash=False), pure=False).result(60))


@consumer("ipyparallel", ["ipyparallel"], far=True)
def ipyparallel_cluster():
    import ipyparallel
    if not hasattr(ipyparallel, "Cluster"):
        raise ImportError("this release starts clusters by command line only")
    with ipyparallel.Cluster(n=1, log_level=40) as clients:
        view = clients[:]
        view.block = True
        assert view.apply_sync(things.engine) == [True], "the engine does not work on ours"
        yield lambda obj: Sent(view.apply_sync(things.echo, obj)[0])


@consumer("mpi4py, two ranks", ["mpi4py"], far=True)
def mpi():
    """This process talks, by a socket, to a rank that talks, by MPI, to the other rank."""
    from multiprocessing.connection import Listener
    runner = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    runner = runner if os.path.exists(runner) else shutil.which("mpiexec")
    if not runner:
        raise ImportError("no mpiexec here")
    with tempfile.TemporaryDirectory() as folder, Listener(os.path.join(folder, "socket")) as listener:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mpi_ranks.py")
        process = subprocess.Popen([runner, "-n", "2", sys.executable, "-m", "mpi4py", script, listener.address],
                                   stdin=subprocess.DEVNULL)
        # a launcher that ends before its ranks have called would be waited for in vain
        threading.Thread(target=hang_up, args=(process, listener.address), daemon=True).start()
        with listener.accept() as rank:
            assert rank.recv(), "a rank does not work on the engine"

            def send(obj):
                rank.send_bytes(pickle5.dumps(obj, protocol=5))
                answer = pickle5.loads(rank.recv_bytes())
                if isinstance(answer, Exception):
                    raise answer
                return Sent(answer)
            yield send
        process.wait(60)


def hang_up(process, address):
    from multiprocessing.connection import Client
    process.wait()
    try:
        Client(address).close()
    except OSError:
        pass    # it is no longer listened to: the ranks had called


@consumer("Ray", ["ray"], far=True)
def with_ray():
    import ray
    ray.init(num_cpus=1, include_dashboard=False, logging_level=40)
    echo = ray.remote(things.echo)
    try:
        yield lambda obj: Sent(ray.get(echo.remote(obj)))
    finally:
        ray.shutdown()


@consumer("subinterpreter", far=True)
def subinterpreter():
    """The other interpreter loads what it is given, and dumps it again; its modules are its own."""
    if sys.version_info < (3, 12):
        raise ImportError("an interpreter of its own needs 3.12")
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    number = interpreters.create()
    folder = tempfile.TemporaryDirectory()
    source, target = os.path.join(folder.name, "in"), os.path.join(folder.name, "out")
    code = """
import sys
sys.path[:] = %r
import pickle5, traceback
assert pickle5.implementation == "C"
pickle5.install()
with open(%r, "rb") as file:
    data = file.read()
try:
    answer = pickle5.dumps(pickle5.loads(data), protocol=5)
except BaseException as error:
    while error.__cause__ is not None:
        error = error.__cause__
    answer = pickle5.dumps(ImportError(str(error)))
with open(%r, "wb") as file:
    file.write(answer)
""" % (sys.path, source, target)

    def send(obj):
        data = pickle5.dumps(obj, protocol=5)
        with open(source, "wb") as file:
            file.write(data)
        error = interpreters.run_string(number, code)
        if error is not None:
            raise RuntimeError(str(getattr(error, "formatted", error)))
        with open(target, "rb") as file:
            answer = pickle5.loads(file.read())
        if isinstance(answer, Exception):
            raise answer
        return Sent(answer, len(data), 0)
    try:
        yield send
    finally:
        interpreters.destroy(number)
        folder.cleanup()


@consumer("PyPy, the Python half", far=True)
def pypy():
    """PICKLE5_PYPY names a PyPy; ours is there without an engine."""
    program = os.environ.get("PICKLE5_PYPY")
    if not program:
        raise ImportError("PICKLE5_PYPY names no PyPy")
    here = os.path.dirname(os.path.abspath(__file__))
    code = ("import sys; sys.path[:0] = %r; import pickle5; assert pickle5.implementation == 'Python'; out = sys.stdout.buffer;"
            "out.write(pickle5.dumps(pickle5.loads(sys.stdin.buffer.read()), protocol=5))" % ([os.path.dirname(os.path.dirname(here)), here],))

    def send(obj):
        data = pickle5.dumps(obj, protocol=5)
        process = subprocess.Popen([program, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=dict(os.environ, PYTHONPATH=""))
        out, err = process.communicate(data)
        if process.returncode:
            raise ImportError("on that PyPy: " + err.decode().strip().splitlines()[-1].split(": ", 1)[-1])
        return Sent(pickle5.loads(out), len(data), 0)
    yield send


def by_engine(writer):
    """Is it one of ours, or a class over one of ours?"""
    from pickle5 import _install
    ours = [getattr(module, name) for module in (pickle5, _install._standin) for name in ("Pickler", "dumps")]
    if isinstance(writer, type):
        return any(base in ours for base in writer.__mro__)
    return writer in ours


assert pickle.dumps.__module__ == "_pickle"
