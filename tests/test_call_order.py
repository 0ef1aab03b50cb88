"""The order of calls: what user code sees of a pickler and an unpickler at work is what it sees of the newest stdlib.

Each call made to it is compared, one by one, also when it raises: each call in turn. `call_order.py` has the cases, and
golden/calls.json what CPython 3.15 did; on 3.14 and later the interpreter's own pickle is asked as well.

Not compared, by choice: in which pieces a file is written below protocol 4 (the sum of them is) and how a file that has
`peek` is read (what is called besides, and where it is left, is). A str above 1 MiB is written in pieces.
"""
import sys

import pytest

import call_order
import make_golden
from implementations import ENGINE, PYPY, STDLIB

GOLDEN = make_golden.read_calls()
pytestmark = pytest.mark.skipif(PYPY or ENGINE is None, reason='the order is promised by the engine')
# The interpreters whose own pickle makes the same calls as the newest, except that 3.14 still extends by an empty batch.
REFERENCE_HERE = STDLIB.has((3, 14, 10), (3, 15))
NOT_YET = () if STDLIB.has((3, 15)) else ('read extend', 'read own list')


def dumps(obj, protocol):
    return ENGINE.dumps(obj, protocol)


def grouped(cases):
    """By the first words of the name, so that one test holds some twenty cases."""
    found = {}
    for name, run in cases:
        found.setdefault(name.split(',')[0], []).append((name, run))
    return sorted(found.items())


def every_case():
    return [] if ENGINE is None else grouped(list(call_order.cases()) + list(call_order.read_cases(dumps)))


every_group = pytest.mark.parametrize('group', [cases for _, cases in every_case()], ids=[name for name, _ in every_case()])


def test_the_golden_file_is_complete():
    names = [name for _, cases in every_case() for name, _ in cases]
    assert sorted(names) == sorted(GOLDEN)
    assert len(names) > 800 and sum(GOLDEN[name][1] for name in names) > 10000


@every_group
def test_calls_are_those_of_the_newest(engine, group):
    for name, run in group:
        found = call_order.summary(*call_order.every_position(lambda fuse, error: run(engine, fuse, error)))
        assert found[0] == GOLDEN[name][0], name
        assert found == GOLDEN[name], 'after a call that raised: ' + name


@pytest.mark.skipif(not REFERENCE_HERE, reason='this pickle makes other calls than the newest')
@every_group
def test_calls_are_those_of_the_interpreters_pickle(engine, group):
    if group[0][0].split(',')[0] in NOT_YET:
        pytest.skip('3.14 calls extend([]) for an empty batch')
    compare(engine, group)


def compare(engine, group):
    for name, run in group:
        expected = call_order.every_position(lambda fuse, error: run(STDLIB, fuse, error))
        found = call_order.every_position(lambda fuse, error: run(engine, fuse, error))
        assert found[0] == expected[0], name
        assert found[1] == expected[1], name


@pytest.mark.skipif(not REFERENCE_HERE, reason='this pickle makes other calls than the newest')
def test_attributes_are_asked_for_as_the_interpreters_pickle_does(engine):
    """Which attributes of an object are looked up: the types' own reduce methods decide, so only here can it be compared."""
    compare(engine, [(name, run) for name, run in call_order.cases(True) if 'attributes' in name])


def test_a_trace_would_show_a_difference(engine):
    """The cases see what they are for: an order that is wrong anywhere changes a trace."""
    whole, odd = call_order.every_position(
        lambda fuse, error: call_order.trace_write(engine, 'order', 'persistent', 4, fuse, error))
    calls = [line.split()[0] for line in whole]
    assert calls.count('__reduce__') == 4 and calls.count('persistent_id') > 15 and 'write' in calls
    assert len(odd) == len(whole) - 1
    assert {text.split(':')[0] for text in odd.values()} == {'Tripped', 'AttributeError'}
