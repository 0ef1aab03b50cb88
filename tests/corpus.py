# -*- coding: utf-8 -*-
"""Several hundred named objects of every kind that pickle knows, each made anew by its builder.

A case says what may be asked of it:
    protocols   those that can write it
    golden      False: the object's own type reduces differently from release to release (or is not everywhere), so that
                its bytes are compared with the running interpreter's only
    differs     (release, protocols): interpreters before this release write other bytes than the newest for these
                protocols; why is in `reason`
    since       the release whose level is needed to write it at all
    same        protocols in which what comes back has the same shape; False where none is promised

Strings and bytes are memoized by identity, so a builder never leaves it to the compiler whether two equal constants are
one object.
"""
import array
import collections
import datetime
import decimal
import fractions
import functools
import math
import operator
import random
import sys
import types
import uuid

import zoo
from implementations import ENGINE, PYPY, PYTHON, STDLIB

ALL = range(6)
CASES = collections.OrderedDict()

LAST_ITEM = 'up to 3.14 a last batch of one item is written between MARK and APPENDS or SETITEMS'
EMPTY_BATCH = 'up to 3.14 an empty batch follows an exact multiple of 1,000'
NESTED = 'up to 3.12 nested names below protocol 4 are written through getattr of each parent'
ONE_BYTE = 'up to 3.14 the bytes that a bytearray of one byte is made from below protocol 5 are an object of their own'
PRIVATE = 'up to 3.14 a private method is written under the name it has inside its class'


class Case(object):
    def __init__(self, name, build, protocols=ALL, golden=True, differs=None, reason=None, same=ALL, since=(3, 6)):
        self.name = name
        self.build = build
        self.protocols = protocols
        self.golden = golden
        self.differs = differs
        self.reason = reason
        self.same = same or ()
        self.since = since

    def __repr__(self):
        return self.name

    def few(self, protocols):
        """Those of the protocols that serve where the slow implementation in Python works through a large case."""
        chosen = [each for each in protocols if each in self.protocols]
        return chosen[-1:] if self.name.startswith(('frame_', 'memo_', 'list_of_3', 'strs_', 'records', 'tuples_many')) else chosen

    def newest_only(self, protocol, release=None):
        """True where this interpreter's own pickle writes other bytes than the newest."""
        release = release or sys.version_info[:2]
        return self.differs is not None and release < self.differs[0] and protocol in self.differs[1]


def add(name, build, **facts):
    assert name not in CASES, name
    CASES[name] = Case(name, build, **facts)


def case(**facts):
    def take(build):
        add(build.__name__, build, **facts)
        return build
    return take


def fresh(text):
    """An equal string that is an object of its own."""
    return (text + '!')[:-1]


# ---- atoms

for each in (None, True, False, NotImplemented, Ellipsis):
    add('atom_%s' % each, lambda each=each: each)

for each in (0.0, -0.0, 1.0, -1.5, 1e300, 5e-324, math.pi, 0.1, 123456789.0, 1e16, 1e22, float('inf'), float('-inf'), float('nan')):
    add('float_%r' % each, lambda each=each: each)
add('floats', lambda: [i / 7 for i in range(50)])

for each in (complex(1, -2), complex('nan'), -0j):
    add('complex_%r' % each, lambda each=each: each)


def around(power):
    edge = 1 << power
    return [sign * (edge + step) for sign in (1, -1) for step in (-1, 0, 1)]


for power in list(range(65)) + [127, 128, 255, 256, 511, 512, 1016, 1024, 2031, 2032, 2039, 2040, 4095, 4096]:
    add('int_2_power_%d' % power, lambda power=power: around(power))
for count in (1, 2, 3, 254, 255, 256, 257):
    add('int_of_%d_bytes' % count, lambda count=count: [(1 << 8 * count - 1) - 1, -(1 << 8 * count - 1),
                                                        1 << 8 * count - 2, (1 << 8 * count) - 1])
add('int_small', lambda: list(range(-300, 600)))
add('int_decimal_edges', lambda: [10 ** k + d for k in range(1, 40) for d in (-1, 0, 1)])

# ---- strings

LETTERS = [('ascii', 'a'), ('latin1', u'\xe9'), ('bmp', u'\u20ac'), ('astral', u'\U0001f600')]
for kind, letter in LETTERS:
    for length in (1, 2, 127, 128, 255, 256, 257, 65535, 65536, 65537):
        add('str_%s_%d' % (kind, length), lambda letter=letter, length=length: letter * length)
add('str_empty', lambda: '')
add('str_utf8_255', lambda: u'\xe9' * 127 + 'a')
add('str_utf8_256', lambda: u'\xe9' * 128)
add('str_mixed', lambda: u'a\xe9\u20ac\U0001f600' * 20)
add('str_surrogate_high', lambda: u'\ud800')
add('str_surrogate_low', lambda: u'\udcff')
add('str_surrogates', lambda: u'x\udc80y\ud83dz\ude00')
add('str_newlines', lambda: 'a\nb\r\nc\\d\\u0041\0e\x1af')
add('str_every_latin1', lambda: ''.join(map(chr, range(256))))
add('str_backslash_u', lambda: u'\\u20ac \\U0001f600 \\')
add('str_edges_of_planes', lambda: u'\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff')
add('str_quotes', lambda: '\'"\'')
add('strs_many', lambda: ['text %d' % i for i in range(700)])
add('strs_many_nonascii', lambda: [u't\xe9xt %d' % i for i in range(300)])

# ---- bytes

for length in (0, 1, 2, 255, 256, 257, 65535, 65536, 65537):
    add('bytes_%d' % length, lambda length=length: b'x' * length)
    add('bytes_high_%d' % length, lambda length=length: b'\xff' * length)
    add('bytearray_%d' % length, lambda length=length: bytearray(b'y' * length))
add('bytes_every', lambda: bytes(range(256)))
add('bytearray_every', lambda: bytearray(range(256)))
add('bytes_many', lambda: [b'%d' % i for i in range(300)])
add('bytes_shared', lambda: (lambda b: [b, b])(b'shared bytes'))
add('bytearrays_equal', lambda: [bytearray(b'0'), bytearray(b'0'), b'0', bytearray(), bytearray(), b''],
    differs=((3, 15), ALL[:5]), reason=ONE_BYTE)
add('bytes_equal', lambda: [bytes([i]) for i in (0, 65, 255, 0, 65, 255)] + [b'', b''])
add('bytearray_shared', lambda: (lambda b: [b, b])(bytearray(b'shared')))


def buffer_of(obj):
    maker = (ENGINE or PYTHON).PickleBuffer
    return maker(obj)


add('buffer_of_bytes', lambda: buffer_of(b'in band'), protocols=[5], same=False)
add('buffer_of_bytearray', lambda: buffer_of(bytearray(b'in band')), protocols=[5], same=False)
add('buffer_of_memoryview', lambda: buffer_of(memoryview(b'in band')[2:]), protocols=[5], same=False)
add('buffer_large', lambda: buffer_of(b'z' * 70000), protocols=[5], same=False)
add('buffer_large_writable', lambda: buffer_of(bytearray(70000)), protocols=[5], same=False)


@case(protocols=[5], same=False)
def buffer_shared():
    buffer = buffer_of(bytearray(b'in band'))
    return [buffer, buffer]


# ---- tuples

for length in range(6):
    add('tuple_%d' % length, lambda length=length: tuple(range(length)))
    add('tuple_%d_of_lists' % length, lambda length=length: tuple([i] for i in range(length)))
for length in (255, 256, 1000, 1001):
    add('tuple_%d' % length, lambda length=length: tuple(range(length)))
add('tuple_nested', lambda: functools.reduce(lambda inner, i: (i, inner), range(100), ()))
add('tuples_many', lambda: [(i, float(i), str(i)) for i in range(300)])
add('tuple_of_empties', lambda: ((), (), [], {}, ''))

# ---- containers: batches

CONTAINERS = [
    ('list', lambda n: list(range(n)), 'list'), ('mylist', lambda n: zoo.MyList(range(n)), 'mylist'),
    ('dict', lambda n: {i: -i for i in range(n)}, 'dict'),
    ('mydict', lambda n: zoo.MyDict((i, -i) for i in range(n)), 'mydict'),
    ('ordered', lambda n: collections.OrderedDict((i, -i) for i in range(n)), None),
    ('counter', lambda n: collections.Counter({i: i for i in range(n)}), 'dict'),
    ('default', lambda n: collections.defaultdict(int, ((i, i) for i in range(n))), None),
    ('set', lambda n: set(range(n)), 'set'), ('frozenset', lambda n: frozenset(range(n)), 'frozenset'),
    ('deque', lambda n: collections.deque(range(n)), None),
    ('reduced4', lambda n: with_items(zoo.Reduced4Append(), n), None),
]


def with_items(obj, n):
    obj.items.extend(range(n))
    return obj


def batch_facts(kind, size):
    """Which protocols write it otherwise before 3.15. Items out of an iterator never did."""
    exact = {'list': [1, 2, 3, 4, 5], 'dict': [1, 2, 3, 4, 5],
             'mylist': [1], 'mydict': [1],  # in protocols 0 and 1 the base type's value is an argument
             'set': [1, 2, 3], 'frozenset': [1, 2, 3]}.get(kind)  # below protocol 4 a list is
    if exact and size > 1000 and size % 1000 == 1:
        return dict(differs=((3, 15), exact), reason=LAST_ITEM)
    if size and size % 1000 == 0:
        if kind in ('dict', 'mydict'):
            return dict(differs=((3, 15), exact), reason=EMPTY_BATCH)
        if kind == 'set':
            return dict(differs=((3, 15), [4, 5]), reason=EMPTY_BATCH)
    return {}


for kind, build, family in CONTAINERS:
    for size in (0, 1, 2, 3, 255, 256, 999, 1000, 1001, 2000, 2001):
        add('%s_of_%d' % (kind, size), lambda build=build, size=size: build(size), **batch_facts(family, size))
add('list_of_3000_lists', lambda: [[i] for i in range(3000)])
add('list_of_1001_strs', lambda: ['s%d' % i for i in range(1001)], differs=((3, 15), ALL[1:]), reason=LAST_ITEM)
add('dict_of_strs', lambda: {'key%d' % i: 'value%d' % i for i in range(300)})
add('dict_mixed_keys', lambda: {1: 'one', 'two': 2, 3.5: None, (4, 5): [6], b'7': True, None: False})
add('dict_of_dicts', lambda: {i: {j: {} for j in range(3)} for i in range(20)})
add('list_of_empties', lambda: [[] for i in range(20)])
add('set_one_str', lambda: {'only'})
add('set_one_tuple', lambda: {(1, 2)})
add('frozenset_nested', lambda: frozenset([frozenset([frozenset()])]))
add('nested_list_100', lambda: functools.reduce(lambda inner, i: [inner], range(100), []))
add('nested_list_400', lambda: functools.reduce(lambda inner, i: [inner, i], range(120), []))
add('nested_dict_100', lambda: functools.reduce(lambda inner, i: {i: inner}, range(100), {}))
add('nested_mixed', lambda: functools.reduce(lambda inner, i: [{i: (inner, {i})}], range(40), None))
add('records', lambda: [{'id': i, 'name': 'name %d' % i, 'score': i / 3, 'tags': ['a%d' % i, 'b'], 'nested': {'x': i}}
                        for i in range(200)])

# ---- frames

for size in (65536 - 40, 65536 - 10, 65535, 65536, 65537, 65536 + 10, 131072, 200000):
    add('frame_strs_%d' % size, lambda size=size: ['%064d' % i for i in range(size // 66)])
    add('frame_one_bytes_%d' % size, lambda size=size: [b'q' * size])
    add('frame_between_%d' % size, lambda size=size: [1, 2, 'r' * size, 3, b's' * size, 4])
for size in range(65500, 65540, 3):
    add('frame_edge_%d' % size, lambda size=size: [bytes([65]) * (size - 30000), bytes([66]) * 30000, 'after', 7])
add('frame_floats', lambda: [i * 0.5 for i in range(8000)])
add('frame_ints', lambda: list(range(30000)))
add('frame_twice_large', lambda: (lambda b: [b, b, 'tail'])(b'u' * 70000))
add('frame_large_only', lambda: 'v' * 100000)
add('frame_large_bytearray', lambda: [bytearray(70000), 1])

# ---- the memo

add('memo_256_lists_again', lambda: (lambda a: [a, list(a)])([[] for i in range(254)]))
add('memo_300_lists_again', lambda: (lambda a: [a, list(reversed(a))])([[i] for i in range(300)]))
add('memo_300_strs_again', lambda: (lambda a: [a, list(reversed(a))])(['s%d' % i for i in range(300)]))
add('memo_300_tuples_again', lambda: (lambda a: [a, list(reversed(a))])([(i,) for i in range(300)]))
add('memo_300_instances_again', lambda: (lambda a: [a, list(a)])([zoo.Plain(i=i) for i in range(300)]))
add('memo_70000', lambda: (lambda a: [a, a[65530], a[65534], a[65540], a[-1]])(['%d' % i for i in range(70000)]), protocols=[2, 4],
    same=False)
add('shared_list', lambda: (lambda x: [x, x, [x]])([1]))
add('shared_dict', lambda: (lambda x: {'a': x, 'b': x})({}))
add('shared_tuple', lambda: (lambda x: [x, x, (x,)])((1, [2])))
add('shared_empty_tuple', lambda: [(), ()])
add('shared_set', lambda: (lambda x: [x, x])({1}))
add('shared_frozenset', lambda: (lambda x: [x, x])(frozenset([1])))
add('shared_str', lambda: (lambda x: [x, x, {x: x}])(fresh('shared str')))
add('equal_strs', lambda: [fresh('equal str'), fresh('equal str')])
add('shared_float', lambda: (lambda x: [x, x])(2.5))
add('shared_int', lambda: (lambda x: [x, x])(1 << 100))
add('shared_class', lambda: [zoo.Plain, zoo.Plain, zoo.Other])
add('shared_function', lambda: [zoo.function, zoo.function])
add('shared_instance', lambda: (lambda x: [x, x, zoo.Plain(x=x)])(zoo.Plain(a=1)))
add('shared_in_depth', lambda: functools.reduce(lambda x, i: [x, x], range(60), []))
add('shared_in_tuples', lambda: functools.reduce(lambda x, i: (x, x), range(60), ()) and functools.reduce(
    lambda x, i: (x, x), range(60), (1,)))
add('shared_record_keys', lambda: [{'alpha': i, 'beta': None} for i in range(50)])

# ---- recursion


@case()
def recursive_list():
    a = []
    a.append(a)
    return a


@case()
def recursive_dict():
    d = {}
    d['self'] = d
    return d


@case()
def recursive_list_dict_tuple():
    a = []
    a.append({'t': (a, [a])})
    return a


for length in (1, 2, 3, 4, 5):
    @functools.partial(add, 'recursive_tuple_%d' % length)
    def build(length=length):
        inner = []
        t = (inner,) * 1 + tuple(range(length - 1))
        inner.append(t)
        return t

    @functools.partial(add, 'recursive_inside_tuple_%d' % length)
    def build(length=length):
        inner = []
        t = tuple(range(length - 1)) + (inner,)
        inner.append(t)
        return inner


@case()
def recursive_tuple_twice():
    inner = []
    t = (inner, inner)
    inner.extend([t, t])
    return [t, inner]


@case()
def recursive_tuple_dict():
    d = {}
    t = (d,)
    d[1] = t
    return t


@case()
def recursive_tuple_in_tuple():
    a = []
    t = ((a,), 1)
    a.append(t)
    return t


@case()
def recursive_set():
    key = zoo.PlainKey(0)
    s = {key}
    key.s = s
    return s


@case()
def recursive_frozenset():
    key = zoo.PlainKey(0)
    s = frozenset([key])
    key.s = s
    return s


@case()
def recursive_frozenset_from_key():
    key = zoo.PlainKey(0)
    key.s = frozenset([key])
    return key


@case()
def recursive_set_from_key():
    key = zoo.PlainKey(0)
    key.s = {key}
    return key


@case()
def recursive_dict_key():
    key = zoo.PlainKey(0)
    d = {key: 1}
    key.d = d
    return d


@case()
def recursive_instance():
    x = zoo.Plain()
    x.me = x
    return x


@case()
def recursive_instance_pair():
    x, y = zoo.Plain(), zoo.Other()
    x.other, y.other = y, x
    return [x, y]


@case(protocols=ALL[2:])
def recursive_slots():
    x = zoo.Slots()
    x.a = x
    x.b = [x]
    return x


@case(protocols=ALL[2:])
def recursive_slots_and_dict():
    x = zoo.SlotsAndDict(1)
    x.a = x
    x.z = (x,)
    return x


# in protocols 0 and 1 the contents of a list or dict subclass are an argument, which a cycle cannot be
@case(protocols=ALL[2:])
def recursive_mylist():
    x = zoo.MyList()
    x.append(x)
    x.me = x
    return x


@case(protocols=ALL[2:])
def recursive_mydict():
    x = zoo.MyDict()
    x['me'] = x
    x.me = x
    return x


@case()
def recursive_myset_through_state():
    x = zoo.MySet([1])
    x.me = x
    return x


@case(protocols=ALL[2:])
def recursive_mytuple_through_state():
    x = zoo.MyTuple([1])
    x.me = x
    return x


@case(protocols=ALL[2:])
def recursive_mytuple_through_list():
    a = []
    x = zoo.MyTuple([a, 1])
    a.append(x)
    return a


@case()
def recursive_ordered():
    x = collections.OrderedDict()
    x['me'] = x
    return x


@case()
def recursive_deque():
    x = collections.deque()
    x.append(x)
    return x


@case()
def recursive_default():
    x = collections.defaultdict(list)
    x['me'].append(x)
    return x


@case()
def recursive_reduce_items():
    x = zoo.Reduced5Both()
    x.extra = x
    x.append(x)
    x['me'] = x
    return x


@case(since=(3, 8))
def recursive_reduce_setter():
    x = zoo.Reduced6()
    x.extra = [x]
    return x


@case()
def recursive_state():
    x = zoo.Stateful(None)
    x.held = (x, [x])
    return x


@case(protocols=ALL[2:])
def recursive_newargs():
    x = zoo.NewArgs(1)
    x.me = x
    return x


@case(protocols=ALL[2:])
def recursive_reduce_args():
    a = []
    x = zoo.NewArgs(a)
    a.append(x)
    return a


@case()
def recursive_exception():
    x = ValueError(1)
    x.me = x
    return x


# ---- instances

add('instance_empty', lambda: zoo.Empty())
add('instance_plain', lambda: zoo.Plain(a=1, b='two', c=[3]))
add('instances_many', lambda: [zoo.Plain(index=i, text='t%d' % i) for i in range(300)])
add('instances_of_two', lambda: [(zoo.Plain if i % 2 else zoo.Other)(n=i) for i in range(20)])
add('instance_odd_attributes', lambda: zoo.Plain(**{'with space': 1, u'\xe9': 2, '': 3, '__x': 4}))
add('instance_default', lambda: zoo.WithDefault())
add('instance_1001_attributes', lambda: zoo.Plain(**{'a%d' % i: i for i in range(1001)}),
    differs=((3, 15), ALL[1:]), reason=LAST_ITEM)
add('instance_1000_attributes', lambda: zoo.Plain(**{'a%d' % i: i for i in range(1000)}),
    differs=((3, 15), ALL[1:]), reason=EMPTY_BATCH)
add('instance_weak_slots', lambda: zoo.WeakSlots(7), protocols=ALL[2:])
add('instance_non_ascii_class', lambda: getattr(zoo, u'Num\xe9ro')(a=1), protocols=ALL[3:])
add('slots_none_set', lambda: zoo.Slots(), protocols=ALL[2:])
add('slots_one_set', lambda: zoo.Slots(1), protocols=ALL[2:])
add('slots_both', lambda: zoo.Slots(1, [2]), protocols=ALL[2:])
add('slots_many', lambda: [zoo.Slots(i, 'b%d' % i) for i in range(100)], protocols=ALL[2:])
add('slots_child', lambda: zoo.SlotsChild(1, 2, 3, 4), protocols=ALL[2:], golden=False)
add('slots_and_dict', lambda: zoo.SlotsAndDict(1, x=2), protocols=ALL[2:])
add('slots_and_empty_dict', lambda: zoo.SlotsAndDict(1), protocols=ALL[2:])
add('slots_below_dict', lambda: fill(zoo.DictBelowSlots(1, 2), more=3), protocols=ALL[2:])
add('slots_empty', lambda: zoo.SlotsWithoutAny(), protocols=ALL[2:])


def fill(obj, **values):
    for name, value in sorted(values.items()):
        setattr(obj, name, value)
    return obj


for label, state in [('dict', {'a': 1}), ('empty_dict', {}), ('tuple', (1, 2)), ('empty_tuple', ()), ('none', None),
                     ('zero', 0), ('one', 1), ('false', False), ('str', 'state'), ('list', [1]), ('empty_list', []),
                     ('pair', ({'a': 1}, {'b': 2})), ('pair_none', (None, {'b': 2})), ('bytes', b'state')]:
    # None is never written as a state, and in protocols 0 and 1 nothing that is false is: __setstate__ is not called
    kept = () if state is None else ALL if state else ALL[2:]
    add('state_%s' % label, lambda state=state: zoo.Stateful(state), same=kept)
add('state_by_default_dict', lambda: zoo.DictState(a=1))
add('state_by_default_empty', lambda: zoo.DictState())
add('state_pair_own', lambda: zoo.PairState(1, [2]))
add('state_slots_only', lambda: zoo.SlotState(1))
add('newargs', lambda: zoo.NewArgs(1, [2]), protocols=ALL[2:])
add('newargs_without_state', lambda: zoo.NewArgsNone('first', 'second'), protocols=ALL[2:])
add('newargs_ex', lambda: zoo.NewArgsEx(1, [2], key='word'), protocols=ALL[2:],
    differs=((3, 13), [2, 3]), reason=NESTED)
add('newargs_ex_args_only', lambda: zoo.NewArgsEx(1), protocols=ALL[2:])
add('newargs_ex_kwargs_only', lambda: zoo.NewArgsEx(a=1), protocols=ALL[2:],
    differs=((3, 13), [2, 3]), reason=NESTED)
add('newargs_ex_none', lambda: zoo.NewArgsEx(), protocols=ALL[2:])
add('reduced2', lambda: zoo.Reduced2(1, 'two', [3]))
add('reduced2_no_args', lambda: zoo.Reduced2())
add('reduced3', lambda: fill(zoo.Reduced3(1), extra=[1]))
add('reduced3_none', lambda: zoo.Reduced3None(1))
add('reduced4', lambda: reduced4())
add('reduced4_one', lambda: with_items(zoo.Reduced4Append(), 1))
add('reduced5', lambda: reduced5())
add('reduced5_both', lambda: reduced_all(zoo.Reduced5Both(1)))
add('reduced6', lambda: fill(zoo.Reduced6(1), extra=(1, 2)), since=(3, 8))
add('reduced6_none', lambda: zoo.Reduced6None(5), since=(3, 8))
add('reduced6_all', lambda: reduced_all(zoo.Reduced6All(1)), since=(3, 8))
add('reduced_by_protocol', lambda: zoo.ByProtocol(4))
add('reduced_string', lambda: zoo.SINGLE)
add('reduced_string_twice', lambda: [zoo.SINGLE, zoo.SINGLE])
add('reduced_string_dotted', lambda: zoo.Outer.SINGLE, differs=((3, 13), ALL[:4]), reason=NESTED)
add('registered', lambda: zoo.Registered(a=1, b=2))
add('registered_twice', lambda: [zoo.Registered(a=1), zoo.Registered(a=2)])
add('extension_1', lambda: zoo.ExtensionOne(a=1))
add('extension_2', lambda: zoo.ExtensionTwo(a=1))
add('extension_4', lambda: zoo.ExtensionFour(a=1))
add('extension_classes', lambda: [zoo.ExtensionOne, zoo.ExtensionTwo, zoo.ExtensionFour, zoo.ExtensionOne])
add('metaclass_class', lambda: zoo.Made)
add('metaclass_instance', lambda: zoo.Made())
# a type is looked up in the dispatch tables but never asked for its __reduce__
add('metaclass_reduce_ignored', lambda: zoo.Reducible)


def reduced4():
    x = zoo.Reduced4(1)
    x.extra = 'extra'
    list.extend(x, [1, [2], 'three'])
    return x


def reduced5():
    x = zoo.Reduced5(1)
    x.update({1: 2, 'three': [4]})
    return x


def reduced_all(x):
    x.extra = 'extra'
    x.extend([1, 2, 3])
    x['a'] = 1
    x['b'] = [2]
    return x


for label, build, low in [
        ('int', lambda: zoo.MyInt(7), 0), ('int_large', lambda: zoo.MyInt(1 << 90), 0), ('float', lambda: zoo.MyFloat(1.5), 0),
        ('complex', lambda: zoo.MyComplex(1, 2), 2), ('str', lambda: zoo.MyStr(u't\xe9xt'), 0),
        ('bytes', lambda: zoo.MyBytes(b'data'), 0), ('bytearray', lambda: zoo.MyByteArray(b'data'), 0),
        ('tuple', lambda: zoo.MyTuple([1, [2]]), 0), ('list', lambda: zoo.MyList([1, 2, 3]), 0),
        ('dict', lambda: zoo.MyDict(a=1, b=2), 0), ('set', lambda: zoo.MySet([1, 2]), 0),
        ('frozenset', lambda: zoo.MyFrozenSet([1, 2]), 0), ('ordered', lambda: zoo.MyOrdered([(1, 2)]), 0),
        ('deque', lambda: zoo.MyDeque([1, 2], 5), 0)]:
    golden = label not in ('bytearray', 'complex')
    add('sub_%s' % label, build, protocols=ALL[low:], golden=golden and label not in ('set', 'frozenset', 'deque'))
    add('sub_%s_with_state' % label, lambda build=build: fill(build(), extra=[1], more='text'), protocols=ALL[low:],
        golden=golden)
add('sub_list_slotted', lambda: fill(zoo.SlottedList([1, 2]), mark='m'), protocols=ALL[2:])
add('sub_list_newargs', lambda: with_list(zoo.ListAndNewArgs('start')), protocols=ALL[2:])


def with_list(x):
    x.extend([1, 2])
    return x


# ---- classes, functions, methods

for label, obj in [('object', object), ('int', int), ('range', range), ('Plain', zoo.Plain), ('type', type),
                   ('ValueError', ValueError), ('OSError', OSError), ('OrderedDict', collections.OrderedDict),
                   ('deque', collections.deque), ('datetime', datetime.datetime), ('Decimal', decimal.Decimal),
                   ('UserDict', collections.UserDict), ('BlockingIOError', BlockingIOError),
                   ('type_None', type(None)),
                   ('type_NotImplemented', type(NotImplemented)), ('type_Ellipsis', type(Ellipsis))]:
    add('class_%s' % label, lambda obj=obj: obj)
add('types_odd_together', lambda: [type(None), type(Ellipsis), type(NotImplemented), type(None)])
add('types_builtin_together', lambda: [int, str, list, dict, object, Exception])
add('class_named_in_unicode', lambda: getattr(zoo, u'Num\xe9ro'), protocols=ALL[3:])
add('function', lambda: zoo.function)
add('function_named_in_unicode', lambda: getattr(zoo, u'fonction_accentu\xe9e'), protocols=ALL[3:])
add('function_python2_reduce', lambda: functools.reduce)
add('function_builtin_len', lambda: len)
add('function_builtin_input', lambda: input)
add('function_math', lambda: math.sin, golden=False)
add('function_operator', lambda: operator.add)
add('method_bound', lambda: zoo.Outer(3).method)
add('method_bound_class', lambda: zoo.Outer.build)
add('method_static', lambda: zoo.Outer.helper, differs=((3, 13), ALL[:4]), reason=NESTED)
add('method_unbound', lambda: zoo.Outer.method, differs=((3, 13), ALL[:4]), reason=NESTED)
add('method_of_nested', lambda: zoo.Outer.Inner.work, differs=((3, 13), ALL[:4]), reason=NESTED)
add('method_builtin_append', lambda: [1].append)
add('method_builtin_join', lambda: ', '.join)
add('method_builtin_fromkeys', lambda: dict.fromkeys)
add('method_builtin_fromkeys_ordered', lambda: collections.OrderedDict.fromkeys)
add('method_builtin_unbound', lambda: list.append)
add('method_builtin_wrapper', lambda: [1].__len__, golden=False, same=False)
add('method_builtin_maketrans', lambda: str.maketrans, golden=False)
add('method_private', lambda: zoo.Outer(3).get_hidden(), differs=((3, 15), ALL), reason=PRIVATE, since=(3, 15))
add('method_private_class', lambda: zoo.Outer.get_quiet(), golden=False, since=(3, 15))
add('class_nested', lambda: zoo.Outer.Inner, differs=((3, 13), ALL[:4]), reason=NESTED)
add('class_nested_twice', lambda: [zoo.Outer.Inner, zoo.Outer.Inner.Innermost, zoo.Outer],
    differs=((3, 13), ALL[:4]), reason=NESTED)
add('class_nested_instance', lambda: zoo.Outer.Inner(a=1), differs=((3, 13), ALL[:4]), reason=NESTED)
add('class_nested_innermost_instance', lambda: zoo.Outer.Inner.Innermost(), differs=((3, 13), ALL[:4]), reason=NESTED)

# ---- the standard library, types whose reduce has always been the same

add('slice', lambda: slice(1, None, 'x'))
add('range', lambda: [range(5), range(1, 9, 2), range(0), range(10, 0, -1), range(1 << 70)])
add('ordered_dict', lambda: collections.OrderedDict([('b', 1), ('a', 2)]))
add('default_dict', lambda: collections.defaultdict(list, {'a': [1]}))
add('default_dict_without', lambda: collections.defaultdict(None, {1: 2}))
add('counter', lambda: collections.Counter('abca'))
add('deque', lambda: collections.deque([1, 2, 3]))
add('deque_bounded', lambda: collections.deque([1, 2, 3], maxlen=3))
add('deque_empty_bounded', lambda: collections.deque(maxlen=0))
add('namedtuple', lambda: zoo.Point(1, [2]))
add('namedtuples', lambda: [zoo.Point(i, 'p%d' % i) for i in range(50)])
add('date', lambda: datetime.date(2024, 2, 29))
add('time', lambda: [datetime.time(1, 2, 3), datetime.time(23, 59, 59, 999999), datetime.time(0)])
add('datetime', lambda: [datetime.datetime(2024, 2, 29, 12, 30, 15, 500), datetime.datetime.min, datetime.datetime.max])
add('datetime_fold', lambda: [datetime.datetime(2024, 1, 1, fold=1), datetime.time(1, fold=1)],
    same=() if PYPY else ALL)
add('datetime_utc', lambda: datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc))
add('datetimes_utc', lambda: [datetime.datetime(2024, 2, i + 1, tzinfo=datetime.timezone.utc) for i in range(20)])
add('timezone_named', lambda: datetime.timezone(datetime.timedelta(hours=-5), 'EST'))
add('timedelta', lambda: [datetime.timedelta(1, 2, 3), datetime.timedelta(-1), datetime.timedelta(0)])
add('decimal', lambda: [decimal.Decimal('1.50'), decimal.Decimal('NaN'), decimal.Decimal('-Infinity'), decimal.Decimal('1E+400')])
add('array_int', lambda: array.array('i', range(20)), golden=False)
add('array_double', lambda: array.array('d', [1.5, -2.5]), golden=False)
add('array_empty', lambda: array.array('b'), golden=False)
add('exception', lambda: ValueError('text', 3))
add('exception_without_args', lambda: KeyError())
add('exception_with_state', lambda: fill(RuntimeError('a'), note='b', code=[1]))
add('exception_own', lambda: zoo.Failure(1, 'two'))
add('exception_os', lambda: OSError(2, 'No such file'))
add('exception_os_filename', lambda: OSError(2, 'No such file', 'name'))
add('exception_decode', lambda: UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'invalid start byte'))
add('exception_stop', lambda: StopIteration(5))
add('python2_names', lambda: [range, map, zip, filter, functools.reduce, collections.UserList, Exception, str, bytes, int])

# ---- the standard library, types that reduce differently from release to release


def varies(name, build, python=(3, 6), **facts):
    if sys.version_info >= python:
        add(name, build, golden=False, **facts)


varies('enum', lambda: [zoo.Color.RED, zoo.Color.GREEN, zoo.Color.RED])
varies('enum_int', lambda: zoo.Number.TWO)
varies('enum_flags', lambda: [zoo.Flags.READ, zoo.Flags.READ | zoo.Flags.WRITE, zoo.Flags(0)])
varies('enum_int_flags', lambda: [zoo.IntFlags.READ | zoo.IntFlags.WRITE, zoo.IntFlags(8)])
varies('fraction', lambda: [fractions.Fraction(1, 3), fractions.Fraction(-7)])
varies('uuid', lambda: [uuid.UUID(int=5), uuid.UUID('12345678123456781234567812345678')])
varies('namespace', lambda: types.SimpleNamespace(a=1, b=[2]))
varies('partial', lambda: functools.partial(zoo.function, 1, key=2), same=False)
varies('random', lambda: random.Random(5), same=False)
varies('user_dict', lambda: collections.UserDict({1: 2}))
varies('user_list', lambda: collections.UserList([1, 2]))
varies('chain_map', lambda: collections.ChainMap({1: 2}, {3: 4}))
varies('operator_getters', lambda: [operator.itemgetter(1), operator.attrgetter('a.b'), operator.methodcaller('m', 1)],
       same=False)
varies('iterator_list', lambda: iter([1, 2, 3]), same=False)
varies('iterator_range', lambda: iter(range(3)), same=False)
varies('reversed_list', lambda: reversed([1, 2, 3]), same=False)
varies('exception_import', lambda: ImportError('text', name='n', path='p'))
varies('exception_syntax', lambda: SyntaxError('text', ('file', 1, 2, 'line')), same=False)
varies('decimal_context', lambda: decimal.Context(prec=5), same=False)
varies('data_class', lambda: [zoo.Record('a', 1), zoo.FrozenRecord('b')], python=(3, 7))
varies('generic_alias', lambda: list[int], python=(3, 9), same=False)
varies('union_type', lambda: int | None, python=(3, 10))
varies('exception_group', lambda: ExceptionGroup('eg', [ValueError(1)]), python=(3, 11))
varies('super_object', lambda: super(zoo.Other, zoo.Other(a=1)), python=(3, 14), same=False)
varies('frozendict', lambda: frozendict({'a': 1, 'b': [2]}), python=(3, 15), protocols=ALL[2:])  # noqa: F821


def select(golden=None, protocol=None):
    return [each for each in CASES.values()
            if (golden is None or each.golden == golden) and (protocol is None or protocol in each.protocols)]
