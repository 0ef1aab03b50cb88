"""The build of pickle5: one C extension, and the Python half as pickle5.Lib.

Read from the environment:
  PICKLE5_REQUIRE_C=1  a failing C build is an error (else the Python half is installed alone)
  PICKLE5_NO_C=1       do not build the C engine at all
  PICKLE5_DEBUG=1      asserts on, debug symbols, little optimisation
"""
import glob
import os
import re
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Paths are relative to this file's folder: old setuptools wants them so.
os.chdir(os.path.dirname(os.path.abspath(__file__)))


def wish(name):
    return os.environ.get(name, "") not in ("", "0")


REQUIRE_C = wish("PICKLE5_REQUIRE_C")
NO_C = wish("PICKLE5_NO_C") or sys.implementation.name != "cpython"
DEBUG = wish("PICKLE5_DEBUG")


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
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    python_requires=">=3.6",
    packages=["pickle5", "pickle5.Lib"],
    package_dir={"pickle5": "pickle5", "pickle5.Lib": "Lib"},
    package_data={"pickle5": ["py.typed", "*.pyi", "_startup/sitecustomize.py"]},
    headers=sorted(glob.glob("Include/*.h")),
    ext_modules=[] if NO_C else [ENGINE],
    cmdclass={"build_ext": BuildEngine},
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
)
