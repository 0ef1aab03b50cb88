"""Each allocation of a subject fails in turn; prints how many did, as JSON.

    python nomemory_worker.py [PART OF A NAME]

_testcapi.set_nomemory(n, n + 1) lets the n-th allocation from now on fail, and only that one, so that the engine's way out is
gone through with memory at hand; set_nomemory(n, 0) lets all that follow fail too. Each must end in MemoryError (or in the
result, where the interpreter does without), and the same thing must work afterwards.
"""
import faulthandler
import json
import sys
import warnings

import _testcapi

import subjects

# A failing import crashes in importlib's own frames on 3.12 and 3.13. On 3.7 and 3.8 it ends in "Cannot recover from MemoryErrors
# while normalizing exceptions" where all allocations fail, and only after other subjects ran: whose fault that is is not known.
IMPORT_CRASHES = sys.version_info[:2] in ((3, 7), (3, 8), (3, 12), (3, 13))
SPARSE = 10 ** 9 if '--all' in sys.argv else 60
# Up to 3.13 the interpreter turns in a circle, in Python code, where nothing at all is left.
MODES = 2 if sys.version_info >= (3, 14) or sys.version_info < (3, 9) else 1
PATIENCE = 30       # tries in a row that go unnoticed: the subject ends before that allocation


def one(use, it, n, stop, wrong):
    """True if the allocation was reached."""
    set_nomemory, remove = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
    error = None
    set_nomemory(n, stop)
    try:
        use(it)
    except MemoryError:
        remove()
        return True
    except BaseException as other:
        remove()
        error = type(other).__name__, str(other)[:200], repr(other.__context__)[:200]
    remove()
    if error is not None:
        wrong.append(error)
        return True
    return False


def main():
    warnings.simplefilter('ignore')
    faulthandler.enable()
    subjects.DEQUES = not hasattr(sys, 'gettotalrefcount')
    part = [each for each in sys.argv[1:] if not each.startswith('--')]
    counts, other = {}, {}
    for name, (make, use) in subjects.SUBJECTS.items():
        if part and part[0] not in name or name.endswith((' 7', 'file 7')) and IMPORT_CRASHES:
            continue
        print(name, file=sys.stderr)
        it = make()
        for _ in range(3):
            use(it)
        wrong, failed = [], 0
        for forever in (False, True)[:MODES]:
            n = quiet = 0
            while quiet < PATIENCE:
                if one(use, it, n, 0 if forever else n + 1, wrong):
                    quiet = 0
                    failed += 1
                else:
                    quiet += 1
                # Long subjects repeat themselves: further on, not each allocation is tried.
                n += 1 + n // SPARSE
        use(it)
        counts[name] = failed
        if wrong:
            other[name] = sorted(set(wrong))
    json.dump({'failed': counts, 'other': other}, sys.stdout, indent=1)


if __name__ == '__main__':
    main()
