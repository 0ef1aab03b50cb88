"""The libraries' own tests of pickling: on 3.6 and 3.7 with pickle5 there for them to find, later under its install().

The tests are those that the packages install, or those of the same release's source distribution, which is fetched for it.
What fails is run again without pickle5: only what passes there, and not with it, is held against us.
"""
import collections
import glob
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree

import started

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALL = sys.version_info >= (3, 8)
SECONDS = 900

PROGRAMS = "programs"       # as a match: each file is a program, and one test

Tests = collections.namedtuple("Tests", "library source files match")
TESTS = [
    Tests("numpy", "installed", ["numpy/*core/tests/test_multiarray.py", "numpy/*core/tests/test_dtype.py",
                                 "numpy/*core/tests/test_regression.py", "numpy/*core/tests/test_datetime.py",
                                 "numpy/*core/tests/test_records.py", "numpy/ma/tests/test_core.py",
                                 "numpy/lib/tests/test_format.py"], "pickl or format"),
    Tests("cloudpickle", "source", ["tests/cloudpickle_test.py"], None),
    Tests("distributed", "source", ["distributed/protocol/tests/test_pickle.py", "distributed/protocol/tests/test_numpy.py",
                                    "distributed/protocol/tests/test_protocol.py"], None),
    Tests("pyarrow", "installed", ["pyarrow/tests/test_array.py", "pyarrow/tests/test_io.py", "pyarrow/tests/test_table.py",
                                   "pyarrow/tests/test_types.py", "pyarrow/tests/test_schema.py",
                                   "pyarrow/tests/test_scalars.py"], "pickl"),
    Tests("pandas", "installed", ["pandas/tests/io/test_pickle.py", "pandas/tests/arrays/test_datetimes.py",
                                  "pandas/tests/indexes/multi/test_copy.py", "pandas/tests/indexes/period/test_pickle.py",
                                  "pandas/tests/indexes/datetimes/test_pickle.py",
                                  "pandas/tests/indexes/interval/test_pickle.py"], "pickl"),
    Tests("joblib", "installed", ["joblib/test/test_numpy_pickle.py", "joblib/test/test_hashing.py",
                                  "joblib/test/test_cloudpickle_wrapper.py"], None),
    Tests("numba", "installed", ["numba/tests/test_serialize.py"], None),
    Tests("dill", "installed", ["dill/tests/test_*.py"], PROGRAMS),
    Tests("scipy", "installed", ["scipy/sparse/tests/test_base.py"], "pickl"),
    Tests("scikit-learn", "installed", ["sklearn/tests/test_base.py", "sklearn/ensemble/tests/test_forest.py",
                                        "sklearn/tree/tests/test_tree.py"], "pickl"),
    Tests("xarray", "installed", ["xarray/tests/test_dataset.py", "xarray/tests/test_dataarray.py",
                                  "xarray/tests/test_variable.py"], "pickl"),
]


#: Where a release's source distribution has no tests: the last release whose has them.
LAST_TESTS = {("cloudpickle", "3.1.2"): "3.1.0"}


def source_of(python, library, version, folder):
    """The unpacked source distribution of a release."""
    constraint = os.path.join(folder, "constraint.txt")
    with open(constraint, "w") as file:
        file.write("flit_core<4\n")     # later ones do not take what cloudpickle's pyproject.toml says
    _, output = started.run([python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", library, "-d", folder,
                             "%s==%s" % (library, version)], SECONDS, env=dict(os.environ, PIP_BUILD_CONSTRAINT=constraint))
    found = glob.glob(os.path.join(folder, library + "-*.tar.gz"))
    if not found:
        raise ImportError("no source distribution to be had: %s" % output.strip().split("\n")[-1][:120])
    with tarfile.open(found[0]) as archive:
        archive.extractall(folder)
    return found[0][:-len(".tar.gz")]


def run_pytest(python, where, files, match, without=False):
    """{test: "passed", "failed" or "skipped"} and the end of the output."""
    if match == PROGRAMS:
        return run_programs(python, files, without)
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        command = [python] + (["-m", "pickle5", "--install"] if INSTALL and not without else []) + [
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report, "-o", "addopts=", "--rootdir", where,
            "--continue-on-collection-errors"]
        command += ["-p", "without_pickle5"] if without else []
        command += (["-k", match] if match else []) + files
        # cloudpickle's tests want this package of theirs to be importable
        path = [HERE, os.path.join(where, "tests", "cloudpickle_testpkg")]
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(path), PYTHONDONTWRITEBYTECODE="1")
        status, output = started.run(command, SECONDS, cwd=folder, env=env)
        if status is None:
            raise RuntimeError("stopped after %d seconds" % SECONDS)
        if not os.path.exists(report):
            raise RuntimeError("exit status %d" % status + output[-2000:])
        found = collections.OrderedDict()
        for case in ElementTree.parse(report).iter("testcase"):
            kinds = {child.tag for child in case}
            name = "%s.%s" % (case.get("classname"), case.get("name"))
            found[name] = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        return found, output


def run_programs(python, files, without=False):
    """The same, of files that are programs."""
    found, outputs = collections.OrderedDict(), []
    start = [python] + (["-m", "pickle5", "--install"] if INSTALL and not without else [])
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=HERE)
            command = [python, os.path.join(HERE, "without_pickle5.py"), file] if without else start + [file]
            status, output = started.run(command, SECONDS, cwd=folder, env=env)
        found[os.path.basename(file)] = "passed" if status == 0 else "failed"
        outputs.append("" if status == 0 else "%s: %s\n%s" % (file, status, output[-2000:]))
    return found, "\n".join(outputs)


def one(python, tests, version, folder, site):
    source, release = tests.source, LAST_TESTS.get((tests.library, version), version)
    if source == "source" and release != version:
        source = "source of " + release
    where = site if source == "installed" else source_of(python, tests.library, release, folder)
    if source.startswith("source of "):
        shutil.rmtree(os.path.join(where, tests.library))   # else it would be what is tested
    files = [file for pattern in tests.files for file in sorted(glob.glob(os.path.join(where, pattern)))]
    if not files:
        raise ImportError("its tests are not there: not " + ("installed with it" if where == site
                          else "in its source distribution"))
    found, output = run_pytest(python, where, files, tests.match)
    failed = [name for name, verdict in found.items() if verdict == "failed"]
    ours = []
    if failed:
        before, _ = run_pytest(python, where, files, tests.match, without=True)
        ours = [name for name in failed if before.get(name) == "passed"]
    count = lambda verdict: sum(each == verdict for each in found.values())  # noqa: E731
    words = "%d of those fail without pickle5 too" % (len(failed) - len(ours)) if failed else ""
    return ["%s %s" % (tests.library, version), source, count("passed"), count("failed"), count("skipped"), words], ours, output


def run(python, folder, libraries):
    """The rows for the page, and lines about what fails because of pickle5; of these libraries, or of all."""
    import json
    listed = json.loads(subprocess.check_output([python, "-m", "pip", "list", "--format", "json"]).decode())
    versions = {each["name"].lower(): each["version"] for each in listed}
    site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_paths()['platlib'])"]).decode().strip()
    rows, wrong = [], []
    for tests in TESTS:
        if tests.library not in versions or libraries and tests.library not in libraries:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as own:
            try:
                row, ours, output = one(python, tests, versions[tests.library], own, site)
            except (ImportError, RuntimeError) as error:
                row, ours, output = ["%s %s" % (tests.library, versions[tests.library]), tests.source, "-", "-", "-",
                                     str(error).split("\n")[0]], [], str(error)
                print(output)
        print("%-24s %s" % (row[0], row[1:]), flush=True)
        rows.append(row)
        if ours:
            print(output[-6000:])
        wrong += ["%s: %s fails with pickle5" % (tests.library, name) for name in ours]
    return rows, wrong
