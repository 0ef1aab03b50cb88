"""Objects and pickles above 2 GiB and 4 GiB, in and out of band, in memory and in files; on 32 bits, what is refused.

    make test-sizes     needs 10 GiB of free memory and 5 GB of disk; each case is a process of its own

What can be is sparse: zeros that nobody has written to take no memory, and a hole in a file takes no disk. Bytes that are not
zero stand at the beginning, the end, and on both sides of 2 and 4 GiB.
"""
import io
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile

import pytest

NARROW = sys.maxsize < 2 ** 32
SIZES = {'2 GiB': 2 ** 31 + 7, '4 GiB': 2 ** 32 + 7}
PLACES = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -1]


def marked(n):
    """A bytearray of zeros but for the marks."""
    array = bytearray(n)
    for i, place in enumerate(PLACES):
        if place < n:
            array[place] = 65 + i
    return array


def check(found, n):
    """That it is what was marked."""
    assert len(found) == n
    for i, place in enumerate(PLACES):
        if place < n:
            assert found[place] in (65 + i, chr(65 + i)), place
    for place in (5, 2 ** 31 - 5, n // 2, n - 100):
        assert found[place] in (0, '\0'), place


class Sink(object):
    """A file that keeps only what is at the ends, and how much it was."""

    def __init__(self):
        self.size, self.head, self.tail, self.largest = 0, b'', b'', 0

    def write(self, data):
        size = len(data)
        self.size += size
        self.largest = max(self.largest, size)
        if len(self.head) < 64:
            self.head += bytes(data[:64])
        self.tail = (self.tail + bytes(data[-64:]))[-64:]


def sparse_file(pieces):
    """A file of pieces: bytes that are written, numbers that are holes."""
    file = tempfile.TemporaryFile(dir=os.environ.get('PICKLE5_LARGE'))
    for piece in pieces:
        if isinstance(piece, bytes):
            file.write(piece)
        else:
            file.seek(piece, 1)
    file.flush()
    file.seek(0)
    return file


def header(n, short, long):
    return short + struct.pack('<I', n) if n < 2 ** 32 else long + struct.pack('<Q', n)


def holes(n, proto, opcode):
    """The pieces of a pickle of what marked(n) is."""
    pieces, at = [proto + opcode], 0
    order = sorted((place if place >= 0 else n - 1, i) for i, place in enumerate(PLACES) if place < n)
    for place, i in order:
        pieces += [place - at, bytes(bytearray([65 + i]))]
        at = place + 1
    return pieces + [b'.']


def case_bytes(engine, n):
    obj = bytes(marked(n))
    data = engine.dumps(obj, 4)
    assert data[:15].startswith(b'\x80\4' + header(n, b'B', b'\x8e')) and data[-1:] == b'.' and len(data) < n + 30
    del obj
    check(engine.loads(data), n)


def case_bytes_to_a_file(engine, n):
    obj, out = bytes(marked(n)), Sink()
    engine.dump(obj, out, 5)
    assert n < out.size < n + 30 and out.head.startswith(b'\x80\5' + header(n, b'B', b'\x8e')) and out.tail[-1:] == b'.'
    assert out.largest == n         # not copied


def case_bytes_from_a_file(engine, n):
    with sparse_file(holes(n, b'\x80\4', header(n, b'B', b'\x8e'))) as file:
        check(engine.load(file), n)


def case_bytes_from_a_mapping(engine, n):
    with sparse_file(holes(n, b'\x80\4', header(n, b'B', b'\x8e'))) as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
            check(engine.loads(mapping), n)


def case_bytearray(engine, n):
    obj = marked(n)
    data = engine.dumps(obj, 5)
    assert data.startswith(b'\x80\5\x96' + struct.pack('<Q', n))
    del obj
    back = engine.loads(data)
    assert type(back) is bytearray
    check(back, n)


def case_bytearray_from_a_file(engine, n):
    with sparse_file(holes(n, b'\x80\5', b'\x96' + struct.pack('<Q', n))) as file:
        check(engine.load(file), n)


def case_str(engine, n):
    obj = marked(n).decode('ascii')
    if n >= 2 ** 32:
        with pytest.raises(OverflowError):
            engine.dumps(obj, 3)
    data = engine.dumps(obj, 4)
    assert data.startswith(b'\x80\4' + header(n, b'X', b'\x8d'))
    del obj
    check(engine.loads(data), n)


def case_str_from_a_file(engine, n):
    with sparse_file(holes(n, b'\x80\4', header(n, b'X', b'\x8d'))) as file:
        check(engine.load(file), n)


def case_str_of_two_bytes(engine, n):
    """Half as many letters, each of two bytes in UTF-8; its length in bytes is what the opcode says."""
    obj = u'\xe9' * (n // 2) + u'!'
    data = engine.dumps(obj, 4)
    size = n // 2 * 2 + 1
    assert data.startswith(b'\x80\4' + header(size, b'X', b'\x8d'))
    del obj
    back = engine.loads(data)
    assert len(back) == n // 2 + 1 and back[-1] == u'!' and back[0] == back[n // 4] == u'\xe9'


def case_buffer_in_band(engine, n):
    data = engine.dumps(engine.PickleBuffer(marked(n)), 5)
    assert data.startswith(b'\x80\5\x96' + struct.pack('<Q', n))
    check(engine.loads(data), n)


def case_buffer_out_of_band(engine, n):
    """Neither copied nor touched: a mapping that is all hole."""
    buffers, mapping = [], mmap.mmap(-1, n)
    mapping[n - 1] = 71
    for write in (lambda obj: engine.dumps(obj, 5, buffer_callback=buffers.append), lambda obj: dump_out_of_band(engine, obj, buffers)):
        del buffers[:]
        data = write([engine.PickleBuffer(mapping), 'text'])
        assert len(data) < 100 and len(buffers) == 1
        view, text = engine.loads(data, buffers=[each.raw() for each in buffers])
        assert len(view) == n and view[n - 1] == 71 and text == 'text'
        view[n // 2] = 7
        assert mapping[n // 2] in (7, b'\7')
        mapping[n // 2] = 0
        view.release()


def dump_out_of_band(engine, obj, buffers):
    out = io.BytesIO()
    engine.Pickler(out, 5, buffer_callback=buffers.append).dump(obj)
    return out.getvalue()


def case_whole_of_large(engine, n):
    """No object is that large, but all together are."""
    piece = 64 << 20
    count = n // piece + 1
    obj, out = [bytes(piece) for _ in range(count)], Sink()
    engine.dump(obj, out, 4)
    assert out.size > n
    pieces = [b'\x80\4](']
    for i in range(count):
        pieces += [b'B' + struct.pack('<I', piece) + b'%d' % (i % 10), piece - 1, b'']
    with sparse_file(pieces + [b'e.']) as file:
        back = engine.load(file)
    assert [each[:1] for each in back] == [b'%d' % (i % 10) for i in range(count)] and {len(each) for each in back} == {piece}


def case_whole_of_small(engine, n):
    """Frames upon frames, of ints that are not remembered."""
    number = 2 ** 2000 + 1
    count = n // 253 + 1
    file = tempfile.TemporaryFile(dir=os.environ.get('PICKLE5_LARGE'))
    with file:
        engine.dump([number] * count, file, 4)
        file.flush()
        assert file.tell() > n
        file.seek(0)
        back = engine.load(file)
        assert len(back) == count and back[0] == back[-1] == back[count // 2] == number
        del back
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
            back = engine.loads(mapping)
            assert len(back) == count and back[0] == back[-1] == number


def case_old_protocols(engine, n):
    """Lengths have four bytes there."""
    obj = bytes(n)
    if n >= 2 ** 32:
        with pytest.raises(OverflowError) as caught:
            engine.dump(obj, Sink(), 3)
        assert '4 GiB' in str(caught.value)
    else:
        out = Sink()
        engine.dump(obj, out, 3)
        assert out.size > n and out.head.startswith(b'\x80\3B' + struct.pack('<I', n))


# What each takes, in multiples of its size: what is made, the copy that it is made of, and pages of a mapping that were read.
CASES = {'bytes': 2, 'bytes to a file': 2, 'bytes from a file': 1, 'bytes from a mapping': 2, 'bytearray': 2,
         'bytearray from a file': 1, 'str': 2, 'str from a file': 2, 'str of two bytes': 2, 'buffer in band': 2,
         'buffer out of band': .1, 'whole of large': 1.1, 'whole of small': 1.6, 'old protocols': .1}


def available():
    try:
        with open('/proc/meminfo') as file:
            for line in file:
                if line.startswith('MemAvailable:'):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 1 << 62


@pytest.mark.skipif('not os.environ.get("PICKLE5_SLOW")', reason='make test-sizes')
@pytest.mark.skipif(NARROW, reason='32 bits')
@pytest.mark.skipif('PICKLE5_SANITIZED' in os.environ, reason='memory is not what it seems under a sanitizer')
@pytest.mark.parametrize('size', sorted(SIZES))
@pytest.mark.parametrize('case', sorted(CASES))
def test_large(engine, case, size, record_property):
    need = int(SIZES[size] * CASES[case]) + (500 << 20)
    if available() < need + (1 << 30):
        pytest.skip('needs %.1f GiB of memory' % (need / 2 ** 30))
    out = subprocess.check_output([sys.executable, os.path.abspath(__file__), case, str(SIZES[size])], timeout=900,
                                  env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    peak = json.loads(out.decode('ascii'))
    print(case, size, '%.2f GiB' % (peak / 2 ** 30))
    assert peak < need
    record_property('largest object or pickle, GiB', SIZES[size] >> 30)


def u8(n):
    return struct.pack('<Q', n)


@pytest.mark.skipif(not NARROW, reason='64 bits')
@pytest.mark.parametrize('stream', [b'B' + struct.pack('<I', 2 ** 31), b'X' + struct.pack('<I', 2 ** 32 - 1), b'\x8d' + u8(2 ** 32),
                                    b'\x8e' + u8(2 ** 32 + 1), b'\x96' + u8(2 ** 33), b'\x95' + u8(2 ** 62)])
def test_lengths_that_do_not_fit_are_refused(engine, stream):
    """Not cut off to the bits that fit: 2**32 + 1 is not 1."""
    for load in (engine.loads, lambda data: engine.load(io.BytesIO(data))):
        with pytest.raises(OverflowError) as caught:
            load(b'\x80\5' + stream + b'abcd.')
        assert 'maximum' in str(caught.value)


@pytest.mark.skipif(not NARROW, reason='64 bits')
def test_a_pickle_that_outgrows_32_bits(engine):
    """In memory that is too much; a file takes it."""
    obj = [2 ** 2000 + 1] * 9000000
    with pytest.raises((MemoryError, OverflowError)):
        engine.dumps(obj, 4)
    out = Sink()
    engine.dump(obj[:1000], out, 4)
    if os.environ.get('PICKLE5_SLOW'):
        out = Sink()
        engine.dump(obj, out, 4)
        assert out.size > 2 ** 31 and out.tail[-2:] == b'e.'
    assert engine.loads(engine.dumps([1])) == [1]


if __name__ == '__main__':
    import resource
    import pickle5._pickle
    globals()['case_' + sys.argv[1].replace(' ', '_')](pickle5._pickle, int(sys.argv[2]))
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10))
