"""The package: its names, its versions, its command lines, its forms of installation."""
import io
import os
import pathlib
import pickle
import pickletools
import re
import subprocess
import sys
import textwrap

import pytest

import pickle5
import pickle5.pickletools

ROOT = pathlib.Path(__file__).resolve().parent.parent
IN_CHECKOUT = pathlib.Path(pickle5.__file__).resolve().parent == ROOT / "pickle5"

PUBLIC = """PickleError PicklingError UnpicklingError Pickler Unpickler dump dumps load loads PickleBuffer
    HIGHEST_PROTOCOL DEFAULT_PROTOCOL TRUE FALSE MARK STOP POP POP_MARK DUP FLOAT INT BININT BININT1 LONG BININT2
    NONE PERSID BINPERSID REDUCE STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE APPEND BUILD GLOBAL DICT
    EMPTY_DICT APPENDS GET BINGET INST LONG_BINGET LIST EMPTY_LIST OBJ PUT BINPUT LONG_BINPUT SETITEM TUPLE
    EMPTY_TUPLE SETITEMS BINFLOAT PROTO NEWOBJ EXT1 EXT2 EXT4 TUPLE1 TUPLE2 TUPLE3 NEWTRUE NEWFALSE LONG1 LONG4
    BINBYTES SHORT_BINBYTES SHORT_BINUNICODE BINUNICODE8 BINBYTES8 EMPTY_SET ADDITEMS FROZENSET NEWOBJ_EX
    STACK_GLOBAL MEMOIZE FRAME BYTEARRAY8 NEXT_BUFFER READONLY_BUFFER""".split()
BEYOND_ALL = """_Pickler _Unpickler _dump _dumps _load _loads bytes_types dispatch_table _getattribute whichmodule
    encode_long decode_long _extension_registry _inverted_registry _extension_cache _Framer _Unframer _Stop
    _tuplesize2code _HAVE_PICKLE_BUFFER _compat_pickle format_version compatible_formats""".split()


def run(*args, **options):
    """Run Python with ARGS elsewhere, and return what it wrote to stdout."""
    status, out, err = run_all(*args, **options)
    assert status == 0, err
    return out


def run_all(*args, **options):
    data = options.pop("input", b"")
    env = dict(os.environ, PYTHONWARNINGS="ignore", PYTHONIOENCODING="utf-8", **options.pop("env", {}))
    if IN_CHECKOUT:
        env.setdefault("PYTHONPATH", str(ROOT))
    process = subprocess.Popen([sys.executable] + [str(arg) for arg in args], env=env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    out, err = process.communicate(data)
    return process.returncode, out.decode(), err.decode()


# --- names ---------------------------------------------------------------------------------------

def test_all_has_the_82_names():
    assert len(PUBLIC) == 82
    assert sorted(pickle5.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC + BEYOND_ALL)
def test_name_is_in_the_package_and_in_its_pickle(name):
    assert getattr(pickle5, name) is getattr(pickle5.pickle, name)


def test_protocol_5_opcodes():
    assert (pickle5.BYTEARRAY8, pickle5.NEXT_BUFFER, pickle5.READONLY_BUFFER) == (b"\x96", b"\x97", b"\x98")


def test_import_forms():
    out = run("-c", textwrap.dedent("""
        from pickle5 import pickle
        import pickle5, pickle5.pickle, pickle5.pickletools
        from pickle5 import Pickler, pickletools
        from pickle5.pickle import Unpickler
        assert sys.modules["pickle5.pickle"] is pickle is pickle5.pickle
        assert sys.modules["pickle5.pickletools"] is pickletools is pickle5.pickletools
        assert pickle.Pickler is Pickler is pickle5.Pickler and Unpickler is pickle5.Unpickler
        if pickle5.implementation == "C":
            import pickle5._pickle
            assert pickle5._pickle.dumps is pickle5.dumps
        print("fine")
    """).replace("\nfrom", "\nimport sys\nfrom", 1))
    assert out.strip() == "fine"


def test_star_import_gives_what_all_names():
    space = {}
    exec("from pickle5 import *", space)
    assert set(space) - {"__builtins__"} == set(PUBLIC)


def test_versions():
    assert re.match(r"\d+\.\d+\.\d+$", pickle5.__version__)
    assert pickle5.format_version == "5.0" and pickle5.compatible_formats[-1] == "5.0"
    assert pickle5.compatible_formats.count("5.0") == 1
    assert pickle5.HIGHEST_PROTOCOL == 5
    assert pickle5.DEFAULT_PROTOCOL == max(4, pickle.DEFAULT_PROTOCOL)
    assert pickle5.dumps(None)[1] == pickle5._dumps(None)[1] == pickle5.DEFAULT_PROTOCOL


def test_errors_are_the_interpreters_own():
    for name in ("PickleError", "PicklingError", "UnpicklingError"):
        assert getattr(pickle5, name) is getattr(pickle, name)


@pytest.mark.skipif(sys.version_info < (3, 8), reason="the interpreter has none")
def test_the_interpreters_own_classes():
    for name in ("PickleBuffer", "_Pickler", "_Unpickler", "_dumps", "_loads"):
        assert getattr(pickle5, name) is getattr(pickle, name)


def test_stdlib_is_left_alone():
    """On 3.6 and 3.7 its tables must not know what ours know."""
    has_5 = pickle.HIGHEST_PROTOCOL >= 5
    assert ("\x97" in pickletools.code2op) is has_5
    assert (0x97 in pickle._Unpickler.dispatch) is has_5
    assert hasattr(pickle, "PickleBuffer") is has_5


def test_implementation_is_said():
    assert pickle5.implementation == pickle5.pickle.implementation
    engine = sys.modules.get("pickle5._pickle")
    assert pickle5.implementation == ("Python" if engine is None else "C")
    if engine is not None:
        for name in ("Pickler", "Unpickler", "dump", "dumps", "load", "loads", "PickleBuffer"):
            assert getattr(pickle5, name) is getattr(engine, name)


def test_without_the_engine():
    """A missing engine leaves the Python half, with the same names."""
    out = run("-c", textwrap.dedent("""
        import sys
        sys.modules["pickle5._pickle"] = None
        import pickle, pickle5
        assert pickle5.implementation == "Python"
        assert all(hasattr(pickle5, name) for name in pickle5.__all__)
        expected = pickle if pickle.HIGHEST_PROTOCOL >= 5 else None
        assert pickle5.Pickler is (expected.Pickler if expected else pickle5._Pickler)
        assert pickle5.loads is (expected.loads if expected else pickle5._loads)
        kept = []
        buffer = pickle5.PickleBuffer(bytearray(b"abc"))
        data = pickle5.dumps([buffer, bytearray(b"xyz")], 5, buffer_callback=kept.append)
        value = pickle5.loads(data, buffers=kept)
        assert value[1] == bytearray(b"xyz"), value
        value = pickle5.loads(data, buffers=[bytearray(b"123")])
        assert value == [bytearray(b"123"), bytearray(b"xyz")], value
        print("fine")
    """))
    assert out.strip() == "fine"


def test_a_broken_engine_is_said_aloud():
    """An engine that is there and does not load must not be passed over in silence."""
    status, out, err = run_all("-c", textwrap.dedent("""
        import sys, warnings
        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "pickle5._pickle":
                    raise ImportError("this engine is broken")
        sys.meta_path.insert(0, Finder)
        warnings.simplefilter("error")
        import pickle5
    """))
    assert status == 1 and "RuntimeWarning" in err and "this engine is broken" in err


def test_stand_in_before_the_import_of_pickletools():
    """With pickle5 in pickle's place, the package still takes hold of the real modules."""
    out = run("-c", textwrap.dedent("""
        import sys
        import pickle5
        sys.modules["pickle"] = pickle5
        if "pickle5._pickle" in sys.modules:
            sys.modules["_pickle"] = sys.modules["pickle5._pickle"]
        import pickle5.pickletools as tools
        sys.modules["pickletools"] = tools
        import pickle, pickletools
        assert pickle is pickle5 and pickletools is tools
        names = [op.name for op, arg, pos in tools.genops(pickle.dumps(bytearray(b"x"), 5))]
        assert "BYTEARRAY8" in names
        from pickle5.Lib import _base
        assert _base.stdlib.__name__ == "pickle" and _base.own_module("pickle").__name__ == "pickle"
        print("fine")
    """))
    assert out.strip() == "fine"


# --- the classes that others subclass --------------------------------------------------------------

def dumped(pickler, value, protocol, **options):
    file = io.BytesIO()
    pickler(file, protocol, **options).dump(value)
    return file.getvalue()


@pytest.mark.parametrize("protocol", range(6))
def test_subclasses_with_a_dispatch_table_of_their_own(protocol):
    """What dill, joblib and pandas do: copy the table, change entries, call what was there."""
    seen = []

    class MyPickler(pickle5._Pickler):
        dispatch = pickle5._Pickler.dispatch.copy()

        def save(self, obj, save_persistent_id=True):
            seen.append(type(obj))
            pickle5._Pickler.save(self, obj, save_persistent_id)

        def save_set(self, obj):
            self.save_reduce(sorted, (list(obj),), obj=obj)
        dispatch[set] = save_set

    class MyUnpickler(pickle5._Unpickler):
        dispatch = pickle5._Unpickler.dispatch.copy()

        def load_build(self):
            seen.append("build")
            pickle5._Unpickler.load_build(self)
        dispatch[pickle5.BUILD[0]] = load_build

        def find_class(self, module, name):
            seen.append(name)
            return super(MyUnpickler, self).find_class(module, name)

    value = [{2, 1}, bytearray(b"x"), ValueError("text")]
    value[2].extra = 1
    back = MyUnpickler(io.BytesIO(dumped(MyPickler, value, protocol))).load()
    assert back[:2] == [[1, 2], bytearray(b"x")] and back[2].extra == 1
    assert {list, set, "build", "sorted", "ValueError"} <= set(seen)
    assert pickle5._loads(pickle5._dumps({1}, protocol)) == {1}


def set_state(obj, state):
    obj.state = ("set", state)


class WithSetter:
    def __reduce__(self):
        return WithSetter, (), "a state", None, None, set_state


@pytest.mark.parametrize("protocol", range(6))
def test_python_half_has_the_news_of_protocol_5(protocol):
    """Six reduce items and reducer_override, which 3.6 and 3.7 lack."""
    class MyPickler(pickle5._Pickler):
        def reducer_override(self, obj):
            return (str, ("other",)) if isinstance(obj, ValueError) else NotImplemented

    back = pickle5._loads(dumped(MyPickler, [WithSetter(), ValueError()], protocol))
    assert back[0].state == ("set", "a state") and back[1] == "other"


def test_python_half_and_buffers():
    big = bytes(bytearray(range(256))) * 1000
    shared = pickle5.PickleBuffer(bytearray(big))
    value = [shared, shared, pickle5.PickleBuffer(big), pickle5.PickleBuffer(b"small"), bytearray(big), bytearray()]
    data = pickle5._dumps(value, 5)
    for loads in (pickle5._loads, pickle5.loads):
        back = loads(data)
        assert back == [bytearray(big), bytearray(big), big, b"small", bytearray(big), bytearray()]
        assert [type(each) for each in back[:4]] == [bytearray, bytearray, bytes, bytes]
    kept = []
    data = pickle5._dumps(value[:4], 5, buffer_callback=kept.append)
    assert len(kept) == 4 and len(data) < 100
    back = pickle5._loads(data, buffers=[bytearray(big)] * 2 + [bytearray(b"123"), b"small"])
    assert type(back[0]) is bytearray and back[3] == b"small"
    assert memoryview(back[2]).readonly and bytes(back[2]) == b"123"
    with pytest.raises(pickle5.UnpicklingError):
        pickle5._loads(data)
    with pytest.raises(pickle5.UnpicklingError):
        pickle5._loads(data, buffers=[b"only one"])
    with pytest.raises(pickle5.PicklingError):
        pickle5._dumps(value, 4)
    with pytest.raises(ValueError):
        pickle5._dumps(value, 4, buffer_callback=kept.append)
    with pytest.raises((pickle5.PicklingError, BufferError)):
        pickle5._dumps(pickle5.PickleBuffer(memoryview(b"abcdef")[::2]), 5)
    with pytest.raises(ValueError):
        pickle5._dumps(None, 6)
    with pytest.raises(ValueError):
        pickle5._loads(b"\x80\x06N.")


# --- pickletools ---------------------------------------------------------------------------------

def test_pickletools_knows_protocol_5():
    kept = []
    data = pickle5.dumps([bytearray(b"abc"), pickle5.PickleBuffer(b"abc")], 5, buffer_callback=kept.append)
    short = pickle5.pickletools.optimize(data)
    assert len(short) < len(data)
    for stream in (data, short):
        names = [op.name for op, arg, pos in pickle5.pickletools.genops(stream)]
        assert {"BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER"} <= set(names)
        value = pickle5.loads(stream, buffers=[b"abc"])
        assert value == [bytearray(b"abc"), b"abc"]
    out = io.StringIO()
    pickle5.pickletools.dis(data, out)
    assert "BYTEARRAY8 bytearray(b'abc')" in out.getvalue()
    assert "highest protocol among opcodes = 5" in out.getvalue()


def test_pickletools_has_an_opcode_for_each_name():
    codes = {op.code.encode("latin-1"): op.name for op in pickle5.pickletools.opcodes}
    named = {getattr(pickle5, name): name for name in PUBLIC if isinstance(getattr(pickle5, name), bytes)}
    del named[pickle5.TRUE], named[pickle5.FALSE]
    assert codes == named


# --- command lines -------------------------------------------------------------------------------

@pytest.mark.parametrize("module", ["pickle5", "pickle5.pickle"])
def test_main_shows_pickles(module, tmp_path):
    first, second = tmp_path / "one.pickle", tmp_path / "two.pickle"
    first.write_bytes(pickle5.dumps({"b": [1, 2], "a": None}, 5))
    second.write_bytes(pickle5.dumps(bytearray(b"x" * 3), 5))
    assert run("-m", module, first, second).split("\n") == ["{'a': None, 'b': [1, 2]}", "bytearray(b'xxx')", ""]
    assert run("-m", module, "-", input=pickle5.dumps(list(range(60)))).count("\n") == 60


def test_main_wants_a_file():
    status, out, err = run_all("-m", "pickle5")
    assert status == 2 and err.startswith("usage: ")


def test_main_version():
    line = run("-m", "pickle5", "--version")
    assert line.startswith("pickle5 %s on " % pickle5.__version__) and line.count("\n") == 1
    assert ("C engine (" in line) is (pickle5.implementation == "C")


def test_pickletools_main(tmp_path):
    path, other = tmp_path / "one.pickle", tmp_path / "two.pickle"
    value = [bytearray(b"x"), (1, 2, 3, [])]
    path.write_bytes(pickle5.dumps(value, 5))
    other.write_bytes(pickle5.dumps(value, 5))
    plain = io.StringIO()
    pickle5.pickletools.dis(path.read_bytes(), plain)
    command = ("-m", "pickle5.pickletools")
    assert run(*command + (path,)) == plain.getvalue()
    assert run(*command + ("-",), input=path.read_bytes()) == plain.getvalue()
    target = tmp_path / "out"
    assert run(*command + ("-o", target, path)) == "" and target.read_text() == plain.getvalue()
    assert "Protocol version indicator." in run(*command + ("-a", path))
    wide = io.StringIO()
    pickle5.pickletools.dis(path.read_bytes(), wide, indentlevel=9)
    assert run(*command + ("-l", "9", path)) == wide.getvalue() != plain.getvalue()
    two = run(*command + ("-p", "<{name}>", path, other))
    assert two == "<%s>\n%s<%s>\n%s" % (path, plain.getvalue(), other, plain.getvalue())
    assert "==> %s <==\n" % other in run(*command + ("-m", path, other), env={"PYTHONHASHSEED": "0"})


# --- what is installed ---------------------------------------------------------------------------

def test_typing_files_are_beside_the_modules():
    here = pathlib.Path(pickle5.__file__).parent
    for name in ("py.typed", "__init__.pyi", "pickle.pyi", "pickletools.pyi", "_pickle.pyi"):
        assert (here / name).is_file(), name


def test_stubs_name_everything():
    here = pathlib.Path(pickle5.__file__).parent
    text = (here / "pickle.pyi").read_text(encoding="utf-8")
    for name in PUBLIC + BEYOND_ALL:
        assert name in text, name
    compile(text, "pickle.pyi", "exec")


PROBE = textwrap.dedent("""
    import pickle5, pickle5.pickle, pickle5.pickletools, pickle5.Lib.pickle
    from pickle5 import pickle
    assert pickle is pickle5.pickle is pickle5.Lib.pickle and pickle.Pickler is pickle5.Pickler
    import os
    print(pickle5.implementation, os.path.dirname(os.path.dirname(os.path.abspath(pickle5.__file__))),
          len(pickle5.__all__), pickle5.loads(pickle5.dumps([1])))
""")


def venv_run(python, *args, **options):
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env["PYTHONWARNINGS"] = "ignore"
    process = subprocess.Popen([str(python)] + [str(arg) for arg in args], env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, **options)
    out = process.communicate()[0].decode()
    assert process.returncode == 0, out
    return out


@pytest.mark.skipif(not os.environ.get("PICKLE5_TEST_INSTALL"), reason="slow; set PICKLE5_TEST_INSTALL=1")
@pytest.mark.parametrize("form", ["wheel", "editable"])
def test_installed(form, tmp_path):
    """A wheel and an editable install give the same names, with the same implementation."""
    import shutil
    source = tmp_path / "source"
    shutil.copytree(str(ROOT), str(source), ignore=shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.so", "*.egg-info", "__pycache__", ".pytest_cache"))
    venv = tmp_path / "venv"
    subprocess.check_call([sys.executable, "-m", "venv", str(venv)])
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    if sys.version_info < (3, 7):
        venv_run(python, "-m", "pip", "install", "-q", "-U", "pip<22", "setuptools<60", "wheel<0.38")
    else:
        venv_run(python, "-m", "pip", "install", "-q", "-U", "pip")
    venv_run(python, "-m", "pip", "install", "-q", *(["-e", source] if form == "editable" else [source]))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answer = venv_run(python, "-c", PROBE, cwd=str(elsewhere)).split()
    assert answer[0] == pickle5.implementation
    assert (pathlib.Path(answer[1]).resolve() == source.resolve()) is (form == "editable")
    assert answer[2:] == ["82", "[1]"]
