"""Out of memory, at each allocation in turn: MemoryError, nothing broken, and the same thing works afterwards."""
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SLOW = bool(os.environ.get('PICKLE5_SLOW'))
# The interpreter's own code may answer in other words: importing, formatting a message, an exception out of an exception.
ALLOWED = {"can't allocate read lock", "can't allocate lock"}
if (3, 9) <= sys.version_info < (3, 14):        # its frames lose exceptions: any Python function that raises shows it
    ALLOWED.add('error return without exception set')
    # This too when the first of all allocations fails, which is for the frame of the function that calls the engine.
    ALLOWED.update('_PyEval_EvalFrameDefault returned NULL without setting an ' + word for word in ('error', 'exception'))
if sys.version_info < (3, 8):                   # see test_who_loses_error_handlers
    ALLOWED.update("unknown error handler name '%s'" % name for name in ('strict', 'surrogatepass'))

# Printed, not raised: where a bytearray gets no memory for its contents, most interpreters look at a field of it that was
# never set.  test_who_leaves_bytearrays_half_made shows it without pickling anything.
OF_INTERPRETER = {'SystemError: deallocated bytearray object has exported buffers'} if sys.version_info < (3, 15) else set()
BYTEARRAY = """
import _testcapi, sys
array, part = bytearray(b'abc'), slice(0, 3)
for n in range(4):
    dirt = [bytes([1]) * (sys.getsizeof(array) - sys.getsizeof(b'')) for _ in range(50)] + [bytearray(40) for _ in range(50)]
    del dirt
    _testcapi.set_nomemory(n, n + 1)
    try:
        array[part]
    except MemoryError:
        pass
    _testcapi.remove_mem_hooks()
"""


HANDLERS = """
import _testcapi
for data, name in (b'\\xff', 'strict'), (b'\\xed\\xa0\\x80', 'surrogatepass'):
    data.decode('utf-8', 'replace')
    for n in range(20):
        error = None
        _testcapi.set_nomemory(n, n + 1)
        try:
            data.decode('utf-8', name)
        except LookupError as caught:
            error = caught
        except (MemoryError, UnicodeDecodeError):
            pass
        _testcapi.remove_mem_hooks()
        if error is not None:
            print(error)
"""


@pytest.mark.skipif(sys.version_info >= (3, 8), reason='mended in 3.8')
def test_who_loses_error_handlers():
    """bytes.decode() takes a failed allocation for a name that it does not know: that is what ALLOWED allows."""
    has_hooks()
    printed = subprocess.check_output([sys.executable, '-c', HANDLERS], timeout=60).decode('ascii').splitlines()
    assert set(printed) == {"unknown error handler name 'strict'", "unknown error handler name 'surrogatepass'"}


def has_hooks():
    pytest.importorskip('_testcapi')
    if not hasattr(__import__('_testcapi'), 'set_nomemory'):
        pytest.skip('this interpreter cannot let allocations fail')
    if hasattr(sys, 'gettotalrefcount'):
        pytest.skip('debug builds stop in deallocators of their own that meet no memory')


def test_who_leaves_bytearrays_half_made():
    """What OF_INTERPRETER allows is what slicing a bytearray prints, where it prints anything."""
    has_hooks()
    process = subprocess.Popen([sys.executable, '-c', BYTEARRAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    printed = set(err.decode('utf-8', 'replace').splitlines())
    print(printed)
    assert printed <= OF_INTERPRETER


@pytest.mark.parametrize('part', ['dumps', 'loads', 'Pickler', 'Unpickler', 'old', 'persistent', 'buffers', 'sparse', 'deep']
                         + (['dump ', 'load ', 'file', 'Python 2', 'marks', 'error'] if SLOW else []))
def test_each_allocation_fails(engine, part, record_property):
    has_hooks()
    if not SLOW and part not in ('old', 'persistent', 'buffers'):
        pytest.skip('make nomemory')
    process = subprocess.Popen([sys.executable, os.path.join(HERE, 'nomemory_worker.py'), part], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, err.decode('utf-8', 'replace')[-3000:]
    result = json.loads(out.decode('ascii'))
    # Where an exception can go nowhere the interpreter reports it ("Exception ignored in"); broken objects it reports like this.
    assert {line for line in err.decode('utf-8', 'replace').splitlines() if line.startswith('SystemError')} <= OF_INTERPRETER
    print('allocations failed:', result['failed'])
    wrong = {name: [each for each in errors if each[1] not in ALLOWED
                    and not (each[1].startswith('<function ') and sys.version_info < (3, 14))] for name, errors in result['other'].items()}
    assert not {name: errors for name, errors in wrong.items() if errors}
    assert sum(result['failed'].values()) > 0
    for name, count in result['failed'].items():
        record_property('allocations failed: ' + name, count)
