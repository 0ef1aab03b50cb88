"""What makes the children of ``python -m pickle5 --install`` inherit it: nothing else looks into this folder.

``--install`` puts this folder first on PYTHONPATH.  So every Python process that the program starts, and those that they
start (multiprocessing's spawn and forkserver, loky, dask's workers, plain subprocesses), imports this file while it
starts up.  A process that ignores the environment (-E, -I) or has no site (-S) does not.
"""
import importlib.machinery
import importlib.util
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)


def hand_over():
    """Import the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", list(sys.path))
    if spec is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def find():
    """Import pickle5: this process's own, or else the one that this file belongs to, if its engine fits here."""
    try:
        import pickle5
    except ImportError:
        if not any(os.path.exists(os.path.join(PACKAGE, "_pickle" + suffix))
                   for suffix in importlib.machinery.EXTENSION_SUFFIXES):
            return None
        sys.path.append(os.path.dirname(PACKAGE))
        try:
            import pickle5
        finally:
            sys.path.pop()
    return pickle5


def start():
    # Another interpreter may have no pickle5, an older one, or no engine.  Its own pickle will do: what it is sent, it
    # can read.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = find()
    if getattr(package, "implementation", None) == "C" and hasattr(package, "install"):
        package.install()


try:
    hand_over()
finally:
    start()
