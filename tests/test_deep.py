"""Depth: what nests deep is written and read at the default recursion limit, in each protocol.

tests/reliability/test_deeper.py has every kind, a million deep and on a small stack.
"""
import io
import pickle
import sys

import pytest

import zoo
from deep import ReducedArguments, chain, on_stack, take_down
from implementations import ENGINE

DEPTH = 1000000
STACK = 64 << 20

pytestmark = pytest.mark.skipif(ENGINE is None, reason='only the engine is that deep')


@pytest.mark.parametrize('kind, protocol, depth', [
    ('list', 4, DEPTH), ('list', 0, 100000), ('list', 2, 100000), ('tuple', 4, 300000), ('dict', 4, 300000), ('instance', 4, DEPTH),
    ('instance', 2, 100000), ('slots', 5, 100000), ('mixed', 4, 200000), ('mixed', 0, 100000), ('reduce, arguments', 4, 10000)])
def test_deep(engine, kind, protocol, depth):
    limit = sys.getrecursionlimit()

    def work():
        holder = chain(kind, depth)
        data = engine.dumps(holder[0], protocol)
        expected = take_down(holder)
        assert expected[0] == depth
        assert take_down([engine.loads(data)]) == expected

    on_stack(STACK, work)
    assert sys.getrecursionlimit() == limit


def test_to_a_file_and_from_one(engine):
    def work():
        holder = chain('list', 200000)
        file = io.BytesIO()
        engine.Pickler(file, 4).dump(holder[0])
        take_down(holder)
        file.seek(0)
        assert take_down([engine.Unpickler(file).load()]) == (200000, {list})

    on_stack(STACK, work)


class Endless(object):
    def __reduce__(self):
        return Endless, (Endless(),)


class EndlessState(object):
    def __getstate__(self):
        return {'next': EndlessState()}


def test_a_reduce_that_never_ends(engine):
    """Ends in a clean exception at the default bound, long before memory does."""
    def work():
        with pytest.raises(RecursionError):
            engine.dumps(Endless(), 4)

    on_stack(STACK, work)
    assert engine.loads(engine.dumps([1], 4)) == [1]


@pytest.mark.parametrize('build', [Endless, EndlessState, lambda: holds_itself(zoo.MyList())], ids=['args', 'state', 'contents'])
def test_the_bound_can_be_set(engine, build):
    """In protocols 0 and 1 the contents of a container subclass are an argument: one that holds itself never ends."""
    def work():
        pickler = engine.Pickler(io.BytesIO(), 1)
        assert pickler.max_open_reduces > 100000
        pickler.max_open_reduces = 1000
        with pytest.raises(RecursionError):
            pickler.dump(build())
        pickler.dump(chain('reduce, arguments', 900)[0])
        pickler.max_open_reduces = 100
        with pytest.raises(RecursionError):
            pickler.dump(chain('reduce, arguments', 900)[0])
        pickler.dump(chain('list', 5000)[0])

    on_stack(STACK, work)


def holds_itself(obj):
    obj.append(obj)
    return obj


def test_a_deep_tuple_as_a_key(engine):
    """Hashing it recurses in the interpreter: refused past a bound, and never a crash."""
    def work():
        for depth in (1000, 100000, DEPTH):
            data = b'\x80\x04})' + b'\x85' * depth + b'K\x01s.'
            try:
                back = engine.loads(data)
            except (pickle.UnpicklingError, RecursionError, ValueError):
                assert depth > 1000
            else:
                holder = list(back)
                del back
                assert take_down(holder) == (depth + 1, {tuple})

    on_stack(STACK, work)
