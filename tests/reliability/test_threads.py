"""Threads: shared data that others change; signals are in test_file_faults.py.

PICKLE5_SLOW=SECONDS makes the long version.
"""
import io
import os
import random
import sys
import threading
import time

import pytest

import zoo

SECONDS = float(os.environ.get('PICKLE5_SLOW') or 1)
ORDINARY = (RuntimeError, KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError)


def run_threads(works, seconds):
    """Run each function again and again in a thread of its own; what they raise."""
    stop, failures = threading.Event(), []

    def loop(work, seed):
        rng = random.Random(seed)
        try:
            while not stop.is_set():
                work(rng)
        except BaseException as error:
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=loop, args=(work, seed)) for seed, work in enumerate(works)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        stop.wait(seconds)
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    finally:
        stop.set()
        sys.setswitchinterval(interval)
    if failures:
        raise failures[0]


class Slow(object):
    """Gives the GIL away while it is pickled."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        time.sleep(0)
        return Slow, (self.value,)


def test_shared_data_that_others_change(engine):
    """Each dump ends in bytes that can be read, or in an ordinary exception."""
    shared = {'list': list(range(50)), 'dict': {i: [i] for i in range(50)}, 'set': set(range(50)), 'obj': zoo.Plain(a=1),
              'deep': [[[{}]]], 'bytes': bytearray(b'x' * 100)}
    counts = [0, 0]

    def change(rng):
        which = rng.randrange(7)
        try:
            if which == 0:
                shared['list'][rng.randrange(60):] = [rng.random() for _ in range(rng.randrange(60))]
            elif which == 1:
                shared['dict'].clear()
                shared['dict'].update({rng.random(): [1], 'k': shared['list'][:5], 'slow': Slow(1)})
            elif which == 2:
                shared['set'].add(rng.random())
                if len(shared['set']) > 80:
                    shared['set'].clear()
            elif which == 3:
                shared['obj'].__dict__ = {'k%d' % rng.randrange(50): [rng.random()], 'slow': Slow([2])}
            elif which == 4:
                shared['deep'][0] = [[{'x': [rng.random(), Slow('y')]}]]
            elif which == 5:
                shared['bytes'][rng.randrange(50):] = b'y' * rng.randrange(100)
            else:
                shared['new%d' % rng.randrange(5)] = shared['list']
                shared.pop('new%d' % rng.randrange(5), None)
        except ORDINARY:
            pass

    def write(rng):
        protocol = rng.randrange(6)
        try:
            if rng.random() < .5:
                data = engine.dumps(shared, protocol)
            else:
                out = io.BytesIO()
                engine.Pickler(out, protocol).dump(shared)
                data = out.getvalue()
        except ORDINARY:
            return
        back = engine.loads(data)
        assert set(back) >= {'list', 'dict', 'set', 'obj', 'deep', 'bytes'}
        assert all(type(back[key]) is type(shared[key]) for key in ('list', 'dict', 'set', 'obj', 'deep', 'bytes'))
        counts[0] += 1

    run_threads([change] * 3 + [write] * 5, SECONDS)
    assert counts[0] > 3


def test_one_pickler_in_many_threads(engine):
    """It refuses while it is at work, and never mixes two pickles."""
    class Out(object):
        def __init__(self):
            self.chunks = []

        def write(self, data):
            time.sleep(0)
            self.chunks.append(bytes(data))

    out = Out()
    pickler = engine.Pickler(out, 4)
    counts = [0, 0]

    def write(rng):
        try:
            pickler.dump([rng.random(), Slow(1), 'x' * rng.choice((10, 70000))])
            counts[0] += 1
        except RuntimeError:
            counts[1] += 1
        if rng.random() < .1:
            try:
                pickler.clear_memo()
            except RuntimeError:
                pass

    run_threads([write] * 6, SECONDS / 2)
    assert counts[0] > 3


def test_one_unpickler_in_many_threads(engine):
    data = engine.dumps([Slow(1), 'text', list(range(100))], 4)

    class In(io.BytesIO):
        def read(self, size=-1):
            time.sleep(0)
            return io.BytesIO.read(self, size)

    file = In(data * 2000)
    unpickler = engine.Unpickler(file)
    counts = [0]

    def read(rng):
        try:
            value = unpickler.load()
            assert value[1] == 'text' and value[2][99] == 99
            counts[0] += 1
        except RuntimeError:
            pass
        except EOFError:
            time.sleep(.01)
        if rng.random() < .05:
            unpickler.memo.copy()

    run_threads([read] * 6, SECONDS / 2)
    assert counts[0] > 3


def test_types_that_change_while_instances_are_written(engine):
    """What the engine knows of a type is known again after the type has changed."""
    objects = [zoo.Other(a=i) for i in range(20)]
    setattr(zoo.Other, 'odd', 1)

    def change(rng):
        zoo.Other.__reduce_ex__ = lambda self, protocol: (zoo.rebuild, (1,))
        time.sleep(0)
        del zoo.Other.__reduce_ex__

    def write(rng):
        back = engine.loads(engine.dumps(objects, rng.randrange(2, 6)))
        assert all(type(each) in (zoo.Other, zoo.Plain) for each in back)

    try:
        run_threads([change] + [write] * 3, SECONDS / 2)
    finally:
        if '__reduce_ex__' in zoo.Other.__dict__:
            del zoo.Other.__reduce_ex__
        del zoo.Other.odd
