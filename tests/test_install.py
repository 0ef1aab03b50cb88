"""pickle5.install(): the interpreter's own pickle on our engine; and `python -m pickle5 --install`."""
import importlib
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import types

import pytest

import pickle5

ROOT = pathlib.Path(__file__).resolve().parent.parent
IN_CHECKOUT = pathlib.Path(pickle5.__file__).resolve().parent == ROOT / "pickle5"
HAS_ENGINE = pickle5.implementation == "C"
with_engine = pytest.mark.skipif(not HAS_ENGINE, reason="install() needs the engine")


def run_all(*args, **options):
    env = dict(os.environ, PYTHONIOENCODING="utf-8", PYTHONWARNINGS="ignore")
    env.update(options.pop("env", {}))
    if IN_CHECKOUT:
        env.setdefault("PYTHONPATH", str(ROOT))
    process = subprocess.Popen([sys.executable] + [str(arg) for arg in args], env=env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    out, err = process.communicate(options.pop("input", b""), timeout=300)
    return process.returncode, out.decode(), err.decode()


def run(*args, **options):
    status, out, err = run_all(*args, **options)
    assert status == 0, err
    return out.replace("\r\n", "\n")


def script(text):
    """Run a program in a process of its own: this one's pickle stays as it is."""
    text = textwrap.dedent(text)
    assert run("-c", text + "\nprint('fine')").splitlines()[-1] == "fine"


# --- install() and uninstall() ------------------------------------------------------------------------------------

def test_names_are_no_part_of_the_interface_of_pickle():
    assert callable(pickle5.install) and callable(pickle5.uninstall)
    assert "install" not in pickle5.__all__ and "uninstall" not in pickle5.__all__
    assert not hasattr(pickle5.pickle, "install")
    space = {}
    exec("from pickle5 import *", space)
    assert "install" not in space
    importlib.import_module("pickle5._install")     # must not take the place of the function
    assert isinstance(pickle5.install, types.FunctionType)


@pytest.mark.skipif(HAS_ENGINE, reason="the engine is here")
def test_without_the_engine_it_is_an_error():
    before = pickle.dumps, pickle.Pickler
    with pytest.raises(RuntimeError) as caught:
        pickle5.install()
    assert "C engine" in str(caught.value)
    pickle5.uninstall()     # nothing to undo
    assert (pickle.dumps, pickle.Pickler) == before
    status, out, err = run_all("-m", "pickle5", "--install", __file__)
    assert status == 1 and "C engine" in err


@with_engine
def test_without_the_engine_it_is_an_error_and_changes_nothing():
    script("""
        import sys
        sys.modules["pickle5._pickle"] = None
        import pickle, pickle5
        before = pickle.dumps
        try:
            pickle5.install()
        except RuntimeError as error:
            assert "C engine" in str(error)
        else:
            raise SystemExit("installed")
        assert pickle.dumps is before
    """)


@with_engine
def test_the_six_names_everywhere():
    script("""
        import pickle, _pickle, shelve, copy, logging.handlers, sys
        import multiprocessing.reduction as reduction, multiprocessing.connection, multiprocessing.queues
        import concurrent.futures.process
        from pickle import dump, dumps, load, loads, Pickler, Unpickler
        NAMES = "dump dumps load loads Pickler Unpickler".split()

        def picture():
            # every name in every module, and what it leads to; `seen` keeps alive what ids stand for
            seen = [(module, name, value) for module, space in sorted(sys.modules.items())
                    if isinstance(space, type(sys)) and not module.startswith("pickle5")
                    for name, value in sorted(vars(space).items()) if name not in ("seen", "before", "own", "after")]
            seen += [("AbstractReducer", name, value) for name, value in sorted(vars(reduction.AbstractReducer).items())]
            return seen

        import pickle5
        from pickle5 import _install
        own = [getattr(pickle, name) for name in NAMES]
        kept = [reduction.ForkingPickler]       # a global of its own would be replaced as well
        registered = dict(reduction.ForkingPickler._extra_reducers)
        before = picture()
        pickle5.install()
        pickle5.install()       # once more changes nothing
        for name, old in zip(NAMES, own):
            new = getattr(pickle, name)
            assert new is not old and new is getattr(_pickle, name) is globals()[name]
            assert new.__module__ == "_pickle" and new.__name__ == name, new
            assert new is not getattr(pickle5, name)
        for holder in (shelve,):
            for name in NAMES:
                assert getattr(holder, name, None) in (None, getattr(pickle, name)), name
        assert issubclass(reduction.ForkingPickler, pickle.Pickler) and not issubclass(kept[0], pickle.Pickler)
        assert reduction.ForkingPickler.loads is pickle.loads
        for holder, name in [(multiprocessing.connection, "_ForkingPickler"), (multiprocessing.queues, "_ForkingPickler"),
                             (reduction.AbstractReducer, "ForkingPickler")]:
            assert getattr(holder, name) is reduction.ForkingPickler
        # what is registered with one of the two classes is known to the other
        class Odd:
            def __reduce__(self):
                raise TypeError("not this way")
        reduction.register(Odd, lambda odd: (str, ("odd",)))
        assert reduction.ForkingPickler.loads(reduction.ForkingPickler.dumps([Odd()])) == ["odd"]
        assert multiprocessing.connection._ForkingPickler is not kept[0]
        reduction.ForkingPickler.register(complex, lambda number: (str, (str(number),)))
        assert reduction.ForkingPickler.loads(kept[0].dumps([Odd(), 1j])) == ["odd", "1j"]
        del kept[0]._extra_reducers[Odd], kept[0]._extra_reducers[complex]
        assert kept[0]._extra_reducers == registered

        deep = None
        for _ in range(100000):
            deep = [deep]
        assert pickle.loads(pickle.dumps(deep, 4))[0] is not None, "this is the engine"
        pickle5.uninstall()
        pickle5.uninstall()
        del Odd, deep, new, old, name, holder, _
        left = [(m, n) for (m, n, v) in before if sys.modules.get(m) and vars(sys.modules[m]).get(n, v) is not v]
        assert left == [], left
        after = [(module, name, id(value)) for module, name, value in picture()]
        assert set((module, name, id(value)) for module, name, value in before) - set(after) == set()
        assert [getattr(pickle, name) for name in NAMES] == own == [globals()[name] for name in NAMES]
        assert reduction.ForkingPickler is kept[0] is multiprocessing.connection._ForkingPickler
    """)


@with_engine
def test_modules_that_are_imported_while_it_is_installed():
    script("""
        import pickle, sys
        import pickle5
        assert "multiprocessing.reduction" not in sys.modules and "shelve" not in sys.modules
        pickle5.install()
        import multiprocessing.reduction as reduction, multiprocessing.connection, shelve
        from pickle import loads, Pickler as Writer
        from pickle5 import dumps as ours
        assert reduction.ForkingPickler.__mro__[1] is pickle.Pickler and loads is pickle.loads
        kept = [reduction.ForkingPickler, loads]
        pickle5.uninstall()
        import _pickle
        assert loads is pickle.loads is _pickle.loads and Writer is pickle.Pickler
        assert pickle.Pickler is not kept[0].__mro__[1] and loads is not kept[1]
        forking = reduction.ForkingPickler
        kept.append(forking)
        assert forking.__mro__[1] is pickle.Pickler and forking is multiprocessing.connection._ForkingPickler
        assert forking.__name__ == forking.__qualname__ == "ForkingPickler"
        assert forking.__module__ == "multiprocessing.reduction"
        assert forking.loads is pickle.loads and bytes(forking.dumps([1]))[-1:] == b"."
        assert forking._extra_reducers is kept[0]._extra_reducers
        assert ours is pickle5.dumps and ours is not pickle.dumps     # what came from pickle5 stays
        pickle5.install()
        assert reduction.ForkingPickler is kept[0] is forking and loads is pickle.loads is kept[1]
        pickle5.uninstall()
        assert reduction.ForkingPickler is kept[2] is forking
    """)


@with_engine
def test_a_lazy_module_stays_unloaded():
    script("""
        import importlib.util, sys
        spec = importlib.util.find_spec("colorsys")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["colorsys"] = module
        spec.loader.exec_module(module)
        assert type(module) is not type(sys)
        import pickle5
        pickle5.install()
        pickle5.uninstall()
        assert type(module) is not type(sys)
        module.rgb_to_hsv
        assert type(module) is type(sys)
    """)


@with_engine
def test_somebody_elses_replacement_is_not_undone():
    script("""
        import pickle, pickle5
        pickle5.install()
        mine = pickle.dumps = lambda *args: b"mine"
        pickle5.uninstall()
        assert pickle.dumps is mine
        import _pickle
        assert _pickle.dumps is not mine and _pickle.dumps(1)
    """)


@with_engine
def test_protocols_stay_those_of_the_interpreter():
    script("""
        import io, pickle
        default, highest = pickle.dumps([])[1], pickle.HIGHEST_PROTOCOL
        import pickle5
        pickle5.install()
        assert pickle.HIGHEST_PROTOCOL == highest and pickle.DEFAULT_PROTOCOL == default
        assert pickle.dumps([])[1] == pickle.dumps([], None)[1] == default
        assert pickle.dumps([], -1)[1] == pickle.dumps([], protocol=-7)[1] == highest
        file = io.BytesIO()
        pickle.Pickler(file, -1).dump([])
        pickle.dump([], file, -1)
        assert [byte for byte in file.getvalue().split(b".")[:2]] == [bytes([128, highest, 93]) if highest < 5 else
            bytes([128, highest, 93])] * 2 or file.getvalue()[1] == highest
        assert pickle5.dumps([])[1] == pickle5.DEFAULT_PROTOCOL and pickle5.dumps([], -1)[1] == 5
        # what is asked for by its number is written, and protocol 5 is read everywhere
        buffers = []
        data = pickle.dumps(pickle5.PickleBuffer(bytearray(b"abc")), 5, buffer_callback=buffers.append)
        assert type(buffers[0]) is pickle5.PickleBuffer
        assert pickle.loads(data, buffers=buffers) == bytearray(b"abc") == pickle5.loads(data, buffers=buffers)
    """)


PLAIN = """
    import sys
    {prepare}
    import pickle, _pickle
    data = sys.stdin.buffer.read()
    value = pickle.loads(data)
    assert "pickle5" in sys.modules if {with_us} else "pickle5" not in sys.modules
    assert value == [getattr(pickle, name) for name in "dump dumps load loads Pickler Unpickler".split()], value
    assert value[1] is _pickle.dumps
    print("fine")
"""


@with_engine
@pytest.mark.parametrize("writer", ["engine", "python half"])
@pytest.mark.parametrize("proto", range(5))
def test_what_is_sent_loads_without_and_with_it(writer, proto, tmp_path):
    write = textwrap.dedent("""
        import io, sys, pickle
        import pickle5
        pickle5.install()
        value = [getattr(pickle, name) for name in "dump dumps load loads Pickler Unpickler".split()]
        file = io.BytesIO()
        {pickler}(file, {proto}).dump(value)
        assert b"pickle5" not in file.getvalue()
        sys.stdout.buffer.write(file.getvalue())
    """).format(pickler="pickle.Pickler" if writer == "engine" else "pickle._Pickler", proto=proto)
    env = dict(os.environ, PYTHONPATH=str(ROOT)) if IN_CHECKOUT else dict(os.environ)
    data = subprocess.check_output([sys.executable, "-c", write], env=env)
    for with_us in (False, True):
        read = textwrap.dedent(PLAIN).format(
            prepare="import pickle5; pickle5.install()" if with_us else "sys.modules['pickle5'] = None; del sys.modules['pickle5']",
            with_us=with_us)
        process = subprocess.Popen([sys.executable, "-c", read], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        out, err = process.communicate(data)
        assert out.split() == [b"fine"], err.decode()


@with_engine
def test_subclasses_made_before_keep_working():
    script("""
        import io, pickle
        class Before(pickle.Pickler):
            def persistent_id(self, obj):
                return "P" if obj == 7 else None
        class Reader(pickle.Unpickler):
            def persistent_load(self, pid):
                return pid
        import pickle5
        pickle5.install()
        file = io.BytesIO()
        Before(file, 2).dump([7, pickle.loads])
        file.seek(0)
        assert Reader(file).load() == ["P", pickle.loads]
        assert not issubclass(Before, pickle.Pickler)
        class After(pickle.Pickler):
            persistent_id = Before.persistent_id
        file = io.BytesIO()
        After(file, 2).dump([7])
        pickle5.uninstall()
        file.seek(0)
        assert Reader(file).load() == ["P"]
        file.seek(0)
        After(file, 2).dump([7])        # an instance of ours works after uninstall() as well
    """)


@with_engine
def test_shelve_copy_and_logging(tmp_path):
    script("""
        import copy, datetime, logging, logging.handlers, pickle, shelve, struct
        import pickle5
        pickle5.install()
        with shelve.open(%r) as shelf:
            shelf["key"] = {"when": datetime.date(2020, 1, 2), "list": [1, 2]}
        pickle5.uninstall()
        with shelve.open(%r) as shelf:
            assert shelf["key"] == {"when": datetime.date(2020, 1, 2), "list": [1, 2]}
        pickle5.install()
        assert copy.deepcopy({1: [2]}) == {1: [2]}
        record = logging.makeLogRecord({"msg": "hello", "levelno": 20})
        data = logging.handlers.SocketHandler("localhost", 9).makePickle(record)
        assert struct.unpack(">L", data[:4])[0] == len(data) - 4
        pickle5.uninstall()
        assert pickle.loads(data[4:])["msg"] == "hello"
    """ % (str(tmp_path / "shelf"), str(tmp_path / "shelf")))


@with_engine
def test_threads_may_install_at_once():
    script("""
        import pickle, threading
        import pickle5
        own = pickle.dumps
        def work():
            for _ in range(50):
                pickle5.install()
                assert pickle.loads(pickle.dumps([1])) == [1]
                pickle5.uninstall()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pickle.dumps is own
    """)


# --- python -m pickle5 --install ------------------------------------------------------------------------------------

SHOWS = """
import os, pickle, sys

def engine(_=None):
    install = sys.modules.get("pickle5._install")
    from multiprocessing.reduction import ForkingPickler
    return bool(install and pickle.dumps is install._standin.dumps and issubclass(ForkingPickler, install._standin.Pickler))

class Local:
    def __init__(self, value):
        self.value = value

def double(local):
    assert type(local).__module__ in ("__main__", "__mp_main__")
    return Local(local.value * 2), engine()
"""


@with_engine
def test_a_script_runs_as_under_the_interpreter(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent("""
        import pickle, sys, atexit
        print(__name__, __file__, __spec__, sys.argv, sys.path[0])
        class Here: pass
        assert type(pickle.loads(pickle.dumps(Here()))) is Here
        assert sys.modules["__main__"].Here is Here
        @atexit.register
        def late():
            print(type(pickle.loads(pickle.dumps(Here()))) is Here)
        print("pickle5" in sys.modules)
        if sys.argv[1:] == ["fail"]:
            raise SystemExit(3)
    """))
    plain = run(path, "a", "--version", "-m", cwd=str(tmp_path))
    ours = run("-m", "pickle5", "--install", path, "a", "--version", "-m", cwd=str(tmp_path))
    assert plain.replace("False", "True") == ours and "True" in ours
    status, out, err = run_all("-m", "pickle5", "--install", path, "fail")
    assert status == 3
    package = tmp_path / "folder"
    package.mkdir()
    (package / "__main__.py").write_text("import sys, pickle; print(sys.argv, __name__, pickle.dumps is __import__('pickle5')._install._standin.dumps)")
    out = run("-m", "pickle5", "--install", package, "x")
    assert out.split("'")[1] == str(package) and out.endswith("__main__ True\n")


@with_engine
def test_a_module_runs_as_under_the_interpreter(tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(__name__, sys.argv[1:], __spec__.name, 'pickle5' in sys.modules)")
    out = run("-m", "pickle5", "--install", "-m", "program", "a", "-m", cwd=str(tmp_path))
    assert out == "__main__ ['a', '-m'] program True\n"
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "part.py").write_text("word = 'part'")
    (tmp_path / "package" / "__main__.py").write_text("from . import part; print(__name__, part.word, __package__)")
    out = run("-m", "pickle5", "--install", "-m", "package", cwd=str(tmp_path))
    assert out == "__main__ part package\n"


@pytest.mark.parametrize("args", [[], ["-x"], ["-m"]])
@with_engine
def test_usage(args):
    status, out, err = run_all("-m", "pickle5", "--install", *args)
    assert status == 2 and err.startswith("usage: ")


@with_engine
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_inherit(method, tmp_path):
    import multiprocessing
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("no %s on this platform" % method)
    path = tmp_path / "program.py"
    path.write_text(SHOWS + textwrap.dedent("""
        if __name__ == "__main__":
            import multiprocessing
            with multiprocessing.get_context(%r).Pool(2) as pool:
                for number, (local, installed) in enumerate(pool.map(double, [Local(1), Local(2)])):
                    assert local.value == 2 * (number + 1) and installed, (local, installed)
            print(engine(), "fine")
    """) % method)
    assert run("-m", "pickle5", "--install", path) == "True fine\n"
    # without --install, a program that calls install() in its main module only has workers that can read it all
    path.write_text(path.read_text().replace("and installed,", "and installed is (%r == 'fork')," % method).replace(
        "    import multiprocessing\n", "    import pickle5; pickle5.install(); import multiprocessing\n"))
    assert run(path) == "True fine\n"


@with_engine
def test_executors_inherit(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(SHOWS + textwrap.dedent("""
        if __name__ == "__main__":
            from concurrent.futures import ProcessPoolExecutor
            with ProcessPoolExecutor(2) as pool:
                assert list(pool.map(engine, range(4))) == [True] * 4
                assert pool.submit(pickle.loads, pickle.dumps([1])).result() == [1]
                assert pool.submit(pickle.loads, pickle.dumps(pickle.loads)).result() is pickle.loads
            print("fine")
    """))
    assert run("-m", "pickle5", "--install", path) == "fine\n"


@with_engine
def test_subprocesses_inherit_and_other_hooks_run(tmp_path):
    """Also at second hand; a sitecustomize of the user's own runs as well, and our folder is not on anybody's path."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.was_here = __name__, __file__")
    (tmp_path / "program.py").write_text(SHOWS + textwrap.dedent("""
        import subprocess
        if len(sys.argv) < 4:
            subprocess.check_call([sys.executable, __file__] + sys.argv[1:] + ["x"])
        assert sys.was_here == ("sitecustomize", os.path.join(%r, "sitecustomize.py")), sys.was_here
        assert not [each for each in sys.path if each.endswith("_startup")], sys.path
        print(engine(), len(sys.argv))
    """) % str(tmp_path))
    path = [str(tmp_path)] + [str(ROOT)] * IN_CHECKOUT
    out = run("-m", "pickle5", "--install", tmp_path / "program.py", env={"PYTHONPATH": os.pathsep.join(path)})
    assert out == "True 4\nTrue 3\nTrue 2\nTrue 1\n"


@with_engine
def test_children_find_the_package_that_was_installed_from_the_current_folder(tmp_path):
    """`python -m pickle5` finds it in the current folder; a child that starts elsewhere must find the same one."""
    where = pathlib.Path(pickle5.__file__).resolve().parent.parent
    path = tmp_path / "program.py"
    path.write_text(SHOWS + textwrap.dedent("""
        import subprocess
        if len(sys.argv) == 1:
            subprocess.check_call([sys.executable, __file__, "x"], cwd=%r)
        print(engine())
    """) % str(tmp_path))
    out = run("-m", "pickle5", "--install", path, cwd=str(where), env={"PYTHONPATH": ""})
    assert out == "True\nTrue\n"


# --- joblib's loky --------------------------------------------------------------------------------------------------------

LOKY = """
    import io, pickle, sys
    sys.argv = {argv}
    import pickle5
    from multiprocessing.reduction import ForkingPickler
    own = pickle.load, pickle.loads, pickle.dumps, pickle.Pickler
    data = pickle5.dumps(bytearray(b"abc"), protocol=5)

    def reads(loads):
        try:
            return loads(data) == bytearray(b"abc")
        except ValueError:
            return False
    assert not reads(ForkingPickler.loads) and not reads(pickle.loads)

    class Other(pickle5.Pickler):
        "Somebody's: nothing happens."
    class Sub(Other):
        "Somebody's of theirs."
    assert not reads(ForkingPickler.loads)

    class CustomizablePickler(Other):
        __module__ = "joblib.externals.loky.backend.reduction"
    assert reads(ForkingPickler.loads) and reads(ForkingPickler(io.BytesIO()).loads)
    assert reads(pickle.loads) is reads(lambda data: pickle.load(io.BytesIO(data))) is {worker}
    assert (pickle.dumps, pickle.Pickler) == own[2:] and ((pickle.load, pickle.loads) == own[:2]) is not {worker}
    assert ForkingPickler.dumps(1)[1] == pickle.dumps(1)[1]
"""


@pytest.mark.skipif(sys.version_info >= (3, 8), reason="the interpreter reads protocol 5")
@pytest.mark.parametrize("argv, worker", [
    (["program"], False), (["-m", "program"], False), (["-m", "--process-name", "LokyProcess-1", "--pipe", "9"], True),
    (["-c", "--multiprocessing-fork", "pipe_handle=9"], True)])
@pytest.mark.parametrize("without_engine", [False, True])
def test_loky_reads_what_it_writes(argv, worker, without_engine):
    script("import sys; sys.modules['pickle5._pickle'] = None\n" * without_engine
           + textwrap.dedent(LOKY).format(argv=argv, worker=worker))


@pytest.mark.skipif(sys.version_info >= (3, 8), reason="the interpreter reads protocol 5")
@with_engine
def test_loky_leaves_what_install_put_there():
    script("""
        import pickle, sys
        sys.argv = ["-m", "--process-name", "LokyProcess-1", "--pipe", "9"]
        import pickle5
        from multiprocessing.reduction import ForkingPickler
        pickle5.install()
        from multiprocessing.reduction import ForkingPickler as Installed
        before = [pickle.load, pickle.loads, Installed.loads]
        class CustomizablePickler(pickle5.Pickler):
            __module__ = "loky.backend.reduction"
        assert before == [pickle.load, pickle.loads, Installed.loads]
        pickle5.uninstall()
        assert pickle.loads is not before[1] and pickle.loads is not pickle5.loads
    """)


@pytest.mark.parametrize("installed", [False, True])
def test_joblibs_own_workers(installed, tmp_path):
    pytest.importorskip("joblib")
    if installed and not HAS_ENGINE:
        pytest.skip("install() needs the engine")
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent("""
        from joblib import Parallel, delayed
        if __name__ == "__main__":
            back = Parallel(n_jobs=2)(delayed(lambda value: [value, bytearray(b"abc")])(number) for number in range(4))
            assert back == [[number, bytearray(b"abc")] for number in range(4)], back
            print("fine")
    """))
    assert run(*["-m", "pickle5", "--install"] * installed + [path]) == "fine\n"
