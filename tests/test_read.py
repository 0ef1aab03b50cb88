# -*- coding: utf-8 -*-
"""Reading: every opcode of protocols 0 to 5, encodings, names, buffers, frames, and what is malformed."""
import collections
import copyreg
import gc
import io
import pickle
import struct
import sys
import types
import weakref

import pytest

import zoo
from implementations import PYPY
from pickle5 import pickletools

only = pytest.mark.only
since = pytest.mark.since
UnpicklingError = pickle.UnpicklingError


def q8(number):
    return struct.pack('<Q', number)


def i4(number):
    return struct.pack('<i', number)


FRAME = b'\x80\4\x95'


class OldStyle:
    """Built by INST and OBJ, with arguments, and without any, when __init__ is not called."""

    def __init__(self, *args):
        self.args = args

    def __eq__(self, other):
        return type(other) is OldStyle and vars(self) == vars(other)


class WithState:
    def __setstate__(self, state):
        self.state = state


class Appends:
    def __init__(self):
        self.items = []
        self.pairs = []
        self.added = []

    def append(self, item):
        self.items.append(item)

    def __setitem__(self, key, value):
        self.pairs.append((key, value))

    def add(self, item):
        self.added.append(item)


class Extends(Appends):
    def extend(self, items):
        self.items.append(('extend', list(items)))


ME = __name__.encode()

# opcode: (bytes, value) for each way it is used; together they cover every opcode there is
READS = [
    ('INT', b'I5\n.', 5), ('INT', b'I-5\n.', -5), ('INT', b'I00\n.', False), ('INT', b'I01\n.', True),
    ('INT', b'I0\n.', 0), ('INT', b'I1\n.', 1), ('INT', b'I99999999999999999999\n.', 99999999999999999999),
    ('LONG', b'L5L\n.', 5), ('LONG', b'L5\n.', 5), ('LONG', b'L-1267650600228229401496703205376L\n.', -(1 << 100)),
    ('BININT', b'J' + i4(-7) + b'.', -7), ('BININT', b'J\xff\xff\xff\x7f.', 2 ** 31 - 1), ('BININT1', b'K\xff.', 255),
    ('BININT2', b'M\xff\xff.', 65535),
    ('LONG1', b'\x80\2\x8a\0.', 0), ('LONG1', b'\x80\2\x8a\1\xff.', -1), ('LONG1', b'\x80\2\x8a\2\xff\0.', 255),
    ('LONG1', b'\x80\2\x8a\x0d' + b'\0' * 12 + b'\1.', 1 << 96), ('LONG1', b'\x80\2\x8a\x09' + b'\xff' * 9 + b'.', -1),
    ('LONG4', b'\x80\2\x8b' + i4(3) + b'\0\0\1.', 65536), ('LONG4', b'\x80\2\x8b' + i4(0) + b'.', 0),
    ('STRING', b"S'abc'\n.", 'abc'), ('STRING', b'S"a\\n\\x41"\n.', 'a\nA'), ('STRING', b"S''\n.", ''),
    ('BINSTRING', b'T' + i4(3) + b'abc.', 'abc'), ('BINSTRING', b'T' + i4(0) + b'.', ''),
    ('SHORT_BINSTRING', b'U\3abc.', 'abc'), ('SHORT_BINSTRING', b'U\0.', ''),
    ('BINBYTES', b'\x80\3B' + i4(3) + b'a\0\xff.', b'a\0\xff'), ('SHORT_BINBYTES', b'\x80\3C\2\0\xff.', b'\0\xff'),
    ('BINBYTES8', b'\x80\4\x8e' + q8(2) + b'xy.', b'xy'), ('BYTEARRAY8', b'\x80\5\x96' + q8(2) + b'xy.', bytearray(b'xy')),
    ('NONE', b'N.', None), ('NEWTRUE', b'\x80\2\x88.', True), ('NEWFALSE', b'\x80\2\x89.', False),
    ('UNICODE', u'Va\\u20acb\\U0001f600c\xe9\n.'.encode('latin-1'), u'a\u20acb\U0001f600c\xe9'), ('UNICODE', b'V\n.', ''),
    ('BINUNICODE', b'X' + i4(2) + b'\xc3\xa9.', u'\xe9'), ('BINUNICODE', b'X' + i4(3) + b'\xed\xa0\x80.', u'\ud800'),
    ('SHORT_BINUNICODE', b'\x80\4\x8c\3abc.', 'abc'), ('BINUNICODE8', b'\x80\4\x8d' + q8(4) + b'\xf0\x9f\x98\x80.', u'\U0001f600'),
    ('FLOAT', b'F-1.5\n.', -1.5), ('FLOAT', b'Finf\n.', float('inf')),
    ('BINFLOAT', b'G' + struct.pack('>d', 0.1) + b'.', 0.1),
    ('EMPTY_LIST', b'].', []), ('APPEND', b']K\1a.', [1]), ('APPENDS', b'](K\1K\2e.', [1, 2]), ('APPENDS', b'](e.', []),
    ('LIST', b'(K\1K\2l.', [1, 2]), ('LIST', b'(l.', []),
    ('EMPTY_TUPLE', b').', ()), ('TUPLE', b'(K\1K\2K\3K\4t.', (1, 2, 3, 4)), ('TUPLE', b'(t.', ()),
    ('TUPLE1', b'\x80\2K\1\x85.', (1,)), ('TUPLE2', b'\x80\2K\1K\2\x86.', (1, 2)), ('TUPLE3', b'\x80\2K\1K\2K\3\x87.', (1, 2, 3)),
    ('EMPTY_DICT', b'}.', {}), ('DICT', b'(K\1K\2d.', {1: 2}), ('DICT', b'(d.', {}), ('SETITEM', b'}K\1K\2s.', {1: 2}),
    ('SETITEMS', b'}(K\1K\2K\3K\4u.', {1: 2, 3: 4}), ('SETITEMS', b'}(u.', {}),
    ('EMPTY_SET', b'\x80\4\x8f.', set()), ('ADDITEMS', b'\x80\4\x8f(K\1K\2\x90.', {1, 2}), ('ADDITEMS', b'\x80\4\x8f(\x90.', set()),
    ('FROZENSET', b'\x80\4(K\1K\2\x91.', frozenset([1, 2])), ('FROZENSET', b'\x80\4(\x91.', frozenset()),
    ('POP', b'K\1K\x020.', 1), ('POP', b'K\1(0.', 1), ('DUP', b'K\x012\x86.', (1, 1)), ('MARK', b'K\1(K\2K\0031.', 1),
    ('POP_MARK', b'K\1(1.', 1),
    ('GET', b'K\1p7\n0g7\n.', 1), ('BINGET', b'K\1q\7' + b'0h\7.', 1), ('LONG_BINGET', b'K\1r\0\1\0\0' + b'0j\0\1\0\0.', 1),
    ('PUT', b'K\1p0\n0K\2p0\n0g0\n.', 2), ('BINPUT', b'K\1q\3.', 1), ('LONG_BINPUT', b'K\1r\3\0\0\0.', 1),
    ('MEMOIZE', b'\x80\4]\x94K\7\x94' + b'0h\1\x86.', ([], 7)),
    ('EXT1', b'\x80\2\x82\xf0.', zoo.ExtensionOne), ('EXT2', b'\x80\2\x83\xcd\xab.', zoo.ExtensionTwo),
    ('EXT4', b'\x80\2\x84\x78\x56\x34\x12.', zoo.ExtensionFour),
    ('GLOBAL', b'czoo\nfunction\n.', zoo.function), ('GLOBAL', b'\x80\4czoo\nOuter.Inner\n.', zoo.Outer.Inner),
    ('STACK_GLOBAL', b'\x80\4\x8c\3zoo\x8c\x08function\x93.', zoo.function),
    ('STACK_GLOBAL', b'\x80\4\x8c\3zoo\x8c\x0bOuter.Inner\x93.', zoo.Outer.Inner),
    ('REDUCE', b'czoo\nfunction\n(K\1K\2tR.', (1, 2)), ('REDUCE', b'c__builtin__\nlist\n)R.', []),
    ('INST', b'(K\1i' + ME + b'\nOldStyle\n.', OldStyle(1)), ('INST', b'(i' + ME + b'\nOldStyle\n.', OldStyle.__new__(OldStyle)),
    ('OBJ', b'(c' + ME + b'\nOldStyle\nK\1K\2o.', OldStyle(1, 2)), ('OBJ', b'(c' + ME + b'\nOldStyle\no.', OldStyle.__new__(OldStyle)),
    ('NEWOBJ', b'\x80\2c__builtin__\nint\nK\7\x85\x81.', 7),
    ('NEWOBJ_EX', b'\x80\4cbuiltins\nint\n\x8c\00277\x85}\x8c\4baseK\x08s\x92.', 63),
    ('PROTO', b'\x80\0N.', None), ('PROTO', b'\x80\5N.', None), ('PROTO', b'\x80\4\x80\4N.', None),
    ('FRAME', b'\x80\4\x95' + q8(2) + b'N.', None), ('FRAME', b'\x80\4\x95' + q8(2) + b']\x94\x95' + q8(3) + b'K\1a.', [1]),
    ('STOP', b'N.ignored', None),
]


@pytest.mark.parametrize('opcode, data, value', READS, ids=['%s-%d' % (row[0], i) for i, row in enumerate(READS)])
def test_opcode(impl, opcode, data, value):
    if b'\x80\5' in data and impl.highest < 5:
        pytest.skip('no protocol 5')
    for how in range(2):
        back = impl.loads(data) if how else impl.load(io.BytesIO(data))
        assert type(back) is type(value) and back == value


def test_every_opcode_is_read_here():
    elsewhere = {'BUILD', 'PERSID', 'BINPERSID', 'NEXT_BUFFER', 'READONLY_BUFFER'}
    assert {row[0] for row in READS} | elsewhere == {each.name for each in pickletools.opcodes}


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview])
def test_loads_takes_any_contiguous_buffer(impl, kind):
    assert impl.loads(kind(b'](K\1K\2e.')) == [1, 2]
    with pytest.raises(TypeError):
        impl.loads('N.')
    with pytest.raises(TypeError):
        impl.loads(5)


def test_buffer_is_let_go(impl):
    data = bytearray(b'](K\1K\2e.')
    impl.loads(data)
    data.extend(b'more')  # BufferError while someone holds on to it
    with pytest.raises(Exception):
        impl.loads(data[:-6])
    data.extend(b'more')


# ---- BUILD

def test_build_into_dict_slots_and_setstate(impl):
    plain = impl.loads(b'czoo\nEmpty\n)\x81}X\1\0\0\0aK\1sb.')
    assert plain.__dict__ == {'a': 1}
    slots = impl.loads(b'\x80\2czoo\nSlots\n)\x81N}X\1\0\0\0aK\1s\x86b.')
    assert slots.a == 1 and not hasattr(slots, 'b')
    both = impl.loads(b'\x80\2czoo\nSlotsAndDict\n)\x81}X\1\0\0\0zK\1s}X\1\0\0\0aK\2s\x86b.')
    assert both.z == 1 and both.a == 2
    assert impl.loads(b'c' + ME + b'\nWithState\n)\x81K\5b.').state == 5
    assert impl.loads(b'czoo\nEmpty\n)\x81Nb.').__dict__ == {}


def test_build_interns_attribute_names(impl):
    name = 'attribute_name_of_some_length'
    one, two = impl.loads(impl.dumps([zoo.Plain(**{name: 1}), zoo.Other(**{name: 2})], 2))
    assert list(one.__dict__)[0] is list(two.__dict__)[0] is sys.intern(name)


def test_build_keeps_what_stands_in_the_dict(impl):
    data = b'czoo\nPlain\n)\x81}X\1\0\0\0aK\1sb}X\1\0\0\0bK\2sb.'
    assert impl.loads(data).__dict__ == {'a': 1, 'b': 2}


@only('engine', 'stdlib')
def test_build_wants_a_dict(impl):
    with pytest.raises(UnpicklingError, match='state is not a dictionary'):
        impl.loads(b'czoo\nEmpty\n)\x81K\1b.')
    with pytest.raises(UnpicklingError, match='slot state is not a dictionary'):
        impl.loads(b'\x80\2czoo\nEmpty\n)\x81NK\1\x86b.')


# ---- append, extend, add

def test_append_without_extend(impl):
    back = impl.loads(b'c' + ME + b'\nAppends\n)R(K\1K\2e.')
    assert back.items == [1, 2]
    back = impl.loads(b'c' + ME + b'\nAppends\n)RK\1a.')
    assert back.items == [1]


@only('engine', 'stdlib')
@since((3, 7))
def test_extend_where_there_is_one(impl):
    back = impl.loads(b'c' + ME + b'\nExtends\n)R(K\1K\2e.')
    assert back.items == [('extend', [1, 2])]


def test_setitem_and_add_of_any_object(impl):
    back = impl.loads(b'\x80\4c' + ME + b'\nAppends\n)R(K\1K\2K\3K\4uK\5K\6s(K\7K\x08\x90.')
    assert back.pairs == [(1, 2), (3, 4), (5, 6)] and back.added == [7, 8]


# ---- persistent ids

def test_persistent_load(impl):
    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            return 'loaded', identity

    assert impl.load_with(Unpickler, b'Pabc\n.') == ('loaded', 'abc')
    assert impl.load_with(Unpickler, b'K\5Q.') == ('loaded', 5)
    for data in (b'Pabc\n.', b'K\5Q.'):
        with pytest.raises(UnpicklingError, match='unsupported persistent id|persistent'):
            impl.loads(data)


@since((3, 14))
def test_persistent_load_on_the_instance_and_through_super(impl):
    unpickler = impl.Unpickler(io.BytesIO(b'K\5Q.'))
    unpickler.persistent_load = lambda identity: identity + 1
    assert unpickler.load() == 6

    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            return super(Unpickler, self).persistent_load(identity)

    with pytest.raises(UnpicklingError):
        impl.load_with(Unpickler, b'K\5Q.')


@only('engine', 'stdlib')
def test_persistent_id_of_protocol_0_is_ascii(impl):
    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            return identity

    with pytest.raises(UnpicklingError, match='persistent IDs in protocol 0 must be ASCII strings'):
        impl.load_with(Unpickler, b'P\xff\n.')


# ---- find_class

def test_find_class(impl):
    asked = []

    class Unpickler(impl.Unpickler):
        def find_class(self, module, name):
            asked.append((module, name))
            return super(Unpickler, self).find_class('zoo', 'Plain') if name == 'Other' else super(
                Unpickler, self).find_class(module, name)

    data = impl.dumps([zoo.Other(a=1), zoo.Empty(), range], 2)
    back = impl.load_with(Unpickler, data)
    assert type(back[0]) is zoo.Plain and type(back[1]) is zoo.Empty and back[2] is range
    assert asked == [('zoo', 'Other'), ('zoo', 'Empty'), ('__builtin__', 'xrange')]


def test_find_class_by_hand(impl):
    unpickler = impl.Unpickler(io.BytesIO(b'\x80\2N.'))
    assert unpickler.find_class('zoo', 'Plain') is zoo.Plain
    with pytest.raises(AttributeError):
        unpickler.find_class('zoo', 'Absent')
    with pytest.raises(ImportError):
        unpickler.find_class('no_such_module_anywhere', 'Absent')


def test_dotted_names_only_from_protocol_4(impl):
    assert impl.loads(b'\x80\4czoo\nOuter.Inner\n.') is zoo.Outer.Inner
    with pytest.raises(AttributeError):
        impl.loads(b'\x80\3czoo\nOuter.Inner\n.')
    with pytest.raises(AttributeError):
        impl.loads(b'\x80\4czoo\nOuter.<locals>.Inner\n.')
    with pytest.raises(AttributeError):
        impl.loads(b'\x80\4czoo\nOuter.Absent\n.')


@pytest.mark.parametrize('data, value', [
    (b'c__builtin__\nxrange\n.', range), (b'cexceptions\nStandardError\n.', Exception), (b'ccopy_reg\n_reconstructor\n.', copyreg._reconstructor),
    (b'c__builtin__\nunicode\n.', str), (b'cUserDict\nIterableUserDict\n.', collections.UserDict), (b'citertools\nimap\n.', map),
])
def test_python_2_names(impl, data, value):
    assert impl.loads(data) is value
    assert impl.loads(data, fix_imports=True) is value
    with pytest.raises((ImportError, AttributeError)):
        impl.loads(data, fix_imports=False)
    if not data.startswith(b'ccopy_reg'):
        with pytest.raises((ImportError, AttributeError)):
            impl.loads(b'\x80\3' + data)


def test_python_2_instances(impl):
    """What Python 2 wrote for an old-style and a new-style instance."""
    data = b"(izoo\nPlain\np0\n(dp1\nS'a'\np2\nI1\nsb."
    assert impl.loads(data).__dict__ == {'a': 1}
    data = b"ccopy_reg\n_reconstructor\np0\n(czoo\nPlain\np1\nc__builtin__\nobject\np2\nNtp3\nRp4\n(dp5\nS'a'\np6\nI1\nsb."
    assert impl.loads(data).__dict__ == {'a': 1}


# ---- encodings of Python 2 strings

STRINGS = [b"S'caf\\xe9'\n.", b'U\4caf\xe9.', b'T\4\0\0\0caf\xe9.']


@pytest.mark.parametrize('data', STRINGS)
def test_encodings(impl, data):
    with pytest.raises(UnicodeDecodeError):
        impl.loads(data)
    assert impl.loads(data, encoding='latin1') == u'caf\xe9'
    assert impl.loads(data, encoding='latin-1') == u'caf\xe9'
    assert impl.loads(data, encoding='bytes') == b'caf\xe9'
    assert impl.loads(data, encoding='koi8-r') == b'caf\xe9'.decode('koi8-r')
    assert impl.loads(data, errors='replace') == u'caf\ufffd'
    assert impl.loads(data, encoding='utf-8', errors='ignore') == u'caf'
    assert impl.loads(data, encoding='ASCII', errors='surrogateescape') == u'caf\udce9'
    assert impl.Unpickler(io.BytesIO(data), encoding='bytes').load() == b'caf\xe9'
    with pytest.raises(LookupError):
        impl.loads(data, encoding='no-such-encoding')


def test_encoding_touches_python_2_strings_only(impl):
    data = b'(U\1aX\1\0\0\0bC\1ct.'
    assert impl.loads(data, encoding='bytes') == (b'a', 'b', b'c')


def test_encoding_of_state_keys(impl):
    data = b"(izoo\nPlain\n(dU\1aI1\nsb."
    assert impl.loads(data).__dict__ == {'a': 1}
    assert impl.loads(data, encoding='latin1').__dict__ == {'a': 1}


@pytest.mark.parametrize('data', [b"Sabc\n.", b"S'abc\n.", b"S'\n.", b'S\n.', b"S'abc\"\n.", b'S"\n.', b"S'\\x4'\n."])
def test_bad_quotes(impl, data):
    with pytest.raises((UnpicklingError, ValueError)):
        impl.loads(data)


# ---- what is malformed

TRUNCATED = [b'', b'N', b'I', b'I5', b'K', b'M\1', b'J\1\2\3', b'\x8a\5abc', b'\x8b\5\0\0\0abc', b'G\0\0', b'F1.5', b"S'abc'", b'T\5\0\0\0ab',
             b'U\5ab', b'Vabc', b'X\5\0\0\0ab', b'\x8c\5ab', b'\x8d' + q8(5) + b'ab', b'B\5\0\0\0ab', b'C\5ab', b'\x8e' + q8(5) + b'ab',
             b'\x96' + q8(5) + b'ab', b'czoo\nPl', b'czoo', b'izoo\n', b'Pabc', b'q', b'r\0\0', b'h', b'j\0\0', b'p1', b'g1', b'\x80',
             b'\x82', b'\x83\1', b'\x84\1\2\3', b'\x95\1\2\3', b'\x80\4\x95' + q8(10) + b'N.', b'N\x95' + q8(1)]


@pytest.mark.parametrize('data', TRUNCATED, ids=repr)
def test_truncated(impl, data):
    if data.endswith(b'N.') and not impl.compiled and not impl.has((3, 15)):
        pytest.skip('frames were not enforced')
    if impl.compiled:
        expected = UnpicklingError if impl.has((3, 8)) else (UnpicklingError, EOFError, AttributeError, ValueError)
        expected = (expected, EOFError) if not isinstance(expected, tuple) else expected
    else:
        expected = (UnpicklingError, EOFError, AttributeError, ValueError, struct.error, IndexError, ImportError)
    for read in (impl.loads, lambda data: impl.load(io.BytesIO(data)), lambda data: impl.load(Small(data))):
        with pytest.raises(expected):
            read(data)


@only('engine', 'stdlib')
def test_truncated_at_every_byte(impl):
    obj = [1, 1 << 40, 'text', b'bytes', 1.5, {'a': (1, 2, 3, 4)}, {1}, zoo.Plain(a=[1]), None, True, range(3)]
    for proto in range(5):
        data = impl.dumps(obj, proto)
        for end in range(len(data)):
            with pytest.raises((UnpicklingError, EOFError, AttributeError, ValueError, ImportError)):
                impl.loads(data[:end])
            with pytest.raises((UnpicklingError, EOFError, AttributeError, ValueError, ImportError)):
                impl.load(io.BytesIO(data[:end]))


@only('engine', 'stdlib')
@since((3, 8))
def test_end_of_data_is_named(impl):
    with pytest.raises(EOFError, match='Ran out of input'):
        impl.loads(b'')
    with pytest.raises(EOFError, match='Ran out of input'):
        impl.load(io.BytesIO(b''))
    with pytest.raises(UnpicklingError, match='pickle data was truncated'):
        impl.loads(b'X\5\0\0\0ab')


@only('engine', 'stdlib')
@since((3, 8))
@pytest.mark.parametrize('data', [b'C\0', b'B\0\0\0\0', b'\x8e' + q8(0), b'\x96' + q8(0), FRAME + q8(2) + b'C\0', FRAME + q8(1) + b'C\0'], ids=repr)
def test_no_bytes_at_the_end(impl, data):
    """In memory they count as truncated, but not in a file, and not those of Python 2."""
    with pytest.raises(UnpicklingError, match='pickle data was truncated'):
        impl.loads(data)
    for file_type in (io.BytesIO, Small):
        with pytest.raises(EOFError, match='Ran out of input'):
            impl.load(file_type(data))
    for text in (b'U\0', b'T\0\0\0\0'):
        with pytest.raises(EOFError, match='Ran out of input'):
            impl.loads(text, encoding='bytes')
    assert impl.loads(data + b'.') in (b'', bytearray())
    assert impl.loads(text + b'.', encoding='bytes') == b''


STACK = [b'.', b'(.', b'0.', b'2.', b'(2.', b'a.', b'K\1a.', b'e.', b'(e.', b']K\1e.', b's.', b'K\1s.', b'K\1K\2s.', b'u.', b'(u.', b'}K\1u.',
         b'}(K\1u.', b'1.', b'l.', b't.', b'd.', b'(K\1d.', b'\x85.', b'K\1\x86.', b'K\1K\2\x87.', b'R.', b'czoo\nfunction\nR.', b'b.', b'K\1b.',
         b'o.', b'(o.', b'\x81.', b')\x81.', b'\x92.', b'\x93.', b'\x8c\1a\x93.', b'\x90.', b'(\x90.', b'\x91.', b'q\0.', b'p0\n.', b'r\0\0\0\0.', b'\x94.',
         b'Q.', b'K\1(.', b'(0K\1\x86.']


@pytest.mark.parametrize('data', STACK, ids=repr)
def test_not_enough_on_the_stack(impl, data):
    expected = (UnpicklingError, EOFError) if impl.compiled else (UnpicklingError, IndexError, TypeError, AttributeError, EOFError)
    with pytest.raises(expected):
        impl.loads(data)


def test_memo_that_was_never_put(impl):
    for data in (b'g0\n.', b'h\0.', b'j\0\0\0\0.', b'K\1q\1' + b'0h\0.', b'K\1q\0' + b'0j\xff\xff\xff\x7f.', b'g99999\n.'):
        with pytest.raises((UnpicklingError, KeyError)):
            impl.loads(data)


@since((3, 9))
def test_memo_that_was_never_put_is_named(impl):
    for data, number in ((b'g7\n.', 7), (b'h\7.', 7), (b'j\7\1\0\0.', 263)):
        with pytest.raises(UnpicklingError, match='Memo value not found at index %d' % number):
            impl.loads(data)


def test_negative_memo_numbers(impl):
    with pytest.raises((ValueError, UnpicklingError, KeyError)):
        impl.loads(b'K\1p-1\n.')
    with pytest.raises((ValueError, UnpicklingError, KeyError)):
        impl.loads(b'g-1\n.')


@pytest.mark.parametrize('data', [b'Ix\n.', b'I\n.', b'I1 1\n.', b'Lx\n.', b'L\n.', b'Fx\n.', b'F\n.', b'px\n.', b'gx\n.'], ids=repr)
def test_bad_numbers(impl, data):
    with pytest.raises((ValueError, UnpicklingError)):
        impl.loads(data)


@only('engine', 'stdlib')
@since((3, 14))
@pytest.mark.parametrize('data', [b'I0x10\n.', b'I0b1\n.', b'L0x10L\n.', b'I010\n.'], ids=repr)
def test_numbers_in_base_10_only(impl, data):
    try:
        assert impl.loads(data) == 10
    except (ValueError, UnpicklingError):
        assert b'010' not in data


@since((3, 15))
def test_int_takes_only_two_spellings_as_bools(impl):
    for data in (b'I001\n.', b'I 1\n.', b'I+1\n.'):
        assert type(impl.loads(data)) is int
    assert impl.loads(b'I01\n.') is True and impl.loads(b'I00\n.') is False


@pytest.mark.parametrize('data', [b'\x8b\xff\xff\xff\xff.', b'T\xff\xff\xff\xff.'], ids=repr)
def test_negative_lengths(impl, data):
    with pytest.raises(UnpicklingError):
        impl.loads(data)


@pytest.mark.parametrize('data', [
    b'X\xff\xff\xff\x7f.', b'B\xff\xff\xff\x7f.', b'T\xff\xff\xff\x7f.', b'\x8b\xff\xff\xff\x7f.', b'\x8d' + q8(1 << 40) + b'.',
    b'\x8e' + q8(1 << 40) + b'.', b'\x96' + q8(1 << 40) + b'.', b'\x8e' + q8((1 << 64) - 1) + b'.', b'\x8d' + q8(1 << 63) + b'.',
    b'\x96' + q8((1 << 63) - 1) + b'.', b'\x80\4\x95' + q8((1 << 64) - 1) + b'N.', b'\x80\4\x95' + q8(1 << 62) + b'N.',
], ids=repr)
@only('engine')
def test_declared_lengths_allocate_nothing(impl, data):
    """A length is only a promise: what is not there costs no memory."""
    resource = pytest.importorskip('resource')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (impl.loads, lambda data: impl.load(io.BytesIO(data)), lambda data: impl.load(Small(data))):
        with pytest.raises((UnpicklingError, EOFError, OverflowError)):
            read(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB; a MiB or so is the allocator's


@only('engine')
@pytest.mark.parametrize('data', [b'Nr\xff\xff\xff\x7f.', b'Nr\0\0\0\x10.', b'Np1000000000\n.',
                                  b'Np%d\n.' % min(99999999999999, sys.maxsize)], ids=repr)
def test_sparse_memo_allocates_nothing(impl, data):
    resource = pytest.importorskip('resource')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert impl.loads(data) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@only('engine')
def test_sparse_memo_numbers_are_found_again(impl):
    assert impl.loads(b'](K\1r\0\0\0\x100K\2r\xff\xff\xff\x7f0K\3q\5j\0\0\0\x10j\xff\xff\xff\x7fe.') == [3, 1, 2]


def test_unknown_opcodes(impl):
    known = {ord(each.code) for each in pickletools.opcodes}
    for code in set(range(256)) - known:
        with pytest.raises(UnpicklingError if impl.compiled else (KeyError, UnpicklingError)):
            impl.loads(b'N' + bytes([code]) + b'.')


@only('engine', 'stdlib')
def test_unknown_opcode_is_named(impl):
    with pytest.raises(UnpicklingError, match='invalid load key'):
        impl.loads(b'\xff.')
    with pytest.raises(UnpicklingError, match="invalid load key, '!'"):
        impl.loads(b'!.')


def test_unsupported_protocol(impl):
    with pytest.raises(ValueError, match='unsupported pickle protocol: 6'):
        impl.loads(b'\x80\6N.')
    with pytest.raises(ValueError):
        impl.loads(b'\x80\xffN.')


def test_extension_codes_that_nobody_registered(impl):
    with pytest.raises(ValueError, match='unregistered extension code 1'):
        impl.loads(b'\x80\2\x82\1.')
    for data in (b'\x80\2\x82\0.', b'\x80\2\x84\0\0\0\0.', b'\x80\2\x84\xff\xff\xff\xff.'):
        with pytest.raises((UnpicklingError, ValueError)):
            impl.loads(data)


def test_extension_cache_is_filled_and_heeded(impl):
    copyreg._extension_cache.pop(0xF0, None)
    assert impl.loads(b'\x80\2\x82\xf0.') is zoo.ExtensionOne
    assert copyreg._extension_cache[0xF0] is zoo.ExtensionOne
    copyreg._extension_cache[0xF0] = zoo.Plain
    try:
        assert impl.loads(b'\x80\2\x82\xf0.') is zoo.Plain
    finally:
        copyreg._extension_cache.pop(0xF0, None)


def test_unhashable_keys(impl):
    for data in (b'}]K\1s.', b'(]K\1d.', b'}(]K\1u.', b'\x80\4\x8f(]\x90.', b'\x80\4(]\x91.'):
        with pytest.raises(TypeError):
            impl.loads(data)


def test_newobj_wants_classes_and_tuples(impl):
    for data in (b'K\1)\x81.', b'czoo\nfunction\n)\x81.', b'czoo\nPlain\nK\1\x81.', b'czoo\nPlain\nK\1}\x92.', b'czoo\nPlain\n)K\1\x92.', b'K\1)}\x92.'):
        with pytest.raises((UnpicklingError, TypeError, AttributeError)):
            impl.loads(b'\x80\4' + data)


def test_stack_global_wants_strings(impl):
    for data in (b'K\1\x8c\1a\x93.', b'\x8c\3zooK\1\x93.', b'C\3zoo\x8c\1a\x93.'):
        with pytest.raises((UnpicklingError, TypeError, AttributeError)):
            impl.loads(b'\x80\4' + data)


# ---- frames

@since((3, 13, 15), (3, 14, 7), (3, 15))
@pytest.mark.parametrize('data', [
    FRAME + q8(5) + b'\x8c\5hello.',              # an argument goes on behind the frame
    FRAME + q8(3) + b'I12345\n.',                 # a line does
    FRAME + q8(2) + b'G\0\0\0\0\0\0\0\0.',
    FRAME + q8(11) + b'N\x95' + q8(2) + b'0N.',   # a frame inside a frame
], ids=repr)
def test_frames_are_enforced(impl, data):
    for read in (impl.loads, lambda data: impl.load(io.BytesIO(data)), lambda data: impl.load(Small(data))):
        with pytest.raises(UnpicklingError):
            read(data)


@since((3, 13, 15), (3, 14, 7), (3, 15))
@pytest.mark.parametrize('data, value', [
    (FRAME + q8(2) + b'\x8c\5hello.', 'hello'),  # the whole argument stands behind the frame
    (FRAME + q8(1) + b'K\7.', 7), (FRAME + q8(1) + b'I5\n.', 5),
    (FRAME + q8(9) + b'\x8e' + q8(3) + b'abc.', b'abc'),
    (FRAME + q8(0) + b'N.', None),
], ids=repr)
def test_arguments_that_begin_behind_a_frame(impl, data, value):
    for read in (impl.loads, lambda data: impl.load(io.BytesIO(data)), lambda data: impl.load(Small(data))):
        assert read(data) == value


# ---- buffers

@since((3, 8))
def test_buffers(impl):
    data = b'\x80\5\x97\x97\x98\x86.'
    first, second = bytearray(b'first'), bytearray(b'second')
    one, two = impl.loads(data, buffers=[first, second])
    assert one is first and type(two) is memoryview and two.readonly and two == second
    one, two = impl.Unpickler(io.BytesIO(data), buffers=iter([first, b'constant'])).load()
    assert one is first and bytes(two) == b'constant'
    for buffers in ([], [first], ()):
        with pytest.raises(UnpicklingError):
            impl.loads(data, buffers=buffers)
    with pytest.raises(UnpicklingError):
        impl.loads(data)
    with pytest.raises(UnpicklingError):
        impl.loads(data, buffers=None)
    with pytest.raises(TypeError):
        impl.loads(data, buffers=5)
    with pytest.raises(TypeError):
        impl.loads(b'\x80\5\x97\x98.', buffers=[5])
    assert impl.loads(b'\x80\5N.', buffers=None) is None


# ---- many pickles, and the memo of an unpickler

class Small(object):
    """A file that has only read and readline, and gives what it is asked for."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def read(self, size):
        assert size >= 0
        return self.file.read(size)

    def readline(self):
        return self.file.readline()


def test_memo_lasts_from_load_to_load(impl):
    unpickler = impl.Unpickler(io.BytesIO(b'\x80\2]q\0.\x80\2h\0.'))
    first = unpickler.load()
    assert unpickler.load() is first


def test_memo_of_an_unpickler(impl):
    unpickler = impl.Unpickler(io.BytesIO(b'](X\1\0\0\0aq\3K\5q\1e.h\3.'))
    assert unpickler.load() == ['a', 5]
    memo = unpickler.memo.copy()
    assert memo == {1: 5, 3: 'a'}
    other = impl.Unpickler(io.BytesIO(b'h\3.'))
    other.memo = unpickler.memo
    assert other.load() == 'a'
    unpickler.memo.clear()
    assert unpickler.memo.copy() == {}
    with pytest.raises((UnpicklingError, KeyError)):
        unpickler.load()


@only('engine')
def test_memo_of_an_unpickler_from_a_dict(impl):
    """CPython's engine loses it (cpython#111066)."""
    unpickler = impl.Unpickler(io.BytesIO(b'h\3.'))
    unpickler.memo = {3: 'known'}
    assert unpickler.memo.copy() == {3: 'known'}
    assert unpickler.load() == 'known'
    for wrong in ({-1: 1}, ):
        with pytest.raises(ValueError):
            unpickler.memo = wrong
    for wrong in ({'a': 1}, 5, None):
        with pytest.raises(TypeError):
            unpickler.memo = wrong
    assert unpickler.memo.copy() == {3: 'known'}


@since((3, 14, 10), (3, 15, 2))
def test_memo_cleared_leaves_a_usable_unpickler(impl):
    unpickler = impl.Unpickler(io.BytesIO(b']q\0.]q\0K\1ah\0\x86.'))
    unpickler.load()
    unpickler.memo.clear()
    one, two = unpickler.load()
    assert one is two and one == [1]


def test_recursive_tuple_through_pop(impl):
    """A tuple that meets itself is built twice, and the first is taken from the stack again."""
    back = impl.loads(b'\x80\2]q\0h\0\x85q\1a0h\1.')
    assert type(back) is tuple and back[0][0] is back


def test_audit_event(impl):
    if not hasattr(sys, 'addaudithook'):
        pytest.skip('audit events came with 3.8')
    if impl.name == 'python' and impl.level < (3, 8):
        pytest.skip('not in this half')
    if not HOOKED:
        sys.addaudithook(hear)  # for good: there is no way to take it away
        HOOKED.append(True)
    LISTENING.append(True)
    try:
        impl.loads(b'czoo\nPlain\n.')
    finally:
        del LISTENING[:]
    heard = HEARD[:]
    del HEARD[:]
    assert ('pickle.find_class', ('zoo', 'Plain')) in heard


HOOKED, LISTENING, HEARD = [], [], []


def hear(event, args):
    if LISTENING and event.startswith('pickle.'):
        HEARD.append((event, args))



def named(module, name):
    """The global of these names, at protocol 4."""
    return (b'\x80\x04' + b''.join(b'\x8c' + struct.pack('<B', len(text)) + text
                                   for text in (module.encode(), name.encode())) + b'\x93.')


def test_names_met_again(impl, monkeypatch):
    """A global is looked for each time, however often its names were met: modules and what is in them may change."""
    first, second = types.ModuleType('met_again'), types.ModuleType('met_again')
    first.thing, second.thing = object(), object()
    monkeypatch.setitem(sys.modules, 'met_again', first)
    data = named('met_again', 'thing')
    for _ in range(3):
        assert impl.loads(data) is first.thing
    first.thing = object()
    assert impl.loads(data) is first.thing
    monkeypatch.setitem(sys.modules, 'met_again', second)
    assert impl.loads(data) is second.thing
    del second.thing
    with pytest.raises(AttributeError):
        impl.loads(data)
    second.__dict__['__doc__'] = 'its own'
    assert impl.loads(named('met_again', '__doc__')) == 'its own'
    assert impl.loads(named('met_again', '__dict__')) is second.__dict__
    assert impl.loads(named('met_again', '__class__')) is types.ModuleType
    monkeypatch.delitem(sys.modules, 'met_again')
    with pytest.raises(ImportError):
        impl.loads(data)


def test_modules_of_other_kinds_met_again(impl, monkeypatch):
    """What has ways of its own to find an attribute is asked for it."""
    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            return ('lazy', name) if name == 'thing' else super(Lazy, self).__getattribute__(name)

    class Other:
        thing = ('other', 'thing')

    lazy = Lazy('met_again')
    lazy.__dict__['thing'] = 'not this'
    for module in (lazy, Other):
        monkeypatch.setitem(sys.modules, 'met_again', module)
        for _ in range(2):
            assert impl.loads(named('met_again', 'thing'))[1] == 'thing'


def test_a_module_without_init(impl, monkeypatch):
    """Up to 3.10 it has no dict."""
    module = types.ModuleType.__new__(types.ModuleType)
    monkeypatch.setitem(sys.modules, 'met_again', module)
    for _ in range(2):
        with pytest.raises(AttributeError):
            impl.loads(named('met_again', 'thing'))
    module.__init__('met_again')
    module.thing = 3
    assert impl.loads(named('met_again', 'thing')) == 3


def test_packages_met_again(impl, monkeypatch):
    """A module whose package is gone is imported, also if its names were met."""
    package, module = types.ModuleType('met_package'), types.ModuleType('met_package.inner')
    package.inner, package.__path__, module.thing = module, [], object()
    monkeypatch.setitem(sys.modules, 'met_package', package)
    monkeypatch.setitem(sys.modules, 'met_package.inner', module)
    data = named('met_package.inner', 'thing')
    for _ in range(2):
        assert impl.loads(data) is module.thing
    monkeypatch.delitem(sys.modules, 'met_package')
    if not impl.has((3, 7)):        # 3.6's own pickle does not ask for the package
        return
    with pytest.raises(ImportError):
        impl.loads(data)


def test_many_names_met_again(impl, monkeypatch):
    """More names than are kept, alike in length and letters."""
    modules = {}
    for number in range(40):
        name = 'met_%c%c' % (97 + number % 7, 97 + number // 7)
        modules[name] = types.ModuleType(name)
        for attribute in ('ab', 'ba', 'aab', 'aba', '_b', 'b' * 250):
            setattr(modules[name], attribute, (name, attribute))
        monkeypatch.setitem(sys.modules, name, modules[name])
    for _ in range(2):
        for name, module in modules.items():
            for attribute in ('ab', 'ba', 'aab', 'aba', '_b', 'b' * 250):
                assert impl.loads(named(name, attribute)) == (name, attribute)


def test_tuples_in_cycles_end(impl):
    """The collector finds a cycle through a tuple, whatever else is in it and wherever."""
    ended = []
    for size in (1, 2, 3, 4, 9):
        for place in range(size):
            items = [1, 'two', 3.0, None, b'five', True, 7, 'eight', 9][:size]
            items[place] = node = zoo.Plain()
            node.held = tuple(items)
            copy = impl.loads(pickle.dumps(node, 4))
            assert copy.held[place] is copy
            ended.append(weakref.ref(copy))
    del copy
    gc.collect()
    assert [reference() for reference in ended] == [None] * 19


def test_tuples_of_atoms_are_no_matter_of_the_collector(impl):
    """They are as it leaves them: not tracked, once it has seen them."""
    for items in ((1,), ('a', 2), (1.5, None, b'x'), tuple('abcd'), (), ('a', [1]), ([],), (1, 2, 3, {})):
        copy = impl.loads(pickle.dumps(items, 4))
        twin = tuple(list(items))
        gc.collect()
        assert copy == items and (PYPY or gc.is_tracked(copy) == gc.is_tracked(twin))


class Ends:
    """Tells when it ends."""

    told = []

    def __init__(self, number):
        self.number = number

    def __del__(self):
        self.told.append(self.number)


@only('engine', 'stdlib')
@pytest.mark.parametrize('count', [1, 3, 24, 25, 300])
def test_what_only_the_memo_held_ends_last_first(impl, count, monkeypatch):
    if PYPY:
        pytest.skip('objects end when the collector comes by')
    monkeypatch.setitem(sys.modules, 'test_read', sys.modules[__name__])
    held = b''.join(b'ctest_read\nEnds\nI%d\n\x85Rr%s0' % (number, i4(number)) for number in range(count))
    data = b'\x80\2' + held + b'N.'
    last_first = list(reversed(range(count)))
    del Ends.told[:]
    assert impl.loads(data) is None
    assert Ends.told == last_first
    del Ends.told[:]
    assert impl.loads(bytearray(data)) is None
    assert Ends.told == last_first
    del Ends.told[:]
    unpickler = impl.Unpickler(io.BytesIO(data))
    assert unpickler.load() is None
    assert Ends.told == []
    del unpickler
    assert Ends.told == last_first
