"""``python -m pickle5 FILE...`` shows what pickles hold."""
from pickle5.Lib.pickle import _main

if __name__ == "__main__":
    _main()
