"""Programs of opcodes by chance, of those that are read in some other way than one by one: calls whose arguments are not made,
UUIDs, instances whose state is flat, and numbers of the memo that are asked for or given again among them."""
import collections
import datetime
import io
import pickle
import random
import uuid

import pytest

from implementations import ENGINE

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

Point = collections.namedtuple('Point', 'x y')
Three = collections.namedtuple('Three', 'a b c')


class Own(Point):
    def __new__(cls, *args):
        return tuple.__new__(cls, args + ('own',))


class Plain(object):
    pass


class Slotted(object):
    __slots__ = ('a', 'b')


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=1)


class Program:
    """Opcodes, with a memo whose numbers are kept track of; now and then something is wrong."""

    def __init__(self, rng, protocol):
        self.rng, self.protocol, self.parts, self.numbers = rng, protocol, [], []
        self.wrong = rng.choice([0, 0, 0, .01, .05])

    def emit(self, *parts):
        self.parts.extend(parts)

    def put(self):
        number = len(set(self.numbers))
        if self.rng.random() < self.wrong:
            number = max(0, number + self.rng.randrange(-6, 1))
        elif self.protocol >= 4:
            self.numbers.append(number)
            return self.emit(b'\x94')
        self.numbers.append(number)
        self.emit(b'q' + bytes([number]) if number < 256 else b'r' + number.to_bytes(4, 'little'))

    def get(self):
        number = self.rng.choice(self.numbers or [0])
        self.emit(b'h' + bytes([number]) if number < 256 else b'j' + number.to_bytes(4, 'little'))

    def name(self, name, module=__name__):
        self.emit(('c%s\n%s\n' % (module, name)).encode())
        self.put()

    def text(self, text):
        data = text.encode()
        self.emit(b'X' + len(data).to_bytes(4, 'little') + data)
        self.put()

    def atom(self):
        kind = self.rng.randrange(6)
        if kind == 0:
            self.text(self.rng.choice(['a', '\xe9\u20ac', 'x' * 20]))
        elif kind == 1:
            self.get()
        else:
            self.emit(self.rng.choice([b'N', b'\x88', b'K\x07', b'J\xff\xff\xff\xff', b'C\x04\x07\xe4\x02\x03', b'G?\xf8\0\0\0\0\0\0']))

    def call(self):
        rng = self.rng
        kind = rng.randrange(3)
        if kind == 0:
            name, count = rng.choice([('Point', 2), ('Three', 3), ('Own', 2), ('Point', 3)] if rng.random() < .1 else [('Point', 2), ('Three', 3), ('Own', 2)])
            self.name(name)
            self.emit(b'(' * (rng.random() < .4))
            marked = self.parts[-1] == b'('
            for _ in range(count):
                self.value()
            self.emit(b't' if marked else [b'\x85', b'\x86', b'\x87'][count - 1])
            self.put()
            self.emit(b'\x81')
        elif kind == 1:
            name, packed = rng.choice([('datetime', b'\x07\xe4\x02\x1d\x01\x02\x03\x04\x05'), ('date', b'\x07\xe4\x02'), ('time', b'\x17\x3b\x3b\x0f\x01')])
            zone = name != 'date' and rng.random() < .3
            if zone:
                self.name('Zone')
                self.emit(b')R')
                self.put()
                number = self.numbers[-1]
            self.name(name, 'datetime')
            self.emit(b'C' + bytes([len(packed) + 1]) + packed + bytes([rng.randrange(1, 30)]))
            self.put()
            if zone:
                self.emit(b'h' + bytes([number % 256]))
            self.emit(b'\x86' if zone else b'\x85')
            self.put()
            self.emit(b'R')
        else:
            self.name('timedelta', 'datetime')
            for limit in (10 ** 9, 86400, 10 ** 6):
                self.emit(b'J' + rng.randrange(limit + limit // 10 * (rng.random() < self.wrong)).to_bytes(4, 'little'))
            self.emit(b'\x87')
            self.put()
            self.emit(b'R')
        self.put()

    def instance(self):
        rng = self.rng
        name = rng.choice(['Plain', 'Plain', 'Slotted', 'UUID'])
        self.name(name, 'uuid' if name == 'UUID' else __name__)
        self.emit(b')\x81')
        self.put()
        self.emit(b'N' * (name == 'Slotted') + b'}')
        self.put()
        self.emit(b'(')
        for key in ['int'] if name == 'UUID' else 'ab'[:rng.randrange(1, 3)]:
            self.text(key)
            self.atom() if rng.random() < .8 else self.value()
        self.emit(b'u')
        if name == 'Slotted':
            self.emit(b'\x86')
            self.put()
        self.emit(b'b')

    def value(self):
        kind = self.rng.random()
        if len(self.parts) > 600 or kind < .4:
            self.atom()
        elif kind < .8:
            self.call()
        elif kind < .95:
            self.instance()
        else:
            self.emit(self.rng.choice([b'N0N', b'(1N', b'N20']))

    def make(self):
        rng = self.rng
        self.emit(b'\x80' + bytes([self.protocol]), b'(')
        for _ in range(rng.randrange(1, 20)):
            self.value()
        for _ in range(rng.randrange(6)):
            self.get()
        data = b''.join(self.parts) + b't.'
        if rng.random() < .1:
            data = data[:rng.randrange(3, len(data))]
        return data + b' ' * rng.choice([0, 20, 3000])


class Pieces(io.RawIOBase):
    """A file that gives a few bytes at a time."""

    def __init__(self, data, size):
        self.file, self.size = io.BytesIO(data), size

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.file.readinto(memoryview(buffer)[:self.size])


def look(value, seen):
    """All there is to be seen of it, and which parts are the same object."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if id(value) in seen:
        return seen[id(value)]
    seen[id(value)] = len(seen)
    if isinstance(value, (tuple, list)):
        return type(value).__name__, [look(item, seen) for item in value]
    if isinstance(value, dict):
        return [(key, look(item, seen)) for key, item in value.items()]
    if isinstance(value, (Slotted, Plain, uuid.UUID)):
        return type(value).__name__, [(name, look(getattr(value, name), seen)) for name in ('a', 'b', 'int', 'is_safe') if hasattr(value, name)]
    if isinstance(value, (datetime.datetime, datetime.time)):
        return repr(value.replace(tzinfo=None)), look(value.tzinfo, seen)
    return getattr(value, '__name__', None) or (repr(value) if not isinstance(value, Zone) else 'zone')


def outcome(loads, data):
    try:
        return look(loads(data), {})
    except RecursionError:
        return None
    except Exception as error:
        return type(error), str(error).split(' object at ')[0], getattr(error, '__notes__', None)


@pytest.mark.parametrize('part', range(4))
def test_programs(part):
    rng = random.Random(part)
    ENGINE.loads(ENGINE.dumps([datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), datetime.time(), datetime.timedelta(1), uuid.UUID(int=5)], 4))
    good = 0
    for _ in range(100):
        data = Program(rng, rng.choice([2, 3, 4])).make()
        expected = outcome(lambda data: ENGINE.Unpickler(io.BytesIO(data)).load(), data)
        size = rng.randrange(1, 30)
        for loads in (ENGINE.loads, lambda data: ENGINE.loads(bytearray(data)), lambda data: ENGINE.load(io.BytesIO(data))):
            assert outcome(loads, data) == expected, data
        if isinstance(expected, tuple) and isinstance(expected[0], type):
            assert isinstance(outcome(pickle.loads, data)[0], type), data
            continue
        assert outcome(lambda data: ENGINE.load(io.BufferedReader(Pieces(data, size), size + 2)), data) == expected, data
        assert outcome(pickle.loads, data) == expected, data
        good += 1
    assert good > 50
