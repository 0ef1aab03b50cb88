"""The speed and memory suite: `make bench`, or `python -m bench --help`.

What is measured is told in cases.py, against what in peers.py, and how in rounds.py, memory.py and growth.py;
figures.py makes the ratios, page.py writes docs/benchmarks.md, compare.py sets two commits side by side.
"""
