# -*- coding: utf-8 -*-
"""What user code sees of a pickler and an unpickler at work: each call made to it, in order.

    trace_write(dump, name, protocol, fuse, error)    one traced dump; see WRITES
    trace_read(...)                                   one traced load; see READS
    table(...)                                        everything, as golden/calls.json holds it

Each call is noted on a tape. A tape may have a fuse: the call noted at that position raises. A trace ends with the
outcome: how it ended, what was written in all, how many objects the memo holds (or where the file was left).
"""
import collections
import copyreg
import hashlib
import io
import struct
import zlib

from implementations import ENGINE, PYTHON

PickleBuffer = (ENGINE or PYTHON).PickleBuffer
PROTOCOLS = range(6)


class Tripped(Exception):
    pass


class Tape(object):
    """Notes calls; raises at the call that has the number `fuse`."""
    current = None

    def __init__(self, fuse=None, error=Tripped):
        self.calls = []
        self.fuse = fuse
        self.error = error

    def __call__(self, call, *about):
        self.calls.append(' '.join([call] + [each if isinstance(each, str) and call in PLAIN else show(each) for each in about]))
        if len(self.calls) - 1 == self.fuse:
            raise self.error('at call %d' % self.fuse)


PLAIN = {'find_class'}


def note(call, *about):
    if Tape.current is not None:
        Tape.current(call, *about)


def show(obj, depth=0):
    """A short text without addresses that never runs the traced classes' own code."""
    cls = type(obj)
    if cls in (int, bool, float, type(None)):
        return repr(obj)
    if cls in (str, bytes, bytearray, memoryview):
        data = obj.encode('utf-8', 'surrogatepass') if cls is str else bytes(obj)
        if len(data) > 24:
            return '%s:%d:%08x' % (cls.__name__, len(data), zlib.crc32(data))
        return repr(obj) if cls is not memoryview else repr(data)
    if isinstance(obj, type):
        return obj.__name__
    if cls in (list, tuple) and depth < 2:
        return '%s(%s)' % (cls.__name__, ', '.join(show(each, depth + 1) for each in obj))
    if cls is dict and depth < 2:
        return 'dict(%s)' % ', '.join('%s: %s' % (show(key, depth + 1), show(obj[key], depth + 1)) for key in obj)
    if isinstance(obj, Tagged):
        return '<%s %s>' % (cls.__name__, obj.__dict__.get('tag'))
    if hasattr(obj, '__qualname__') and callable(obj):
        return obj.__qualname__
    return cls.__name__


# ---- objects that tell how they are pickled

class Tagged(object):
    def __init__(self, tag=None, *values):
        self.tag = tag
        self.values = values


def rebuild(*args):
    note('rebuild', len(args))
    return Tagged('rebuilt')


class Reduces(Tagged):
    def __reduce__(self):
        note('__reduce__', self)
        return (rebuild,) + self.values


class ReducesEx(Tagged):
    def __reduce_ex__(self, protocol):
        note('__reduce_ex__', self, protocol)
        return rebuild, self.values


class States(Tagged):
    """Its state is written by default and applied by default, but asked for."""
    def __getstate__(self):
        note('__getstate__', self)
        return {'tag': self.tag, 'values': self.values}


class Restores(States):
    def __setstate__(self, state):
        note('__setstate__', self)
        self.__dict__.update(state)


class Sets(States):
    """Its attributes are set one by one, in the second half of its state."""
    def __getstate__(self):
        note('__getstate__', self)
        return {'tag': self.tag}, {'values': self.values, 'more': 1}

    def __setattr__(self, name, value):
        note('__setattr__', name)
        object.__setattr__(self, name, value)


class NewArgs(States):
    def __new__(cls, *args):
        note('__new__', cls, len(args))
        return object.__new__(cls)

    def __init__(self, *args):
        note('__init__', len(args))
        self.tag, self.values = args[0], args[1:]

    def __getnewargs__(self):
        note('__getnewargs__', self)
        return (self.tag,) + self.values


class NewArgsEx(States):
    def __new__(cls, *args, **words):
        note('__new__', cls, len(args), sorted(words))
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        note('__getnewargs_ex__', self)
        return (self.tag,), {'word': self.values}


class Steps(object):
    """An iterator that tells of each step."""
    def __init__(self, tag, items):
        self.tag = tag
        self.items = iter(items)

    def __iter__(self):
        note('__iter__', self.tag)
        return self

    def __next__(self):
        note('__next__', self.tag)
        return next(self.items)


class Whole(Tagged):
    """A reduce value with all its parts."""
    def __reduce__(self):
        note('__reduce__', self)
        items, pairs, state, setter = (self.values + (None,) * 4)[:4]
        return (Grows, (self.tag,), state, None if items is None else Steps('items', items),
                None if pairs is None else Steps('pairs', pairs)) + ((setter,) if setter else ())


class Grows(Tagged):
    """What a Whole becomes: takes its items one by one."""
    def __init__(self, tag):
        note('Grows', tag)
        Tagged.__init__(self, tag)

    def append(self, item):
        note('append', item)

    def __setitem__(self, key, value):
        note('__setitem__', key, value)

    def __setstate__(self, state):
        note('__setstate__', state)


class GrowsAtOnce(Grows):
    def extend(self, items):
        note('extend', items)


class Takes(Tagged):
    def add(self, item):
        note('add', item)

    def append(self, item):
        note('append', item)


class Key(Tagged):
    def __hash__(self):
        note('__hash__', self)
        return 7

    def __eq__(self, other):
        note('__eq__', self, other)
        return self is other


class OwnList(list, Tagged):
    def __init__(self, *items):
        list.__init__(self, items)
        self.tag = 'own'

    def __iter__(self):
        note('list.__iter__')
        return list.__iter__(self)

    def append(self, item):
        note('list.append', item)
        list.append(self, item)

    def extend(self, items):
        note('list.extend', items)
        list.extend(self, items)


class OwnDict(dict, Tagged):
    def __init__(self, *items, **words):
        dict.__init__(self, *items, **words)
        self.tag = 'own'

    def items(self):
        note('dict.items')
        return dict.items(self)

    def __setitem__(self, key, value):
        note('dict.__setitem__', key, value)
        dict.__setitem__(self, key, value)


class OwnSet(set):
    def __reduce__(self):
        note('__reduce__')
        return set, (sorted(self),)


class Watched(Tagged):
    """Tells of every attribute that is asked for."""
    def __getattribute__(self, name):
        note('__getattribute__', name)
        return object.__getattribute__(self, name)


class Unslotted(object):
    __slots__ = ('left', 'right')

    def __init__(self, left, right):
        self.left = left
        self.right = right

    def __getattribute__(self, name):
        note('__getattribute__', name)
        return object.__getattribute__(self, name)


class Single(Tagged):
    def __reduce__(self):
        note('__reduce__', self)
        return 'SINGLE'


SINGLE = Single('single')


class Meta(type):
    def __reduce__(cls):
        note('Meta.__reduce__')
        return 'OfMeta'


OfMeta = Meta('OfMeta', (Tagged,), {'__module__': __name__})


class Exports(Tagged):
    """Pickles a buffer."""
    def __reduce_ex__(self, protocol):
        note('__reduce_ex__', self, protocol)
        return rebuild, tuple(PickleBuffer(each) for each in self.values)


class Registered(Tagged):
    pass


class Tabled(Tagged):
    def __reduce__(self):
        note('__reduce__', self)
        return rebuild, ()


class Overridden(Tagged):
    def __reduce__(self):
        note('__reduce__', self)
        return rebuild, ()


def reduce_registered(obj):
    note('copyreg', obj)
    return rebuild, obj.values


def reduce_tabled(obj):
    note('dispatch_table', obj)
    return rebuild, obj.values


copyreg.pickle(Registered, reduce_registered)


def set_state(obj, state):
    note('setter', obj, state)


# ---- what is dumped

WRITES = collections.OrderedDict()


def shared(obj):
    return [obj, obj, (obj,), {'again': obj}]


def cyclic():
    holder = []
    node = Reduces('cyclic', (), {'holder': holder})
    holder.append(node)
    return holder


def state_cycle():
    x = Restores('outer')
    x.values = ([x], Restores('inner', x))
    return x


def newargs_cycle():
    holder = []
    x = NewArgs('leads back', holder)
    holder.append(x)
    return x


def large(size):
    return bytes(bytearray(range(256))) * (size // 256)


WRITES['atoms'] = lambda: [None, True, 7, 1 << 70, 2.5, 'text', b'bytes', bytearray(b'array'), (), [], {}, set(), frozenset([1])]
WRITES['names'] = lambda: [Tagged, rebuild, len, Tagged, int, OfMeta, type(None), Tagged.__init__, Grows('g').append]
WRITES['order'] = lambda: [Reduces('a', (1, [Reduces('b', ())])), {'k': Reduces('c', ()), Reduces('d', ()): 'v'},
                           (Reduces('e', ()), Reduces('f', ()))]
WRITES['shared'] = lambda: shared(Reduces('a', ()))
WRITES['shared atoms'] = lambda: shared('text that is shared') + shared((1, 2)) + shared([])
WRITES['parts'] = lambda: Reduces('a', (Reduces('arg', ()),), Reduces('state', ()), iter([Reduces('item', ())]),
                                  iter([(Reduces('key', ()), Reduces('value', ()))]), set_state)
WRITES['iterators'] = lambda: [Whole('both', [1, 2, 3], [('k', 'v')], {'state': 1}), Whole('items', [1]), Whole('none', [], []),
                               Whole('pairs', None, [(1, 2), (3, 4)]), Whole('setter', None, None, 5, set_state)]
WRITES['long iterators'] = lambda: Whole('long', range(1001), ((i, i) for i in range(1000)))
WRITES['iterators of reducing'] = lambda: Whole('deep', [Reduces('i', ()), Reduces('j', ())], [(Reduces('k', ()), Reduces('v', ()))])
WRITES['reduce_ex'] = lambda: [ReducesEx('a', ReducesEx('b')), ReducesEx('c')]
WRITES['states'] = lambda: [States('a', 1), States('b', States('c')), Restores('d', Restores('e'))]
WRITES['newargs'] = lambda: [NewArgs('a', NewArgs('b')), NewArgs('c')]
WRITES['newargs_ex'] = lambda: [NewArgsEx('a', NewArgsEx('b')), NewArgsEx('c')]
WRITES['cycle'] = cyclic
WRITES['cycle of states'] = state_cycle
WRITES['cycle of newargs'] = newargs_cycle
WRITES['by name'] = lambda: [SINGLE, SINGLE, Reduces('a', (SINGLE,))]
WRITES['own containers'] = lambda: [OwnList(1, Reduces('a', ())), OwnDict(k=Reduces('b', ())), OwnSet([1, 2])]
WRITES['keys'] = lambda: [{Key('a'): 1, Key('b'): 2}, {Key('c')}, frozenset([Key('d')])]
WRITES['tables'] = lambda: [Registered('a', Registered('b')), Tabled('c', Tabled('d')), Overridden('e', Overridden('f')), OfMeta('g')]
WRITES['registered'] = lambda: [Registered('a', 1), [Registered('b', Reduces('c', ()))]]
WRITES['frames'] = lambda: [Reduces('a', ()), large(65280), Reduces('b', ()), large(65536), Reduces('c', ()), 'q' * 66000,
                            Reduces('d', ()), [large(256) for i in range(300)], Reduces('e', ()), bytearray(large(70144))]
WRITES['bytes to the brim'] = lambda: [[large(256) for i in range(255)], large(256 * 3), Reduces('a', ()), [large(2560) for i in range(60)]]
WRITES['large alone'] = lambda: large(1 << 20)
WRITES['buffers'] = lambda: [Exports('a', b'readonly', bytearray(b'writable')), PickleBuffer(bytearray(b'direct')), Exports('b', large(70144))]
WRITES['buffers shared'] = lambda: shared(PickleBuffer(bytearray(b'shared')))

# Seen by none but the interpreter's own type machinery: compared with the same interpreter's pickle only.
HERE_ONLY = {'attributes': lambda: [Watched('a', 1), Watched('b', [2]), Unslotted(1, 2)]}


class Table(dict):
    """A dispatch_table that tells what is looked up."""
    def __getitem__(self, cls):
        note('dispatch_table[]', cls)
        return dict.__getitem__(self, cls)


def hooks(pickler, kind, protocol):
    """A class that has the hooks of this kind, and the options for making a pickler of it."""
    members, options = {}, {}
    if 'persistent' in kind:
        def persistent_id(self, obj):
            note('persistent_id', obj)
            return obj.tag if isinstance(obj, Reduces) and obj.tag in ('b', 'e') else None
        members['persistent_id'] = persistent_id
    if 'override' in kind:
        def reducer_override(self, obj):
            note('reducer_override', obj)
            if type(obj) is Overridden:
                return rebuild, obj.values
            return NotImplemented
        members['reducer_override'] = reducer_override
    if 'table' in kind:
        members['dispatch_table'] = Table({Tabled: reduce_tabled, Meta: lambda cls: (note('table of Meta'), 'OfMeta')[1]})
    if 'callback' in kind and protocol == 5:
        def buffer_callback(buffer):
            note('buffer_callback', bytes(buffer.raw()))
            return bytes(buffer.raw())[:1] == b'd'
        options['buffer_callback'] = buffer_callback
    return type('Pickler', (pickler,), members), options


KINDS = ('plain', 'persistent', 'override table callback', 'persistent override table callback')


class Written(object):
    """A file that tells of each write; what is written below protocol 4 comes in other pieces, so only the sum counts."""
    def __init__(self, protocol):
        self.tells = protocol >= 4
        self.sum = 0
        self.size = 0

    def write(self, chunk):
        data = bytes(chunk)
        if self.tells:
            note('write', data)
        self.sum = zlib.crc32(data, self.sum)
        self.size += len(data)
        return len(data)


def trace_write(impl, name, kind, protocol, fuse=None, error=Tripped):
    obj = (WRITES.get(name) or HERE_ONLY[name])()
    cls, options = hooks(impl.Pickler, kind, protocol)
    file = Written(protocol)
    pickler = cls(file, protocol, **options)
    Tape.current = tape = Tape(fuse, error)
    try:
        pickler.dump(obj)
        ended = 'done'
    except Exception as caught:
        ended = type(caught).__name__
    finally:
        Tape.current = None
    # below protocol 4 a dump that fails leaves nothing or some pieces behind
    written = ' written %d %08x' % (file.size, file.sum) if protocol >= 4 or ended == 'done' else ''
    return tape.calls + ['%s: memo %d%s' % (ended, len(pickler.memo.copy()), written)]


def trace_dumps(impl, name, protocol, fuse=None, error=Tripped):
    obj = (WRITES.get(name) or HERE_ONLY[name])()
    Tape.current = tape = Tape(fuse, error)
    try:
        data = impl.dumps(obj, protocol)
        ended = 'done %d %08x' % (len(data), zlib.crc32(data))
    except Exception as caught:
        ended = type(caught).__name__
    finally:
        Tape.current = None
    return tape.calls + [ended]


# ---- what is loaded: streams made by hand, and what the reference wrote

ME = __name__.encode('ascii')


def name_of(name):
    return b'c' + ME + b'\n' + name + b'\n'


def framed(body):
    return b'\x80\x04\x95' + struct.pack('<Q', len(body)) + body


READS = collections.OrderedDict()
MADE = name_of(b'Grows') + b'(K\1tR'
AT_ONCE = name_of(b'GrowsAtOnce') + b'(K\1tR'
READS['append'] = b'(' + MADE + b'K\2a(K\3K\4e(ee(K\5et.'.replace(b'(ee', b'(e')
READS['extend'] = b'(' + AT_ONCE + b'K\2a(K\3K\4e(e(K\5et.'
READS['setitem'] = MADE + b'K\2K\3s(K\4K\5K\6K\7u(u(K\x08K\x09u.'
READS['setstate'] = MADE + b'N' + b'b}b(K\1K\2tb.'
READS['add'] = b'\x80\x04' + name_of(b'Takes') + b')R(K\1K\2\x90(\x90(K\3\x90.'
READS['setattr'] = name_of(b'Sets') + b')R}X\1\0\0\0aK\1s}(X\1\0\0\0bK\2X\1\0\0\0cK\3u\x86b.'
READS['own list'] = name_of(b'OwnList') + b')RK\1a(K\2K\3e(ee.'.replace(b'(ee', b'(e')
READS['own dict'] = name_of(b'OwnDict') + b')RK\1K\2s(K\3K\4K\5K\6u(u.'
READS['keys'] = b'}(' + b''.join(name_of(b'Key') + b'(K' + bytes([i]) + b'tRK\1' for i in range(4)) + b'u.'
READS['keys of a set'] = b'\x80\x04\x8f(' + b''.join(name_of(b'Key') + b'(K' + bytes([i]) + b'tR' for i in range(3)) + b'\x90.'
READS['keys of a frozenset'] = b'\x80\x04(' + b''.join(name_of(b'Key') + b'(K' + bytes([i]) + b'tR' for i in range(3)) + b'\x91.'
READS['keys of a dict at once'] = b'(' + b''.join(name_of(b'Key') + b'(K' + bytes([i]) + b'tRK\1' for i in range(3)) + b'd.'
READS['new'] = b'\x80\x04(' + name_of(b'NewArgs') + b'(K\1K\2t\x81' + name_of(b'NewArgsEx') + b'(K\1t}\x8c\4wordK\2s\x92t.'
READS['instances'] = b'((K\1K\2i' + ME + b'\nrebuild\n(' + name_of(b'rebuild') + b'K\1o(i' + ME + b'\nTagged\nt.'
READS['classes'] = b'\x80\x04(' + name_of(b'Tagged') + b'\x8c' + bytes([len(ME)]) + ME + b'\x94\x8c\7rebuild\x93h\0\x8c\7rebuild\x93cbuiltins\nlen\nt.'
READS['no such class'] = b'(cno_such_module\nname\nt.'
READS['no such name'] = b'\x80\x04(cbuiltins\nno_such_name\nt.'
READS['persistent'] = b'(P1\nK\2Q(K\3tQ\x80\x04\x8c\4textQt.'
READS['deep order'] = b'(' + MADE + MADE + b'a' + MADE + b'K\1s' + MADE + b'bt.'
READS['framed'] = framed(b'(' + MADE + b'K\2a' + b'\x8c\4text' + MADE + b'N' + b'bt.')
READS['two frames'] = framed(b'(' + MADE) + b'B' + struct.pack('<I', 70000) + b'x' * 70000 + framed(MADE + b'N' + b'bt.')[2:]
READS['texts'] = b'(I1\nL2L\nF3.5\nS"four"\nVfive\nNp0\ng0\nI01\nt.'
READS['sized'] = (b'(X\3\0\0\0abcU\2deC\1fT\4\0\0\0ghijB\5\0\0\0klmnoJ\1\2\3\4M\1\2G' + struct.pack('>d', 1.5) + b'\x8a\2\1\2\x8b\1\0\0\0\7t.')
READS['large'] = b'(B' + struct.pack('<I', 300000) + b'y' * 300000 + b'X' + struct.pack('<I', 200000) + b'z' * 200000 + b'\x96' + struct.pack('<Q', 100000) + b'w' * 100000 + b't.'
READS['buffers'] = b'\x80\x05(\x97\x97\x98t.'
READS['short'] = b'(K\1X\4\0\0\0ab'
READS['short line'] = b'(I12'
READS['short frame'] = b'\x80\x04\x95' + struct.pack('<Q', 100) + b'(K\1t'
READS['nothing'] = b''
READS['unknown'] = b'(K\1\xff'
# these came out of a pickler: name -> object in WRITES
DUMPED = ('parts', 'iterators', 'states', 'newargs', 'newargs_ex', 'cycle of newargs', 'cycle of states', 'registered', 'frames',
          'own containers', 'order')
READ_KINDS = ('loads', 'read', 'readinto', 'peek')


def streams(dumps):
    """name -> bytes; dumps is one that writes the newest bytes."""
    found = collections.OrderedDict(READS)
    for name in DUMPED:
        for protocol in (0, 2, 4, 5):
            found['%s, protocol %d' % (name, protocol)] = dumps(WRITES[name](), protocol)
    return found


class Read(object):
    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def read(self, size):
        note('read', size)
        return self.inner.read(size)

    def readline(self):
        note('readline')
        return self.inner.readline()


class ReadInto(Read):
    def readinto(self, buffer):
        note('readinto', len(buffer))
        return self.inner.readinto(buffer)


class Peek(object):
    """Which calls are made of a file that lets one look ahead is the reader's own affair: it tells of none."""
    def __init__(self, data):
        self.inner = io.BytesIO(data)
        self.read, self.readline, self.readinto = self.inner.read, self.inner.readline, self.inner.readinto

    def peek(self, size):
        return self.inner.getvalue()[self.inner.tell():][:4096]


FILES = {'read': Read, 'readinto': ReadInto, 'peek': Peek}


def buffers():
    for i in range(3):
        note('buffer', i)
        yield bytearray(b'buffer')


def trace_read(impl, data, kind, fuse=None, error=Tripped):
    Tape.current = tape = Tape(fuse, error)
    left = ''
    try:
        if kind == 'loads':
            result = impl.loads(data, buffers=buffers()) if impl.name != 'stdlib' or impl.has((3, 8)) else impl.loads(data)
        else:
            class Unpickler(impl.Unpickler):
                def find_class(self, module, name):
                    note('find_class', module, name)
                    return super(Unpickler, self).find_class(module, name)

                def persistent_load(self, identity):
                    note('persistent_load', identity)
                    return identity

            file = FILES[kind](data)
            result = Unpickler(file, buffers=buffers()).load()
        ended = 'done ' + type(result).__name__
    except Exception as caught:
        ended = type(caught).__name__
    finally:
        Tape.current = None
    if kind != 'loads':
        left = ': file left at %d' % file.inner.tell()
    return tape.calls + [ended + left]


# ---- everything

def every_position(run):
    """The trace without a fuse, and how it ends with a fuse at each position: the outcome where all before it is the same."""
    whole = run(None, Tripped)
    odd = {}
    for position in positions(whole):
        # an AttributeError is what the machinery itself may expect and swallow
        error = AttributeError if position % 3 == 1 else Tripped
        trace = run(position, error)
        odd['%d' % position] = trace[-1] if trace[:-1] == whole[:position + 1] else '|'.join(trace)
    return whole, odd


def positions(trace):
    """All calls of a short trace, and some of a long one."""
    count = len(trace) - 1
    chosen = set(range(min(count, 120))) if count < 200 else set(range(10)) | set(range(10, count, 197)) | set(range(count - 4, count))
    return sorted(chosen)


def cases(here_only=False):
    """(name, how to trace it with an implementation), without the reads."""
    for name in list(WRITES) + list(HERE_ONLY) * here_only:
        for protocol in PROTOCOLS:
            if name.startswith('buffers') and protocol < 5:
                continue
            for kind in KINDS if protocol in (1, 4, 5) else KINDS[::3]:
                yield ('write %s, %s, protocol %d' % (name, kind, protocol),
                       lambda impl, fuse, error, a=(name, kind, protocol): trace_write(impl, *(a + (fuse, error))))
            yield ('dumps %s, protocol %d' % (name, protocol),
                   lambda impl, fuse, error, a=(name, protocol): trace_dumps(impl, *(a + (fuse, error))))


def read_cases(dumps):
    for name, data in streams(dumps).items():
        for kind in READ_KINDS:
            yield ('read %s, %s' % (name, kind),
                   lambda impl, fuse, error, a=(data, kind): trace_read(impl, *(a + (fuse, error))))


LONG = 1500


def digest(lines):
    return hashlib.sha256('\n'.join(lines).encode('utf-8')).hexdigest()[:16]


def summary(whole, odd):
    """What golden/calls.json keeps of a case: the trace, the number of fuses and one digest for what all of them did."""
    text = '\n'.join(whole)
    return [text if len(text) < LONG else digest(whole), len(odd), digest('%s: %s' % pair for pair in sorted(odd.items()))]
