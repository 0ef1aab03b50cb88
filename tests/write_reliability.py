"""Write docs/reliability.md out of what the targets of reliability left in build/reliability: JUnit's XML, logs of the fuzzers.

usage: python tests/write_reliability.py FILE...
"""
import collections
import os
import re
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(os.path.dirname(HERE), 'docs', 'reliability.md')
KEY = re.compile(r'(?P<kind>cpython|pypy)-?\d+-(?P<version>\d+\.\d+\.\d+)-(?P<platform>.+?)(?P<debug>-dbg)?-'
                 r'(?P<target>test-\w+(-\w+)?|nomemory|leaks|threads|interpreters|sanitize|fuzz-\w+-\d+)\.(?P<type>xml|log)$')

HEAD = '''# What was tried to break it

Written by `tests/write_reliability.py` (`make reliability`) out of what the targets left in `build/reliability`. Each row is a
command, `make ROW`; `docs/security.md` says what each of them shows. A cell says how many tests passed, and how many failed (f)
or were skipped (s). An empty cell: not run there for this page.

'''
COMPILED = '''
## Machines

Run on: %s.

Compiled only: 64-bit and 32-bit Windows (`make mingw`, mingw-w64), macOS on arm64 and x86-64 (`make macos`, ziglang). The headers
are those of CPython on Linux with the sizes of the target, so these show what depends on the compiler, the C library and the width
of types. They cannot show what the target's own `pyconfig.h` would choose, nor anything that linking or running would.
'''


class Run(object):
    """What one target left on one interpreter."""

    def __init__(self, path):
        self.path = path
        found = KEY.match(os.path.basename(path))
        if not found:
            sys.exit('%s: not the name of a report' % path)
        self.target, self.type, self.platform = found.group('target', 'type', 'platform')
        self.version = tuple(int(part) for part in found.group('version').split('.'))
        self.name = '%s%s%s' % ('PyPy ' if found.group('kind') == 'pypy' else '', found.group('version'),
                                ' debug' if found.group('debug') else '')
        if not self.platform.startswith('x86_64'):
            self.name += ' ' + self.platform.split('-')[0]
        self.order = bool(found.group('kind') == 'pypy'), self.version, self.name
        self.properties, self.counts = [], collections.Counter()
        if self.type == 'xml':
            for case in xml.etree.ElementTree.parse(path).iter('testcase'):
                if not case.get('name'):
                    continue        # a run that was interrupted ends in such a one
                ends = {each.tag for each in case} & {'failure', 'error', 'skipped'}
                self.counts[ends.pop() if ends else 'passed'] += 1
                self.properties += [(each.get('name'), each.get('value')) for each in case.iter('property')]

    def cell(self):
        failed = self.counts['failure'] + self.counts['error']
        return ' '.join([str(self.counts['passed'])] + ['**%df**' % failed] * bool(failed)
                        + ['%ds' % self.counts['skipped']] * bool(self.counts['skipped']))

    def values(self, start):
        return [(name[len(start):], float(value)) for name, value in self.properties if name.startswith(start)]


def row(cells):
    return '| ' + ' | '.join(str(cell) for cell in cells) + ' |\n'


def table(head, rows):
    return row(head) + row(['---'] * len(head)) + ''.join(row(each) for each in rows)


def targets_table(runs):
    columns = sorted({run.order: run.name for run in runs}.items())
    cells = {(run.target, run.name): run.cell() for run in runs}
    rows = sorted({run.target for run in runs})
    return table(['`make`'] + [name for order, name in columns],
                 [[target] + [cells.get((target, name), '') for order, name in columns] for target in rows])


def by_interpreter(runs, start, combine):
    """interpreter -> what the values of a property come to."""
    found = collections.OrderedDict()
    for run in runs:
        values = run.values(start)
        if values:
            found[run.name] = combine(values)
    return found


def figures(runs):
    lines = []

    def say(words, found, form='%d'):
        if found:
            lines.append('- **%s:** %s.' % (words, ', '.join((form + ' (%s)') % (value, name) for name, value in found.items())))

    say('Hostile streams and odd files, counted once for each way of reading', by_interpreter(runs, 'hostile streams', lambda values: values[0][1]))
    # A subject may be met under two names that are asked for.
    say('Allocations made to fail, one after another', by_interpreter(runs, 'allocations failed: ', lambda values: sum(dict(values).values())))
    say('Subjects whose references and blocks of memory were counted', by_interpreter(runs, 'subjects repeated', lambda values: values[0][1]))
    say('Runs of each', by_interpreter(runs, 'runs of each', lambda values: values[0][1]))
    say('Of them with any drift', by_interpreter(runs, 'subjects with drift', lambda values: values[0][1]))
    say('Slowest answer to a signal among 10,000,000 objects, in seconds of the process\'s own time',
        by_interpreter(runs, 'slowest answer', lambda values: max(value for name, value in values)), '%.3f')
    say('Largest object and pickle, in GiB', by_interpreter(runs, 'largest object', lambda values: max(value for name, value in values)))
    return '\n## Figures\n\n' + '\n'.join(lines) + '\n'


def depths(runs):
    runs = [run for run in runs if run.target == 'test-deep' and run.values('depth of ')]
    if not runs:
        return ''
    found = [{name: min(value for other, value in run.values('depth of ') if other == name) for name, value in run.values('depth of ')}
             for run in runs]
    kinds = collections.OrderedDict((name, None) for each in found for name in each)
    text = ('\n## Depth\n\nLevels that were dumped and loaded, through memory and files, on a stack of 256 KiB and at the default recursion limit.\n\n')
    return text + table(['kind'] + [run.name for run in runs],
                        [[kind] + ['{:,.0f}'.format(each[kind]) if kind in each else '' for each in found] for kind in kinds])


def fuzzed(runs):
    """Inputs, seconds and findings of each fuzzer on each interpreter."""
    totals = collections.OrderedDict()
    for run in runs:
        with open(run.path, encoding='utf-8', errors='replace') as file:
            text = file.read()
        guided = re.search(r'^Done (\d+) runs in (\d+) second', text, re.M)
        target = run.target.split('-')[1]
        if guided:
            add(totals, (target + ', coverage-guided, ASan and UBSan', run.name), guided.group(1), guided.group(2))
        elif 'SUMMARY: ' in text:
            add(totals, (target + ', coverage-guided, ASan and UBSan', run.name), 0, 0, 1)
        for line in re.finditer(r'^(\w+): seed .*, (\d+) inputs in (\d+) s, no finding', text, re.M):
            add(totals, (line.group(1) + ', by seeds', run.name), line.group(2), line.group(3))
    if not totals:
        return ''
    hours = sum(total[1] for total in totals.values()) / 3600
    text = '\n## Fuzzing\n\n%.1f hours, {:,} inputs, in all. A finding ends its run, whose inputs are not counted; what was found to be the\n' \
           'reference\'s own is told, and left out from then on, in `tests/fuzz/targets.py`.\n\n'
    text = text.format(sum(total[0] for total in totals.values())) % hours
    return text + table(['fuzzer', 'interpreter', 'inputs', 'hours', 'findings'],
                        [[name[0], name[1], '{:,}'.format(total[0]), '%.2f' % (total[1] / 3600), total[2]]
                         for name, total in sorted(totals.items())])


def add(totals, name, inputs, seconds, findings=0):
    total = totals.setdefault(name, [0, 0, 0])
    for i, more in enumerate((inputs, seconds, findings)):
        total[i] += int(more)


def main(paths):
    runs = sorted((Run(path) for path in paths), key=lambda run: run.order + (run.target,))
    if not runs:
        sys.exit(__doc__)
    tests = [run for run in runs if run.type == 'xml']
    machines = sorted({run.platform for run in runs}, reverse=True)
    with open(TARGET, 'wb') as file:
        file.write((HEAD + targets_table(tests) + figures(tests) + depths(tests) + fuzzed([run for run in runs if run.type == 'log'])
                    + COMPILED % ', '.join(machines)).encode('utf-8'))
    print('%s: %d runs' % (os.path.relpath(TARGET), len(runs)))


if __name__ == '__main__':
    main(sys.argv[1:])
