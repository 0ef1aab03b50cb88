# -*- coding: utf-8 -*-
"""Named things that fail, for golden/errors.json: what they raise, word for word, and with which notes."""
import collections
import copyreg
import re
import struct
import sys

import zoo

WRITES = collections.OrderedDict()
READS = collections.OrderedDict()
TEXT_OF_INTERPRETER = set()  # the words are not pickle's own: only the type, the notes and the context are compared

LITTLE = struct.Struct('<Q')


class Gives(object):
    """Reduces to what it was given."""

    def __init__(self, value):
        self.value = value

    def __reduce_ex__(self, protocol):
        return self.value


class Fails(object):
    def __reduce_ex__(self, protocol):
        raise ZeroDivisionError('boom')


class ReduceExNone(object):
    __reduce_ex__ = None


class ReduceNone(object):
    __reduce__ = None


class StateFails(object):
    def __getstate__(self):
        raise ZeroDivisionError('no state')


class SlotsOnly(object):
    __slots__ = ('a',)


def write(name, interpreter=False):
    def take(build):
        WRITES[name] = build
        if interpreter:
            TEXT_OF_INTERPRETER.add(name)
        return build
    return take


def add(name, build, interpreter=False):
    write(name, interpreter)(build)


def instance(**values):
    return zoo.Plain(**values)


def function(qualname, module='zoo'):
    def made():
        pass
    made.__qualname__ = qualname
    made.__name__ = qualname.split('.')[-1]
    made.__module__ = module
    return made


def local_class():
    class Local(object):
        pass
    return Local


BOOM = Fails
add('list item', lambda: [1, 2, 3, BOOM()])
add('list item 0', lambda: [BOOM()])
add('list item 1000', lambda: list(range(1000)) + [BOOM()])
add('list item 1500', lambda: list(range(1500)) + [BOOM(), 1])
add('list subclass item', lambda: zoo.MyList([1, BOOM()]))
add('tuple of 1', lambda: (BOOM(),))
add('tuple of 3', lambda: (1, BOOM(), 3))
add('tuple of 4', lambda: (1, 2, 3, BOOM()))
add('dict value', lambda: {'a': 1, 'b': BOOM()})
add('dict key', lambda: {BOOM(): 1})
add('dict value of int key', lambda: {7: BOOM()})
add('dict value of long key', lambda: {'k' * 300: BOOM()})
add('dict value 1000', lambda: dict([(i, i) for i in range(1000)] + [('last', BOOM())]))
add('dict subclass value', lambda: zoo.MyDict(a=BOOM()))
add('ordered dict value', lambda: collections.OrderedDict([('a', BOOM())]))
add('deque item', lambda: collections.deque([1, BOOM()]), True)
add('set', lambda: {BOOM()})
add('frozenset', lambda: frozenset([BOOM()]))
add('nested', lambda: [{'x': (1, [BOOM()])}])
add('state', lambda: instance(x=BOOM()))
add('state deep', lambda: instance(x=[instance(y=BOOM())]))
add('getstate', lambda: StateFails())
add('newargs', lambda: zoo.NewArgs(1, BOOM()))
add('newargs_ex', lambda: zoo.NewArgsEx(BOOM(), k=1))
add('newargs_ex keyword', lambda: zoo.NewArgsEx(1, k=BOOM()))
add('exception argument', lambda: ValueError(1, BOOM()))
add('reduce callable', lambda: Gives((BOOM(), ())))
add('reduce not callable', lambda: Gives((5, ())))
add('reduce of 0', lambda: Gives(()))
add('reduce of 1', lambda: Gives((zoo.Empty,)))
add('reduce of 7', lambda: Gives((zoo.Empty,) * 7))
add('reduce int', lambda: Gives(5))
add('reduce None', lambda: Gives(None))
add('reduce list', lambda: Gives([zoo.Empty, ()]))
add('reduce arguments no tuple', lambda: Gives((zoo.Empty, 5)))
add('reduce arguments', lambda: Gives((zoo.rebuild, (1, BOOM()))))
add('reduce state', lambda: Gives((zoo.Empty, (), BOOM())))
add('reduce list items no iterator', lambda: Gives((zoo.Empty, (), None, 5)))
add('reduce dict items no iterator', lambda: Gives((zoo.Empty, (), None, None, 5)))
add('reduce setter not callable', lambda: Gives((zoo.Empty, (), 1, None, None, 5)))
add('reduce setter not callable, no state', lambda: Gives((zoo.Empty, (), None, None, None, 5)))
add('reduce list items', lambda: Gives((zoo.Empty, (), None, iter([1, BOOM()]))))
add('reduce list items 1000', lambda: Gives((zoo.Empty, (), None, iter(list(range(1000)) + [BOOM()]))))
add('reduce dict items', lambda: Gives((zoo.Empty, (), None, None, iter([(0, 1), (1, BOOM())]))))
add('reduce dict items key', lambda: Gives((zoo.Empty, (), None, None, iter([(BOOM(), 1)]))))
add('reduce dict items no pair', lambda: Gives((zoo.Empty, (), None, None, iter([1]))))
add('reduce dict items triple', lambda: Gives((zoo.Empty, (), None, None, iter([(1, 2, 3)]))))
add('reduce iterator fails', lambda: Gives((zoo.Empty, (), None, (1 // 0 for _ in range(2)))), True)
add('reduce setter', lambda: Gives((zoo.Empty, (), BOOM(), None, None, zoo.set_extra)))
add('reduce setter itself', lambda: Gives((zoo.Empty, (), 1, None, None, function('absent'))))
add('reduce string absent', lambda: Gives('absent'))
add('reduce string other', lambda: Gives('Plain'))
add('newobj without arguments', lambda: Gives((copyreg.__newobj__, ())))
add('newobj no class', lambda: Gives((copyreg.__newobj__, (5,))))
add('newobj other class', lambda: Gives((copyreg.__newobj__, (zoo.Empty,))))
add('newobj argument', lambda: Gives((copyreg.__newobj__, (Gives, BOOM()))))
add('newobj_ex short', lambda: Gives((copyreg.__newobj_ex__, (Gives,))))
add('newobj_ex no class', lambda: Gives((copyreg.__newobj_ex__, (5, (), {}))))
add('newobj_ex no tuple', lambda: Gives((copyreg.__newobj_ex__, (Gives, 5, {}))))
add('newobj_ex no dict', lambda: Gives((copyreg.__newobj_ex__, (Gives, (), 5))))
add('newobj_ex argument', lambda: Gives((copyreg.__newobj_ex__, (Gives, (BOOM(),), {}))))
add('newobj_ex keyword', lambda: Gives((copyreg.__newobj_ex__, (Gives, (), {'a': BOOM()}))))
add('module', lambda: sys, True)
add('generator', lambda: (x for x in ()), True)
add('generator in a list', lambda: [(x for x in ())], True)
add('reduce_ex is None', lambda: ReduceExNone(), True)
add('reduce is None', lambda: ReduceNone(), True)
add('slots in old protocols', lambda: SlotsOnly(), True)
add('function absent', lambda: function('absent'))
add('function absent in class', lambda: function('Outer.absent'))
add('function of absent class', lambda: function('Absent.method'))
add('function not the same', lambda: function('function'))
add('function of no module', lambda: function('function', 'no_such_module_anywhere'))
add('function of local', lambda: function('outer.<locals>.inner'))
add('lambda', lambda: function('<lambda>'))
add('class local', lambda: local_class())
add('class local instance', lambda: local_class()())
add('class absent', lambda: type('Absent', (object,), {'__module__': 'zoo'}))
add('function non-ascii', lambda: getattr(zoo, u'fonction_accentu\xe9e'))
add('function of non-ascii module', lambda: function('function', u'mod\xe9'))


def read(name, data, interpreter=False):
    READS[name] = data
    if interpreter:
        TEXT_OF_INTERPRETER.add(name)


def q8(number):
    return LITTLE.pack(number)


read('empty', b'')
read('truncated text', b'X\5\0\0\0ab')
read('truncated short text', b'\x8c\5ab')
read('truncated line', b'I5')
read('truncated name', b'czoo')
read('truncated number', b'J\1\2')
read('truncated float', b'G\0')
read('truncated frame', b'\x80\4\x95' + q8(10) + b'N.')
read('no stop', b'N')
read('unknown opcode', b'!.')
read('unknown opcode 255', b'\xff.')
read('unknown opcode quote', b"'.")
read('protocol 6', b'\x80\6N.')
read('empty stack at stop', b'.')
read('mark at stop', b'(.')
read('pop nothing', b'0.')
read('append nothing', b'a.')
read('appends without mark', b'e.')
read('tuple2 of one', b'K\1\x86.')
read('setitems odd', b'}(K\1u.')
read('dict odd', b'(K\1d.')
read('memo text', b'g7\n.')
read('memo binary', b'h\7.')
read('memo long', b'j\7\1\0\0.')
read('memo no number', b'gx\n.')
read('put negative', b'Np-1\n.')
read('put no number', b'Npx\n.', True)
read('put nothing', b'q\0.')
read('int', b'Ix\n.')
read('int empty', b'I\n.')
read('long', b'Lx\n.', True)
read('long empty', b'L\n.')
read('float', b'Fx\n.', True)
read('long4 negative', b'\x8b\xff\xff\xff\xff.')
read('string unquoted', b'Sabc\n.')
read('string half quoted', b"S'abc\n.")
read('binstring negative', b'T\xff\xff\xff\xff.')
read('binunicode8 too long', b'\x8d' + q8((1 << 64) - 1) + b'.')
read('bytearray8 too long', b'\x96' + q8((1 << 64) - 1) + b'.')
read('frame too long', b'\x80\4\x95' + q8((1 << 64) - 1) + b'.')
read('utf-8', b'X\1\0\0\0\xff.', True)
read('ascii', b'U\1\xff.', True)
read('persistent', b'Pabc\n.')
read('persistent binary', b'K\1Q.')
read('extension unknown', b'\x80\2\x82\1.')
read('extension zero', b'\x80\2\x82\0.')
read('extension negative', b'\x80\2\x84\xff\xff\xff\xff.')
read('name absent', b'czoo\nAbsent\n.', True)
read('name in absent class', b'\x80\4czoo\nAbsent.name\n.', True)
read('name absent in class', b'\x80\4czoo\nOuter.absent\n.', True)
read('name local', b'\x80\4czoo\nOuter.<locals>.absent\n.')
read('module absent', b'cno_such_module_anywhere\nname\n.', True)
read('stack_global no strings', b'\x80\4K\1K\2\x93.')
read('newobj no class', b'\x80\2K\1)\x81.')
read('newobj no tuple', b'\x80\2czoo\nPlain\nK\1\x81.')
read('newobj_ex no class', b'\x80\4K\1)}\x92.')
read('newobj_ex no tuple', b'\x80\4czoo\nPlain\nK\1}\x92.')
read('newobj_ex no dict', b'\x80\4czoo\nPlain\n)K\1\x92.')
read('build no dict', b'czoo\nEmpty\n)\x81K\1b.')
read('build no slot dict', b'\x80\2czoo\nEmpty\n)\x81NK\1\x86b.')
read('reduce not callable', b'K\1)R.', True)
read('reduce no tuple', b'czoo\nfunction\nK\1R.', True)
read('append to int', b'K\1K\2a.', True)
read('appends to int', b'K\1(K\2e.', True)
read('setitem of int', b'K\1K\2K\3s.', True)
read('additems of int', b'\x80\4K\1(K\2\x90.', True)
read('unhashable key', b'}]K\1s.', True)
read('unhashable member', b'\x80\4\x8f(]\x90.', True)
read('no buffers', b'\x80\5\x97.')
read('readonly of int', b'\x80\5K\1\x98.', True)
read('argument over frame end', b'\x80\4\x95' + q8(3) + b'\x8c\5hello.')
read('frame in a frame', b'\x80\4\x95' + q8(11) + b'N\x95' + q8(2) + b'0N.')


def plain(text):
    """The text without addresses."""
    return re.sub(r'0x[0-9a-fA-F]+', '0x', text)


def describe(error):
    """What is compared of an exception: type, text, notes, and what it was raised from."""
    context = error.__context__
    return [type(error).__name__, plain(str(error)), [plain(note) for note in getattr(error, '__notes__', None) or ()],
            type(context).__name__ if context is not None else None, error.__cause__ is not None]


def outcome(call, *args):
    try:
        result = call(*args)
    except Exception as error:
        return describe(error)
    return 'bytes' if isinstance(result, bytes) else 'value'


def outcomes(dumps, loads):
    """Everything, by name; per protocol where the protocols differ."""
    table = collections.OrderedDict()
    for name, build in WRITES.items():
        table['write ' + name] = [outcome(dumps, build(), proto) for proto in range(6)]
    for name, data in READS.items():
        table['read ' + name] = outcome(loads, data)
    return table

