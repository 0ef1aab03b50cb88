"""What ``pickle5.install()``, ``pickle5.uninstall()`` and ``python -m pickle5 --install`` do.

The engine is loaded a second time, under the name ``_pickle``, and the functions and classes of that second instance take
the place of the interpreter's own: in ``pickle``, in ``_pickle``, and in every module that has imported them by name.
They are objects of their own, and that is what the rest stands on:

- They say that they come from ``_pickle``.  So ``pickle.loads``, sent by name as distributed and cloudpickle do, is
  ``_pickle.loads`` in the stream, which every CPython has.
- They write the protocols of the interpreter's own (by default, and where -1 asks for the highest), which on 3.6 and 3.7
  are not those of pickle5.  So a process without us can read whatever a process with us writes.
- None of them is reached in any other way, so whatever module holds one got it through install(), also a module that was
  imported after it, and uninstall() can put back exactly that.

``multiprocessing`` writes with a subclass of ``pickle.Pickler``, and where that exists already, its base cannot be changed:
the layouts differ.  A twin with the other base takes its place; both share the table of registered reducers.
"""
import builtins
import importlib.machinery
import importlib.util
import os
import sys
import threading
import types

from pickle5.Lib import _base

NAMES = ("dump", "dumps", "load", "loads", "Pickler", "Unpickler")
FORKING = "multiprocessing.reduction"

_lock = threading.RLock()
_standin = None      # the second instance of the engine
_places = None       # while installed: [(a namespace, a name in it, what was there)]
_twins = []          # pairs of (class over the interpreter's own Pickler, class over ours)


def install():
    """Make the interpreter's own ``pickle`` use pickle5's C engine, in this process; ``uninstall()`` undoes it."""
    global _standin, _places
    if _base.engine is None:
        raise RuntimeError("pickle5.install() needs the C engine, which is not here (%s)" % _base.engine_error)
    with _lock:
        if _places is not None:
            return
        if _standin is None:
            _standin = _second_instance()
        places = []
        change = {}
        for module in (_base.stdlib, sys.modules["_pickle"]):
            for name in NAMES:
                change[id(getattr(module, name))] = getattr(_standin, name)
        own_pickler = _base.stdlib.Pickler
        reduction = sys.modules.get(FORKING)
        if reduction is not None and issubclass(reduction.ForkingPickler, own_pickler):
            change[id(reduction.ForkingPickler)] = _over_ours(reduction.ForkingPickler, own_pickler, change)
        _replace(change, places)
        _places = places


def uninstall():
    """Undo ``install()``: whatever it put anywhere is taken away again, also from modules imported since."""
    global _places
    with _lock:
        if _places is None:
            return
        ours = {id(getattr(_standin, name)): name for name in NAMES}
        ours.update((id(over_ours), None) for _, over_ours in _twins)
        for namespace, name, before in _places:
            if id(_get(namespace, name)) in ours:
                _set(namespace, name, before)
        change = {id(getattr(_standin, name)): getattr(_base.stdlib, name) for name in NAMES}
        reduction = sys.modules.get(FORKING)
        if reduction is not None and issubclass(reduction.ForkingPickler, _standin.Pickler):
            _over_theirs(reduction.ForkingPickler, change)
        change.update((id(over_ours), over_theirs) for over_theirs, over_ours in _twins)
        _replace(change, [])
        _places = None


def _second_instance():
    path = _base.engine.__file__
    loader = importlib.machinery.ExtensionFileLoader("_pickle", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("_pickle", path, loader=loader))
    loader.exec_module(module)
    return module


# --- where the names stand ---------------------------------------------------------------------------------------

def _namespaces():
    """What may hold the names: the globals of all modules but our own, and a class that multiprocessing keeps them in."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and name.split(".")[0] != "pickle5" and module is not _standin:
            # Not vars(): a lazy module must stay unloaded.
            yield types.ModuleType.__getattribute__(module, "__dict__")
            if name == FORKING:
                yield module.AbstractReducer


def _get(namespace, name):
    return (namespace if isinstance(namespace, dict) else vars(namespace)).get(name)


def _set(namespace, name, value):
    if isinstance(namespace, dict):
        namespace[name] = value
    else:
        setattr(namespace, name, value)


def _replace(change, places):
    """Put change[id(x)] wherever x stands; note in `places` what stood where."""
    for namespace in _namespaces():
        for name, value in list((namespace if isinstance(namespace, dict) else vars(namespace)).items()):
            if id(value) in change:
                places.append((namespace, name, value))
                _set(namespace, name, change[id(value)])


# --- the subclass that multiprocessing has made -------------------------------------------------------------------

def _over_ours(forking, own_pickler, change):
    for over_theirs, over_ours in _twins:
        if over_theirs is forking:
            return over_ours
    over_ours = _twin(forking, change, {own_pickler: _standin.Pickler})
    _twins.append((forking, over_ours))
    return over_ours


def _over_theirs(forking, change):
    if all(over_ours is not forking for _, over_ours in _twins):
        _twins.append((_twin(forking, change, {_standin.Pickler: _base.stdlib.Pickler}), forking))


def _twin(cls, change, bases):
    """The class `cls` once more, over other bases, and with whatever `change` says in its namespace."""
    cell, fill = _empty_cell()
    namespace = {}
    for name, value in vars(cls).items():
        if name not in ("__dict__", "__weakref__"):
            namespace[name] = _for_twin(change.get(id(value), value), cell)
    twin = type(cls)(cls.__name__, tuple(bases.get(base, base) for base in cls.__bases__), namespace)
    twin.__qualname__ = cls.__qualname__
    fill(twin)
    return twin


def _empty_cell():
    """A cell, and the function that fills it (3.6 has no other way)."""
    def fill(value):
        nonlocal content
        content = value
    content = None
    return (lambda: content).__closure__[0], fill


def _for_twin(value, cell):
    """A method whose super() looks for its class in `cell`."""
    if isinstance(value, (classmethod, staticmethod)):
        return type(value)(_for_twin(value.__func__, cell))
    if not isinstance(value, types.FunctionType) or "__class__" not in value.__code__.co_freevars:
        return value
    closure = tuple(cell if name == "__class__" else old
                    for name, old in zip(value.__code__.co_freevars, value.__closure__))
    copy = types.FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, closure)
    copy.__dict__.update(value.__dict__)
    copy.__kwdefaults__, copy.__qualname__, copy.__doc__ = value.__kwdefaults__, value.__qualname__, value.__doc__
    copy.__annotations__ = value.__annotations__
    return copy


# --- python -m pickle5 --install ---------------------------------------------------------------------------------

USAGE = """usage: python -m pickle5 --install SCRIPT [ARGUMENT ...]
       python -m pickle5 --install -m MODULE [ARGUMENT ...]

Run a program whose pickle is pickle5's, as pickle5.install() makes it; so do the Python processes that it starts.
"""


def main(args):
    """Run the program named in `args` as the interpreter itself would."""
    module = args[:1] == ["-m"]
    if module:
        args = args[1:]
    if not args or not module and args[0].startswith("-"):
        sys.stderr.write(USAGE)
        sys.exit(0 if args[:1] in (["-h"], ["--help"]) else 2)
    try:
        install()
    except RuntimeError as error:
        sys.exit("python -m pickle5 --install: %s" % error)
    let_children_inherit()
    (run_module if module else run_script)(args[0], args[1:])


def let_children_inherit():
    """Put the folder with our sitecustomize.py first on PYTHONPATH: see there."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_startup")
    path = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder] + path)


def run_module(name, args):
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
    if spec is None or not hasattr(spec.loader, "get_code"):
        sys.exit("python -m pickle5 --install: no module named %s that can be run" % name)
    _run_spec(spec, spec.origin, args)


def run_script(path, args):
    if not os.path.isfile(path) or path.endswith((".zip", ".pyz", ".egg")):
        # a folder or an archive, with a __main__.py inside
        spec = importlib.machinery.PathFinder.find_spec("__main__", [path])
        if spec is None:
            sys.exit("python -m pickle5 --install: cannot run %r" % path)
        sys.path[0] = path
        return _run_spec(spec, path, args)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = types.ModuleType("__main__")
    module.__file__ = path
    _run(code, module, path, args)


def _run_spec(spec, argv0, args):
    module = types.ModuleType("__main__")
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    module.__package__, module.__cached__ = spec.parent, spec.cached
    _run(spec.loader.get_code(spec.name), module, argv0, args)


def _run(code, module, argv0, args):
    sys.argv[:] = [argv0] + args
    module.__builtins__ = builtins
    global _main_before
    _main_before = sys.modules["__main__"]   # its code is still running: keep what it stands on
    sys.modules["__main__"] = module
    exec(code, vars(module))
