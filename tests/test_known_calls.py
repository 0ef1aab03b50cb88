"""Calls that the engine need not make when it reads (known.c): namedtuples and members of an Enum come out as if it had.

Which functions ran is seen by a profile function; whatever departs from what collections and enum give must be called.
"""
import collections
import datetime
import enum
import io
import pickle
import sys
import types

import pytest

from implementations import ENGINE

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

Point = collections.namedtuple('Point', 'x y')
One = collections.namedtuple('One', 'x')
Many = collections.namedtuple('Many', ['f%d' % i for i in range(64)])
TooMany = collections.namedtuple('TooMany', ['f%d' % i for i in range(65)])
Defaults = collections.namedtuple('Defaults', 'x y z')
Defaults.__new__.__defaults__ = (8, 9)
Code = enum.Enum('Code', [('A', 'a'), ('B', 3), ('C', 2.5), ('D', ('t', 1)), ('E', None)], module=__name__)
Number = enum.IntEnum('Number', 'ONE TWO', module=__name__)
Bits = enum.Flag('Bits', 'P Q', module=__name__)
calls = []


class PointWithDict(Point):
    pass


class PointWithNew(Point):
    def __new__(cls, *args):
        calls.append(args)
        return tuple.__new__(cls, args)

    __repr__ = tuple.__repr__


class Meta(enum.EnumMeta):
    def __call__(cls, *args, **kwargs):
        if len(args) == 1:
            calls.append(args)
        return super().__call__(*args, **kwargs)


class Called(enum.Enum, metaclass=Meta):
    A = 'a'


class Missing(enum.Enum):
    A = 'a'

    @classmethod
    def _missing_(cls, value):
        calls.append(value)
        return cls.A if value == 'other' else None


class EqualToAll(object):
    def __hash__(self):
        return hash('a')

    def __eq__(self, other):
        calls.append('eq')
        return True


def python_calls(function, *args):
    """What it returns, and the names of the Python functions that were called meanwhile."""
    names = []

    def profile(frame, event, arg):
        if event == 'call':
            names.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        result = function(*args)
    finally:
        sys.setprofile(None)
    return result, names


def outcome(loads, data):
    del calls[:]
    try:
        value = loads(data)
    except Exception as error:
        return type(error), str(error.args[0]) if error.args else '', list(calls)
    return type(value), repr(value), list(calls)


def same(engine, data):
    """Read it as the interpreter does; twice, for the second time it is known."""
    expected = outcome(pickle.loads, data)
    assert outcome(engine.loads, data) == expected
    assert outcome(engine.loads, data) == expected
    return expected



def newobj(cls, *args):
    return b'\x80\x02c' + ('%s\n%s\n' % (cls.__module__, cls.__name__)).encode() + pickle.dumps(args, 2)[2:-1] + b'\x81.'


def reduce(cls, *args):
    return newobj(cls, *args)[:-2] + b'R.'


@pytest.fixture
def engine():
    return ENGINE


@pytest.mark.parametrize('value', [Point(1, [2]), One('a'), One((1, 2)), Many(*range(64)), TooMany(*range(65)),
                                   Defaults(1), PointWithDict(1, 2), PointWithNew(1, 2)], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize('protocol', [2, 4])
def test_namedtuples(engine, value, protocol):
    data = pickle.dumps([value, value, type(value)(*value)], protocol)
    same(engine, data)
    result, names = python_calls(engine.loads, data)
    assert result == [value] * 3 and type(result[2]) is type(value)
    assert hash(result[2]) == hash(value) if type(value) is not Point else True
    assert result[0] is result[1] and result[0] is not result[2]
    known = sys.version_info >= (3, 7) and not isinstance(value, (TooMany, PointWithNew))
    assert (names == []) == known


@pytest.mark.parametrize('args', [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)])
@pytest.mark.parametrize('cls', [Point, Defaults, PointWithNew, One], ids=lambda c: c.__name__)
def test_other_numbers_of_arguments(engine, cls, args):
    same(engine, newobj(cls, *args))


@pytest.mark.parametrize('value', [Code.A, Code.B, Code.C, Code.D, Code.E, Number.TWO, Bits.P, Bits.P | Bits.Q, Called.A],
                         ids=str)
def test_members(engine, value):
    data = reduce(type(value), value.value)
    assert same(engine, data)[2] == ([(value.value,)] if value is Called.A else [])
    result, names = python_calls(engine.loads, data)
    assert result is value
    if value in (Code.A, Code.B, Number.TWO, Bits.P):
        assert names == []
    else:
        assert value is Bits.P | Bits.Q or names != []


@pytest.mark.parametrize('args', [(), ('none',), ('a', 'b'), (1,), (3.0,), (True,), ([],)], ids=repr)
@pytest.mark.parametrize('cls', [Code, Number, Bits], ids=lambda c: c.__name__)
def test_values_that_are_no_members(engine, cls, args):
    same(engine, reduce(cls, *args))


def test_missing(engine):
    assert same(engine, reduce(Missing, 'a'))[2] == []
    assert same(engine, reduce(Missing, 'other'))[2] == ['other']
    assert same(engine, reduce(Missing, 'x'))[2] == ['x']


def test_a_new_that_changes(engine):
    """The class's __new__, its code and the globals it looks into: each change counts at once."""
    global Changing
    Changing = collections.namedtuple('Changing', 'x y')
    data = newobj(Changing, 1, 2)
    assert engine.loads(data) == (1, 2)
    function = Changing.__new__
    globals_of_it = function.__globals__
    if '_tuple_new' in globals_of_it:
        globals_of_it['_tuple_new'] = lambda cls, items: calls.append('global') or tuple.__new__(cls, items)
        assert same(engine, data)[2] == ['global']
        globals_of_it['_tuple_new'] = tuple.__new__
    code = function.__code__
    function.__code__ = (lambda cls, x, y: (x, y, 'other')).__code__
    assert same(engine, data)[:2] == (tuple, "(1, 2, 'other')")
    function.__code__ = code
    assert same(engine, data)[1] == 'Changing(x=1, y=2)'
    Changing.__new__ = lambda cls, x, y: calls.append('new') or tuple.__new__(cls, (x, y))
    assert same(engine, data)[2] == ['new']


def test_code_that_looks_alike(engine):
    """Compiled to the same code, but not the same names or number of arguments."""
    global Alike
    for source in ('lambda _cls, a, b: _other(_cls, (a, b))', 'lambda _cls, *b: _tuple_new(_cls, (b, 1))',
                   'lambda _cls, b, a: _tuple_new(_cls, (a, b))', 'lambda _cls, a, b, *, c: _tuple_new(_cls, (a, b))',
                   'lambda _cls, a, b, *c: _tuple_new(_cls, (a, b))', 'lambda _cls, a, b: _tuple_new(_cls, (a, b, b))'):
        new = eval(source, {'_tuple_new': tuple.__new__, '_other': lambda cls, items: 'other'})
        Alike = type('Alike', (tuple,), {'__new__': new, '__module__': __name__})
        same(engine, newobj(Alike, 1, 2))
        same(engine, newobj(Alike, 1))


def test_tuples_of_another_kind(engine):
    """tuple.__new__ may not make what has another type of C under it; a class with a metaclass is asked."""
    global Odd
    new = Point.__new__
    for make in (lambda: type('Odd', (tuple,), {'__new__': new}),
                 lambda: type('Odd', (tuple,), {'__new__': classmethod(new)}),
                 lambda: type('Odd', (tuple,), {'__new__': types.MethodType(new, Point)}),
                 lambda: type('Odd', (int,), {'__new__': new}),
                 lambda: type('Odd', (dict,), {'__new__': new}),
                 lambda: type('Meta', (type,), {'__getattribute__': lambda cls, name: calls.append(name)
                                                or type.__getattribute__(cls, name)})('Odd', (tuple,), {'__new__': new})):
        Odd = make()
        Odd.__module__ = __name__
        same(engine, b'\x80\x02c' + __name__.encode() + b'\nOdd\n' + b'K\x01K\x02\x86\x81.')


def test_an_enum_that_changes(engine):
    global Fresh
    data = b'\x80\x02c' + __name__.encode() + b'\nFresh\nX\x01\x00\x00\x00a\x85R.'

    def fresh():
        global Fresh
        Fresh = enum.Enum('Fresh', [('A', 'a'), ('B', 'b')], module=__name__)
        assert same(engine, data)[0] is Fresh

    fresh()
    Fresh.__new__ = lambda cls, value: calls.append('new') or Fresh.B
    assert same(engine, data)[2] == ['new']
    fresh()
    Fresh._value2member_map_['a'] = Fresh.B
    assert same(engine, data)[0] is Fresh and engine.loads(data) is Fresh.B
    fresh()
    del Fresh._value2member_map_['a']
    Fresh._value2member_map_[EqualToAll()] = Fresh.B
    assert same(engine, data)[2] == ['eq'] * (2 if sys.version_info < (3, 7) else 1)  # before, `in` came first
    kept = enum.EnumMeta.__call__
    code = kept.__code__
    fresh()
    try:
        enum.EnumMeta.__call__ = lambda cls, *args: calls.append('call') or kept(cls, *args)
        assert same(engine, data)[2] == ['call']
    finally:
        enum.EnumMeta.__call__ = kept
    try:
        kept.__code__ = (lambda cls, value: 'code').__code__
        assert same(engine, data)[1] == "'code'"
    finally:
        kept.__code__ = code
    assert same(engine, data)[0] is Fresh


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        raise AssertionError('nobody asks while it is loaded')


class OwnDatetime(datetime.datetime):
    def __new__(cls, *args):
        CALLS.append(args)
        return datetime.datetime.__new__(cls, *args)


CALLS = []
DAY, CLOCK = datetime.datetime(2020, 2, 29, 23, 59, 58, 7), datetime.time(1, 2, 3, 4)


@pytest.mark.parametrize('cls, args', [
    (datetime.datetime, DAY.__reduce__()[1]), (datetime.datetime, DAY.replace(tzinfo=datetime.timezone.utc).__reduce__()[1]),
    (datetime.datetime, DAY.replace(fold=1).__reduce_ex__(4)[1]), (datetime.datetime, DAY.replace(tzinfo=Zone()).__reduce__()[1]),
    (datetime.time, CLOCK.__reduce__()[1]), (datetime.time, CLOCK.replace(tzinfo=Zone()).__reduce__()[1]),
    (datetime.date, DAY.date().__reduce__()[1]), (datetime.timedelta, (1, 2, 3)), (datetime.timedelta, (-1, 10 ** 6, 10 ** 7)),
    (datetime.timedelta, (10 ** 9, 1, 1)), (datetime.timedelta, (2 ** 70, 0, 0)), (datetime.timedelta, (True, 1.5, 0)),
    (datetime.timedelta, (1,)), (datetime.timedelta, ()), (datetime.timedelta, (b'x', 1, 1)), (datetime.timedelta, (b'x',)),
    (datetime.datetime, (b'',)), (datetime.datetime, (b'x' * 9,)), (datetime.datetime, (b'x' * 10,)), (datetime.datetime, (b'\xff' * 10,)),
    (datetime.datetime, (b'\x07\xe4\x02\x1d' + b'\x00' * 6, 'no zone')), (datetime.datetime, (b'\x07\xe4\x02\x1d' + b'\x00' * 6, None)),
    (datetime.datetime, (b'\x07\xe4\x02\x1d' + b'\x00' * 6, None, None)), (datetime.datetime, (2020, 2, 3)), (datetime.datetime, (b'x', 1, 2)),
    (datetime.time, (b'\x00' * 6, 3)), (datetime.time, (b'\x00' * 5,)), (datetime.time, (b'\x99' * 6,)), (datetime.time, ()),
    (datetime.date, (b'\x00' * 4,)), (datetime.date, (b'\x07\xe4\x02\x1d', None)), (datetime.date, (b'\x07\xe4\x02\x1d',)), (datetime.date, (2020, 2, 30)),
    (OwnDatetime, (DAY.__reduce__()[1][0],)),
])
def test_datetimes(impl, cls, args):
    """Calls of datetime's types end as they do when anybody makes them, with the same errors."""
    data = impl.dumps((cls, args), 4)[:-1]
    data = data[:data.rindex(b'\x86')] + b'R.'
    if data[2:3] == b'\x95':
        data = data[:2] + data[11:]

    def outcome(function):
        del CALLS[:]
        try:
            value = function()
        except Exception as error:
            return type(error), str(error).split(' (REDUCE')[0]
        zone = getattr(value, 'tzinfo', None)
        return type(value), value.replace(tzinfo=None) if zone else value, type(zone), getattr(value, 'fold', 0), len(CALLS)
    expected = outcome(lambda: cls(*args))
    assert outcome(lambda: impl.loads(data)) == outcome(lambda: impl.load(io.BytesIO(data))) == expected
    assert outcome(lambda: pickle.loads(data))[:1] == expected[:1]
