"""What the checks of memory repeat: named dumps and loads that together cover every opcode, and errors of each kind.

A subject is a pair of functions: make() gives what is needed (outside the measurement), use(it) does the work. Nothing here
keeps anything from one run to the next.
"""
import collections
import datetime
import io
import os
import pickle
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.dirname(HERE)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import zoo  # noqa: E402
from odd import File  # noqa: E402

import pickle5._pickle as engine  # noqa: E402

SUBJECTS = collections.OrderedDict()
DEQUES = True       # a debug build of 3.14 stops where a deque is let go and nothing can be allocated


def subject(name, make, use):
    SUBJECTS[name] = make, use


class Odd(Exception):
    pass


class Raises(object):
    def __reduce__(self):
        raise Odd


class Link(object):
    def __init__(self, **values):
        self.__dict__.update(values)


def graph():
    """A little of everything that is pickled by itself."""
    shared = ['shared', (1, 2.5), 'x' * 300]
    loop = []
    loop.append((loop, {'loop': loop}))
    built = zoo.Reduced6All(1, 2)
    built.extra, built.items, built.pairs = {'a': 1}, [1, 2, shared], {'k': shared}
    five = zoo.Reduced5Both(3)
    five.extra, five.items, five.pairs = 7, [4], {'z': ()}
    return [None, True, False, 0, 255, 65535, -1, 2 ** 31, 2 ** 40, -2 ** 100, 2 ** 3000, 1.5, 2j, '', 'text', u'\xe9' * 10,
            u'\U0001f600\ud800', 'long' * 100, 'longer' * 20000, b'', b'bytes', b'y' * 300, b'z' * 70000, bytearray(b'array'),
            (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], list(range(1100)), {}, {'a': 1}, dict.fromkeys(range(1100)),
            {1, 2}, set(), frozenset([3]), frozenset(), shared, shared, loop, zoo.Plain(a=shared), zoo.Slots(1, shared),
            zoo.SlotsAndDict(1, b=2), zoo.NewArgs(1, 2), zoo.NewArgsEx(1, k=2), zoo.Point(1, 2), zoo.MyList([1]), zoo.MyDict(a=1),
            zoo.MyInt(5), zoo.MyStr('x'), zoo.MyTuple((1,)), collections.OrderedDict(a=1), collections.deque([1], 5) if DEQUES else 0,
            collections.defaultdict(list, a=[]), zoo.Color.RED, zoo.function, zoo.Outer.Inner, len, type(None), Ellipsis, built,
            five, zoo.SINGLE, zoo.ExtensionOne(), zoo.ExtensionTwo(), zoo.ExtensionFour(), zoo.Stateful([1]), ValueError('x', 1),
            zoo.Registered(a=1), range(5), slice(1, 2), zoo.Outer().method, zoo.Reducible]


def graph_of(protocol):
    if protocol >= 2:
        return graph()
    return [item for item in graph() if not isinstance(item, (zoo.Slots, zoo.SlotsAndDict))]


for proto in range(6):
    subject('dumps %d' % proto, lambda proto=proto: (graph_of(proto), proto), lambda it: engine.dumps(*it))
    subject('dump %d' % proto, lambda proto=proto: (graph_of(proto), proto), lambda it: engine.dump(it[0], io.BytesIO(), it[1]))
    subject('loads %d' % proto, lambda proto=proto: engine.dumps(graph_of(proto), proto), engine.loads)
    subject('load %d' % proto, lambda proto=proto: engine.dumps(graph_of(proto), proto), lambda it: engine.load(io.BytesIO(it)))


def rows():
    """Instances with the same attributes, one after the other; their dicts, before and after foreign code."""
    plain = [Link(a=number, b='text %d' % number, c=number * .5) for number in range(24)]
    slots = [zoo.Slots(number, 'text %d' % number) for number in range(12)]
    both = [zoo.SlotsAndDict(number, b=2) for number in range(4)]
    wide = [Link(**dict(('name %d' % name, name) for name in range(count))) for count in (19, 20, 20, 21, 21, 20)]
    kinds = [zoo.Plain(x=1), zoo.Empty(), zoo.Other(x=2), Link(x=u'\xe9'), Link(x=u'\ud800'), Link(x=[1], y=2), Link(y=2, x=b'x')]
    return [plain, slots, both, wide, kinds, [obj.__dict__ for obj in plain[::3]], zoo.Reducible(), plain[5].__dict__,
            wide[3].__dict__, kinds]


def times():
    return [[datetime.datetime(2000 + year, 1, 2, 3, 4, 5), datetime.date(2000 + year, 1, 2), datetime.time(1, 2, year),
             datetime.timedelta(year, 2, 3), datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)] for year in range(3)]


for make in rows, times:
    for proto in range(2, 6):
        subject('dumps %d of %s' % (proto, make.__name__), make, lambda it, proto=proto: engine.dumps(it, proto))
        subject('loads %d of %s' % (proto, make.__name__), lambda make=make, proto=proto: engine.dumps(make(), proto), engine.loads)
        subject('load %d of %s' % (proto, make.__name__), lambda make=make, proto=proto: engine.dumps(make(), proto),
                lambda it: engine.load(File(it)))
subject('dump in several writes', lambda: [[['x' * 30000 + str(number), (number, [number])] for number in range(9)], 'y' * 70000, (1, 2)],
        lambda it: engine.dump(it, io.BytesIO(), 4))


class HookedPickler(engine.Pickler):
    def persistent_id(self, obj):
        return 'pid' if type(obj) is int and obj == 255 else None

    def reducer_override(self, obj):
        return NotImplemented


class HookedUnpickler(engine.Unpickler):
    def find_class(self, module, name):
        return engine.Unpickler.find_class(self, module, name)

    def persistent_load(self, pid):
        return 255


def use_pickler(it):
    out = io.BytesIO()
    pickler = HookedPickler(out, 4)
    pickler.dump(it)
    pickler.dump(it)
    memo = pickler.memo.copy()
    pickler.memo = memo
    pickler.clear_memo()
    pickler.fast = False
    pickler.dispatch_table = {}
    pickler.dump([it[0]])
    return out.getvalue()


def use_unpickler(it):
    unpickler = HookedUnpickler(File(it))
    value = unpickler.load()
    unpickler.memo = unpickler.memo.copy()
    unpickler.load()
    unpickler.memo.clear()
    unpickler.load()
    return value


subject('Pickler with hooks', graph, use_pickler)
subject('Unpickler with hooks', lambda: use_pickler(graph()), use_unpickler)
subject('file with peek', lambda: engine.dumps(graph(), 4), lambda it: engine.load(io.BufferedReader(io.BytesIO(it), 64)))
subject('buffers', lambda: [engine.PickleBuffer(b'abc'), engine.PickleBuffer(bytearray(b'def')), bytearray(5)],
        lambda it: engine.loads(engine.dumps(it, 5)))


def out_of_band(it):
    buffers = []
    data = engine.dumps(it, 5, buffer_callback=buffers.append)
    return engine.loads(data, buffers=buffers)


subject('buffers out of band', lambda: [engine.PickleBuffer(b'abc'), engine.PickleBuffer(bytearray(b'def'))], out_of_band)

# Opcodes that nothing writes any more.
OLD = (b"(I5\nI01\nL7L\nF1.5\nS'abc'\nVab\\u00e9\n(lp0\n(dp1\n(K\1tp2\n(izoo\nEmpty\np3\n(czoo\nEmpty\noq\4g0\nh\1j\2\0\0\0K\1" b'2'
       b'(NN10N0U\3abcT\3\0\0\0abcG?\xf8\0\0\0\0\0\0}(K\1K\2u}K\1K\2s](K\1K\2e]K\1ar\x05\x01\0\0\x8a\2ab\x8b\2\0\0\0ab\x88\x89N'
       b'B\3\0\0\0abcC\3abc\x8d\3\0\0\0\0\0\0\0abc\x8e\3\0\0\0\0\0\0\0abc\x96\3\0\0\0\0\0\0\0abc\x8f(K\1\x90(K\1\x91'
       b'\x8c\3zoo\x8c\5Empty\x93)\x81czoo\nPlain\n)}\x92\x82\xf0\x83\xcd\xab\x84\x78\x56\x34\x12M\1\1J\1\1\1\1X\3\0\0\0abc'
       b'\x94czoo\nPlain\n)\x81}X\1\0\0\0aNsb\x95\1\0\0\0\0\0\0\0Nt.')
subject('old opcodes', lambda: b'\x80\4' + OLD, engine.loads)
subject('persistent ids and buffers', lambda: b'\x80\5(P5\nK\1Q\x97\x97\x98t.', lambda it: HookedUnpickler(
    io.BytesIO(it), buffers=[b'abc', bytearray(b'def')]).load())
subject('bytes of Python 2', lambda: b"(S'\\xff'\nU\1\xfft.", lambda it: (engine.loads(it, encoding='bytes'),
                                                                         engine.loads(it, encoding='latin-1')))
subject('sparse memo', lambda: b'(' + b''.join(b'Nr' + (i * 99991 + 7 & 0x7fffffff).to_bytes(4, 'little') for i in range(300))
        + b''.join(b'Nr' + i.to_bytes(4, 'little') for i in range(300)) + b't.', engine.loads)
subject('deep', lambda: b'\x80\2' + b']' * 2000 + b'a' * 1999 + b'.', lambda it: engine.dumps(engine.loads(it), 2))
subject('marks', lambda: b'(' * 100 + b't' * 100 + b'.', engine.loads)

ERRORS = {}


def failing(name, make, use, error):
    ERRORS[name] = error

    def run(it):
        try:
            use(it)
        except (MemoryError, SystemError):
            raise
        except error:
            return None
        raise AssertionError('%s: nothing raised' % name)
    subject('error: ' + name, make, run)


failing('in a list', lambda: [1, [2, Raises()]], engine.dumps, Odd)
failing('in a state', lambda: Link(a=Link(b=[Raises()])), engine.dumps, Odd)
failing('in a dict', lambda: {'k': {'l': (1, Raises())}}, engine.dumps, Odd)
failing('cannot be pickled', lambda: [(x for x in ())], engine.dumps, (TypeError, pickle.PicklingError))
failing('local', lambda: [lambda: 0], engine.dumps, (AttributeError, pickle.PicklingError))
failing('file to write', lambda: graph(), lambda it: engine.dump(it, object()), TypeError)
failing('file to read', object, engine.load, TypeError)
for number, data in enumerate([b'', b'.', b'(', b'N', b'NNt.', b'g5\n.', b'czoo\nAbsent\n.', b'cno_such\nmodule\n.', b'}]Ns.', b'\xff.',
                               b'\x80\x09.', b'X\5\0\0\0ab', b'X\1\0\0\0\xff.', b"S'abc\n.", b'Ix\n.', b'Lx\n.', b'Fx\n.',
                               b'(lp0\nI1\naI2\na(I3\nI4\nt', b'\x82\1.', b'\x97.', b'Pabc\n.', b'K\1K\2b.', b'K\1)R.', b'K\1)\x81.',
                               b'\x80\4\x95\5\0\0\0\0\0\0\0\x8c\x0aabc.', b'T\xff\xff\xff\xff.', b'Np-1\n.', b'(NNNd.',
                               b'czoo\nEmpty\n)\x81K\1b.', b'(' * 50 + b']' * 50 + b'!']):
    failing('load %d' % number, lambda data=data: data, engine.loads, Exception)
    failing('load from a file %d' % number, lambda data=data: data, lambda it: engine.load(File(it)), Exception)
for end in range(200, 420, 7):
    failing('rows that end after %d' % end, lambda end=end: engine.dumps(rows(), 3)[:end], engine.loads, Exception)
