"""Write docs/benchmarks.md: a section for each interpreter that was measured, and a table over all.

A section stays until its interpreter is measured again: those whose results are not in bench/results are taken over
from the page as it is.  Every section carries what the first table needs, in a comment.
"""
import collections
import glob
import json
import os
import re

from bench import cases, figures, growth, memory, peers, targets, workers

try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
except Exception:  # not installed, or it does not work on this interpreter
    pyplot = None

HEAD = """# Benchmarks

Written by `make bench`, which also measures; do not edit. Every figure is a ratio: how many times as fast as the peer
pickle5 is, so **over 1 is faster than the peer**. The peers work in the same process on the same object, in turn, round
by round; a ratio is the median over all rounds and processes of what one round gave, with the quartiles in brackets.
The peer is the interpreter's own C pickle where nothing else is said, and both use the highest protocol that both know.
Calls over 20 microseconds are timed one by one, and freeing what they return is not counted; for shorter ones it is.
The cases are defined in `bench/cases.py`, and how they are timed is told in `bench/rounds.py`.
"""

BEGIN = re.compile(r"^<!-- begin (\S+) (\{.*\}) -->$")
SPEED = "img/speed.png"
BLUE, GREY, GREEN, RED = "#2b6cb0", "#999999", "#2f855a", "#c05621"


def spread(found):
    return "-" if found is None else "%.2f (%.2f-%.2f)" % (found[1], found[0], found[2])


def short(value):
    return "-" if value is None else "%.2f" % value


def table(head, rows):
    return ["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head))] + [
        "| %s |" % " | ".join(str(cell).replace("|", "/") for cell in row) for row in rows] + [""]


# --- one interpreter --------------------------------------------------------------------------------------------

def title(results):
    kind = results["about"]["key"].split("-", 3)[3] if results["about"]["key"].count("-") > 2 else ""
    return results["about"]["facts"]["interpreter"] + (", %s" % kind if kind else "")


def summary(results):
    found = collections.OrderedDict(title=title(results), date=results["date"])
    for operation in ["dumps", "loads", "dump", "load"]:
        values = figures.medians(results, operation)
        mean = figures.geometric_mean(values.values())
        found[operation] = None if mean is None else round(mean, 2)
        found["least " + operation] = round(min(values.values()), 2) if values else None
    rows = targets.rows(results)
    found["met"] = "%d of %d" % (sum(row.met is True for row in rows), sum(row.met is not None for row in rows))
    return found


def section(results, folder):
    settings = results["settings"]
    lines = ["## " + title(results), ""]
    lines += table(["", ""], results["about"]["facts"].items())
    largest = any(cases.CASES[name].full for name in results["cases"])
    lines += ["Measured %s in %s; processes for each case: %d, rounds in each: %d%s; %d MB for the memory.%s" % (
        results["date"], settings["clock"], settings["processes"], settings["rounds"],
        " (the largest: 1 and 3)" if largest else "", settings["megabytes"], missing(results)), ""]
    lines += ["### Targets", ""]
    lines += table(["target", "wanted", "measured", "met"],
                   [(row.what, row.wanted, row.measured, {None: "", True: "yes", False: "**no**"}[row.met])
                    for row in targets.rows(results)])
    for name, draw in [("cases", draw_cases), ("memory", draw_memory), ("growth", draw_growth)]:
        file = "%s-%s.png" % (results["about"]["key"], name)
        if results[name] and pyplot is not None:
            os.makedirs(os.path.join(folder, "img"), exist_ok=True)
            draw(results, os.path.join(folder, "img", file))
        if results[name] and os.path.exists(os.path.join(folder, "img", file)):
            lines += ["![%s on %s](img/%s)" % (name, title(results), file), ""]
    lines += ["### Cases", ""] + case_table(results)
    lines += floor_table(results)
    lines += ["### Other serializers", ""] + peer_table(results, "dumps") + peer_table(results, "loads")
    lines += half_table(results)
    if results["memory"]:
        lines += ["### Peak of memory over the size of the pickle", "",
                  "pickle5's, and in brackets the interpreter's own pickle's.", ""] + memory_table(results)
    if any(results["growth"].values()):
        lines += ["### Nanoseconds for each object", "",
                  "pickle5's, and in brackets the interpreter's own pickle's.", ""] + growth_table(results)
    lines += workers_table(results)
    return "\n".join(lines).rstrip() + "\n"


def missing(results):
    said = " Not installed here, and so left out: %s." % ", ".join(results["missing"]) if results["missing"] else ""
    skipped = ["%s (%s)" % (cases.CASES[name].title, case["skipped"]) for name, case in results["cases"].items()
               if "skipped" in case and name in cases.CASES]
    return said + (" Cases left out: %s." % "; ".join(skipped) if skipped else "")


def measured(results):
    """(case, what was found), in the order of cases.py."""
    return [(case, results["cases"][name]) for name, case in cases.CASES.items()
            if "turns" in results["cases"].get(name, {})]


def case_table(results):
    def cell(found, operation):
        if peers.OWN in found["cannot"].get(operation, {}):
            return "pickle cannot"
        return spread(figures.ratio(found, operation))

    operations = ["dumps", "loads", "dump", "load"]
    rows = [[case.title, format(found["size"], ",")] + [cell(found, operation) for operation in operations]
            for case, found in measured(results)]
    for name, choose in [("geometric mean", figures.geometric_mean),
                         ("least", lambda values: min(values) if values else None)]:
        rows.append(["**%s**" % name, ""] + [
            "**%s**" % short(choose(list(figures.medians(results, operation).values()))) for operation in operations])
    return table(["case", "bytes", "dumps", "loads", "dump to a file", "load from a file"], rows)


def floor_table(results):
    """pickle5 and the floor, each beside the interpreter's own pickle, and the means over the cases that have a floor."""
    rows, columns = [], collections.defaultdict(list)
    for case, found in measured(results):
        if not any(figures.ratio(found, operation, of=peers.FLOOR) for operation in ("dumps", "loads")):
            continue
        row = [case.title]
        for operation in ("dumps", "loads"):
            bare = figures.ratio(found, operation, of=peers.FLOOR)
            ours = figures.ratio(found, operation)
            row += [short(ours and bare and ours[1]), short(ours and bare and bare[1])]
            if ours and bare:
                columns[operation, "ours"].append(ours[1])
                columns[operation, "bare"].append(bare[1])
        rows.append(row)
    if not rows:
        return []
    rows.append(["**geometric mean**"] + [
        "**%s**" % short(figures.geometric_mean(columns[operation, which]))
        for operation in ("dumps", "loads") for which in ("ours", "bare")])
    return ["### How far it could go", "",
            "Beside the interpreter's own pickle: pickle5, and a bare C loop (`bench/floor.c`) that knows beforehand what a "
            "pickle has to find out. For dumps it writes the same opcodes with no memo to ask and none to fill; for loads it "
            "makes the same objects with nothing to decode.", ""] + table(
                ["case", "dumps", "dumps, bare C", "loads", "loads, bare C"], rows)


def peer_table(results, operation):
    seen = {name for _, found in measured(results) for name in found["turns"].get(operation, {})}
    others = [name for name in peers.OTHERS if name in seen and name != peers.FLOOR]
    if not others:
        return []
    rows = []
    for case, found in measured(results):
        ratios = [figures.ratio(found, operation, name) for name in others]
        if any(ratios):
            rows.append([case.title] + [spread(one) for one in ratios])
    rows.append(["**geometric mean**"] + ["**%s**" % short(figures.geometric_mean(
        figures.medians(results, operation, name).values())) for name in others])
    head = "%s, beside others; a dash: does not take the object, or gives back something else." % operation
    return [head, ""] + table([operation] + others, rows)


def half_table(results):
    rows = [[case.title] + [spread(figures.ratio(found, "half " + operation)) for operation in ("dumps", "loads")]
            for case, found in measured(results) if "half dumps" in found["turns"]]
    if not rows:
        return ["The Python half (`_Pickler`, `_Unpickler`) is the interpreter's own here: the same classes.", ""]
    return ["### The Python half beside the interpreter's", ""] + table(["case", "dumps", "loads"], rows)


def memory_table(results):
    rows = []
    for name, (what, _) in memory.CASES.items():
        if name in results["memory"]:
            cells = []
            for operation in memory.OPERATIONS:
                cells.append("%.2f (%.2f)" % tuple(figures.memory_ratio(results, name, operation, module)
                                                   for module in memory.MODULES))
            rows.append([what, format(results["memory"][name]["size"], ",")] + cells)
    return table(["case", "bytes", "dumps", "dump to a file", "loads", "load from a file"], rows)


def growth_table(results):
    rows = []
    for shape, (what, _) in growth.SHAPES.items():
        for operation in ["dumps", "loads"]:
            ours, own = (dict(figures.growth_points(results, shape, operation, peer))
                         for peer in (peers.OURS, peers.OWN))
            rows.append(["%s, %s" % (what, operation)] + [
                "%.1f (%.1f)" % (ours[count], own[count]) if count in ours else "-" for count in growth.COUNTS])
    return table(["objects"] + [format(count, ",") for count in growth.COUNTS], rows)


def workers_table(results):
    rows = []
    for name, (what, _, _) in workers.JOBS.items():
        if name in results.get("workers", {}):
            plain, installed = workers.medians(results["workers"][name])
            rows.append([what, "%.1f" % (plain * 1e3), "%.1f" % (installed * 1e3), "%.2f" % (plain / installed)])
    if not rows:
        return []
    return ["### Programs with worker processes, under `python -m pickle5 --install`", "",
            "%d tables of %d records sent to two workers and back; milliseconds of wall time, medians." % (
                workers.TASKS, workers.ROWS), ""] + table(["", "without", "with", "times as fast"], rows)


# --- plots ------------------------------------------------------------------------------------------------------

def finish(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=75, metadata={"Software": None})
    pyplot.close(figure)


def draw_cases(results, path):
    """Bars of the ratios, dumps beside loads, with their quartiles."""
    rows = [(case, found) for case, found in reversed(measured(results))
            if figures.ratio(found, "dumps") or figures.ratio(found, "loads")]
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 1 + 0.21 * len(rows)), sharey=True)
    for axis, operation in zip(axes, ["dumps", "loads"]):
        for place, (case, found) in enumerate(rows):
            one = figures.ratio(found, operation)
            if one is not None:
                axis.barh(place, one[1] - 1, left=1, color=BLUE if one[1] >= 1 else RED, height=0.7,
                          xerr=[[one[1] - one[0]], [one[2] - one[1]]], error_kw={"ecolor": "#333333", "lw": 0.8})
        axis.axvline(1, color="black", lw=0.8)
        axis.set_xscale("log")
        axis.set_xlim(0.3, 20)
        axis.set_xticks([0.5, 1, 2, 4, 8, 16])
        axis.set_xticklabels(["0.5", "1", "2", "4", "8", "16"])
        axis.minorticks_off()
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
        axis.set_title("%s: times as fast as pickle" % operation, fontsize=10)
    axes[0].set_yticks(range(len(rows)))
    axes[0].set_yticklabels([case.title for case, _ in rows], fontsize=8)
    axes[0].set_ylim(-0.7, len(rows) - 0.3)
    figure.suptitle(title(results), fontsize=11)
    finish(figure, path)


def draw_memory(results, path):
    names = [name for name in reversed(list(memory.CASES)) if name in results["memory"]]
    figure, axes = pyplot.subplots(1, 4, figsize=(11, 1.2 + 0.35 * len(names)), sharey=True)
    for axis, operation in zip(axes, memory.OPERATIONS):
        for module, color, shift in [("pickle5", BLUE, 0.2), ("pickle", GREY, -0.2)]:
            axis.barh([place + shift for place in range(len(names))],
                      [figures.memory_ratio(results, name, operation, module) for name in names],
                      height=0.38, color=color, label=module)
        axis.set_title(targets.NAMES[operation], fontsize=10)
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(names)))
    axes[0].set_yticklabels([memory.CASES[name][0] for name in names], fontsize=8)
    axes[-1].legend(fontsize=8)
    figure.suptitle("%s: peak of memory over the size of the pickle" % title(results), fontsize=11)
    finish(figure, path)


def draw_growth(results, path):
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4))
    for axis, operation in zip(axes, ["dumps", "loads"]):
        for (shape, (what, _)), color in zip(growth.SHAPES.items(), [BLUE, GREEN, RED]):
            for peer, style in [(peers.OURS, "-"), (peers.OWN, ":")]:
                points = figures.growth_points(results, shape, operation, peer)
                if points:
                    axis.plot([count for count, _ in points], [cost for _, cost in points], style, color=color,
                              marker=".", label="%s, %s" % (what, peer))
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("objects")
        axis.set_title("%s: nanoseconds for each object" % operation, fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7)
    figure.suptitle(title(results), fontsize=11)
    finish(figure, path)


def draw_speed(summaries, path):
    """What README.md shows: for each interpreter the geometric means, and as a line in each bar the slowest case."""
    figure, axis = pyplot.subplots(figsize=(8, 1.2 + 0.42 * len(summaries)))
    places = range(len(summaries))
    for operation, color, shift in [("dumps", BLUE, 0.2), ("loads", GREEN, -0.2)]:
        for place, one in zip(places, reversed(summaries)):
            if one[operation] is not None:
                axis.barh(place + shift, one[operation], height=0.38, color=color)
                axis.text(one[operation], place + shift, " %.1f" % one[operation], va="center", fontsize=8)
                axis.plot([one["least " + operation]] * 2, [place + shift - 0.19, place + shift + 0.19], color="black", lw=1)
        axis.barh(0, 0, color=color, label=operation)
    axis.axvline(1, color=GREY, lw=0.8, ls=":")
    axis.set_yticks(places)
    axis.set_yticklabels([one["title"] for one in reversed(summaries)], fontsize=8)
    axis.set_title("times as fast as the interpreter's own pickle (black line: the slowest case)", fontsize=9)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    finish(figure, path)


# --- the page ---------------------------------------------------------------------------------------------------

def earlier(path):
    """{key: (summary, text)} of the sections that the page has now."""
    found, key, lines = {}, None, []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file.read().splitlines():
                begin = BEGIN.match(line)
                if begin:
                    key, about, lines = begin.group(1), begin.group(2), []
                elif line == "<!-- end -->" and key:
                    found[key] = json.loads(about, object_pairs_hook=collections.OrderedDict), "\n".join(lines) + "\n"
                    key = None
                else:
                    lines.append(line)
    return found


def age(text):
    """Sorts CPython 3.9 before 3.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def write(results_folder, docs):
    path = os.path.join(docs, "benchmarks.md")
    sections = earlier(path)
    for name in glob.glob(os.path.join(results_folder, "*.json")):
        if name.endswith(".pyperf.json"):
            continue
        with open(name) as file:
            results = json.load(file, object_pairs_hook=collections.OrderedDict)
        sections[results["about"]["key"]] = summary(results), section(results, docs)
    order = sorted(sections, key=lambda key: age(sections[key][0]["title"]))
    rows = []
    for key in order:
        about = sections[key][0]
        rows.append(["[%s](#%s)" % (about["title"], anchor(about["title"]))] + [
            "%s (%s)" % (short(about[operation]), short(about["least " + operation]))
            for operation in ["dumps", "loads", "dump", "load"]] + [about["met"], about["date"]])
    lines = [HEAD, "Geometric means over the cases, and in brackets the slowest case:", ""]
    picture = os.path.join(docs, SPEED)
    if pyplot is not None and order:
        os.makedirs(os.path.dirname(picture), exist_ok=True)
        draw_speed([sections[key][0] for key in order], picture)
    if os.path.exists(picture):
        lines += ["![speed](%s)" % SPEED, ""]
        put_into_readme(os.path.join(docs, os.pardir, "README.md"))
    lines += table(["interpreter", "dumps", "loads", "dump to a file", "load from a file", "targets met", "measured"],
                   rows)
    os.makedirs(docs, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
        for key in order:
            about, text = sections[key]
            file.write("\n<!-- begin %s %s -->\n%s<!-- end -->\n" % (key, json.dumps(about), text))
    print("wrote %s" % path)


def put_into_readme(path):
    """From the first measurement on the README has the picture, under a comment that marks its place."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(<!-- `make bench` puts .*-->\n)(\n\[!\[.*\n)?",
                              r"\1\n[![speed](docs/%s)](docs/benchmarks.md)\n" % SPEED, text))


def anchor(text):
    """The name a heading gets on the usual hosts."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
