"""A joblib job whose arguments and results travel as pickles: with the interpreter's own pickle, and on pickle5.

    python examples/joblib_job.py

starts itself twice, the second time by `python -m pickle5 --install`, which the workers inherit.
"""
import subprocess
import sys
import time

TASKS, ROWS = 8, 20000


def job(rows):
    return [{"id": row["id"], "total": sum(row["items"]), "name": row["name"].upper()} for row in rows]


def work():
    import joblib
    tables = [[{"id": task * ROWS + row, "name": "row %d" % row, "items": [row % 7, row % 11, row]} for row in range(ROWS)]
              for task in range(TASKS)]
    with joblib.Parallel(n_jobs=2, backend="multiprocessing") as parallel:
        parallel(joblib.delayed(abs)(number) for number in range(2))    # the workers are up
        start = time.perf_counter()
        results = parallel(joblib.delayed(job)(table) for table in tables)
        seconds = time.perf_counter() - start
    assert [row["id"] for table in results for row in table] == list(range(TASKS * ROWS))
    print("%-28s %d tables of %d rows there and back: %8.1f ms" % (
        "on pickle5" if "pickle5._install" in sys.modules else "on the interpreter's pickle", TASKS, ROWS, seconds * 1e3))


def main():
    try:
        import joblib
    except ImportError:
        print("joblib is not installed here: nothing to show")
        return
    print("joblib %s" % joblib.__version__, flush=True)
    subprocess.check_call([sys.executable, __file__, "work"])
    import pickle5
    if pickle5.implementation != "C":
        print("pickle5 has no C engine here, and so there is nothing to install")
        return
    subprocess.check_call([sys.executable, "-m", "pickle5", "--install", __file__, "work"])


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    else:
        main()
