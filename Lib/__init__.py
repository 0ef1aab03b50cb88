"""The Python half of pickle5: what pickle.py and pickletools.py are to CPython."""
