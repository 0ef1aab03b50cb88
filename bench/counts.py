"""Instructions of each call, counted by callgrind: `python -m bench.counts FOLDER BEFORE AFTER`, under valgrind.

FOLDER holds what compare.py put there: `marks.so`, which sets callgrind's counter to zero and has it write the count
down, and the pickle of each case, from which its object is made (making it anew would be slow in here).
"""
import ctypes
import gc
import itertools
import json
import operator
import os
import pickle
import re
import subprocess
import sys

from bench import cases, peers

MARKS = """
#include <valgrind/callgrind.h>
void zero(void) { CALLGRIND_ZERO_STATS; }
void note(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
"""

OPERATIONS = ["dumps", "loads"]


def count(marks, name, function, arguments, calls):
    """Count CALLS calls, made from C: bytecode that adapts to what it calls costs now more and now less."""
    for _ in range(3):
        function(*arguments)
    gc.collect()
    several = map(function, *[itertools.repeat(argument, calls) for argument in arguments])
    marks.zero()
    results = list(several)
    marks.note(name)
    del results


def child(folder, before, after):
    marks = ctypes.CDLL(os.path.join(folder, "marks.so"))
    engines = peers.engines(before, after)
    with open(os.path.join(folder, "todo")) as file:
        todo = json.load(file)
    for calls in sorted(set(todo.values())):
        count(marks, b"nothing/dumps/%d" % calls, operator.is_, (1, 1), calls)
        count(marks, b"nothing/loads/%d" % calls, callable, (1,), calls)
    for name, calls in todo.items():
        with open(os.path.join(folder, name + ".pickle"), "rb") as file:
            data = file.read()
        obj = pickle.loads(data)
        for peer in engines.values():
            label = ("%s/%%s/%s" % (name, peer.name)).encode()
            count(marks, label % b"dumps", peer.dumps, (obj, peers.PROTOCOL), calls)
            count(marks, label % b"loads", peer.loads, (data,), calls)
        del obj, data


def prepare(names, folder):
    """Make the folder: return False where callgrind is not to be had."""
    source, library = os.path.join(folder, "marks.c"), os.path.join(folder, "marks.so")
    with open(source, "w") as file:
        file.write(MARKS)
    try:
        subprocess.check_call(["cc", "-shared", "-fPIC", "-o", library, source], stderr=subprocess.DEVNULL)
        subprocess.check_call(["valgrind", "--version"], stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    todo = {}
    for name in names:
        case = cases.CASES[name]
        if case.oob:
            continue
        try:
            data = pickle.dumps(case.make(), peers.PROTOCOL)
        except (cases.NotHere, RecursionError):
            continue
        with open(os.path.join(folder, name + ".pickle"), "wb") as file:
            file.write(data)
        todo[name] = 100 if len(data) < 1000 else 1
    with open(os.path.join(folder, "todo"), "w") as file:
        json.dump(todo, file)
    return True


def measure(names, folder, before, after, environment):
    """{case: {operation: (instructions before, instructions after)}}, or None where there is no callgrind."""
    if not prepare(names, folder):
        return None
    out = os.path.join(folder, "counted")
    subprocess.check_call(
        ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out, sys.executable, "-m", "bench.counts",
         folder, before, after], env=dict(environment, PYTHONHASHSEED="0"), cwd=folder)
    found = {}
    for file in os.listdir(folder):
        if file.startswith("counted."):
            with open(os.path.join(folder, file)) as text:
                head = text.read()
            label = re.search(r"^desc: Trigger: Client Request: (\S+)", head, re.M)
            total = re.search(r"^(?:summary|totals): (\d+)", head, re.M)
            if label and total:
                found[label.group(1)] = int(total.group(1))
    with open(os.path.join(folder, "todo")) as file:
        todo = json.load(file)
    return {name: {operation: tuple(
        max(1, (found["%s/%s/%s" % (name, operation, peer)] - found["nothing/%s/%d" % (operation, calls)]) // calls)
        for peer in (peers.OWN, peers.OURS)) for operation in OPERATIONS} for name, calls in todo.items()}


if __name__ == "__main__":
    child(*sys.argv[1:])
