"""Depth beyond tests/test_deep.py: every kind, through memory and files, all of it on a stack of 256 KiB; and what never ends."""
import io
import os
import subprocess
import sys

import pytest

from deep import KINDS, RECURSING, chain, on_stack, take_down
from implementations import ENGINE

SLOW = bool(os.environ.get('PICKLE5_SLOW'))
DEPTH = 1000000 if SLOW else 50000
SMALL = 256 << 10
# There the interpreter overflows a small stack where deep data is let go; see the head of deep.py.
OWN = 2 << 20 if sys.version_info[:2] == (3, 13) else SMALL
pytestmark = pytest.mark.skipif(ENGINE is None, reason='only the engine is that deep')


@pytest.mark.parametrize('way', ['memory', 'file'])
@pytest.mark.parametrize('kind', list(KINDS))
def test_deep_on_a_small_stack(engine, kind, way, record_property):
    limit = sys.getrecursionlimit()
    depth = 50000 if kind in RECURSING else DEPTH
    holder, back = [], []

    def write():
        if way == 'memory':
            return engine.dumps(holder[0], 4)
        out = io.BytesIO()
        engine.Pickler(out, 2).dump(holder[0])
        return out.getvalue()

    def read():
        back.append(engine.loads(data) if way == 'memory' else engine.load(io.BytesIO(data)))

    on_stack(OWN, lambda: holder.extend(chain(kind, depth)))
    data = on_stack(SMALL, write)
    expected = on_stack(OWN, lambda: take_down(holder))
    assert expected[0] == depth
    on_stack(SMALL, read)
    assert on_stack(OWN, lambda: take_down(back)) == expected
    assert sys.getrecursionlimit() == limit
    record_property('depth of ' + kind, depth)


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
