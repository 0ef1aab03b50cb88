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


KEY = b'\x80\x04' + b')' + b'\x85' * DEPTH    # a tuple in a tuple, and so on down
# What hashes it, and where it lies: as a key, in a list, as the key of a pair in a list.
HASHING = [
    (b'}%sK\x01s.', KEY), (b'\x8f(%s\x90.', KEY), (b'(%s\x91.', KEY), (b'(%sK\x01d.', KEY),
    (b'czoo\nPlain\n)\x81}%sK\x01sb.', KEY), (b'czoo\nMyDict\n)\x81%sK\x01s.', KEY), (b'czoo\nMySet\n)\x81(%s\x90.', KEY),
    (b'cbuiltins\nset\n%s\x85R.', b']%sa'), (b'cbuiltins\nset\n%s\x85R.', b'%s\x85'), (b'cbuiltins\nset\n%s\x85R.', KEY),
    (b'cbuiltins\nfrozenset\n%s\x85R.', b']%sa'), (b'cbuiltins\nfrozenset\n%s\x85\x81.', b']%sa'),
    (b'cbuiltins\nfrozenset\n%s\x85}\x92.', b']%sa'), (b'czoo\nMyFrozenSet\n%s\x85\x81.', b']%sa'),
    (b'czoo\nMySet\n%s\x85R.', b']%sa'), (b'(cbuiltins\nset\n%so.', b']%sa'), (b'(%sibuiltins\nset\n.', b']%sa'),
    (b'cbuiltins\ndict\n%s\x85R.', b']%sK\x01\x86a'), (b'cbuiltins\ndict\n%s\x85R.', b'](%sK\x01la'),
    (b'ccollections\nOrderedDict\n%s\x85R.', b'%sK\x01\x86\x85'), (b'ccollections\ndefaultdict\nN%s\x86R.', b']%sK\x01\x86a'),
    (b'(ccollections\nOrderedDict\n%so.', b']%sK\x01\x86a'), (b'cbuiltins\nhash\n%s\x85R.', KEY),
    (b'cbuiltins\ngetattr\ncbuiltins\ndict\nX\x08\0\0\0fromkeys\x86R%s\x85R.', b']%sa'),
    (b'cbuiltins\ngetattr\n}X\x06\0\0\0update\x86R%s\x85R.', b']%sK\x01\x86a'),
    (b'cbuiltins\ngetattr\ncbuiltins\ndict\nX\x0b\0\0\0__setitem__\x86R}%sK\x01\x87R.', KEY),
    (b'cbuiltins\ngetattr\ncbuiltins\nset\nX\x06\0\0\0update\x86R\x8f%s\x86R.', b']%sa'),
    (b'czoo\nPlain\n)\x81}X\x06\0\0\0appendcbuiltins\ngetattr\n\x8fX\x03\0\0\0add\x86Rsb%sa.', KEY),
    (b'czoo\nPlain\n)\x81}X\x06\0\0\0extendcbuiltins\ngetattr\n\x8fX\x06\0\0\0update\x86Rsb(%se.', KEY),
]


@pytest.mark.parametrize('number', range(len(HASHING)))
def test_what_hashes_a_deep_tuple(engine, number):
    """By whichever opcode it comes to be hashed."""
    stream, place = HASHING[number]
    data = stream % (place % KEY if place is not KEY else KEY)

    def work():
        try:
            engine.loads(data)
        except RecursionError:
            pass
        else:
            pytest.fail('hashed')

    on_stack(STACK, work)


@pytest.mark.skipif(sys.version_info < (3, 12), reason='slices cannot be hashed')
def test_a_deep_slice_as_a_key(engine):
    """The levels are few, since the interpreter overflows its stack where a deeper slice is let go."""
    for depth, fits in ((1000, True), (10000, False)):
        data = b'}' + b'cbuiltins\nslice\nN' * depth + b'K\x01' + b'\x86R' * depth + b'K\x02s.'
        if fits:
            assert len(engine.loads(data)) == 1
        else:
            with pytest.raises(RecursionError, match='a slice nested more than 2500 deep cannot be hashed'):
                engine.loads(data)
