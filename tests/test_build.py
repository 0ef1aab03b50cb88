"""BUILD: instances get their state as if by assignment to their __dict__, whatever short way the engine takes.

Every case here is also read by the interpreter's own reader; what it makes, and what user code got to see meanwhile, is
what is expected.
"""
import gc
import io
import pickle
import struct

import pytest

import implementations
from pickle5 import pickletools

EVENTS = []


class Plain:
    pass


class Other:
    pass


class Changing:
    """Each test gives this class what it wants to see; `restore` takes it away."""
    fixed = 17


class Slots:
    __slots__ = ('a', 'b', 'c')


class SlotsAndDict(Slots):
    pass


class Watched:
    """A data descriptor only once it gets a __set__."""

    def __get__(self, instance, owner):
        return self if instance is None else 'watched'


class WithWatched:
    x = Watched()


class Mortal:
    """Tells when it ends."""

    def __init__(self, name='?'):
        self.name = name

    def __del__(self):
        EVENTS.append(('ended', self.name))


def drop(*args):
    EVENTS.append(('dropped', len(args)))
    return None


class Drops:
    """Written as a call of drop() with its arguments; or, with `call`, of that."""

    def __init__(self, *args, **options):
        self.args, self.call = args, options.get('call', drop)

    def __reduce__(self):
        return self.call, self.args


def add_setstate(*_):
    Changing.__setstate__ = lambda self, state: EVENTS.append(('setstate', sorted(state)))


def add_property(*_):
    Changing.x = property(lambda self: 'property', lambda self, value: EVENTS.append(('set', value)))


def add_setattr(*_):
    Changing.__setattr__ = lambda self, name, value: EVENTS.append(('setattr', name, value))


def add_getattribute(*_):
    def getattribute(self, name):
        EVENTS.append(('get', name))
        return object.__getattribute__(self, name)
    Changing.__getattribute__ = getattribute


def give_own_setstate(instance):
    instance.__dict__['__setstate__'] = lambda state: EVENTS.append(('own setstate', type(state), len(state)))


CHANGES = [add_setstate, add_property, add_setattr, add_getattribute]


def restore_classes():
    for name in '__setstate__', 'x', '__setattr__', '__getattribute__', '__set__':
        for cls in Changing, Slots, Watched:
            if name in cls.__dict__:
                delattr(cls, name)


@pytest.fixture(autouse=True)
def restore():
    del EVENTS[:]
    yield
    restore_classes()


def instance(cls, **attributes):
    result = cls.__new__(cls)
    for name, value in attributes.items():
        if issubclass(cls, Slots):
            setattr(result, name, value)
        else:
            result.__dict__[name] = value
    return result


def seen(obj, names=('a', 'b', 'c', 'x')):
    """What can be told of one instance."""
    return (type(obj).__name__, sorted(getattr(obj, '__dict__', {}).items(), key=str),
            [repr(getattr(type(obj).__dict__.get(name, None), '__get__', None) and getattr(obj, name, None))
             for name in names])


def outcome(loads, data):
    """What comes of loading: the value or the exception's type, and the events."""
    del EVENTS[:]
    try:
        value = loads(data)
    except Exception as error:
        value = type(error)
    events = list(EVENTS)
    return value, events


def compare(impl, data, look=None, clean=None, reference=None):
    """All ways of loading agree with the interpreter's reader of the same kind, about what `look` sees."""
    look = look or repr
    loaders = [reference or (pickle.loads if impl.compiled else pickle._loads), impl.loads, lambda data: impl.load(io.BytesIO(data)),
               lambda data: impl.loads(bytearray(data)), lambda data: impl.Unpickler(io.BytesIO(data)).load()]
    found = []
    for loads in loaders:
        value, events = outcome(loads, data)
        found.append((look(value), events))
        if clean:
            clean()
    for one in found[1:]:
        assert one == found[0]
    return found[0]


@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_the_state_is_asked_for_again(impl, protocol):
    obj = instance(Plain, a=1, b='two')
    data = pickle.dumps([obj, obj.__dict__, instance(Plain, a=1)], protocol)
    for loads in (pickle._loads, impl.loads, lambda data: impl.load(io.BytesIO(data))):
        loaded, state, other = loads(data)
        assert loaded.__dict__ == state == {'a': 1, 'b': 'two'}
        assert loaded.__dict__ is not state
        assert other.__dict__ == {'a': 1}


@pytest.mark.parametrize('protocol', [2, 3, 4])
@pytest.mark.parametrize('cls', [Plain, Slots, SlotsAndDict])
def test_many(impl, cls, protocol):
    objects = [instance(cls, a=number, b='text %d' % number, c=[number]) for number in range(300)]
    objects.append(objects[7])
    objects[3].c = objects[2]
    data = pickle.dumps(objects, protocol)
    loaded = impl.loads(data)
    assert loaded[300] is loaded[7] and loaded[3].c is loaded[2]
    assert [(obj.a, obj.b) for obj in loaded] == [(obj.a, obj.b) for obj in objects]
    compare(impl, data, lambda value: [seen(obj, 'ab') for obj in value if obj is not value[3]])


@pytest.mark.parametrize('count', [1, 2, 31, 32, 33, 100, 1000, 1001, 2500])
def test_many_names(impl, count):
    objects = [instance(Plain, **{'name%d' % number: number for number in range(count)}) for _ in range(3)]
    data = pickle.dumps(objects, 4)
    for loads in (impl.loads, lambda data: impl.load(io.BytesIO(data))):
        assert [obj.__dict__ for obj in loads(data)] == [obj.__dict__ for obj in objects]
        assert [list(obj.__dict__) for obj in loads(data)] == [list(obj.__dict__) for obj in objects]


def test_nested(impl):
    obj = None
    for depth in range(60):
        obj = instance(Plain, depth=depth, below=obj, also=instance(Other), text='%d' % depth)
    loaded = impl.loads(pickle.dumps(obj, 4))
    for depth in reversed(range(60)):
        assert list(loaded.__dict__) == ['depth', 'below', 'also', 'text']
        assert (loaded.depth, loaded.text, type(loaded.also)) == (depth, str(depth), Other)
        loaded = loaded.below
    assert loaded is None


def test_names_are_interned_and_values_are_not(impl):
    name = ''.join(['some', 'name'])
    data = pickle.dumps([instance(Plain, **{name: 1, 'x': 2}), instance(Plain, **{name: 3, 'x': 4})], 4)
    first, second = [list(obj.__dict__) for obj in impl.loads(data)]
    assert first[0] is second[0]
    # The pickle shares one str between a name and two values.
    key = next(iter(instance(Plain, **{name: 1}).__dict__))
    obj = Plain()
    obj.__dict__[key] = key
    data = pickle.dumps([obj, key, obj, {key: 1}], 4)

    def look(value):
        obj, text, again, keys = value
        return obj.__dict__[key] is text, obj is again, next(iter(keys)) is text
    compare(impl, data, look)


@pytest.mark.parametrize('change', CHANGES)
def test_the_class_changes_between_two_loads(impl, change):
    data = pickle.dumps([instance(Changing, x=1, y=2), instance(Changing, x=3, y=4)], 4)
    assert [obj.__dict__ for obj in impl.loads(data)] == [{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]
    change()
    compare(impl, data, lambda value: [sorted(object.__getattribute__(obj, '__dict__').items()) for obj in value])
    restored = [name for name in ('__setstate__', 'x', '__setattr__', '__getattribute__') if name in Changing.__dict__]
    for name in restored:
        delattr(Changing, name)
    assert [obj.__dict__ for obj in impl.loads(data)] == [{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]


@pytest.mark.parametrize('change', CHANGES)
def test_the_class_changes_in_the_middle(impl, change):
    objects = [instance(Changing, x=1, y=2), instance(Changing, y=Drops(call=change), x=3), instance(Changing, x=4, y=5)]

    def clean():
        for name in '__setstate__', 'x', '__setattr__', '__getattribute__':
            if name in Changing.__dict__:
                delattr(Changing, name)
    compare(impl, pickle.dumps(objects, 4),
            lambda value: [sorted(object.__getattribute__(obj, '__dict__').items(), key=str) for obj in value], clean)


@pytest.mark.parametrize('cls', [Plain, Slots, SlotsAndDict])
def test_a_child_reaches_its_parent(impl, cls):
    """What is in the state of an instance gets hold of it before BUILD does, and gives it attributes."""
    for change in give_own_setstate, give_old_values:
        if cls is Slots and change is give_own_setstate:
            continue
        parent = instance(cls, a=1, b=2)
        parent.c = Drops(parent, call=change)
        compare(impl, pickle.dumps([instance(cls, a=0), parent, instance(cls, a=3)], 4),
                lambda value: [type(obj).__name__ for obj in value] + [[getattr(obj, name, None) for obj in value]
                                                                       for name in 'abc'])


def give_old_values(obj):
    obj.a, obj.b = Mortal('old a'), Mortal('old b')


def test_a_descriptor_gets_its_set_later(impl):
    data = pickle.dumps([instance(WithWatched, x=1), instance(WithWatched, x=2)], 4)
    assert [obj.__dict__ for obj in impl.loads(data)] == [{'x': 1}, {'x': 2}]
    Watched.__set__ = lambda self, instance, value: EVENTS.append(value)
    value, events = outcome(impl.loads, data)
    assert [obj.__dict__ for obj in value] == [{'x': 1}, {'x': 2}] and events == []


def test_slots_that_are_something_else(impl):
    class Property(Slots):
        @property
        def a(self):
            return 'a'

        @a.setter
        def a(self, value):
            EVENTS.append(('a', value))

    globals()['Property'] = Property
    Property.__qualname__ = 'Property'
    sample = instance(Slots, a=1, b=2)
    data = pickle.dumps([sample, instance(Slots, b=3)], 4).replace(b'\x05Slots', b'\x08Property')
    data = data[:3] + struct.pack('<Q', len(data) - 11) + data[11:]
    found = compare(impl, data, lambda value: [(obj.a, getattr(obj, 'b', None)) for obj in value])
    assert found == ([('a', 2), ('a', 3)], [('a', 1)])


HEAD = b'\x80\x04\x8c\x0atest_build\x94\x8c\x05Plain\x94\x93\x94'
SLOTS = HEAD.replace(b'Plain', b'Slots')


@pytest.mark.parametrize('data', [
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01\x8c\x01b\x94K\x02\x8c\x01a\x94K\x03ub.',          # a name twice
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01K\x05K\x02ub.',                                      # not a str
    HEAD + b')\x81\x94}\x94(]\x94K\x01ub.',                                                       # cannot be hashed
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94ub.',                                                    # odd
    HEAD + b')\x81\x94}\x94(ub.',                                                                 # nothing
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01u',                                                 # ends
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01',
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01ub',
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01u}b.',
    HEAD + b')\x81\x940}\x94(\x8c\x01a\x94K\x01ub.',                                              # BUILD of nothing
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01ubh\x04\x86.',                                      # the state, asked for
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01ub}\x94(\x8c\x01a\x94K\x02\x8c\x01b\x94K\x03ub.',   # built twice
    HEAD + b')\x81\x94\x8c\x01a\x94}\x94(h\x03h\x03ub.',
    HEAD + b')\x81\x94}\x94((\x8c\x01a\x94K\x01ldub.',
    HEAD + b')\x81\x94}\x94(\x8c\x0c__setstate__\x94K\x01ub}\x94(\x8c\x01a\x94K\x02ub.',          # an own __setstate__
    HEAD + b')\x81\x94}\x94(\x8c\x09__class__\x94K\x01\x8c\x08__dict__\x94K\x02ub.',              # dunder names
    HEAD + b')\x81\x94}\x94(\x8c\x01a\x94K\x01u\x86\x94b.',                                       # a pair of what
    HEAD + b')\x81\x94N}\x94(\x8c\x01a\x94K\x01u\x86\x94b.',                                      # slots of a class without
    SLOTS + b')\x81\x94N}\x94(\x8c\x01a\x94K\x01\x8c\x01a\x94K\x02u\x86\x94b.',
    SLOTS + b')\x81\x94N}\x94(\x8c\x01z\x94K\x01u\x86\x94b.',
    SLOTS + b')\x81\x94N}\x94(K\x07K\x01u\x86\x94b.',
    SLOTS + b')\x81\x94N}\x94(\x8c\x01a\x94K\x01u\x86\x94bh\x05\x86.',                            # the pair, asked for
    SLOTS + b')\x81\x94K\x01}\x94(\x8c\x01a\x94K\x01u\x86\x94b.',
    SLOTS + b')\x81\x94}\x94(\x8c\x01a\x94K\x01ub.',                                              # no dict to fill
    SLOTS + b')\x81\x94}\x94}\x94(\x8c\x01a\x94K\x01u\x86\x94b.',
    SLOTS + b')\x81\x94N}\x94(\x8c\x01a\x94K\x01u\x86\x94bN}\x94(\x8c\x01a\x94K\x02u\x86\x94b.',
    HEAD + b'(o\x94}\x94(\x8c\x01a\x94K\x01ub.',
    b'(K\x05}\x94(\x8c\x01a\x94K\x01ub.',                                                         # under no plan
])
def test_by_hand(impl, data, monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'test_build', sys.modules[__name__])

    def look(value):
        if isinstance(value, tuple):
            return [look(item) for item in value]
        if isinstance(value, (Plain, Slots)):
            return seen(value), [getattr(value, name, None) for name in 'abc']
        return repr(value) if not isinstance(value, type) else issubclass(value, Exception)
    compare(impl, data, look)


@pytest.mark.skipif(implementations.PYPY, reason='objects end when the collector comes by')
def test_what_the_memo_keeps_alive(impl):
    """A function that drops its arguments: they end when the load does, for the memo has them."""
    objects = [instance(Plain, a=1, b=2), Drops(Mortal('one'), [Mortal('two')]), Drops(), instance(Plain, a=1, b=2),
               Drops({'k': Mortal('three')}), Drops((Mortal('four'), 1))]
    data = pickle.dumps(objects, 4)
    del objects
    gc.collect()
    for loads in pickle._loads, impl.loads, lambda data: impl.load(io.BytesIO(data)):
        _, events = outcome(loads, data)
        assert [what for what, _ in events] == ['dropped'] * 4 + ['ended'] * 4


@pytest.mark.skipif(implementations.PYPY, reason='objects end when the collector comes by')
def test_what_no_memo_keeps_alive(impl):
    """The same with only the PUTs that are needed: containers end at once, and what they held."""
    objects = [instance(Plain, a=1, b=2), Drops(Mortal('one'), [Mortal('two')]), Drops(), instance(Plain, a=1, b=2)]
    data = pickletools.optimize(pickle.dumps(objects, 4))
    del objects
    gc.collect()
    _, events = compare(impl, data, lambda value: len(value))
    assert ('ended', 'one') in events[:3]
    # And with a PUT for the list, but none for what is in it.
    data = b'\x80\x04]\x94(\x8c\x0atest_build\x94\x8c\x05Plain\x94\x93\x94)\x81\x94}\x94(\x8c\x01a\x94K\x01ubh\x01'
    data += b'\x8c\x04drop\x94\x93\x94(h\x01\x8c\x06Mortal\x94\x93\x94\x8c\x01m\x85R]\x94)h\x09t\x94Re.'
    import sys
    sys.modules['test_build'] = sys.modules[__name__]
    compare(impl, data, lambda value: repr(value)[:10])


def test_metaclass_and_mro(impl):
    class Meta(type):
        def mro(cls):
            return type.mro(cls)

    class Made(metaclass=Meta):
        pass

    class Base:
        def __setstate__(self, state):
            EVENTS.append(sorted(state))

    globals().update(Made=Made, Base=Base)
    Made.__qualname__, Base.__qualname__ = 'Made', 'Base'
    data = pickle.dumps([instance(Made, a=1, b=2), instance(Made, a=3, b=4)], 4)
    assert [obj.__dict__ for obj in impl.loads(data)] == [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]

    class Middle:
        pass

    class Sub(Middle):
        pass

    globals().update(Sub=Sub)
    Sub.__qualname__ = 'Sub'
    data = pickle.dumps([instance(Sub, a=1, b=2), instance(Sub, a=3, b=4)], 4)
    assert [obj.__dict__ for obj in impl.loads(data)] == [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]
    Sub.__bases__ = (Base, Middle)
    _, events = outcome(impl.loads, data)
    assert events == [['a', 'b']] * 2


@pytest.mark.parametrize('base', [list, dict, set, Exception, str, int])
def test_subclasses_of_builtins(impl, base):
    class Sub(base):
        pass

    Sub.__qualname__ = 'BuiltinSub'
    globals()['BuiltinSub'] = Sub
    objects = [Sub() for _ in range(3)]
    for number, obj in enumerate(objects):
        obj.a, obj.b = number, 'b'
    for protocol in 2, 4:
        data = pickle.dumps(objects, protocol)
        loaded = impl.loads(data)
        assert [obj.__dict__ for obj in loaded] == [obj.__dict__ for obj in objects]
        assert [type(obj) for obj in loaded] == [Sub] * 3
