"""Runs each subject again and again; prints those after which references or blocks of memory are left over, as JSON.

    python leaks_worker.py [RUNS]           on a debug build (sys.gettotalrefcount)

Both totals are taken into a list made beforehand, whose items are numbers that exist all the time; a difference of 0 is
what is asked for. Some caches of the interpreter fill up late: a drift counts if it is there in three windows in a row.
"""
import gc
import json
import sys
import warnings

import subjects


def settle():
    """Empty the interpreter's caches: the one of attributes holds names, and its slots depend on addresses."""
    gc.collect()
    clear_type_cache()
    clear_importers()


clear_importers = sys.path_importer_cache.clear
clear_type_cache = getattr(sys, '_clear_type_cache', gc.collect)


def windows(use, it, runs):
    """Drift of (references, blocks) over three windows of so many runs."""
    totals, blocks = sys.gettotalrefcount, sys.getallocatedblocks
    left = [[0, 0] for _ in range(3)]
    for _ in range(6):
        use(it)
    for window in left:
        settle()
        before = totals()
        held = blocks()
        for _ in range(runs):
            use(it)
        settle()
        window[1] = blocks() - held
        window[0] = totals() - before
    return left


def quiet():
    """What the measurement itself costs: nothing is done."""
    return windows(lambda it: None, None, 5)


def main():
    warnings.simplefilter('ignore')
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    for _ in range(3):
        base = quiet()
    result = {'quiet': base, 'subjects': len(subjects.SUBJECTS), 'runs': 6 + 3 * runs, 'drift': {}}
    allowed = max(window[0] for window in base), max(window[1] for window in base)
    for name, (make, use) in subjects.SUBJECTS.items():
        left = windows(use, make(), runs)
        if all(window[0] > allowed[0] for window in left) or all(window[1] > allowed[1] for window in left):
            result['drift'][name] = left
    json.dump(result, sys.stdout, indent=1)


if __name__ == '__main__':
    main()
