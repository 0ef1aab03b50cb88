"""Write docs/compatibility.md out of what stdlib_suite.py --json left: suites by interpreter, with what was run.

usage: python tests/write_compatibility.py FILE.json...
"""
import collections
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(os.path.dirname(HERE), 'docs', 'compatibility.md')

HEAD = '''# CPython's own tests, run on pickle5

Written by `tests/write_compatibility.py` out of the runs of `tests/stdlib_suite.py`, which puts pickle5 in the place of
`pickle`, `_pickle` and `pickletools` and runs the tests that are installed with each interpreter. Suites that are not about
pickling as a whole contribute their tests whose name holds "pickl".

Each cell says how many tests were run, and then how many of them failed (f) or were skipped (s), and how many were left out
(x) and are not among those run. A dash: that interpreter has no such tests.

'''


def release(report):
    return tuple(int(part.rstrip('+abrc')) for part in report['python'].split('.')[:2])


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


def total(report):
    done = [facts for facts in report['suites'].values() if 'run' in facts]
    crashed = sum('crashed' in facts for facts in report['suites'].values())
    numbers = {'run': sum(facts['run'] for facts in done), 'failed': [each for facts in done for each in facts['failed']],
               'skipped': sum(facts['skipped'] for facts in done), 'excluded': [each for facts in done for each in facts['excluded']]}
    return cell(numbers) + (', **%d crashed**' % crashed if crashed else '')


def table(reports):
    names = list(collections.OrderedDict((name, None) for report in reports[::-1] for name in report['suites']))
    lines = ['| suite | ' + ' | '.join(report['python'] for report in reports) + ' |', '|---' * (len(reports) + 1) + '|']
    for name in names:
        lines.append('| %s | %s |' % (name, ' | '.join(cell(report['suites'].get(name)) for report in reports)))
    lines.append('| **all** | %s |' % ' | '.join(total(report) for report in reports))
    return '\n'.join(lines) + '\n'


def exclusions(reports):
    """Each test that was left out, with where and why."""
    import stdlib_suite
    found = collections.OrderedDict()
    for report in reports:
        for facts in report['suites'].values():
            for test in facts.get('excluded', ()):
                reason = stdlib_suite.excluded(test, release(report)).reason
                found.setdefault(reason, collections.OrderedDict()).setdefault(test, []).append('%d.%d' % release(report))
    lines = ['', '## What is left out, and why', '', '`stdlib_suite.py --exclusions` sees that each of these does fail.', '']
    for reason, tests in found.items():
        lines.append('- %s%s:' % (reason[0].upper(), reason[1:]))
        for test in tests:
            lines.append('  - `%s` (%s)' % (test, ', '.join(tests[test])))
    return '\n'.join(lines) + '\n'


def main(paths):
    reports = []
    for path in paths:
        with open(path) as file:
            reports.append(json.load(file, object_pairs_hook=collections.OrderedDict))
    reports.sort(key=release)
    if not reports:
        sys.exit(__doc__)
    with open(TARGET, 'wb') as file:
        file.write((HEAD + table(reports) + exclusions(reports)).encode('utf-8'))
    print('%s: %d interpreters' % (os.path.relpath(TARGET), len(reports)))


if __name__ == '__main__':
    main(sys.argv[1:])
