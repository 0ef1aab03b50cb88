# -*- coding: utf-8 -*-
"""Exchange: each interpreter's pickle5 and its own pickle write the corpus; all of them read what all of them wrote.

usage: python tests/exchange.py [--cases N] [--json FILE] [NAME=COMMAND...]

    NAME=COMMAND  an interpreter, for example 3.8=python3.8. Without any: those that the script named by PICKLE5_PYTHONS
                  lists (see .ci/run), or python3.6 to python3.15 and pypy3 where PATH has them
    --cases N     every Nth case of the corpus only
    --json FILE   write the counts, for the table in docs/compatibility.md

The same file is started with each interpreter: `write FOLDER NAME` leaves one JSON file for pickle5 and one for the
stdlib in FOLDER, `read FOLDER NAME` reads every file there with both and compares what it gets with the corpus. Each pair, each
protocol that both know, and each pickle of Python 2 with encoding latin1 and bytes.
"""
import argparse
import base64
import collections
import glob
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# What Python 2 wrote, by hand: the text, the protocol it is of, what comes back with latin1 and with bytes.
# str is Python 2's byte string, so that its letters come back as text or as bytes.
PYTHON_2 = [
    ("S'plain'\np0\n.", 0, u'plain', b'plain'),
    ("S'caf\\xe9'\np0\n.", 0, u'caf\xe9', b'caf\xe9'),
    ('S"it\'s"\np0\n.', 0, u"it's", b"it's"),
    (u"Vcaf\\u00e9 \\u20ac\np0\n.", 0, u'caf\xe9 \u20ac', u'caf\xe9 \u20ac'),
    ("U\x04\xff\x00ab.", 1, u'\xff\x00ab', b'\xff\x00ab'),
    ("T\x03\x00\x00\x00x\xe9y.", 1, u'x\xe9y', b'x\xe9y'),
    ("I1\n.", 0, 1, 1), ("I01\n.", 0, True, True), ("L12345678901234567890L\n.", 0, 12345678901234567890, 12345678901234567890),
    ("F1.5\n.", 0, 1.5, 1.5),
    ("(lp0\nI1\naI2\naS'x'\np1\na.", 0, [1, 2, u'x'], [1, 2, b'x']),
    ("(dp0\nS'k'\np1\nI5\ns.", 0, {u'k': 5}, {b'k': 5}),
    ("}q\x00(U\x01aq\x01K\x01U\x01bq\x02K\x02u.", 1, {u'a': 1, u'b': 2}, {b'a': 1, b'b': 2}),
    ("(S'a'\nI1\ntp0\n.", 0, (u'a', 1), (b'a', 1)),
    ("\x80\x02U\x03\x80\x81\x82q\x00.", 2, u'\x80\x81\x82', b'\x80\x81\x82'),
    ("\x80\x02]q\x00(K\x01X\x03\x00\x00\x00\xe2\x82\xacq\x01e.", 2, [1, u'\u20ac'], [1, u'\u20ac']),
    ("\x80\x02c__builtin__\nset\nq\x00]q\x01(K\x01K\x02e\x85q\x02Rq\x03.", 2, {1, 2}, {1, 2}),
    ("\x80\x02c__builtin__\nxrange\nq\x00K\x00K\x03K\x01\x87q\x01Rq\x02.", 2, range(0, 3, 1), range(0, 3, 1)),
    ("c__builtin__\nunichr\np0\n(I8364\ntp1\nRp2\n.", 0, u'\u20ac', u'\u20ac'),
    ("c__builtin__\nlong\np0\n.", 0, int, int), ("c__builtin__\nbasestring\np0\n.", 0, str, str),
    ("c__builtin__\nunicode\np0\n.", 0, str, str), ("c__builtin__\nstr\np0\n.", 0, str, str),
    ("cexceptions\nValueError\np0\n.", 0, ValueError, ValueError),
    ("\x80\x02cexceptions\nIOError\nq\x00.", 2, OSError, OSError),
    ("c__builtin__\nreduce\np0\n.", 0, 'functools reduce', 'functools reduce'),
    ("citertools\nimap\np0\n.", 0, map, map), ("cUserDict\nUserDict\np0\n.", 0, 'collections UserDict', 'collections UserDict'),
    ("cStringIO\nStringIO\np0\n.", 0, 'io StringIO', 'io StringIO'), ("cQueue\nQueue\np0\n.", 0, 'queue Queue', 'queue Queue'),
    # an instance of an old class, with a state of byte strings
    ("(izoo\nPlain\np0\n(dp1\nS'name'\np2\nS'v\\xe9'\np3\nsb.", 0, 'plain ' + repr({u'name': u'v\xe9'}), None),
    ("ccopy_reg\n_reconstructor\np0\n(czoo\nPlain\np1\nc__builtin__\nobject\np2\nNtp3\nRp4\n(dp5\nS'x'\np6\nI1\nsb.", 0,
     'plain ' + repr({'x': 1}), None),
    ("\x80\x02czoo\nPlain\nq\x00)\x81q\x01}q\x02U\x01yq\x03K\x02sb.", 2, 'plain ' + repr({'y': 2}), None),
    ("\x80\x02cdatetime\ndate\nq\x00U\x04\x07\xe1\x0c\x1f\x85Rq\x01.", 2, 'date 2017-12-31', 'date 2017-12-31'),
    ("\x80\x02ccollections\nOrderedDict\nq\x00]q\x01]q\x02(U\x01aK\x01ea\x85Rq\x03.", 2, 'ordered a', 'ordered a'),
    ("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.", 2, 1 << 64, 1 << 64),
]


def resolve(expected):
    """Words in PYTHON_2 that stand for what has no literal."""
    if isinstance(expected, str) and expected in ('functools reduce', 'collections UserDict', 'io StringIO', 'queue Queue'):
        module, name = expected.split()
        return getattr(__import__(module), name)
    return expected


def described(value):
    """The same words for the value that came back."""
    import datetime
    import zoo
    if type(value) is zoo.Plain:
        return 'plain ' + repr(vars(value))
    if isinstance(value, datetime.date):
        return 'date %s' % value.isoformat()
    if type(value).__name__ == 'OrderedDict':
        return 'ordered a' if list(value) in ([u'a'], [b'a']) else value
    return value


def python_2_problems(impl):
    found = []
    for text, protocol, latin1, as_bytes in PYTHON_2:
        data = text.encode('latin-1')
        for encoding, expected in (('latin1', latin1), ('bytes', as_bytes)):
            if expected is None and encoding == 'bytes':
                continue  # attributes with names of bytes
            for read in (impl.loads, lambda data, **options: impl.load(io.BytesIO(data), **options)):
                try:
                    value = described(read(data, encoding=encoding))
                    if not (type(value) is type(resolve(expected)) and value == resolve(expected)):
                        found.append('%r with %s is %r' % (data, encoding, value))
                except Exception as error:
                    found.append('%r with %s: %r' % (data, encoding, error))
    return found


# ---- in each interpreter

def implementations_here():
    import implementations
    here = []
    if implementations.ENGINE is not None:
        here.append(('pickle5', implementations.ENGINE))
    elif implementations.PYPY:
        here.append(('pickle5', implementations.PYTHON))
    return here + [('stdlib', implementations.STDLIB)]


def cases(step):
    import corpus
    chosen = [case for case in corpus.CASES.values() if case.golden or case.name.startswith('buffer')]
    return chosen[::step]


# PyPy's own timezone reduces to a state that CPython's cannot take
NOT_FROM_PYPY = ('datetime_utc', 'datetimes_utc', 'timezone_named')


# what PyPy cannot read: functools.reduce by the name of its C module; and its own pickle has no 'inf' and 'nan' in protocol 0
NOT_INTO_PYPY = [('python2_names', None, None), ('function_python2_reduce', None, None)] + [
    (name, '0', 'stdlib') for name in ('float_inf', 'float_-inf', 'float_nan', 'complex_(nan+0j)')]


def not_into_pypy(case_name, protocol, kind):
    import implementations
    return implementations.PYPY and any((case_name, protocol, kind) == (name, number or protocol, which or kind)
                                        for name, number, which in NOT_INTO_PYPY)


def only_for_pypy(case, data):
    """Some of PyPy's types reduce to what no other interpreter has, whichever pickle writes them."""
    import implementations
    return implementations.PYPY and (case.name in NOT_FROM_PYPY or b'_pickle_support' in data)


def write(folder, name, step):
    for kind, impl in implementations_here():
        table = {}
        for case in cases(step):
            if not impl.has(case.since) or not case.golden and kind == 'stdlib' and not impl.has((3, 8)):
                continue
            for protocol in set(case.protocols).intersection(impl.protocols):
                data = impl.dumps(case.build(), protocol)
                if not only_for_pypy(case, data):
                    table['%s %d' % (case.name, protocol)] = base64.b64encode(data).decode('ascii')
        with open(os.path.join(folder, '%s-%s.json' % (name, kind)), 'w') as file:
            json.dump(table, file)


def read(folder, name, step):
    """Print one line for each thing that is wrong, and at last how many were read."""
    from shape import assert_same_shape
    import corpus
    here, count, wrong = implementations_here(), 0, 0
    for kind, impl in here:
        for problem in python_2_problems(impl):
            print('%s %s reads Python 2: %s' % (name, kind, problem))
            wrong += 1
        count += 4 * len(PYTHON_2)
    for path in sorted(glob.glob(os.path.join(folder, '*.json'))):
        writer = os.path.basename(path)[:-len('.json')]
        with open(path) as file:
            table = json.load(file)
        for key in table:
            case_name, protocol = key.rsplit(' ', 1)
            case, data = corpus.CASES[case_name], base64.b64decode(table[key])
            for kind, impl in here:
                if int(protocol) not in impl.protocols or not impl.has(case.since) or not_into_pypy(case_name, protocol, kind):
                    continue
                count += 1
                try:
                    back = impl.loads(data)
                    if int(protocol) in case.same:
                        assert_same_shape(case.build(), back)
                except Exception as error:
                    print('%s %s reads %s of %s: %r' % (name, kind, key, writer, error))
                    wrong += 1
    print('%d read, %d wrong' % (count, wrong))
    return wrong


# ---- in the parent

def interpreters(given):
    """[(name, command to start it in a shell-like way)]"""
    if given:
        return [(name, shlex.split(command)) for name, command in (each.split('=', 1) for each in given)]
    helper = os.environ.get('PICKLE5_PYTHONS', '')
    if helper:
        listed = subprocess.check_output([helper, 'list']).decode().split('\n')
        names = os.environ.get('PICKLE5_CI_NAMES', '').split() or [line.split()[0] for line in listed if line.strip()]
        return [(name, [helper, 'run', name, 'sh', '-c', 'exec "$PYTHON" "$@"', 'sh']) for name in names
                if os.environ.get('PICKLE5_CI_NAMES') or not (name in ('i386', 's390x') or name.endswith('-dbg'))]
    found = [('3.%d' % minor, ['python3.%d' % minor]) for minor in range(6, 16)] + [('pypy', ['pypy3'])]
    return [(name, command) for name, command in found if shutil.which(command[0])]


def start(command, *arguments):
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(HERE), PYTHONDONTWRITEBYTECODE='1')
    environment.pop('PICKLE5_REQUIRE_C', None)
    process = subprocess.Popen(command + [os.path.abspath(__file__)] + list(arguments), env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output = process.communicate(timeout=3600)[0].decode('utf-8', 'replace')
    except subprocess.TimeoutExpired:
        process.kill()
        return 'took too long', 1
    return output, process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cases', type=int, default=1, metavar='N')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('interpreters', nargs='*', metavar='NAME=COMMAND')
    options = parser.parse_args()
    if options.interpreters[:1] in (['write'], ['read']):
        sys.path[:0] = [HERE, os.path.dirname(HERE)]
        task, folder, name = options.interpreters
        return 1 if (write if task == 'write' else read)(folder, name, options.cases) else 0
    chosen, fine, counts = interpreters(options.interpreters), True, {}
    with tempfile.TemporaryDirectory() as folder:
        ready = []
        for name, command in chosen:
            output, status = start(command, '--cases', str(options.cases), 'write', folder, name)
            if status:
                print('%s does not write:\n%s' % (name, output[-2000:]))
                fine = False
            else:
                ready.append((name, command))
        files = sorted(each[:-len('.json')] for each in os.listdir(folder))
        print('written by %s' % ', '.join(files))
        for name in [name for name, _ in ready if name + '-pickle5' not in files]:
            print('%s: no engine there, build it first' % name)
            fine = False
        for name, command in ready:
            output, status = start(command, '--cases', str(options.cases), 'read', folder, name)
            lines = output.rstrip().split('\n')
            print('\n'.join(lines[:20] + ['...'] * (len(lines) > 21)) + '\n' if status else '', end='')
            print('%-5s %s' % (name, lines[-1]))
            fine = fine and not status
            words = lines[-1].split()  # '12 read, 0 wrong'
            counts[name] = [int(words[0]), int(words[2])] if words[1:2] == ['read,'] else ['–', 'did not end']
    if options.json:
        with open(options.json, 'w') as file:
            json.dump(collections.OrderedDict((name, counts[name]) for name, _ in ready), file, indent=1)
    return 0 if fine and ready else 1


if __name__ == '__main__':
    sys.exit(main())
