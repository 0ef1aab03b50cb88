"""What is sent: each producer makes one object, and tells how to compare, change and look at it.

`make()` gives (object, poke): poke(number) writes number into the first byte of the object's memory, behind its back where
the object itself is read-only; None where there is no memory that could be shared, or no way to it.
`look(object)` is that first byte, `writable(object)` whether the object lets itself be written to, or None.
"""
import array
import collections
import ctypes
import mmap
import os
import tempfile

import things

PRODUCERS = collections.OrderedDict()
NUMBERS = 100000
FOLDER = tempfile.TemporaryDirectory()      # files that are mapped: some consumers send their names


class Producer(object):
    def __init__(self, name, make, equal, look, writable, needs):
        self.name, self.make, self.equal, self.look, self.writable = name, make, equal, look, writable
        self.needs = needs


def producer(name, needs, equal, look=None, writable=None):
    def add(make):
        PRODUCERS[name] = Producer(name, make, equal, look or (lambda obj: None), writable or (lambda obj: None), needs)
        return make
    return add


# --- memory of the standard library, in a type of one's own ---------------------------------------------------------

def same_memory(one, other):
    return type(one) is type(other) and one.view().tobytes() == other.view().tobytes()


def owner(name, make_memory):
    @producer(name, [], same_memory, lambda obj: obj.view()[0], lambda obj: not obj.view().readonly)
    def make():
        memory, behind = make_memory()

        def poke(number):
            memoryview(behind).cast("B")[0] = number
        return things.Owner(memory), None if behind is None else poke


def filled(memory):
    view = memoryview(memory).cast("B")
    view[:] = (bytes(range(256)) * (len(view) // 256 + 1))[:len(view)]
    return memory


def twice(memory):
    return memory, memory


owner("bytearray", lambda: twice(filled(bytearray(NUMBERS))))
owner("bytes (read-only)", lambda: (bytes(filled(bytearray(NUMBERS))), None))
owner("memoryview", lambda: twice(memoryview(filled(bytearray(NUMBERS)))))
owner("array.array", lambda: twice(filled(array.array("d", [0.0]) * NUMBERS)))
owner("ctypes array", lambda: twice(filled((ctypes.c_double * NUMBERS)())))
owner("mmap", lambda: twice(filled(mmap.mmap(-1, 100 * 4096))))


# --- NumPy -----------------------------------------------------------------------------------------------------------

def same_array(one, other):
    import numpy
    return (one.dtype == other.dtype and one.shape == other.shape and isinstance(other, numpy.ndarray)
            and numpy.array_equal(one, other)
            and (not one.flags.forc or one.flags.f_contiguous == other.flags.f_contiguous))


def first_byte(array):
    import numpy
    if array.dtype.hasobject or not array.size:
        return None
    flat = array.reshape(-1, order="A")[:1]
    return int(numpy.ascontiguousarray(flat).view("u1")[0])


def numpy_array(name, make_array):
    @producer("NumPy " + name, ["numpy"], same_array, first_byte, lambda array: bool(array.flags.writeable))
    def make():
        import numpy
        made = make_array(numpy)
        behind = made
        while not behind.flags.writeable and isinstance(behind.base, numpy.ndarray):
            behind = behind.base
        if made.dtype.hasobject or not made.size or not behind.flags.writeable:
            return made, None

        def poke(number):
            behind.reshape(-1, order="A")[:1].view("u1")[0] = number
        return made, poke


def frozen(array):
    view = array[:]
    view.flags.writeable = False
    return view


def mapped(numpy):
    made = numpy.memmap(os.path.join(FOLDER.name, "numbers"), dtype="f8", mode="w+", shape=(NUMBERS,))
    made[:] = numpy.arange(NUMBERS)
    return made


numpy_array("C order", lambda numpy: numpy.arange(NUMBERS, dtype="f8").reshape(100, -1))
numpy_array("Fortran order", lambda numpy: numpy.asfortranarray(numpy.arange(NUMBERS, dtype="f8").reshape(100, -1)))
numpy_array("strided", lambda numpy: numpy.arange(2 * NUMBERS, dtype="f8")[::2])
numpy_array("read-only", lambda numpy: frozen(numpy.arange(NUMBERS, dtype="f8")))
numpy_array("0-d", lambda numpy: numpy.array(3.5))
numpy_array("empty", lambda numpy: numpy.zeros((0, 3)))
numpy_array("structured", lambda numpy: numpy.zeros(NUMBERS, dtype=[("a", "i4"), ("b", "f8")]))
numpy_array("datetime64", lambda numpy: numpy.arange(NUMBERS).astype("M8[s]"))
numpy_array("object", lambda numpy: numpy.array([None, "text", 3, (1, 2)] * 100, dtype=object))
numpy_array("memmap", mapped)


# --- the others --------------------------------------------------------------------------------------------------------

def pandas_thing(name, make_it, values):
    def equal(one, other):
        same = one.equals(other) if hasattr(one, "equals") else (one == other).all()
        return type(one) is type(other) and bool(same) and getattr(one, "name", None) == getattr(other, "name", None)

    @producer("pandas " + name, ["pandas"], equal, lambda obj: first_byte(values(obj)))
    def make():
        import numpy
        import pandas
        made = make_it(pandas, numpy)
        return made, _behind(values(made))


def _behind(array):
    """A poke into memory that the library hands out read-only: the lowest array that owns it, made writable for it."""
    import numpy
    behind = array
    while isinstance(behind.base, numpy.ndarray):
        behind = behind.base
    if behind.dtype.hasobject or not behind.size or not (behind.flags.writeable or behind.flags.owndata):
        return None
    place = array.__array_interface__["data"][0]

    def poke(number):
        assert behind.size     # keeps it alive
        ctypes.memset(place, number, 1)
    return poke


def float_block(frame):
    return frame["x"].to_numpy()


pandas_thing("DataFrame, mixed", lambda pandas, numpy: pandas.DataFrame(
    {"x": numpy.arange(NUMBERS, dtype="f8"), "n": numpy.arange(NUMBERS), "s": ["a", "b"] * (NUMBERS // 2),
     "t": pandas.date_range("2020", periods=NUMBERS, freq="s")}), float_block)
pandas_thing("Series", lambda pandas, numpy: pandas.Series(numpy.arange(NUMBERS, dtype="f8"), name="s"), lambda s: s.to_numpy())
pandas_thing("Index", lambda pandas, numpy: pandas.Index(numpy.arange(NUMBERS, dtype="f8")), lambda index: index.values)
pandas_thing("Categorical", lambda pandas, numpy: pandas.Categorical(["a", "b", "c", "d"] * (NUMBERS // 4)),
             lambda categorical: categorical.codes)


def arrow_thing(name, make_it, buffers):
    def look(obj):
        return memoryview(buffers(obj)).cast("B")[0]

    @producer("pyarrow " + name, ["pyarrow"], lambda one, other: type(one) is type(other) and one.equals(other), look)
    def make():
        import numpy
        import pyarrow
        behind = numpy.arange(NUMBERS, dtype="f8")

        def poke(number):
            behind.view("u1")[0] = number
        return make_it(pyarrow, behind), poke


arrow_thing("Buffer", lambda arrow, numbers: arrow.py_buffer(numbers), lambda buffer: buffer)
arrow_thing("Array", lambda arrow, numbers: arrow.array(numbers), lambda array: array.buffers()[1])
arrow_thing("RecordBatch", lambda arrow, numbers: arrow.RecordBatch.from_arrays([arrow.array(numbers)], ["x"]),
            lambda batch: batch.column(0).buffers()[1])
arrow_thing("Table", lambda arrow, numbers: arrow.Table.from_arrays([arrow.array(numbers)], ["x"]),
            lambda table: table.column(0).chunk(0).buffers()[1])


@producer("xarray DataArray", ["xarray"], lambda one, other: one.identical(other), lambda obj: first_byte(obj.values),
          lambda obj: bool(obj.values.flags.writeable))
def make_xarray():
    import numpy
    import xarray
    numbers = numpy.arange(NUMBERS, dtype="f8")
    return xarray.DataArray(numbers.reshape(100, -1), dims=("y", "x"), name="numbers"), _behind(numbers)


@producer("scipy.sparse csr", ["scipy"], lambda one, other: one.shape == other.shape and (one != other).nnz == 0,
          lambda obj: first_byte(obj.data), lambda obj: bool(obj.data.flags.writeable))
def make_sparse():
    import numpy
    import scipy.sparse
    made = scipy.sparse.csr_matrix(scipy.sparse.diags([numpy.arange(1.0, NUMBERS + 1)], [0]))
    return made, _behind(made.data)


def same_predictions(one, other):
    import numpy
    points = numpy.random.RandomState(1).rand(50, 40)
    return type(one) is type(other) and numpy.array_equal(one.predict(points), other.predict(points))


@producer("scikit-learn LinearRegression", ["sklearn"], same_predictions, lambda obj: first_byte(obj.coef_),
          lambda obj: bool(obj.coef_.flags.writeable))
def make_linear():
    import numpy
    from sklearn.linear_model import LinearRegression
    random = numpy.random.RandomState(0)
    made = LinearRegression().fit(random.rand(200, 40), random.rand(200, 200))
    made.coef_ = made.coef_.copy()
    return made, _behind(made.coef_)


@producer("scikit-learn RandomForest", ["sklearn"], same_predictions)
def make_forest():
    import numpy
    from sklearn.ensemble import RandomForestRegressor
    random = numpy.random.RandomState(0)
    return RandomForestRegressor(10, random_state=0).fit(random.rand(200, 40), random.rand(200)), None


@producer("awkward Array", ["awkward"], lambda one, other: one.tolist() == other.tolist())
def make_awkward():
    import awkward
    return awkward.Array([[1.0, 2.0], [], [3.0]] * 10000), None


def squares(compiled=[]):
    """The function that makes Numba's array, compiled once."""
    import numba
    import numpy

    def squares(count):
        out = numpy.empty(count)
        for number in range(count):
            out[number] = number * number
        return out
    if not compiled:
        compiled.append(numba.njit(squares))
    return compiled[0]


@producer("Numba array", ["numba"], same_array, first_byte, lambda array: bool(array.flags.writeable))
def make_numba():
    made = squares()(NUMBERS)
    return made, lambda number: made.view("u1").__setitem__(0, number)


@producer("PyTorch tensor", ["torch"], lambda one, other: bool((one == other).all()), lambda obj: first_byte(obj.numpy()))
def make_torch():
    import torch
    made = torch.arange(NUMBERS, dtype=torch.float64)
    return made, lambda number: made.numpy().view("u1").__setitem__(0, number)


@producer("TensorFlow tensor", ["tensorflow"], lambda one, other: bool((one.numpy() == other.numpy()).all()))
def make_tensorflow():
    import tensorflow
    return tensorflow.range(NUMBERS, dtype="float64"), None


@producer("XND", ["xnd"], lambda one, other: one == other)
def make_xnd():
    import xnd
    made = xnd.xnd([1.0, 2.0])
    try:
        memoryview(made)
    except TypeError:
        raise ImportError("its objects (0.2.0b2, the last release) can be neither pickled nor asked for their memory")
    return made, None


@producer("xtensor array", ["xtensor_arrays"], same_memory, lambda obj: obj.view()[0], lambda obj: not obj.view().readonly)
def make_xtensor():
    import xtensor_arrays
    memory = filled(xtensor_arrays.Array(NUMBERS))
    return things.Owner(memory), lambda number: memoryview(memory).cast("B").__setitem__(0, number)
