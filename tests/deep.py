"""What nests deep: chains of each kind of link, the one walk that goes down a chain, and threads with the stack that is asked for.

The walk compares without ==, and takes the chain apart link by link: some interpreters recurse where a deep structure is let go.
"""
import collections
import sys
import threading

import zoo


class Link(object):
    """An instance that is pickled from its __dict__."""

    def __init__(self, next=None):
        self.next = next


class ReducedState(Link):
    def __reduce__(self):
        return ReducedState, (), {'next': self.next}


class ReducedArguments(Link):
    def __reduce__(self):
        return ReducedArguments, (self.next,)


class ReducedItems(Link):
    def append(self, obj):
        self.next = obj

    def __reduce__(self):
        return ReducedItems, (), None, iter([self.next])


KINDS = collections.OrderedDict([
    ('list', lambda obj: [obj]),
    ('tuple', lambda obj: (obj,)),
    ('dict', lambda obj: {'k': obj}),
    ('frozenset', lambda obj: frozenset([obj])),
    ('instance', Link),
    ('slots', zoo.Slots),
    ('namedtuple', lambda obj: zoo.Point(obj, None)),
    ('OrderedDict', lambda obj: collections.OrderedDict(k=obj)),
    ('reduce, state', ReducedState),
    ('reduce, arguments', ReducedArguments),
    ('reduce, items', ReducedItems),
    ('mixed', lambda obj: collections.OrderedDict(o=[{'k': (obj, zoo.Plain())}])),
    ('mixed instances', lambda obj: zoo.Slots(Link(zoo.Point(ReducedState([obj]), None)))),
    ('deque', lambda obj: collections.deque([obj])),
    ('defaultdict', lambda obj: collections.defaultdict(list, k=obj)),
    ('slice', slice),
])
LINKS = {'mixed': 4, 'mixed instances': 5}
# Up to 3.13 the interpreter recurses where these are let go, whoever made them.
RECURSING = () if sys.version_info >= (3, 14) else ('deque', 'defaultdict', 'slice')


def chain(kind, depth):
    """A chain of so many links of one kind, in a list: taking it out leaves one reference."""
    link, obj = KINDS[kind], None
    for _ in range(depth // LINKS.get(kind, 1)):
        obj = link(obj)
    return [obj]


def inner(obj):
    """What stands one level below, or None."""
    if isinstance(obj, (list, tuple, collections.deque)):
        return obj[0] if obj else None
    if isinstance(obj, dict):
        return next(iter(obj.values())) if obj else None
    if isinstance(obj, frozenset):
        return next(iter(obj)) if obj else None
    if isinstance(obj, slice):
        return obj.start if obj.start is not None else obj.stop
    return obj.a if isinstance(obj, zoo.Slots) else getattr(obj, 'next', None)


def take_down(holder):
    """Go down what a list holds, each link being freed as the next is reached; how far down it went, and the types met."""
    obj, depth, types = holder.pop(), 0, set()
    while obj is not None:
        depth += 1
        types.add(type(obj))
        obj = inner(obj)
    return depth, types


def on_stack(size, work):
    """Run work() on a thread with a stack of so many bytes; hand on what it returns or raises."""
    failure, result = [], []

    def run():
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)

    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failure:
        raise failure[0]
    return result[0]
