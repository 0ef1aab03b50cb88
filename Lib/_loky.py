"""joblib's loky, on 3.6 and 3.7: let it read what it writes.

Where pickle5 is installed, loky's pickler is a subclass of ours there (cloudpickle takes it), and so it writes protocol 5.
But it reads with the interpreter's own `pickle`, in the workers and in the process that started them, and that stops at 4:
every job fails.  No setting of loky's would change the one without the other.

So our Pickler looks at the subclasses that are made of it.  When loky makes its own, multiprocessing's readers in this
process, through which loky gets all that comes by a pipe, become ours; and in a worker, which is told what to be by
`pickle.load`, so does that.  What is written stays as it is, by everybody; and where there is no loky, nothing happens.
"""
import sys

from pickle5.Lib import _base

OWN_LOADS = _base.stdlib.loads


def watch(Pickler, load, loads):
    """Be there when loky makes a subclass of Pickler."""
    def __init_subclass__(cls, **kwargs):
        super(Pickler, cls).__init_subclass__(**kwargs)
        if cls.__module__.endswith("loky.backend.reduction"):
            let_loky_read(load, loads)

    Pickler.__init_subclass__ = classmethod(__init_subclass__)


def let_loky_read(load, loads):
    """Replace the interpreter's own readers; those of pickle5.install(), where it is in force, read protocol 5 as it is."""
    from multiprocessing.reduction import ForkingPickler
    if ForkingPickler.loads is OWN_LOADS:
        ForkingPickler.loads = staticmethod(loads)
    if is_worker() and _base.stdlib.loads is OWN_LOADS:
        _base.stdlib.load, _base.stdlib.loads = load, loads


def is_worker():
    """Is this a process that loky has started?  On POSIX with -m, elsewhere as multiprocessing does."""
    return (sys.argv[:1] == ["-m"] and "--process-name" in sys.argv) or "--multiprocessing-fork" in sys.argv
