# -*- coding: utf-8 -*-
"""Reading text: whatever bytes a str's opcode has, it means what bytes.decode('utf-8', 'surrogatepass') says."""
import io
import random
import struct

import pytest

from implementations import PYPY

#: Characters by how many bytes they take, the first and the last of each kind among them.
BY_SIZE = [
    ['\x00', 'a', ' ', '\x7f'],
    ['\x80', '\xe9', '\xff', '\u0100', '\u0430', '\u07ff'],
    ['\u0800', '\u0fff', '\u1000', '\u3042', '\ucfff', '\ud7ff', '\ue000', '\uffff'],
    ['\U00010000', '\U0001f600', '\U0003ffff', '\U00040000', '\U000fffff', '\U00100000', '\U0010ffff'],
]
#: What is no UTF-8, or only passes as surrogates do.
ODD = [
    b'\x80', b'\xbf', b'\xc0\x80', b'\xc1\xbf', b'\xc2', b'\xdf', b'\xdf\xc0', b'\xe0\x80\x80', b'\xe0\x9f\xbf', b'\xe1\x80',
    b'\xe1', b'\xef\xbf', b'\xed\x9f', b'\xed\xa0\x80', b'\xed\xaf\xbf', b'\xed\xb0\x80', b'\xed\xbf\xbf',
    b'\xf0\x80\x80\x80', b'\xf0\x8f\xbf\xbf', b'\xf0\x90\x80', b'\xf1\x80', b'\xf3', b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80',
    b'\xf8\x80\x80\x80\x80', b'\xfe', b'\xff', b'\xe2\x82\xac\x80', b'\xc3\xa9\xa9', b'\xf0\x9f\x98\x80\x80',
]


def opcode(data):
    if len(data) < 256:
        return b'\x8c' + struct.pack('<B', len(data)) + data
    return b'X' + struct.pack('<I', len(data)) + data


def told(error):
    """All that an error says; PyPy's own pickle and its bytes.decode() do not agree on where it is."""
    return error.object if PYPY else (error.object, error.start, error.end, error.reason)


def meaning(data):
    """What the interpreter's own decoder makes of it: the str, or the error."""
    try:
        return data.decode('utf-8', 'surrogatepass')
    except UnicodeDecodeError as error:
        return told(error)


def read(load, data):
    try:
        return load(data)
    except UnicodeDecodeError as error:
        return told(error)


def check(impl, data, before=b'', after=b''):
    """The text as all of a pickle, and with something before it and after it."""
    expected = meaning(data)
    text = read(impl.loads, opcode(data) + b'.')
    assert text == expected, data
    if isinstance(text, str):
        assert type(text) is str and hash(text) == hash(expected)       # of the narrowest kind, or they would differ
        assert PYPY or text.__sizeof__() == expected.__sizeof__()
    pair = b'\x80\x04(' + opcode(before) + opcode(data) + opcode(after) + b't.'
    found = read(impl.loads, pair)
    assert found == ((before.decode(), expected, after.decode()) if isinstance(expected, str) else expected), data


def some_text(rng, size):
    """Valid bytes, no more than size of them, of one mixture of characters."""
    weights = rng.choice([(1, 1, 0, 0), (9, 1, 0, 0), (0, 1, 0, 0), (1, 0, 1, 0), (0, 0, 1, 0), (0, 1, 1, 0), (20, 0, 0, 1),
                          (0, 0, 0, 1), (1, 1, 1, 1), (30, 1, 1, 1), (1, 9, 0, 0), (0, 9, 1, 0), (1, 0, 0, 9)])
    kinds = [kind for kind, weight in enumerate(weights) for _ in range(weight)]
    text = b''
    while True:
        character = rng.choice(BY_SIZE[rng.choice(kinds)]).encode('utf-8')
        if len(text) + len(character) > size:
            return text
        text += character


@pytest.mark.parametrize('seed', range(20))
def test_valid(impl, seed):
    rng = random.Random(seed)
    for size in range(0, 81):
        for _ in range(3):
            check(impl, some_text(rng, size), some_text(rng, rng.randrange(8)), some_text(rng, rng.randrange(8)))


@pytest.mark.parametrize('seed', range(20))
def test_broken(impl, seed):
    """Something odd anywhere in valid text, cut off anywhere, or bytes that were changed."""
    rng = random.Random(1000 + seed)
    for size in range(1, 81):
        data = some_text(rng, size)
        at = rng.randint(0, len(data))
        check(impl, data[:at] + rng.choice(ODD) + data[at:])
        check(impl, data[:at])
        check(impl, data[at:])
        if data:
            changed = bytearray(data)
            changed[rng.randrange(len(data))] = rng.choice([0x7f, 0x80, 0xa0, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff])
            check(impl, bytes(changed))


@pytest.mark.parametrize('kind', range(4))
def test_each_place(impl, kind):
    """One odd thing at each place of a run of characters that are all of one length."""
    run = ''.join(BY_SIZE[kind]).encode('utf-8')
    run = (run * 40)[:96 - 96 % (kind + 1)]
    for at in range(0, len(run) + 1):
        for odd in ODD if at % 8 == 3 else ODD[at % len(ODD)::7]:
            check(impl, run[:at] + odd + run[at:])
            check(impl, run[:at] + odd + run[at + len(odd):])


def test_every_character(impl):
    """Each of them, alone and in a row with its neighbours."""
    last = 0x110000
    for first in range(0, last, 24):
        characters = [chr(code) for code in range(first, min(first + 24, last))]
        data = ''.join(characters).encode('utf-8', 'surrogatepass')
        assert impl.loads(opcode(data) + b'.') == ''.join(characters)
    for code in list(range(0, 0x1000, 3)) + list(range(0x1000, last, 97)):
        data = chr(code).encode('utf-8', 'surrogatepass')
        assert impl.loads(opcode(data) + b'.') == chr(code)


def test_every_pair_of_bytes(impl):
    """Any two bytes in the midst of text: every first byte with every second one."""
    for first in range(0x80, 0x100):
        for second in range(0x70, 0x100):
            data = b'caf\xc3\xa9 au lait ' + bytes([first, second]) + b'\x80\x80 \xd0\xb0\xd0\xb1\xd0\xb2'
            assert read(impl.loads, opcode(data) + b'.') == meaning(data)


@pytest.mark.parametrize('seed', range(6))
def test_long(impl, seed):
    """Longer than any step that a decoder may take, in memory and from a file."""
    rng = random.Random(2000 + seed)
    for size in [509, 512, 513, 1000, 4079, 4080, 4081, 4096, 10000, 70000]:
        data = some_text(rng, size)
        check(impl, data)
        at = rng.randint(0, len(data))
        check(impl, data[:at] + rng.choice(ODD) + data[at:])
    for size in [1 << 20, (1 << 20) + 12345]:
        piece = some_text(rng, 997)
        data = piece * (size // len(piece) + 1)
        load = lambda pickled: impl.load(io.BytesIO(pickled))
        assert read(load, opcode(data) + b'.') == meaning(data)
        at = rng.randint(0, len(data))
        data = data[:at] + rng.choice(ODD) + data[at:]
        assert read(load, opcode(data) + b'.') == meaning(data)
        data = b'a' * size + data[at:]          # wider and wrong only near the end
        assert read(load, opcode(data) + b'.') == meaning(data)
