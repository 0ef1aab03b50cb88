"""Hostile streams and files: each ends as with CPython 3.15, in time, in little memory, and says where it was.

The cases are in hostile.py, and run in processes of their own by hostile_worker.py.

    PYTHONPATH=. python3.15 tests/reliability/test_hostile.py       writes hostile.json anew

Run by a 32-bit CPython that writes hostile_32.json: the streams whose numbers fit 64 bits and not 32.
"""
import collections
import json
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, 'hostile.json')
EXPECTED_32 = os.path.join(HERE, 'hostile_32.json')
NARROW = sys.maxsize < 2 ** 32
if HERE not in sys.path:
    sys.path.insert(0, HERE)

import hostile  # noqa: E402

# Where the interpreter decides: the limit on digits came after 3.6.
OF_INTERPRETER = {'int of 5000 digits'} if not hasattr(sys, 'get_int_max_str_digits') else set()


def worker(name):
    out = subprocess.check_output([sys.executable, os.path.join(HERE, 'hostile_worker.py'), name], timeout=900,
                                  env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    return json.loads(out.decode('ascii'), object_pairs_hook=collections.OrderedDict)


def ending(result):
    return result.get('crash') or result.get('error') or 'value ' + result['value']


def by_case(table):
    """name -> how it ends, or where that depends on the way it is read, how for each way."""
    cases = collections.OrderedDict()
    for key, result in table.items():
        name, way = key.split(' | ')
        cases.setdefault(name, collections.OrderedDict())[way] = ending(result)
    for name, ways in cases.items():
        if len(set(ways.values())) == 1:
            cases[name] = list(ways.values())[0]
    return cases


def expected_of(expected, key):
    name, way = key.split(' | ')
    return expected[name] if isinstance(expected[name], str) else expected[name][way]


def read_expected():
    with open(EXPECTED) as file:
        expected = json.load(file)
    if NARROW:
        with open(EXPECTED_32) as file:
            expected.update(json.load(file))
    return expected


@pytest.fixture(scope='module')
def expected():
    return read_expected()


@pytest.fixture(scope='module')
def table():
    return worker('engine')


def test_there_are_enough():
    assert len(hostile.CASES) >= 100


def test_each_ends_as_with_the_stdlib(engine, table, expected, record_property):
    record_property('hostile streams and files, each read in every way', len(table))
    wrong = ['%s: %s, not %s' % (key, ending(result), expected_of(expected, key)) for key, result in table.items()
             if ending(result) != expected_of(expected, key) and key.split(' | ')[0] not in OF_INTERPRETER]
    assert not wrong, '\n'.join(wrong)
    assert {key.split(' | ')[0] for key in table} == set(expected)


def test_none_crashes_or_takes_too_long(engine, table):
    """Time and memory are limited in the worker: what goes beyond is killed, or ends in MemoryError."""
    assert not [key for key, result in table.items() if 'crash' in result or result.get('error') == 'MemoryError']


def test_memory_that_was_really_used(engine, table):
    sizes = {name: len(data) for name, (data, keywords) in hostile.CASES.items()}
    if 'PICKLE5_SANITIZED' in os.environ:
        pytest.skip('memory is not what it seems under a sanitizer')
    wrong = [(key, result['grown']) for key, result in table.items()
             if result.get('grown', 0) > (64 << 20) + 20 * sizes.get(key.split(' | ')[0], 3000000)]
    assert not wrong


def test_each_says_where(engine, table):
    """The opcode and its place are in the message, or in a note where the words are not the engine's own."""
    silent = []
    for key, result in table.items():
        if 'error' in result and result['error'] != 'MemoryError' and not key.startswith(('no read', 'read that',
                                                                                          'readline that')):
            words = ' '.join([result['text']] + result['notes'])
            if not re.search(r'at byte \d+', words) or not (re.search(r'[A-Z][A-Z0-9_]+ at byte', words)
                                                            or 'invalid load key' in words
                                                            or 'at byte' in words and result['error'] == 'EOFError'
                                                            or 'of the pickle' in words):
                silent.append((key, words))
    assert not silent


@pytest.mark.skipif(sys.version_info < (3, 15) or sys.implementation.name != 'cpython', reason='needs CPython 3.15')
def test_what_is_expected_is_what_the_stdlib_does(expected):
    assert by_case(worker('stdlib')) == expected


def narrower(table):
    """Those of the stdlib's answers on 32 bits that are refusals of numbers which 64 bits hold, and 32 do not.

    2**31 - 1 still fits: the stdlib allocates for it before it sees that the input is shorter, the engine does not.
    """
    with open(EXPECTED) as file:
        wide = json.load(file)
    return collections.OrderedDict((name, how) for name, how in by_case(table).items()
                                   if how != wide[name] and (how == 'OverflowError' or how == 'ValueError' and 'put' in name)
                                   and 'of 2147483647 ' not in name)


@pytest.mark.skipif(not NARROW or sys.version_info < (3, 13), reason='needs a 32-bit CPython')
def test_what_is_expected_on_32_bits_is_what_the_stdlib_does():
    with open(EXPECTED_32) as file:
        assert narrower(worker('stdlib')) == json.load(file)


if __name__ == '__main__':
    assert NARROW or sys.version_info >= (3, 15)
    with open(EXPECTED_32 if NARROW else EXPECTED, 'w') as file:
        json.dump((narrower if NARROW else by_case)(worker('stdlib')), file, indent=0)
        file.write('\n')
