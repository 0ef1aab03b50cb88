"""The targets, and how far each is met: what pickle5 wants to reach beside the interpreter's own pickle."""
import re

from bench import cases, figures, growth, memory, peers


class Row(object):
    """One target.  `met` is None where it could not be measured."""

    def __init__(self, what, wanted, measured, met):
        self.what, self.wanted, self.measured, self.met = what, wanted, measured, met


def version(results):
    return tuple(map(int, re.search(r" (\d+)\.(\d+)", results["about"]["facts"]["interpreter"]).groups()))


def at_least(what, wanted, found, names=True):
    """A target for the slowest of {case: ratio}."""
    if not found:
        return Row(what, "%.4g" % wanted, "not measured", None)
    slowest = min(found, key=found.get)
    below = sorted((name for name in found if found[name] < wanted), key=found.get)
    text = "%.2f" % found[slowest]
    if len(found) > 1:
        text += " (%s)" % cases.CASES[slowest].title
        if len(below) > 1:
            text += "; %d of %d below" % (len(below), len(found))
    return Row(what, "%.4g" % wanted, text, not below)


def pick(results, operation, names, peer=peers.OWN):
    found = figures.medians(results, operation, peer)
    return {name: found[name] for name in names if name in found}


def speed(results):
    new = version(results) >= (3, 12)
    for operation, wanted in [("dumps", 3.5 if new else 4.0), ("loads", 1.7 if new else 2.0)]:
        found = figures.medians(results, operation)
        mean = figures.geometric_mean(found.values())
        yield Row("%s: geometric mean" % operation, "%.1f" % wanted,
                  "not measured" if mean is None else "%.2f over %d cases" % (mean, len(found)),
                  None if mean is None else mean >= wanted)
    for operation in ["dumps", "loads"]:
        yield at_least("%s: no case below" % operation, 1.0, figures.medians(results, operation))
    for peer, wanted in [("marshal", 1.0), ("quickle", 1.0), ("msgspec", 1 / 1.2)]:
        found = figures.medians(results, "dumps", peer, lambda case: case.plain)
        if peer == "msgspec":
            found.pop("shared", None)
        if found:
            yield at_least("dumps of plain data beside %s" % peer, wanted, found)
    found = pick(results, "dumps", ["shared"], "msgspec")
    if found:
        yield at_least("dumps of shared references beside msgspec", 10, found)
    for operation in ["dumps", "loads"]:
        yield at_least("%s: a tiny message, one int, one small object" % operation, 2.0,
                       pick(results, operation, ["tiny_message", "one_int", "one_object"]))
        yield at_least("%s: plain instances, slots, dataclasses" % operation, 3.0,
                       pick(results, operation, ["instances", "slots", "dataclasses"]))
    yield at_least("dumps: datetimes", 5.0, pick(results, "dumps", ["datetimes"]))
    yield at_least("dumps: 64 MB in band, where madvise gives huge pages", 3.0,
                   pick(results, "dumps", ["numpy_64mb", "bytes_64mb"]))
    for operation in ["dumps", "loads"]:
        case = results["cases"].get("numpy_1gb_oob", results["cases"].get("numpy_64mb_oob", {}))
        took = figures.seconds(case, operation)
        size = "1 GB" if "numpy_1gb_oob" in results["cases"] else "64 MB"
        yield Row("%s: out of band, microseconds" % operation, "20",
                  "not measured" if took is None else "%.1f (%s)" % (took * 1e6, size),
                  None if took is None else took < 20e-6)
    for operation in ["half dumps", "half loads"]:
        found = figures.medians(results, operation)
        if found:
            # The same work in the same language: noise must not decide.
            row = at_least("the Python half: %s" % operation[5:], 0.97, found)
            row.wanted = "1.0"
            yield row


#: case, operation, at most
MEMORY = [("ascii", "dump", 0.02), ("ascii", "load", 1.0), ("wide", "dumps", 1.05), ("wide", "load", 1.1),
          ("dicts", "dump", 1.2), ("strings", "dump", 1.2), ("instances", "dump", 3.0),
          ("bytes", "dumps", 1.0), ("bytes", "loads", 1.0), ("bytearray", "dumps", 1.0), ("bytearray", "loads", 1.0),
          ("array", "dumps", 1.0), ("array", "loads", 1.0), ("bytes", "dump", 0.0), ("bytearray", "dump", 0.0),
          ("array", "dump", 0.0)]
NAMES = {"dumps": "dumps", "loads": "loads", "dump": "dumped to a file", "load": "loaded from a file"}


def memory_rows(results):
    for name, operation, wanted in MEMORY:
        ours, own = (figures.memory_ratio(results, name, operation, module) for module in memory.MODULES)
        if ours is None:
            continue
        # What starting and buffering take is not the pickle's: 1 % of it, and at least a megabyte.
        slack = max(0.01, 1e6 / results["memory"][name]["size"])
        yield Row("memory: %s, %s" % (memory.CASES[name][0], NAMES[operation]), "%.4g" % wanted,
                  "%.2f (pickle: %.2f)" % (ours, own), ours <= wanted + slack)


def growth_rows(results):
    for shape, (title, _) in growth.SHAPES.items():
        for operation in ["dumps", "loads"]:
            points = [point for point in figures.growth_points(results, shape, operation, peers.OURS)
                      if point[0] >= 10000]
            if len(points) < 2:
                continue
            base = dict(points)[10000]
            worst = max(cost / base for _, cost in points)
            yield Row("growth: %s, %s, from 10,000 to %s" % (title, operation, format(points[-1][0], ",")), "1.5",
                      "%.2f" % worst, worst <= 1.5)


def rows(results):
    return list(speed(results)) + list(memory_rows(results)) + list(growth_rows(results))
