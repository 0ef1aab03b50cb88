"""A fast part of everything, without pytest, for slow machines and valgrind: the subjects of the checks of memory, the small
hostile streams, and the corpus of the fuzzers.

    PYTHONPATH=. python tests/reliability/quick.py
"""
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), 'fuzz')]

import hostile  # noqa: E402
import subjects  # noqa: E402
import targets  # noqa: E402


def main():
    warnings.simplefilter('ignore')
    for name, (make, use) in subjects.SUBJECTS.items():
        use(make())
    streams = 0
    for name, (data, keywords) in hostile.CASES.items():
        if len(data) < 2000 and not isinstance(keywords.get('buffers'), str):
            streams += 1
            for load in (lambda: subjects.engine.loads(data, **keywords),
                         lambda: subjects.engine.load(hostile.File(data), **keywords)):
                try:
                    load()
                except Exception:
                    pass
    inputs = 0
    for target in targets.TARGETS:
        folder = os.path.join(os.path.dirname(HERE), 'fuzz', 'corpus', target)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), 'rb') as file:
                targets.TARGETS[target](file.read())
            inputs += 1
    print('%d subjects, %d hostile streams, %d inputs of the fuzzers' % (len(subjects.SUBJECTS), streams, inputs))


if __name__ == '__main__':
    main()
