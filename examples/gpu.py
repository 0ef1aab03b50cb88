"""Send arrays that live on a GPU: one copy into pinned memory of the host, from there out of band, one copy to the device.

    python examples/gpu.py              with CuPy, PyTorch or Numba, whichever finds a device
    python examples/gpu.py --pretend    with NumPy arrays in the role of the device's: shows the way, measures no device

A device's memory has no buffer that Python could see, so such arrays are pickled by copying them to the host, and then the
bytes once more into the stream.  `reducer_override` puts the one copy that is needed where it can travel out of band.
"""
import argparse
import io
import sys
import time

import pickle5 as pickle

MEGABYTES = 256


# --- what differs from one library to the next ----------------------------------------------------------------------

class CuPy(object):
    def __init__(self):
        import cupy
        self.cupy = cupy
        cupy.cuda.runtime.getDeviceCount()
        cupy.zeros(1)
        self.type = cupy.ndarray

    def make(self, size):
        return self.cupy.arange(size // 4, dtype="f4")

    def to_host(self, array):
        """(pinned memory that holds the array's content, what it takes to make the array of it)"""
        import numpy
        array = self.cupy.ascontiguousarray(array)
        pinned = self.cupy.cuda.alloc_pinned_memory(max(array.nbytes, 1))
        host = numpy.frombuffer(pinned, array.dtype, array.size).reshape(array.shape)
        array.get(out=host)
        return host, (array.dtype.str, array.shape)

    def to_device(self, memory, dtype, shape):
        import numpy
        return self.cupy.asarray(numpy.frombuffer(memory, dtype).reshape(shape))

    def equal(self, one, other):
        return bool((one == other).all())

    def wait(self):
        self.cupy.cuda.runtime.deviceSynchronize()


class PyTorch(object):
    def __init__(self):
        import torch
        self.torch = torch
        if not torch.cuda.is_available():
            raise RuntimeError("torch.cuda finds no device")
        self.type = torch.Tensor

    def make(self, size):
        return self.torch.arange(size // 4, dtype=self.torch.float32, device="cuda")

    def to_host(self, tensor):
        host = self.torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        host.copy_(tensor)
        return host.reshape(-1).view(self.torch.uint8).numpy(), (str(tensor.dtype).split(".")[1], tuple(tensor.shape))

    def to_device(self, memory, dtype, shape):
        host = self.torch.frombuffer(memory, dtype=getattr(self.torch, dtype)).reshape(shape)
        return host.to("cuda")

    def equal(self, one, other):
        return self.torch.equal(one, other)

    def wait(self):
        self.torch.cuda.synchronize()


class Numba(object):
    def __init__(self):
        from numba import cuda
        self.cuda = cuda
        if not cuda.is_available():
            raise RuntimeError("numba.cuda finds no device")
        self.type = type(self.make(4))

    def make(self, size):
        import numpy
        return self.cuda.to_device(numpy.arange(size // 4, dtype="f4"))

    def to_host(self, array):
        host = self.cuda.pinned_array(array.shape, array.dtype)
        array.copy_to_host(host)
        return host, (array.dtype.str, array.shape)

    def to_device(self, memory, dtype, shape):
        import numpy
        return self.cuda.to_device(numpy.frombuffer(memory, dtype).reshape(shape))

    def equal(self, one, other):
        return bool((one.copy_to_host() == other.copy_to_host()).all())

    def wait(self):
        self.cuda.synchronize()


class DeviceArray(object):
    """What --pretend takes for an array on a device: memory that nobody but Pretend looks into."""

    def __init__(self, array):
        self.array = array

    def __reduce__(self):   # as the libraries do it by themselves: through a copy on the host
        return DeviceArray, (self.array.copy(),)


class Pretend(object):
    type = DeviceArray

    def __init__(self):
        import numpy
        self.numpy = numpy

    def make(self, size):
        return DeviceArray(self.numpy.arange(size // 4, dtype="f4"))

    def to_host(self, array):
        return array.array.copy(), (array.array.dtype.str, array.array.shape)

    def to_device(self, memory, dtype, shape):
        return DeviceArray(self.numpy.frombuffer(memory, dtype).reshape(shape).copy())

    def equal(self, one, other):
        return self.numpy.array_equal(one.array, other.array)

    def wait(self):
        pass


BACKENDS = {"CuPy": CuPy, "PyTorch": PyTorch, "Numba": Numba}


# --- the same for all -------------------------------------------------------------------------------------------------

def find(names):
    """The first library that finds a device, and why the others do not."""
    reasons = []
    for name in names:
        try:
            return name, BACKENDS[name](), reasons
        except Exception as error:  # each has its own way to say that there is no driver
            reasons.append("%s: %s" % (name, str(error).strip().split("\n")[0] or type(error).__name__))
    return None, None, reasons


def rebuild(name, memory, layout):
    """On arrival: one copy to the device."""
    return _backend(name).to_device(memory, *layout)


def _backend(name, made={}):
    if name not in made:
        made[name] = (Pretend if name == "Pretend" else BACKENDS[name])()
    return made[name]


class DevicePickler(pickle.Pickler):
    """Device arrays as a pinned copy on the host, in a PickleBuffer."""

    def __init__(self, name, *args, **kwargs):
        super(DevicePickler, self).__init__(*args, **kwargs)
        self.name, self.backend, self.copied = name, _backend(name), 0

    def reducer_override(self, obj):
        if not isinstance(obj, self.backend.type) or not getattr(obj, "is_cuda", True):
            return NotImplemented
        host, layout = self.backend.to_host(obj)
        self.copied += host.nbytes
        return rebuild, (self.name, pickle.PickleBuffer(host), layout)


def timed(backend, function):
    backend.wait()
    start = time.perf_counter()
    result = function()
    backend.wait()
    return result, time.perf_counter() - start


def compare(name, size):
    backend = _backend(name)
    array = backend.make(size)

    def out_of_band():
        file, buffers = io.BytesIO(), []
        pickler = DevicePickler(name, file, 5, buffer_callback=buffers.append)
        pickler.dump({"array": array})
        return file.getvalue(), buffers, pickler.copied

    print("%-28s %12s %12s %10s %10s" % ("array of %d bytes" % size, "in stream", "out of band", "dumps ms", "loads ms"))
    for _ in range(2):      # the first round pays for what is set up once
        stream, dump_time = timed(backend, lambda: pickle.dumps({"array": array}, protocol=5))
        back, load_time = timed(backend, lambda: pickle.loads(stream))
        equal = backend.equal(array, back["array"])
        del back
        in_band = "in band, as %s does it" % name, len(stream), 0, dump_time * 1e3, load_time * 1e3
        (stream, buffers, copied), dump_time = timed(backend, out_of_band)
        back, load_time = timed(backend, lambda: pickle.loads(stream, buffers=buffers))
        equal = equal and backend.equal(array, back["array"])
        outside = sum(memoryview(buffer).nbytes for buffer in buffers)
        row = "out of band, pinned", len(stream), outside, dump_time * 1e3, load_time * 1e3
        del back, buffers
    for each in (in_band, row):
        print("%-28s %12d %12d %10.1f %10.1f" % each)
    print("copied from the device: %d bytes; what came back is equal: %s" % (copied, "yes" if equal else "no"))
    return 0 if equal and copied == outside == size else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pretend", action="store_true", help="NumPy arrays in the role of the device's")
    parser.add_argument("--library", choices=sorted(BACKENDS), help="only this one")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    options = parser.parse_args()
    if options.pretend:
        try:
            _backend("Pretend")
        except ImportError:
            print("skipped: NumPy is not installed here")
            return 0
        print("no device: NumPy arrays pretend to be on one")
        return compare("Pretend", options.megabytes << 20)
    name, _, reasons = find([options.library] if options.library else ["CuPy", "PyTorch", "Numba"])
    if name is None:
        print("skipped: no GPU here that a library can use (%s)" % "; ".join(reasons))
        return 0
    print("arrays of %s" % name)
    return compare(name, options.megabytes << 20)


if __name__ == "__main__":
    sys.modules["gpu"] = sys.modules[__name__]
    rebuild.__module__ = DeviceArray.__module__ = "gpu"     # so that a process that imports gpu can load it
    sys.exit(main())
