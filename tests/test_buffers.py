"""PickleBuffer, in band and out of band."""
import gc
import io
import pickle
import weakref

import pytest

import pickle5
import zoo
from implementations import PYPY

only = pytest.mark.only
since = pytest.mark.since
pytestmark = since((3, 8))


class Exporter(object):
    """Hands its bytes over as a buffer in protocol 5, as a large array does."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        if protocol >= 5:
            return Exporter, (pickle5.PickleBuffer(self.data),)
        return Exporter, (bytes(self.data),)


def test_type(impl):
    if impl.PickleBuffer is not getattr(pickle, 'PickleBuffer', None):
        assert not hasattr(pickle, 'PickleBuffer')
    assert pickle5.PickleBuffer is impl.PickleBuffer


def test_in_band(impl):
    for data, kind in ((b'constant', bytes), (bytearray(b'variable'), bytearray), (memoryview(b'view'), bytes),
                       (memoryview(bytearray(b'view'))[1:], bytearray)):
        back = impl.loads(impl.dumps(impl.PickleBuffer(data), 5))
        assert type(back) is kind and back == bytes(data)
        back = impl.loads(impl.dumps(Exporter(data), 5))
        assert back.data == bytes(data) and type(back.data) is kind


def test_out_of_band(impl):
    for data in (b'constant' * 1000, bytearray(b'variable' * 1000)):
        buffers = []
        obj = Exporter(data)
        stream = impl.dumps([obj, obj, 1], 5, buffer_callback=buffers.append)
        assert len(buffers) == 1 and type(buffers[0]) is impl.PickleBuffer
        assert len(stream) < 200
        one, two, _ = impl.loads(stream, buffers=buffers)
        assert one is two
        assert bytes(memoryview(one.data)) == bytes(data)
        if isinstance(data, bytearray):
            memoryview(data)[:1] = b'!'
            assert bytes(memoryview(one.data)[:1]) == b'!', 'not shared'
            assert not memoryview(one.data).readonly
        else:
            assert memoryview(one.data).readonly


def test_out_of_band_with_pickler_and_unpickler(impl):
    buffers = []
    out = io.BytesIO()
    impl.Pickler(out, 5, buffer_callback=buffers.append).dump(Exporter(b'abc'))
    back = impl.Unpickler(io.BytesIO(out.getvalue()), buffers=buffers).load()
    assert bytes(memoryview(back.data)) == b'abc'
    out = io.BytesIO()
    impl.dump(Exporter(b'abc'), out, 5, buffer_callback=buffers.append)
    back = impl.load(io.BytesIO(out.getvalue()), buffers=iter(buffers[1:]))
    assert bytes(memoryview(back.data)) == b'abc'


@pytest.mark.parametrize('result, out_of_band', [
    (None, True), (False, True), (0, True), ('', True), ([], True), (True, False), (1, False), ('in band', False)])
def test_callback_says_where(impl, result, out_of_band):
    stream = impl.dumps(Exporter(b'some data'), 5, buffer_callback=lambda buffer: result)
    assert (b'some data' not in stream) == out_of_band
    assert impl.loads(stream, buffers=[b'some data']).data == b'some data'


def test_callback_that_raises(impl):
    def callback(buffer):
        raise ZeroDivisionError('no room')

    with pytest.raises(ZeroDivisionError, match='no room'):
        impl.dumps([Exporter(b'abc')], 5, buffer_callback=callback)

    class Hard(object):
        def __bool__(self):
            raise ZeroDivisionError('undecided')

    with pytest.raises(ZeroDivisionError, match='undecided'):
        impl.dumps([Exporter(b'abc')], 5, buffer_callback=lambda buffer: Hard())


def test_callback_needs_protocol_5(impl):
    with pytest.raises(ValueError, match='buffer_callback needs protocol >= 5'):
        impl.dumps(1, 4, buffer_callback=[].append)
    with pytest.raises(ValueError):
        impl.Pickler(io.BytesIO(), 4, buffer_callback=[].append)


def test_needs_protocol_5(impl):
    for proto in range(5):
        with pytest.raises(pickle.PicklingError, match='PickleBuffer can only (be )?pickled with protocol >= 5'):
            impl.dumps(impl.PickleBuffer(b'abc'), proto)


def test_only_contiguous(impl):
    buffer = impl.PickleBuffer(memoryview(b'abcdef')[::2])
    with pytest.raises(pickle.PicklingError if impl.compiled else (pickle.PicklingError, BufferError),
                       match='non-contiguous buffer'):
        impl.dumps(buffer, 5)
    with pytest.raises((pickle.PicklingError, BufferError)):
        impl.dumps(buffer, 5, buffer_callback=lambda b: b.raw() and None)


def test_released(impl):
    buffer = impl.PickleBuffer(b'abc')
    buffer.release()
    buffer.release()
    with pytest.raises(ValueError, match='operation forbidden on released PickleBuffer object'):
        impl.dumps(buffer, 5)
    with pytest.raises(ValueError):
        buffer.raw()
    with pytest.raises((ValueError, TypeError)):  # the one all in Python exports nothing
        memoryview(buffer)


@pytest.mark.skipif(PYPY, reason='its raw() keeps the dimensions')
def test_raw(impl):
    source = bytearray(range(12))
    view = memoryview(source).cast('B', (3, 4))
    raw = impl.PickleBuffer(view).raw()
    assert (raw.format, raw.ndim, raw.nbytes, raw.readonly, raw.contiguous) == ('B', 1, 12, False, True)
    assert raw == source
    assert impl.PickleBuffer(b'abc').raw().readonly
    with pytest.raises(BufferError):
        impl.PickleBuffer(memoryview(b'abcdef')[::2]).raw()
    assert impl.PickleBuffer(memoryview(bytearray(8)).cast('d')).raw().format == 'B'


def test_constructor(impl):
    for wrong in (5, 'text', None, [1]):
        with pytest.raises(TypeError):
            impl.PickleBuffer(wrong)
    with pytest.raises(TypeError):
        impl.PickleBuffer()
    with pytest.raises(TypeError):
        impl.PickleBuffer(b'a', b'b')


def test_holds_and_releases_its_source(impl):
    source = bytearray(b'abc')
    buffer = impl.PickleBuffer(source)
    with pytest.raises(BufferError):
        source.append(1)
    buffer.release()
    source.append(1)
    buffer = impl.PickleBuffer(source)
    del buffer
    gc.collect()
    source.append(1)


def test_weak_references_and_cycles(impl, collected):
    class Source(bytearray):
        pass

    source = Source(b'abc')
    buffer = impl.PickleBuffer(source)
    gone = weakref.ref(buffer)
    assert gone() is buffer
    source.buffer = buffer
    del source, buffer
    assert collected(gone)


def test_is_final(impl):
    with pytest.raises(TypeError):
        type('Derived', (impl.PickleBuffer,), {})


@only('engine', 'stdlib')
@since((3, 14, 10), (3, 15))
@pytest.mark.parametrize('make', [lambda: b'some constant data' * 1000, lambda: bytearray(b'some variable data' * 1000)])
@pytest.mark.parametrize('late', [False, True])
def test_a_callback_may_release_the_buffer(impl, make, late):
    """Older engines went on to use the memory that was let go; the data is written all the same."""
    class Releases(object):
        def __init__(self, buffer):
            self.buffer = buffer

        def __bool__(self):
            self.buffer.release()
            return True

    def callback(buffer):
        if late:
            return Releases(buffer)
        buffer.release()
        return True

    data = make()
    expected = bytes(data)
    back = impl.loads(impl.dumps([Exporter(data)], 5, buffer_callback=callback))
    assert back[0].data == expected
    if isinstance(data, bytearray):
        data.append(1)  # nobody holds it any more


@since((3, 13, 14), (3, 14, 5), (3, 15))
def test_in_band_is_memoized_on_the_buffer(impl):
    for data in (b'constant', bytearray(b'variable')):
        buffer = impl.PickleBuffer(data)
        one, two = impl.loads(impl.dumps([buffer, buffer], 5))
        assert one is two
        one, two = impl.loads(impl.dumps([buffer, data], 5))
        assert one == two


@only('engine', 'python')
def test_large_in_band_to_a_file(impl):
    """What reaches the file has a length; CPython's engine hands over the PickleBuffer, which has none."""
    class File:
        size = 0

        def write(self, chunk):
            self.size += len(chunk)

    file = File()
    impl.dump(impl.PickleBuffer(bytearray(200000)), file, 5)
    assert file.size > 200000
    for data in (b'x' * 200000, bytearray(b'y' * 200000)):
        out = io.BytesIO()
        impl.dump([impl.PickleBuffer(data)], out, 5)
        assert impl.loads(out.getvalue()) == [data]


def test_more_buffers_than_asked_for(impl):
    stream = impl.dumps(Exporter(b'abc'), 5, buffer_callback=lambda buffer: None)
    given = iter([b'one', b'two'])
    assert impl.loads(stream, buffers=given).data == b'one'
    assert next(given) == b'two'


def test_buffers_that_fail(impl):
    def failing():
        yield b'one'
        raise ZeroDivisionError('lost')

    stream = impl.dumps([Exporter(b'abc'), Exporter(b'def')], 5, buffer_callback=lambda buffer: None)
    with pytest.raises(ZeroDivisionError, match='lost'):
        impl.loads(stream, buffers=failing())


def test_instances_with_buffers(impl):
    buffers = []
    obj = zoo.Plain(a=Exporter(bytearray(b'abc')), b=[Exporter(b'def')])
    back = impl.loads(impl.dumps(obj, 5, buffer_callback=buffers.append), buffers=buffers)
    assert bytes(memoryview(back.a.data)) == b'abc' and bytes(memoryview(back.b[0].data)) == b'def'


@pytest.mark.parametrize('order', ['C', 'F'])
def test_numpy(impl, order):
    numpy = pytest.importorskip('numpy')
    array = numpy.array(numpy.arange(100000.0).reshape(100, 1000), order=order)
    for proto in impl.protocols:
        back = impl.loads(impl.dumps(array, proto))
        assert (back == array).all() and back.flags.writeable and back.flags.c_contiguous == (order == 'C')
    if tuple(map(int, numpy.__version__.split('.')[:2])) < (1, 16):
        return  # 1.16 was the first NumPy that knows protocol 5
    buffers = []
    stream = impl.dumps([array, array], 5, buffer_callback=buffers.append)
    assert len(buffers) == 1 and len(stream) < 1000
    one, two = impl.loads(stream, buffers=buffers)
    assert one is two and (one == array).all()
    assert numpy.shares_memory(one, array)
    array.flags.writeable = False
    buffers = []
    back = impl.loads(impl.dumps(array, 5, buffer_callback=buffers.append), buffers=buffers)
    assert not back.flags.writeable


def test_numpy_parts(impl):
    numpy = pytest.importorskip('numpy')
    array = numpy.arange(1000)[::3]
    buffers = []
    back = impl.loads(impl.dumps(array, 5, buffer_callback=buffers.append), buffers=buffers)
    assert (back == array).all()
    objects = numpy.array([1, 'two', [3]], dtype=object)
    for proto in impl.protocols:
        assert list(impl.loads(impl.dumps(objects, proto))) == [1, 'two', [3]]
    assert impl.loads(impl.dumps(numpy.float64(1.5), 5)) == 1.5
    assert impl.loads(impl.dumps(numpy.dtype('i4,f8'), 5)) == numpy.dtype('i4,f8')
