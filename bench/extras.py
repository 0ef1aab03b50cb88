"""Install what the suite would like to have: `python -m bench.extras`, in the environment it will run in.

The floor is compiled (see floor.c).  Only wheels are taken, one package at a time: what has none for this interpreter is left out, and the page says so.
The pickle5 of before, 0.0.11 or 0.0.12, has our own import name and so goes to a folder that is not on the path (see
peers.py).
"""
import os
import subprocess
import sys

PACKAGES = ["pyperf", "numpy", "msgspec", "ormsgpack", "cloudpickle", "zodbpickle", "pandas", "scikit-learn",
            "matplotlib", "joblib", "distributed"]
if (3, 8) <= sys.version_info < (3, 11):
    PACKAGES.append("quickle")

HERE = os.path.dirname(os.path.abspath(__file__))

#: Where the pickle5 of before goes.
NAMESAKE = os.path.join(sys.prefix, "bench-peers")


def install(*what):
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    # pip says at length why it finds nothing; one line is enough here.
    result = subprocess.run(command + list(what), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    print("bench: %-15s %s" % (what[-1], "installed" if result.returncode == 0 else "no wheel, left out"), flush=True)
    return result.returncode == 0


def build_floor():
    """Compile floor.c, beside itself."""
    setup = ("from setuptools import Extension, setup; setup(name='floor', ext_modules=["
             "Extension('floor', ['floor.c'], extra_compile_args=['-O3'])])")
    built = subprocess.call([sys.executable, "-c", setup, "-q", "build_ext", "--inplace", "--build-temp",
                             os.path.join(HERE, os.pardir, "build", "floor")], cwd=HERE, stdout=subprocess.DEVNULL)
    print("bench: %-15s %s" % ("floor.c", "built" if built == 0 else "does not compile, left out"), flush=True)


def main():
    if sys.prefix == sys.base_prefix:
        sys.exit("bench.extras installs packages: start it with the Python of a virtual environment")
    for package in PACKAGES:
        install(package)
    build_floor()
    if sys.version_info < (3, 8):
        for version in ["0.0.11", "0.0.12"]:
            if install("--no-deps", "--upgrade", "--target", NAMESAKE, "pickle5==" + version):
                break


if __name__ == "__main__":
    main()
