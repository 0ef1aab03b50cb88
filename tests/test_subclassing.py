"""Subclasses of Pickler and Unpickler, as libraries in the wild write them."""
import collections
import copyreg
import gc
import io
import pickle
import types
import weakref

import pytest

import zoo

only = pytest.mark.only
since = pytest.mark.since


def test_subclass_with_its_own_init(impl):
    class Pickler(impl.Pickler):
        def __init__(self, file, label):
            impl.Pickler.__init__(self, file, protocol=2)
            self.label = label

        def persistent_id(self, obj):
            return self.label if obj == 'me' else None

    class Unpickler(impl.Unpickler):
        def __init__(self, file, table):
            super(Unpickler, self).__init__(file)
            self.table = table

        def persistent_load(self, identity):
            return self.table[identity]

    out = io.BytesIO()
    Pickler(out, 'label').dump(['me', 'you'])
    out.seek(0)
    assert Unpickler(out, {'label': 'found'}).load() == ['found', 'you']


def test_overridden_dump_and_load(impl):
    class Pickler(impl.Pickler):
        def dump(self, obj):
            return super(Pickler, self).dump({'wrapped': obj})

    class Unpickler(impl.Unpickler):
        def load(self):
            return super(Unpickler, self).load()['wrapped']

    data = impl.dump_with(Pickler, 5)
    assert impl.loads(data) == {'wrapped': 5}
    assert impl.load_with(Unpickler, data) == 5


def test_slots_and_attributes(impl):
    class Pickler(impl.Pickler):
        __slots__ = ('extra', '__weakref__') if impl.compiled else ('extra',)

    pickler = Pickler(io.BytesIO())
    pickler.extra = 1
    assert weakref.ref(pickler)() is pickler
    plain = type('Pickler', (impl.Pickler,), {})(io.BytesIO())
    plain.anything = [plain]
    assert plain.anything[0] is plain


@only('engine', 'stdlib')
def test_base_types_have_no_dict(impl):
    with pytest.raises(AttributeError):
        impl.Pickler(io.BytesIO()).anything = 1
    with pytest.raises(AttributeError):
        impl.Unpickler(io.BytesIO()).anything = 1


@pytest.mark.parametrize('kind', ['Pickler', 'Unpickler'])
def test_cycles_are_collected(impl, kind, collected):
    class File(io.BytesIO):
        pass

    file = File(b'N.')
    obj = type('Sub', (getattr(impl, kind),), {})(file)
    file.owner = obj
    obj.me = obj
    obj.persistent_id = obj.persistent_load = lambda x, obj=obj: None
    gone = weakref.ref(file)
    del file, obj
    assert collected(gone)


@only('engine', 'python')
def test_cycles_through_the_memo_are_collected(impl, collected):
    """A fault of CPython's engine: a memo that leads back to its Pickler was a leak."""
    class Item(object):
        pass

    item = Item()
    pickler = impl.Pickler(io.BytesIO())
    item.pickler = pickler
    pickler.memo = {id(item): (0, item)}
    gone = weakref.ref(item)
    del item, pickler
    assert collected(gone)


@only('engine', 'python')
def test_cycles_through_a_dumped_object_are_collected(impl, collected):
    class Holder(zoo.Plain):
        def __reduce__(self):
            return zoo.rebuild, (self.items,)

    holder = Holder(items=[zoo.Plain()])
    pickler = impl.Pickler(io.BytesIO(), 4)
    pickler.dump(holder)
    holder.items.append(pickler)
    gone = weakref.ref(holder)
    del holder, pickler
    assert collected(gone)


def test_what_was_dumped_is_kept_alive_by_the_memo_only(impl):
    obj = zoo.Plain(a=zoo.Plain())
    gone = weakref.ref(obj.a)
    pickler = impl.Pickler(io.BytesIO(), 4)
    pickler.dump(obj)
    del obj
    gc.collect()
    assert gone() is not None
    pickler.clear_memo()
    gc.collect()
    assert gone() is None


def test_nothing_is_kept_by_the_functions(impl, proto):
    obj = zoo.Plain(a=zoo.Plain())
    gone = weakref.ref(obj.a)
    back = impl.loads(impl.dumps(obj, proto))
    gone_too = weakref.ref(back.a)
    del obj, back
    gc.collect()
    assert gone() is None and gone_too() is None


# ---- as libraries do it

class CloudLike(object):
    """A mixin that writes functions by value, as cloudpickle does with a chain map and reducer_override."""

    def reducer_override(self, obj):
        if isinstance(obj, types.FunctionType) and obj.__module__ == 'nowhere':
            return make_function, (obj.__name__, obj.__defaults__), None, None, None, set_function_state
        return NotImplemented


def make_function(name, defaults):
    def made(*args):
        return name, args
    made.__name__ = name
    made.__defaults__ = None
    return made


def set_function_state(function, state):
    function.state = state


@since((3, 8))
def test_as_cloudpickle_does(impl):
    class Pickler(CloudLike, impl.Pickler):
        dispatch_table = collections.ChainMap({zoo.Empty: lambda obj: (zoo.Plain, ())}, copyreg.dispatch_table)

        def __init__(self, file, protocol=None, buffer_callback=None):
            impl.Pickler.__init__(self, file, protocol=protocol, buffer_callback=buffer_callback)

        def dump(self, obj):
            try:
                return impl.Pickler.dump(self, obj)
            except RuntimeError as error:
                raise pickle.PicklingError('too deep') from error

    function = eval('lambda *args: args')
    function.__module__ = 'nowhere'
    function.__name__ = 'by_value'
    back = impl.loads(impl.dump_with(Pickler, [function, zoo.Empty(), zoo.function], 5))
    assert back[0](1) == ('by_value', (1,)) and type(back[1]) is zoo.Plain and back[2] is zoo.function


@only('python')
def test_as_dill_and_joblib_do(impl):
    """They subclass the one in Python, fill `dispatch`, and override save and load_build."""
    class Pickler(impl.Pickler):
        dispatch = dict(impl.Pickler.dispatch)
        saved = 0

        def save(self, obj, *args, **kwargs):
            self.saved += 1
            if type(obj) is zoo.Empty:
                obj = 'was empty'
            return impl.Pickler.save(self, obj, *args, **kwargs)

        def save_module(self, obj):
            self.save_reduce(__import__, (obj.__name__,), obj=obj)

        dispatch[types.ModuleType] = save_module

    class Unpickler(impl.Unpickler):
        dispatch = dict(impl.Unpickler.dispatch)

        def load_build(self):
            impl.Unpickler.load_build(self)
            self.stack[-1].built = True

        dispatch[pickle.BUILD[0]] = load_build

    out = io.BytesIO()
    pickler = Pickler(out, 4)
    pickler.dump([zoo.Plain(a=1), zoo.Empty(), zoo])
    assert pickler.saved > 3
    out.seek(0)
    back = Unpickler(out).load()
    assert back[0].built and back[0].a == 1 and back[1] == 'was empty' and back[2] is zoo


@only('python')
def test_the_python_half_knows_protocol_5_when_subclassed(impl):
    class Pickler(impl.Pickler):
        def reducer_override(self, obj):
            return (zoo.Plain, ()) if type(obj) is zoo.Empty else NotImplemented

    buffers = []
    data = impl.dump_with(Pickler, [bytearray(b'abc'), zoo.Empty(), impl.PickleBuffer(b'out')], 5,
                          buffer_callback=buffers.append)

    class Unpickler(impl.Unpickler):
        pass

    back = impl.load_with(Unpickler, data, buffers=[b'out'])
    assert back[0] == bytearray(b'abc') and type(back[1]) is zoo.Plain and bytes(back[2]) == b'out'
    assert len(buffers) == 1


@only('engine', 'stdlib')
def test_restricting_globals(impl):
    class Safe(impl.Unpickler):
        def find_class(self, module, name):
            if (module, name) == ('builtins', 'range'):
                return range
            raise pickle.UnpicklingError('%s.%s is forbidden' % (module, name))

    assert impl.load_with(Safe, impl.dumps(range(3), 4)) == range(3)
    for data in (b'cos\nsystem\n.', b'\x80\4\x8c\2os\x8c\6system\x93.', b'(ios\nsystem\n.', b'\x80\2\x82\xf0.'):
        copyreg._extension_cache.pop(0xF0, None)
        with pytest.raises(pickle.UnpicklingError, match='forbidden'):
            impl.load_with(Safe, data)


def test_persistent_id_deleted_and_none(impl):
    class Pickler(impl.Pickler):
        persistent_id = None

    try:
        assert impl.loads(impl.dump_with(Pickler, [1])) == [1]
    except TypeError:
        pass  # some releases call what is there


# ---- hooks that pull the rug

@only('engine')
@pytest.mark.parametrize('act', [
    lambda pickler: pickler.clear_memo(), lambda pickler: setattr(pickler, 'memo', {}), lambda pickler: pickler.memo.clear(),
    lambda pickler: setattr(pickler, 'fast', True), lambda pickler: setattr(pickler, 'bin', False),
    lambda pickler: setattr(pickler, 'dispatch_table', {}), lambda pickler: setattr(pickler, 'persistent_id', lambda obj: None),
], ids=['clear_memo', 'memo={}', 'memo.clear', 'fast', 'bin', 'dispatch_table', 'persistent_id'])
def test_a_hook_changes_its_pickler(impl, proto, act):
    """Whatever comes out: no crash, and an error that is an Exception or a pickle that loads or says why not."""
    class Acts(object):
        def __reduce__(self):
            act(pickler)
            return zoo.rebuild, ([1], (2, [3]))

    out = io.BytesIO()
    pickler = type('Pickler', (impl.Pickler,), {})(out, proto)
    shared = [1]
    try:
        pickler.dump([shared, (Acts(), shared), {'k': Acts()}, {1}, (shared,), Acts()])
    except Exception:
        pass
    else:
        try:
            back = impl.loads(out.getvalue())
        except Exception as error:
            assert isinstance(error, (pickle.UnpicklingError, TypeError, AttributeError, ValueError, IndexError, EOFError))
        else:
            assert len(back) == 6
    assert impl.loads(impl.dumps([1], proto)) == [1]


@only('engine')
@pytest.mark.parametrize('act', [
    lambda unpickler: setattr(unpickler, 'memo', {}), lambda unpickler: unpickler.memo.clear(),
    lambda unpickler: setattr(unpickler, 'memo', {i: i for i in range(5000)}),
    lambda unpickler: setattr(unpickler, 'persistent_load', lambda identity: identity),
], ids=['memo={}', 'memo.clear', 'memo=large', 'persistent_load'])
def test_a_hook_changes_its_unpickler(impl, act):
    class Unpickler(impl.Unpickler):
        def find_class(self, module, name):
            act(self)
            return super(Unpickler, self).find_class(module, name)

    for proto in impl.protocols:
        data = impl.dumps([[1], zoo.Plain(a=[2]), (lambda x: [x, x])([zoo.Other()]), {zoo.Empty}], proto)
        try:
            impl.load_with(Unpickler, data)
        except (pickle.UnpicklingError, TypeError, AttributeError, ValueError, KeyError):
            pass
    assert impl.loads(impl.dumps([1])) == [1]


@only('engine')
def test_state_that_changes_while_it_is_applied(impl):
    """A fault of CPython's engine: BUILD walked a dict that the attributes' owner was changing."""
    class Grabs(object):
        def __setattr__(self, name, value):
            state.clear()
            state.update({str(i): i for i in range(1000)})

    globals()['Grabs'] = Grabs
    Grabs.__module__, Grabs.__qualname__ = __name__, 'Grabs'
    state = {}

    class Unpickler(impl.Unpickler):
        def persistent_load(self, identity):
            return None, state

    try:
        for i in range(50):
            state.clear()
            state.update(a=1, b=2, c=3)
            try:
                impl.load_with(Unpickler, b'\x80\2c' + __name__.encode() + b'\nGrabs\n)\x81K\1Qb.')
            except RuntimeError:
                pass
    finally:
        del globals()['Grabs']


@only('engine')
def test_setitem_that_changes_the_stack(impl):
    """A fault of CPython's engine: SETITEMS went on over a stack that the called method had changed."""
    class Target(object):
        def __setitem__(self, key, value):
            calls.append(key)
            unpickler.memo = {}
            with pytest.raises(RuntimeError):
                unpickler.load()

    calls = []
    globals()['Target'] = Target
    Target.__module__, Target.__qualname__ = __name__, 'Target'
    try:
        unpickler = impl.Unpickler(io.BytesIO(b'\x80\2c' + __name__.encode() + b'\nTarget\n)\x81(K\1K\2K\3K\4u.'))
        assert type(unpickler.load()) is Target
        assert calls == [1, 3]
    finally:
        del globals()['Target']


@only('engine')
def test_registries_that_change_during_a_dump(impl):
    """A fault of CPython's engine: borrowed references into copyreg's and _compat_pickle's tables."""
    import _compat_pickle

    class Registers(object):
        def __reduce__(self):
            return 'registered_function'

    class EvilName(str):
        def __eq__(self, other):
            copyreg.dispatch_table.pop(EvilName, None)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    saved = dict(_compat_pickle.REVERSE_NAME_MAPPING), dict(copyreg.dispatch_table), dict(copyreg._inverted_registry)
    try:
        copyreg.dispatch_table[EvilName] = lambda obj: (str, (str(obj),))
        copyreg._inverted_registry[EvilName('zoo'), EvilName('function')] = 0x7777
        for proto in impl.protocols:
            try:
                impl.dumps([EvilName('x'), zoo.function, Registers()], proto)
            except pickle.PicklingError:
                pass
    finally:
        copyreg.dispatch_table.clear()
        copyreg.dispatch_table.update(saved[1])
        copyreg._inverted_registry.clear()
        copyreg._inverted_registry.update(saved[2])
    assert impl.loads(impl.dumps(zoo.function, 2)) is zoo.function
