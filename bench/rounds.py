"""Timing: several functions on the same object, in one process, taking turns round by round (A B C A B C ...).

pyperf measures one benchmark at a time and compares the finished results.  What the machine does in between (clock
speed, neighbours, memory that was free a minute ago) then counts for one side only, and is easily as large as the
differences that matter here; it has no comparison that takes turns.  So the turns are ours.  A round times every
function once, and what counts is the ratio of two times of one round: whatever slows the machine for longer than a
round cancels out.  The median of these ratios over all rounds and processes is reported with its quartiles.  From
pyperf come the clock, the description of the machine and the file format of the raw values (see machine.py); its way
of working with several processes, so that no accident of one memory layout decides, is followed in __main__.py.

A turn lasts about `turn` seconds.  Calls of more than 20 microseconds are timed one by one, and freeing what they
return is outside the clock; shorter ones are timed in a loop, freeing included.  The cyclic collector is on, as it is
for users, and has just run when a turn begins.  On a machine where others work too, --cpu-time keeps what they take of
the processor out of the figures; it sees no waiting for a disk, and its clock costs more to read.
"""
import gc
import itertools
import math
import os
import time

try:
    from pyperf import perf_counter as clock
except ImportError:
    from time import perf_counter as clock

#: Set by --cpu-time: count the time this process runs (in the kernel too), not the time that passes.
CPU_TIME = "PICKLE5_BENCH_CPU_TIME"
if os.environ.get(CPU_TIME):
    clock = time.process_time

ONE_BY_ONE = 20e-6


def one_by_one(function, arguments, count):
    total = 0.0
    for _ in itertools.repeat(None, count):
        start = clock()
        result = function(*arguments)
        total += clock() - start
        del result
    return total


def in_a_loop(function, arguments, count):
    # Spelled out, so that unpacking the arguments costs no part of a short call.
    turns = itertools.repeat(None, count)
    if len(arguments) == 1:
        one, = arguments
        start = clock()
        for _ in turns:
            function(one)
        return clock() - start
    one, two = arguments
    start = clock()
    for _ in turns:
        function(one, two)
    return clock() - start


def calibrate(function, arguments):
    """About how long one call takes."""
    one_by_one(function, arguments, 1)
    count = 1
    while True:
        took = one_by_one(function, arguments, count)
        if took > 0.002 or count >= 4096:
            return took / count
        count *= 4


def take_turns(functions, rounds, turn):
    """Time {name: (function, arguments)}: return {name: [seconds per call, one for each round]}.

    A `turn` of None means one call each, for a trial.
    """
    if turn is None:
        return {name: [one_by_one(function, arguments, 1)] for name, (function, arguments) in functions.items()}
    gc.collect()
    costs = {name: calibrate(*call) for name, call in functions.items()}
    timed = one_by_one if min(costs.values()) >= ONE_BY_ONE else in_a_loop
    counts = {name: max(1, int(math.ceil(turn / cost))) for name, cost in costs.items()}
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, (function, arguments) in functions.items():
            gc.collect()
            times[name].append(timed(function, arguments, counts[name]) / counts[name])
    return times
