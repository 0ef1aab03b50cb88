"""Test the pickle5 that is installed: `python .ci/test_installed.py`, in any folder, and fetch what the tests need.

First with the newest NumPy that has a wheel for this interpreter, then what has to do with NumPy again with the oldest.
PICKLE5_TESTS names the tests (where machines are emulated, a fast part).  PICKLE5_NUMPY=no leaves NumPy out.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(os.path.dirname(HERE), "tests")
WITH_NUMPY = ["test_buffers.py"]
# The last release of each later line, for where the first NumPy of a Python has no wheel (musl, arm64 and others).
LATER = ["1.16.6", "1.17.5", "1.18.5", "1.19.5", "1.20.3", "1.21.6", "1.22.4", "1.23.5", "1.24.4", "1.25.2", "1.26.4",
         "2.0.2", "2.1.3", "2.2.6", "2.3.5"]


def install(*what):
    command = [sys.executable, "-m", "pip", "install", "-q", "--only-binary", ":all:"]
    return subprocess.call(command + list(what)) == 0


def install_oldest():
    if install("-r", os.path.join(HERE, "oldest-numpy.txt")):
        return True
    return any(install("numpy==" + version) for version in LATER)


def test(*what):
    which = "import importlib.util as u; print('NumPy', __import__('numpy').__version__ if u.find_spec('numpy') else 'is not there')"
    subprocess.check_call([sys.executable, "-c", which])
    print("testing", *what, flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.check_call(command + list(what), cwd=TESTS, env=dict(os.environ, PICKLE5_REQUIRE_C="1"))


os.chdir(TESTS)
sys.path.pop(0)
import pickle5  # noqa: E402
assert pickle5.implementation == "C", "this wheel has no engine"
assert os.path.dirname(os.path.dirname(os.path.abspath(pickle5.__file__))) != os.path.dirname(HERE), "not what is installed"

assert install("-r", os.path.join(TESTS, "requirements.txt"))
numpy = os.environ.get("PICKLE5_NUMPY") != "no"
numpy = numpy and install("-U", "numpy")
test(*(os.environ.get("PICKLE5_TESTS") or ". --ignore=reliability").split())
if numpy and install_oldest():
    test(*WITH_NUMPY)
