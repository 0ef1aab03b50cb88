"""Run the first example of each page: `python first_examples.py README.md docs`.  Those for NumPy wait for NumPy."""
import glob
import re
import sys

import pickle5

readme, docs = sys.argv[1], sys.argv[2]
for page in [readme] + sorted(glob.glob(docs + "/*.md")):
    with open(page, encoding="utf-8") as file:
        blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
    if page == readme:
        assert len(blocks) == 2, "the README has two: the import and the arrays"
    for block in blocks if page == readme else blocks[:2]:
        if ">>>" in block:
            break
        if "numpy" in block:
            try:
                import numpy  # noqa: F401
            except ImportError:
                print("%s: no NumPy, left out" % page)
                break
        try:
            exec(compile(block, page, "exec"), {"__name__": "example"} if page == readme else globals())
        except RecursionError:
            if pickle5.implementation == "C":
                raise
            print("%s: deep data wants the engine, left out" % page)
            break
        print("%s: runs" % page)
