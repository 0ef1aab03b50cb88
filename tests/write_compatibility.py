"""Write docs/compatibility.md out of what the runs left in build/suites: tests by interpreter, with how many were run.

usage: python tests/write_compatibility.py FOLDER

    FOLDER/KEY.json        stdlib_suite.py --json: CPython's own tests, on pickle5
    FOLDER/KEY.xml         pytest --junitxml: pickle5's own tests
    FOLDER/exchange.json   exchange.py --json: what each interpreter read

KEY is the Makefile's: the interpreter's tag, its version, its platform, and whether it is a debug build.
"""
import collections
import glob
import json
import os
import re
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(os.path.dirname(HERE), 'docs', 'compatibility.md')

HEAD = '''# Compatibility

## What runs

| interpreter | with the engine | without it |
|---|---|---|
| CPython 3.8 to 3.15 | the level of 3.15 | the interpreter's own pickle |
| CPython 3.6 and 3.7 | the level of 3.15 | Python code: the interpreter's own, with protocol 5 added |
| PyPy 3 | – | the interpreter's own pickle |

On older Pythons a few things [differ from the interpreter's own pickle](migrate.md#what-differs).

## What was run where

Written by `tests/write_compatibility.py` out of the runs that `make test-all` makes, on Linux.

Each cell says how many tests were run, then how many of them failed (f) or were skipped (s), and how many were left out (x)
and are not among those run. A dash: that interpreter has no such tests installed, or none about pickling.

'''

OWN = '''### pickle5's own tests

Each test runs against every implementation that is there: the engine (CPython only), the Python half, and the interpreter's own
pickle as the reference. Where a feature is not there it is skipped, or there is none.

'''

SUITES = '''
### CPython's own tests, run on pickle5

`tests/stdlib_suite.py` puts pickle5 in the place of `pickle`, `_pickle` and `pickletools` and runs the tests that are
installed with each interpreter. Suites that are not about pickling as a whole contribute their tests whose name holds "pickl".

'''

EXCHANGE = '''
### Exchange

`tests/exchange.py`: the pickle5 and the pickle of each of these interpreters write the corpus in every protocol they know; all of
them read all of it, and what Python 2 wrote, and compare what they get with what was written.

'''


class Run(object):
    """One interpreter, by its key."""

    def __init__(self, key):
        tag, version, platform = re.match(r'([a-z]+-?\d+)-([^-]+)-(.*)', key).groups()
        self.pypy = tag.startswith('pypy')
        self.numbers = tuple(int(''.join(c for c in part if c.isdigit()) or 0) for part in version.split('.'))
        self.order = self.pypy, self.numbers, platform
        self.label = 'PyPy ' * self.pypy + version + ', 32 bits' * ('i386' in platform) + ', debug' * platform.endswith('-dbg')
        self.suites = collections.OrderedDict()
        self.own = collections.OrderedDict()


def read(folder):
    runs = {}
    for path in glob.glob(os.path.join(folder, '*-*.*')):
        key, kind = os.path.splitext(os.path.basename(path))
        run = runs.setdefault(key, Run(key))
        if kind == '.json':
            with open(path) as file:
                run.suites = json.load(file, object_pairs_hook=collections.OrderedDict)['suites']
        elif kind == '.xml':
            run.own = own_tests(path)
    return sorted(runs.values(), key=lambda run: run.order)


def own_tests(path):
    """By the file they stand in."""
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter('testcase'):
        file = re.search(r'\btest_\w+', case.get('classname') or case.get('name')).group()
        facts = found.setdefault(file, {'run': 0, 'failed': [], 'skipped': 0, 'excluded': []})
        facts['run'] += 1
        facts['skipped'] += case.find('skipped') is not None
        facts['failed'] += [case.get('name')] * (case.find('failure') is not None or case.find('error') is not None)
    return collections.OrderedDict(sorted(found.items()))


def cell(facts):
    if facts is None or 'missing' in facts:
        return '–'
    if 'crashed' in facts:
        return '**crashed** (%s)' % facts['crashed']
    if not facts['run'] and not facts['excluded']:
        return '–'
    failed = '**%df**' % len(facts['failed']) if facts['failed'] else '0f'
    return ' '.join([str(facts['run']), failed] + ['%ds' % facts['skipped']] * bool(facts['skipped']) +
                    ['%dx' % len(facts['excluded'])] * bool(facts['excluded']))


def total(suites):
    done = [facts for facts in suites.values() if 'run' in facts]
    crashed = sum('crashed' in facts for facts in suites.values())
    numbers = {'run': sum(facts['run'] for facts in done), 'failed': [each for facts in done for each in facts['failed']],
               'skipped': sum(facts['skipped'] for facts in done), 'excluded': [each for facts in done for each in facts['excluded']]}
    return cell(numbers) + (', **%d crashed**' % crashed if crashed else '')


def table(head, rows):
    lines = [head, ['---'] * len(head)] + rows
    return '\n'.join('| %s |' % ' | '.join(line) for line in lines) + '\n'


def suites(runs, kind):
    """Suites by interpreter, of one of the two kinds that a run has."""
    runs = [run for run in runs if any('run' in facts for facts in getattr(run, kind).values())]
    names = list(collections.OrderedDict((name, None) for run in runs[::-1] for name in getattr(run, kind)))
    rows = [[name] + [cell(getattr(run, kind).get(name)) for run in runs] for name in names]
    return table(['suite'] + [run.label for run in runs], rows + [['**all**'] + [total(getattr(run, kind)) for run in runs]])


def exclusions(runs):
    """Each test that was left out, with where and why."""
    import stdlib_suite
    found = collections.OrderedDict()
    for run in runs:
        for facts in run.suites.values():
            for test in facts.get('excluded', ()):
                reason = stdlib_suite.excluded(test, run.numbers[:2]).reason
                found.setdefault(reason, collections.OrderedDict()).setdefault(test, []).append('%d.%d' % run.numbers[:2])
    lines = ['', 'Left out (`stdlib_suite.py --exclusions` sees that each of them does fail):', '']
    for reason, tests in found.items():
        lines.append('- %s%s:' % (reason[0].upper(), reason[1:]))
        for test in tests:
            lines.append('  - `%s` (%s)' % (test, ', '.join(tests[test])))
    return '\n'.join(lines) + '\n'


def exchange(folder):
    path = os.path.join(folder, 'exchange.json')
    if not os.path.exists(path):
        return ''
    with open(path) as file:
        readers = json.load(file, object_pairs_hook=collections.OrderedDict)
    return EXCHANGE + table(['interpreter', 'pickles read', 'wrong'],
                            [[name] + [str(number) for number in numbers] for name, numbers in readers.items()])


def main(folder):
    runs = read(folder)
    if not runs:
        sys.exit('nothing was left in %s: see the head of %s' % (folder, __file__))
    text = HEAD + OWN + suites(runs, 'own') + SUITES + suites(runs, 'suites') + exclusions(runs) + exchange(folder)
    with open(TARGET, 'wb') as file:
        file.write(text.encode('utf-8'))
    print('%s: %d interpreters' % (os.path.relpath(TARGET), len(runs)))


if __name__ == '__main__':
    main(*sys.argv[1:])
