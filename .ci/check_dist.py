"""Check what is about to be published: `python .ci/check_dist.py dist [PATTERN]`.

In each wheel: the licence, a bill of materials that CycloneDX's own schema accepts, the type stubs, the modules, and the
engine in all but the pure one.  All of one version, which is the package's, and for the Pythons that .ci/which_wheels.py
names.  No classifier that PyPI would refuse.  With PATTERN every wheel of .ci/which_wheels.py that fits it must be there:
'*' before a release, 'cp*[0-9]-manylinux_x86_64' for what one machine with each CPython makes.
"""
import glob
import os
import re
import sys
import tarfile
import zipfile
from email.parser import Parser

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from trove_classifiers import classifiers

import which_wheels

folder = sys.argv[1]
with open(os.path.join(os.path.dirname(__file__), "..", "pickle5", "__init__.py")) as file:
    version = re.search(r'^__version__ = "(.+)"$', file.read(), re.M).group(1)
EVERYWHERE = ["pickle5/__init__.py", "pickle5/Lib/_base.py", "pickle5/Lib/pickle.py", "pickle5/Lib/pickletools.py",
              "pickle5/_install.py", "pickle5/_startup/sitecustomize.py", "pickle5/py.typed", "pickle5/_pickle.pyi", "pickle5/pickle.pyi"]
PYTHONS = {"Programming Language :: Python :: 3." + name[3:] for name in which_wheels.PYTHONS if name[-1] != "t"}


def check_metadata(text, name):
    metadata = Parser().parsestr(text)
    said = set(metadata.get_all("Classifier"))
    assert metadata["Name"] == "pickle5" and metadata["Version"] == version, name
    assert metadata["Requires-Python"] == ">=3.6", (name, metadata["Requires-Python"])
    assert "BSD-3-Clause" in (metadata["License-Expression"], metadata["License"]), name + " does not name its licence"
    assert said <= classifiers, (name, said - classifiers)
    assert {each for each in said if " :: 3." in each} == PYTHONS, (name, said ^ PYTHONS)
    assert not [need for need in metadata.get_all("Requires-Dist") or [] if "extra ==" not in need], name + " needs something at run time"


def check_wheel(path):
    name = os.path.basename(path)
    with zipfile.ZipFile(path) as wheel:
        inside = wheel.namelist()
        info = "pickle5-%s.dist-info/" % version
        for wanted in EVERYWHERE + [info + "METADATA", info + "RECORD", info + "sboms/pickle5.cdx.json"]:
            assert wanted in inside, "%s lacks %s" % (name, wanted)
        assert any(re.match(re.escape(info) + "(licenses/)?LICENSE$", each) for each in inside), name + " lacks LICENSE"
        check_metadata(wheel.read(info + "METADATA").decode(), name)
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(wheel.read(info + "sboms/pickle5.cdx.json").decode())
        assert problem is None, (name, problem)
        engines = [each for each in inside if re.match(r"pickle5/_pickle\..*(so|pyd)$", each)]
        assert len(engines) == (not name.endswith("-py3-none-any.whl")), (name, engines)
        assert not [each for each in inside if each.startswith(("tests/", "bench/"))], name


files = sorted(glob.glob(os.path.join(folder, "*")))
wheels = [path for path in files if path.endswith(".whl")]
sources = [path for path in files if path.endswith(".tar.gz")]
assert len(sources) == 1 and files == sorted(wheels + sources), files
assert [path for path in wheels if path.endswith("-py3-none-any.whl")], "no wheel for those without an engine"
for path in wheels:
    check_wheel(path)
with tarfile.open(sources[0]) as archive:
    names = archive.getnames()
    for wanted in ["LICENSE", "setup.py", "pyproject.toml", "Modules/_pickle.c", "Include/picklebufobject.h",
                   "tests/conftest.py", "PKG-INFO"]:
        assert "pickle5-%s/%s" % (version, wanted) in names, wanted
    check_metadata(archive.extractfile("pickle5-%s/PKG-INFO" % version).read().decode(), sources[0])
for path in files:
    print("%9d  %s" % (os.path.getsize(path), os.path.basename(path)))
if sys.argv[2:]:
    lacking = which_wheels.missing(wheels, sys.argv[2])
    assert not lacking, "no wheel for " + " ".join(lacking)
    print("each wheel that fits %s is there" % sys.argv[2])
