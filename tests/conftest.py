"""What every test gets: an implementation of pickle in `impl` (or `engine`), and a protocol it knows in `proto`.

Markers choose the implementations a test runs against:
    @only('engine', 'stdlib')      these, where they are present
    @since((3, 14))                those whose level has the behaviour (see Implementation.has)
"""
import gc

import pytest

import implementations


def pytest_configure(config):
    config.addinivalue_line('markers', 'only(*names): run against these implementations')
    config.addinivalue_line('markers', 'since(*releases): run against implementations whose level has this behaviour')
    if implementations.ENGINE is None and implementations.ENGINE_REQUIRED:
        raise pytest.UsageError('PICKLE5_REQUIRE_C is set and pickle5._pickle cannot be imported: build it first')


def pytest_report_header(config):
    engine = implementations.ENGINE
    return 'pickle5: %s; %s' % (implementations.PRESENT,
                                engine.module.__file__ if engine else 'NO C ENGINE, its tests do not run')


def chosen(metafunc):
    wanted = list(implementations.PRESENT)
    for mark in metafunc.definition.iter_markers('only'):
        assert set(mark.args) <= {'engine', 'python', 'stdlib'}
        wanted = [impl for impl in wanted if impl.name in mark.args]
    for mark in metafunc.definition.iter_markers('since'):
        wanted = [impl for impl in wanted if impl.has(*mark.args)]
    if 'engine' in metafunc.fixturenames:
        wanted = [impl for impl in wanted if impl.name == 'engine']
    return wanted


def pytest_generate_tests(metafunc):
    name = 'engine' if 'engine' in metafunc.fixturenames else 'impl'
    if name not in metafunc.fixturenames:
        return
    wanted = chosen(metafunc)
    if 'proto' in metafunc.fixturenames:
        pairs = [(impl, proto) for impl in wanted for proto in impl.protocols]
        metafunc.parametrize((name, 'proto'), pairs, ids=['%s-%d' % (impl.name, proto) for impl, proto in pairs],
                             indirect=[name])
    else:
        metafunc.parametrize(name, wanted, ids=[impl.name for impl in wanted], indirect=True)


@pytest.fixture
def impl(request):
    implementations.assert_is(request.param, request.param.name)
    return request.param


@pytest.fixture
def engine(request):
    implementations.assert_is(request.param, 'engine')
    return request.param


@pytest.fixture
def collected():
    """Says of a weak reference whether what it led to is gone, at the latest after a few collections."""
    def is_collected(reference):
        for _ in range(3):
            gc.collect()
        return reference() is None
    return is_collected
