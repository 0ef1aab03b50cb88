"""The corpus: bytes against the golden files and the interpreter's own pickle, round trips, exchange.

A failing case is looked at with  pickletools.dis(pickle5.dumps(corpus.CASES['name'].build(), protocol)).
"""
import pickletools
import sys

import pytest

import corpus
import make_golden
from implementations import ENGINE, PYPY, STDLIB
from shape import assert_same_shape

GOLDEN = {protocol: make_golden.read(protocol) for protocol in range(6)}
every_case = pytest.mark.parametrize('case', list(corpus.CASES.values()), ids=list(corpus.CASES))
golden_case = pytest.mark.parametrize('case', corpus.select(golden=True), ids=repr)
exceptional_case = pytest.mark.parametrize('case', [each for each in corpus.CASES.values() if each.differs], ids=repr)
on_cpython = pytest.mark.skipif(PYPY, reason='its types reduce otherwise')


def shape_kept(impl, case, protocol):
    if case.name == 'bytearray_shared' and impl.name == 'python' and (3, 8) <= sys.version_info < (3, 10):
        return False  # the _Pickler of 3.8 and 3.9 gives a bytearray no memo number
    return protocol in case.same


def test_the_corpus_is_large_and_in_the_golden_files():
    assert len(corpus.CASES) > 600
    for protocol in range(6):
        assert set(GOLDEN[protocol]) == {case.name for case in corpus.select(golden=True, protocol=protocol)}


@golden_case
def test_bytes_are_the_newest_everywhere(engine, case):
    for protocol in case.protocols:
        data = engine.dumps(case.build(), protocol)
        assert make_golden.entry(data) == GOLDEN[protocol][case.name], (protocol, data[:1000])


@every_case
def test_bytes_are_the_interpreters(engine, case):
    if sys.version_info < (3, 8):
        pytest.skip('the older format of 3.6 and 3.7 is not imitated')
    if not STDLIB.has(case.since):
        pytest.skip('only the newest writes it')
    for protocol in case.protocols:
        if not case.newest_only(protocol):
            obj = case.build()
            assert engine.dumps(obj, protocol) == STDLIB.dumps(obj, protocol), protocol


@exceptional_case
def test_bytes_differ_where_listed_and_only_there(engine, case):
    """A case listed in vain would hide a difference."""
    assert case.reason
    if sys.version_info < (3, 8) or sys.version_info[:2] >= case.differs[0]:
        pytest.skip('not for this interpreter')
    for protocol in set(case.protocols).intersection(case.differs[1]):
        obj = case.build()
        ours, theirs = engine.dumps(obj, protocol), STDLIB.dumps(obj, protocol)
        assert ours != theirs
        assert_same_shape(obj, STDLIB.loads(ours))
        if STDLIB.has(case.since):
            assert_same_shape(obj, engine.loads(theirs))


@every_case
def test_round_trip(impl, case):
    if not impl.has(case.since):
        pytest.skip('not at the level of this implementation')
    for protocol in case.few(impl.protocols):
        obj = case.build()
        back = impl.loads(impl.dumps(obj, protocol))
        if shape_kept(impl, case, protocol):
            assert_same_shape(obj, back)


@every_case
def test_the_interpreters_pickle_reads_the_engines(engine, case):
    for protocol in set(case.protocols).intersection(STDLIB.protocols):
        obj = case.build()
        back = STDLIB.loads(engine.dumps(obj, protocol))
        if protocol in case.same:
            assert_same_shape(obj, back)


@every_case
def test_the_engine_reads_the_interpreters(engine, case):
    if not STDLIB.has(case.since):
        pytest.skip('only the newest writes it')
    for protocol in set(case.protocols).intersection(STDLIB.protocols):
        obj = case.build()
        back = engine.loads(STDLIB.dumps(obj, protocol))
        if protocol in case.same:
            assert_same_shape(obj, back)


@pytest.mark.only('python')
@every_case
def test_the_engine_and_the_python_half_read_each_other(impl, case):
    if ENGINE is None or not impl.has(case.since):
        pytest.skip('needs both')
    for protocol in case.few(impl.protocols):
        obj = case.build()
        there, back = impl.loads(ENGINE.dumps(obj, protocol)), ENGINE.loads(impl.dumps(obj, protocol))
        if shape_kept(impl, case, protocol):
            assert_same_shape(obj, there)
            assert_same_shape(obj, back)


@golden_case
def test_every_opcode_belongs_to_its_protocol(engine, case):
    if sys.version_info < (3, 8):
        import pickle5.pickletools as tools
    else:
        tools = pickletools
    for protocol in case.protocols:
        data = engine.dumps(case.build(), protocol)
        if protocol == 3 and u'\xe9'.encode('utf-8') in data and sys.version_info < (3, 14):
            continue  # pickletools could not show names that are not ASCII
        if len(data) < 5000:
            opcodes = list(tools.genops(data))
            setter = case.since == (3, 8)  # its two arguments are a TUPLE2 in every protocol, in the stdlib too
            assert max(opcode.proto for opcode, _, _ in opcodes) <= max(protocol, 2 * setter)
            assert opcodes[-1][2] == len(data) - 1
