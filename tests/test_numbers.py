"""Runs of ints: whatever stands beside it, each one has the shortest opcode for it."""
import io
import random
import struct

import pytest

EDGES = sorted(set(sign * (1 << bits) + step for sign in (1, -1) for step in (-1, 0, 1)
                   for bits in (0, 1, 7, 8, 15, 16, 29, 30, 31, 32, 45, 47, 59, 60, 61, 62, 63, 64, 90)))


def opcode(value):
    if 0 <= value < 1 << 8:
        return b'K' + struct.pack('<B', value)
    if 0 <= value < 1 << 16:
        return b'M' + struct.pack('<H', value)
    if -1 << 31 <= value < 1 << 31:
        return b'J' + struct.pack('<i', value)
    size = 1
    while not -1 << 8 * size - 1 <= value < 1 << 8 * size - 1:
        size += 1
    return b'\x8a' + struct.pack('<B', size) + value.to_bytes(size, 'little', signed=True)


def check(impl, values):
    assert len(values) <= 1000
    body = b''.join(map(opcode, values))
    expected = b'\x80\x03]q\x00' + (b'(' + body + b'e.' if len(values) > 1 else body + b'a.')
    assert impl.dumps(values, 3) == expected
    out = io.BytesIO()
    impl.dump(values, out, 3)
    assert out.getvalue() == expected


def test_two_in_a_row(impl):
    for one in EDGES:
        for other in EDGES:
            check(impl, [one, other])


def test_a_run_of_bytes_and_what_ends_it(impl):
    for length in (1, 2, 3, 254, 255, 256, 999):
        small = [number * 7 % 256 for number in range(length)]
        for end in EDGES:
            check(impl, small + [end])
            check(impl, [end] + small)


@pytest.mark.parametrize('seed', range(20))
def test_mixed(impl, seed):
    rng = random.Random(seed)
    for _ in range(20):
        check(impl, [rng.choice((rng.choice(EDGES), rng.randrange(256), rng.randrange(300), rng.randrange(-1 << 40, 1 << 40)))
                     for _ in range(rng.randrange(1, 1000))])


@pytest.mark.parametrize('room', range(12))
def test_where_a_frame_ends(impl, room):
    """Frames end in the middle of a run, as close to each number of its bytes as can be."""
    if not impl.has((3, 8)):
        pytest.skip('frames of before 3.8')
    values = [5] * room + [number % 256 for number in range(70100)]
    data = impl.dumps(values, 4)
    assert impl.loads(data) == values
    sizes, at = [], 2
    while data[at:at + 1] == b'\x95':
        sizes.append(struct.unpack('<Q', data[at + 1:at + 9])[0])
        at += 9 + sizes[-1]
    assert at == len(data) and len(sizes) == 3 and all(65536 <= size <= 65540 for size in sizes[:-1])
    plain = b''.join(data[place:place + size] for place, size in zip([11, 20 + sizes[0], 29 + sizes[0] + sizes[1]], sizes))
    body = [b'K' + struct.pack('<B', number) for number in values]
    batches = [b'(' + b''.join(body[start:start + 1000]) + b'e' for start in range(0, len(body), 1000)]
    assert plain == b']\x94' + b''.join(batches) + b'.'
