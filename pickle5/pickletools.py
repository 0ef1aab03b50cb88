"""``pickle5.pickletools``: another name for Lib/pickletools.py."""
import sys

from pickle5.Lib import pickletools

if __name__ == "__main__":
    pickletools._main()
else:
    sys.modules[__name__] = pickletools
