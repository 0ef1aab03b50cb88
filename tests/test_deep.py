"""Depth: what nests a million deep is written and read at the default recursion limit.

A structure that deep is taken apart by the interpreter, some versions of which recurse there: everything happens in a
thread with a large stack, and structures are taken down link by link.
"""
import collections
import io
import pickle
import sys
import threading

import pytest

import zoo
from implementations import ENGINE

DEPTH = 1000000

pytestmark = pytest.mark.skipif(ENGINE is None, reason='only the engine is that deep')


def in_thread(work):
    """Run work() on a large stack, and hand on what it raises."""
    failure = []

    def run():
        try:
            work()
        except BaseException as error:
            failure.append(error)

    before = threading.stack_size(256 << 20)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failure:
        raise failure[0]


def nested_list(depth):
    obj = []
    for i in range(depth):
        obj = [obj]
    return obj


def nested_tuple(depth):
    obj = ()
    for i in range(depth):
        obj = (obj,)
    return obj


def nested_dict(depth):
    obj = {}
    for i in range(depth):
        obj = {'k': obj}
    return obj


def nested_mixed(depth):
    obj = None
    for i in range(depth // 4):
        obj = [{'k': (obj, zoo.Plain(next=None))}]
        obj = collections.OrderedDict(o=obj)
    return obj


class Link(object):
    pass


def chain(depth):
    obj = None
    for i in range(depth):
        link = Link()
        link.next = obj
        obj = link
    return obj


class SlotLink(object):
    __slots__ = ('next',)


def slot_chain(depth):
    obj = None
    for i in range(depth):
        link = SlotLink()
        link.next = obj
        obj = link
    return obj


class ReduceLink(object):
    def __init__(self, next):
        self.next = next

    def __reduce__(self):
        return ReduceLink, (self.next,)


def reduce_chain(depth):
    obj = None
    for i in range(depth):
        obj = ReduceLink(obj)
    return obj


def inner(obj):
    """What stands one level below, or None."""
    if isinstance(obj, (list, tuple)):
        return obj[0] if obj else None
    if isinstance(obj, dict):
        return next(iter(obj.values())) if obj else None
    return getattr(obj, 'next', None)


def shape_of(obj):
    """The types on the way down, and how far down it goes."""
    count, types = 0, set()
    while obj is not None:
        count += 1
        types.add(type(obj))
        obj = inner(obj)
    return count, types


def take_down(obj):
    """Free it link by link: whoever holds the next link drops the one before."""
    while obj is not None:
        following = inner(obj)
        if isinstance(obj, (list, dict)):
            obj.clear()
        elif not isinstance(obj, tuple):
            obj.next = None
        obj = following


@pytest.mark.parametrize('build, protocol, depth', [
    (nested_list, 4, DEPTH), (nested_list, 0, 100000), (nested_list, 2, 100000), (nested_tuple, 4, 300000), (nested_dict, 4, 300000),
    (chain, 4, DEPTH), (chain, 2, 100000), (slot_chain, 5, 100000), (nested_mixed, 4, 200000),
], ids=lambda value: getattr(value, '__name__', str(value)))
def test_deep(engine, build, protocol, depth):
    limit = sys.getrecursionlimit()

    def work():
        obj = build(depth)
        expected = shape_of(obj)
        data = engine.dumps(obj, protocol)
        take_down(obj)
        del obj
        assert expected[0] >= depth
        back = engine.loads(data)
        assert shape_of(back) == expected
        take_down(back)

    in_thread(work)
    assert sys.getrecursionlimit() == limit


def test_to_a_file_and_from_one(engine):
    def work():
        obj = nested_list(200000)
        file = io.BytesIO()
        engine.Pickler(file, 4).dump(obj)
        take_down(obj)
        file.seek(0)
        back = engine.Unpickler(file).load()
        assert shape_of(back) == (200001, {list})
        take_down(back)

    in_thread(work)


def test_deep_reduce_arguments(engine):
    """Reduce values that stand in each other's arguments: a bound on them stands far above what data needs."""
    def work():
        obj = reduce_chain(10000)
        data = engine.dumps(obj, 4)
        take_down(obj)
        back = engine.loads(data)
        assert shape_of(back) == (10000, {ReduceLink})
        take_down(back)

    in_thread(work)


def test_deep_on_a_small_stack(engine):
    """The engine does not recurse: 256 KiB of stack serve."""
    result = []

    def run():
        obj = nested_list(100000)
        result.append(len(engine.dumps(obj, 4)))
        take_down(obj)

    before = threading.stack_size(512 << 10)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert result and result[0] > 300000


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

    in_thread(work)
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
        pickler.dump(reduce_chain(900))
        pickler.max_open_reduces = 100
        with pytest.raises(RecursionError):
            pickler.dump(reduce_chain(900))
        pickler.dump(nested_list(5000))

    in_thread(work)


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
                key, = back
                assert shape_of(key) == (depth + 1, {tuple})
                del back
                while key:
                    key = key[0]

    in_thread(work)
