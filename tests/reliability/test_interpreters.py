"""Subinterpreters: each with its own copy of the engine, from 3.12 on each with its own GIL, at work at the same time."""
import os
import subprocess
import sys

import pytest

SCRIPT = r'''
import sys, threading
sys.path[:0] = %r
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import pickle5._pickle as engine
CODE = """
import sys
sys.path[:0] = %%r
import io
import pickle5._pickle as engine
import pickle, collections, datetime
for round in range(%%d):
    for protocol in range(6):
        obj = [1, 'text', {'a': (1.5, b'bytes')}, {1, 2}, collections.OrderedDict(a=[]), datetime.date(2020, 1, 2), 'x' * 70000]
        obj.append(obj[2])
        out = io.BytesIO()
        engine.Pickler(out, protocol).dump(obj)
        back = engine.Unpickler(io.BytesIO(out.getvalue())).load()
        assert back == obj and back[2] is back[7]
        assert engine.loads(engine.dumps(obj, protocol)) == obj
    for data in (b'', b'x', b'(((', b'cno\\nsuch\\n.'):
        try:
            engine.loads(data)
        except Exception as error:
            str(error)
        else:
            raise AssertionError
    try:
        engine.dumps(lambda: 0)
    except Exception:
        pass
    else:
        raise AssertionError
assert engine.PickleError is pickle.PickleError
""" %% (sys.path[:3], %d)
failed = []


def work():
    for _ in range(3):
        try:
            made = interpreters.create()
            result = getattr(interpreters, 'exec', None) or interpreters.run_string
            outcome = result(made, CODE)
            if outcome is not None:
                failed.append(outcome)
            interpreters.destroy(made)
        except BaseException as error:
            failed.append(error)


threads = [threading.Thread(target=work) for _ in range(4)] if sys.version_info >= (3, 12) else []
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if not threads:
    work()
assert not failed, failed[0]
assert engine.loads(engine.dumps([1])) == [1]
print('worked')
'''


def run(script):
    process = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=300)
    return process.returncode or not out.strip().endswith(b'worked'), err.decode('utf-8', 'replace')[-3000:]


def folders():
    """Where another interpreter finds the engine."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = [root] + [each for each in sys.path if 'site-packages' not in each and each and os.path.isdir(each)
                        and os.path.isfile(os.path.join(each, 'pickle5', '__init__.py')) and each != root][::-1]
    if 'PICKLE5_SANITIZED' in os.environ:
        found = found[1:]
    return found


@pytest.mark.skipif(sys.version_info < (3, 8), reason='no module makes them')
@pytest.mark.skipif(sys.implementation.name != 'cpython', reason='CPython has them')
def test_subinterpreters(engine):
    for name in ('_interpreters', '_xxsubinterpreters'):
        try:
            __import__(name)
            break
        except ImportError:
            pass
    else:
        pytest.skip('no module makes them')
    script = SCRIPT % (folders()[:2], 20)
    for change in ({}, {'range(4)': 'range(1)'}):
        # Some releases crash by themselves, 3.12.1 with one after another, 3.13.0 with several at once.
        for old, new in change.items():
            script = script.replace(old, new)
        code, err = run(script.replace('import pickle5._pickle as engine', 'import _pickle as engine'))
        if code == 0:
            break
    else:
        pytest.skip('the interpreter does not survive it with its own pickle')
    code, err = run(script)
    assert code == 0, err


SHARING = r'''
import sys
sys.path[:0] = %r
from concurrent import interpreters
import pickle5._pickle as engine
SIZE = 64 << 20


class Table(object):
    """Comes back as a view of the memory that it is given."""

    def __init__(self, memory):
        self.memory = memory

    def __reduce_ex__(self, protocol):
        return memoryview, (engine.PickleBuffer(self.memory),)


memory = bytearray(SIZE)
memory[SIZE - 1] = 5
buffers = []
data = engine.dumps({'table': Table(memory), 'name': 'x'}, 5, buffer_callback=buffers.append)
assert len(data) < 200 and len(buffers) == 1
there, back = interpreters.create_queue(), interpreters.create_queue()
made = interpreters.create()
made.prepare_main(there=there, back=back, folders=tuple(sys.path[:3]))
there.put(data)
there.put(memoryview(buffers[0]))
made.exec("""
import sys
sys.path[:0] = list(folders)
import pickle5._pickle as engine
data, view = there.get(), there.get()
value = engine.loads(data, buffers=[view])
table = value['table']
assert value['name'] == 'x' and len(table) == 64 << 20 and table[-1] == 5 and not table.readonly
table[0] = 77
again = []
back.put(engine.dumps(engine.PickleBuffer(table), 5, buffer_callback=again.append))
back.put(memoryview(again[0]))
""")
assert memory[0] == 77                     # one memory, no copy
value = engine.loads(back.get(), buffers=[back.get()])
assert len(value) == SIZE and value[0] == 77 and value[SIZE - 1] == 5
memory[1] = 78
assert value[1] == 78                      # and back again
made.exec("assert table[1] == 78; table[2] = 79")
assert value[2] == memory[2] == 79
read_only = []
data = engine.dumps(engine.PickleBuffer(bytes(100)), 5, buffer_callback=read_only.append)
there.put(data)
there.put(memoryview(read_only[0]))
made.exec("""
value = engine.loads(there.get(), buffers=[there.get()])
assert memoryview(value).readonly
del value, table, view, again
""")
del value
made.close()
print('worked')
'''


@pytest.mark.skipif(sys.version_info < (3, 14) or sys.implementation.name != 'cpython', reason='concurrent.interpreters is new in 3.14')
def test_buffers_pass_between_interpreters_without_a_copy(engine):
    code, err = run(SHARING % (folders()[:2],))
    assert code == 0, err
