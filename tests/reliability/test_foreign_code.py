"""User code that misbehaves: each hook and method that a dump or a load calls, doing each thing that it should not.

What is promised: a clean exception or a pickle that can be read, no crash, and the Pickler or Unpickler works afterwards.
Where the hook only raises, the exception is the stdlib's.
"""
import collections
import copyreg
import gc
import io
import pickle
import sys
import threading

import pytest

import zoo

pytestmark = pytest.mark.filterwarnings('ignore')

ACTIVE = []     # what to do when a hook is called; one of the actions below


class Odd(Exception):
    pass


def act():
    for action in list(ACTIVE):
        action()


class Reduces(object):
    def __reduce__(self):
        act()
        return Reduces, ()


class ReducesEx(object):
    def __reduce_ex__(self, protocol):
        act()
        return ReducesEx, ()


class State(object):
    def __init__(self):
        self.a = [1]

    def __getstate__(self):
        act()
        return {'a': [1]}

    def __setstate__(self, state):
        act()


class NewArgs(object):
    def __new__(cls, *args):
        act()
        return object.__new__(cls)

    def __getnewargs__(self):
        act()
        return ()


class NewArgsEx(object):
    def __new__(cls, *args, **keywords):
        act()
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        act()
        return (), {'a': 1}


class Items(object):
    def __reduce__(self):
        def items():
            for i in range(5):
                act()
                yield [i]
        return Items, (), None, items(), ((i, [i]) for i in items())

    def append(self, item):
        act()

    def extend(self, items):
        act()

    def __setitem__(self, key, value):
        act()


class Setter(object):
    def __reduce__(self):
        act()
        return Setter, (), {'a': 1}, None, None, set_state


def set_state(obj, state):
    act()


class ListLike(list):
    def __iter__(self):
        act()
        return list.__iter__(self)

    def append(self, item):
        act()
        list.append(self, item)

    def extend(self, items):
        act()
        list.extend(self, items)


class DictLike(dict):
    def items(self):
        act()
        return dict.items(self)

    def __setitem__(self, key, value):
        act()
        dict.__setitem__(self, key, value)


class SetLike(set):
    def __iter__(self):
        act()
        return set.__iter__(self)

    def add(self, item):
        act()


class Key(object):
    def __hash__(self):
        act()
        return 5

    def __eq__(self, other):
        act()
        return self is other


class Attributes(object):
    @property
    def __dict__(self):
        act()
        return {'a': 1}

    @property
    def __class__(self):
        act()
        return Attributes


class Setattr(object):
    def __init__(self):
        self.__dict__['a'] = 1

    def __setattr__(self, name, value):
        act()
        self.__dict__[name] = value

    def __getattribute__(self, name):
        act()
        return object.__getattribute__(self, name)


class Slots(object):
    __slots__ = ('a',)

    def __setattr__(self, name, value):
        act()


class Finalizer(object):
    def __del__(self):
        act()


class Meta(type):
    def __getattribute__(cls, name):
        act()
        return type.__getattribute__(cls, name)


Metaclassed = Meta('Metaclassed', (object,), {'__module__': __name__})


class Registered(object):
    pass


def reduce_registered(obj):
    act()
    return Registered, ()


copyreg.pickle(Registered, reduce_registered)


def with_slots():
    obj = Slots()
    object.__setattr__(obj, 'a', 1)
    return obj


def with_finalizers():
    class Drops(object):
        def __reduce__(self):
            return zoo.rebuild, (Finalizer() and 1, [Finalizer() and 2])
    Drops.__qualname__ = 'Drops'
    return Drops()


THINGS = collections.OrderedDict([
    ('reduce', Reduces), ('reduce_ex', ReducesEx), ('state', State), ('newargs', NewArgs), ('newargs_ex', NewArgsEx),
    ('items', Items), ('setter', Setter), ('list', lambda: ListLike([1, 2])), ('dict', lambda: DictLike(a=1, b=2)),
    ('set', lambda: SetLike([1, 2])), ('key', lambda: {Key(): 1}), ('keys in a set', lambda: {Key()}), ('attributes', Attributes),
    ('setattr', Setattr), ('slots', with_slots), ('metaclass', Metaclassed), ('registered', Registered),
    ('finalizers', with_finalizers), ('class', lambda: Metaclassed),
])


class Scene(object):
    """What the actions act upon."""

    def __init__(self, engine, thing, protocol):
        self.engine = engine
        self.file = io.BytesIO()
        self.graph = [[1, 'two'], {'a': [3]}, {4, 5}, thing, [thing], {'t': thing}, (thing, [6]), 'x' * 70000, zoo.Plain(a=[7])]
        self.worker = engine.Pickler(self.file, protocol)
        self.depth = 0


def actions(scene):
    def once(action):
        def run():
            if scene.depth < 3:
                scene.depth += 1
                try:
                    action()
                finally:
                    scene.depth -= 1
        return run

    def fail(error):
        def run():
            raise error
        return run

    def quietly(action):
        def run():
            try:
                action()
            except Exception:
                pass
        return once(run)

    graph = scene.graph
    yield 'raise', fail(Odd('odd'))
    yield 'raise StopIteration', fail(StopIteration(1))
    yield 'raise KeyError', fail(KeyError(1))
    yield 'raise AttributeError', fail(AttributeError('x'))
    yield 'raise RecursionError', fail(RecursionError('x'))
    yield 'raise MemoryError', fail(MemoryError())
    yield 'raise KeyboardInterrupt', fail(KeyboardInterrupt())
    yield 'raise PicklingError', fail(pickle.PicklingError('x'))
    yield 'clear the graph', quietly(lambda: graph.clear())
    yield 'clear what is in it', quietly(lambda: [each.clear() for each in graph if isinstance(each, (list, dict, set))])
    yield 'shrink', quietly(lambda: graph.pop(0))
    yield 'shrink from the end', quietly(lambda: graph.pop())
    yield 'grow', quietly(lambda: graph.insert(0, [8]) if len(graph) < 60 else None)
    yield 'grow at the end', quietly(lambda: graph.append([9]) if len(graph) < 60 else None)
    yield 'replace', quietly(lambda: graph.__setitem__(slice(None), [[i] for i in range(20)]))
    yield 'grow the dicts', quietly(lambda: [each.update({len(each): []}) for each in graph if isinstance(each, dict)])
    yield 'replace values', quietly(lambda: graph[1].update(a=[object.__new__(zoo.Plain)]))
    yield 'state changes', quietly(lambda: graph[-1].__dict__.clear())
    yield 'state is replaced', quietly(lambda: setattr(graph[-1], '__dict__', {'b': []}))
    yield 'class is replaced', quietly(lambda: setattr(graph[-1], '__class__', zoo.Other))
    yield 'enter again', quietly(lambda: (getattr(scene.worker, 'dump', None) or scene.worker.load)(*[[1]][:hasattr(scene.worker, 'dump')]))
    yield 'another', once(lambda: scene.engine.loads(scene.engine.dumps([1, [2]])))
    yield 'memo', quietly(lambda: setattr(scene.worker, 'memo', {}))
    yield 'memo cleared', quietly(lambda: scene.worker.memo.clear())
    yield 'init', quietly(lambda: scene.worker.__init__(io.BytesIO()))
    yield 'close', quietly(lambda: scene.file.close())
    yield 'collect', once(lambda: gc.collect(0))
    yield 'thread', once(lambda: in_thread(lambda: scene.engine.dumps(graph[:3])))
    yield 'registry', quietly(lambda: (copyreg.dispatch_table.pop(Registered, None), copyreg.pickle(Registered, reduce_registered)))
    yield 'extensions', quietly(lambda: copyreg.clear_extension_cache())


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


ACTIONS = [name for name, action in actions(Scene(__import__('pickle'), None, 2))]


def perform(scene, name, work):
    """work() while each hook does what is named; the exception that it ended in."""
    ACTIVE[:] = [dict(actions(scene))[name]]
    try:
        work()
    except (Exception, KeyboardInterrupt) as error:
        return error
    finally:
        del ACTIVE[:]


@pytest.mark.parametrize('thing', list(THINGS))
def test_hooks_of_a_dump(engine, thing):
    for name in ACTIONS:
        for protocol in (0, 4):
            scene = Scene(engine, THINGS[thing](), protocol)
            error = perform(scene, name, lambda: scene.worker.dump(scene.graph))
            assert not isinstance(error, SystemError), (name, error)
            if error is None and not scene.file.closed:
                try:
                    engine.loads(scene.file.getvalue())
                except (Exception,) as odd:
                    assert not isinstance(odd, SystemError) and name not in ('raise', 'another', 'collect'), (name, odd)
            out = io.BytesIO()
            scene.worker.__init__(out, 4)
            scene.worker.dump([[1]])
            assert engine.loads(out.getvalue()) == [[1]]
            # and all of it in memory, where nothing else holds the graph
            scene = Scene(engine, THINGS[thing](), protocol)
            perform(scene, name, lambda: engine.dumps(scene.graph, protocol))


@pytest.mark.skipif(sys.version_info < (3, 15), reason='compares with the stdlib at the same level')
@pytest.mark.parametrize('thing', list(THINGS))
def test_exceptions_are_those_of_the_stdlib(engine, thing):
    for name in ACTIONS:
        if name.startswith('raise') or name in ('another', 'collect'):
            for protocol in (0, 2, 4, 5):
                errors = []
                for dumps in (engine.dumps, pickle.dumps):
                    scene = Scene(engine, THINGS[thing](), protocol)
                    errors.append(type(perform(scene, name, lambda: dumps(scene.graph, protocol))))
                assert errors[0] is errors[1], (name, protocol, errors)


@pytest.mark.parametrize('thing', list(THINGS))
def test_hooks_of_a_load(engine, thing):
    for protocol in (0, 4):
        try:
            graph = Scene(engine, THINGS[thing](), protocol).graph
            data = engine.dumps([graph, graph[0], THINGS[thing](), graph], protocol)
        except (TypeError, AttributeError, pickle.PicklingError):
            continue
        for name in ACTIONS:
            scene = Scene(engine, None, protocol)
            scene.file = io.BytesIO(data * 2)
            scene.worker = engine.Unpickler(scene.file)
            error = perform(scene, name, scene.worker.load)
            assert not isinstance(error, SystemError), (name, error)
            scene.worker.__init__(io.BytesIO(b'](K\1K\2e.'))
            assert scene.worker.load() == [1, 2]
            perform(scene, name, lambda: engine.loads(data))


def test_what_a_load_has_made_is_changed_by_what_it_calls(engine):
    """Everything on the stack and in the memo, found through the collector, is emptied at each call."""
    seen = []

    class Mark(list):
        pass

    def spoil():
        for each in gc.get_objects():
            if type(each) is dict and each.get('spoil me') or type(each) is list and each[:1] == ['spoil me']:
                each.clear()
                seen.append(1)

    data = engine.dumps([['spoil me', State(), [1, State()]], {'spoil me': 1, 'b': State()}, DictLike(a=State()), ListLike([State()])], 4)
    for name in range(3):
        ACTIVE[:] = [spoil]
        try:
            engine.loads(data)
        except (IndexError, RuntimeError, KeyError):
            pass
        finally:
            del ACTIVE[:]


def test_state_that_changes_while_it_is_applied(engine):
    data = (b'c' + __name__.encode() + b'\nSetattr\n)\x81}q\0(' + b''.join(b'X\2\0\0\0k%dK\1' % i for i in range(9)) + b'ub.')
    slots = b'\x80\2c' + __name__.encode() + b'\nSetattr\n)\x81N}q\0(' + b''.join(b'X\2\0\0\0k%dK\1' % i for i in range(9)) + b'u\x86b.'
    for stream in (data, slots):
        for change in (lambda state: state.clear(), lambda state: state.update(a=1, b=2), lambda state: state.pop('k5', None)):
            def spoil():
                for each in gc.get_objects():
                    if type(each) is dict and 'k8' in each and len(each) < 30:
                        change(each)
            ACTIVE[:] = [spoil]
            try:
                engine.loads(stream)
            except (RuntimeError, KeyError, AttributeError):
                pass
            finally:
                del ACTIVE[:]


@pytest.mark.parametrize('how', ['raise', 'release', 'shrink', 'return odd', 'bool raises'])
def test_buffer_callbacks(engine, how):
    class Falsy(object):
        def __bool__(self):
            raise Odd

    array = bytearray(b'x' * 100)

    def callback(buffer):
        if how == 'raise':
            raise Odd
        if how == 'release':
            buffer.release()
            return True
        if how == 'shrink':
            try:
                array.clear()
            except BufferError:
                pass
            return True
        return Falsy() if how == 'bool raises' else object()

    try:
        data = engine.dumps([engine.PickleBuffer(array)] * 3, 5, buffer_callback=callback)
    except (Odd, ValueError):
        assert how in ('raise', 'bool raises', 'release')
    else:
        assert len(engine.loads(data)) == 3


def test_codecs_and_handlers_of_errors(engine):
    import codecs

    def handler(error):
        act()
        return u'?', error.end

    codecs.register_error('pickle5-odd', handler)
    unpickler = engine.Unpickler(io.BytesIO(b"(S'\\xff'\nU\1\xff](K\1et."), errors='pickle5-odd')
    ACTIVE[:] = [lambda: pytest.raises(RuntimeError, unpickler.load), lambda: unpickler.memo.clear()]
    try:
        assert unpickler.load() == ('?', '?', [1])
    finally:
        del ACTIVE[:]
