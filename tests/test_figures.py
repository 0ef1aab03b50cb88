"""The ledger behind docs/reliability.md: runs of one engine add up, and only those."""
import json

import pytest

import write_reliability
from write_reliability import engine

XML = '<testsuite><testcase name="a"><properties><property name="slowest answer" value="%s"/></properties></testcase>%s</testsuite>'
LOG = 'read: seed 1, 100 inputs in 7 s, no finding\n'


@pytest.fixture
def keep(tmpdir):
    """Leave these files, for this engine; what the ledger then holds."""
    path, digest = str(tmpdir.join('figures.json')), engine.digest()

    def keep(files, digest=digest):
        folder = tmpdir.ensure('left', digest, dir=True)
        for name, text in files.items():
            folder.join(name).write(text)
        runs = write_reliability.read_ledger(digest, str(tmpdir.join('left')), path)
        with open(path, 'w') as file:
            json.dump({'engine': digest, 'runs': runs}, file)
        for name in files:
            folder.join(name).remove()      # the next sitting is on a machine that has none of these
        return runs

    keep.has_passed = lambda name: write_reliability.has_passed(name, str(tmpdir.join('left')), path)
    return keep


def test_runs_add_up_over_sittings(keep):
    name = 'cpython-311-3.11.7-x86_64-linux-gnu-'
    keep({name + 'threads.xml': XML % (0.5, ''), name + 'fuzz-seeded-100.log': LOG})
    runs = keep({name + 'leaks.xml': XML % (0.1, '<testcase name="b"><failure/></testcase>'), name + 'fuzz-seeded-200.log': LOG})
    assert sorted(runs) == sorted(name + each for each in ['threads', 'leaks', 'fuzz-seeded-100', 'fuzz-seeded-200'])
    assert runs[name + 'threads'] == {'counts': {'passed': 1}, 'figures': {'slowest answer': 0.5}}
    assert keep.has_passed(name + 'threads') and not keep.has_passed(name + 'leaks') and not keep.has_passed(name + 'nomemory')
    page = write_reliability.fuzzed([write_reliability.Run(each, kept) for each, kept in sorted(runs.items())])
    assert '| read, by seeds | 3.11.7 | 200 |' in page


def test_a_newer_run_takes_the_place_of_the_older(keep):
    name = 'cpython-314-3.14.10-i386-linux-gnu-threads'
    keep({name + '.xml': XML % (0.5, '')})
    runs = keep({name + '.xml': XML % (0.25, '<testcase name="b"><skipped/></testcase>')})
    assert runs == {name: {'counts': {'passed': 1, 'skipped': 1}, 'figures': {'slowest answer': 0.25}}}
    assert write_reliability.Run(name, runs[name]).name == '3.14.10 i386'


def test_what_another_engine_left_is_dropped(keep):
    keep({'pypy-311-3.11.17-x86_64-linux-gnu-test-hostile.xml': XML % (1, '')})
    assert list(keep({'cpython-36-3.6.15-x86_64-linux-gnu-leaks.xml': XML % (1, '')}, 'another')) == \
        ['cpython-36-3.6.15-x86_64-linux-gnu-leaks']


def test_comments_and_space_are_no_part_of_an_engine(tmpdir):
    room = tmpdir.ensure('Modules', '_pickle', 'room.c')
    digests = []
    for text in ['int a = 1;  /* one "quoted */\nchar *b = "/* no comment";\n', '// new\nint a  = 1;\n\nchar *b = "/* no comment"; /* 2\n */',
                 'int a = 1;\nchar *b = "/* another";\n']:
        room.write(text)
        digests.append(engine.digest(str(tmpdir)))
    assert digests[0] == digests[1] != digests[2]
