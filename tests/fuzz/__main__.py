"""The fuzzers without a fuzzer: seeds, mutations by chance, nothing to install.

    PYTHONPATH=. python tests/fuzz                          each target for 15 seconds, a new seed
    PYTHONPATH=. python tests/fuzz read write --seconds 60 --seed 7
    PYTHONPATH=. python tests/fuzz --replay                 only what is in the corpus
    PYTHONPATH=. python tests/fuzz read --replay FILE       that input

Each input is put down in --last (build/fuzz-last) before it runs, so that it is there after a crash. A finding is written to
build/fuzz-finding-TARGET and ends the run. The same seed and count of inputs gives the same inputs on the same interpreter.
"""
import argparse
import faulthandler
import mmap
import os
import random
import struct
import subprocess
import sys
import time
import traceback
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import targets  # noqa: E402

CORPUS = os.path.join(HERE, 'corpus')
LARGEST = 4096
SLOW = 5     # seconds of its own that no input may take
OPCODES = [b'(', b'.', b'0', b'1', b'2', b'F1.5\n', b'I7\n', b'I01\n', b'J\1\2\3\4', b'K\7', b'M\1\2', b'N', b'Pid\n', b'Q', b'R',
           b"S'abc'\n", b'T\3\0\0\0abc', b'U\3abc', b'Vab\\u00e9\n', b'X\3\0\0\0abc', b'a', b'b', b'czoo\nPlain\n', b'd', b'}',
           b'e', b'g0\n', b'h\0', b'izoo\nPlain\n', b'j\0\0\0\0', b'l', b']', b'o', b'p0\n', b'q\0', b'r\0\0\0\0', b's', b't',
           b')', b'u', b'G\0\0\0\0\0\0\0\0', b'\x80\2', b'\x81', b'\x82\xf0', b'\x83\xcd\xab', b'\x84\x78\x56\x34\x12', b'\x85',
           b'\x86', b'\x87', b'\x88', b'\x89', b'\x8a\2ab', b'\x8b\2\0\0\0ab', b'B\2\0\0\0ab', b'C\2ab', b'\x80\4', b'\x80\5',
           b'\x8c\2ab', b'\x8d\2\0\0\0\0\0\0\0ab', b'\x8e\2\0\0\0\0\0\0\0ab', b'\x8f', b'\x90', b'\x91', b'\x92', b'\x93',
           b'\x94', b'\x95\5\0\0\0\0\0\0\0', b'\x96\2\0\0\0\0\0\0\0ab', b'\x97', b'\x98', b'cbuiltins\nlist\n)R',
           b'ccollections\ndeque\n)R', b'czoo\nStateful\n)\x81', b'czoo\nEmpty\n)\x81', b'}X\1\0\0\0aNsb', b'\x8c\3zoo\x8c\5Plain\x93',
           b'ccollections\ndefaultdict\n)R', b'czoo\nSlots\n)\x81', b'cbuiltins\nset\n)R']
NUMBERS = [struct.pack(form, number) for form, numbers in (
    ('<B', (0, 1, 127, 128, 255)), ('<H', (0, 255, 256, 65535)), ('<I', (0, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1)),
    ('<Q', (0, 2 ** 31, 2 ** 32, 2 ** 62, 2 ** 63, 2 ** 64 - 1))) for number in numbers]


def mutate(rng, data, others):
    data = bytearray(data)
    for _ in range(1 + int(rng.expovariate(.4))):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + int(rng.expovariate(.15)) + 1)
        what = rng.randrange(10)
        if what == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif what == 1 and data:
            data[at % len(data)] = rng.randrange(256)
        elif what == 2:
            data[at:at] = rng.choice(OPCODES)
        elif what == 3:
            data[at:to] = rng.choice(OPCODES)
        elif what == 4:
            del data[at:to]
        elif what == 5:
            data[at:at] = data[at:to] * rng.choice((1, 1, 2, 50))
        elif what == 6:
            number = rng.choice(NUMBERS)
            data[at:at + len(number)] = number
        elif what == 7:
            other = rng.choice(others)
            here = rng.randrange(len(other) + 1)
            data[at:at] = other[here:here + rng.randrange(1, 60)]
        elif what == 8:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20)))
        elif what == 9:
            data[at:at] = b''.join(rng.choice(OPCODES) for _ in range(rng.randrange(1, 8)))
    return bytes(data[:LARGEST])


def files_of(target):
    folder = os.path.join(CORPUS, {'differential': 'read'}.get(target, target))
    if not os.path.isdir(folder):
        return
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), 'rb') as file:
            yield os.path.join(folder, name), file.read()


def seeds_of(target):
    """The corpus, and for those that read, what is written for the tests' corpus."""
    seeds = [data for name, data in files_of(target)]
    if target in ('read', 'differential'):
        import corpus
        for case in corpus.CASES.values():
            for protocol in case.protocols:
                try:
                    data = targets.engine.dumps(case.build(), protocol)
                except Exception:
                    continue
                if len(data) < 400:
                    seeds.append(bytes([protocol]) + data)
    else:
        rng = random.Random(1)
        seeds += [bytes(rng.randrange(256) for _ in range(rng.randrange(2, 200))) for _ in range(200)]
    return seeds


class Last(object):
    """The input that runs, in a file that is there whatever happens."""

    def __init__(self, path):
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            os.makedirs(folder)
        self.path = path
        with open(path, 'w+b') as file:
            file.truncate(LARGEST + 8)
            self.map = mmap.mmap(file.fileno(), LARGEST + 8)

    def put(self, data):
        self.map[:len(data) + 8] = struct.pack('<Q', len(data)) + data

    @staticmethod
    def get(path):
        with open(path, 'rb') as file:
            data = file.read()
        return data[8:8 + struct.unpack('<Q', data[:8])[0]] if len(data) == LARGEST + 8 else data


def run_one(target, data, where):
    start = time.process_time()
    try:
        targets.TARGETS[target](data)
        if time.process_time() - start > SLOW:
            raise targets.Finding('took %.1f s' % (time.process_time() - start))
    except BaseException:
        traceback.print_exc()
        path = os.path.join(os.path.dirname(where), 'fuzz-finding-' + target)
        with open(path, 'wb') as file:
            file.write(data)
        print('FINDING in %s: %s, %d bytes' % (target, path, len(data)))
        raise SystemExit(1)


def fuzz(target, seconds, seed, last, most, log):
    rng = random.Random('%s %s' % (target, seed))
    pool, count, start = seeds_of(target), 0, time.time()
    for data in pool:
        last.put(data[:LARGEST])
        run_one(target, data, last.path)
    while time.time() < start + seconds and (not most or count < most):
        data = mutate(rng, rng.choice(pool), pool)
        last.put(data)
        run_one(target, data, last.path)
        count += 1
        if count % 50 == 0 and len(pool) < 5000:
            pool.append(data)
    line = '%s: seed %s, %d seeds, %d inputs in %.0f s, no finding' % (target, seed, len(pool), count, time.time() - start)
    print(line)
    if log:
        with open(log, 'a') as file:
            file.write(line + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('targets', nargs='*', help='read, write, round_trip, differential; default: all')
    parser.add_argument('--seconds', type=float, default=15, help='for each target')
    parser.add_argument('--inputs', type=int, default=0, help='at most so many for each target')
    parser.add_argument('--seed', default=None)
    parser.add_argument('--last', default=os.path.join('build', 'fuzz-last'))
    parser.add_argument('--log', help='a file that the last line of each target is added to')
    parser.add_argument('--replay', nargs='*', default=None, metavar='FILE')
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter('ignore')
    seed = options.seed if options.seed is not None else str(random.randrange(10 ** 9))
    if len(options.targets) != 1:
        # Each in a process of its own: what is read changes classes.
        for target in options.targets or list(targets.TARGETS):
            given = ['--replay']
            if options.replay is None:
                given = ['--seconds', str(options.seconds), '--seed', seed, '--inputs', str(options.inputs)]
                given += ['--log', options.log] if options.log else []
            if subprocess.call([sys.executable, HERE, target, '--last', options.last] + given):
                raise SystemExit(1)
        return
    last = Last(options.last)
    for target in options.targets or list(targets.TARGETS):
        if options.replay is None:
            fuzz(target, options.seconds, seed, last, options.inputs, options.log)
            continue
        inputs = [(name, Last.get(name)) for name in options.replay] or list(files_of(target))
        for name, data in inputs:
            last.put(data[:LARGEST])
            run_one(target, data, last.path)
        print('%s: %d inputs of the corpus, no finding' % (target, len(inputs)))


if __name__ == '__main__':
    main()
