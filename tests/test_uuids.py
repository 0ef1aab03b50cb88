"""UUIDs are written and read without their Python code (uuids.c): the bytes, the objects and all that can be seen are the same."""
import gc
import io
import pickle
import random
import sys
import uuid
import weakref

import pytest

from implementations import ENGINE

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

#: From 3.8 on a UUID has slots, and before there is nothing to be done without.
KNOWN = sys.version_info >= (3, 8)
ONE = uuid.UUID(int=0x12345678123456781234567812345678)
calls = []


class Own(uuid.UUID):
    __slots__ = ()


class WithDict(uuid.UUID):
    pass


class WithState(uuid.UUID):
    def __getstate__(self):
        calls.append('get')
        return super().__getstate__()

    def __setstate__(self, state):
        calls.append('set')
        super().__setstate__(state)


def make(cls=uuid.UUID, **slots):
    """With these slots, whatever they are."""
    value = cls.__new__(cls)
    for name, item in slots.items():
        object.__setattr__(value, name, item)
    return value


def look(value):
    if isinstance(value, uuid.UUID):
        return (type(value),) + tuple(repr(getattr(value, name, 'missing')) for name in ('int', 'is_safe'))
    return [look(item) for item in value] if isinstance(value, (list, tuple)) else repr(value)


def general(value, protocol):
    """What the engine writes where it asks every object."""
    file = io.BytesIO()

    class Asks(ENGINE.Pickler):
        def reducer_override(self, obj):
            return NotImplemented

    Asks(file, protocol).dump(value)
    return file.getvalue()


def outcome(function, *args):
    del calls[:]
    try:
        value = function(*args)
    except Exception as error:
        return type(error), str(error).split(' (BUILD')[0], list(calls)
    return value if isinstance(value, bytes) else look(value), list(calls)


def same(value):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        expected = outcome(general, value, protocol)
        for _ in range(2):
            assert outcome(ENGINE.dumps, value, protocol) == expected
        if isinstance(expected[0], bytes):
            same_load(expected[0])


def same_load(data):
    expected = outcome(pickle.loads, data)
    for loads in (ENGINE.loads, lambda data: ENGINE.load(io.BytesIO(data)), lambda data: ENGINE.Unpickler(io.BytesIO(data)).load()):
        for _ in range(2):
            assert outcome(loads, data) == expected
    return expected


def python_calls(function, *args):
    names = []
    sys.setprofile(lambda frame, event, arg: names.append(frame.f_code.co_name) if event == 'call' else None)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return names


def test_no_python_code_runs():
    values = [uuid.UUID(int=number * 7919 << 90) for number in range(50)]
    data = ENGINE.dumps(values, 4)
    assert ENGINE.loads(data) == values
    assert python_calls(ENGINE.dumps, values, 4).count('__getstate__') <= (1 if KNOWN else 50)
    assert python_calls(ENGINE.loads, data).count('__setstate__') <= (0 if KNOWN else 50)


@pytest.mark.parametrize('values', [
    [ONE], [ONE, ONE], [ONE, uuid.UUID(int=1), ONE], [uuid.UUID(int=0), uuid.UUID(int=2 ** 128 - 1), uuid.UUID(int=255)],
    [{'int': 5}, ONE, {'int': 6}, uuid.UUID(int=3)], ['int', ONE, uuid.UUID(int=3), 'int'],
    [ONE, Own(int=3), Own(int=4), WithDict(int=5), WithDict(int=6), WithState(int=7), WithState(int=8)],
    [(ONE, [uuid.UUID(int=9)]) * 2, {ONE: uuid.UUID(int=9)}],
], ids=range(8))
def test_values(values):
    same(values)
    if sys.version_info >= (3, 15):
        assert ENGINE.dumps(values, 5) == pickle.dumps(values, 5)


@pytest.mark.skipif(not KNOWN, reason='slots came with 3.8')
@pytest.mark.parametrize('value', [
    make(), make(int=3), make(is_safe=uuid.SafeUUID.unknown) if KNOWN else 0, make(int=3, is_safe=uuid.SafeUUID.safe) if KNOWN else 0,
    make(int=3, is_safe=None), make(int='text', is_safe=uuid.SafeUUID.unknown) if KNOWN else 0,
    make(int=True, is_safe=uuid.SafeUUID.unknown) if KNOWN else 0, make(int=-1, is_safe=uuid.SafeUUID.unknown) if KNOWN else 0,
    make(int=1 << 5000, is_safe=uuid.SafeUUID.unknown) if KNOWN else 0, make(int=1 << 179, is_safe=uuid.SafeUUID.unknown) if KNOWN else 0,
    make(int=[], is_safe=uuid.SafeUUID.unknown) if KNOWN else 0,
], ids=range(11))
def test_odd_slots(value):
    same([ONE, value, ONE, value])


def test_frames_end_where_they_must():
    rng = random.Random(3)
    for count in (1400, 4000):
        values = [uuid.UUID(int=rng.getrandbits(rng.choice([8, 100, 128]))) for _ in range(count)]
        for shift in range(8):
            data = ['x' * shift * 7, values]
            assert ENGINE.dumps(data, 4) == general(data, 4)
            file = io.BytesIO()
            ENGINE.dump(data, file, 4)
            assert file.getvalue() == general(data, 4)


HEAD = b'\x80\x04cuuid\nUUID\n\x94)\x81\x94'
INT = b'X\x03\x00\x00\x00int'
SAFE = b'X\x07\x00\x00\x00is_safe'


@pytest.mark.parametrize('rest', [
    b'}' + INT + b'K\x05sb', b'}\x94' + INT + b'\x94K\x05sb', b'}b', b'}' + SAFE + b'K\x00sb', b'}(' + INT + b'K\x05' + SAFE + b'K\x00ub',
    b'}(' + INT + b'K\x05' + SAFE + b'Nub', b'}(' + INT + b'K\x05' + SAFE + b'K\x09ub', b'}(' + INT + b'K\x05X\x03\x00\x00\x00abcK\x00ub',
    b'}K\x01K\x02sb', b'Nb', b']b', INT + b'b', b'}' + INT + b']sb', b'ccollections\nOrderedDict\n)R' + INT + b'K\x05sb',
    b'}' + INT + b'K\x05sb}' + INT + b'K\x06sb', b'}(' + INT + b'K\x05' + SAFE + b'K\x00ub}' + INT + b'K\x06sb',
    b'N}' + INT + b'K\x05s\x86b', b'}X\x03\x00\x00\x00intI5\nsb', b'}cbuiltins\nint\nK\x05sb',
], ids=range(19))
def test_states(rest):
    same_load(HEAD + rest + b'.')
    same_load(b'\x80\x04(' + (HEAD[2:] + rest) * 3 + b't.')


@pytest.fixture
def restored():
    """The module as it was, afterwards."""
    kept = dict(vars(uuid))
    functions = {name: (function, function.__code__) for name, function in vars(uuid.UUID).items()
                 if name in ('__getstate__', '__setstate__')}
    yield functions
    for name in set(vars(uuid)) - set(kept):
        delattr(uuid, name)
    for name, value in kept.items():
        setattr(uuid, name, value)
    for name, (function, code) in functions.items():
        function.__code__ = code
        setattr(uuid.UUID, name, function)


def test_what_changes_counts_at_once(restored):
    if not KNOWN:
        return
    two = [ONE, uuid.UUID(int=77)]
    data = ENGINE.dumps(two, 4)

    def again():
        same(two)
        return same_load(data)

    again()
    uuid.object = type('object', (), {'__setattr__': lambda self, name, value: calls.append(name)})
    assert again()[1] == ['int', 'is_safe'] * 2
    del uuid.object
    again()
    safe = uuid.SafeUUID
    uuid.SafeUUID = type('SafeUUID', (), {'unknown': 'other'})
    same_load(data)
    for value in two:
        assert pickle.loads(ENGINE.dumps(make(int=5, is_safe='other'), 4)).int == 5
    uuid.SafeUUID = safe
    again()
    type.__setattr__(safe, 'unknown', safe.safe)
    try:
        again()
    finally:
        type.__setattr__(safe, 'unknown', two[0].is_safe)
    again()
    get, put = restored['__getstate__'][0], restored['__setstate__'][0]
    get.__code__ = (lambda self: {'int': 4}).__code__
    put.__code__ = (lambda self, state: calls.append(repr(state))).__code__ if False else (lambda self, state: None).__code__
    assert again()[0][0][1] == "'missing'"
    get.__code__, put.__code__ = restored['__getstate__'][1], restored['__setstate__'][1]
    again()
    uuid.UUID.__getstate__ = lambda self: calls.append('get') or {'int': 3}
    uuid.UUID.__setstate__ = lambda self, state: calls.append('set')
    assert again()[1] == ['set', 'set']


def test_code_that_looks_alike():
    """The same code with other names or constants is not taken for UUID's."""
    global UUID, SafeUUID
    if not KNOWN:
        return
    SafeUUID = uuid.SafeUUID
    source = """
class UUID:
    __slots__ = ('int', 'is_safe', 'other')
    def __getstate__(self):
        d = {'%s': self.int}
        if self.is_safe != SafeUUID.unknown:
            d['is_safe'] = self.is_safe.value
        return d
    def __setstate__(self, state):
        object.__setattr__(self, '%s', state['%s'])
        object.__setattr__(self, 'is_safe',
                           SafeUUID(state['is_safe'])
                           if 'is_safe' in state else SafeUUID.unknown)
"""
    for names in (('int', 'int', 'int'), ('other', 'int', 'other'), ('int', 'other', 'int'), ('other', 'other', 'other')):
        space = {'__name__': __name__, 'SafeUUID': uuid.SafeUUID}
        exec(source % names, space)
        UUID = space['UUID']
        values = [make(UUID, int=number, is_safe=uuid.SafeUUID.unknown) for number in range(5)]
        for protocol in (2, 4):
            data = ENGINE.dumps(values, protocol)
            assert data == general(values, protocol)
            for loads in (pickle.loads, ENGINE.loads):
                slots = [[getattr(value, name, None) for name in UUID.__slots__] for value in loads(data)]
                assert slots == [[getattr(value, name, None) for name in UUID.__slots__] for value in pickle.loads(data)]


def test_code_that_is_watched():
    """The code that was looked at last is let go of, and whoever watches it takes away the function that is looked at now."""
    global UUID
    source = 'class UUID:\n    def __setstate__(self, state):\n        self.got = state, %d\n'
    data = b'\x80\x02c' + __name__.encode() + b'\nUUID\n)\x81}X\x01\x00\x00\x00aK\x05sb.'
    watched = []

    def make_class(number):
        space = {'__name__': __name__}
        exec(source % number, space)
        return space['UUID']

    def take_away(_):
        watched.clear()
        del UUID.__setstate__

    UUID = make_class(0)
    assert vars(ENGINE.loads(data)) == {'got': ({'a': 5}, 0)}
    watched.append(weakref.ref(UUID.__setstate__.__code__, take_away))
    UUID = None
    gc.collect()
    UUID = make_class(1)
    found = vars(ENGINE.loads(data))
    assert found == {'a': 5} if watched == [] else found == {'got': ({'a': 5}, 1)}
