"""Files: what is asked of them, what they may do, where they are left, and what happens when they fail."""
import gc
import io
import os
import pickle
import socket
import struct
import tempfile

import pytest

import zoo

only = pytest.mark.only
since = pytest.mark.since


class WriteOnly:
    def __init__(self):
        self.data = bytearray()

    def write(self, chunk):
        self.data += chunk


class ReadOnly(object):
    """read and readline, and nothing else."""

    def __init__(self, data, log=None):
        self.inner = io.BytesIO(data)
        self.log = log if log is not None else []

    def read(self, size):
        self.log.append(('read', size))
        return self.inner.read(size)

    def readline(self):
        self.log.append(('readline',))
        return self.inner.readline()


class WithReadinto(ReadOnly):
    def readinto(self, buffer):
        self.log.append(('readinto', len(buffer)))
        return self.inner.readinto(buffer)


class WithPeek(WithReadinto):
    def peek(self, size):
        self.log.append(('peek', size))
        return self.inner.getvalue()[self.inner.tell():][:4096]


class Piecemeal(WithReadinto):
    """readinto gives less than was asked for, as a pipe does."""

    def readinto(self, buffer):
        part = self.inner.read(min(len(buffer), 7))
        buffer[:len(part)] = part
        return len(part)


FILES = [ReadOnly, WithReadinto, WithPeek]
OBJECTS = [None, 'text', [1, 2, 3], {'a': (1, b'x' * 300)}, 'y' * 100000, b'z' * 200000, list(range(3000)), zoo.Plain(a=1),
           bytearray(b'w' * 70000), 1 << 3000]


def same(a, b):
    return a.__dict__ == b.__dict__ if isinstance(a, zoo.Plain) else a == b


@pytest.mark.parametrize('file_type', FILES)
def test_many_pickles_from_one_file(impl, proto, file_type):
    data = b''.join(impl.dumps(obj, proto) for obj in OBJECTS)
    file = file_type(data + b'rest')
    for obj in OBJECTS:
        assert same(impl.load(file), obj)
    assert file.inner.read() == b'rest'


@pytest.mark.parametrize('file_type', FILES)
def test_one_unpickler_many_loads(impl, proto, file_type):
    out = io.BytesIO()
    pickler = impl.Pickler(out, proto)
    for obj in OBJECTS:
        pickler.dump(obj)
    file = file_type(out.getvalue())
    unpickler = impl.Unpickler(file)
    for obj in OBJECTS:
        assert same(unpickler.load(), obj)
    with pytest.raises(EOFError):
        unpickler.load()


def test_the_file_is_left_right_after_stop(impl, proto):
    for obj in OBJECTS:
        data = impl.dumps(obj, proto)
        for file in (io.BytesIO(data + b'rest'), io.BufferedReader(io.BytesIO(data + b'rest'), 16)):
            impl.load(file)
            assert file.read() == b'rest'


def test_real_files(impl, proto, tmp_path):
    path = str(tmp_path / 'file')
    with open(path, 'wb') as file:
        for obj in OBJECTS:
            impl.dump(obj, file, proto)
    for buffering in (-1, 0, 100):
        if buffering == 0 and proto == 0:
            continue  # a system call for each byte
        with open(path, 'rb', buffering=buffering) as file:
            for obj in OBJECTS:
                assert same(impl.load(file), obj)
            assert file.read() == b''


def test_writing_and_reading_in_turn(impl):
    with tempfile.TemporaryFile() as file:
        impl.dump([1], file)
        impl.dump([2], file)
        file.seek(0)
        assert impl.load(file) == [1]
        assert impl.load(file) == [2]
        impl.dump([3], file)
        file.seek(0)
        assert [impl.load(file) for i in range(3)] == [[1], [2], [3]]


@pytest.mark.skipif(not hasattr(socket, 'socketpair') or not hasattr(os, 'fork'), reason='needs socket pairs')
def test_a_socket_is_not_waited_for(impl, proto):
    """What stands behind a pickle on a socket is not asked for before it is needed: nobody has sent it yet."""
    here, there = socket.socketpair()
    there.settimeout(20)
    with here, there, there.makefile('rb') as file:
        for obj in OBJECTS[:4]:
            here.sendall(impl.dumps(obj, proto))
            assert same(impl.load(file), obj)
        unpickler = impl.Unpickler(file)
        for obj in OBJECTS[:4]:
            here.sendall(impl.dumps(obj, proto))
            assert same(unpickler.load(), obj)


def test_any_object_with_write(impl, proto):
    for obj in OBJECTS:
        file = WriteOnly()
        impl.dump(obj, file, proto)
        assert same(impl.loads(bytes(file.data)), obj)


def test_files_without_the_methods(impl):
    with pytest.raises(TypeError, match='write'):
        impl.Pickler(object())
    with pytest.raises(TypeError):
        impl.dump(1, 5)
    for methods in ('', 'read', 'readline'):
        file = type('File', (object,), {name: lambda self, *args: b'' for name in methods.split()})()
        with pytest.raises((TypeError, AttributeError)):
            impl.Unpickler(file).load()


@only('engine', 'stdlib')
@since((3, 8))
def test_a_file_without_the_methods_is_named(impl):
    with pytest.raises(TypeError, match="file must have a 'write' attribute"):
        impl.Pickler(5)
    with pytest.raises(TypeError, match="file must have 'read' and 'readline' attributes"):
        impl.Unpickler(5)


@since((3, 7))
@pytest.mark.parametrize('position', range(3))
def test_write_that_raises(impl, position):
    class Failing:
        calls = 0

        def write(self, chunk):
            self.calls += 1
            if self.calls > position:
                raise ZeroDivisionError('disk full')
            return len(chunk)

    obj = [b'x' * 100000, 'y' * 100000, list(range(50000))]
    pickler = impl.Pickler(Failing(), 4)
    with pytest.raises(ZeroDivisionError, match='disk full'):
        pickler.dump(obj)
    with pytest.raises(ZeroDivisionError):
        pickler.dump(obj)


def test_read_that_raises(impl):
    class Failing(ReadOnly):
        def read(self, size):
            raise ZeroDivisionError('unplugged')

        def readline(self):
            return self.read(1)

    for data in (b'K\1.', b'I1\n.'):
        with pytest.raises(ZeroDivisionError, match='unplugged'):
            impl.load(Failing(data))


@only('engine', 'stdlib')
@pytest.mark.parametrize('wrong', [None, 'text', 5, [b'N.']])
def test_read_that_gives_no_bytes(impl, wrong):
    class Wrong(object):
        def read(self, size):
            return wrong

        def readline(self):
            return wrong

    with pytest.raises((TypeError, pickle.UnpicklingError, EOFError, ValueError)):
        impl.load(Wrong())


@only('engine')
@pytest.mark.parametrize('extra', [1, 1000])
def test_read_that_gives_too_much(impl, extra):
    class Generous(ReadOnly):
        def read(self, size):
            return self.inner.read(size) + b'N' * extra

        def readline(self):
            return self.inner.readline()

    try:
        impl.load(Generous(b'](K\1K\2e.'))
    except (pickle.UnpicklingError, ValueError, EOFError, OverflowError):
        pass


@only('engine')
@pytest.mark.parametrize('result', [None, -1, 1 << 40, 'x'])
def test_readinto_that_lies(impl, result):
    class Lying(WithReadinto):
        def readinto(self, buffer):
            return result

    with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, TypeError, OverflowError)):
        impl.load(Lying(impl.dumps(b'q' * 300000, 4)))


def test_readinto_in_pieces(impl):
    if impl.compiled:
        for value in ('a' * 1000, b'b' * 70000):
            try:
                assert impl.load(Piecemeal(impl.dumps([value], 4))) == [value]
            except (pickle.UnpicklingError, EOFError):  # the stdlib takes a short count for the end
                pass


def test_readinto_serves_large_bytes(impl):
    log = []
    assert impl.load(WithReadinto(impl.dumps([b'x' * 300000], 4), log)) == [b'x' * 300000]
    if impl.compiled and impl.has((3, 8)):
        assert any(entry[0] == 'readinto' and entry[1] > 200000 for entry in log)


@since((3, 9))
def test_a_file_without_readinto(impl):
    for obj in OBJECTS:
        for proto in impl.protocols:
            assert same(impl.load(ReadOnly(impl.dumps(obj, proto))), obj)


def test_peek_that_gives_nothing(impl):
    class Blind(WithReadinto):
        def peek(self, size):
            return b''

    assert impl.load(Blind(impl.dumps(list(range(1000)), 2))) == list(range(1000))


@only('engine', 'stdlib')
def test_peek_that_is_not_implemented(impl):
    class Raw(WithReadinto):
        def peek(self, size):
            raise io.UnsupportedOperation('peek')

    try:
        assert impl.load(Raw(impl.dumps([1, 2, 'text'], 2))) == [1, 2, 'text']
    except io.UnsupportedOperation:
        pass


@only('engine', 'stdlib')
def test_what_is_written_may_be_kept(impl):
    """A file may keep the chunks it gets: they do not change afterwards."""
    class Keeping:
        def __init__(self):
            self.chunks = []

        def write(self, chunk):
            self.chunks.append(chunk)

    file = Keeping()
    obj = [list(range(100000)), b'x' * 100000, 'y' * 70000, ['%d' % i for i in range(30000)]]
    impl.dump(obj, file, 4)
    assert impl.loads(b''.join(bytes(chunk) for chunk in file.chunks)) == obj


class Chunks:
    """A file that notes what it was given, and does with it what `keep` says."""

    def __init__(self, keep):
        self.keep, self.kept, self.copies, self.hashes = keep, [], [], []

    def write(self, chunk):
        self.copies.append(bytearray(chunk))
        if isinstance(chunk, bytes):
            self.hashes.append((hash(chunk), hash(bytes(bytearray(chunk)))))
        return self.keep(self, len(self.copies), chunk)

    def kept_is_as_it_was(self):
        for at, kept in self.kept:
            assert bytes(kept) == bytes(self.copies[at - 1])
            assert hash(bytes(kept)) == hash(bytes(self.copies[at - 1]))
            if isinstance(kept, bytes):
                assert {bytes(self.copies[at - 1]): at}[kept] == at


def keeps_some(file, at, chunk):
    if at % 3 == 1:
        file.kept.append((at, chunk))


def keeps_views(file, at, chunk):
    if at % 2 == 1:
        file.kept.append((at, memoryview(chunk)))
    return memoryview(chunk)


def keeps_the_last(file, at, chunk):
    file.kept[:] = [(at, chunk)]


def gives_it_back(file, at, chunk):
    return chunk


def keeps_it_in_cycles(file, at, chunk):
    kept = [at, chunk]
    kept.append(kept)
    if at % 2:
        file.kept.append((at, kept[1]))


def hides_it_in_an_iterator(file, at, chunk):
    return iter(chunk)


TO_KEEP = [list(range(70000)), ['%d' % i for i in range(30000)], b'x' * 100000, [b'y' * 1500 for i in range(100)], 'y' * 70000,
           ['z' * (i % 5000) for i in range(200)], '\u20ac' * 900000, 1 << 3000, [2.5] * 20000, None]


@only('engine', 'stdlib')
@pytest.mark.parametrize('keep', [keeps_some, keeps_views, keeps_the_last, gives_it_back, keeps_it_in_cycles, hides_it_in_an_iterator],
                         ids=lambda keep: keep.__name__)
def test_what_a_file_does_with_what_it_is_given(impl, proto, keep):
    file = Chunks(keep)
    pickler = impl.Pickler(file, proto)
    for obj in TO_KEEP + [TO_KEEP]:
        file.copies, file.kept, file.hashes = [], [], []
        impl.dump(obj, file, proto)
        data = b''.join(file.copies)
        file.kept_is_as_it_was()
        assert data == impl.dumps(obj, proto) and impl.loads(data) == obj
        assert all(one == other for one, other in file.hashes)
        file.copies, file.kept, file.hashes = [], [], []
        pickler.clear_memo()
        pickler.dump(obj)
        file.kept_is_as_it_was()
        assert b''.join(file.copies) == data
        assert all(one == other for one, other in file.hashes)


@only('engine', 'stdlib')
def test_a_chunk_outlives_an_error(impl):
    """The exception's traceback holds what was written, and the Pickler goes on."""
    class Failing:
        fail = True

        def write(self, chunk):
            self.data += bytes(chunk)
            if self.fail and len(self.data) > 200000:
                raise ZeroDivisionError

    file = Failing()
    pickler = impl.Pickler(file, 4)
    held = []
    for _ in range(5):
        file.data, file.fail = b'', True
        pickler.clear_memo()
        with pytest.raises(ZeroDivisionError) as caught:
            pickler.dump(list(range(100000)))
        chunk = caught.traceback[-1].frame.f_locals['chunk']
        held.append((caught, chunk, bytes(bytearray(chunk))))
        file.data, file.fail = b'', False
        pickler.clear_memo()
        pickler.dump(TO_KEEP)
        assert impl.loads(file.data) == TO_KEEP
    for caught, chunk, copy in held:
        assert chunk == copy and hash(chunk) == hash(copy)


@only('engine', 'stdlib')
def test_a_chunk_in_another_thread(impl):
    """What a file handed on is looked at while more is written."""
    import queue
    import threading
    chunks, seen = queue.Queue(), []

    def look():
        for chunk, copy in iter(chunks.get, None):
            seen.append(bytes(bytearray(chunk)) == copy and hash(chunk) == hash(copy))

    class File:
        def write(self, chunk):
            if isinstance(chunk, bytes):
                chunks.put((chunk, bytes(bytearray(chunk))))

    thread = threading.Thread(target=look)
    thread.start()
    impl.dump(TO_KEEP, File(), 4)
    chunks.put(None)
    thread.join()
    assert seen and all(seen)


@only('engine')
def test_a_file_that_uses_the_pickler(impl):
    """Everything about the Pickler that can be asked while its buffer is with the file."""
    class File:
        def write(self, chunk):
            self.chunks.append(bytes(bytearray(chunk)))
            with pytest.raises(RuntimeError):
                pickler.dump(1)
            with pytest.raises(RuntimeError):
                pickler.__init__(self)
            assert pickler.__sizeof__() > 0
            pickler.memo.copy()
            gc.get_referents(pickler)
            impl.dump([2] * 100000, io.BytesIO(), 4)
            assert chunk == self.chunks[-1]

    file = File()
    pickler = impl.Pickler(file, 4)
    for _ in range(3):
        file.chunks = []
        pickler.clear_memo()
        pickler.dump(TO_KEEP)
        assert b''.join(file.chunks) == impl.dumps(TO_KEEP, 4)


def test_reference_to_the_file_is_dropped(impl, collected):
    import weakref
    file = type('File', (io.BytesIO,), {})(b'N.')
    gone = weakref.ref(file)
    unpickler = impl.Unpickler(file)
    pickler = impl.Pickler(file)
    unpickler.load()
    del unpickler, pickler, file
    assert collected(gone)


def test_text_files_are_refused(impl):
    with pytest.raises(TypeError):
        impl.dump(1, io.StringIO())
    with pytest.raises((TypeError, pickle.UnpicklingError, AssertionError)):
        impl.load(io.StringIO('N.'))


MB = 1 << 20
LONG_TEXTS = {
    'ascii': '0123456789abcdef' * (MB // 8),
    'latin-1': 'a' * MB + '\xe9' * MB,
    'two bytes': 'x\u4e2d' * MB,
    'four bytes': '\U0001f600\U0001f40d' * 300001,
    'wider and wider': 'a' * 700001 + '\xe9' * 700001 + '\u4e2d' * 700001 + '\U0001f600' + 'z' * 700001,
    'surrogates': 'a\ud800' * MB + '\U0001f600',
    'a surrogate at the end': '\xe9' * MB + '\udfff',
}


@pytest.mark.parametrize('name', LONG_TEXTS)
def test_long_text(impl, name, tmp_path):
    """Text of more than a megabyte is decoded as it comes."""
    text = LONG_TEXTS[name]
    data = pickle.dumps([text, text, 'after'], 4)
    path = str(tmp_path / 'pickle')
    with open(path, 'wb') as file:
        file.write(data + b'tail')
    for open_it in (lambda: open(path, 'rb'), lambda: open(path, 'rb', 0), lambda: io.BytesIO(data + b'tail'),
                    lambda: ReadOnly(data + b'tail'), lambda: WithReadinto(data + b'tail')):
        file = open_it()
        loaded = impl.load(file)
        assert loaded == [text, text, 'after'] and loaded[0] is loaded[1]
        assert file.read(9) == b'tail'
        getattr(file, 'close', int)()


@pytest.mark.parametrize('size', [MB - 1, MB])
@pytest.mark.parametrize('bad', [b'\xff', b'\xe4\xb8', b'\xc3', b'\xf0\x9f\x98', b'\x80', b'\xc0\x80'])
@pytest.mark.parametrize('place', [0, 256 * 1024 - 1, 256 * 1024, MB - 9])
def test_long_text_that_is_wrong(impl, size, bad, place):
    """The same error as from memory, at the same place."""
    body = (b'x' * place + bad).ljust(size, b'y')
    data = b'\x80\x04X' + struct.pack('<I', size) + body + b'.'
    found = []
    for load in impl.loads, lambda data: impl.load(io.BytesIO(data)), lambda data: impl.load(ReadOnly(data)):
        with pytest.raises(UnicodeDecodeError) as info:
            load(data)
        found.append((info.value.start, info.value.end, info.value.reason, len(info.value.object)))
    assert found[0][0] == place and found[0][3] == size
    assert found == found[:1] * 3


@only('engine')
@pytest.mark.parametrize('keep', [MB, MB + MB // 2, 3 * MB])
def test_long_text_that_ends(impl, keep):
    data = pickle.dumps('\u4e2d' * (2 * MB), 4)[:keep]
    for file in io.BytesIO(data), ReadOnly(data), WithReadinto(data):
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            impl.load(file)


@only('engine')
def test_long_text_into_memory_that_is_kept(impl):
    kept = []

    class Keeps(WithReadinto):
        def readinto(self, view):
            kept.append(memoryview(view))
            return WithReadinto.readinto(self, view)

    with pytest.raises(BufferError):
        impl.load(Keeps(pickle.dumps('x' * (2 * MB), 4)))
    kept[0][:3] = b'abc'
    assert bytes(kept[0][:3]) == b'abc'
