"""Runs the hostile streams and files with one implementation; prints a table of how each ended, as JSON.

    python hostile_worker.py engine|stdlib [PART OF A NAME]

Each case runs in a process of its own, forked, that may use 5 seconds and as much memory as the issue allows: 64 MB and
20 times the length of its input.  Where processes cannot be forked or limited, the cases run in this one.
"""
import collections
import io
import json
import os
import re
import signal
import sys
import time

try:
    import resource
except ImportError:
    resource = None

import hostile

SECONDS = 5
ALLOWED = 64 << 20
SANITIZED = 'libasan' in os.environ.get('LD_PRELOAD', '') or 'PICKLE5_SANITIZED' in os.environ
SLOW = 20 if SANITIZED or 'VALGRIND' in os.environ else 1


class Raises(object):
    def __init__(self, after):
        self.left = after

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise hostile.Broken('the iterator')
        self.left -= 1
        return b'abc'


def released():
    view = memoryview(b'abc')
    view.release()
    return view


def keywords_of(keywords):
    special = {'raises': lambda: Raises(0), 'raises later': lambda: Raises(2), 'released': lambda: [released()],
               'strided': lambda: [memoryview(bytearray(20))[::2]]}
    keywords = dict(keywords)
    if isinstance(keywords.get('buffers'), str):
        keywords['buffers'] = special[keywords['buffers']]()
    return keywords


class Raw(io.RawIOBase):
    def __init__(self, data):
        io.RawIOBase.__init__(self)
        self.inner = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.inner.readinto(buffer)


WAYS = collections.OrderedDict([
    ('memory', None),
    ('file', hostile.File),
    ('BytesIO', io.BytesIO),
    ('buffered', lambda data: io.BufferedReader(Raw(data), 4096)),
])


def implementation(name):
    if name == 'stdlib':
        import pickle
        return pickle
    import pickle5._pickle
    return pickle5._pickle


def jobs(pickle):
    for name, (data, keywords) in hostile.CASES.items():
        for way, make in WAYS.items():
            if make is None:
                yield name + ' | ' + way, len(data), lambda: pickle.loads(data, **keywords_of(keywords))
            else:
                yield name + ' | ' + way, len(data), lambda: pickle.load(make(data), **keywords_of(keywords))
    sizes = {name: len(data) for name, data in hostile.STREAMS}
    for name, make in hostile.FILES.items():
        yield name + ' | odd file', sizes[name.split(', ')[1]], lambda: pickle.load(make())


def outcome(call):
    """How it ended: the class of the exception (with message and notes), or the type of the value."""
    try:
        value = call()
    except Exception as error:
        return {'error': type(error).__name__, 'text': str(error)[:300],
                'notes': [note[:300] for note in getattr(error, '__notes__', ())]}
    text = {'value': type(value).__name__}
    while isinstance(value, (tuple, list)) and len(value) == 1:     # deep ones are taken down, not let fall
        value = value[0]
    return text


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def virtual_size():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def resident_size():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def child(call, size, pipe):
    """Run one case and write how it ended to the pipe; never returns."""
    linux = os.path.exists('/proc/self/statm')
    if linux and not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (virtual_size() + ALLOWED + 20 * size,) * 2)
    cpu = SECONDS * SLOW + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    signal.alarm(4 * cpu)
    before, start = resident_size() if linux else peak(), time.perf_counter()
    result = outcome(call)
    result['seconds'] = round(time.perf_counter() - start, 3)
    result['grown'] = max(0, peak() - before)
    os.write(pipe, json.dumps(result).encode('ascii'))
    os._exit(0)


def forked(call, size):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            child(call, size, writing)
        finally:
            os._exit(99)
    os.close(writing)
    with os.fdopen(reading, 'rb') as pipe:
        data = pipe.read()
    status = os.waitpid(pid, 0)[1]
    if status != 0 or not data:
        return {'crash': 'signal %d' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'exit %d' % (status >> 8)}
    return json.loads(data.decode('ascii'))


def main():
    pickle = implementation(sys.argv[1])
    part = sys.argv[2] if len(sys.argv) > 2 else ''
    can_fork = hasattr(os, 'fork') and resource is not None
    run = forked if can_fork else lambda call, size: outcome(call)
    outcome(lambda: pickle.loads(b'Vwarm\n.'))
    table = collections.OrderedDict()
    for name, size, call in jobs(pickle):
        if part in name:
            table[name] = run(call, size)
    json.dump(table, sys.stdout, indent=1)


if __name__ == '__main__':
    main()
