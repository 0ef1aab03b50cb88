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
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders = [root] + [each for each in sys.path if 'site-packages' not in each and each and os.path.isdir(each)
                        and os.path.isfile(os.path.join(each, 'pickle5', '__init__.py')) and each != root][::-1]
    if 'PICKLE5_SANITIZED' in os.environ:
        folders = folders[1:]
    script = SCRIPT % (folders[:2], 20)
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
