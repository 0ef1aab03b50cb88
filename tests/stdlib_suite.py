"""Run the interpreter's own installed tests with pickle5 standing in for pickle, _pickle and pickletools.

usage: python tests/stdlib_suite.py [--stdlib | --install] [--exclusions] [--json FILE] [--verbose] [SUITE...]

    SUITE         names of SUITES below, or the groups `core` (the default), `wider` and `all`
    --stdlib      put nothing in the place of anything: the baseline that a failure is compared with
    --install     put nothing in the place of the modules, but call pickle5.install(), in the children too; the group
                  `installed` is what is to pass so
    --exclusions  run what EXCLUDED leaves out, and fail where such a test passes
    --json FILE   write the counts, for the table in docs/compatibility.md

Each suite runs in a process of its own, under a time limit, in an empty folder; a crash is a failure. Before any test
module is imported the three names lead to pickle5, and afterwards it is checked that the classes that test the C
implementation really got pickle5._pickle.
"""
import argparse
import collections
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
PYPY = sys.implementation.name == 'pypy'
NEWEST = (3, 99)

Suite = collections.namedtuple('Suite', 'group module match since seconds')
SUITES = collections.OrderedDict()


def suite(group, name, match='*', since=(3, 6), seconds=1800, module=None):
    SUITES[name] = Suite(group, module or 'test.' + name, match, since, seconds)


suite('core', 'test_pickle')
suite('core', 'test_picklebuffer', since=(3, 8))
suite('core', 'test_pickletools')
suite('core', 'test_copyreg')
suite('wider', 'test_copy')
suite('wider', 'test_shelve')
suite('wider', 'test_xpickle')  # exchange with the other interpreters on PATH, whose own pickle reads and writes
for _name in ('datetime collections enum decimal fractions set dict array deque functools itertools random re uuid pathlib '
              'ipaddress typing dataclasses exceptions range ordered_dict defaultdict memoryview generators slice '
              'zoneinfo concurrent_futures').split():
    suite('wider', 'test_' + _name, match='*[Pp]ickl*')
for _name in ('fork', 'spawn'):
    suite('wider', 'test_multiprocessing_' + _name, match='*[Pp]ickl*', seconds=900)

for _name in ('concurrent_futures', 'multiprocessing_fork', 'multiprocessing_spawn', 'multiprocessing_forkserver'):
    suite('installed', 'whole_test_' + _name, seconds=1500, module='test.test_' + _name)

Exclusion = collections.namedtuple('Exclusion', 'test first last reason')
EXCLUDED = [
    Exclusion('test.test_pickle.SizeofTests.*', (3, 6), NEWEST,
              "counts the bytes of the stdlib's private structs, table entries and first buffer; ours are others "
              '(test_introspection.py tests __sizeof__)'),
    Exclusion('test.test_pickletools.MiscTestCase.test__all__', (3, 6), NEWEST,
              'counts what was defined in a module of this name; the functions are defined in pickletools, and the '
              "stand-in's name is pickle5.Lib.pickletools (test_package.py tests __all__)"),
    Exclusion('test.test_concurrent_futures.test_deadlock.*.test_shutdown_deadlock_pickle', (3, 12), (3, 13),
              "hangs in one of some hundred runs with the interpreter's own pickle too: the pool's thread holds shutdown_lock "
              "and waits for the queue's thread, which waits for that lock in _on_queue_feeder_error"),
]


OLD_FORMAT = 'wants the format of 3.6 in the bytes, which is not imitated: '
for _name, _why in [('test_simple_newobj', 'LONG for small ints in protocol 0'), ('test_complex_newobj', 'LONG for small ints in protocol 0'),
                    ('test_complex_newobj_ex', 'LONG for small ints in protocol 0'),
                    ('test_framing_large_objects', 'large objects inside of frames'),
                    ('test_optional_frames', 'a frame around less than 4 bytes')]:
    for _class in ('test.test_pickle.CDumpPickle_LoadPickle', 'test.test_pickle.CPicklerTests', 'test.test_pickle.InMemoryPickleTests',
                   'test.test_pickletools.OptimizedPickleTests'):
        if _class.endswith('OptimizedPickleTests') and 'frame' in _why:
            continue  # optimize() makes frames of its own
        EXCLUDED.append(Exclusion(_class + '.' + _name, (3, 6), (3, 6), OLD_FORMAT + _why))
EXCLUDED.append(Exclusion('pickle5.Lib.pickletools.__test__.disassembler_test', (3, 6), (3, 6),
                          OLD_FORMAT + 'LONG for small ints in protocol 0'))
for _class in ('CPickleTests', 'PyPickleTests'):
    EXCLUDED.append(Exclusion('test.test_pickle.%s.test_highest_protocol' % _class, (3, 6), (3, 7),
                              "demands behaviour that 3.15's pickle no longer has: HIGHEST_PROTOCOL 4"))
for _class in ('CUnpicklerTests', 'InMemoryPickleTests'):
    EXCLUDED.append(Exclusion('test.test_pickle.%s.test_misc_get' % _class, (3, 6), (3, 8),
                              "demands behaviour that 3.15's pickle no longer has: KeyError for a number that is not in the "
                              'memo (UnpicklingError since 3.9)'))


# ... and these under install() only
EXCLUDED_INSTALLED = [
    Exclusion('test.test_pickle.*.test_proto', (3, 6), (3, 7), 'demands that protocol 5 cannot be read; under install() it can'),
]


def excluded(test_id, release=sys.version_info[:2], installed=False):
    for each in EXCLUDED + (EXCLUDED_INSTALLED if installed else []):
        if each.first <= release <= each.last and fnmatch.fnmatchcase(test_id, each.test):
            return each
    return None


# ---- in the child: one suite

def stand_in():
    """Make the three names lead to pickle5 and return (pickle5, its engine or None)."""
    import pickle5
    import pickle5.pickle
    import pickle5.pickletools
    try:
        import pickle5._pickle as engine
    except ImportError:
        if os.environ.get('PICKLE5_REQUIRE_C', '') not in ('', '0'):
            raise
        engine = None
    sys.modules['pickle'] = pickle5.pickle
    sys.modules['pickletools'] = pickle5.pickletools
    if engine is not None:
        sys.modules['_pickle'] = engine
    elif pickle5.Pickler is pickle5._Pickler:
        sys.modules['_pickle'] = None  # all in Python: nothing compiled belongs to it
    # modules that were imported with the interpreter and hold the names already
    for module in list(sys.modules.values()):
        if getattr(module, '__name__', '').split('.')[0] in ('pickle5', 'pickle', '_pickle', 'pickletools', '__main__'):
            continue
        for name in ('pickle', '_pickle', 'pickletools'):
            held = vars(module).get(name)
            if isinstance(held, types.ModuleType) and held.__name__ == name:
                setattr(module, name, sys.modules[name])
    return pickle5, engine


def install():
    """The other way: the three modules stay, and their functions and classes become the engine's."""
    import pickle5
    from pickle5 import _install
    pickle5.install()
    _install.let_children_inherit()


def check_installed(module):
    """Raise unless the tests of this module meet the engine."""
    import _pickle
    import pickle
    from pickle5 import _install
    for name in _install.NAMES:
        for holder in (pickle, _pickle, sys.modules.get('shelve'), sys.modules.get('multiprocessing.reduction')):
            if hasattr(holder, name) and getattr(holder, name) is not getattr(_install._standin, name) and not (
                    name == 'dump' and holder.__name__ == 'multiprocessing.reduction'):
                raise SystemExit('%s.%s is not installed' % (holder.__name__, name))
    if module.__name__ == 'test.test_pickle':
        for test, name in [('CPickleTests', 'dumps'), ('CPickleTests', 'loads')]:
            if getattr(getattr(module, test), name) is not getattr(_install._standin, name):
                raise SystemExit('%s.%s is not the engine' % (test, name))
        if not issubclass(module.CPicklerTests.pickler, _install._standin.Pickler):
            raise SystemExit('CPicklerTests do not test the engine')


def check_standing_in(module, pickle5, engine):
    """Raise unless the tests of this module meet pickle5 where they believe to meet the stdlib."""
    def same(ours, theirs):
        if ours is not theirs:
            raise SystemExit('%s: %r is not %r: pickle5 does not stand in' % (module.__name__, theirs, ours))

    import pickle
    same(pickle5.dumps, pickle.dumps)
    same(pickle5.Unpickler, pickle.Unpickler)
    names = vars(module)
    for name in ('pickle', 'pickletools'):
        if name in names:
            same(sys.modules['pickle5.' + name], names[name])
    if 'PickleBuffer' in names:
        same(pickle5.PickleBuffer, names['PickleBuffer'])
    tester = sys.modules.get('test.pickletester')
    if tester is not None:
        same(pickle5.loads, tester.pickle.loads)
        same(pickle5.pickletools, tester.pickletools)
    if module.__name__ == 'test.test_pickle' and engine is not None:
        same(True, names['has_c_implementation'])
        same(engine.dumps, names['CPickleTests'].dumps)
        same(engine.Pickler, names['CPicklerTests'].pickler)
        same(engine.Unpickler, names['CUnpicklerTests'].unpickler)
        same(engine.Unpickler, names['CPicklerUnpicklerObjectTests'].unpickler_class)
        same(engine.Pickler, names['CPicklerHookTests'].pickler_class.__mro__[1] if 'CPicklerHookTests' in names
             else engine.Pickler)
        same(pickle5.Pickler, engine.Pickler)
        same(pickle5._Pickler, names['PyPicklerTests'].pickler)


def flatten(tests):
    for test in tests:
        if hasattr(test, '__iter__'):
            for each in flatten(test):
                yield each
        else:
            yield test


def load(module):
    """The tests that the interpreter's own runner would run."""
    import doctest
    import unittest
    from test import support
    if not hasattr(module, 'test_main'):
        return list(flatten(unittest.defaultTestLoader.loadTestsFromModule(module)))
    # up to 3.10 or so: what test_main hands to run_unittest and run_doctest
    collected = unittest.TestSuite()

    def take_classes(*classes):
        for each in classes:
            if isinstance(each, str):
                collected.addTests(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[each]))
            elif isinstance(each, (unittest.TestSuite, unittest.TestCase)):
                collected.addTest(each)
            else:
                collected.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(each))

    def take_doctests(module, *args, **kwargs):
        collected.addTests(doctest.DocTestSuite(module))

    stand_ins = {'run_unittest': take_classes, 'run_doctest': take_doctests}
    for holder in (support, module):  # some modules have imported them by name
        for name in set(stand_ins).intersection(vars(holder)):
            setattr(holder, name, stand_ins[name])
    module.test_main()
    return list(flatten(collected))


def import_tests(name):
    """The module; for fork, which needs no file to find it by, one put together here where an installation has left it out."""
    import importlib
    try:
        return importlib.import_module(SUITES[name].module)
    except ImportError as error:
        if name != 'test_multiprocessing_fork' or getattr(error, 'name', None) != SUITES[name].module:
            raise
    tests = importlib.import_module('test._test_multiprocessing')
    module = sys.modules[SUITES[name].module] = types.ModuleType(SUITES[name].module)
    tests.install_tests_in_module_dict(vars(module), 'fork')
    return module


def child(name, use_stdlib, use_install, run_excluded, report):
    import unittest
    if use_install:
        install()
    elif not use_stdlib:
        pickle5, engine = stand_in()
    try:
        module = import_tests(name)
    except unittest.SkipTest as error:
        write_report(report, missing=str(error))
        return
    except ImportError as error:
        if getattr(error, 'name', None) != SUITES[name].module:
            raise
        write_report(report, missing='this interpreter has no such tests')
        return
    tests = load(module)
    if use_install:
        check_installed(module)
    elif not use_stdlib:
        check_standing_in(module, pickle5, engine)
    chosen, left_out = unittest.TestSuite(), []
    for test in tests:
        if not fnmatch.fnmatchcase(test.id(), SUITES[name].match) and SUITES[name].match != '*':
            continue
        if not use_stdlib and excluded(test.id(), installed=use_install):
            left_out.append(test.id())
            if not run_excluded:
                continue
        elif run_excluded:
            continue
        chosen.addTest(test)
    result = unittest.TextTestRunner(verbosity=2).run(chosen)
    bad = sorted({test.id().split(' (')[0] if hasattr(test, 'id') else str(test)
                  for test, _ in result.failures + result.errors} | {t.id() for t in result.unexpectedSuccesses})
    write_report(report, run=result.testsRun, failed=bad, skipped=len(result.skipped), excluded=left_out)
    os._exit(0)  # what the tests left behind (threads, atexit) does not matter any more


def write_report(path, **facts):
    with open(path, 'w') as file:
        json.dump(facts, file)


# ---- in the parent: all suites

def run_suite(name, options):
    """Run one suite in a process of its own and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, 'report.json')
        work = os.path.join(folder, 'work')
        os.mkdir(work)
        command = [sys.executable, os.path.abspath(__file__), '--child', name, '--report', report]
        for each in ('stdlib', 'install'):
            if getattr(options, each):
                command.append('--' + each)
        if options.exclusions:
            command.append('--exclusions')
        environment = dict(os.environ)
        environment['PYTHONPATH'] = os.pathsep.join(
            [os.path.dirname(HERE)] + environment.get('PYTHONPATH', '').split(os.pathsep)).rstrip(os.pathsep)
        start = time.time()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=work, env=environment)
        try:
            output, _ = process.communicate(timeout=SUITES[name].seconds)
            ended = 'exit status %d' % process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended = 'stopped after %d seconds' % SUITES[name].seconds
        facts = {}
        if os.path.exists(report):
            with open(report) as file:
                facts = json.load(file)
        if process.returncode or not facts:
            facts['crashed'] = ended
        facts['seconds'] = round(time.time() - start, 1)
        facts['output'] = output.decode('utf-8', 'replace')
        return facts


def verdict(facts, options):
    """The line for the summary, and whether all is well."""
    if 'crashed' in facts:
        return 'CRASHED: ' + facts['crashed'], False
    if 'missing' in facts:
        return 'none here: ' + facts['missing'], True
    line = '%5d run, %3d failed, %3d skipped, %3d excluded' % (facts['run'], len(facts['failed']), facts['skipped'],
                                                               len(facts['excluded']))
    if options.exclusions:
        passed = facts['run'] - facts['skipped'] - len(facts['failed'])
        return line + (', %d of them pass' % passed if passed > 0 else ''), passed <= 0
    return line, not facts['failed']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('suites', nargs='*', metavar='SUITE')
    parser.add_argument('--stdlib', action='store_true')
    parser.add_argument('--install', action='store_true')
    parser.add_argument('--exclusions', action='store_true')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--json')
    parser.add_argument('--child', help=argparse.SUPPRESS)
    parser.add_argument('--report', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        sys.path[:] = [each for each in sys.path if os.path.abspath(each or '.') != HERE]
        return child(options.child, options.stdlib, options.install, options.exclusions, options.report)
    names = []
    for name in options.suites or (['test_pickle', 'test_shelve', 'installed'] if options.install else ['core']):
        names += [each for each in SUITES if name in (each, SUITES[each].group, 'all')]
    if not names:
        parser.error('no such suite')
    fine, reports = True, collections.OrderedDict()
    for name in names:
        if sys.version_info[:2] < SUITES[name].since:
            continue
        facts = run_suite(name, options)
        line, good = verdict(facts, options)
        fine = fine and good
        if options.verbose or not good:
            print(facts['output'] if options.verbose or len(facts['output']) < 200000 else facts['output'][-200000:])
        print('%-24s %6.1f s  %s' % (name, facts['seconds'], line))
        for each in facts.get('failed', ()):
            print('    %s' % each)
        sys.stdout.flush()
        facts.pop('output')
        reports[name] = facts
    if options.json:
        with open(options.json, 'w') as file:
            json.dump({'python': sys.version.split()[0], 'implementation': sys.implementation.name,
                       'suites': reports}, file, indent=1)
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(main())
