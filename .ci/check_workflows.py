"""Every command in .github/workflows is `make TARGET ...`, of a target that the Makefile has, and every action is pinned."""
import glob
import os
import re

from ruamel.yaml import YAML

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
with open(os.path.join(ROOT, "Makefile")) as file:
    targets = set(re.findall(r"^([a-z][\w-]*):", file.read(), re.M))


def check(step, where):
    if "uses" in step:
        local = step["uses"].startswith("./")
        assert local or re.search(r"@[0-9a-f]{40}$", step["uses"]), "%s: %s is not pinned" % (where, step["uses"])
    for line in step.get("run", "").strip().splitlines():
        words = [word for word in line.split()[1:] if "=" not in word and not word.startswith(("-", "${{"))]
        assert line.split()[0] == "make" and words, "%s: not a task of the Makefile: %s" % (where, line)
        if words[0] not in targets and "$" not in words[0]:
            raise SystemExit("%s: the Makefile has no %s" % (where, words[0]))


count = 0
for path in sorted(glob.glob(os.path.join(ROOT, ".github", "workflows", "*.yml"))):
    with open(path) as file:
        workflow = YAML(typ="safe").load(file)
    assert workflow.get("permissions") == {} or workflow["permissions"] == {"contents": "read"}, path
    for name, job in workflow["jobs"].items():
        for step in [job] + job.get("steps", []):
            check(step, "%s, %s" % (os.path.basename(path), name))
            count += 1
print("%d steps, each a task of the Makefile or a pinned action" % count)
