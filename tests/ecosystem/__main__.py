"""The matrix of producers and consumers, with real releases: `make ecosystem`, or `python tests/ecosystem`.

An environment for this interpreter is made in build/ecosystem (or in --folder), the releases of releases.py are installed
there, and pickle5 as a wheel of this checkout.  Then each consumer runs with every producer (pairs.py), the libraries' own
pickle tests run (own_tests.py), and this interpreter's part of docs/ecosystem.md is written.
The exit status is 1 if a pair fails that KNOWN does not explain.

What is not installed here: a PyPy, which PICKLE5_PYPY names, and xtensor's headers, which the C++ compiler must find (Debian:
libxtensor-dev; or CPLUS_INCLUDE_PATH).  Whatever is not there is left out, and the page says so.
"""
import argparse
import collections
import datetime
import fnmatch
import glob
import json
import os
import platform
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import page  # noqa: E402
import releases  # noqa: E402
import started  # noqa: E402

INSTALL_SECONDS = 1500      # for one package, and what it needs

#: (consumer, producer, why it cannot work): each a limit of that library, with the interpreter's own pickle as well.
KNOWN = [
    ("dill", "NumPy memmap", "dill pickles the mapping behind it, which has no pickle"),
    ("ipyparallel", "NumPy Fortran order", "ipyparallel sends arrays in a way of its own, and forgets their order"),
    ("ipyparallel", "NumPy datetime64", "ipyparallel sends arrays in a way of its own, as buffers, and these are none"),
    ("Ray", "ctypes array", "Ray reads the strides of every buffer, and dies where there are none (with the stdlib's pickle as well)"),
]


def known(consumer, producer):
    for each in KNOWN:
        if fnmatch.fnmatchcase(consumer, each[0]) and fnmatch.fnmatchcase(producer, each[1]):
            return each[2]
    return None


def environment(folder, big):
    """Make the virtual environment, or go on with it; return its Python and {package: why it is not there}."""
    key = "%s-%s" % (sys.implementation.cache_tag, platform.machine())
    path = os.path.join(folder, key)
    python = os.path.join(path, "Scripts" if os.name == "nt" else "bin", "python")
    pip = lambda *args: started.run((python, "-m", "pip", "install", "-q", "--disable-pip-version-check") + args,  # noqa: E731
                                    INSTALL_SECONDS, env=env)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # the MPI that is installed here brings the compiler that mpi4py is built with
    env["PATH"] = os.path.dirname(python) + os.pathsep + env.get("PATH", "")
    if not os.path.exists(python):
        subprocess.check_call([sys.executable, "-m", "venv", path])
        pip("-U", *(["pip<22", "setuptools<60", "wheel<0.38"] if sys.version_info < (3, 7) else ["pip", "setuptools", "wheel"]))
    lacking_file = os.path.join(path, "lacking.json")
    lacking = collections.OrderedDict()
    if os.path.exists(lacking_file):
        with open(lacking_file) as file:
            lacking.update(json.load(file))
    have = json.loads(subprocess.check_output([python, "-m", "pip", "list", "--format", "json"], env=env).decode())
    have = {each["name"].lower().replace("_", "-") for each in have}
    for package in ["pytest"] + releases.wanted(big):
        name = package.split("==")[0]
        if name in have or name in lacking:
            continue
        status, output = pip("--only-binary", ":all:", package)
        if status != 0 and "==" in package:
            # it, or what it needs, may have no wheel and still install
            status, output = pip(package)
        print("%-24s %s" % (package, "installed" if status == 0 else "not to be had"), flush=True)
        if status != 0:
            errors = [line for line in output.splitlines() if line.startswith("ERROR")]
            lacking[name] = (errors or ["ERROR: pip failed"])[-1][len("ERROR: "):][:150]
    with open(lacking_file, "w") as file:
        json.dump(lacking, file)
    build_xtensor(python, path, env)
    env["PICKLE5_REQUIRE_C"] = "1"
    status, output = pip("--no-deps", "--force-reinstall", ROOT)
    if status != 0:
        sys.exit(output)
    return python, lacking


def build_xtensor(python, path, env):
    """An extension module of xtensor's arrays, where the compiler finds xtensor (Debian: libxtensor-dev)."""
    ask = lambda *args: subprocess.check_output((python,) + args, env=env).decode().strip()  # noqa: E731
    where = ask("-c", "import sysconfig as s; print(s.get_path('platlib') + '/xtensor_arrays' + s.get_config_var('EXT_SUFFIX'))")
    if os.path.exists(where):
        return
    try:
        status, output = started.run(["c++", "-O1", "-std=c++20", "-shared", "-fPIC", "-o", where] + ask("-m", "pybind11", "--includes").split()
                                     + [os.path.join(HERE, "xtensor_arrays.cpp")], INSTALL_SECONDS, env=env)
    except (OSError, subprocess.CalledProcessError) as error:
        status, output = 1, str(error)
    print("%-24s %s" % ("xtensor's arrays", "built" if status == 0 else "not to be had: " + output[:300]), flush=True)


def versions(python):
    listed = json.loads(subprocess.check_output([python, "-m", "pip", "list", "--format", "json"]).decode())
    found = {each["name"].lower().replace("_", "-"): each["version"] for each in listed}
    names = [package.split("==")[0] for package in releases.wanted(True)]
    return collections.OrderedDict((name, found[name]) for name in names if name in found)


def run_consumers(python, names, seconds):
    """Yield (consumer, what was found, output), all in one process, and in a new one after each that ends it."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env.update(PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1")
    left = list(names)
    while left:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "found.json")
            command = [python, os.path.join(HERE, "pairs.py"), path, str(seconds)] + left
            status, output = started.run(command, 60 + seconds * len(left), env=dict(env, TMPDIR=folder), cwd=folder)
            found = collections.OrderedDict()
            if os.path.exists(path):
                with open(path) as file:
                    found = json.load(file, object_pairs_hook=collections.OrderedDict)
        if not found:
            sys.exit(output)
        for name, each in found.items():
            if each.pop("ended", None):
                each["failed"] = "the process ended (%s), or more than %d seconds" % (status, seconds)
                each.setdefault("pairs", {})
            left.remove(name)
            yield name, each, output.split("=== %s\n" % name)[-1].split("\n=== ")[0]


def judge(name, found):
    """The lines about what is wrong, and the words for a person."""
    wrong = []
    if found.get("failed"):
        wrong.append("%s: %s" % (name, found["failed"]))
    if found.get("by engine") is False:
        wrong.append("%s does not write with the engine" % name)
    good = unable = 0
    for producer, pair in found["pairs"].items():
        if "cannot" in pair:
            unable += 1
        elif "failed" in pair or not pair["equal"] or not pair["whole"]:
            why = known(name, producer)
            if why:
                pair["known"] = why
            else:
                wrong.append("%s, %s: %s" % (name, producer, pair.get("failed", "not equal")))
        else:
            good += 1
    if found.get("cannot"):
        return wrong, "cannot: " + found["cannot"]
    explained = sum("known" in pair for pair in found["pairs"].values())
    return wrong, "%d pairs work, %d have no producer here, %d are known not to, %d fail" % (
        good, unable, explained, len(found["pairs"]) - good - unable - explained)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n")[2])
    parser.add_argument("--folder", default=os.path.join(ROOT, "build", "ecosystem"), help="where environments go")
    parser.add_argument("--big", action="store_true", help="also PyTorch, TensorFlow and Ray")
    parser.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="only consumers with this in their names")
    parser.add_argument("--seconds", type=int, default=300, help="for each consumer")
    parser.add_argument("--parts", nargs="+", choices=["pairs", "own-tests"], default=["pairs", "own-tests"],
                        help="what to run; of the other part the page keeps what it found last time")
    parser.add_argument("--libraries", nargs="+", default=[], help="only the own tests of these")
    parser.add_argument("--page", action="store_true", help="only write the page, from what was found last time on each interpreter")
    options = parser.parse_args()
    docs = os.path.join(ROOT, "docs", "ecosystem.md")
    if options.page:
        for kept in sorted(glob.glob(os.path.join(options.folder, "*", "results.json"))):
            with open(kept) as file:
                page.write(json.load(file, object_pairs_hook=collections.OrderedDict), docs)
        return 0
    python, lacking = environment(options.folder, options.big)
    names = json.loads(subprocess.check_output([python, "-c", "import sys, json; sys.path.insert(0, %r); import pickle5; "
                                                "pickle5.install(); import consumers; print(json.dumps(list(consumers.CONSUMERS)))"
                                                % HERE], cwd=HERE).decode())
    about = subprocess.check_output([python, "-m", "pickle5", "--version"], cwd=options.folder).decode().split(":")[0]
    kept = os.path.join(os.path.dirname(os.path.dirname(python)), "results.json")
    results = collections.OrderedDict(consumers=collections.OrderedDict())
    if os.path.exists(kept):
        with open(kept) as file:
            results = json.load(file, object_pairs_hook=collections.OrderedDict)
    results.update(interpreter="%s %s" % (platform.python_implementation(), platform.python_version()),
                   date=datetime.date.today().isoformat(), about=about, versions=versions(python), lacking=lacking)
    print(about)
    wrong = []
    if "pairs" in options.parts:
        some = [name for name in names if not options.only or any(part in name for part in options.only)]
        for name, found, output in run_consumers(python, some, options.seconds):
            lines, words = judge(name, found)
            wrong += lines
            print("%-40s %s" % (name, words), flush=True)
            if lines:
                print(output[-6000:])
            results["consumers"][name] = found
    if "own-tests" in options.parts and not options.only:
        import own_tests
        rows, lines = own_tests.run(python, options.folder, options.libraries)
        again = {row[0].split()[0] for row in rows}
        results["own tests"] = [row for row in results.get("own tests", []) if row[0].split()[0] not in again] + rows
        wrong += lines
    results["consumers"] = collections.OrderedDict(
        (name, results["consumers"][name]) for name in names if name in results["consumers"])
    print("\n".join(wrong) or "all that can work works")
    with open(kept, "w") as file:
        json.dump(results, file)
    page.write(results, docs)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
