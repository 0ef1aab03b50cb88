"""Every command in .github/workflows is `make TARGET ...`, of a target that the Makefile has, and every action is pinned.

An action that stands in several places is pinned to the same commit and called the same version in all of them.
Jobs read the repository and can do no more; the one that publishes runs no code of ours, and has its token and nothing else.
The release calls every other workflow, and what publishes waits for every other job.
"""
import glob
import os
import re
import shlex

from ruamel.yaml import YAML

import which_wheels

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


def check_permissions(job, where):
    """Least: none for the workflow, and for a job what it needs."""
    if job.get("environment") == "pypi":
        assert job["permissions"] == {"id-token": "write"}, where
        assert not [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]], where + " runs something of ours"
    else:
        assert job.get("permissions") == {"contents": "read"}, "%s may do too much: %s" % (where, job.get("permissions"))
        assert "environment" not in job, where
    assert "uses" in job or job.get("timeout-minutes"), where + " may run for ever"


def needs(job):
    need = job.get("needs", [])
    return {need} if isinstance(need, str) else set(need)


def check_release():
    """Whoever publishes is last; what it publishes, wheels.yml checked after it was built and tested."""
    release, wheels = workflows.pop("release.yml"), workflows["wheels.yml"]["jobs"]
    assert set(release["on"]) == {"push"} and set(release["on"]["push"]) == {"tags"}, "a release is a tag"
    called = {job["uses"].rpartition("/")[2] for job in release["jobs"].values() if "uses" in job}
    assert called == set(workflows), "the release does not call %s" % sorted(set(workflows) - called)
    for name, workflow in workflows.items():
        assert "workflow_call" in workflow["on"], name + " cannot be called"
    publishing = [name for name, job in release["jobs"].items() if job.get("environment") == "pypi"]
    assert publishing == ["publish"], publishing
    others = set(release["jobs"]) - {"publish"}
    assert needs(release["jobs"]["publish"]) == others, "publish waits for %s" % needs(release["jobs"]["publish"])
    # It takes the artifact "dist", which the last job of wheels.yml uploads.
    makers = [name for name, job in wheels.items() for step in job["steps"]
              if "upload-artifact" in step.get("uses", "") and step["with"]["name"] == "dist"]
    assert makers == ["check"] and needs(wheels["check"]) == set(wheels) - {"check"}, makers
    assert "make check-dist EVERY='*'" in [step.get("run") for step in wheels["check"]["steps"]]
    minors = [name[3:] for name in which_wheels.PYTHONS if not name.endswith("t")]
    assert wheels["first"]["strategy"]["matrix"]["python"] == ["3.%s.0" % minor for minor in minors]


count, workflows = 0, {}
for path in sorted(glob.glob(os.path.join(WORKFLOWS, "*.yml"))):
    with open(path) as file:
        text = file.read()
    workflow = YAML(typ="safe").load(text)
    workflows[os.path.basename(path)] = workflow
    assert workflow.get("permissions") == {}, path
    for name, job in workflow["jobs"].items():
        check_permissions(job, "%s, %s" % (os.path.basename(path), name))
        for step in [job] + job.get("steps", []):
            check(step, "%s, %s" % (os.path.basename(path), name))
            count += 1
    # The comment is lost on the parser, and is what dependabot and people go by.
    for action, pin in re.findall(r"uses: ([^.\s]\S*)@(.+)$", text, re.M):
        assert re.match(r"[0-9a-f]{40} # v\d+\.\d+\.\d+$", pin), "%s: which version is %s@%s?" % (path, action, pin)
        assert pins.setdefault(action, pin) == pin, "%s: %s is %s here, and %s elsewhere" % (path, action, pin, pins[action])
check_release()
print("%d steps: %d tasks of the Makefile, %d actions, each pinned to one commit" % (count, len(ran), len(pins)))
print("tasks: " + " ".join(sorted(ran)))
