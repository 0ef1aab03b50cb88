"""A Pickler or Unpickler that is entered again while at work refuses, and goes on."""
import io
import pickle

import pytest

import zoo
from odd import Calls

only = pytest.mark.only
since = pytest.mark.since
pytestmark = [only('engine', 'stdlib'), since((3, 13, 12), (3, 14, 3), (3, 15))]

PICKLER = 'Pickler object is already used'
UNPICKLER = 'Unpickler object is already used'


def refused(message, call, *args):
    with pytest.raises(RuntimeError, match=message):
        call(*args)


def test_dump_from_reduce(impl, proto):
    out = io.BytesIO()
    pickler = impl.Pickler(out, proto)
    pickler.dump([1, Calls(lambda: refused(PICKLER, pickler.dump, 2)), 3])
    assert impl.loads(out.getvalue()) == [1, [], 3]
    pickler.dump('again')


def test_init_from_reduce(impl):
    out = io.BytesIO()
    pickler = impl.Pickler(out)
    pickler.dump([Calls(lambda: refused(PICKLER, pickler.__init__, io.BytesIO()))])
    assert impl.loads(out.getvalue()) == [[]]


def test_dump_from_write(impl):
    class File:
        chunks = []

        def write(self, chunk):
            refused(PICKLER, pickler.dump, 2)
            self.chunks.append(bytes(chunk))

    file = File()
    pickler = impl.Pickler(file, 4)
    pickler.dump(['x' * 100000, 1])
    assert impl.loads(b''.join(file.chunks)) == ['x' * 100000, 1]


def test_dump_from_persistent_id(impl):
    class Pickler(impl.Pickler):
        def persistent_id(self, obj):
            refused(PICKLER, self.dump, 2)
            return None

    assert impl.loads(impl.dump_with(Pickler, [1])) == [1]


def test_dump_from_reducer_override(impl):
    class Pickler(impl.Pickler):
        def reducer_override(self, obj):
            refused(PICKLER, self.dump, 2)
            return NotImplemented

    assert type(impl.loads(impl.dump_with(Pickler, zoo.Empty()))) is zoo.Empty


def test_another_pickler_may_work_meanwhile(impl):
    inner = []
    data = impl.dumps([Calls(lambda: inner.append(impl.dumps([2]))), 3])
    assert impl.loads(data) == [[], 3] and impl.loads(inner[0]) == [2]


def test_usable_after_an_error(impl):
    def fail():
        raise ZeroDivisionError

    pickler = impl.Pickler(io.BytesIO())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pickler.dump([Calls(fail)])
    pickler.dump(1)


CALL = []


def call_it(*args):
    for each in CALL:
        each()
    return 'called'


DATA = b'(c' + __name__.encode() + b'\ncall_it\n)RK\1t.'


def test_load_from_reduce(impl):
    unpickler = impl.Unpickler(io.BytesIO(DATA))
    CALL[:] = [lambda: refused(UNPICKLER, unpickler.load)]
    try:
        assert unpickler.load() == ('called', 1)
    finally:
        del CALL[:]


def test_unpickler_init_from_reduce(impl):
    unpickler = impl.Unpickler(io.BytesIO(DATA))
    CALL[:] = [lambda: refused(UNPICKLER, unpickler.__init__, io.BytesIO())]
    try:
        assert unpickler.load() == ('called', 1)
    finally:
        del CALL[:]


def test_load_from_find_class_and_persistent_load(impl):
    class Unpickler(impl.Unpickler):
        def find_class(self, module, name):
            refused(UNPICKLER, self.load)
            return super(Unpickler, self).find_class(module, name)

        def persistent_load(self, identity):
            refused(UNPICKLER, self.load)
            return identity

    assert impl.load_with(Unpickler, b'(czoo\nfunction\nK\5Qt.') == (zoo.function, 5)


def test_load_from_read(impl):
    class File(object):
        def __init__(self):
            self.inner = io.BytesIO(b'](K\1K\2e.')

        def read(self, size):
            refused(UNPICKLER, unpickler.load)
            return self.inner.read(size)

        def readline(self):
            return self.inner.readline()

    unpickler = impl.Unpickler(File())
    assert unpickler.load() == [1, 2]


def test_unpickler_usable_after_an_error(impl):
    unpickler = impl.Unpickler(io.BytesIO(b'\xffK\1.'))
    with pytest.raises(pickle.UnpicklingError):
        unpickler.load()
    try:
        unpickler.load()
    except RuntimeError:
        raise AssertionError('still in use')
    except (pickle.UnpicklingError, EOFError):
        pass
