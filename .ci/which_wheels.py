"""Which wheels a release has.  `make which-wheels` asks the three cibuildwheels what they would build, as wheels.yml tells them to.

They must name every wheel of `wanted()`, each of them once, and no other.  Nothing is built.
"""
import collections
import fnmatch
import os
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PYTHONS = ["cp36", "cp37", "cp38", "cp39", "cp310", "cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t"]
PLATFORMS = ["manylinux_x86_64", "manylinux_aarch64", "manylinux_i686", "manylinux_ppc64le", "manylinux_s390x",
             "manylinux_armv7l", "musllinux_x86_64", "musllinux_aarch64", "macosx_x86_64", "macosx_arm64",
             "win_amd64", "win32", "win_arm64"]
# What no cibuildwheel can build; there pip takes the wheel without the engine.
NOT_THERE = {
    "cp36-macosx_arm64": "python.org's first CPython for macOS on arm64 is a 3.8",
    "cp37-macosx_arm64": "the same",
    "cp36-win_arm64": "cibuildwheel's first CPython for Windows on ARM64 is a 3.9",
    "cp37-win_arm64": "the same",
    "cp38-win_arm64": "the same",
}


def wanted():
    every = ["%s-%s" % (python, platform) for python in PYTHONS for platform in PLATFORMS]
    return [name for name in every if name not in NOT_THERE]


def asked(tool, platform, arch, **settings):
    """What version TOOL of cibuildwheel says it would build."""
    flags = "--print-build-identifiers --allow-empty --platform %s --archs %s" % (platform, arch)
    output = subprocess.check_output(["make", "-s", "--no-print-directory", "cibuildwheel", "CIBW=" + tool, "FLAGS=" + flags, "SDIST=."],
                                     cwd=ROOT, env=dict(os.environ, **settings))
    return output.decode().split()


def jobs():
    """The settings of each job that wheels.yml's matrix makes, and whether its `exclude` takes it out again."""
    from ruamel.yaml import YAML
    with open(os.path.join(ROOT, ".github", "workflows", "wheels.yml")) as file:
        job = YAML(typ="safe").load(file)["jobs"]["wheels"]
    matrix = job["strategy"]["matrix"]
    enable, = [step["env"]["CIBW_ENABLE"] for step in job["steps"] if "CIBW_ENABLE" in step.get("env", {})]
    for pythons in matrix["pythons"]:
        for arch in matrix["arch"]:
            one = {"pythons": pythons, "arch": arch}
            out = one in matrix["exclude"]
            for more in matrix["include"]:
                if all(one[key] == more[key] for key in ("pythons", "arch") if key in more):
                    one.update(more)
            yield one, enable, out


def main():
    found = collections.Counter()
    for job, enable, out in jobs():
        system = job["os"].split("-")[0]
        platform = {"ubuntu": "linux", "macos": "macos", "windows": "windows"}[system]
        names = asked(job["tool"], platform, job["arch"].replace("macos-", ""),
                      CIBW_BUILD=job["pythons"], CIBW_SKIP=job["skip"], CIBW_ENABLE=enable)
        assert out == (not names), "%s on %s is %sexcluded, and would build %s" % (
            job["pythons"], job["arch"], "" if out else "not ", names)
        found.update(names)
    for platform in PLATFORMS:
        print("%-18s %s" % (platform, " ".join(name.split("-")[0] for name in sorted(found, key=wanted().index)
                                               if name.endswith("-" + platform))))
    for name, why in NOT_THERE.items():
        print("not there: %s: %s" % (name, why))
    missing, more = set(wanted()) - set(found), set(found) - set(wanted())
    assert not missing and not more, "missing: %s; not asked for: %s" % (sorted(missing), sorted(more))
    assert set(found.values()) == {1}, "built by two jobs: %s" % found
    print("%d wheels with the engine" % len(found))


def identifier(wheel):
    """cibuildwheel's name for what built the file WHEEL."""
    python, abi, platform = wheel[:-len(".whl")].split("-")[-3:]
    kind = platform.split(".")[0]
    for name in PLATFORMS:
        system, _, machine = name.partition("_")
        if kind == name or (kind.startswith(system) and machine and kind.endswith("_" + machine)):
            return python + ("t" if abi.endswith("t") else "") + "-" + name
    return None


def missing(wheels, pattern):
    """Those of `wanted()` that fit PATTERN and are not among the files WHEELS."""
    found = set(map(identifier, wheels))
    chosen = fnmatch.filter(wanted(), pattern)
    assert chosen, pattern + " fits no wheel"
    return [name for name in chosen if name not in found]


if __name__ == "__main__":
    sys.exit(main())
