"""``pickle5.pickle``: another name for Lib/pickle.py."""
import sys

from pickle5.Lib import pickle

if __name__ == "__main__":
    pickle._main()
else:
    sys.modules[__name__] = pickle
