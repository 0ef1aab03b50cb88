"""Runs the hostile streams and files with one implementation; prints a table of how each ended, as JSON.

    python hostile_worker.py engine|stdlib [PART OF A NAME]

Each case may use 5 seconds and no more memory than 64 MB and 20 times the length of its input.  They run in a forked
process, where that limit is set on the address space; if one kills it, the rest run in the next.  Where processes cannot
be forked or limited, the cases run in this one.
"""
import collections
import io
import json
import os
import signal
import sys
import time
import warnings

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
    import pickle5._pickle as engine
    return engine


def loader(pickle, data, keywords, make):
    if make is None:
        return lambda: pickle.loads(data, **keywords_of(keywords))
    return lambda: pickle.load(make(data), **keywords_of(keywords))


def jobs(pickle):
    for name, (data, keywords) in hostile.CASES.items():
        for way, make in WAYS.items():
            yield name + ' | ' + way, len(data), loader(pickle, data, keywords, make)
    for name, (make, data) in hostile.FILES.items():
        yield name + ' | odd file', len(data), loader(pickle, data, {}, make)


def outcome(call):
    """How it ended: the class of the exception (with message and notes), or the type of the value."""
    try:
        value = call()
    except Exception as error:
        return {'error': type(error).__name__, 'text': str(error)[:300],
                'notes': [note[:300] for note in getattr(error, '__notes__', ())]}
    result = {'value': type(value).__name__}
    while isinstance(value, (tuple, list)) and len(value) == 1:     # deep ones are taken down, not let fall
        value = value[0]
    return result


def proc(name, field):
    """A size in /proc/self/status, in bytes; 0 where there is none."""
    try:
        with open('/proc/self/' + name) as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return 0


def forget_peak():
    try:
        with open('/proc/self/clear_refs', 'w') as file:
            file.write('5')
    except OSError:
        pass


def limited(call, size):
    """Run one case under its limits.  Too much memory is a MemoryError, too much time is a signal."""
    forget_peak()
    before, start = proc('status', 'VmRSS:'), time.perf_counter()
    used = proc('status', 'VmSize:')
    if used and not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (used + ALLOWED + 20 * size, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS * SLOW)     # its own time: the machine may be busy
    signal.alarm(10 * SECONDS * SLOW)
    result = outcome(call)
    signal.alarm(0)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    result['seconds'] = round(time.perf_counter() - start, 3)
    result['grown'] = max(0, proc('status', 'VmHWM:') - before)
    return result


def child(rest, pipe):
    with os.fdopen(pipe, 'wb') as file:
        for name, size, call in rest:
            file.write(json.dumps([name, limited(call, size)]).encode('ascii') + b'\n')
            file.flush()


def forked(rest):
    """Run the cases in a child.  Those that it lived to report; and what became of it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            child(rest, writing)
            os._exit(0)
        finally:
            os._exit(99)
    os.close(writing)
    with os.fdopen(reading, 'rb') as pipe:
        lines = pipe.readlines()
    status = os.waitpid(pid, 0)[1]
    return [json.loads(line.decode('ascii')) for line in lines if line.endswith(b'\n')], status


def run_all(rest):
    table = collections.OrderedDict()
    if not hasattr(os, 'fork') or resource is None:
        for name, size, call in rest:
            table[name] = outcome(call)
        return table
    while rest:
        done, status = forked(rest)
        table.update(done)
        rest = rest[len(done):]
        if status and not rest:
            rest = [('the end', 0, None)]
        if status:
            why = 'signal %d' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'exit %d' % (status >> 8)
            table[rest[0][0]] = {'crash': why}
            rest = rest[1:]
    return table


def main():
    warnings.simplefilter('ignore')
    pickle = implementation(sys.argv[1])
    part = sys.argv[2] if len(sys.argv) > 2 else ''
    outcome(lambda: pickle.loads(b'Vwarm\n.'))
    table = run_all([job for job in jobs(pickle) if part in job[0]])
    json.dump(table, sys.stdout, indent=1)


if __name__ == '__main__':
    main()
