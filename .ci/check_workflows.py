"""Every command in .github/workflows is `make TARGET ...`, of a target that the Makefile has, and every action is pinned.

An action that stands in several places is pinned to the same commit and called the same version in all of them.
"""
import glob
import os
import re
import shlex

from ruamel.yaml import YAML

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
WORKFLOWS = os.path.join(ROOT, ".github", "workflows")
with open(os.path.join(ROOT, "Makefile")) as file:
    targets = set(re.findall(r"^([a-z][\w-]*):", file.read(), re.M))
ran, pins = set(), {}


def check_targets(words, where):
    """WORDS follow `make`.  TASK is what in-container and in-debian hand to a make of their own."""
    named = [word for word in words if "=" not in word and not word.startswith("-")]
    assert named and set(named) <= targets, "%s: not a task of the Makefile: make %s" % (where, " ".join(words))
    ran.update(named)
    for word in words:
        if word.startswith("TASK="):
            check_targets(shlex.split(word[5:]), where)


def check(step, where):
    if "uses" in step and step["uses"].startswith("./"):
        assert os.path.exists(os.path.join(ROOT, step["uses"])), "%s: there is no %s" % (where, step["uses"])
    elif "uses" in step:
        assert re.search(r"@[0-9a-f]{40}$", step["uses"]), "%s: %s is not pinned" % (where, step["uses"])
    for line in step.get("run", "").strip().splitlines():
        words = shlex.split(line)
        assert words[0] == "make", "%s: not make: %s" % (where, line)
        check_targets(words[1:], where)


count = 0
for path in sorted(glob.glob(os.path.join(WORKFLOWS, "*.yml"))):
    with open(path) as file:
        text = file.read()
    workflow = YAML(typ="safe").load(text)
    assert workflow.get("permissions") == {} or workflow["permissions"] == {"contents": "read"}, path
    for name, job in workflow["jobs"].items():
        for step in [job] + job.get("steps", []):
            check(step, "%s, %s" % (os.path.basename(path), name))
            count += 1
    # The comment is lost on the parser, and is what dependabot and people go by.
    for action, pin in re.findall(r"uses: ([^.\s]\S*)@(.+)$", text, re.M):
        assert re.match(r"[0-9a-f]{40} # v\d+\.\d+\.\d+$", pin), "%s: which version is %s@%s?" % (path, action, pin)
        assert pins.setdefault(action, pin) == pin, "%s: %s is %s here, and %s elsewhere" % (path, action, pin, pins[action])
print("%d steps: %d tasks of the Makefile, %d actions, each pinned to one commit" % (count, len(ran), len(pins)))
print("tasks: " + " ".join(sorted(ran)))
