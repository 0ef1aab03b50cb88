"""Every check of reliability, on each interpreter it is meant for, but for those that this engine has passed there already.

    make reliability-runs [TARGETS="nomemory leaks"] [NAMES="3.7 3.14"] [SECONDS=120]

Passed is what tests/reliability/figures.json or build/reliability has without a failure; so this can be broken off and gone on
with. `make reliability` writes what was left. The interpreters are those of `.ci/run names`, i386 and s390x among them.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
import write_reliability  # noqa: E402

PLAIN = '3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15'.split()
DEBUG = ['3.14-dbg', '3.15-dbg']
# What each is run on. s390x is emulated, twenty times slower: a fast part.
TARGETS = [
    ('test-hostile', PLAIN + ['i386', 's390x', 'pypy']),
    ('interpreters', PLAIN + ['i386', 'pypy']),
    ('test-misuse', PLAIN + ['i386', 's390x']),
    ('nomemory', PLAIN),
    ('test-deep', ['3.7', '3.11', '3.13', '3.14', '3.15', 'i386']),
    ('test-file-faults', ['3.6', '3.11', '3.13', '3.15']),
    ('threads', ['3.7', '3.11', '3.14', '3.15']),
    ('test-sizes', ['3.11', '3.15', 'i386']),
    ('leaks', DEBUG),
    ('valgrind', ['3.11']),
    ('sanitize', ['3.13']),
]


def under(name, *command):
    """Run it with that interpreter; whether it went well, and what it said."""
    process = subprocess.Popen([os.path.join('.ci', 'run'), 'each'] + list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               cwd=ROOT, env=dict(os.environ, PICKLE5_CI_NAMES=name))
    said = process.communicate()[0].decode('utf-8', 'replace')
    return process.returncode == 0, said


def interpreters():
    """Short name -> name for .ci/run."""
    said = subprocess.check_output([os.path.join('.ci', 'run'), 'names'], cwd=ROOT, env=dict(os.environ, PICKLE5_CI_ROOTS='1'))
    return {name.replace('python', '').replace('pypy3', 'pypy'): name for name in said.decode('ascii').split()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--targets', default='', help='only these')
    parser.add_argument('--names', default='', help='only on these')
    parser.add_argument('--seconds', default='120', help='for `threads`')
    options = parser.parse_args()
    present, keys, failed = interpreters(), {}, []
    targets, names = options.targets.split(), options.names.split()
    for target, meant in TARGETS:
        if targets and target not in targets:
            continue
        for name in meant:
            if names and name not in names:
                continue
            if name not in present:
                print('%s on %s: no such interpreter here' % (target, name))
                continue
            if name not in keys:
                keys[name] = under(present[name], 'make', '-s', 'key')[1].split()[-1]
            if write_reliability.has_passed('%s-%s' % (keys[name], target)):
                print('%s on %s: passed' % (target, name))
                continue
            print('%s on %s' % (target, name), flush=True)
            well, said = under(present[name], 'make', target, 'SECONDS=' + options.seconds)
            if not well:
                failed.append('%s on %s' % (target, name))
                print(said[-5000:])
    print('failed: ' + ', '.join(failed) if failed else 'none failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
