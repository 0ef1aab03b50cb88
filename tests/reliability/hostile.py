# -*- coding: utf-8 -*-
"""Streams and files made by an enemy, by name.

    python tests/reliability/hostile_worker.py NAME    runs them all with one implementation, see there
    python3.15 tests/reliability/test_hostile.py       writes hostile.json: how CPython 3.15 ends each of them

A case is a stream with the keywords of loads(), or a file that does not do as files do.
"""
import collections
import io
import os
import struct
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from odd import File  # noqa: E402

CASES = collections.OrderedDict()   # name -> (stream, keywords)
FILES = collections.OrderedDict()   # name -> (class of the file, its data)


def u4(number):
    return struct.pack('<I', number)


def u8(number):
    return struct.pack('<Q', number)


def case(name, data, **keywords):
    assert name not in CASES, name
    CASES[name] = data, keywords


P4 = b'\x80\x04'
P5 = b'\x80\x05'
GLOBAL_LIST = b'cbuiltins\nlist\n'
GLOBAL_OBJECT = b'cbuiltins\nobject\n'
GLOBAL_DEQUE = b'ccollections\ndeque\n'
ENDS = {'4 bytes': b'abcd', 'nothing': b'', 'a stop': b'.'}

# --- memo indices ---------------------------------------------------------------------------------------------------
for power in (16, 24, 31, 32, 33, 40, 62, 63, 64, 65, 128):
    for step in (-1, 0):
        number = 2 ** power + step
        case('put %d**%d%+d' % (2, power, step), b'Np%d\n.' % number)
        case('get %d**%d%+d' % (2, power, step), b'g%d\n.' % number)
for number in (2 ** 16, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1):
    case('long_binput %d' % number, b'Nr' + u4(number) + b'.')
    case('long_binput and get %d' % number, b'(Nr' + u4(number) + b'j' + u4(number) + b't.')
    case('long_binget %d' % number, b'j' + u4(number) + b'.')
case('many far puts', b'(' + b''.join(b'Nr' + u4(i * 0x10001 + 7) for i in range(5000)) + b't.')
case('far puts then near ones', b'(' + b''.join(b'Nr' + u4(2 ** 32 - 1 - i) for i in range(3000))
     + b''.join(b'Nr' + u4(i) for i in range(3000)) + b'l.')
case('puts going up by squares', b'(' + b''.join(b'Nr' + u4(i * i) for i in range(20000)) + b'l.')
case('puts going down', b'(' + b''.join(b'Nr' + u4(i) for i in range(20000, 0, -1)) + b'l.')
case('puts that collide', b'(' + b''.join(b'Nr' + u4((i << 16) + 65536) for i in range(20000)) + b'l.')
case('one put again and again', b'(' + b'Nr\xff\xff\xff\x7f' * 20000 + b'l.')
case('memoize over a put', b'(K\1p3\nK\2\x94K\3\x94K\4\x94K\5\x94h\0h\1h\2h\3t.')
case('put of minus one', b'Np-1\n.')
case('put of much less', b'Np-99999999999999999999999\n.')
case('get of minus one', b'g-1\n.')
case('get of much less', b'g-99999999999999999999999\n.')
case('put with junk', b'Np12abc\n.')
case('put with a space', b'Np 12\n.')
case('put with an underscore', b'Np1_2\n.')
case('put in hexadecimal', b'Np0x10\n.')
case('put of nothing', b'Np\n.')
case('get with junk', b'g12abc\n.')
case('get of nothing', b'g\n.')
case('get with a nul', b'Nq\0g0\0\n.')
case('put without an object', b'p0\n.')
case('binput without an object', b'q\0.')
case('long_binput without an object', b'r\0\0\0\0.')
case('memoize without an object', P4 + b'\x94.')
case('memoize above a mark', P4 + b'N(\x94.')
case('binput above a mark', b'N(q\0.')
case('missing entry beside others', b'(K\1q\0K\2q\2h\1t.')
case('half-built tuple', b'(h\0q\0t.')
case('half-built list', b']q\0(h\0K\1e.')
case('half-built dict as its own key', b'}q\0h\0K\1s.')
case('half-built instance', P4 + GLOBAL_OBJECT + b')\x81\x94h\0h\0b.')
case('half-built set in itself', P4 + b'\x8f\x94(h\0\x90.')
case('frozenset with a list of itself', P4 + b'(]\x94h\0\x91.')
case('class fetched before it was put', b'h\0)\x81.')

# --- lengths that lie -----------------------------------------------------------------------------------------------
COUNTED = [('short_binunicode', b'\x8c', 1), ('binunicode', b'X', 4), ('binunicode8', b'\x8d', 8),
           ('short_binbytes', b'C', 1), ('binbytes', b'B', 4), ('binbytes8', b'\x8e', 8), ('bytearray8', b'\x96', 8),
           ('short_binstring', b'U', 1), ('binstring', b'T', 4), ('long1', b'\x8a', 1), ('long4', b'\x8b', 4)]
for name, code, width in COUNTED:
    sizes = [2 ** (8 * width) - 1, 2 ** (8 * width - 1), 2 ** (8 * width - 1) - 1, 6]
    if width == 8:
        sizes += [2 ** 62, 2 ** 40, 2 ** 32, 2 ** 31]
    if width >= 4:
        sizes += [2 ** 30, 2 ** 24]
    for size in sizes:
        case('%s of %d with 4 bytes' % (name, size), code + struct.pack('<Q', size)[:width] + b'abcd.')
    case('%s without a length' % name, code)
    if width > 1:
        case('%s with half a length' % name, code + b'\1' * (width // 2))
case('binbytes of a gigabyte, in protocol 4', P4 + b'B' + u4(2 ** 30) + b'x' * 1000)
case('many long strings that are not there', b''.join(b'X\1\0\0\0a0' for _ in range(1000)) + b'X' + u4(2 ** 31 - 1))

# --- frames ---------------------------------------------------------------------------------------------------------
FRAME = b'\x95'
for size in (2 ** 64 - 1, 2 ** 63, 2 ** 63 - 1, 2 ** 62, 2 ** 40, 2 ** 31, 2 ** 30, 2 ** 24, 10):
    case('frame of %d' % size, P4 + FRAME + u8(size) + b'N.')
case('frame of 0', P4 + FRAME + u8(0) + b'N.')
case('frames of 0 without end', P4 + (FRAME + u8(0)) * 20000)
case('frame of 1 before more', P4 + FRAME + u8(1) + b'(NNt.')
case('frame in a frame', P4 + FRAME + u8(11) + b'N' + FRAME + u8(2) + b'0N.')
case('frame in a frame that is longer', P4 + FRAME + u8(12) + b'N' + FRAME + u8(200) + b'0N.')
case('frames that nest deep', P4 + (FRAME + u8(1000)) * 200 + b'N.' * 500)
case('frame without a length', P4 + FRAME + b'\1\2\3')
case('frame below protocol 4', FRAME + u8(2) + b'N.')
case('argument over the end', P4 + FRAME + u8(3) + b'\x8c\5hello.')
case('argument begins at the end', P4 + FRAME + u8(2) + b'\x8c\5hello.')
case('number over the end', P4 + FRAME + u8(3) + b'J\1\2\3\4.')
case('length over the end', P4 + FRAME + u8(2) + b'X\5\0\0\0hello.')
case('line over the end', P4 + FRAME + u8(3) + b'I12\n.')
case('names over the end', P4 + FRAME + u8(12) + b'cbuiltins\nlist\n.')
case('bytes over the end', P5 + FRAME + u8(12) + b'\x96' + u8(8) + b'abcdefgh.')
case('frame header over the end', P4 + FRAME + u8(5) + b'NNNN' + FRAME + u8(1) + b'.')
case('stop inside a frame with more', P4 + FRAME + u8(10) + b'N.' + b'junkjunk')
case('stop after the frame', P4 + FRAME + u8(4) + b'NNNN.')
case('frame cut in the middle', P4 + FRAME + u8(100) + b'(' + b'N' * 50)
case('frame of a gigabyte, in a row', P4 + (FRAME + u8(2 ** 30)) * 10)

# --- marks and the stack --------------------------------------------------------------------------------------------
case('marks without end', b'(' * 1000000)
case('marks and a stop', b'(' * 1000000 + b'.')
case('marks and nones', b'(N' * 300000)
case('objects without end', b'N' * 1000000)
case('dup without end', b'N' + b'2' * 1000000)
case('marks, then a tuple for each', b'(' * 200000 + b't' * 200000 + b'.')
case('nested lists cut', b']' * 500000)
case('empty', b'')
case('only a protocol', P4)
case('only a stop', b'.')
case('mark and stop', b'(.')
case('none, mark and stop', b'N(.')
case('unused objects', b'NNN.')
case('no mark', b'NNt.')
NEEDS = [('pop', b'0', 1), ('dup', b'2', 1), ('append', b'a', 2), ('setitem', b's', 3), ('tuple1', b'\x85', 1),
         ('tuple2', b'\x86', 2), ('tuple3', b'\x87', 3), ('reduce', b'R', 2), ('build', b'b', 2), ('newobj', b'\x81', 2),
         ('newobj_ex', b'\x92', 3), ('stack_global', b'\x93', 2), ('binpersid', b'Q', 1),
         ('readonly_buffer', b'\x98', 1), ('stop', b'.', 1)]
for name, code, count in NEEDS:
    for have in range(count):
        case('%s with %d' % (name, have), P5 + b'N' * have + code + b'.')
        case('%s with %d above a mark' % (name, have), P5 + b'NNN(' + b'N' * have + code + b'.')
TAKES_MARK = [('pop_mark', b'1'), ('appends', b'e'), ('setitems', b'u'), ('tuple', b't'), ('list', b'l'), ('dict', b'd'),
              ('additems', b'\x90'), ('frozenset', b'\x91'), ('obj', b'o'), ('inst', b'ibuiltins\nlist\n')]
for name, code in TAKES_MARK:
    case('%s without a mark' % name, P4 + b'NNN' + code + b'.')
    case('%s with only a mark' % name, P4 + b'(' + code + b'.')
    case('%s with a mark and one' % name, P4 + b'(N' + code + b'.')
    case('%s above two marks' % name, P4 + b'((N' + code + b'.')

# --- opcodes on the wrong kind of object ----------------------------------------------------------------------------
KINDS = [('none', b'N'), ('int', b'K\7'), ('str', b'\x8c\3abc'), ('tuple', b')'), ('list', b']'), ('class', GLOBAL_LIST)]
for name, item in KINDS:
    case('append to %s' % name, P4 + item + b'Na.')
    case('appends to %s' % name, P4 + item + b'(NNe.')
    case('setitem of %s' % name, P4 + item + b'K\0Ns.')
    case('setitems of %s' % name, P4 + item + b'(K\0Nu.')
    case('additems to %s' % name, P4 + item + b'(NN\x90.')
    case('build of %s' % name, P4 + item + b'}\x8c\1aNsb.')
    case('build with %s' % name, P4 + GLOBAL_DEQUE + b')R' + item + b'b.')
    case('build of an object with %s' % name, P4 + GLOBAL_OBJECT + b')\x81' + item + b'b.')
    case('slot state %s' % name, P4 + GLOBAL_OBJECT + b')\x81N' + item + b'\x86b.')
    case('reduce of %s' % name, P4 + item + b')R.')
    case('reduce with %s' % name, P4 + GLOBAL_LIST + item + b'R.')
    case('newobj of %s' % name, P4 + item + b')\x81.')
    case('newobj with %s' % name, P4 + GLOBAL_LIST + item + b'\x81.')
    case('newobj_ex of %s' % name, P4 + item + b')}\x92.')
    case('newobj_ex with arguments %s' % name, P4 + GLOBAL_LIST + item + b'}\x92.')
    case('newobj_ex with keywords %s' % name, P4 + GLOBAL_LIST + b')' + item + b'\x92.')
    case('stack_global of %s' % name, P4 + item + b'\x8c\4list\x93.')
    case('stack_global with %s' % name, P4 + b'\x8c\x08builtins' + item + b'\x93.')
    case('obj of %s' % name, b'(' + item + b'o.' if item[:1] not in b'\x8c' else b'(U\3abco.')
    case('readonly_buffer of %s' % name, P5 + item + b'\x98.')
    case('persistent %s' % name, P4 + item + b'Q.')
case('unhashable key', b'}]Ns.')
case('unhashable keys', b'(]Nd.')
case('unhashable member', P4 + b'\x8f(]\x90.')
case('unhashable frozenset', P4 + b'(]\x91.')
case('setitems of an odd number', b'}(NNNu.')
case('dict of an odd number', b'(NNNd.')
case('newobj with wrong arguments', P4 + GLOBAL_OBJECT + b'N\x85\x81.')
case('newobj of a function', P4 + b'cbuiltins\nlen\n)\x81.')
case('newobj of an abstract type', P4 + b'cbuiltins\nNotImplemented\n)\x81.')
case('newobj_ex with keyword no str', P4 + GLOBAL_OBJECT + b')}K\1Ns\x92.')
case('reduce of a bad call', GLOBAL_LIST + b'K\1\x85R.')
case('deep tuple as a key', P4 + b'})' + b'\x85' * 200000 + b'Ns.')
case('deep tuple in a set', P4 + b'\x8f()' + b'\x85' * 200000 + b'\x90.')
case('deep tuple in a frozenset', P4 + b'()' + b'\x85' * 200000 + b'\x91.')
case('tuple that explodes when hashed', P4 + b'}K\1\x85' + b'2\x86' * 20 + b'Ns.')

# --- extensions, persistent ids, buffers ----------------------------------------------------------------------------
for width, code in ((1, b'\x82'), (2, b'\x83'), (4, b'\x84')):
    for number in (0, 7, 2 ** (8 * width) - 1, 2 ** (8 * width - 1)):
        case('ext%d of %d' % (width, number), b'\x80\2' + code + struct.pack('<Q', number)[:width] + b'.')
    case('ext%d without a number' % width, b'\x80\2' + code)
case('persid', b'Pabc\n.')
case('persid not ascii', b'P\xff\xfe\n.')
case('persid without an end', b'Pabc')
case('persid of nothing', b'P\n.')
case('next_buffer without buffers', P5 + b'\x97.')
case('next_buffer with an empty iterable', P5 + b'\x97.', buffers=())
case('next_buffer once too often', P5 + b'\x97\x97\x86.', buffers=(b'a',))
case('next_buffer with a raising iterator', P5 + b'\x97.', buffers='raises')
case('next_buffer with a raising iterator later', P5 + b'\x97\x97\x97\x87.', buffers='raises later')
case('next_buffer that is no buffer', P5 + b'\x97\x98.', buffers=(5,))
case('next_buffer that is no buffer, kept', P5 + b'\x97.', buffers=(5,))
case('readonly_buffer of a strided view', P5 + b'\x97\x98.', buffers='strided')
case('readonly_buffer of a released view', P5 + b'\x97\x98.', buffers='released')

# --- text -----------------------------------------------------------------------------------------------------------
for name, text in [('nothing', b''), ('a letter', b'x'), ('a space', b' '), ('spaces around', b' 7 '), ('plus', b'+7'),
                   ('two signs', b'--7'), ('octal', b'0777'), ('hexadecimal', b'0x1f'), ('binary', b'0b11'),
                   ('underscores', b'1_000'), ('a point', b'1.5'), ('L', b'7L'), ('LL', b'7LL'), ('only L', b'L'),
                   ('a nul', b'7\x008'), ('only a nul', b'\0'), ('not ascii', b'\xd9\xa3'), ('return', b'7\r'),
                   ('00', b'00'), ('01', b'01'), ('02', b'02'), ('001', b'001'), ('minus', b'-'), ('nan', b'nan'),
                   ('infinity', b'inf'), ('exponent', b'1e400'), ('2**63', b'9223372036854775808'),
                   ('-2**63-1', b'-9223372036854775809'), ('20 digits', b'1' * 20), ('18 digits', b'9' * 18)]:
    case('int of %s' % name, b'I' + text + b'\n.')
    case('long of %s' % name, b'L' + text + b'\n.')
    case('float of %s' % name, b'F' + text + b'\n.')
case('int without an end', b'I123456')
case('long without an end', b'L123456L')
case('float without an end', b'F1.5')
case('int of 10 MB', b'I' + b'7' * 10000000 + b'\n.')
case('long of 10 MB', b'L' + b'7' * 10000000 + b'L\n.')
case('put of 10 MB', b'Np' + b'7' * 10000000 + b'\n.')
case('get of 10 MB', b'g' + b'7' * 10000000 + b'\n.')
case('float of 10 MB', b'F' + b'7' * 10000000 + b'\n.')
case('int of 5000 digits', b'I' + b'7' * 5000 + b'\n.')
case('int of 5 MB without an end', b'I' + b'7' * 5000000)
case('name of 5 MB', b'c' + b'x' * 5000000 + b'\ny\n.')
case('long4 of 1 MB', b'\x8b' + u4(1000000) + b'\x7f' * 1000000 + b'0N.')
for name, text in [('nothing', b''), ('no quotes', b'abc'), ('one quote', b"'"), ('half', b"'abc"), ('mixed', b"'abc\""),
                   ('bad escape', b"'\\x'"), ('bad escape end', b"'abc\\'"), ('unknown escape', b"'\\q'"),
                   ('octal escape', b"'\\777'"), ('not ascii', b"'\xff'"), ('escaped not ascii', b"'\\xff'"),
                   ('quote inside', b"'a'b'"), ('space after', b"'abc' ")]:
    case('string of %s' % name, b'S' + text + b'\n.')
case('string without an end', b"S'abc'")
case('string in bytes', b"S'\\xff'\n.", encoding='bytes')
case('string in utf-8', b"S'\\xff'\n.", encoding='utf-8')
case('string, unknown encoding', b"S'abc'\n.", encoding='no such encoding')
case('string, encoding not to str', b"S'abc'\n.", encoding='rot13')
case('string, encoding to bytes', b"S'YWJj'\n.", encoding='base64')
case('string, unknown errors', b"S'\\xff'\n.", errors='no such handler')
case('binstring, unknown encoding', b'U\3abc.', encoding='no such encoding')
for name, text in [('bad escape', b'\\u12'), ('too large', b'\\U00110000'), ('long escape cut', b'\\U0001'),
                   ('lone surrogate', b'\\ud800'), ('two surrogates', b'\\ud83d\\ude00'), ('latin-1', b'\xff'),
                   ('backslash', b'abc\\'), ('nothing', b'')]:
    case('unicode of %s' % name, b'V' + text + b'\n.')
case('unicode without an end', b'Vabc')
for name, text in [('a continuation', b'\x80'), ('overlong', b'\xc0\x80'), ('overlong 3', b'\xe0\x80\x80'),
                   ('overlong 4', b'\xf0\x80\x80\x80'), ('cut 2', b'\xc3'), ('cut 3', b'\xe2\x82'),
                   ('cut 4', b'\xf0\x9f\x98'), ('above the last', b'\xf4\x90\x80\x80'), ('5 bytes', b'\xf8\x88\x80\x80\x80'),
                   ('fe', b'\xfe'), ('ff', b'\xff'), ('high surrogate', b'\xed\xa0\x80'), ('low surrogate', b'\xed\xbf\xbf'),
                   ('surrogate pair', b'\xed\xa0\xbd\xed\xb8\x80'), ('cut surrogate', b'\xed\xa0'),
                   ('bad behind ascii', b'a' * 40 + b'\xff'), ('bad behind a surrogate', b'\xed\xa0\x80\xff'),
                   ('nul', b'\0'), ('cut behind 100', b'\xc3\xa9' * 100 + b'\xc3')]:
    case('utf-8 of %s' % name, b'X' + u4(len(text)) + text + b'.')
    case('short utf-8 of %s' % name, P4 + b'\x8c' + bytes([len(text) & 255]) + text[:255] + b'.')
case('names of surrogates', P4 + b'\x8c\3\xed\xa0\x80\x8c\3\xed\xa0\x80\x93.')
case('names not utf-8', b'c\xff\n\xff\n.')
case('module of nothing', b'c\nlist\n.')
case('name of nothing', b'cbuiltins\n\n.')
case('both of nothing', P4 + b'\x8c\0\x8c\0\x93.')
case('name with dots', P4 + b'\x8c\x08builtins\x8c\7int...x\x93.')
case('name that is local', P4 + b'\x8c\x08builtins\x8c\x10f.<locals>.inner\x93.')
case('name with a nul', P4 + b'\x8c\x08builtins\x8c\5a\0b.c\x93.')
case('module with a nul', P4 + b'\x8c\5a\0b.c\x8c\1x\x93.')
case('module of dots', P4 + b'\x8c\3...\x8c\1x\x93.')
case('module that is not there', b'cno_such_module_anywhere\nx\n.')
case('name that is not there', b'cbuiltins\nno_such_name\n.')
case('global cut', b'cbuiltins\n')
case('global cut in its module', b'cbuil')
case('inst cut', b'(ibuiltins\n')
case('inst of nothing', b'(i\n\n.')
case('inst of what cannot be called', b'(isys\nflags\n.')

# --- protocols and opcodes that are none ----------------------------------------------------------------------------
for number in (6, 7, 127, 128, 255):
    case('protocol %d' % number, b'\x80' + bytes([number]) + b'N.')
case('protocol without a number', b'\x80')
case('protocol late', b'N\x80\4.')
case('protocol later', b'N\x80\xff.')
for number in (0, 1, 0x27, 0x3f, 0x5c, 0x7f, 0x99, 0xc0, 0xff):
    case('opcode 0x%02x' % number, bytes([number]) + b'.')
    case('opcode 0x%02x in a frame' % number, P4 + FRAME + u8(3) + b'N' + bytes([number]) + b'.')
case('zeros', b'\0' * 100000)
case('text', b'<html><body>not a pickle</body></html>')
case('utf-16', u'pickle'.encode('utf-16'))
for name, stop in ENDS.items():
    case('bin numbers cut, %s' % name, b'J\1\2\3'[:3] + stop[:1])
case('binfloat cut', b'G\0\0\0\0')
case('binint2 cut', b'M\1')
case('binint1 cut', b'K')


# --- files that do not do as files do -------------------------------------------------------------------------------
SMALL = P4 + FRAME + u8(23) + b'](\x8c\4abcd\x94\x8c\4efgh\x94K\1M\1\1e.'
LARGE = P4 + b'\x8e' + u8(3000000) + b'x' * 3000000 + b'.'
TEXT = b"(lp0\nI5\naS'abc'\na."
FRAMED = P4 + FRAME + u8(3000003) + b'(' + b'N' * 3000000 + b't.'
LONG_TEXT = P4 + b'X' + u4(2500000) + b'y' * 2500000 + b'.'
STREAMS = [('small', SMALL), ('large', LARGE), ('text', TEXT), ('framed', FRAMED), ('long text', LONG_TEXT)]


class Broken(Exception):
    pass


def kind(name):
    def take(cls):
        for stream, data in STREAMS:
            FILES['%s, %s' % (name, stream)] = cls, data
        return cls
    return take


@kind('plain')
class Plain(File):
    pass


@kind('short reads')
class ShortReads(File):
    def read(self, size):
        return self.inner.read(max(1, size // 2))


@kind('empty reads')
class EmptyReads(File):
    def read(self, size):
        return b''


@kind('long reads')
class LongReads(File):
    def read(self, size):
        return self.inner.read(size) + b'.' * 3


@kind('reads of str')
class TextReads(File):
    def read(self, size):
        return self.inner.read(size).decode('latin-1')


@kind('reads of None')
class NoneReads(File):
    def read(self, size):
        return None


@kind('reads of int')
class IntReads(File):
    def read(self, size):
        return size


@kind('reads that raise')
class RaisingReads(File):
    def read(self, size):
        raise Broken('read')


@kind('lines that raise')
class RaisingLines(File):
    def readline(self):
        raise Broken('readline')


@kind('lines without a newline')
class EndlessLines(File):
    def readline(self):
        return self.inner.readline().rstrip(b'\n')


@kind('lines of str')
class TextLines(File):
    def readline(self):
        return self.inner.readline().decode('latin-1')


@kind('lines of None')
class NoneLines(File):
    def readline(self):
        return None


@kind('empty lines')
class EmptyLines(File):
    def readline(self):
        return b''


class Into(File):
    def readinto(self, buffer):
        return self.inner.readinto(buffer)


@kind('readinto')
class PlainInto(Into):
    pass


@kind('readinto short')
class ShortInto(Into):
    def readinto(self, buffer):
        return self.inner.readinto(memoryview(buffer)[:max(1, len(buffer) // 2)])


@kind('readinto of nothing')
class NothingInto(Into):
    def readinto(self, buffer):
        return 0


@kind('readinto less than nothing')
class NegativeInto(Into):
    def readinto(self, buffer):
        return -5


@kind('readinto of None')
class NoneInto(Into):
    def readinto(self, buffer):
        return None


@kind('readinto of str')
class TextInto(Into):
    def readinto(self, buffer):
        return 'all'


@kind('readinto of 2**70')
class HugeInto(Into):
    def readinto(self, buffer):
        return 2 ** 70


@kind('readinto that raises')
class RaisingInto(Into):
    def readinto(self, buffer):
        raise Broken('readinto')


class Peek(Into):
    def peek(self, size):
        here = self.inner.tell()
        data = self.inner.read(size)
        self.inner.seek(here)
        return data


@kind('peek')
class PlainPeek(Peek):
    pass


@kind('peek of nothing')
class NothingPeek(Peek):
    def peek(self, size):
        return b''


@kind('peek of one')
class OnePeek(Peek):
    def peek(self, size):
        return Peek.peek(self, 1)


@kind('peek not implemented')
class NotPeek(Peek):
    def peek(self, size):
        raise NotImplementedError


@kind('no read at all')
class NoRead(File):
    read = None


@kind('read that is no method')
class ReadIsInt(File):
    read = 5


@kind('readline that is no method')
class LineIsInt(File):
    readline = 5
