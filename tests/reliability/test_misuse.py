"""Objects used as they are not meant to be: without __init__, after one that failed, during a dump or a load.

What is promised is that nothing crashes, that what is refused is refused with an ordinary exception, and that the object
works once it is set up.
"""
import gc
import io
import pickle
import random
import sys

import pytest

import zoo
from odd import Calls

ARGUMENTS = [(), (None,), (5,), ('x',), (b'N.',), (io.BytesIO,), (1, 2), (1, 2, 3), ([],), ({},), (object(),)]
VALUES = [None, 0, 1, -1, 2 ** 31, 2 ** 63, 2 ** 100, 'x', b'x', 1.5, [], {}, {1: (1, 2)}, {-1: 0}, {'a': 1}, {2 ** 70: 1},
          {1: None}, (), object(), len, lambda *args: None]
ORDINARY = (Exception,)


def attempt(call, *args):
    """Anything but a crash."""
    try:
        return call(*args)
    except ORDINARY:
        return None


def use_everything(obj, skip=('__init__', '__new__', '__class__', '__reduce__', '__reduce_ex__')):
    """Get, call, set and delete whatever the object has."""
    for name in sorted(set(dir(obj)) | {'persistent_id', 'persistent_load', 'dispatch_table', 'reducer_override'}):
        if name in skip:
            continue
        value = attempt(getattr, obj, name)
        if callable(value):
            for args in ARGUMENTS:
                attempt(value, *args)
        for other in VALUES:
            attempt(setattr, obj, name, other)
        attempt(getattr, obj, name)
        attempt(delattr, obj, name)
        attempt(delattr, obj, name)
    for name in ('clear', 'copy', '__reduce__'):
        memo = attempt(getattr, obj, 'memo')
        attempt(lambda: getattr(memo, name)())
    repr(obj), hash(obj), obj == obj, sys.getsizeof(obj)


def has_failed(obj, *args):
    """Its __init__ ran and raised."""
    with pytest.raises(TypeError):
        obj.__init__(*args)
    return obj


def sub(base):
    class Sub(base):
        def __init__(self, *args):
            pass
    return Sub


def slotted(base):
    class Slotted(base):
        __slots__ = ('own',)

        def __init__(self, *args):
            pass
    return Slotted


UNREADY = [
    ('never', lambda cls: cls.__new__(cls)),
    ('subclass', lambda cls: sub(cls)()),
    ('subclass with arguments', lambda cls: sub(cls)(io.BytesIO())),
    ('slotted', lambda cls: slotted(cls)()),
    ('failed', lambda cls: has_failed(cls.__new__(cls), 5)),
    ('failed, no arguments', lambda cls: has_failed(cls.__new__(cls))),
    ('failed later', lambda cls: has_failed(cls(io.BytesIO(b'N.')), 5)),
    ('failed later, keywords', lambda cls: has_failed(cls(io.BytesIO(b'N.')), io.BytesIO(), 0, 0, 0, 0, 0, 0)),
]
unready = pytest.mark.parametrize('make', [make for name, make in UNREADY], ids=[name for name, make in UNREADY])


@unready
def test_pickler_that_is_not_ready(engine, make):
    pickler = make(engine.Pickler)
    with pytest.raises(pickle.PicklingError):
        pickler.dump([])
    use_everything(pickler)
    pickler = make(engine.Pickler)
    out = io.BytesIO()
    engine.Pickler.__init__(pickler, out, 2)
    pickler.dump([1, [2]])
    assert engine.loads(out.getvalue()) == [1, [2]]


@unready
def test_unpickler_that_is_not_ready(engine, make):
    unpickler = make(engine.Unpickler)
    with pytest.raises(pickle.UnpicklingError):
        unpickler.load()
    use_everything(unpickler)
    unpickler = make(engine.Unpickler)
    engine.Unpickler.__init__(unpickler, io.BytesIO(b'](K\1K\2e.'))
    assert unpickler.load() == [1, 2]


def test_everything_on_ready_objects(engine):
    for protocol in engine.protocols:
        use_everything(engine.Pickler(io.BytesIO(), protocol))
    for data in (b'', b'N.', b'(lp0\n.', engine.dumps(zoo.Plain(a=1), 4) * 3):
        use_everything(engine.Unpickler(io.BytesIO(data)))


def test_memo_outlives_its_owner(engine):
    pickler = engine.Pickler(io.BytesIO())
    pickler.dump([[], 'text'])
    memo = pickler.memo
    del pickler
    gc.collect()
    assert len(memo.copy()) == 3 and attempt(repr, memo)
    memo.clear()
    assert memo.copy() == {}
    unpickler = engine.Unpickler(io.BytesIO(b'(lp0\n.'))
    unpickler.load()
    memo = unpickler.memo
    del unpickler
    gc.collect()
    assert memo.copy() == {0: []}
    memo.clear()
    assert memo.copy() == {}


def test_memo_types_are_not_made_by_hand(engine):
    for memo in (engine.Pickler(io.BytesIO()).memo, engine.Unpickler(io.BytesIO()).memo):
        for args in ARGUMENTS:
            made = attempt(type(memo), *args)
            attempt(lambda: made.copy())
            attempt(lambda: made.clear())
            made = attempt(type(memo).__new__, type(memo), *args)
            attempt(lambda: made.copy())
            attempt(lambda: made.clear())
            attempt(lambda: made.__reduce__())
            made = attempt(object.__new__, type(memo))
            attempt(lambda: made.copy())


@pytest.mark.parametrize('memo', [{1: 2}, {'a': (1, 2)}, {0: (-1, [])}, {0: (2 ** 70, [])}, {0: ('x', [])}, {0: (0,)},
                                  {0: (0, [], 1)}, {0: (0, [])}, {5: (0, [])}, {0: ()}, {0: [0, []]}, {None: (1, 2)}])
def test_pickler_memo_given_by_hand(engine, memo):
    pickler = engine.Pickler(io.BytesIO(), 4)
    attempt(setattr, pickler, 'memo', memo)
    attempt(pickler.dump, [[], 'x'])
    attempt(pickler.memo.copy)
    pickler.clear_memo()
    pickler.dump([[]])
    other = engine.Pickler(io.BytesIO())
    attempt(setattr, other, 'memo', pickler.memo)
    other.dump([[]])


@pytest.mark.parametrize('memo', [{1: 2}, {'a': 1}, {-1: 0}, {2 ** 63 - 1: 'x'}, {2 ** 64: 0}, {2 ** 31: 1, 0: 2}, {None: 1},
                                  {i * 1000003: i for i in range(1000)}])
def test_unpickler_memo_given_by_hand(engine, memo):
    unpickler = engine.Unpickler(io.BytesIO(b'g1\n.K\1p0\n.' + b'g1\n.'))
    attempt(setattr, unpickler, 'memo', memo)
    attempt(unpickler.load)
    attempt(unpickler.load)
    attempt(unpickler.memo.copy)
    other = engine.Unpickler(io.BytesIO(b'N.'))
    other.memo = unpickler.memo
    assert other.memo.copy() == unpickler.memo.copy()
    other.memo.clear()


# --- during a dump or a load ----------------------------------------------------------------------------------------

def operations(obj, file):
    """Everything that can be done to a Pickler or Unpickler, by name."""
    yield 'init', lambda: obj.__init__(io.BytesIO())
    yield 'init same file', lambda: obj.__init__(file)
    yield 'init fails', lambda: obj.__init__(5)
    yield 'init without arguments', lambda: obj.__init__()
    yield 'new', lambda: type(obj).__new__(type(obj))
    yield 'dump', lambda: obj.dump([])
    yield 'load', lambda: obj.load()
    yield 'clear_memo', lambda: obj.clear_memo()
    yield 'memo.clear', lambda: obj.memo.clear()
    yield 'memo.copy', lambda: obj.memo.copy()
    yield 'memo empty', lambda: setattr(obj, 'memo', {})
    yield 'memo of its own', lambda: setattr(obj, 'memo', obj.memo)
    yield 'memo of its own, copied', lambda: setattr(obj, 'memo', obj.memo.copy())
    yield 'memo wrong', lambda: setattr(obj, 'memo', 5)
    yield 'memo full', lambda: setattr(obj, 'memo', {i: (i, []) for i in range(1000)})
    yield 'memo.reduce', lambda: obj.memo.__reduce__()
    yield 'bin', lambda: setattr(obj, 'bin', not obj.bin)
    yield 'fast', lambda: setattr(obj, 'fast', not obj.fast)
    yield 'dispatch_table', lambda: setattr(obj, 'dispatch_table', {})
    yield 'dispatch_table wrong', lambda: setattr(obj, 'dispatch_table', 5)
    yield 'dispatch_table gone', lambda: delattr(obj, 'dispatch_table')
    yield 'max_open_reduces', lambda: setattr(obj, 'max_open_reduces', 0)
    yield 'max_open_reduces less', lambda: setattr(obj, 'max_open_reduces', -5)
    yield 'persistent_id', lambda: setattr(obj, 'persistent_id', lambda obj: None)
    yield 'persistent_id wrong', lambda: setattr(obj, 'persistent_id', 5)
    yield 'persistent_id gone', lambda: delattr(obj, 'persistent_id')
    yield 'persistent_load', lambda: setattr(obj, 'persistent_load', lambda pid: pid)
    yield 'persistent_load gone', lambda: delattr(obj, 'persistent_load')
    yield 'reducer_override', lambda: setattr(obj, 'reducer_override', lambda obj: NotImplemented)
    yield 'class', lambda: setattr(obj, '__class__', sub(type(obj).__mro__[-2]))
    yield 'size', lambda: sys.getsizeof(obj)
    yield 'close', lambda: file.close()
    yield 'seek', lambda: file.seek(0)
    yield 'truncate', lambda: file.truncate(0)
    yield 'collect', lambda: gc.collect()
    yield 'everything', lambda: use_everything(obj)


NAMES = [name for name, do in operations(None, None)]
MOST = {'everything': 3, 'collect': 4}


@pytest.mark.parametrize('where', ['reduce', 'persistent_id', 'write', 'reducer_override', 'buffer_callback'])
@pytest.mark.parametrize('name', NAMES)
def test_during_a_dump(engine, where, name):
    for protocol in (1, 4, 5):
        during_a_dump(engine, where, name, protocol)


def during_a_dump(engine, where, name, protocol):
    acting = []

    def act(*args):
        if acting and len(acting) < MOST.get(name, 12):
            acting.append(name)   # first, or a hook that is called by hand in the operation would go on for ever
            attempt(dict(operations(pickler, out))[name])

    class File(io.BytesIO):
        def write(self, data):
            if where == 'write':
                act()
            return io.BytesIO.write(self, data)

    class Pickler(engine.Pickler):
        if where == 'persistent_id':
            def persistent_id(self, obj):
                act()
        if where == 'reducer_override':
            def reducer_override(self, obj):
                act()
                return NotImplemented

    keywords = {'buffer_callback': act} if where == 'buffer_callback' and protocol == 5 else {}
    out = File()
    pickler = Pickler(out, protocol, **keywords)
    shared = ['shared', (1, 2)]
    graph = [shared, {'a': shared, 'b': 'x' * 70000}, zoo.Plain(a=shared, b={1, 2}), (shared, 'text' * 3), b'y' * 70000]
    if where == 'reduce':
        graph[2:2] = [Calls(act), {'k': Calls(act)}, (Calls(act),)]
    if where == 'buffer_callback' and protocol == 5:
        graph.append(engine.PickleBuffer(b'abc' * 10))
    acting.append(None)
    attempt(pickler.dump, graph)
    attempt(pickler.dump, graph)
    del acting[:]
    fresh = io.BytesIO()
    pickler.__class__ = Pickler
    engine.Pickler.__init__(pickler, fresh, 4)
    for attribute in ('persistent_id', 'reducer_override', 'dispatch_table'):
        attempt(delattr, pickler, attribute)
    pickler.max_open_reduces = 1000
    pickler.dump([shared, shared])
    assert engine.loads(fresh.getvalue()) == [shared, shared]


CALL = []


def call_it(*args):
    for each in CALL:
        each()
    return 'called'


class Reacts(dict):
    """Calls when it is filled, or told its state."""

    def __setitem__(self, key, value):
        call_it()

    def __setstate__(self, state):
        call_it()

    def append(self, item):
        call_it()

    def extend(self, items):
        call_it()

    def add(self, item):
        call_it()

    def __hash__(self):
        call_it()
        return 5

    def __del__(self):
        call_it()


HERE = __name__.encode()
REACTS = b'c' + HERE + b'\nReacts\n)\x81'
DURING_A_LOAD = (b'(]q\0(h\0K\1' + b'c' + HERE + b'\ncall_it\n)Rq\1h\1t' + REACTS + b'q\2h\0h\1sh\2(h\0h\0h\1h\2uh\2}b'
                 + b'h\2h\0ah\2(h\0h\0eh\2(h\0h\1\x90}h\2h\0s' + b'\x8f(h\2h\1\x90' + b'(h\2\x91' + REACTS + b'0'
                 + REACTS + b'q\3h\0q\3' + b'K\5Q(P12\nP13\nt' + b'(' + REACTS + REACTS + b'1' + b'I5\nX\1\1\0\0' + b'z' * 257
                 + b'h\0h\1h\2t.')


@pytest.mark.parametrize('where', ['foreign', 'find_class', 'persistent_load', 'read', 'readline', 'readinto', 'peek'])
@pytest.mark.parametrize('name', NAMES)
def test_during_a_load(engine, where, name):
    acting = []

    def act(*args):
        if acting and len(acting) < MOST.get(name, 12):
            acting.append(name)
            attempt(dict(operations(unpickler, file))[name])

    class File(io.BytesIO):
        def read(self, *args):
            if where == 'read':
                act()
            return io.BytesIO.read(self, *args)

        def readline(self, *args):
            if where == 'readline':
                act()
            return io.BytesIO.readline(self, *args)

        def readinto(self, buffer):
            if where == 'readinto':
                act()
            return io.BytesIO.readinto(self, buffer)

        if where == 'peek':
            def peek(self, size):
                act()
                return self.getvalue()[self.tell():self.tell() + 5]

    class Unpickler(engine.Unpickler):
        def find_class(self, module, name):
            if where == 'find_class':
                act()
            return engine.Unpickler.find_class(self, module, name)

        def persistent_load(self, pid):
            if where == 'persistent_load':
                act()
            return pid

    data = (b'\x80\4' + DURING_A_LOAD) * 2
    if where == 'readinto':
        data = b'\x80\4\x8e' + (2 ** 21).to_bytes(8, 'little') + b'x' * 2 ** 21 + b'.' + data
    file = File(data)
    unpickler = Unpickler(file)
    CALL[:] = [act] if where == 'foreign' else []
    acting.append(None)
    try:
        for _ in range(3):
            attempt(unpickler.load)
    finally:
        del CALL[:], acting[:]
    unpickler.__class__ = Unpickler
    engine.Unpickler.__init__(unpickler, io.BytesIO(b'](K\1K\2e.'))
    assert unpickler.load() == [1, 2]


def test_operations_in_any_order(engine):
    """Many objects, many operations, from inside each other, by chance."""
    rng = random.Random(20)
    data = (b'\x80\4' + DURING_A_LOAD) * 20
    for round in range(60):
        files = [io.BytesIO(data) for _ in range(4)]
        objects = [engine.Pickler(files[0]), engine.Unpickler(files[1]), sub(engine.Pickler)(), sub(engine.Unpickler)()]
        depth = []

        def act(*args):
            if len(depth) > 3 or rng.random() < .3:
                return None
            depth.append(1)
            try:
                for _ in range(rng.randrange(3)):
                    i = rng.randrange(4)
                    name = rng.choice(NAMES[:-2])
                    attempt(dict(operations(objects[i], files[i]))[name])
            finally:
                depth.pop()

        CALL[:] = [act]
        try:
            for _ in range(15):
                act()
                attempt(objects[0].dump, [Calls(act), Calls(act)])
                attempt(objects[1].load)
        finally:
            del CALL[:]


# --- files ----------------------------------------------------------------------------------------------------------

class NoMethods(object):
    pass


class RaisingMethods(object):
    def __getattr__(self, name):
        raise ZeroDivisionError(name)


class NotCallable(object):
    read = readline = readinto = peek = write = 5


class NoneMethods(object):
    read = readline = readinto = peek = write = None


@pytest.mark.parametrize('file, error', [(NoMethods, TypeError), (RaisingMethods, ZeroDivisionError),
                                         (NotCallable, TypeError), (NoneMethods, TypeError), (object, TypeError)])
def test_files_without_methods(engine, file, error):
    with pytest.raises(error):
        engine.load(file())
    with pytest.raises(error):
        engine.Unpickler(file()).load()
    with pytest.raises(error):
        engine.dump([], file())
    with pytest.raises(error):
        engine.Pickler(file()).dump([])


def test_a_file_whose_methods_are_replaced(engine):
    class File(object):
        def write(self, data):
            self.write = None
            taken.append(bytes(data))

    taken = []
    pickler = engine.Pickler(File(), 4)
    pickler.dump(['x' * 100000, [1] * 50000])
    assert engine.loads(b''.join(taken)) == ['x' * 100000, [1] * 50000]


class Keeps(object):
    """Keeps a view of every buffer that it is given to fill."""

    def __init__(self, data, how):
        self.inner = io.BytesIO(data)
        self.how = how
        self.kept = []

    def read(self, size):
        return self.inner.read(size)

    def readline(self):
        return self.inner.readline()

    def readinto(self, buffer):
        size = self.inner.readinto(buffer)
        self.kept.append(self.how(buffer))
        return size


HOWS = [('itself', lambda view: view), ('slice', lambda view: view[1:]), ('view of it', memoryview),
        ('cast', lambda view: view.cast('b')), ('in a cycle', lambda view: cycle(view)),
        ('buffer', lambda view: pickle.PickleBuffer(view) if hasattr(pickle, 'PickleBuffer') else memoryview(view)),
        ('iterator', lambda view: iter(view))]


def cycle(view):
    held = [view[:5]]
    held.append(held)
    return held


@pytest.mark.parametrize('how', [how for name, how in HOWS], ids=[name for name, how in HOWS])
@pytest.mark.parametrize('size', [2 ** 21, 2 ** 25 + 2 ** 21])
@pytest.mark.parametrize('opcode', [b'\x8e', b'\x96', b'\x8d'])
def test_a_file_that_keeps_views(engine, how, size, opcode):
    """The memory behind a view that is kept is never used for anything else; using the view does not crash."""
    data = b'\x80\5' + opcode + size.to_bytes(8, 'little') + b'x' * size + b'.'
    file = Keeps(data, how)
    try:
        value = engine.load(file)
    except BufferError:
        value = None
    others = [bytes(size) for _ in range(3)]
    for view in file.kept:
        while isinstance(view, list):
            view = view[0]
        if isinstance(view, memoryview):
            try:
                assert view[0] == 120 and view[-1] == 120
                view[0] = view[-1] = 121
            except ValueError:
                pass        # released
        elif not isinstance(view, memoryview) and hasattr(view, '__next__'):
            attempt(next, view)
    assert value is None or len(value) == size and value[:1] in (b'x', 'x') and value[-1:] in (b'x', 'x')
    assert all(other == bytes(size) for other in others[:1])


def test_a_file_that_changes_what_it_returned(engine):
    """read may return a view of memory that changes later: what was read is what it was then."""
    class File(object):
        array = bytearray(1 << 20)

        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def read(self, size):
            data = self.inner.read(size)
            self.array[:] = b'\xff' * len(self.array)
            self.array[:len(data)] = data
            return memoryview(self.array)[:len(data)]

        def readline(self):
            line = self.inner.readline()
            self.array[:] = b'\xff' * len(self.array)
            self.array[:len(line)] = line
            return memoryview(self.array)[:len(line)]

    for protocol in engine.protocols:
        obj = [1, 'text', {'a': (1.5, b'bytes')}, zoo.Plain(a=1), 'x' * 1000, list(range(1000))]
        back = engine.load(File(engine.dumps(obj, protocol)))
        assert back[:3] + back[4:] == obj[:3] + obj[4:] and back[3].a == 1


def test_loads_locks_its_buffer(engine):
    array = bytearray(b'(c' + HERE + b'\ncall_it\n)RK\1t.')
    refused = []

    def shrink():
        try:
            del array[5:]
        except BufferError:
            refused.append(1)

    CALL[:] = [shrink]
    try:
        assert engine.loads(array) == ('called', 1)
    finally:
        del CALL[:]
    assert refused


# --- subclasses -----------------------------------------------------------------------------------------------------

def test_subclasses_of_several(engine):
    with pytest.raises(TypeError):
        type('Both', (engine.Pickler, engine.Unpickler), {})
    with pytest.raises(TypeError):
        type('Both', (engine.Pickler, dict), {})


def test_a_subclass_with_new_of_its_own(engine):
    class Odd(engine.Pickler):
        def __new__(cls, *args):
            return object.__new__(cls) if args == ('bad',) else engine.Pickler.__new__(cls)

    out = io.BytesIO()
    Odd(out).dump(1)
    with pytest.raises(TypeError):
        Odd('bad')
    with pytest.raises(TypeError):
        object.__new__(engine.Unpickler)


def test_methods_on_other_types(engine):
    for name in dir(engine.Pickler):
        method = getattr(engine.Pickler, name)
        if callable(method) and not name.startswith('__') or name in ('__init__', '__sizeof__'):
            for other in (None, 5, engine.Unpickler(io.BytesIO()), object()):
                if name == '__sizeof__' or not hasattr(object, name):
                    attempt(method, other)
                    attempt(method, other, io.BytesIO())
    with pytest.raises(TypeError):
        engine.Pickler.dump(engine.Unpickler(io.BytesIO()), [])
    with pytest.raises(TypeError):
        engine.Unpickler.load(engine.Pickler(io.BytesIO()))
    with pytest.raises(TypeError):
        engine.Pickler.__init__(engine.Unpickler(io.BytesIO()), io.BytesIO())
    with pytest.raises(TypeError):
        engine.Pickler.memo.__get__(engine.Unpickler(io.BytesIO()))


def test_a_pickler_that_pickles_itself(engine):
    for obj in (engine.Pickler(io.BytesIO()), engine.Unpickler(io.BytesIO())):
        # up to 3.9 copyreg reduces any heap type for protocols 0 and 1
        for protocol in engine.protocols if sys.version_info >= (3, 10) else range(2, 6):
            with pytest.raises(TypeError):
                engine.dumps(obj, protocol)
    pickler = engine.Pickler(io.BytesIO())
    with pytest.raises(TypeError):
        pickler.dump(pickler)
