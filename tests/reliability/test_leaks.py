"""Nothing is left over: references and memory blocks after repeated runs of every subject, errors included."""
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.skipif(not hasattr(sys, 'gettotalrefcount'), reason='only a debug build counts references')
def test_drift_is_zero(engine, record_property):
    runs = '20' if os.environ.get('PICKLE5_SLOW') else '4'
    out = subprocess.check_output([sys.executable, os.path.join(HERE, 'leaks_worker.py'), runs], timeout=1800,
                                  env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    result = json.loads(out.decode('ascii'))
    print('%(subjects)d subjects, %(runs)d runs each, drift %(drift)r, of the measurement itself %(quiet)r' % result)
    assert result['drift'] == {}
    assert result['subjects'] > 80
    record_property('subjects repeated', result['subjects'])
    record_property('runs of each', result['runs'])
    record_property('subjects with drift', len(result['drift']))
