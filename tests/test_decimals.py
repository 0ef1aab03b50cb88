"""Decimals are written without asking them for a reduce value: the bytes are the same."""
import copyreg
import decimal
import io
import pickle
import random
import sys
import threading

import pytest

from implementations import ENGINE
from test_uuids import general

pytestmark = pytest.mark.skipif(ENGINE is None, reason='of the engine')

D = decimal.Decimal


class Own(D):
    pass


class WithReduce(D):
    def __reduce__(self):
        return D, ('7',)


def same(value):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = general(value, protocol)
        for _ in range(2):
            assert ENGINE.dumps(value, protocol) == data
            file = io.BytesIO()
            ENGINE.dump(value, file, protocol)
            assert file.getvalue() == data
        assert repr(ENGINE.loads(data)) == repr(pickle.loads(data))
        if sys.version_info >= (3, 15):
            assert data == pickle.dumps(value, protocol)
    return data


@pytest.mark.parametrize('value', [
    [D(n) for n in range(12)] * 2, ['5', D(5), D(5), '7', D(7)], [D('1.50'), D('1.50'), D('-0'), D('1E+5'), D('0E-10')],
    [D('NaN'), D('sNaN123'), D('-Infinity'), D('Infinity'), D('NaN')], [D('1' * n) for n in range(1, 60)], [D('1E-%d' % 10 ** 8), D(10) ** 20],
    [D(1), Own(1), Own(2), D(2), WithReduce(1), WithReduce(2)], {D(1): D(2), D(3): [D(4)] * 3},
], ids=range(8))
def test_values(value):
    same(value)
    same([value, value])


def test_the_context_counts():
    value = [D(1), D('1E+50'), D('NaN'), D('1E+51')]
    with decimal.localcontext() as context:
        context.capitals = 0
        assert b'1e+50' in same(value)
        context.prec = 1
        assert b'1e+51' in same(value + [D('1.234567')])
    assert b'1E+50' in same(value)


def test_the_first_context_of_a_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(ENGINE.dumps([D(1), D(2), D(3)], 4)))
    thread.start()
    thread.join()
    assert results == [general([D(1), D(2), D(3)], 4)]


def test_frames_end_where_they_must():
    rng = random.Random(4)
    for count in (3000, 9000):
        value = [D(rng.randrange(10 ** rng.randrange(1, 38))) for _ in range(count)]
        for shift in range(8):
            same(['x' * shift * 9, value])


def test_hooks_are_asked():
    value = [D(1), D(2), D(3)]
    asked = []

    class WithIds(ENGINE.Pickler):
        def persistent_id(self, obj):
            asked.append(type(obj))

    WithIds(io.BytesIO(), 4).dump(value)
    assert asked.count(D) == 3 and asked.count(str) == 5
    copyreg.pickle(D, lambda obj: (D, (str(obj) + '0',)))
    try:
        assert pickle.loads(same(value)) == [10, 20, 30]
    finally:
        del copyreg.dispatch_table[D]
    pickler = ENGINE.Pickler(io.BytesIO(), 4)
    pickler.dump(value)
    again = pickle.Pickler(io.BytesIO(), 4)
    again.dump(value)
    assert {repr(held) for _, held in pickler.memo.copy().values()} <= {repr(held) for _, held in again.memo.copy().values()}
