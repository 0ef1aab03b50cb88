"""Run the suite on this interpreter: `python -m bench`, in a checkout with the engine built.

Raw results go to bench/results, and docs/benchmarks.md is written anew from all that lie there.  A run that was broken
off goes on with --resume, as long as the engine is the same.  A run of some cases only (--only) prints its ratios and
writes neither.
"""
import argparse
import collections
import datetime
import json
import os
import subprocess
import sys
import time

from bench import cases, figures, growth, machine, memory, page, peers, rounds, worker, workers

RESULTS = os.path.join(machine.ROOT, "bench", "results")
PARTS = ["cases", "memory", "growth", "workers"]


def arguments():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--full", action="store_true",
                        help="also the million records and the gigabyte out of band, each three times in one process, "
                             "and ten million objects")
    parser.add_argument("--quick", action="store_true", help="one process, fewer rounds, 32 MB for the memory")
    parser.add_argument("--smoke", action="store_true", help="does everything work?  each thing once; writes nothing")
    parser.add_argument("--only", metavar="CASE", nargs="+", default=[],
                        help="only these cases, or all with this in their names")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="which parts to run")
    parser.add_argument("--peers", metavar="NAME", nargs="*", help="only these beside the interpreter's own pickle")
    parser.add_argument("--processes", type=int, help="for each case (3)")
    parser.add_argument("--rounds", type=int, help="in each process (15)")
    parser.add_argument("--turn", type=float, default=0.01, metavar="SECONDS", help="length of one turn (0.01)")
    parser.add_argument("--cpu-time", action="store_true", help="for machines where others work too: see rounds.py")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run of the same engine measured")
    parser.add_argument("--page-only", action="store_true", help="write the page from the results that are there")
    parser.add_argument("--docs", default=os.path.join(machine.ROOT, "docs"), help="where the page goes")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args()
    options.processes = options.processes or (1 if options.quick else 3)
    options.rounds = options.rounds or (9 if options.quick else 15)
    if options.cpu_time:
        os.environ[rounds.CPU_TIME] = "1"
    if options.smoke:
        options.processes, options.turn = 1, None
    return options


class Run(object):
    """One run of the suite: the results so far, and where they are kept."""

    def __init__(self, options):
        self.options = options
        self.failures = []
        self.settings = {"processes": options.processes, "rounds": options.rounds, "turn": options.turn,
                         "clock": "processor time" if options.cpu_time else "wall time",
                         "megabytes": 4 if options.smoke else 32 if options.quick else 256}
        about = machine.describe()
        self.path = os.path.join(RESULTS, about["key"] + ".json")
        self.kept = not options.smoke and not options.only and options.peers is None
        self.results = None
        if (options.resume or options.parts != PARTS) and self.kept and os.path.exists(self.path):
            with open(self.path) as file:
                before = json.load(file, object_pairs_hook=collections.OrderedDict)
            if before["about"]["engine"] == about["engine"] and before["settings"] == self.settings:
                self.results = before
        if self.results is None:
            self.results = {"about": about, "settings": self.settings, "date": datetime.date.today().isoformat(),
                            "missing": {}, "cases": {}, "memory": {}, "growth": {}, "workers": {}}

    def save(self):
        if not self.kept:
            return
        os.makedirs(RESULTS, exist_ok=True)
        with open(self.path + ".new", "w") as file:
            json.dump(self.results, file, indent=1)
        os.replace(self.path + ".new", self.path)

    def wanted(self):
        """The cases to measure: what --only says is the whole name of a case, or a part of some names."""
        only = self.options.only
        return [name for name, case in cases.CASES.items()
                if name in only or (self.options.full or not case.full) and (
                    not only or any(part in name for part in only if part not in cases.CASES))]

    # --- the parts ---

    def ask(self, names, rounds, reverse=False):
        """What a new worker finds for NAMES; a worker that dies takes its cases with it."""
        settings = dict(cases=names, rounds=rounds, turn=self.options.turn, peers=self.options.peers,
                        reverse=reverse)
        process = subprocess.run([sys.executable, "-m", "bench.worker", json.dumps(settings)],
                                 stdout=subprocess.PIPE)
        if process.returncode != 0:
            return {name: {"failed": "the process ended with %d" % process.returncode} for name in names}
        answer = json.loads(process.stdout.decode(), object_pairs_hook=collections.OrderedDict)
        self.results["missing"] = answer["missing"]
        return answer["cases"]

    def cases(self):
        todo = [name for name in self.wanted() if name not in self.results["cases"]]
        print("%-24s %s   (times as fast as the interpreter's own pickle)" % (
            "", "  ".join("%-19s" % operation for operation in worker.OPERATIONS[:4])))
        if self.options.smoke:
            for name, found in self.ask(todo, self.options.rounds).items():
                self.enter(name, [found])
        else:
            for name in todo:
                answers = []
                # One call of a case that is so large takes seconds.
                processes, rounds = (1, min(self.options.rounds, 3)) if cases.CASES[name].full else (
                    self.options.processes, self.options.rounds)
                for process in range(processes):
                    answers.append(self.ask([name], rounds, process % 2 == 1)[name])
                    if "turns" not in answers[-1]:
                        break
                self.enter(name, answers)
                self.save()

    def enter(self, name, answers):
        last = answers[-1]
        if "turns" in last:
            last["turns"] = collections.OrderedDict(
                (operation, collections.OrderedDict(
                    (peer, [answer["turns"][operation][peer] for answer in answers]) for peer in turns))
                for operation, turns in last["turns"].items())
            cells = "  ".join("%-19s" % page.spread(figures.ratio(last, operation))
                              for operation in worker.OPERATIONS[:4])
        elif "skipped" in last:
            cells = "left out: " + last["skipped"]
        else:
            cells = "FAILED: " + last["failed"].strip().splitlines()[-1]
            self.failures.append("%s\n%s" % (name, last["failed"]))
        self.results["cases"][name] = last
        print("%-24s %s" % (name, cells), flush=True)

    def memory(self):
        print("\npeak of memory over the size of the pickle (pickle5 / pickle)")
        for name in memory.CASES:
            if name in self.results["memory"]:
                continue
            try:
                self.results["memory"][name] = memory.measure(name, self.settings["megabytes"])
            except (subprocess.CalledProcessError, ValueError) as error:
                self.failures.append("memory of %s: %s" % (name, error))
                continue
            print("%-24s %s" % (name, "  ".join("%s %.2f / %.2f" % (
                (operation,) + tuple(figures.memory_ratio(self.results, name, operation, module)
                                     for module in memory.MODULES)) for operation in memory.OPERATIONS)), flush=True)
            self.save()

    def growth(self):
        most = (10000 if self.options.smoke else 10000000 if self.options.full
                else 100000 if self.options.quick else 1000000)
        print("\nnanoseconds per object (pickle5 / pickle)")
        for shape in growth.SHAPES:
            points = self.results["growth"].setdefault(shape, collections.OrderedDict())
            for count in growth.COUNTS:
                if count > most or str(count) in points:
                    continue
                try:
                    found = points[str(count)] = growth.measure(
                        shape, count, self.options.rounds, self.options.turn)
                except subprocess.CalledProcessError as error:
                    self.failures.append("growth of %s to %d: %s" % (shape, count, error))
                    continue
                print("%-12s %10d  %s" % (shape, count, "  ".join("%s %.1f / %.1f" % (
                    (operation,) + tuple(figures.quartiles(found[operation][peer])[1] / count * 1e9
                                         for peer in (peers.OURS, peers.OWN)))
                    for operation in ("dumps", "loads"))), flush=True)
                self.save()

    def workers(self):
        print("\nmilliseconds of a round, without pickle5.install() and with it")
        results = self.results.setdefault("workers", {})
        for name, (what, needs, _) in workers.JOBS.items():
            if name in results:
                continue
            try:
                found = workers.measure(name, 1 if self.options.smoke else self.options.processes,
                                        1 if self.options.smoke else self.options.rounds)
            except subprocess.CalledProcessError as error:
                self.failures.append("workers, %s: %s" % (name, error))
                continue
            if found is None:
                print("%-34s %s is not installed" % (what, needs))
                continue
            results[name] = found
            plain, installed = workers.medians(found)
            print("%-34s %.1f / %.1f, %.2f times as fast" % (what, plain * 1e3, installed * 1e3, plain / installed), flush=True)
            self.save()

    def conclude(self):
        print()
        for operation in worker.OPERATIONS:
            values = figures.medians(self.results, operation)
            if values:
                print("%-10s geometric mean %.2f over %d cases; slowest %s" % (
                    operation, figures.geometric_mean(values.values()), len(values), ", ".join(
                        "%s %.2f" % (name, values[name]) for name in sorted(values, key=values.get)[:5])))
        for name, why in self.results["missing"].items():
            print("not here: %s (%s)" % (name, why))


def main():
    options = arguments()
    if options.list:
        for case in cases.CASES.values():
            print("%-24s %s%s" % (case.name, case.title, "  (--full)" if case.full else ""))
        return
    if not options.page_only:
        start = time.time()
        run = Run(options)
        for part in options.parts:
            if part == "cases" or not options.only:
                getattr(run, part)()
        run.save()
        run.conclude()
        if machine.describe()["engine"] != run.results["about"]["engine"]:
            sys.exit("bench: the engine was built anew while the suite ran, so these figures are of no one engine")
        print("%.0f s" % (time.time() - start))
        if run.failures:
            print("\n" + "\n\n".join(run.failures), file=sys.stderr)
            sys.exit("bench: %d failed" % len(run.failures))
        if not run.kept:
            return
        machine.write_pyperf(run.results, run.path.replace(".json", ".pyperf.json"))
    page.write(RESULTS, options.docs)


if __name__ == "__main__":
    main()
