"""Write docs/reliability.md out of what the targets of reliability left: JUnit's XML, and logs of the fuzzers.

usage: python tests/write_reliability.py

They leave it in build/reliability, in a folder named after the engine. What counts of it is kept in
tests/reliability/figures.json, so that the runs of one engine add up over sittings on several machines: a newer run of a target on
an interpreter takes the place of the older, runs of the fuzzers are summed. What another engine left is dropped.
"""
import collections
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, 'reliability'))
import engine  # noqa: E402

TARGET = os.path.join(ROOT, 'docs', 'reliability.md')
LEDGER = os.path.join(HERE, 'reliability', 'figures.json')
LEFT = os.path.join(ROOT, 'build', 'reliability')
KEY = re.compile(r'(?P<kind>cpython|pypy)-?\d+-(?P<version>\d+\.\d+\.\d+)-(?P<platform>.+?)(?P<debug>-dbg)?-'
                 r'(?P<target>test-\w+(-\w+)?|nomemory|leaks|threads|interpreters|sanitize|valgrind|fuzz-\w+-\d+)$')

HEAD = '''# What was tried to break it

Written by `tests/write_reliability.py` (`make reliability`) out of what the targets left, for the engine `%s` (a digest of its C
source without comments, `tests/reliability/engine.py`) as of commit %s. Each row is a command, `make ROW`; `docs/security.md`
says what each of them shows. A cell says how many tests passed, and how many failed (f) or were skipped (s). An empty cell: not
run there for this page.

'''
COMPILED = '''
## Machines

Run on: %s.

Compiled only: 64-bit and 32-bit Windows (`make mingw`, mingw-w64), macOS on arm64 and x86-64 (`make macos`, ziglang). The headers
are those of CPython on Linux with the sizes of the target, so these show what depends on the compiler, the C library and the width
of types. They cannot show what the target's own `pyconfig.h` would choose, nor anything that linking or running would.
'''


# Of the properties that tests record, these are kept: how the values of one run come to one.
FIGURES = [('hostile streams', max), ('allocations failed: ', sum), ('subjects repeated', max), ('runs of each', max),
           ('subjects with drift', max), ('slowest answer', max), ('largest object', max)]


class Run(object):
    """What one target left on one interpreter, as it stands in the ledger."""

    def __init__(self, name, kept):
        found = KEY.match(name)
        if not found:
            sys.exit('%s: not the name of a report' % name)
        self.target, self.platform = found.group('target', 'platform')
        self.version = tuple(int(part) for part in found.group('version').split('.'))
        self.name = '%s%s%s' % ('PyPy ' if found.group('kind') == 'pypy' else '', found.group('version'),
                                ' debug' if found.group('debug') else '')
        if not self.platform.startswith('x86_64'):
            self.name += ' ' + self.platform.split('-')[0]
        self.order = bool(found.group('kind') == 'pypy'), self.version, self.name
        self.counts, self.figures = kept.get('counts'), kept.get('figures', {})
        self.depths, self.fuzzed = kept.get('depths', {}), kept.get('fuzzed', {})

    def failed(self):
        return self.counts.get('failure', 0) + self.counts.get('error', 0)

    def cell(self):
        skipped = self.counts.get('skipped', 0)
        return ' '.join([str(self.counts.get('passed', 0))] + ['**%df**' % self.failed()] * bool(self.failed())
                        + ['%ds' % skipped] * bool(skipped))


# ---- the ledger

def read_xml(path):
    counts, properties = collections.Counter(), []
    for case in xml.etree.ElementTree.parse(path).iter('testcase'):
        if not case.get('name'):
            continue        # a run that was interrupted ends in such a one
        ends = {each.tag for each in case} & {'failure', 'error', 'skipped'}
        counts[ends.pop() if ends else 'passed'] += 1
        properties += [(each.get('name'), float(each.get('value'))) for each in case.iter('property')]
    kept = {'counts': dict(counts), 'figures': {}, 'depths': collections.OrderedDict()}
    for start, combine in FIGURES:
        # A subject may be met under two names that are asked for.
        values = dict((name, value) for name, value in sorted(properties) if name.startswith(start))
        if values:
            kept['figures'][start] = combine(values.values())
    for name, value in properties:
        if name.startswith('depth of '):
            kept['depths'][name[9:]] = min(value, kept['depths'].get(name[9:], value))
    return {name: value for name, value in kept.items() if value}


def read_log(path, target):
    """Inputs, seconds and findings of each fuzzer."""
    with open(path, encoding='utf-8', errors='replace') as file:
        text = file.read()
    found = {}
    guided = re.search(r'^Done (\d+) runs in (\d+) second', text, re.M)
    name = target.split('-')[1] + ', coverage-guided, ASan and UBSan'
    if guided:
        found[name] = [int(guided.group(1)), int(guided.group(2)), 0]
    elif 'SUMMARY: ' in text:
        found[name] = [0, 0, 1]
    for line in re.finditer(r'^(\w+): seed .*, (\d+) inputs in (\d+) s, no finding', text, re.M):
        found[line.group(1) + ', by seeds'] = [int(line.group(2)), int(line.group(3)), 0]
    return {'fuzzed': found} if found else {}


def read_ledger(digest, left, path):
    """Name of a report -> what is kept of it, of this engine."""
    runs = {}
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            ledger = json.load(file, object_pairs_hook=collections.OrderedDict)
        if ledger['engine'] == digest:
            runs = ledger['runs']
    folder = os.path.join(left, digest)
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        name, kind = os.path.splitext(file)
        if not KEY.match(name) or kind not in ('.xml', '.log'):
            sys.exit('%s: not the name of a report' % file)
        kept = read_xml(os.path.join(folder, file)) if kind == '.xml' else read_log(os.path.join(folder, file), KEY.match(name).group('target'))
        if kept:
            runs[name] = kept
    return runs


def has_passed(name, left=LEFT, path=LEDGER):
    """Has this engine come through that without a failure?"""
    kept = read_ledger(engine.digest(), left, path).get(name)
    return kept is not None and not Run(name, kept).failed()


# ---- the page

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


def by_interpreter(runs, figure):
    return collections.OrderedDict((run.name, run.figures[figure]) for run in runs if figure in run.figures)


def figures(runs):
    lines = []

    def say(words, found, form='%d'):
        if found:
            lines.append('- **%s:** %s.' % (words, ', '.join((form + ' (%s)') % (value, name) for name, value in found.items())))

    say('Hostile streams and odd files, counted once for each way of reading', by_interpreter(runs, 'hostile streams'))
    say('Allocations made to fail, one after another', by_interpreter(runs, 'allocations failed: '))
    say('Subjects whose references and blocks of memory were counted', by_interpreter(runs, 'subjects repeated'))
    say('Runs of each', by_interpreter(runs, 'runs of each'))
    say('Of them with any drift', by_interpreter(runs, 'subjects with drift'))
    say('Slowest answer to a signal among 10,000,000 objects, in seconds of the process\'s own time',
        by_interpreter(runs, 'slowest answer'), '%.3f')
    say('Largest object and pickle, in GiB', by_interpreter(runs, 'largest object'))
    return '\n## Figures\n\n' + '\n'.join(lines) + '\n'


def depths(runs):
    runs = [run for run in runs if run.depths]
    if not runs:
        return ''
    found = [run.depths for run in runs]
    kinds = collections.OrderedDict((name, None) for each in found for name in each)
    text = ('\n## Depth\n\nLevels that were dumped and loaded, through memory and files, on a stack of 256 KiB and at the default recursion limit.\n\n')
    return text + table(['kind'] + [run.name for run in runs],
                        [[kind] + ['{:,.0f}'.format(each[kind]) if kind in each else '' for each in found] for kind in kinds])


def fuzzed(runs):
    """Inputs, seconds and findings of each fuzzer on each interpreter."""
    totals = collections.OrderedDict()
    for run in runs:
        for name, counts in run.fuzzed.items():
            total = totals.setdefault((name, run.name), [0, 0, 0])
            for i, more in enumerate(counts):
                total[i] += more
    if not totals:
        return ''
    hours = sum(total[1] for total in totals.values()) / 3600
    text = '\n## Fuzzing\n\n%.1f hours, {:,} inputs, in all. A finding ends its run, whose inputs are not counted; what was found to be the\n' \
           'reference\'s own is told, and left out from then on, in `tests/fuzz/targets.py`.\n\n'
    text = text.format(sum(total[0] for total in totals.values())) % hours
    return text + table(['fuzzer', 'interpreter', 'inputs', 'hours', 'findings'],
                        [[name[0], name[1], '{:,}'.format(total[0]), '%.2f' % (total[1] / 3600), total[2]]
                         for name, total in sorted(totals.items())])


def commit():
    try:
        return subprocess.check_output(['git', '-C', ROOT, 'log', '-1', '--format=%h', '--', 'Modules', 'Include']).decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def main():
    digest = engine.digest()
    ledger = read_ledger(digest, LEFT, LEDGER)
    if not ledger:
        sys.exit('nothing was run on this engine, %s' % digest)
    with open(LEDGER, 'wb') as file:
        lines = ['  %s: %s' % (json.dumps(name), json.dumps(ledger[name])) for name in sorted(ledger)]
        file.write(('{"engine": "%s",\n "runs": {\n%s\n}}\n' % (digest, ',\n'.join(lines))).encode('utf-8'))
    runs = sorted((Run(name, kept) for name, kept in ledger.items()), key=lambda run: run.order + (run.target,))
    tests = [run for run in runs if run.counts is not None]
    machines = sorted({run.platform for run in runs}, reverse=True)
    with open(TARGET, 'wb') as file:
        file.write((HEAD % (digest, commit()) + targets_table(tests) + figures(tests) + depths(tests) + fuzzed(runs)
                    + COMPILED % ', '.join(machines)).encode('utf-8'))
    print('%s: %d runs' % (os.path.relpath(TARGET), len(runs)))


if __name__ == '__main__':
    main()
