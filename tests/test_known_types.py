"""Types that the engine knows enough of to ask their instances for less (typeinfo.c): what comes out is what asking gives.

Each object is written several times in one pickle and before and after its class changes, so that a verdict that was kept
meets what it does not fit.  Compared is with the same pickler where it must ask: with a reducer_override that declines.
"""
import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import io
import sys
import types
import uuid

import pytest

from implementations import ENGINE
from odd import Calls

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

Point = collections.namedtuple('Point', 'x y')
Code = enum.Enum('Code', [('A', 'a'), ('B', ('tuple', 1)), ('C', 3)], module=__name__)
Worn = enum.Enum('Worn', [('W%d' % n, 'w%d' % n) for n in range(3)], module=__name__)
Many = enum.Enum('Many', [('M%d' % n, n) for n in range(40)], module=__name__)
Number = enum.IntEnum('Number', 'ONE TWO', module=__name__)
Bits = enum.Flag('Bits', 'P Q', module=__name__)
calls = []


def wear(cls):
    """Change a class so often that the interpreter gives it no version tag any more (from 3.13 on it stops at 1,000)."""
    for number in range(1100):
        cls._worn = number
        hasattr(cls, '_worn')
    return cls


class PointWithDict(Point):
    pass


class Plain(object):
    def __init__(self, value=None):
        if value is not None:
            self.value = value


class WornPlain(Plain):
    pass


class Slots(object):
    __slots__ = ('one', 'two')

    def __init__(self, one):
        if one:
            self.one, self.two = one, [one]


class SlotsAndDict(Slots):
    def __init__(self, one):
        Slots.__init__(self, one)
        if one > 1:
            self.three = [one]


class Meta(type):
    pass


Made = Meta('Made', (Plain,), {'__module__': __name__})


wear(Worn)
wear(Many)
wear(WornPlain)


class Backwards(Point):
    __slots__ = ()

    def __iter__(self):
        calls.append('iter')
        return reversed([self[0], self[1]])


class Longer(Point):
    __slots__ = ()

    def __len__(self):
        calls.append('len')
        return 7


class Stateful(object):
    def __init__(self, value):
        self.value = value

    def __getstate__(self):
        calls.append('getstate')
        return self.value

    def __setstate__(self, state):
        self.value = state


class Kept(object):
    """Its arguments are a tuple that something else holds as well."""

    def __new__(cls, *args):
        self = object.__new__(cls)
        self.args = args
        return self

    def __getnewargs__(self):
        calls.append('getnewargs')
        return self.args

    def __getstate__(self):
        calls.append('getstate')
        return {'args': self.args}


class Reduced(object):
    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        calls.append('reduce')
        return Reduced, (self.value,)


class Asking(ENGINE.Pickler if ENGINE else object):
    def reducer_override(self, obj):
        return NotImplemented


def known_and_asked(obj, proto):
    out = []
    for each in (ENGINE.Pickler, Asking):
        del calls[:]
        file = io.BytesIO()
        each(file, proto).dump(obj)
        out.append((file.getvalue(), list(calls)))
    return out


def several(make):
    shared = make(0)
    return [shared, make(1), [make(2), shared], make(3)]


EXAMPLES = {
    'namedtuple': lambda n: Point(n, ['y', n]),
    'namedtuple with dict': lambda n: PointWithDict(n, 'y'),
    'namedtuple with its own iteration': lambda n: Backwards(n, 'y'),
    'namedtuple with its own length': lambda n: Longer(n, 'y'),
    'Enum': lambda n: list(Code)[n % 3],
    'Enum without a tag': lambda n: list(Worn)[n % 3],
    'instance without a tag': WornPlain,
    'instance': Plain,
    'instance with nothing': lambda n: Plain(),
    'instance with slots': Slots,
    'instance with slots and a dict': SlotsAndDict,
    'instance of a class with a metaclass': Made,
    'IntEnum': lambda n: list(Number)[n % 2],
    'Flag': lambda n: list(Bits)[n % 2],
    'Flag of two': lambda n: Bits.P | Bits.Q,
    'state': Stateful,
    'no state': lambda n: Stateful(None),
    'state that is false': lambda n: Stateful(0),
    'arguments kept': lambda n: Kept(n, 'two'),
    'reduce': Reduced,
    'UUID': lambda n: uuid.UUID(int=n),
    'Decimal': lambda n: decimal.Decimal(n) / 8,
    'Fraction': lambda n: fractions.Fraction(n, 7),
    'deque': lambda n: collections.deque([n], maxlen=5),
    'OrderedDict': lambda n: collections.OrderedDict(n=n),
    'Counter': lambda n: collections.Counter('aab'),
    'defaultdict': lambda n: collections.defaultdict(list, a=n),
    'exception': lambda n: ValueError('text', n),
    'range': lambda n: range(n),
    'complex': lambda n: complex(n, 1),
}


@pytest.mark.parametrize('name', sorted(EXAMPLES))
@pytest.mark.parametrize('protocol', range(2, 6))
def test_the_same_as_when_asked(engine, name, protocol):
    known, asked = known_and_asked(several(EXAMPLES[name]), protocol)
    assert known == asked


class OddModule(type(enum)):
    """Says what a module has, and does something before."""

    def __getattribute__(self, name):
        if name in ('Plain', 'SlotsAndDict'):
            calls.append(name)
            found = type(enum).__getattribute__(self, '__dict__')
            found['act']()
            return found[name]
        return type(enum).__getattribute__(self, name)


@pytest.mark.parametrize('protocol', range(2, 6))
@pytest.mark.parametrize('cls', [Plain, SlotsAndDict])
def test_what_changes_while_the_class_is_looked_up(engine, monkeypatch, cls, protocol):
    """The state of the first instance is what it was before its class is written."""
    odd = OddModule('odd_module')
    odd.__dict__.update({cls.__name__: cls})
    monkeypatch.setitem(sys.modules, 'odd_module', odd)
    monkeypatch.setattr(cls, '__module__', 'odd_module')
    found = []
    for each in (ENGINE.Pickler, ENGINE.Pickler, Asking):
        first, shared = cls(5), [8]
        first.moved = ['moved']
        other = Plain(shared)

        def act():
            other.got = first.moved
            other.dict = first.__dict__
            if cls is SlotsAndDict:
                other.slot = first.two
                del first.one
            first.__dict__ = {'changed': 1}
            first.class_ = 1

        odd.__dict__['act'] = lambda: None
        each(io.BytesIO(), protocol).dump(cls(4))
        odd.__dict__['act'] = act
        del calls[:]
        file = io.BytesIO()
        each(file, protocol).dump([[[number] for number in range(40)], first, shared, other, first, cls(2)])
        found.append((file.getvalue(), list(calls)))
        odd.__dict__['act'] = lambda: None
        back = engine.loads(found[-1][0])
        assert back[3].got is back[1].moved and not hasattr(back[1], 'changed')
    assert found[0] == found[1] == found[2] and found[0][1]


def again(*args):
    return Made


@pytest.mark.parametrize('protocol', range(2, 6))
def test_a_class_that_leads_to_its_first_instance(engine, protocol):
    found = []
    for each in (ENGINE.Pickler, ENGINE.Pickler, Asking):
        first = Made(['value'])
        given = [(again, ()), (again, ([first],))]

        def reduce_class(cls):
            return given.pop() if given else (again, ('later',))

        copyreg.pickle(Meta, reduce_class)
        try:
            file = io.BytesIO()
            each(file, protocol).dump([[[number] for number in range(40)], first, first, Made(2)])
        finally:
            del copyreg.dispatch_table[Meta]
        assert not given
        found.append(file.getvalue())
        back = engine.loads(found[-1])
        assert back[1] is back[2] and back[1].value == ['value'] and type(back[3]) is Made
    assert found[0] == found[1] == found[2]


def told(pickler, obj, protocol):
    with pytest.raises(Exception) as raised:
        pickler(io.BytesIO(), protocol).dump(obj)
    return type(raised.value), str(raised.value), getattr(raised.value, '__notes__', None)


@pytest.mark.parametrize('protocol', range(2, 6))
@pytest.mark.parametrize('cls', [Plain, Slots, SlotsAndDict, Made])
def test_errors_in_first_instances(engine, monkeypatch, cls, protocol):
    first, second = cls(1), cls(2)
    wrong = cls(3)
    setattr(wrong, 'one' if isinstance(wrong, Slots) else 'value', lambda: None)
    engine.dumps([first, second], protocol)
    for obj in (wrong, [wrong], [first, wrong]):
        assert told(ENGINE.Pickler, obj, protocol) == told(Asking, obj, protocol)
    monkeypatch.delitem(globals(), cls.__name__)
    for obj in (first, [first, second]):
        assert told(ENGINE.Pickler, obj, protocol) == told(Asking, obj, protocol)


FIRST_DATETIMES = [
    datetime.date(2020, 2, 29), datetime.time(1, 2, 3, 4), datetime.timedelta(-1, 2, 3),
    datetime.datetime(2020, 2, 29, 1, 2, 3, 4), datetime.datetime(2020, 2, 29, tzinfo=datetime.timezone.utc),
    datetime.datetime(2020, 10, 25, 2, 30, fold=1)]


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('first', FIRST_DATETIMES, ids=repr)
def test_the_first_datetime_of_a_pickle(engine, first, protocol):
    for obj in (first, [first, first], (first, [type(first), first, FIRST_DATETIMES], type(first))):
        known, asked = known_and_asked(obj, protocol)
        assert known == asked
        assert engine.loads(engine.dumps(obj, protocol)) == obj


class Watched(types.ModuleType):
    """The datetime module, with something that happens when a class is looked up in it."""

    def __getattr__(self, name):
        act, self.act = self.act, lambda: None
        act()
        return getattr(datetime, name)


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('first', FIRST_DATETIMES, ids=repr)
def test_code_that_runs_where_the_class_of_a_datetime_is_looked_up(engine, monkeypatch, first, protocol):
    found = []
    for each in (ENGINE.Pickler, Asking):
        for memo in ({}, {id(first): (700, first)}, {1: (800, None)}):
            watched = Watched('datetime')
            monkeypatch.setitem(sys.modules, 'datetime', watched)
            file = io.BytesIO()
            pickler = each(file, protocol)
            watched.act = lambda: setattr(pickler, 'memo', memo)
            pickler.dump([first, first, [first]])
            found.append(file.getvalue())
    assert found[:3] == found[3:]
    assert len(set(found[:3])) == 3   # it did happen


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('first', FIRST_DATETIMES, ids=repr)
def test_errors_in_first_datetimes(engine, monkeypatch, first, protocol):
    monkeypatch.setitem(sys.modules, 'datetime', types.ModuleType('datetime'))
    for obj in (first, [1, first], {'key': (first,)}):
        assert told(ENGINE.Pickler, obj, protocol) == told(Asking, obj, protocol)
        assert told(ENGINE.Pickler, obj, protocol)[2]


def test_what_a_namedtuple_holds_may_hold_it(engine):
    inner = []
    point = Point(1, inner)
    inner.extend([point, Point(point, inner)])
    for proto in range(2, 6):
        known, asked = known_and_asked([point, inner, point], proto)
        assert known == asked
    back = engine.loads(known[0])
    assert back[1][1].x is back[1][0] and back[0].y is back[1] and type(back[0]) is Point


def test_kept_arguments_are_written_as_the_tuple_they_are(engine):
    obj = Kept(1, 2)
    args, back, _ = engine.loads(engine.dumps([obj.args, obj, Kept(3)], 4))
    assert back.args is args


@pytest.mark.parametrize('cls, method', [(Stateful, '__getstate__'), (Reduced, '__reduce__')])
def test_the_objects_own_attribute_comes_first(engine, cls, method):
    """__getstate__ and __reduce__ are looked up on the object, and so is __reduce_ex__ before them."""
    plain, odd = cls(1), cls(2)
    setattr(odd, method, lambda: (cls, ('shadow',)) if method == '__reduce__' else 'shadow')
    both = [plain, odd, plain]
    known, asked = known_and_asked(both, 4)
    assert known == asked and b'shadow' in known[0]
    del odd.__dict__[method]
    odd.__reduce_ex__ = lambda protocol: (cls, ('other',))
    known, asked = known_and_asked(both, 4)
    assert known == asked and b'other' in known[0]


def test_arguments_are_looked_up_on_the_type(engine):
    odd = Kept(2)
    odd.__getnewargs__ = lambda: ('shadow',)
    assert b'shadow' not in engine.dumps([Kept(1), odd], 4)


@pytest.mark.parametrize('wrong', [[1], None, 'text'])
def test_arguments_that_are_no_tuple(engine, wrong):
    first, second = Kept(1), Kept(2)
    second.args = wrong
    found = []
    for each in (ENGINE.Pickler, Asking):
        with pytest.raises(TypeError) as raised:
            each(io.BytesIO(), 4).dump([first, first, Kept(3), second])
        found.append((str(raised.value), getattr(raised.value, '__notes__', None)))
    assert found[0] == found[1] and 'tuple' in found[0][0]


def test_what_raises(engine):
    class Error(Exception):
        pass

    obj = Stateful(3)

    def raising(self):
        raise Error

    kept = Stateful.__getstate__
    engine.dumps([obj, obj], 4)
    Stateful.__getstate__ = raising
    try:
        with pytest.raises(Error):
            engine.dumps([Stateful(1), obj], 4)
    finally:
        Stateful.__getstate__ = kept
    assert engine.loads(engine.dumps(obj, 4)).value == 3


def test_a_class_that_changes_is_asked_anew(engine):
    members, worn, points = list(Code), list(Worn), [Point(1, 2), Point(3, 4)]
    plain = [WornPlain(1), WornPlain(2)]

    def reduce_ex(self, proto):
        calls.append('new')
        return str, ('changed',)

    for cls, objects, name, method in [(Code, members, '__reduce_ex__', reduce_ex),
                                       (Worn, worn, '__reduce_ex__', reduce_ex),
                                       (WornPlain, plain, '__reduce_ex__', reduce_ex),
                                       (Point, points, '__getnewargs__', lambda self: calls.append('new') or (8, 9)),
                                       (Point, points, '__reduce__', lambda self: calls.append('new') or (Point, (5, 6)))]:
        before = engine.dumps(objects, 4)
        kept = cls.__dict__.get(name)
        setattr(cls, name, method)
        try:
            known, asked = known_and_asked(objects, 4)
            assert known == asked and known[1] == ['new'] * len(objects)
        finally:
            if kept is None:
                delattr(cls, name)
            else:
                setattr(cls, name, kept)
        assert engine.dumps(objects, 4) == before


def test_a_class_that_changes_while_it_is_written(engine):
    class Changing(object):
        __slots__ = ()

        def __getstate__(self):
            calls.append('first')
            Changing.__getstate__ = lambda self: calls.append('second')
            return 'state'

    globals()['Changing'] = Changing
    Changing.__qualname__ = 'Changing'
    first = Changing.__getstate__
    try:
        found = []
        for each in (ENGINE.Pickler, Asking):
            Changing.__getstate__ = first
            engine.dumps(Point(1, 2), 4)
            del calls[:]
            file = io.BytesIO()
            each(file, 4).dump([Changing(), Changing(), Changing()])
            found.append((file.getvalue(), list(calls)))
        assert found[0] == found[1] and found[0][1] == ['first', 'second', 'second']
    finally:
        del globals()['Changing']


@pytest.mark.parametrize('cls', [Code, Worn])
def test_an_enum_whose_ways_change(engine, cls):
    """On the member, on the class under it, and in the function that is there."""
    members = list(cls)
    before = engine.dumps(members, 4)
    members[1].__dict__['__reduce_ex__'] = lambda proto: (str, ('of the member',))
    try:
        known, asked = known_and_asked(members, 4)
        assert known == asked and b'of the member' in known[0]
    finally:
        del members[1].__dict__['__reduce_ex__']
    type.__setattr__(cls, '_value_', property(lambda self: calls.append('value') or 'odd'))
    try:
        known, asked = known_and_asked(members, 4)
        assert known == asked and b'odd' in known[0] and known[1] == ['value'] * len(members)
    finally:
        type.__delattr__(cls, '_value_')
    function = enum.Enum.__reduce_ex__
    code = function.__code__
    function.__code__ = (lambda self, proto: (str, ('other code',))).__code__
    try:
        known, asked = known_and_asked(members, 4)
        assert known == asked and b'other code' in known[0]
    finally:
        function.__code__ = code
    assert engine.dumps(members, 4) == before


class OddKey(object):
    """Looks like the class Many in a table, and acts when it is compared for the second time after arm()."""

    def __init__(self, act):
        self.act, self.after = act, 0

    def arm(self):
        self.after = 2

    def __hash__(self):
        return hash(Many)

    def __eq__(self, other):
        self.after -= 1
        if self.after == 0:
            self.act()
        return False


class ActingFile(io.BytesIO):
    def __init__(self, act):
        super(ActingFile, self).__init__()
        self.act = act

    def write(self, data):
        self.act()
        return super(ActingFile, self).write(data)


def change_by_method():
    Many.__reduce_ex__ = lambda self, proto: (str, ('changed',))


def change_by_value():
    type.__setattr__(Many, '_value_', property(lambda self: 'changed'))


def change_by_table():
    copyreg.dispatch_table[Many] = lambda member: (str, ('changed',))


def change_by_meta():
    Many._worn = 'not changed'


@pytest.mark.parametrize('where', ['between', 'deeper', 'in a tuple', 'in a dict', 'in a set', 'table', 'write', 'persistent_id', 'not'])
@pytest.mark.parametrize('change', [change_by_method, change_by_value, change_by_table, change_by_meta])
@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_an_enum_that_changes_between_two_members(engine, change, where, protocol):
    """What was found out for a member that came before does not hold for the next one."""
    found, original = [], Many.__dict__.get('__reduce_ex__')
    before = engine.dumps(list(Many), protocol)
    for base in (ENGINE.Pickler, Asking):
        m = list(Many)
        key = OddKey(change)
        acting = Calls(key.arm if where == 'table' else change)
        obj = {'between': [m[0], m[1], acting, m[2], m[3], m[4]],
               'deeper': [m[0], m[1], [m[2], m[3], acting, m[4]], m[5], m[6]],
               'in a tuple': (m[0], m[1], m[2], acting, m[3], m[4]),
               'in a dict': {'a': m[0], 'b': m[1], 'c': acting, 'd': m[2], 'e': m[3]},
               'in a set': [m[0], m[1], {acting}, m[2], m[3]],
               'table': [m[0], m[1], acting, m[2], m[3], m[4], m[5]],
               'write': [m[0], m[1], m[2], b'x' * 100000, m[3], m[4], m[5]]}.get(where, m[:20])

        class Own(base):
            if where == 'persistent_id':
                def persistent_id(self, each):
                    if each is m[5]:
                        change()

        file = ActingFile(change) if where == 'write' else io.BytesIO()
        pickler = Own(file, protocol)
        if where == 'table':
            pickler.dispatch_table = {key: None}
        try:
            pickler.dump(obj)
        finally:
            copyreg.dispatch_table.pop(Many, None)
            if '_value_' in Many.__dict__:
                type.__delattr__(Many, '_value_')
            if original is None and '__reduce_ex__' in Many.__dict__:
                del Many.__reduce_ex__
            elif original is not None:
                Many.__reduce_ex__ = original
        found.append(file.getvalue())
    assert found[0] == found[1]
    # A table of the pickler's own hides what is in copyreg's.
    changes = change is not change_by_meta and where != 'not' and not (where == 'table' and change is change_by_table)
    assert (b'changed' in found[0]) == changes
    assert engine.dumps(list(Many), protocol) == before


def test_an_enum_of_another_kind_is_asked(engine):
    """A __reduce_ex__ that only looks like Enum's: other names, a free variable, a default."""
    class Odd(object):
        def __init__(self, value):
            self._value_ = self._other_ = value

        def __reduce_ex__(self, proto):
            return self.__class__, (self._other_, )

    globals()['Odd'] = Odd
    Odd.__qualname__ = 'Odd'
    try:
        objects = [Odd(1), Odd(2)]
        for each in objects:
            each._other_ = 'other'
        known, asked = known_and_asked(objects, 4)
        assert known == asked and b'other' in known[0]
    finally:
        del globals()['Odd']
