"""What is fuzzed: functions that take any bytes and raise Finding where the engine does not do as it should.

    read            any bytes, in every way of reading; what is read is written and read again
    write           graphs made from bytes (graphs.py), with hooks, to memory and files; the stdlib's bytes on 3.15
    round_trip      the same shape comes back
    differential    any bytes: the value of the stdlib on every interpreter, its exceptions too on 3.15

The first byte or bytes choose protocol, hooks and files. Names in pickles lead only to ALLOWED: nothing that a pickle can
do with them is dangerous, or takes more than a moment.
"""
import builtins
import collections
import copyreg
import datetime
import io
import os
import pickle
import pickletools
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.dirname(HERE)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import graphs  # noqa: E402
import zoo  # noqa: E402
from shape import Different, assert_same_shape  # noqa: E402

import pickle5._pickle as engine  # noqa: E402

STRICT = sys.version_info >= (3, 15)        # the stdlib here is at the engine's level


class Finding(AssertionError):
    pass


ALLOWED = {}
for each in ('list', 'tuple', 'set', 'frozenset', 'dict', 'object', 'str', 'complex', 'float', 'bool', 'slice', 'ValueError',
             'len', 'Ellipsis', 'NotImplemented'):
    ALLOWED['builtins', each] = ALLOWED['__builtin__', each] = getattr(builtins, each)
for each in dir(zoo):
    value = getattr(zoo, each)
    if getattr(value, '__module__', None) == 'zoo' and each not in ('MyBytes', 'MyByteArray', 'MyInt'):
        ALLOWED['zoo', each] = value
ALLOWED['zoo', 'Outer.Inner'] = zoo.Outer.Inner
ALLOWED['zoo', 'Outer.Inner.Innermost'] = zoo.Outer.Inner.Innermost
ALLOWED['collections', 'OrderedDict'] = collections.OrderedDict
ALLOWED['collections', 'deque'] = collections.deque
ALLOWED['collections', 'defaultdict'] = collections.defaultdict
ALLOWED['copy_reg', '_reconstructor'] = ALLOWED['copyreg', '_reconstructor'] = copyreg._reconstructor
ALLOWED['copyreg', '__newobj__'] = copyreg.__newobj__
for each in ('datetime', 'date', 'time', 'timedelta', 'timezone'):
    ALLOWED['datetime', each] = getattr(datetime, each)
RESTRICTED = []


def audit(event, args):
    if RESTRICTED and event == 'pickle.find_class' and args not in ALLOWED:
        raise pickle.UnpicklingError('not allowed: %r' % (args,))


AUDITED = hasattr(sys, 'addaudithook')
if AUDITED:
    sys.addaudithook(audit)


class Reads(object):
    """A file with read and readline, that may do more or less than it should."""

    def __init__(self, data, how):
        self.inner = io.BytesIO(data)
        self.how = how

    def read(self, size):
        data = self.inner.read(size if self.how != 2 else max(1, size - 1))
        return memoryview(data) if self.how == 1 else data

    def readline(self):
        return self.inner.readline()


class Fills(Reads):
    def readinto(self, buffer):
        return self.inner.readinto(buffer if self.how != 2 else memoryview(buffer)[:-1])


class Peeks(Fills):
    def peek(self, size):
        here = self.inner.tell()
        data = self.inner.read([size, 1, 3][self.how])
        self.inner.seek(here)
        return data


def restricted(module):
    class Unpickler(module.Unpickler):
        def find_class(self, module_name, name):
            try:
                return ALLOWED[module_name, name]
            except KeyError:
                raise pickle.UnpicklingError('not allowed: %r' % ((module_name, name),))

        def persistent_load(self, pid):
            return 'persistent', pid
    return Unpickler


Restricted = restricted(engine)
RestrictedStdlib = restricted(pickle)
OPTIONS = [{}, {'encoding': 'bytes'}, {'encoding': 'latin-1'}, {'encoding': 'utf-8', 'errors': 'surrogateescape'},
           {'fix_imports': False}, {'encoding': 'utf-16'}]


def buffers():
    return [b'abc', bytearray(b'defg'), memoryview(b'0123456789')[::2], memoryview(bytearray(8)).cast('H')]


def engine_reads(data, way):
    """Read `data` in one of the ways that there are."""
    options = dict(OPTIONS[(way >> 4) % len(OPTIONS)], buffers=buffers())
    way %= 16
    if way < 4 and AUDITED:
        RESTRICTED.append(1)
        try:
            if way == 0:
                return engine.loads(data, **options)
            if way == 1:
                return engine.loads(bytearray(data), **options)
            return engine.load(Peeks(data, way - 2), **options)
        finally:
            del RESTRICTED[:]
    make = [lambda: io.BytesIO(data), lambda: Reads(data, way % 3), lambda: Fills(data, way % 3),
            lambda: Peeks(data, way % 3), lambda: io.BufferedReader(io.BytesIO(data), 16)][way % 5]
    unpickler = Restricted(make(), **options)
    if way == 15:
        unpickler.memo = {0: [], 5: (), 100000: {}}
    value = unpickler.load()
    if way > 10:
        try:
            unpickler.load()
        except Exception as error:
            check_error(error)
        unpickler.memo.copy()
    return value


def check_error(error):
    if isinstance(error, (SystemError, MemoryError, Finding)):
        raise Finding('%r' % error)


def explodes(data):
    """Tuples made of themselves twice, over and over, take for ever to hash, here as in the interpreter."""
    return sum(data.count(code) for code in (b't', b'\x85', b'\x86', b'\x87')) > 12


def read(data):
    if not data or explodes(data):
        return
    try:
        value = engine_reads(data[1:], data[0])
    except Exception as error:
        check_error(error)
        return
    for protocol in (data[0] % 6, 4):
        try:
            again = write_with(engine, Hooked, value, protocol, 1)      # what never ends ends sooner there
        except Exception as error:
            check_error(error)
            continue
        try:
            engine_reads(again, 4)
        except Exception as error:
            check_error(error)


class Hooked(engine.Pickler):
    """Asked about each object; the stdlib's answers are those of its own class."""

    def persistent_id(self, obj):
        return None

    def reducer_override(self, obj):
        return NotImplemented


class HookedStdlib(pickle.Pickler):
    persistent_id = Hooked.persistent_id
    reducer_override = Hooked.reducer_override


def write_with(module, hooked, obj, protocol, way):
    keywords = {}
    out = io.BytesIO()
    if protocol >= 5 and way & 8:
        keywords['buffer_callback'] = [].append
    if way & 3 == 0 and protocol >= 2:
        if way & 16:
            module.dump(obj, out, protocol, **keywords)
            return out.getvalue()
        return module.dumps(obj, protocol, **keywords)
    pickler = (module.Pickler if way & 3 < 2 else hooked)(out, protocol, **keywords)
    if module is engine:
        pickler.max_open_reduces = 2000     # below protocol 2 much that holds itself never ends
    if way & 4:
        pickler.dump([obj])
    pickler.dump(obj)
    return out.getvalue()


def outcome(call, *args):
    try:
        return call(*args)
    except Exception as error:
        check_error(error)
        return type(error)


def write(data):
    if len(data) < 2:
        return
    protocol, way, rest = data[0] % 6, data[1], data[2:]
    ours = outcome(write_with, engine, Hooked, graphs.build(rest, raising=True), protocol, way)
    if STRICT:
        theirs = outcome(write_with, pickle, HookedStdlib, graphs.build(rest, raising=True), protocol, way)
        if ours != theirs:
            raise Finding('protocol %d, way %d: ours %.300r, theirs %.300r' % (protocol, way & 15, ours, theirs))


def by_stdlib(obj, protocol):
    return pickle.loads(pickle.dumps(obj, protocol))


def round_trip(data):
    if len(data) < 2:
        return
    protocol, way, rest = data[0] % 6, data[1], data[2:]
    obj = graphs.build(rest)
    try:
        pickled = write_with(engine, Hooked, obj, protocol, way & ~12)
    except (TypeError, RecursionError, pickle.PicklingError):
        return      # not everything can be written in protocols 0 and 1
    back = outcome(engine.loads, pickled)
    if isinstance(back, type) and issubclass(back, Exception):
        # A key that is not yet whole when it is hashed, and such: the interpreter's own reader says the same.
        theirs = outcome(pickle.loads, pickled) if protocol <= pickle.HIGHEST_PROTOCOL else back
        if theirs is not back:
            raise Finding('reading back: ours %r, theirs %.200r' % (back, theirs))
        return
    try:
        assert_same_shape(obj, back)
    except Different as error:
        # Some classes lose their state in old protocols, and some cycles cannot be kept: as with the interpreter's own.
        if protocol > pickle.HIGHEST_PROTOCOL:
            return
        try:
            assert_same_shape(outcome(by_stdlib, obj, protocol), back)
        except Different:
            raise Finding('another shape: %s' % error)


def is_tame(data):
    """Would the interpreter's own reader survive it?  Older ones take what memory indices and lengths ask for."""
    if STRICT:
        return True
    try:
        for opcode, argument, place in pickletools.genops(data):
            if 'PUT' in opcode.name and argument > 10000:
                return False
    except Exception:
        return False
    return True


def mixes_numbers(stream):
    """Does it number the memo itself, and let MEMOIZE do so?  The two differ there: 3.15's engine does not count far PUTs,
    against what pickletools says of MEMOIZE."""
    names = set()
    try:
        for opcode, argument, place in pickletools.genops(stream):
            names.add('PUT' if 'PUT' in opcode.name else opcode.name)
    except Exception:
        pass
    return {'PUT', 'MEMOIZE'} <= names


FAR_PUT = re.compile(br'r(?:...[^\0]|..[^\0-\x0f].)|p\s*\d{7}', re.DOTALL)


def puts_far(stream):
    """Is something put far out in the memo?  The stdlib makes that as long as the number says, which takes gigabytes and half a
    minute.  Before 3.15 it takes a number that a frame cuts in two from after the frame, so any may be far there."""
    return FAR_PUT.search(stream) is not None or not STRICT and b'\x95' in stream and (b'r' in stream or b'p' in stream)


def read_with(module, restricted, function, stream, make, options):
    if function == 0:
        return restricted(make(stream), **options).load()
    return module.loads(stream, **options) if function == 1 else module.load(make(stream), **options)


def differential(data):
    if not data or explodes(data) or not is_tame(data[1:]):
        return
    way, stream = data[0], data[1:]
    if puts_far(stream):
        return
    options = OPTIONS[(way >> 4) % len(OPTIONS)]
    make = [io.BytesIO, lambda data: Reads(data, 0), lambda data: Fills(data, 0), lambda data: Peeks(data, 0)][way % 4]
    keywords = {'buffers': buffers()} if pickle.HIGHEST_PROTOCOL >= 5 else {}
    function = way >> 2 & 3 if AUDITED else 0   # the functions do what an Unpickler, whose memo can be seen, does not
    if function:
        RESTRICTED.append(1)
    try:
        ours = outcome(read_with, engine, Restricted, function, stream, make, dict(options, buffers=buffers()))
        try:
            theirs = read_with(pickle, RestrictedStdlib, function, stream, make, dict(options, **keywords))
        except Exception as error:      # whatever it is: older ones believe a length, and run out of memory
            theirs = type(error)
    finally:
        del RESTRICTED[:]
    ours_fails, theirs_fails = (isinstance(each, type) and issubclass(each, Exception) for each in (ours, theirs))
    if ours_fails or theirs_fails:
        if STRICT and ours is not theirs and not mixes_numbers(stream):
            raise Finding('ours %.200r, theirs %.200r' % (ours, theirs))
        return
    try:
        if STRICT or type(ours) is type(theirs):
            assert_same_shape(ours, theirs)
    except TypeError:
        pass        # the comparison sorts the names of attributes, and these cannot be sorted
    except Different as error:
        if STRICT and repr(ours) != repr(theirs) and not mixes_numbers(stream):
            raise Finding('another value: %s' % error)


TARGETS = collections.OrderedDict([('read', read), ('write', write), ('round_trip', round_trip),
                                   ('differential', differential)])
