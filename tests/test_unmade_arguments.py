"""Calls whose arguments are not made (load_calls.c): whoever asks the memo for them gets them, and nothing else can tell."""
import collections
import datetime
import decimal
import io
import pickle
import pickletools
import random
import sys

import pytest

from implementations import ENGINE

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

Point = collections.namedtuple('Point', 'x y')
Five = collections.namedtuple('Five', 'a b c d e')
One = collections.namedtuple('One', 'x')
UTC = datetime.timezone.utc
ZONE = datetime.timezone(datetime.timedelta(hours=-3))
DAY = datetime.datetime(2020, 2, 29, 23, 59, 58, 7)
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
calls = []


class WithDict(Point):
    pass


class Plain(object):
    def __init__(self, *values):
        self.a, self.b = values

    def __repr__(self):
        return 'Plain(%r, %r)' % (self.a, self.b)


class Gets(object):
    """Seen by the pickle, and so by the load: its __setstate__ is foreign code."""

    def __init__(self, value):
        self.value = value

    def __setstate__(self, state):
        calls.append(repr(state))
        self.__dict__.update(state)

    def __repr__(self):
        return 'Gets(%r)' % (self.value,)


class OwnNew(Point):
    def __new__(cls, *args):
        calls.append(args)
        return tuple.__new__(cls, args)


class OwnDate(datetime.date):
    def __new__(cls, *args):
        calls.append(args)
        return datetime.date.__new__(cls, *args)


VALUES = [
    Point(1, [2]), Point('a', 'b'), One((1, 2)), Five(*'abcde'), Five([], {}, 1.5, None, b'x'), WithDict(1, 2), OwnNew(1, 2),
    Point(Point(1, 2), Five(1, One(2), 3, DAY, 5)), DAY, DAY.replace(fold=1), DAY.replace(tzinfo=UTC), DAY.replace(tzinfo=ZONE),
    DAY.date(), OwnDate(2020, 2, 3), DAY.time(), DAY.time().replace(fold=1), DAY.time().replace(tzinfo=UTC), UTC, ZONE,
    decimal.Decimal('1.50'), decimal.Decimal('-12E-7'), decimal.Decimal('NaN'), decimal.Decimal('-Infinity'), decimal.Decimal('7' * 120),
    datetime.timedelta(1, 2, 3), datetime.timedelta(-10 ** 9 + 1, 86399, 999999), datetime.timedelta(999999999), datetime.timedelta(300, 300, 300),
]
MIXED = [[value, value] for value in VALUES] + [
    [Point(n, 'p%d' % n) for n in range(40)], [DAY + datetime.timedelta(n, n, n) for n in range(40)],
    [DAY.replace(tzinfo=UTC, hour=n % 24) for n in range(40)], [datetime.timedelta(n, n, n) for n in range(300)],
    [DAY.replace(tzinfo=UTC), DAY.time().replace(tzinfo=UTC), DAY.replace(tzinfo=UTC, fold=1)],
    [decimal.Decimal(n) / 4 for n in range(40)], [decimal.Decimal(n) for n in (1, 2)] + [Point(decimal.Decimal(3), DAY)],
    [Plain(n, decimal.Decimal(n)) for n in range(5)], [Plain(n, 'flat') for n in range(5)] + [decimal.Decimal(n) for n in range(5)],
    [Plain(1, 2), decimal.Decimal(1), decimal.Decimal(2), Gets(3), decimal.Decimal(4), Gets(decimal.Decimal(5)), decimal.Decimal(6)],
    [Plain(n, Point(n, DAY)) for n in range(5)], [Plain(n, 'flat') for n in range(5)] + [Point(1, 2), DAY, Plain(1, 2)],
    [Plain(1, 2), Point(1, 2), Gets(3), DAY, Plain(3, 4), Gets(Point(5, 6)), Point(7, DAY.date())],
]


def body(value, protocol):
    """The opcodes that make a value, without a frame, and how many memo numbers they take."""
    data = ENGINE.dumps(value, protocol)[2:-1]
    if protocol >= 4 and data[:1] == b'\x95':
        data = data[9:]
    count = sum(opcode.name in ('MEMOIZE', 'BINPUT', 'LONG_BINPUT') for opcode, _, _ in pickletools.genops(data + b'.'))
    return data, count


def get(number):
    return b'j' + number.to_bytes(4, 'little') if number > 255 else b'h' + bytes([number])


def flat(value):
    """Everything in it, down to the atoms."""
    result = [value]
    if isinstance(value, (tuple, list)):
        for item in value:
            result += flat(item)
    return result


def looks(value):
    """What a value looks like, with what in it is the same object."""
    places = {}
    parts = [part for part in flat(value) if not isinstance(part, (int, str, float)) or isinstance(part, bool)]
    return repr(value), [places.setdefault(id(part), len(places)) for part in parts], [type(part).__name__ for part in parts]


def outcome(function):
    del calls[:]
    try:
        value = function()
    except Exception as error:
        return type(error), str(error).split(' (')[0], list(calls)
    return looks(value), list(calls)


def same(data):
    """As an Unpickler reads it, whose memo can be seen; and as the interpreter does, whose errors may have other texts."""
    expected = outcome(lambda: ENGINE.Unpickler(io.BytesIO(data)).load())
    for _ in range(2):
        assert outcome(lambda: ENGINE.loads(data)) == expected
        assert outcome(lambda: ENGINE.load(io.BytesIO(data))) == expected
    assert outcome(lambda: ENGINE.loads(bytearray(data))) == expected
    theirs = outcome(lambda: pickle.loads(data))
    if isinstance(expected[0], type):
        assert isinstance(theirs[0], type) and theirs[-1] == expected[-1]
    else:
        assert theirs == expected
    return expected


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('value', MIXED, ids=lambda value: type(value[0]).__name__)
def test_all_numbers_are_there(value, protocol):
    data, count = body(value, protocol)
    if count > 256 and protocol < 4:
        count = 256         # the others are far from where they are asked for here
    head = b'\x80' + bytes([protocol]) + b'('
    numbers = list(range(count))
    for order in (numbers, numbers[::-1]):
        same(head + data + b''.join(get(number) * 2 for number in order) + b't.' + b' ' * 3000)     # so that the collector is held
    for number in numbers:
        same(head + data + get(number) + b't.')


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('value', MIXED, ids=lambda value: type(value[0]).__name__)
def test_numbers_that_are_given_again(value, protocol):
    data, count = body(value, protocol)
    head = b'\x80' + bytes([protocol]) + b'('
    for number in range(min(count, 60)):
        put = b'X\x05\x00\x00\x00otherq' + bytes([number])
        rest = b''.join(get(other) for other in range(min(count, 60)))
        same(head + data + put + rest + b't.')
        same(head + data + put + get(number) + b't.')


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_numbers_with_gaps(protocol):
    """A number that was never given is not there, whatever comes after it."""
    cls = b'c' + __name__.encode() + b'\nPoint\n'
    head = b'\x80' + bytes([protocol])
    point = b'K\x01K\x02\x86q%s\x81q%s'
    for first, second in ((5, 6), (5, 7), (0, 1), (0, 2), (1, 0), (0, 0)):
        for asked in range(8):
            same(head + b'(' + cls + point % (bytes([first]), bytes([second])) + get(asked) + b't.')
            same(head + b'(' + cls + b'q\x00K\x01K\x02\x86q\x01\x81q\x02' + cls + point % (bytes([first + 3]), bytes([second + 3]))
                 + get(asked) + b't.')


def test_memo_that_can_be_seen():
    for value in MIXED:
        for protocol in PROTOCOLS:
            data = ENGINE.dumps(value, protocol)
            memos = []
            for module in (pickle, ENGINE):
                reader = module.Unpickler(io.BytesIO(data))
                reader.load()
                memos.append(reader.memo.copy())
            assert sorted(memos[0]) == sorted(memos[1])
            assert looks([memos[0][n] for n in sorted(memos[0])]) == looks([memos[1][n] for n in sorted(memos[1])])


class Finder(ENGINE.Unpickler if ENGINE is not None else object):
    def find_class(self, module, name):
        calls.append(name)
        if name == 'Point':
            return lambda *args: args
        if name == 'date':
            return OwnDate
        return super().find_class(module, name)


def test_find_class_is_asked():
    del calls[:]
    assert Finder(io.BytesIO(ENGINE.dumps([DAY.date(), DAY.date()], 4))).load() == [DAY.date()] * 2
    assert calls == ['date'] + [(b'\x07\xe4\x02\x1d',)] * 2
    with pytest.raises(pickle.UnpicklingError, match='NEWOBJ class argument must be a type, not function'):
        Finder(io.BytesIO(ENGINE.dumps(Point(1, 2), 4))).load()


def test_hooks_while_it_is_read():
    """What a __setstate__ sees in the middle; and the arguments that were asked for stay the same ones."""
    cls = b'c' + __name__.encode() + b'\nPoint\n'
    gets = b'c' + __name__.encode() + b'\nGets\n'
    for asked in range(3):
        same(b'\x80\x02(' + cls + b'q\x00K\x01]\x86q\x01\x81q\x02' + gets + b')\x81}X\x05\x00\x00\x00value' + get(asked) + b'sb'
             + get(asked) + get(1) + b't.')


BAD = [
    (b'cdatetime\ndatetime\n', b'C\n' + b'\x07\xe4\x0d' + b'\x01' * 7 + b'%s\x85%sR%s'),
    (b'cdatetime\ndatetime\n', b'C\n' + b'\x07\xe4\x02\x1e' + b'\x00' * 6 + b'%s\x85%sR%s'),
    (b'cdatetime\ndatetime\n', b'C\n' + b'\x00\x00\x02\x01' + b'\x00' * 6 + b'%s\x85%sR%s'),
    (b'cdatetime\ndatetime\n', b'C\n' + b'\x07\xe4\x02\x01\x19' + b'\x00' * 5 + b'%s\x85%sR%s'),
    (b'cdatetime\ndatetime\n', b'C\x06' + b'\x01' * 6 + b'%s\x85%sR%s'),
    (b'cdatetime\ndate\n', b'C\x04\x07\xe4\x82\x01' + b'%s\x85%sR%s'),
    (b'cdatetime\ndate\n', b'C\x04\x07\xe4\x02\x1e' + b'%s\x85%sR%s'),
    (b'cdatetime\ntime\n', b'C\x06\x18\x00\x00\x00\x00\x00' + b'%s\x85%sR%s'),
    (b'cdatetime\ntime\n', b'C\x06\x01\x00\x00\xff\xff\xff' + b'%s\x85%sR%s'),
    (b'cdatetime\ntimedelta\n', b'J\x00\x00\x00\x80K\x01K\x01\x87%sR%s'),
    (b'cdatetime\ntimedelta\n', b'K\x01J\xff\xff\xff\xffM\xff\xff\x87%sR%s'),
    (b'cdatetime\ntimedelta\n', b'K\x01J\x00\x52\x01\x00K\x01\x87%sR%s'),
    (b'cdatetime\ntimedelta\n', b'NK\x01K\x01\x87%sR%s'),
    (b'cdatetime\ntimedelta\n', b'G?\xf8\x00\x00\x00\x00\x00\x00K\x01K\x01\x87%sR%s'),
    (b'cdecimal\nDecimal\n', b'X\x02\x00\x00\x001x%s\x85%sR%s'), (b'cdecimal\nDecimal\n', b'X\x00\x00\x00\x00%s\x85%sR%s'),
    (b'cdecimal\nDecimal\n', b'X\x03\x00\x00\x0015E%s\x85%sR%s'), (b'cdecimal\nDecimal\n', b'X\x03\x00\x00\x001.5\x85%sR%s'),
    (b'cdecimal\nDecimal\n(', b'X\x03\x00\x00\x001.5%s\x85%sR%s'), (b'cdecimal\nDecimal\n', b'X\x03\x00\x00\x001.5%s\x85%s\x81%s'),
    (b'cdecimal\nDecimal\n', b']%s\x85%sR%s'), (b'cdecimal\nDecimal\n', b'G?\xf8\x00\x00\x00\x00\x00\x00\x85%sR%s'),
    (b'c%(name)s\nPoint\n', b'K\x01\x85%s\x81%s'), (b'c%(name)s\nPoint\n', b'K\x01K\x01K\x01\x87%s\x81%s'),
    (b'c%(name)s\nFive\n', b'(K\x01K\x01K\x01t%s\x81%s'), (b'c%(name)s\nPoint\n', b'K\x01K\x01\x86%sR%s'),
    (b'c%(name)s\nPoint\n(', b'K\x01K\x01\x86%s\x81%s'), (b'c%(name)s\nPoint\n', b'(K\x01K\x01\x86%s\x81%s'),
    (b'', b'K\x01K\x01\x86%s\x81%s'), (b'', b'(K\x01K\x01t%s\x81%s'), (b'N', b'(K\x01K\x01t%s\x81%s'), (b'', b'(K\x01K\x01t%sR%s'),
]


@pytest.mark.parametrize('place', range(len(BAD)))
@pytest.mark.parametrize('protocol', [2, 4])
def test_what_is_not_as_expected(place, protocol):
    """Values and errors are those of the call; and so is the place where it happened."""
    cls, rest = BAD[place]
    puts = tuple(b'\x94' if protocol == 4 else b'q' + bytes([n]) for n in range(rest.count(b'%s')))
    data = b'\x80' + bytes([protocol]) + cls.replace(b'%(name)s', __name__.encode()) + rest % puts + b'.' + b' ' * 20
    expected = same(data)
    if not isinstance(expected[0], type):
        return
    with pytest.raises(expected[0]) as caught:
        ENGINE.loads(data)
    where = str(caught.value) + ' '.join(getattr(caught.value, '__notes__', ()))
    opcode = 'REDUCE' if b'R%s' in rest else 'NEWOBJ'
    if sys.version_info >= (3, 11) or ' (' in where:
        assert '%s at byte %d' % (opcode, data.rindex(b'.' + b' ' * 20) - len(puts[-1]) - 1) in where


TEXTS = ['0', '-0', '+0', '00.10', '.5', '5.', '.', '-', '', 'E5', '1E5', '1e5', '1E+5', '1E-5', '1E', '1E+', '1E5 ', ' 1', '1\n', '1_0', '--1', '1.2.3',
         '1E+99999999', '1E-99999999', '1E+999999999', '1E+999999999999999999999', '1E-999999999999999999999', '1.5E1.5', '1E--5', 'NaN', 'sNaN7',
         'inf', '-Infinity', u'\u0661', u'1\u0662', '1\x00', '9' * 100, '9' * 101, '0.' + '0' * 60 + '1', '1EE5', '1E5E']


@pytest.mark.parametrize('protocol', [2, 4])
def test_texts_of_decimals(protocol):
    """What is no number is for Decimal to say; and what the context counts of it."""
    put = (lambda n: b'\x94') if protocol == 4 else (lambda n: b'q' + bytes([n]))
    start = b'\x80' + bytes([protocol]) + b'(cdecimal\nDecimal\n' + put(0) + b'X\x01\x00\x00\x001' + put(1) + b'\x85' + put(2) + b'R' + put(3)
    for text in TEXTS:
        data = text.encode()
        call = b'h\x00X' + len(data).to_bytes(4, 'little') + data + put(4) + b'\x85' + put(5) + b'R' + put(6)
        for rest in (b'', b'h\x05h\x04', b'h\x02h\x05h\x02'):
            whole = start + call + rest + b't.'
            whole += b' ' * 3000        # up to 3.11 the collector is held only for what is worth it
            for traps in (None, [], [decimal.InvalidOperation, decimal.Inexact, decimal.Subnormal, decimal.Clamped]):
                with decimal.localcontext(decimal.Context(prec=3, Emax=5, Emin=-5, traps=traps)) as context:
                    same(whole)
                    flags = []
                    for loads in (pickle.loads, ENGINE.loads):
                        context.clear_flags()
                        outcome(lambda: loads(whole))
                        flags.append([name for name, flag in context.flags.items() if flag])
                    assert flags[0] == flags[1]


def test_texts_without_a_number():
    """The text of a Decimal need not have one, nor be new."""
    one = b'cdecimal\nDecimal\n\x94\x8c\x031.5\x94\x85\x94R\x94'
    for text in (b'\x8c\x0412.5', b'h\x01', b'h\x01\x94', b'\x8c\x0412.5\x942'):
        for asked in range(8):
            same(b'\x80\x04(' + one + b'h\x00' + text + b'\x85\x94R\x94' + get(asked) + b't.' + b' ' * 3000)


def test_decimals_of_a_new_thread():
    import threading
    data = ENGINE.dumps([decimal.Decimal(n) for n in range(2000)], 4)
    results = []
    thread = threading.Thread(target=lambda: results.append(ENGINE.loads(data)))
    thread.start()
    thread.join()
    assert results == [[decimal.Decimal(n) for n in range(2000)]]


def change():
    global Changing
    Changing.__new__ = lambda cls, *args: calls.append(args) or tuple.__new__(cls, args)
    return 'changed'


def change_code():
    Changing.__new__.__code__ = (lambda _cls, x, y: (x, y, 'other')).__code__
    return 'changed'


@pytest.mark.parametrize('size', [1, 300])
@pytest.mark.parametrize('how', [change, change_code], ids=lambda how: how.__name__)
def test_a_class_that_changes_meanwhile(how, size):
    global Changing
    name = __name__.encode()
    point = b'c' + name + b'\nChanging\nK\x01K\x02\x86\x94\x81\x94'
    data = b'\x80\x04(' + point * size + b'c' + name + b'\n' + how.__name__.encode() + b'\n)R' + point * size + b't.'
    results = []
    for loads in (pickle.loads, ENGINE.loads, lambda data: ENGINE.load(io.BytesIO(data))):
        Changing = collections.namedtuple('Changing', 'x y')
        results.append(outcome(lambda: loads(data)))
    assert results[0] == results[1] == results[2]
    assert results[0][1] != [] or 'other' in results[0][0][0]


class Changer(io.BytesIO):
    """The class changes while the file is asked for more."""

    def readinto(self, buffer):
        if self.tell() >= self.at:
            change()
        return super().readinto(buffer)

    def read(self, size=-1):
        if self.tell() >= self.at:
            change()
        return super().read(size)

    def peek(self, size):
        raise NotImplementedError


def test_a_class_that_changes_while_it_is_read():
    global Changing
    Changing = collections.namedtuple('Changing', 'x y')
    one = b'c' + __name__.encode() + b'\nChanging\n\x94' + b'h\x00K\x01K\x02\x86\x94\x81\x94' * 400
    frames = [one, b'h\x00K\x03K\x04\x86\x94\x81\x94' * 100 + b't.']
    data = b'\x80\x04(' + b''.join(b'\x95' + len(frame).to_bytes(8, 'little') + frame for frame in frames)
    file = Changer(data)
    file.at = len(one)
    del calls[:]
    assert ENGINE.load(file)[1:] == ((1, 2),) * 400 + ((3, 4),) * 100
    assert calls == [(3, 4)] * 100


class Meta(type):
    def __getattribute__(cls, name):
        calls.append(name)
        return type.__getattribute__(cls, name)


def test_other_classes():
    global Odd
    for make in (lambda: Meta('Odd', (Point,), {'__slots__': ()}), lambda: type('Odd', (Point,), {'__init__': lambda *args: calls.append(args)}),
                 lambda: type('Odd', (list,), {'__new__': Point.__new__}), lambda: type('Odd', (datetime.timedelta,), {}),
                 lambda: type('Odd', (datetime.datetime,), {'__new__': lambda cls, *args: calls.append(args)}), lambda: print):
        Odd = make()
        try:
            Odd.__module__ = __name__
        except (AttributeError, TypeError):
            pass
        head = b'\x80\x04c' + __name__.encode() + b'\nOdd\n\x94'
        for rest in (b'K\x01K\x02\x86\x94\x81\x94', b'K\x01K\x02K\x03\x87\x94R\x94', b'K\x01K\x02\x86\x94R\x94',
                     b'C\n\x07\xe4\x02\x01\x00\x00\x00\x00\x00\x00\x94\x85\x94R\x94', b'C\x04\x07\xe4\x02\x01\x94\x85\x94R\x94'):
            same(head + rest + b'.' + b' ' * 20)


@pytest.mark.parametrize('protocol', [2, 4])
def test_a_tzinfo_that_is_none(protocol):
    """From the memo, in the place of a tzinfo: it is one of the arguments then, and date takes no second one."""
    ENGINE.loads(ENGINE.dumps([DAY, DAY.date(), DAY.time()], 4))
    for name, packed in ((b'datetime', b'C\n\x07\xe4\x02\x01' + b'\0' * 6), (b'date', b'C\x04\x07\xe4\x02\x01'), (b'time', b'C\x06' + b'\0' * 6)):
        for asked in range(1, 6):
            put = (lambda number: b'\x94') if protocol == 4 else lambda number: b'q' + bytes([number])
            same(b'\x80' + bytes([protocol]) + b'(N' + put(0) + b'cdatetime\n' + name + b'\n' + put(1) + packed + put(2) + b'h\x00\x86' + put(3)
                 + b'R' + put(4) + get(asked) * 2 + b't.' + b' ' * 20)


def test_they_hash_and_are_tracked():
    import gc
    value = ENGINE.loads(ENGINE.dumps([Point(1, 2), WithDict(3, 4), DAY, datetime.timedelta(3)], 4))
    assert [hash(item) for item in value] == [hash(item) for item in (Point(1, 2), Point(3, 4), DAY, datetime.timedelta(3))]
    assert gc.is_tracked(value[0]) and gc.is_tracked(value[1])
    value[1].more = 5
    assert vars(value[1]) == {'more': 5} and value[1] == (3, 4)
    number = ENGINE.loads(ENGINE.dumps([decimal.Decimal(n) for n in range(2000)], 4))[-1]
    assert gc.is_tracked(number) == gc.is_tracked(decimal.Decimal('1999')) and hash(number) == 1999


def test_by_chance():
    rng = random.Random(11)
    for _ in range(300):
        pool = []
        for _ in range(rng.randrange(1, 40)):
            kind = rng.randrange(9)
            old = rng.choice(pool) if pool else None
            pool.append(DAY + datetime.timedelta(rng.randrange(1000)) if kind == 0 else Point(old, 'x' * rng.randrange(3)) if kind == 1
                        else Five(old, *rng.sample(range(300), 4)) if kind == 2 else Plain(old, 1) if kind == 3
                        else Plain(3, 'y') if kind == 4 and rng.random() < .5 else decimal.Decimal(rng.randrange(9999)) / 8 if kind == 4 else DAY.replace(tzinfo=rng.choice([UTC, ZONE])) if kind == 5
                        else datetime.timedelta(0, rng.randrange(400)) if kind == 6 else Gets(old) if kind == 7 and rng.random() < .2
                        else [old, 'a', b'abcdef'])
        protocol = rng.choice(list(PROTOCOLS))
        data, count = body(pool, protocol)
        asked = b''.join(get(rng.randrange(count)) for _ in range(rng.randrange(count + 1)))
        try:
            same(b'\x80' + bytes([protocol]) + b'(' + data + asked + b't.' + b' ' * rng.choice([0, 3000]))
        except RecursionError:
            pass
