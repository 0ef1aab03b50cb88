"""The implementations of pickle that the tests hold to one another.

``engine``  the C extension pickle5._pickle: the newest stdlib's behaviour and bytes on every interpreter
``python``  the Python half (pickle5._Pickler, pickle5._Unpickler): at its interpreter's level, plus protocol 5
``stdlib``  the running interpreter's own pickle, as the reference

A test asks the implementation it got for `level`: the CPython release whose behaviour it promises.
"""
import io
import os
import pickle
import platform
import sys
import types

import pickle5

PYPY = platform.python_implementation() == 'PyPy'
NEWEST = (3, 15, 2)
RUNNING = tuple(sys.version_info[:3])


class Implementation:
    def __init__(self, name, module, level, protocols, dump, dumps, load, loads, Pickler, Unpickler):
        self.name = name
        self.module = module
        self.level = level
        self.protocols = protocols
        self.highest = max(protocols)
        self.dump = dump
        self.dumps = dumps
        self.load = load
        self.loads = loads
        self.Pickler = Pickler
        self.Unpickler = Unpickler
        self.PickleBuffer = getattr(pickle5 if name != 'stdlib' else pickle, 'PickleBuffer', None)
        self.compiled = not isinstance(dumps, types.FunctionType)

    def __repr__(self):
        return '<%s, level %s>' % (self.name, '.'.join(map(str, self.level)))

    def has(self, *releases):
        """True where the behaviour that came with these releases is promised.

        Give one release per branch that got the change, newest branch last: has((3, 13, 13), (3, 14, 5), (3, 15)).
        """
        for release in releases[:-1]:
            if self.level[:2] == release[:2]:
                return self.level >= release
        return self.level >= releases[-1]

    def dump_with(self, pickler, obj, protocol=None, **options):
        """The bytes that a (sub)class of Pickler writes for obj."""
        out = io.BytesIO()
        pickler(out, protocol, **options).dump(obj)
        return out.getvalue()

    def load_with(self, unpickler, data, **options):
        return unpickler(io.BytesIO(data), **options).load()


def find_engine():
    try:
        import pickle5._pickle as module
    except ImportError:
        return None
    return Implementation('engine', module, NEWEST, range(6), module.dump, module.dumps, module.load, module.loads,
                          module.Pickler, module.Unpickler)


def find_python():
    return Implementation('python', pickle5, max(RUNNING, (3, 8, 0)), range(6), pickle5._dump, pickle5._dumps,
                          pickle5._load, pickle5._loads, pickle5._Pickler, pickle5._Unpickler)


def find_stdlib():
    return Implementation('stdlib', pickle, RUNNING, range(pickle.HIGHEST_PROTOCOL + 1), pickle.dump, pickle.dumps,
                          pickle.load, pickle.loads, pickle.Pickler, pickle.Unpickler)


ENGINE = find_engine()
PYTHON = find_python()
STDLIB = find_stdlib()
# PyPy's own pickle is written in Python with shortcuts of its own: it is no reference there, only what is read and written to
PRESENT = [each for each in (ENGINE, PYTHON, None if PYPY else STDLIB) if each is not None]
ENGINE_REQUIRED = os.environ.get('PICKLE5_REQUIRE_C', '') not in ('', '0')


def assert_is(impl, name):
    """Each leg of a test is what its id says."""
    assert impl.name == name
    if name == 'engine':
        assert impl.module.__name__ == 'pickle5._pickle'
        assert isinstance(impl.dumps, types.BuiltinFunctionType)
        assert pickle5.dumps is impl.dumps and pickle5.loads is impl.loads
        assert pickle5.Pickler is impl.Pickler and pickle5.Unpickler is impl.Unpickler
    elif name == 'python':
        assert isinstance(impl.dumps, types.FunctionType)
        assert impl.Pickler is pickle5._Pickler and 'save' in dir(impl.Pickler)
    else:
        assert impl.module is sys.modules['pickle'] and impl.module is not pickle5
        if not PYPY:
            assert impl.Pickler.__module__ == '_pickle'
