"""docs/ecosystem.md: a section for each interpreter; those that are not run again stay as they are."""
import os
import re

import releases

HEAD = """# With the libraries people use

Written by `make ecosystem`; do not edit. On each interpreter real releases were installed from the package index, pickle5
as a wheel beside them, and every producer's object was sent through every consumer, under `pickle5.install()`.

A cell is a pair that works: what arrived is equal, and still whole when the producer's object is gone. It says

- **shared**: what arrived has the very memory of what was sent, and sees what the producer writes to it later; **copy**: it
  has memory of its own, and does not; **ok**: there is no one piece of memory to ask about (many small objects, nothing in it);
- the bytes in the stream, and after the + how many buffers travelled beside it, where the consumer tells;
- **read-only** or **writable** where what arrived is that and the original was the other; else it is kept.

`no (n)` cannot work, and note n says why; **FAILS** what should work. What is left out as a whole is named first, with why.
Objects are of 100,000 numbers (or bytes); one that others refuse to change in place was changed behind its back, by address.
"""
BEGIN = re.compile(r"^<!-- begin (\S+) -->$")


def cell(pair, notes):
    if "cannot" in pair:
        return "no (%d)" % note(notes, pair["cannot"])
    if "known" in pair:
        return "no (%d)" % note(notes, pair["known"])
    if "failed" in pair or not pair["equal"] or not pair["whole"]:
        return "**FAILS**"
    words = [{None: "ok", True: "shared", False: "copy"}[pair["shared"]]]
    if pair["in band"] is not None:
        words.append("{:,}".format(pair["in band"]) + ("" if pair["buffers"] is None else " + %d" % pair["buffers"]))
    if pair["writable"] is not pair["was writable"]:
        words.append("**%s**" % ("writable" if pair["writable"] else "read-only"))
    return ", ".join(words)


def note(notes, text):
    text = text.replace("ImportError: ", "").replace("|", "/")
    if text not in notes:
        notes.append(text)
    return notes.index(text) + 1


def section(results):
    notes, lines = [], ["## " + results["interpreter"], ""]
    lines += ["%s, %s. Releases: %s." % (results["about"], results["date"], ", ".join(
        "%s %s" % pair for pair in results["versions"].items())), ""]
    if results["lacking"]:
        lines += ["Not in the index that was asked, or with no wheel for this interpreter: %s." % "; ".join(
            "%s (%s)" % (name, why.replace("|", "/")) for name, why in results["lacking"].items()), ""]
    working = {name: found for name, found in results["consumers"].items() if not found.get("cannot")}
    producers = list(next(iter(working.values()))["pairs"])
    absent = []
    for name, found in results["consumers"].items():
        if found.get("cannot"):
            absent.append((name, found["cannot"]))
    for name in list(producers):
        reasons = [found["pairs"].get(name, {}).get("cannot") for found in working.values() if found["pairs"]]
        if all(reasons):
            absent.append((name, reasons[0]))
            producers.remove(name)
    for name, why in absent:
        package = why.split(" is not here: ")[0]
        lines.append("- %s: not run. %s" % (name, releases.WHY.get(package, why.replace("ImportError: ", ""))))
    lines += [""] * bool(absent)
    writers = [name for name, found in working.items() if found.get("by engine")]
    lines += ["The class or function that writes is one of the engine's, or a class over one, as was checked, in: %s." % ", ".join(writers), ""]
    names = [name for name in results["consumers"] if name in working]
    for at in range(0, len(names), 5):
        some = names[at:at + 5]
        lines += ["| | %s |" % " | ".join(some), "|---" * (len(some) + 1) + "|"]
        for producer in producers:
            cells = [cell(working[name]["pairs"].get(producer, {"failed": ""}), notes) for name in some]
            lines.append("| %s | %s |" % (producer, " | ".join(cells)))
        lines.append("")
    for number, text in enumerate(notes, 1):
        lines.append("%d. %s" % (number, text))
    lines += [""] * bool(notes)
    if results.get("own tests"):
        lines += ["### The libraries' own tests of pickling", "", "| library | tests | passed | failed | skipped | |", "|---|---|---|---|---|---|"]
        for row in results["own tests"]:
            lines.append("| %s | %s | %s | %s | %s | %s |" % tuple(str(each).replace("|", "/") for each in row))
        lines.append("")
    return "\n".join(lines)


def write(results, path):
    sections = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            key, kept = None, []
            for line in file.read().splitlines():
                found = BEGIN.match(line)
                if found:
                    key, kept = found.group(1), []
                elif line == "<!-- end -->" and key:
                    sections[key], key = "\n".join(kept), None
                else:
                    kept.append(line)
    key = results["interpreter"].replace(" ", "-")
    minor = key.rsplit(".", 1)[0] + "."
    for old in [each for each in sections if each.startswith(minor)]:
        del sections[old]
    sections[key] = section(results)
    order = sorted(sections, key=lambda key: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", key)])
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for key in order:
            file.write("\n<!-- begin %s -->\n%s\n<!-- end -->\n" % (key, sections[key].rstrip("\n")))
    print("wrote " + os.path.relpath(path))
