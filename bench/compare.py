"""What got slower?  `python bench/compare.py REV1 [REV2]` sets two commits side by side on this interpreter.

Both are built in temporary folders, from `git archive`, so that nothing is left in the checkout and uncommitted work
is safe; `.` (the default for REV2) is the working tree as it is.  Both engines are loaded into one process, where they
take turns as the peers of the suite do, and callgrind counts the instructions of each call.  Times are noisy
and counts are not, but counts know nothing of caches and branches: look at both.
"""
import argparse
import collections
import glob
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if __name__ == "__main__":
    sys.path.insert(0, ROOT)

CASES = """pyperformance_pickle pyperformance_list pyperformance_dict records_1 records_100 ints_small ints_32 ints_64
floats str_ascii_short str_2_byte tuples dict_by_str dict_by_int sets shared bytes_short instances slots dataclasses
namedtuples enums datetimes decimals uuids tiny_message one_int one_object deep_400 json_document""".split()

#: More instructions than this, or times whose median and upper quartile are below these ratios, are called slower.
MORE, MEDIAN, QUARTILE = 1.01, 0.95, 0.97


def git(*what):
    return subprocess.check_output(("git", "-C", ROOT) + what)


def lay_out(revision, folder):
    """Put the files of REVISION into FOLDER, without the suite: that is this one, for both."""
    if revision != ".":
        with tarfile.open(fileobj=io.BytesIO(git("archive", revision))) as archive:
            archive.extractall(folder)
        shutil.rmtree(os.path.join(folder, "bench"), ignore_errors=True)
        return
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        source = os.path.join(ROOT, name)
        if name and not name.startswith("bench/") and os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy(source, os.path.join(folder, name))


def build(revision, folder):
    """Build REVISION in FOLDER, and return the path of its engine."""
    os.mkdir(folder)
    lay_out(revision, folder)
    subprocess.check_call([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder,
                          env=dict(os.environ, PICKLE5_REQUIRE_C="1"), stdout=subprocess.DEVNULL)
    return glob.glob(os.path.join(folder, "pickle5", "_pickle*.so"))[0]


def name_of(revision):
    return "the working tree" if revision == "." else git("log", "-1", "--format=%h %s", revision).decode().strip()


def take_times(names, engines, options, environment, folder):
    """{case: what the workers found}; each case has processes of its own, and every other one the other order."""
    found = collections.OrderedDict()
    for name in names:
        answers = []
        for process in range(options.processes):
            settings = dict(cases=[name], rounds=options.rounds, turn=options.turn, engines=engines,
                            reverse=process % 2 == 1)
            answers.append(json.loads(subprocess.check_output(
                [sys.executable, "-m", "bench.worker", json.dumps(settings)], env=environment, cwd=folder).decode())
                ["cases"][name])
        last = answers[-1]
        if "turns" in last:
            last["turns"] = {operation: {peer: [answer["turns"][operation][peer] for answer in answers]
                                         for peer in turns} for operation, turns in last["turns"].items()}
        found[name] = last
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def report(times, counts, files):
    from bench import figures, page
    slower = []
    print("%-22s %-6s %-20s %14s %14s  %s" % ("", "", "times as fast", "instructions", "now", "change"))
    for name, found in times.items():
        if "turns" not in found:
            print("%-22s left out: %s" % (name, found.get("skipped") or found["failed"].strip().splitlines()[-1]))
            continue
        for operation in ["dumps", "loads"] + (["dump", "load"] if files else []):
            ratio = figures.ratio(found, operation)
            pair = (counts or {}).get(name, {}).get(operation)
            marks = []
            if ratio is not None and ratio[1] < MEDIAN and ratio[2] < QUARTILE:
                marks.append("time")
            if pair and pair[1] > pair[0] * MORE:
                marks.append("instructions")
            cells = ("%14s %14s %+7.1f %%" % (format(pair[0], ","), format(pair[1], ","),
                                             (pair[1] / pair[0] - 1) * 100) if pair else "%40s" % "")
            print("%-22s %-6s %-20s %s  %s" % (name, operation, page.spread(ratio), cells,
                                               "SLOWER: " + " and ".join(marks) if marks else ""))
            if marks:
                slower.append("%s %s (%s)" % (name, operation, " and ".join(marks)))
    for operation in ["dumps", "loads"]:
        pairs = [(counts or {}).get(name, {}).get(operation) for name in times]
        print("%s: geometric mean of the times %s, of the instructions %s" % (
            operation, page.short(figures.geometric_mean(
                ratio[1] for ratio in (figures.ratio(found, operation) for found in times.values()) if ratio)),
            page.short(figures.geometric_mean(pair[0] / pair[1] for pair in pairs if pair))))
    print("slower: " + (", ".join(slower) or "nothing"))
    return slower


def main():
    parser = argparse.ArgumentParser(prog="bench/compare.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("before", metavar="REV1")
    parser.add_argument("after", metavar="REV2", nargs="?", default=".")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="full names; `all` for all but the largest")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--turn", type=float, default=0.01)
    parser.add_argument("--cpu-time", action="store_true", help="for machines where others work too")
    parser.add_argument("--files", action="store_true", help="also dump to a file and load from one")
    parser.add_argument("--no-counts", action="store_true", help="times only")
    parser.add_argument("--check", action="store_true", help="end with status 1 when something got slower")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engines = [build(revision, os.path.join(folder, side))
                   for side, revision in [("before", options.before), ("after", options.after)]]
        # `import pickle5` in the workers is the second; `bench` is this one.
        path = os.pathsep.join([os.path.join(folder, "after"), ROOT])
        environment = dict(os.environ, PYTHONPATH=path)
        from bench import cases, counts, rounds
        if options.cpu_time:
            environment[rounds.CPU_TIME] = "1"
        names = options.cases or CASES
        if names == ["all"]:
            names = [case.name for case in cases.CASES.values() if not case.full]
        unknown = [name for name in names if name not in cases.CASES]
        if unknown:
            sys.exit("no such case: " + ", ".join(unknown))
        times = take_times(names, engines, options, environment, folder)
        counted = None
        if not options.no_counts:
            counted = counts.measure([name for name in names if cases.CASES[name].group != "bulk"], folder,
                                     engines[0], engines[1], environment)
            if counted is None:
                print("no instruction counts: they need valgrind with its headers, and a C compiler")
    print("before: %s\nnow:    %s\non %s" % (name_of(options.before), name_of(options.after),
                                            sys.version.replace("\n", " ")))
    slower = report(times, counted, options.files)
    if options.check and slower:
        sys.exit(1)


if __name__ == "__main__":
    main()
