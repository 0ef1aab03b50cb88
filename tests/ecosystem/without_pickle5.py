"""As if pickle5 were not installed: a pytest plugin, or with a program as argument, which runs so."""
import os
import runpy
import sys

sys.modules["pickle5"] = None

if __name__ == "__main__":
    del sys.argv[0]
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
