"""The known faults of CPython's engine: each is shown on the stdlib of those interpreters here that have it, and the engine
has none of them on any interpreter.

A fault is a program, run in a process of its own with a bound on its memory: it crashes, fails or prints `fine`. `P` is the
pickle it is run with.
"""
import os
import subprocess
import sys

import pytest

from implementations import PYPY

pytestmark = pytest.mark.skipif(PYPY or sys.platform == 'win32', reason='faults of CPython, shown with bounds that POSIX has')

START = '''
import collections, copyreg, gc, io, os, resource, sys, weakref, ctypes, faulthandler
sys.path[:0] = %r
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
BEFORE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss   # what the process that started this one had comes along
if 'bound' in %r: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
import %s as P

class Calls:
    def __init__(self, call): self.call = call
    def __reduce__(self):
        self.call()
        return list, ()

def raises(what, call, *args, **options):
    try:
        call(*args, **options)
    except what as error:
        return error
    raise AssertionError('nothing was raised')

def pad():
    """Use freed memory again."""
    return [bytearray(range(64)) for i in range(2000)] + [[i] for i in range(2000)] + [(i, i) for i in range(2000)]
'''
FAULTS = {}


def fault(name, program):
    FAULTS[name] = program


fault('state changes while BUILD applies it', '''
class Key:
    def __hash__(self):
        if armed: state.clear(); gc.collect(); pad()
        return 7
class Grows: pass
class Unpickler(P.Unpickler):
    def find_class(self, module, name): return Grows
    def persistent_load(self, which):
        global armed
        armed = True
        return state
for size in (1, 2, 60):
    armed = False
    state = {}
    for i in range(size): state[Key()] = [bytearray(70)]
    try: found = Unpickler(io.BytesIO(b'cx\\ny\\n)RP1\\nb.')).load()
    except (RuntimeError, P.UnpicklingError, TypeError): pass
    armed = False
''')

fault('a __setitem__ that SETITEM calls pickles itself away', '''
class Takes:
    def __setitem__(self, key, value):
        unpickler.memo = {}
        unpickler.memo.clear()
        try: unpickler.__init__(io.BytesIO(b'N.'))
        except RuntimeError: pass
        gc.collect(); pad()
        key[0], value[0]
class Unpickler(P.Unpickler):
    def find_class(self, module, name): return Takes
for data in (b'cx\\ny\\n)R(K\\1K\\2tq\\0(K\\3K\\4tq\\1s.', b'cx\\ny\\n)R((K\\1K\\2tq\\0(K\\3K\\4tq\\1(K\\1K\\2tq\\2(K\\3K\\4tq\\3u.'):
    unpickler = Unpickler(io.BytesIO(data))
    assert type(unpickler.load()) is Takes
''')

fault('a __setitem__ that SETITEM calls loads again', '''
class Takes:
    def __setitem__(self, key, value):
        try: unpickler.load()
        except (RuntimeError, EOFError, P.UnpicklingError): pass
        self.got = key, value
class Unpickler(P.Unpickler):
    def find_class(self, module, name): return Takes
for code in (b's', b'u'):
    data = b'cx\\ny\\n)R' + b'(' * (code == b'u') + b'(K\\1K\\2tq\\0(K\\3K\\4tq\\1' + code + b'.' + b'((((((((((K\\1K\\2K\\3K\\4t.'
    unpickler = Unpickler(io.BytesIO(data))
    assert unpickler.load().got == ((1, 2), (3, 4))
''')

fault('buffer_callback releases the buffer', '''
def callback(buffer):
    buffer.release()
    source.clear(); source.extend(b'other'); pad()
    return True
for size in (10, 100000):
    source = bytearray(b'x' * size)
    try:
        back = P.loads(P.dumps(P.PickleBuffer(source), 5, buffer_callback=callback))
        assert back in (b'x' * size, b'other')
    except (ValueError, BufferError): pass
''')

fault('what buffer_callback returns releases the buffer', '''
class Truth:
    def __init__(self, buffer): self.buffer = buffer
    def __bool__(self):
        self.buffer.release()
        source.clear(); source.extend(b'o' * 7)
        pad()
        return True
for size in (1000, 1000000):
    source = bytearray(b'x' * size)
    try:
        back = P.loads(P.dumps(P.PickleBuffer(source), 5, buffer_callback=Truth))
        assert back in (b'x' * size, b'o' * 7), back[:50]
    except (ValueError, BufferError): pass
''')

fault('a list shrinks while its items are pickled', '''
class Pickler(P.Pickler):
    def persistent_id(self, obj):
        if type(obj) is bytearray: items.clear(); pad()
for proto in (1, 2, 4):
    for size in (1, 2, 3, 1001, 2500):
        items = [Calls(lambda: (items.clear(), pad())) for i in range(size)]
        try: P.dumps(items, proto)
        except (RuntimeError, P.PicklingError): pass
        items = [bytearray(70) for i in range(size)]
        try: Pickler(io.BytesIO(), proto).dump(items)
        except (RuntimeError, P.PicklingError): pass
''')

fault('a dict changes while its items are pickled', '''
for proto in range(6):
    if proto > P.HIGHEST_PROTOCOL: continue
    for size in (1, 2, 1001):
        for change in (lambda: items.clear(), lambda: items.update({i: bytearray(70) for i in range(5000)})):
            items = {i: Calls(lambda: (change(), pad())) for i in range(size)}
            try: P.dumps(items, proto)
            except (RuntimeError, P.PicklingError): pass
class Pickler(P.Pickler):
    def persistent_id(self, obj):
        if type(obj) is bytearray or obj == 'key':
            items.clear(); pad()
for proto in (1, 2, 4):
    items = {'key': bytearray(70)}
    try: Pickler(io.BytesIO(), proto).dump(items)
    except (RuntimeError, P.PicklingError): pass
''')

fault('a set changes while its items are pickled', '''
class Pickler(P.Pickler):
    def persistent_id(self, obj):
        if type(obj) is bytes: items.clear(); pad()
for make in (lambda i: bytes(70 + i), lambda i: b'%%d' %% i * 9):
    for size in (1, 2, 1500):
        items = {make(i) for i in range(size)}
        try: Pickler(io.BytesIO(), 4).dump(items)
        except (RuntimeError, P.PicklingError): pass
'''.replace('%%', '%'))

fault('the memo is replaced from inside a hook', '''
class Pickler(P.Pickler):
    def persistent_id(self, obj):
        if obj == 'clear': self.clear_memo()
        if obj == 'replace': self.memo = {}
        if obj == 'fill': self.memo = {i: (i, [i]) for i in range(3000)}
        return None
obj = [['clear', [], 'x' * 30], 'replace', ({}, []), 'fill', [set(), (1, 2)]] * 20
for proto in range(P.HIGHEST_PROTOCOL + 1):
    pickler = Pickler(io.BytesIO(), proto)
    pickler.dump(obj)
    pickler.dump(obj)
''')

fault('the memo is replaced while it is emptied', '''
class Last:
    def __del__(self):
        pickler.memo.copy()
        pickler.memo = {}
class Pickler(P.Pickler): pass
for act in (lambda: pickler.clear_memo(), lambda: pickler.memo.clear(), lambda: setattr(pickler, 'memo', {1: (1, [])})):
    pickler = Pickler(io.BytesIO(), 2)
    pickler.dump([Last() for i in range(50)])
    act()
    pickler.dump([1])
''')

fault('the dispatch table is replaced while it is looked at', '''
def look():
    if armed:
        pickler.dispatch_table = {}
        gc.collect(); pad()
class Meta(type):
    def __hash__(cls):
        look()
        return 7
    def __eq__(cls, other):
        look()
        return cls is other
class A(metaclass=Meta): pass
class B(metaclass=Meta): pass
class Pickler(P.Pickler): pass
for proto in range(5):
    armed = False
    pickler = Pickler(io.BytesIO(), proto)
    pickler.dispatch_table = {B: lambda obj: (list, ()), A: lambda obj: (list, ())}
    armed = True
    try: pickler.dump([A(), A()])
    except (P.PicklingError, AttributeError, RuntimeError): pass
''')

fault('a registry of extension codes changes while it is used', '''
REGISTRY, INVERTED = copyreg._extension_registry, copyreg._inverted_registry
class Meta(type):
    def __repr__(cls):
        REGISTRY.clear(); gc.collect(); pad()
        return 'named'
class Named(metaclass=Meta): pass
class Code:
    def __index__(self):
        REGISTRY.clear(); gc.collect(); pad()
        return 300
class Text(str):
    def __eq__(self, other):
        REGISTRY.clear(); gc.collect(); pad()
        return str(self) == other
    def __hash__(self): return hash(str(self))
for code in ([bytearray(70)], Code(), -(10 ** 30), 5 * 10 ** 8):
    for key in (('__main__', 'Named'), (Text('__main__'), Text('Named'))):
        REGISTRY[key] = code
        code = 1.5
        try: P.dumps(Named, 2)
        except (P.PicklingError, TypeError, RuntimeError, OverflowError, ValueError): pass
class Unpickler(P.Unpickler):
    def find_class(self, module, name):
        INVERTED.clear(); REGISTRY.clear(); gc.collect(); pad()
        return module, name
for i in range(3):
    INVERTED[300] = tuple(''.join(['name', str(i)] * 9) for i in range(2))
    found = Unpickler(io.BytesIO(b'\\x83\\x2c\\1.')).load()
    assert found == ('name0' * 9, 'name1' * 9), found
    copyreg._extension_cache.clear()
''')

fault('a mapping of old names changes while it is read', '''
import _compat_pickle
class Text(str):
    def __eq__(self, other):
        _compat_pickle.REVERSE_NAME_MAPPING.clear(); _compat_pickle.REVERSE_IMPORT_MAPPING.clear(); pad()
        return str(self) == other
    def __hash__(self): return hash(str(self))
_compat_pickle.REVERSE_NAME_MAPPING.clear()
_compat_pickle.REVERSE_NAME_MAPPING['collections', 'deque'] = tuple([''.join(['abc', 'de']), ''.join(['f', 'gh'])])
_compat_pickle.REVERSE_IMPORT_MAPPING.clear()
_compat_pickle.REVERSE_IMPORT_MAPPING[Text('collections')] = ''.join(['xyz', 'zy'])
_compat_pickle.REVERSE_IMPORT_MAPPING[Text('abcde')] = ''.join(['uvw', 'xy'])
P.dumps([collections.deque, collections.OrderedDict], 2)
''')

fault('a cycle through the memo is never freed', '''
class Thing: pass
class Pickler(P.Pickler): pass
class Unpickler(P.Unpickler): pass
def make():
    thing = Thing()
    thing.pickler = Pickler(io.BytesIO())
    thing.pickler.dump([1, 2])
    thing.pickler.memo = {id(thing): (0, thing)}
    return weakref.ref(thing)
def make_back():
    thing = Thing()
    thing.unpickler = Unpickler(io.BytesIO(b'(P1\\nq\\0t.'))
    thing.unpickler.persistent_load = lambda which: thing
    thing.unpickler.load()
    return weakref.ref(thing)
seen = [make(), make_back()]
gc.collect()
assert [each() for each in seen] == [None, None], 'leaked'
''')

fault('a far PUT takes gigabytes', '''
for data in (b'Nr\\xff\\xff\\xff\\x7f.', b'Np2147483647\\n.', b'Nr\\xff\\xff\\xff\\x3f.'):
    assert P.loads(data) is None
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - BEFORE
assert used < 200000, used
''')
fault('a PUT above ssize_t', '''
for number in (2 ** 63 - 1, 2 ** 63, 2 ** 64, 2 ** 62, 2 ** 61 + 1):
    try: P.loads(b'Np%d\\n.' % number)
    except (ValueError, OverflowError, P.UnpicklingError): pass
''')
fault('a length that is declared is believed', '''
for data in (b'\\x8e' + (1 << 34).to_bytes(8, 'little'), b'\\x96' + (1 << 34).to_bytes(8, 'little'), b'B' + b'\\xff' * 4):
    raises((P.UnpicklingError, EOFError), P.load, io.BytesIO(data + b'abc'))
    class Raw(io.RawIOBase):
        def __init__(self, data): self.inner = io.BytesIO(data)
        def readinto(self, buffer): return self.inner.readinto(buffer)
        def readable(self): return True
    raises((P.UnpicklingError, EOFError), P.load, io.BufferedReader(Raw(data + b'abc')))
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - BEFORE
assert used < 100000, used
''')
fault('the sign of a length of BINSTRING', '''
error = raises(P.UnpicklingError, P.loads, b'T\\xff\\xff\\xff\\xffabc.')
assert 'negative' in str(error), error
''')
fault('a large buffer in band is given to write as PickleBuffer', '''
class File:
    size = 0
    def write(self, chunk):
        self.size += len(chunk)
file = File()
P.Pickler(file, 5).dump([P.PickleBuffer(bytearray(200000)), P.PickleBuffer(b'x' * 200000)])
assert file.size > 400000
''')
fault('one write of everything below protocol 4', '''
class File:
    largest = 0
    def write(self, chunk):
        self.largest = max(self.largest, len(chunk))
for proto in range(4):
    file = File()
    P.Pickler(file, proto).dump(list(range(100000)))
    assert file.largest < 200000, file.largest
''')
fault('a dict given to Unpickler.memo is lost', '''
unpickler = P.Unpickler(io.BytesIO(b'h\\5.'))
unpickler.memo = {5: 'kept'}
assert unpickler.load() == 'kept'
''')
fault('what is nested deep cannot be pickled', '''
for make in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}):
    obj = ()
    for i in range(100000): obj = make(obj)
    data = P.dumps(obj)
    back = P.loads(data)
    assert P.dumps(back) == data
os._exit(0) if print('fine', flush=True) is None else 0
''')
fault('a dump inside of a dump spoils it', '''
class File:
    def __init__(self): self.chunks = []
    def write(self, chunk): self.chunks.append(bytes(chunk))
file = File()
pickler = P.Pickler(file, 4)
def again():
    try: pickler.dump(['inner'] * 10)
    except RuntimeError: pass
pickler.dump(['outer', Calls(again), ['last']])
assert P.loads(b''.join(file.chunks)) == ['outer', [], ['last']]
''')
fault('a load inside of a load spoils it', '''
class Unpickler(P.Unpickler):
    def persistent_load(self, which):
        try: self.load()
        except (RuntimeError, P.UnpicklingError, EOFError): pass
        return which
assert Unpickler(io.BytesIO(b'(K\\1P2\\nK\\3t.(K\\4K\\5t.')).load() == (1, '2', 3)
''')
fault('an argument straddles the end of its frame', '''
data = b'\\x80\\4\\x95' + (3).to_bytes(8, 'little') + b'\\x8c\\5hello.'
for read in (P.loads, lambda data: P.load(io.BytesIO(data))):
    raises(P.UnpicklingError, read, data)
''')

# The releases here, and between which of them the stdlib's own pickle was seen to have it; there the test sees it again.
HERE = [(3, 6, 15), (3, 7, 16), (3, 8, 18), (3, 9, 18), (3, 10, 13), (3, 11, 7), (3, 12, 1), (3, 13, 0), (3, 14, 10), (3, 15, 2)]
SHOWN = {
    'state changes while BUILD applies it': ((3, 6), (3, 10)),
    'a __setitem__ that SETITEM calls pickles itself away': ((3, 6), (3, 13)),
    'a __setitem__ that SETITEM calls loads again': ((3, 6), (3, 13)),
    'buffer_callback releases the buffer': ((3, 8), (3, 13)),
    'what buffer_callback returns releases the buffer': ((3, 8), (3, 13)),
    'a list shrinks while its items are pickled': ((3, 6), (3, 9)),
    'a dict changes while its items are pickled': ((3, 6), (3, 9)),
    'a set changes while its items are pickled': ((3, 6), (3, 9)),
    'the memo is replaced while it is emptied': ((3, 6), (3, 15)),
    'the dispatch table is replaced while it is looked at': ((3, 6), (3, 15)),
    'a cycle through the memo is never freed': ((3, 6), (3, 10)),
    'a far PUT takes gigabytes': ((3, 6), (3, 14)),
    'a PUT above ssize_t': ((3, 6), (3, 14)),
    'a length that is declared is believed': ((3, 6), (3, 14)),
    'the sign of a length of BINSTRING': ((3, 6), (3, 13)),
    'a large buffer in band is given to write as PickleBuffer': ((3, 8), (3, 15)),
    'one write of everything below protocol 4': ((3, 6), (3, 15)),
    'a dict given to Unpickler.memo is lost': ((3, 6), (3, 15)),
    'what is nested deep cannot be pickled': ((3, 6), (3, 15)),
    'a dump inside of a dump spoils it': ((3, 6), (3, 13)),
    'a load inside of a load spoils it': ((3, 6), (3, 13)),
    'an argument straddles the end of its frame': ((3, 6), (3, 13)),
}
# Kept for the engine alone: all ten hold on to what they found in a registry or a mapping before they call anything, and a memo
# that is replaced between two objects is nothing to stumble over.
NOT_SEEN = ['the memo is replaced from inside a hook',
            'a registry of extension codes changes while it is used',
            'a mapping of old names changes while it is read']


def shown_here(name):
    first, last = SHOWN.get(name, ((4, 0), (3, 0)))
    return sys.version_info[:3] in HERE and first <= sys.version_info[:2] <= last


def needs_bound(name):
    """Does it run under a limit on memory?"""
    return 'far PUT' in name or 'declared' in name


def run(module, name):
    program = START % ([each for each in sys.path if each], 'bound' if needs_bound(name) else '', module) + FAULTS[name]
    process = subprocess.Popen([sys.executable, '-c', program + "\nprint('fine')\n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=dict(os.environ, PYTHONMALLOC='debug'))  # freed memory does not look alive
    try:
        output = process.communicate(timeout=600)[0].decode('utf-8', 'replace')
    except subprocess.TimeoutExpired:
        process.kill()
        return 'took too long'
    return 'fine' if process.returncode == 0 and output.split()[-1:] == ['fine'] else 'exit status %d\n%s' % (process.returncode, output[-1500:])


@pytest.mark.parametrize('name', list(FAULTS))
def test_the_engine_does_not_have_it(engine, name):
    if 'PICKLE5_SANITIZED' in os.environ and needs_bound(name):
        pytest.skip('memory is not what it seems under a sanitizer')
    assert run('pickle5', name) == 'fine'


@pytest.mark.parametrize('name', [name for name in FAULTS if shown_here(name)])
def test_it_is_shown_on_this_interpreters_pickle(name):
    """Else the fault's program would prove nothing."""
    assert run('pickle', name) != 'fine'


def test_the_faults_are_shown_somewhere():
    assert [name for name in FAULTS if name not in SHOWN] == NOT_SEEN
    assert set(SHOWN) <= set(FAULTS)
