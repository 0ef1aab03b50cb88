"""Depth beyond tests/test_deep.py: every kind, through files, on a stack of 256 KiB; and what never ends.

The structures are built and taken down by threads with a large stack, where interpreters may recurse.
"""
import collections
import io
import os
import subprocess
import sys
import threading

import pytest

import zoo
from implementations import ENGINE

SLOW = bool(os.environ.get('PICKLE5_SLOW'))
DEPTH = 1000000 if SLOW else 50000
pytestmark = pytest.mark.skipif(ENGINE is None, reason='only the engine is that deep')


def on_stack(size, work):
    failure, result = [], []

    def run():
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)

    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


class Reduced(object):
    def __init__(self, next=None):
        self.next = next

    def __reduce__(self):
        return Reduced, (), {'next': self.next}


KINDS = collections.OrderedDict([
    ('list', lambda obj: [obj]), ('tuple', lambda obj: (obj,)), ('dict', lambda obj: {'k': obj}),
    ('instance', lambda obj: zoo.Plain(next=obj)), ('slots', lambda obj: zoo.Slots(obj)),
    ('namedtuple', lambda obj: zoo.Point(obj, None)), ('OrderedDict', lambda obj: collections.OrderedDict(k=obj)),
    ('reduce', Reduced), ('mixed', lambda obj: [{'k': (obj, zoo.Plain())}]),
])


def inner(obj):
    if isinstance(obj, (list, tuple)):
        return obj[0] if obj else None
    if isinstance(obj, dict):
        return next(iter(obj.values())) if obj else None
    return obj.a if isinstance(obj, zoo.Slots) else getattr(obj, 'next', None)


def measure_and_take_down(obj):
    depth = 0
    while obj is not None:
        depth += 1
        following = inner(obj)
        if isinstance(obj, (list, dict)):
            obj.clear()
        elif isinstance(obj, zoo.Slots):
            obj.a = None
        elif not isinstance(obj, tuple):
            obj.next = None
        obj = following
    return depth


@pytest.mark.parametrize('way', ['memory', 'file'])
@pytest.mark.parametrize('kind', list(KINDS))
def test_deep_on_a_small_stack(engine, kind, way):
    limit = sys.getrecursionlimit()
    depth = DEPTH // 3 if kind == 'mixed' else DEPTH
    holder = {}

    def build():
        obj = None
        for _ in range(depth):
            obj = KINDS[kind](obj)
        holder['obj'] = obj

    def write():
        if way == 'memory':
            return engine.dumps(holder['obj'], 4)
        out = io.BytesIO()
        engine.Pickler(out, 2).dump(holder['obj'])
        return out.getvalue()

    def read():
        holder['back'] = engine.loads(data) if way == 'memory' else engine.load(io.BytesIO(data))

    large, small = 512 << 20, 256 << 10
    on_stack(large, build)
    data = on_stack(small, write)
    expected = on_stack(large, lambda: measure_and_take_down(holder.pop('obj')))
    on_stack(small, read)
    assert on_stack(large, lambda: measure_and_take_down(holder.pop('back'))) == expected
    assert sys.getrecursionlimit() == limit


ENDLESS = '''
import sys, resource, time
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
import io, pickle
import pickle5._pickle as engine

class Args(object):
    def __reduce__(self):
        return Args, (Args(),)

class State(object):
    def __reduce__(self):
        return State, (), State()

class Items(object):
    def __reduce__(self):
        return Items, (), None, iter([Items()])

class Lists(object):
    def __reduce__(self):
        return list, ([Lists()],)

class GetState(object):
    def __getstate__(self):
        return {'next': GetState()}

class Pickler(engine.Pickler):
    def persistent_id(self, obj):
        return [obj]

class Override(engine.Pickler):
    def reducer_override(self, obj):
        return (len, ((lambda: 0),)) if callable(obj) and obj is not len else NotImplemented

name = sys.argv[1]
start = time.process_time()
try:
    if name == 'persistent_id':
        Pickler(io.BytesIO(), 4).dump(5)
    elif name == 'reducer_override':
        Override(io.BytesIO(), 4).dump(lambda: 1)
    else:
        engine.dumps(globals()[name](), 4)
except (RecursionError, pickle.PicklingError) as error:
    print(type(error).__name__, time.process_time() - start)
assert engine.loads(engine.dumps([1])) == [1]
import os
sys.stdout.flush()
os._exit(0)
'''


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='limits memory')
@pytest.mark.skipif('PICKLE5_SANITIZED' in os.environ, reason='memory is not what it seems under a sanitizer')
@pytest.mark.parametrize('name', ['Args', 'State', 'Items', 'Lists', 'GetState', 'persistent_id', 'reducer_override'])
def test_what_never_ends_ends(engine, name):
    """In 10 seconds of work and 1 GB."""
    out = subprocess.check_output([sys.executable, '-c', ENDLESS, name], timeout=120,
                                  env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))).decode().split()
    print(name, out)
    assert out and float(out[1]) < 10
