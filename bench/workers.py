"""What programs with worker processes gain from `python -m pickle5 --install`: the same job with it and without, in turn.

The job is sending records to workers and getting them back, so that little but pickling and pipes is timed; the workers are
up before the first round.  Always wall time: the work is done in several processes.  `python -m bench.workers NAME ROUNDS`
runs one job in this process and prints the seconds of each round.
"""
import collections
import json
import subprocess
import sys
import time

from bench import things

TASKS, ROWS = 8, 5000


def table(number):
    return [{"id": number * ROWS + row, "name": "row %d" % row, "items": [row % 7, row % 11], "price": row * 1.5}
            for row in range(ROWS)]


def echo(rows):
    return rows


def rounds(run, count):
    tables = [table(number) for number in range(TASKS)]
    if [len(rows) for rows in run(tables)] != [ROWS] * TASKS:
        raise SystemExit("what came back is something else")
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        run(tables)
        taken.append(time.perf_counter() - start)
    return taken


def pool(count):
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        return rounds(lambda tables: workers.map(echo, tables, chunksize=1), count)


def futures(count):
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as workers:
        return rounds(lambda tables: list(workers.map(echo, tables)), count)


def joblib(backend, count):
    import joblib
    with joblib.Parallel(n_jobs=2, backend=backend, max_nbytes=None) as parallel:
        return rounds(lambda tables: parallel(joblib.delayed(echo)(each) for each in tables), count)


def dask(count):
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            # distributed looks into lists by itself, item by item: what is to be pickled as a whole must be no list
            return rounds(lambda tables: [table.rows for table in client.gather(client.map(
                echo, [things.Table(rows) for rows in tables], pure=False))], count)


#: name: (title, the module it needs, the job)
JOBS = collections.OrderedDict([
    ("pool", ("multiprocessing Pool", "multiprocessing", pool)),
    ("futures", ("concurrent.futures, processes", "concurrent.futures", futures)),
    ("joblib-loky", ("joblib Parallel, loky", "joblib", lambda count: joblib("loky", count))),
    ("joblib-multiprocessing", ("joblib Parallel, multiprocessing", "joblib", lambda count: joblib("multiprocessing", count))),
    ("dask", ("dask LocalCluster", "distributed", dask)),
])

PLAIN, INSTALLED = "without", "with"


def measure(name, processes, count):
    """{"without": [seconds of the rounds of each process], "with": ...}, or None where the module is not here."""
    try:
        __import__(JOBS[name][1])
    except ImportError:
        return None
    found = collections.OrderedDict([(PLAIN, []), (INSTALLED, [])])
    for process in range(processes):
        for how in (PLAIN, INSTALLED) if process % 2 == 0 else (INSTALLED, PLAIN):
            command = [sys.executable] + (["-m", "pickle5", "--install"] if how == INSTALLED else []) + [
                "-m", "bench.workers", name, str(count)]
            found[how].append(json.loads(subprocess.check_output(command).decode().splitlines()[-1]))
    return found


def medians(found):
    """The median seconds of a round without and with, over all processes."""
    from bench import figures   # not above: the workers import this file as well
    return [figures.quartiles([seconds for process in found[how] for seconds in process])[1] for how in (PLAIN, INSTALLED)]


if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]][2](int(sys.argv[2]))))
