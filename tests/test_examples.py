"""Each program in examples/ runs, and says what it is there to show."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

import pickle5

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
try:
    import numpy
except ImportError:
    numpy = None
try:
    import joblib
except ImportError:
    joblib = None

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not installed")


def run(name, *args):
    path = os.pathsep.join([str(ROOT)] + os.environ.get("PYTHONPATH", "").split(os.pathsep)).rstrip(os.pathsep)
    process = subprocess.Popen([sys.executable, str(EXAMPLES / (name + ".py"))] + list(args), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=path, PYTHONIOENCODING="utf-8"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    return out.decode().replace("\r\n", "\n")


def test_every_example_has_a_test():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    assert len(names) >= 7
    for name in names:
        assert 'run("%s"' % name in text or name == "demo", name     # make demo has the gate's own run


def test_mapped_file():
    out = run("mapped_file")
    times = dict(re.findall(r"^(\S.*?) +([\d.]+) ms$", out, re.M))
    assert set(times) == {"write, in band", "write, out of band", "load, in band", "load, mapped"}
    assert float(times["load, mapped"]) < float(times["load, in band"])
    assert "shows in the file: no" in out
    assert ("NumPy is not installed" in out) is (numpy is None)


def test_shared_array():
    out = run("shared_array")
    assert int(re.search(r"^sent to the other process +(\d+) bytes$", out, re.M).group(1)) < 400
    assert len(re.findall(r"^(?:the other|this one) sees? .*: +yes$|^the other saw .*: +yes$", out, re.M)) == 2


def test_reducer_override():
    out = run("reducer_override")
    assert "the function gives 42, the file goes on with b'second line\\n'" in out
    asked = int(re.search(r"asked about (\d+) objects", out).group(1))
    assert asked < 30 if pickle5.implementation == "C" else asked > 0   # the engine: not about the 20,000 built-in ones


def test_older_protocols():
    out = run("older_protocols")
    rows = re.findall(r"^(\d(?: oob)?) +(\d+) +[\d.]+ +[\d.]+ +(\w+) +(yes|no) ", out, re.M)
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4", "5", "5 oob"]
    assert [row[2] for row in rows[:6]] == ["bytes"] * 5 + ["bytearray"]
    assert [row[3] for row in rows] == ["no"] * 6 + ["yes"]
    assert int(rows[6][1]) < 100000 < int(rows[5][1])
    assert "Written when nothing is said: %d " % pickle5.DEFAULT_PROTOCOL in out
    assert "A PickleBuffer below protocol 5: " in out


def test_joblib_job():
    out = run("joblib_job")
    if joblib is None:
        assert out == "joblib is not installed here: nothing to show\n"
    elif pickle5.implementation != "C":
        assert "on the interpreter's pickle" in out and "nothing to install" in out
    else:
        assert re.search(r"^on the interpreter's pickle .* ms$", out, re.M) and re.search(r"^on pickle5 .* ms$", out, re.M)


def test_gpu():
    """Where there is no GPU it says so; what it does is tried with NumPy arrays in the role of the device's."""
    out = run("gpu", "--megabytes", "8")
    if not out.startswith("skipped: no GPU here"):
        assert re.search("^copied from the device: %d bytes; what came back is equal: yes$" % (8 << 20), out, re.M)
    out = run("gpu", "--pretend", "--megabytes", "8")
    if numpy is None:
        assert out.startswith("skipped: NumPy")
        return
    assert re.search("^copied from the device: %d bytes; what came back is equal: yes$" % (8 << 20), out, re.M)
    row = re.search(r"^out of band, pinned +(\d+) +(\d+) ", out, re.M)
    assert int(row.group(1)) < 300 and int(row.group(2)) == 8 << 20
