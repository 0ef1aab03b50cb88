# -*- coding: utf-8 -*-
"""The classes, functions and single objects that the tests pickle. Their names stand in the golden files."""
import collections
import copyreg
import enum
import sys


class Plain(object):
    def __init__(self, **values):
        self.__dict__.update(values)


class Other(Plain):
    pass


class Empty(object):
    pass


class WithDefault(object):
    size = 3


class Slots(object):
    __slots__ = ('a', 'b')

    def __init__(self, *values):
        for name, value in zip(('a', 'b'), values):
            setattr(self, name, value)


class SlotsChild(Slots):
    __slots__ = ('c', '__private')

    def __init__(self, a, b, c, private):
        Slots.__init__(self, a, b)
        self.c = c
        self.__private = private


class SlotsAndDict(object):
    __slots__ = ('a', '__dict__')

    def __init__(self, a, **values):
        self.a = a
        self.__dict__.update(values)


class SlotsWithoutAny(object):
    __slots__ = ()


class DictBelowSlots(Slots):
    pass


class WeakSlots(object):
    __slots__ = ('a', '__weakref__')

    def __init__(self, a):
        self.a = a


class Stateful(object):
    """Hands over whatever state it was given, and takes it back as it comes."""

    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return self.held

    def __setstate__(self, state):
        self.held = state


class DictState(object):
    """State made by __getstate__, applied by default."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __getstate__(self):
        return dict(self.__dict__)


class PairState(object):
    """The pair of a dict and a dict of slots, given by the class itself."""
    __slots__ = ('left', '__dict__')

    def __init__(self, left, right):
        self.left = left
        self.right = right

    def __getstate__(self):
        return {'right': self.right}, {'left': self.left}


class SlotState(object):
    __slots__ = ('left',)

    def __init__(self, left):
        self.left = left

    def __getstate__(self):
        return None, {'left': self.left}


class NewArgs(object):
    def __new__(cls, first, second=0):
        self = object.__new__(cls)
        self.first = first
        self.second = second
        return self

    def __getnewargs__(self):
        return self.first, self.second


class NewArgsNone(NewArgs):
    def __getstate__(self):
        return None


class NewArgsEx(object):
    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        self.args = args
        self.kwargs = kwargs
        return self

    def __getnewargs_ex__(self):
        return self.args, self.kwargs

    def __getstate__(self):
        return None


class Reduced(object):
    """`how` is what __reduce__ gives after the callable and its arguments."""

    def __init__(self, *args):
        self.args = args

    def rest(self):
        return ()

    def __reduce__(self):
        return (type(self), self.args) + self.rest()


class Reduced2(Reduced):
    pass


class Reduced3(Reduced):
    def rest(self):
        return ({'extra': self.extra},)


class Reduced3None(Reduced):
    def rest(self):
        return (None,)


class Reduced4(Reduced, list):
    def rest(self):
        return ({'extra': self.extra}, list.__iter__(self))


class Reduced4Append(Reduced):
    """Takes its items one by one, without an extend method."""

    def __init__(self, *args):
        Reduced.__init__(self, *args)
        self.items = []

    def append(self, item):
        self.items.append(item)

    def rest(self):
        return (None, iter(list(self.items)))


class Reduced5(Reduced, dict):
    def rest(self):
        return (None, None, iter(list(dict.items(self))))


class Reduced5Both(Reduced):
    def __init__(self, *args):
        Reduced.__init__(self, *args)
        self.items = []
        self.pairs = {}

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def __setitem__(self, key, value):
        self.pairs[key] = value

    def rest(self):
        return ({'extra': self.extra}, iter(list(self.items)), iter(list(self.pairs.items())))


def set_extra(obj, state):
    obj.extra = state


def rebuild(*args):
    return Plain(args=args)


class Reduced6(Reduced):
    def rest(self):
        return (self.extra, None, None, set_extra)


class Reduced6None(Reduced):
    def rest(self):
        return (None, None, None, None)


class Reduced6All(Reduced5Both):
    def rest(self):
        return (self.extra, iter(list(self.items)), iter(list(self.pairs.items())), set_extra)


class ByProtocol(object):
    def __init__(self, value):
        self.value = value

    def __reduce_ex__(self, protocol):
        return ByProtocol, (self.value,), None if protocol < 2 else {'value': self.value}


class Single(object):
    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return self.name


SINGLE = Single('SINGLE')


class Outer(object):
    class Inner(object):
        def __init__(self, **values):
            self.__dict__.update(values)

        class Innermost(object):
            pass

        def work(self):
            return 'worked'

    def __init__(self, tag=0):
        self.tag = tag

    def method(self):
        return 'method', self.tag

    @classmethod
    def build(cls):
        return cls()

    @staticmethod
    def helper():
        return 'helped'

    def __hidden(self):
        return 'hidden', self.tag

    class __Secret(object):
        pass

    def get_hidden(self):
        return self.__hidden

    @classmethod
    def get_secret(cls):
        return cls.__Secret

    @staticmethod
    def __quiet():
        return 'quiet'

    @classmethod
    def get_quiet(cls):
        return cls.__quiet


Outer.SINGLE = Single('Outer.SINGLE')


def function(*args):
    return args


def fonction_accentuée(*args):
    return args


class Numéro(Plain):
    pass


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyComplex(complex):
    pass


class MyStr(str):
    pass


class MyBytes(bytes):
    pass


class MyByteArray(bytearray):
    pass


class MyTuple(tuple):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class MyFrozenSet(frozenset):
    pass


class MyOrdered(collections.OrderedDict):
    pass


class MyDeque(collections.deque):
    pass


class SlottedList(list):
    __slots__ = ('mark',)


class ListAndNewArgs(list):
    def __new__(cls, start=()):
        self = list.__new__(cls)
        self.start = start
        return self

    def __getnewargs__(self):
        return (self.start,)


class PlainKey(object):
    """Hashes by identity, so that it can be a key that leads back to its dict."""

    def __init__(self, tag):
        self.tag = tag


Point = collections.namedtuple('Point', 'x y')
Nothing = collections.namedtuple('Nothing', '')
Five = collections.namedtuple('Five', 'a b c d e')


class Color(enum.Enum):
    RED = 1
    GREEN = 'green'


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Flags(enum.Flag):
    READ = 1
    WRITE = 2


class IntFlags(enum.IntFlag):
    READ = 1
    WRITE = 2


class Failure(Exception):
    def __init__(self, first, second=None):
        Exception.__init__(self, first, second)
        self.second = second


class Meta(type):
    pass


Made = Meta('Made', (object,), {'__module__': __name__})


class ReducingMeta(type):
    def __reduce__(cls):
        return make_class, (cls.__name__,)


def make_class(name):
    return {'Reducible': Reducible}[name]


Reducible = ReducingMeta('Reducible', (object,), {'__module__': __name__})


class Registered(Plain):
    pass


def reduce_registered(obj):
    return restore_registered, (sorted(obj.__dict__.items()),)


def restore_registered(pairs):
    return Registered(**dict(pairs))


copyreg.pickle(Registered, reduce_registered)


class ExtensionOne(Plain):
    pass


class ExtensionTwo(Plain):
    pass


class ExtensionFour(Plain):
    pass


copyreg.add_extension('zoo', 'ExtensionOne', 0xF0)
copyreg.add_extension('zoo', 'ExtensionTwo', 0xABCD)
copyreg.add_extension('zoo', 'ExtensionFour', 0x12345678)

if sys.version_info >= (3, 7):
    import dataclasses

    @dataclasses.dataclass
    class Record(object):
        name: str
        size: int = 0

    @dataclasses.dataclass(frozen=True)
    class FrozenRecord(object):
        name: str
        size: int = 0
