# -*- coding: utf-8 -*-
"""Object graphs from bytes: the same bytes always build the same graph, and every string of bytes builds one."""
import collections
import datetime
import decimal
import fractions
import struct
import uuid

import zoo

LETTERS = [u'a', u'\x00', u'\x7f', u'\xe9', u'\u0100', u'\u4e2d', u'\ud800', u'\udfff', u'\U0001f600', u'\n', u"'", u'\\',
           u'\x1a', u'\r']
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 60, 127, 128, 200, 254, 255, 256, 257, 999, 1000, 1001, 2000, 2001]
LONG = [65535, 65536, 65537, 131072]
KEYS = ['k%d' % i for i in range(40)]
FUNCTIONS = [zoo.function, zoo.Plain, zoo.Outer.Inner, zoo.Outer.Inner.Innermost, zoo.Outer.helper, zoo.Outer.build, len, int,
             type(None), type(Ellipsis), collections.OrderedDict, zoo.Color.RED, zoo.Number.TWO, zoo.IntFlags.READ, zoo.SINGLE,
             NotImplemented, Ellipsis, zoo.Reducible, zoo.ExtensionOne, zoo.fonction_accentuée]


class Cursor(object):
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        if self.at >= len(self.data):
            raise EOFError
        self.at += 1
        return self.data[self.at - 1]

    def take(self, n):
        piece = self.data[self.at:self.at + n]
        self.at += n
        return piece + b'\0' * (n - len(piece))

    def number(self, kinds):
        return self.byte() % kinds


class Odd(Exception):
    pass


class Raises(object):
    """Raises when it is pickled."""

    def __reduce__(self):
        raise Odd('odd')


class Key(object):
    """A key that leads on; its hash is the same from run to run, and while it is not whole yet."""

    def __init__(self, tag):
        self.tag = tag

    def __hash__(self):
        return hash(getattr(self, 'tag', None))

    def __eq__(self, other):
        return self is other


class Builder(object):
    """A machine with a stack of objects; each byte is an instruction."""

    def __init__(self, data, raising=False):
        self.in_ = Cursor(data)
        self.stack = []
        self.tag = 0
        self.raising = raising
        self.made = 0

    def build(self):
        try:
            while self.made < 3000 and len(self.stack) < 4000:
                self.step(self.in_.byte())
        except EOFError:
            pass
        if not self.stack:
            return None
        if len(self.stack) == 1:
            return self.stack[0]
        return list(self.stack)

    def pop(self):
        return self.stack.pop() if self.stack else None

    def some(self):
        """The last few objects."""
        n = self.in_.byte() % 8
        return [self.pop() for _ in range(min(n, len(self.stack)))][::-1]

    def any(self):
        return self.stack[-1 - self.in_.byte() % len(self.stack)] if self.stack else None

    def hashable(self):
        """Something that may be a key, the same from run to run."""
        obj = self.pop()
        if isinstance(obj, tuple) and type(obj) is tuple and all(type(item) in (int, str, bytes, float) for item in obj):
            return obj
        if type(obj) in (int, str, bytes, bool, type(None), Key):
            return obj
        self.tag += 1
        return Key(self.tag)

    def step(self, op):
        kind = op % 64
        self.made += 1
        if kind < 22:
            self.stack.append(self.atom(kind))
        elif kind < 50:
            self.stack.append(self.container(kind, op))
        elif kind < 56:
            if self.stack:
                self.stack.append(self.any())
        else:
            self.change(kind)

    def atom(self, kind):
        byte = self.in_.byte
        if kind == 0:
            return [None, True, False, u'', b'', (), 0, -1, 0.0, frozenset()][byte() % 10]
        if kind in (1, 2):
            return byte() - 128
        if kind == 3:
            return struct.unpack('<h', self.in_.take(2))[0]
        if kind == 4:
            return struct.unpack('<i', self.in_.take(4))[0]
        if kind == 5:
            return struct.unpack('<q', self.in_.take(8))[0]
        if kind == 6:
            return (1 << byte() * 9) * (1 if byte() & 1 else -1) + byte() - 128
        if kind == 7:
            return struct.unpack('<d', self.in_.take(8))[0]
        if kind in (8, 9, 10, 11):
            return u''.join([KEYS[byte() % 40], u''])[:] + u'' if kind == 8 else self.text()
        if kind in (12, 13):
            return self.in_.take(1) * SIZES[byte() % len(SIZES)] if kind == 12 else self.in_.take(byte() % 32)
        if kind == 14:
            self.made += 500
            return self.in_.take(1) * LONG[byte() % 4]
        if kind == 15:
            return bytearray(self.in_.take(byte() % 16)) * [1, 1, 1, 30][byte() % 4]
        if kind == 16:
            return FUNCTIONS[byte() % len(FUNCTIONS)]
        if kind == 17:
            return datetime.datetime(1 + byte() * 30, 1 + byte() % 12, 1 + byte() % 28, byte() % 24, byte() % 60, fold=byte() & 1)
        if kind == 18:
            return datetime.timedelta(byte(), byte(), byte()) if byte() & 1 else datetime.date(1 + byte(), 2, 3)
        if kind == 19:
            return [decimal.Decimal(byte()) / 8, fractions.Fraction(byte() - 128, 7), uuid.UUID(int=byte() ** 15),
                    complex(byte(), -0.0), range(byte()), slice(byte(), None)][byte() % 6]
        if kind == 20:
            return KEYS[byte() % 40]
        return Raises() if self.raising and byte() % 4 == 0 else zoo.Empty()

    def text(self):
        letter = LETTERS[self.in_.byte() % len(LETTERS)]
        size = SIZES[self.in_.byte() % len(SIZES)]
        if self.in_.byte() % 16 == 0:
            self.made += 500
            size = LONG[size % 4]
        return letter * size + u'%d' % self.in_.byte()

    def row(self):
        """Instances that have the same attributes."""
        byte = self.in_.byte
        names, count, slots, item = byte() % 8, byte() % 32, byte(), self.pop()
        self.made += count
        made = [zoo.Slots(number, item if number == slots else 2) if slots & 1 else
                zoo.Plain(**{name: item if number == slots else number for name in KEYS[names:2 * names]}) for number in range(count)]
        if slots & 2 and not slots & 1:
            made += [obj.__dict__ for obj in made]
        return made

    def container(self, kind, op):
        byte = self.in_.byte
        if kind in (22, 23):
            return self.some()
        if kind in (24, 25):
            return tuple(self.some())
        if kind in (26, 27):
            return {self.hashable(): self.pop() for _ in range(min(byte() % 8, len(self.stack)))}
        if kind == 28:
            return {self.hashable() for _ in range(min(byte() % 8, len(self.stack)))}
        if kind == 29:
            return frozenset([self.hashable() for _ in range(min(byte() % 8, len(self.stack)))])
        if kind == 31 and op >= 128:
            return self.row()
        if kind in (30, 31):
            return zoo.Plain(**{KEYS[byte() % 40]: self.pop() for _ in range(byte() % 5)})
        if kind == 32:
            return zoo.Slots(*self.some()[:2])
        if kind == 33:
            return zoo.SlotsAndDict(self.pop(), **{KEYS[byte() % 40]: self.pop() for _ in range(byte() % 3)})
        if kind == 34:
            return collections.OrderedDict([(self.hashable(), self.pop()) for _ in range(byte() % 5)])
        if kind == 35:
            return collections.deque(self.some(), byte() if byte() & 1 else None)
        if kind == 36:
            return collections.defaultdict(list, {self.hashable(): self.pop() for _ in range(byte() % 4)})
        if kind == 37:
            return zoo.Point(self.pop(), self.pop())
        if kind == 38:
            return zoo.MyList(self.some())
        if kind == 39:
            return zoo.MyDict({self.hashable(): self.pop() for _ in range(byte() % 4)})
        if kind == 40:
            return zoo.MyTuple(self.some())
        if kind == 41:
            return zoo.Stateful([self.pop()])
        if kind == 42:
            return zoo.NewArgs(self.pop(), self.pop())
        if kind == 43:
            return zoo.NewArgsEx(self.pop(), k=self.pop())
        if kind == 44:
            return zoo.Reduced(*self.some())
        if kind == 45:
            made = zoo.Reduced5Both(*self.some())
            made.extra = self.pop()
            made.items = self.some()
            made.pairs = {self.hashable(): self.pop() for _ in range(byte() % 3)}
            return made
        if kind == 46:
            made = zoo.Reduced6All(*self.some())
            made.extra, made.items = self.pop(), self.some()
            return made
        if kind == 47:
            return ValueError(*self.some())
        if kind == 48:
            self.made += 100
            return [self.pop()] * SIZES[byte() % len(SIZES)]
        self.made += 100
        return [list, tuple, set, dict.fromkeys][byte() % 4](range(1000, 1000 + SIZES[byte() % len(SIZES)]))

    def change(self, kind):
        target = self.any()
        if kind in (56, 57, 58) and isinstance(target, list):
            target.append(self.pop() if self.stack and self.stack[-1] is not target else target)
        elif kind in (59, 60) and isinstance(target, dict):
            target[self.hashable()] = self.pop()
        elif kind in (61, 62) and type(target) in (zoo.Plain, zoo.SlotsAndDict, zoo.Empty, zoo.MyList, zoo.MyTuple):
            setattr(target, KEYS[self.in_.byte() % 40], self.any())
        elif kind == 63 and isinstance(target, collections.deque):
            target.append(self.any())
        elif self.stack:
            self.stack.append([self.pop()])


def build(data, raising=False):
    return Builder(data, raising).build()
