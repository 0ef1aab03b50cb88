"""What the figures were measured on: interpreter, build, compilers, machine, and the revision of pickle5."""
import collections
import hashlib
import os
import platform
import re
import subprocess
import sys
import sysconfig

try:
    import pyperf
except ImportError:
    pyperf = None

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except (IOError, OSError):
        return ""


def key():
    """A name for this interpreter, for files: its version, platform and kind, and how it was built."""
    parts = [sys.implementation.cache_tag, platform.python_version(),
             sysconfig.get_config_var("MULTIARCH") or sysconfig.get_platform()]
    if hasattr(sys, "gettotalrefcount"):
        parts.append("dbg")
    return "-".join(parts)


def build_flags():
    """How the interpreter was built, without the paths that such flags are full of.

    Distributions may build the program itself with more than they put on record (Debian does).
    """
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    flags = " ".join(str(sysconfig.get_config_var(name) or "") for name in ["OPT", "PY_CFLAGS", "PY_CFLAGS_NODIST"])
    levels = re.findall(r"-O[0-3sg]\b", flags)
    found = ["-O?" if not levels else levels[-1]]
    if "--enable-optimizations" in configured or "-fprofile-use" in flags:
        found.append("profile-guided")
    if "--with-lto" in configured or "-flto" in flags:
        found.append("link-time optimised")
    if "--with-pydebug" in configured or hasattr(sys, "gettotalrefcount"):
        found.append("debug")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        found.append("without the GIL")
    if "--enable-shared" in configured:
        found.append("shared library")
    return ", ".join(found)


def engine_compiler(path):
    """The compiler that built the engine leaves its name in it."""
    with open(path, "rb") as file:
        found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", file.read())
    return found.group().decode() if found else "unknown"


def revision():
    try:
        run = lambda *what: subprocess.check_output(  # noqa: E731
            ("git", "-C", ROOT) + what, stderr=subprocess.DEVNULL).decode().strip()
        changed = run("status", "--porcelain", "--untracked-files=no", "--", "Modules", "Include", "Lib", "setup.py",
                      "pickle5")
        return run("rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def describe():
    import pickle5
    from pickle5 import _pickle
    with open(_pickle.__file__, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    cpu = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    pages = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    facts = collections.OrderedDict([
        ("interpreter", "%s %s" % (platform.python_implementation(), platform.python_version())),
        ("interpreter's build, as it says", "%s (%s)" % (build_flags(), platform.python_compiler())),
        ("pickle5", "%s, commit %s, engine %s" % (pickle5.__version__, revision(), digest[:12])),
        ("engine's compiler", engine_compiler(_pickle.__file__)),
        ("platform", "%s %s, %s" % (platform.system(), platform.release(), " ".join(platform.libc_ver()))),
        ("processor", "%s, %s seen" % (cpu.group(1) if cpu else platform.machine(), os.cpu_count())),
        ("memory", "%.0f GiB" % (int(memory.group(1)) / 1048576.0) if memory else "unknown"),
        ("huge pages", pages.group(1) if pages else "unknown"),
    ])
    more = {}
    if pyperf is not None:
        more = dict(pyperf.Run([1.0], collect_metadata=True).get_metadata())
        for name in ["hostname", "python_executable", "command"]:  # nobody's business
            more.pop(name, None)
        more = {name: str(value) for name, value in more.items()}
    return {"key": key(), "engine": digest, "facts": facts, "pyperf": more}


def write_pyperf(results, path):
    """The raw times in pyperf's own format as well, for its tools (`python -m pyperf stats FILE`)."""
    if pyperf is None:
        return
    found = []
    for name, case in results["cases"].items():
        for operation, turns in case.get("turns", {}).items():
            for peer, processes in turns.items():
                runs = [pyperf.Run(times, metadata={"name": "%s, %s, %s" % (name, operation, peer)},
                                   collect_metadata=False) for times in processes]
                found.append(pyperf.Benchmark(runs))
    if found:
        pyperf.BenchmarkSuite(found).dump(path, replace=True)
