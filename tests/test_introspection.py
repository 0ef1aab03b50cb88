"""What can be seen of the engine's types and functions from outside."""
import gc
import inspect
import io
import pickle
import struct
import sys
import types
import weakref

import pytest

import pickle5
import zoo
from implementations import PYPY

only = pytest.mark.only
since = pytest.mark.since
BIG = 100000

SIGNATURES = {
    'dump': '(obj, file, protocol=None, *, fix_imports=True, buffer_callback=None)',
    'dumps': '(obj, protocol=None, *, fix_imports=True, buffer_callback=None)',
    'load': "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())",
    'loads': "(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())",
    'Pickler': '(file, protocol=None, fix_imports=True, buffer_callback=None)',
    'Unpickler': "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())",
}


@only('engine', 'stdlib')
@since((3, 9))
@pytest.mark.parametrize('name', sorted(SIGNATURES))
def test_signatures(impl, name):
    assert str(inspect.signature(getattr(impl.module, name))) == SIGNATURES[name]


@only('engine')
def test_signatures_of_methods(impl):
    assert str(inspect.signature(impl.Pickler.dump)) == '(self, obj, /)'
    assert str(inspect.signature(impl.Pickler.clear_memo)) == '(self, /)'
    assert str(inspect.signature(impl.Unpickler.load)) == '(self, /)'
    assert list(inspect.signature(impl.Unpickler.find_class).parameters)[1:] == ['module_name', 'global_name']
    assert list(inspect.signature(impl.Pickler(io.BytesIO()).dump).parameters) == ['obj']


@only('engine')
def test_everything_is_documented(impl):
    for thing in [impl.module, impl.Pickler, impl.Unpickler, impl.dump, impl.dumps, impl.load, impl.loads, impl.Pickler.dump,
                  impl.Pickler.clear_memo, impl.Unpickler.load, impl.Unpickler.find_class]:
        assert thing.__doc__ and thing.__doc__.strip()


@only('engine')
def test_names(impl):
    assert impl.Pickler.__name__ == impl.Pickler.__qualname__ == 'Pickler'
    assert impl.Unpickler.__name__ == 'Unpickler'
    assert type(impl.Pickler(io.BytesIO()).memo).__name__ == 'PicklerMemoProxy'
    assert type(impl.Unpickler(io.BytesIO()).memo).__name__ == 'UnpicklerMemoProxy'
    for name in ('PickleError', 'PicklingError', 'UnpicklingError'):
        assert getattr(impl.module, name) is getattr(pickle, name) is getattr(pickle5, name)
    assert impl.dumps.__name__ == 'dumps' and impl.dumps.__module__ in ('pickle5._pickle', '_pickle')
    assert isinstance(impl.dumps, types.BuiltinFunctionType)


@only('engine')
def test_classes_pickle_by_name(impl):
    for thing in (impl.Pickler, impl.Unpickler, impl.dumps, impl.loads, pickle.PicklingError):
        assert impl.loads(impl.dumps(thing, 4)) is thing


@only('engine', 'stdlib')
def test_garbage_collection_sees_them(impl):
    for obj in (impl.Pickler(io.BytesIO()), impl.Unpickler(io.BytesIO()), impl.Pickler(io.BytesIO()).memo,
                impl.Unpickler(io.BytesIO()).memo):
        assert gc.is_tracked(obj)


@only('engine')
def test_referents_are_named(impl):
    file, kept = io.BytesIO(), ['kept']
    pickler = impl.Pickler(file, 4)
    pickler.dump(kept)
    assert any(each is kept for each in gc.get_referents(pickler))
    pickler.memo = {id(kept): (70000, kept)}
    assert any(each is kept for each in gc.get_referents(pickler))
    unpickler = impl.Unpickler(io.BytesIO(pickle.dumps([kept], 4)))
    back = unpickler.load()
    assert any(each is back for each in gc.get_referents(unpickler))


@only('engine')
@since((3, 10))
def test_heap_types(impl):
    for cls in (impl.Pickler, impl.Unpickler, type(impl.Pickler(io.BytesIO()).memo), type(impl.Unpickler(io.BytesIO()).memo)):
        assert gc.is_tracked(cls)
        assert cls.__flags__ & (1 << 9)  # allocated on the heap
        if sys.version_info >= (3, 10):
            with pytest.raises(TypeError):
                cls.foo = 'bar'


def test_subclassable(impl):
    assert type('Sub', (impl.Pickler,), {})(io.BytesIO()) is not None
    assert type('Sub', (impl.Unpickler,), {})(io.BytesIO()) is not None


@only('engine')
def test_memo_proxies_are_made_by_their_owners(impl):
    """One can be made by hand of the right owner, and of nothing else."""
    for owner, other in ((impl.Pickler(io.BytesIO()), impl.Unpickler(io.BytesIO())), (impl.Unpickler(io.BytesIO()), impl.Pickler(io.BytesIO()))):
        proxy = type(owner.memo)
        assert owner.memo is not owner.memo
        for wrong in (None, 5, other):
            try:
                made = proxy(wrong)
            except TypeError:
                continue
            raise AssertionError('made %r' % made)


@only('engine')
def test_memo_proxies_hold_their_owner(impl):
    class Pickler(impl.Pickler):
        pass

    pickler = Pickler(io.BytesIO())
    kept = ['kept']
    pickler.dump(kept)
    gone = weakref.ref(pickler)
    memo = pickler.memo
    del pickler
    gc.collect()
    assert gone() is not None and id(kept) in memo.copy()
    del memo
    gc.collect()
    assert gone() is None


# ---- sizes

@only('engine')
def test_sizeof_pickler(impl):
    """Grows with the memo, and shrinks when it is cleared."""
    pickler = impl.Pickler(io.BytesIO(), 4)
    empty = pickler.__sizeof__()
    assert empty >= object.__sizeof__(pickler)
    pickler.dump([[i] for i in range(BIG)])
    full = pickler.__sizeof__()
    assert full - empty >= BIG * 8
    assert full - empty <= BIG * 64
    pickler.clear_memo()
    assert pickler.__sizeof__() < full
    assert sys.getsizeof(pickler) >= pickler.__sizeof__()


@only('engine')
def test_sizeof_unpickler(impl):
    data = impl.dumps([[i] for i in range(BIG)], 4)
    unpickler = impl.Unpickler(io.BytesIO(data))
    empty = unpickler.__sizeof__()
    assert empty >= object.__sizeof__(unpickler)
    unpickler.load()
    assert unpickler.__sizeof__() - empty >= BIG * struct.calcsize('P')
    unpickler.memo = {}
    assert unpickler.__sizeof__() < empty + BIG * 64


# ---- leaks

def blocks():
    for _ in range(3):
        gc.collect()
    return sys.getallocatedblocks()


def everyday(impl):
    import corpus
    for name in ('records', 'instance_plain', 'slots_both', 'recursive_list_dict_tuple', 'recursive_frozenset', 'reduced6_all', 'namedtuples',
                 'datetimes_utc', 'enum', 'decimal', 'extension_classes', 'bytearray_shared', 'method_bound', 'newargs_ex', 'set_of_255',
                 'memo_300_strs_again'):
        case = corpus.CASES[name]
        for proto in case.protocols:
            impl.loads(impl.dumps(case.build(), proto))
            out = io.BytesIO()
            pickler = impl.Pickler(out, proto)
            pickler.dump(case.build())
            pickler.memo = pickler.memo.copy()
            out.seek(0)
            unpickler = impl.Unpickler(out)
            unpickler.load()
            unpickler.memo = unpickler.memo.copy()


def failing(impl):
    import error_cases
    for build in error_cases.WRITES.values():
        for proto in (0, 2, 4, 5):
            error_cases.outcome(impl.dumps, build(), proto)
    for data in error_cases.READS.values():
        error_cases.outcome(impl.loads, data)
        error_cases.outcome(impl.load, io.BytesIO(data))


def hooks(impl):
    class Pickler(impl.Pickler):
        def persistent_id(self, obj):
            return 'p' if obj == 'me' else None

        def reducer_override(self, obj):
            return (zoo.rebuild, (1,)) if type(obj) is zoo.Empty else NotImplemented

    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            return [identity]

        def find_class(self, module, name):
            return super(Unpickler, self).find_class(module, name)

    for proto in range(6):
        impl.load_with(Unpickler, impl.dump_with(Pickler, ['me', zoo.Empty(), zoo.Plain(a=1)], proto))
    buffers = []
    impl.loads(impl.dumps([impl.PickleBuffer(bytearray(10))], 5, buffer_callback=buffers.append), buffers=buffers)


@only('engine')
@pytest.mark.skipif(PYPY or not hasattr(sys, 'getallocatedblocks'), reason='counts the allocator')
@pytest.mark.parametrize('work', [everyday, failing, hooks], ids=lambda work: work.__name__)
def test_no_leaks(impl, work):
    """Less than one block of memory for each run: the interpreter's own caches take a while to fill."""
    runs = 20
    drift = []
    for _ in range(12):
        before = blocks()
        for _ in range(runs):
            work(impl)
        drift.append(blocks() - before)
        if drift[-1] < runs:
            return
    raise AssertionError('blocks left over from %d runs each: %r' % (runs, drift))
