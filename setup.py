"""The build of pickle5: one C extension, and the Python half as pickle5.Lib.

Read from the environment:
  PICKLE5_REQUIRE_C=1  a failing C build is an error (else the Python half is installed alone)
  PICKLE5_NO_C=1       do not build the C engine at all: the wheel is py3-none-any
  PICKLE5_DEBUG=1      asserts on, debug symbols, little optimisation
  SOURCE_DATE_EPOCH=n  the time that goes into archives; what is built holds no trace of where and when
"""
import glob
import gzip
import json
import os
import re
import sys
import tarfile

import setuptools
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    try:
        from wheel.bdist_wheel import bdist_wheel
    except ImportError:  # what does not make a wheel (build_ext --inplace, sdist) does without
        bdist_wheel = None

# Paths are relative to this file's folder: old setuptools wants them so.
os.chdir(os.path.dirname(os.path.abspath(__file__)))


def wish(name):
    return os.environ.get(name, "") not in ("", "0")


REQUIRE_C = wish("PICKLE5_REQUIRE_C")
NO_C = wish("PICKLE5_NO_C") or sys.implementation.name != "cpython"
DEBUG = wish("PICKLE5_DEBUG")
EPOCH = os.environ.get("SOURCE_DATE_EPOCH")


def read(name):
    with open(name, encoding="utf-8") as file:
        return file.read()


def version():
    return re.search(r'^__version__ = "(.+)"$', read("pickle5/__init__.py"), re.M).group(1)


class BuildEngine(build_ext):
    """Build the engine with flags that fit the compiler; go on without it if that is allowed."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            flags = ["/Od", "/UNDEBUG", "/DPICKLE5_DEBUG"] if DEBUG else ["/O2"]
        else:
            flags = ["-O1", "-g", "-UNDEBUG", "-DPICKLE5_DEBUG"] if DEBUG else ["-O3"]
            if sys.version_info >= (3, 9):  # before, PyMODINIT_FUNC does not export what it marks
                flags.append("-fvisibility=hidden")
            if EPOCH and not DEBUG:
                flags.append("-g0")  # debug information names the folder it was built in
        for extension in self.extensions:
            extension.extra_compile_args = flags + extension.extra_compile_args
        build_ext.build_extensions(self)
        built = [e for e in self.extensions if os.path.exists(self.get_ext_fullpath(e.name))]
        if len(built) < len(self.extensions):
            print("*** pickle5: the C engine was not built; installing the Python half alone",
                  file=sys.stderr)
        self.extensions = built

    def copy_extensions_to_source(self):
        # Whatever was built last is what the checkout runs, also when it is the older file.
        self.force = True
        build_ext.copy_extensions_to_source(self)


class BuildSource(sdist):
    """An archive that is the same whenever it is built, with SOURCE_DATE_EPOCH."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **options):
        if not EPOCH or format != "gztar":
            return sdist.make_archive(self, base_name, format, root_dir, base_dir, **options)

        def same(member):
            member.mtime = int(EPOCH)
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member

        with open(base_name + ".tar.gz", "wb") as file, \
                gzip.GzipFile("", "wb", fileobj=file, mtime=int(EPOCH)) as packed, \
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            names = [os.path.join(folder, name) for folder, _, files in os.walk(base_dir) for name in files]
            for name in sorted(names):
                archive.add(name, filter=same)
        return base_name + ".tar.gz"


def bill_of_materials():
    """What a wheel is made of, as CycloneDX: our own source and nothing else."""
    reference = "pkg:pypi/pickle5@" + version()
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {
            "type": "library", "bom-ref": reference, "name": "pickle5", "version": version(), "purl": reference,
            "licenses": [{"license": {"id": "BSD-3-Clause"}}]}},
        "components": [],
        "dependencies": [{"ref": reference, "dependsOn": []}],
        "compositions": [{"aggregate": "complete", "dependencies": [reference]}],
    }


commands = {"build_ext": BuildEngine, "sdist": BuildSource}
if bdist_wheel is not None:
    class BuildWheel(bdist_wheel):
        """A wheel with its bill of materials, where PEP 770 wants it."""

        def egg2dist(self, egginfo_path, distinfo_path):
            bdist_wheel.egg2dist(self, egginfo_path, distinfo_path)
            folder = os.path.join(distinfo_path, "sboms")
            os.makedirs(folder)
            with open(os.path.join(folder, "pickle5.cdx.json"), "w", newline="\n") as file:
                json.dump(bill_of_materials(), file, indent=1)
                file.write("\n")
    commands["bdist_wheel"] = BuildWheel

# The name of the field changed with metadata 2.4.
LICENCE = "license_expression" if int(setuptools.__version__.split(".")[0]) >= 77 else "license"

ENGINE = Extension(
    "pickle5._pickle",
    sources=["Modules/_pickle.c"],
    include_dirs=["Include", "Modules"],
    depends=sorted(glob.glob("Include/*.h") + glob.glob("Modules/*.h")
                   + glob.glob("Modules/_pickle/*.[ch]")) + ["setup.py"],
    optional=not REQUIRE_C,
)

setup(
    name="pickle5",
    version=version(),
    description="The newest pickle, protocol 5 included, for CPython 3.6 and later and for PyPy",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    author="The pickle5 authors",
    license_files=["LICENSE"],
    python_requires=">=3.6",
    extras_require={"docs": ["furo", "myst-parser", "sphinx"]},
    packages=["pickle5", "pickle5.Lib"],
    package_dir={"pickle5": "pickle5", "pickle5.Lib": "Lib"},
    package_data={"pickle5": ["py.typed", "*.pyi", "_startup/sitecustomize.py"]},
    headers=sorted(glob.glob("Include/*.h")),
    ext_modules=[] if NO_C else [ENGINE],
    cmdclass=commands,
    zip_safe=False,
    keywords="pickle serialization protocol-5 out-of-band buffers",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: C",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
    ] + ["Programming Language :: Python :: 3.%d" % minor for minor in range(6, 16)] + [
        "Programming Language :: Python :: Implementation :: CPython",
        "Programming Language :: Python :: Implementation :: PyPy",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
    **{LICENCE: "BSD-3-Clause"}
)
