"""Errors: types, texts and notes equal to the newest stdlib's; calls with wrong arguments; objects that were never set up."""
import io
import pickle
import re

import pytest

import error_cases
import make_golden
import zoo
from pickle5 import pickletools

only = pytest.mark.only
since = pytest.mark.since
GOLDEN = make_golden.read_errors()

names = pytest.mark.parametrize('name', list(error_cases.WRITES))


def relevant(found, name):
    """Without the words that are the interpreter's own, and the context that they come from."""
    if name in error_cases.TEXT_OF_INTERPRETER and isinstance(found, list):
        return [found[0], found[2]]
    return found


def test_the_golden_file_is_complete():
    assert set(GOLDEN) == {'write ' + name for name in error_cases.WRITES} | {'read ' + name for name in error_cases.READS}


@only('engine', 'stdlib')
@since((3, 15))
@names
def test_writing(impl, name):
    for proto in range(6):
        found = error_cases.outcome(impl.dumps, error_cases.WRITES[name](), proto)
        assert relevant(found, name) == relevant(GOLDEN['write ' + name][proto], name), proto


@only('engine')
@names
def test_writing_to_a_file(impl, name):
    for proto in range(6):
        pickler = impl.Pickler(io.BytesIO(), proto)
        found = error_cases.outcome(pickler.dump, error_cases.WRITES[name]())
        expected = GOLDEN['write ' + name][proto]
        assert relevant(found, name) == relevant('value' if expected == 'bytes' else expected, name), proto
        pickler.clear_memo()
        pickler.dump([1])


every_read = pytest.mark.parametrize('name', list(error_cases.READS))


@only('stdlib')
@since((3, 15))
@every_read
def test_reading_by_the_reference(impl, name):
    found = error_cases.outcome(impl.loads, error_cases.READS[name])
    assert relevant(found, name) == relevant(GOLDEN['read ' + name], name)


@only('engine')
@every_read
def test_reading(impl, name):
    """The newest stdlib's type and words, and then the opcode and its byte offset: in the text, or in a note."""
    data, expected = error_cases.READS[name], GOLDEN['read ' + name]
    for read in (impl.loads, lambda data: impl.load(io.BytesIO(data))):
        found = error_cases.outcome(read, data)
        assert found[0] == expected[0] and found[3:] == expected[3:]
        if name not in error_cases.TEXT_OF_INTERPRETER:
            assert found[1].startswith(expected[1])
        where = ' '.join([found[1][len(expected[1]):] if name not in error_cases.TEXT_OF_INTERPRETER else found[1]] + found[2])
        offset = re.search(r'\bat byte (\d+)', where)
        assert offset, 'no byte offset in %r' % (found,)
        assert int(offset.group(1)) <= len(data)
        opcode = re.search(r'\b([A-Z_0-9]{3,}) at byte', where)
        if opcode:
            at = {position: code.name for code, position in opcodes_of(data)}
            assert at.get(int(offset.group(1)), opcode.group(1)) == opcode.group(1)


def opcodes_of(data):
    """Opcodes and their positions, as far as they can be read."""
    try:
        for opcode, _, position in pickletools.genops(data):
            yield opcode, position
    except Exception:
        pass


@names
def test_every_implementation_agrees_on_failing(impl, name):
    """At its level each fails where the newest fails, whatever the words."""
    if not impl.has((3, 14)):
        pytest.skip('more failures are errors since 3.14')
    for proto in range(6):
        found = error_cases.outcome(impl.dumps, error_cases.WRITES[name](), proto)
        if GOLDEN['write ' + name][proto] == 'bytes':
            assert found == 'bytes'
        elif impl.compiled:
            assert found != 'bytes'


# ---- hooks that fail

def test_persistent_id_that_fails(impl):
    class Pickler(impl.Pickler):
        def persistent_id(self, obj):
            raise KeyError(3)

    with pytest.raises(KeyError):
        impl.dump_with(Pickler, [7])


@since((3, 8))
def test_reducer_override_that_fails(impl):
    class Pickler(impl.Pickler):
        def reducer_override(self, obj):
            raise KeyError(3)

    with pytest.raises(KeyError) as caught:
        impl.dump_with(Pickler, [zoo.Empty()])
    if impl.compiled and impl.has((3, 14)):
        assert caught.value.__notes__ == ['when serializing list item 0']


def test_persistent_load_and_find_class_that_fail(impl):
    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            raise KeyError(identity)

        def find_class(self, module, name):
            raise KeyError(module, name)

    with pytest.raises(KeyError, match='5'):
        impl.load_with(Unpickler, b'K\5Q.')
    with pytest.raises(KeyError, match='zoo'):
        impl.load_with(Unpickler, b'czoo\nPlain\n.')


def test_dispatch_table_that_fails(impl):
    def reducer(obj):
        raise KeyError(3)

    pickler = impl.Pickler(io.BytesIO())
    pickler.dispatch_table = {zoo.Empty: reducer}
    with pytest.raises(KeyError):
        pickler.dump([zoo.Empty()])
    pickler.dispatch_table = 3
    with pytest.raises((TypeError, AttributeError)):
        pickler.dump(zoo.Empty())


# ---- errors keep what they are

class Held(Exception):
    pass


def test_the_exception_is_the_one_that_was_raised(impl):
    held = Held('this one')

    class Raises(object):
        def __reduce_ex__(self, protocol):
            raise held

    with pytest.raises(Held) as caught:
        impl.dumps([{'a': (Raises(),)}])
    assert caught.value is held


@only('engine', 'stdlib')
@since((3, 14))
def test_notes_are_added_to_those_there_are(impl):
    class Raises(object):
        def __reduce_ex__(self, protocol):
            error = Held('noted')
            error.__notes__ = ['from the start']
            raise error

    with pytest.raises(Held) as caught:
        impl.dumps([Raises()])
    assert caught.value.__notes__ == ['from the start', 'when serializing list item 0']


@only('engine')
def test_notes_cannot_hurt(impl):
    """An exception that takes no notes is raised all the same."""
    class Closed(Exception):
        __slots__ = ()

        def __setattr__(self, name, value):
            raise RuntimeError('closed')

        @property
        def __notes__(self):
            raise RuntimeError('closed')

    class Raises(object):
        def __reduce_ex__(self, protocol):
            raise Closed

    with pytest.raises((Closed, RuntimeError)):
        impl.dumps([Raises()])


@only('engine')
def test_notes_of_a_deep_structure_are_few(impl):
    """A failure a million levels down must not drag a million lines along."""
    obj = [error_cases.Fails()]
    for i in range(200000):
        obj = [obj]
    with pytest.raises(ZeroDivisionError) as caught:
        impl.dumps(obj)
    notes = caught.value.__notes__
    assert notes[0] == 'when serializing list item 0'
    assert len(notes) <= 200001
    while obj and isinstance(obj, list):
        obj = obj[0]


# ---- calls

@pytest.mark.parametrize('call', [
    lambda impl: impl.dumps(), lambda impl: impl.dumps(1, 2, 3, 4), lambda impl: impl.dumps(1, foo=2),
    lambda impl: impl.dumps(1, 2, protocol=2), lambda impl: impl.dumps(1, 2, obj=3), lambda impl: impl.dump(1),
    lambda impl: impl.loads(), lambda impl: impl.loads(b'N.', b'N.'), lambda impl: impl.loads(b'N.', foo=1),
    lambda impl: impl.load(), lambda impl: impl.load(io.BytesIO(b'N.'), 1), lambda impl: impl.Pickler(),
    lambda impl: impl.Unpickler(), lambda impl: impl.Unpickler(io.BytesIO(), 1),
    lambda impl: impl.Pickler(io.BytesIO(), 1, True, None, 5), lambda impl: impl.Pickler(io.BytesIO()).dump(),
    lambda impl: impl.Pickler(io.BytesIO()).dump(1, 2), lambda impl: impl.Unpickler(io.BytesIO()).load(1),
    lambda impl: impl.Unpickler(io.BytesIO()).find_class('zoo'), lambda impl: impl.dumps(1, 'two'),
    lambda impl: impl.loads('N.'), lambda impl: impl.dumps(1, fix_imports=True, foo=1),
])
def test_wrong_arguments(impl, call):
    with pytest.raises(TypeError):
        call(impl)


@only('engine', 'stdlib')
def test_wrong_types_of_arguments(impl):
    for call in (lambda: impl.loads(b'N.', encoding=5), lambda: impl.loads(b'N.', errors=5),
                 lambda: impl.loads(b'N.', encoding=b'ascii')):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match='embedded null character'):
        impl.loads(b'N.', encoding='a\0b')


@since((3, 9))
@only('engine', 'stdlib')
def test_loads_takes_data_by_position_only(impl):
    with pytest.raises(TypeError):
        impl.loads(data=b'N.')


def test_keywords(impl):
    out = io.BytesIO()
    impl.dump(obj=[1], file=out, protocol=2, fix_imports=False)
    assert impl.load(file=io.BytesIO(out.getvalue()), fix_imports=False, encoding='latin1', errors='strict') == [1]
    assert impl.dumps(obj=1, protocol=2, fix_imports=True) == b'\x80\2K\1.'
    if impl.highest >= 5:
        assert impl.loads(impl.dumps(obj=1, protocol=5, buffer_callback=None)) == 1
        assert impl.Pickler(file=out, protocol=5, fix_imports=True, buffer_callback=None) is not None


@only('engine', 'stdlib')
def test_the_last_two_of_pickler_may_be_positional(impl):
    if impl.highest >= 5:
        buffers = []
        impl.Pickler(io.BytesIO(), 5, True, buffers.append).dump(impl.PickleBuffer(b'a'))
        assert len(buffers) == 1


# ---- never set up

def test_pickler_without_init(impl):
    class Pickler(impl.Pickler):
        def __init__(self):
            pass

    with pytest.raises((pickle.PicklingError, AttributeError)):
        Pickler().dump(1)


def test_unpickler_without_init(impl):
    class Unpickler(impl.Unpickler):
        def __init__(self):
            pass

    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        Unpickler().load()


@only('engine')
def test_never_set_up_does_no_harm(impl):
    """CPython's engine crashes in some of these."""
    pickler, unpickler = impl.Pickler.__new__(impl.Pickler), impl.Unpickler.__new__(impl.Unpickler)
    for call in (pickler.clear_memo, lambda: pickler.memo.copy(), lambda: pickler.memo.clear(), lambda: setattr(pickler, 'memo', {}),
                 lambda: pickler.bin, lambda: pickler.__sizeof__(), lambda: setattr(pickler, 'fast', 1), lambda: pickler.dump(1),
                 lambda: unpickler.memo.copy(), lambda: unpickler.memo.clear(), lambda: setattr(unpickler, 'memo', {}),
                 lambda: unpickler.__sizeof__(), lambda: unpickler.find_class('zoo', 'Plain'), lambda: unpickler.load(),
                 lambda: pickler.memo.__reduce__(), lambda: unpickler.memo.__reduce__()):
        try:
            call()
        except (pickle.PickleError, AttributeError, TypeError, ValueError):
            pass
    assert pickle.loads(impl.dumps([1])) == [1]


def test_init_again(impl):
    pickler = impl.Pickler(io.BytesIO(), 4)
    kept = [1]
    pickler.dump(kept)
    out = io.BytesIO()
    pickler.__init__(out, 2)
    pickler.dump(kept)
    assert impl.loads(out.getvalue()) == [1] and out.getvalue()[:2] == b'\x80\2'
    unpickler = impl.Unpickler(io.BytesIO(b'N.'))
    assert unpickler.load() is None
    unpickler.__init__(io.BytesIO(b'U\1\xff.'), encoding='latin1')
    assert unpickler.load() == u'\xff'
    unpickler.__init__(io.BytesIO(b'U\1\xff.'), encoding='bytes')
    assert unpickler.load() == b'\xff'


@only('engine')
def test_nothing_is_lost_before_an_error(impl):
    """What was loaded before a failure stays usable, and so does the interpreter."""
    unpickler = impl.Unpickler(io.BytesIO(b'K\1.' + b'](K\1!.'))
    assert unpickler.load() == 1
    with pytest.raises(pickle.UnpicklingError):
        unpickler.load()
    assert impl.loads(b'](K\1e.') == [1]
