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


@pytest.mark.parametrize('part', ['dumps', 'loads', 'Pickler', 'Unpickler', 'old', 'persistent', 'buffers', 'sparse', 'deep']
                         + (['dump ', 'load ', 'file', 'Python 2', 'marks', 'error'] if SLOW else []))
def test_each_allocation_fails(engine, part):
    pytest.importorskip('_testcapi')
    if not hasattr(__import__('_testcapi'), 'set_nomemory'):
        pytest.skip('this interpreter cannot let allocations fail')
    if hasattr(sys, 'gettotalrefcount'):
        pytest.skip('debug builds stop in deallocators of their own that meet no memory')
    if not SLOW and part not in ('old', 'persistent', 'buffers'):
        pytest.skip('make nomemory')
    process = subprocess.Popen([sys.executable, os.path.join(HERE, 'nomemory_worker.py'), part], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, err.decode('utf-8', 'replace')[-3000:]
    result = json.loads(out.decode('ascii'))
    print('allocations failed:', result['failed'])
    wrong = {name: [each for each in errors if each[1] not in ALLOWED
                    and not (each[1].startswith('<function ') and sys.version_info < (3, 14))] for name, errors in result['other'].items()}
    assert not {name: errors for name, errors in wrong.items() if errors}
    assert sum(result['failed'].values()) > 0
