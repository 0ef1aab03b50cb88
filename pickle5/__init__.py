"""pickle, as the newest CPython has it, for every CPython from 3.6 on and for PyPy.

``import pickle5 as pickle`` is the way to use it.  This file only puts the
package together: the names come from Lib/pickle.py (``pickle5.pickle``), and
that takes them from the C engine where it is built.
"""
import os as _os

__version__ = "1.0.0"

# In a wheel, Lib/ lies inside this package.  In a checkout (an in-place build,
# or an egg-link to it) it lies beside it: look there too.
_here = _os.path.dirname(_os.path.abspath(__file__))
_checkout = None
if not _os.path.isdir(_os.path.join(_here, "Lib")):
    _checkout = _os.path.dirname(_here)
    if _os.path.isfile(_os.path.join(_checkout, "Lib", "_base.py")):
        __path__.append(_checkout)

from pickle5.Lib import pickle  # noqa: E402
from pickle5.Lib.pickle import *  # noqa: E402,F401,F403
from pickle5.Lib.pickle import __all__  # noqa: E402,F401

# Much code reaches for names that start with an underscore: hand those on too.
for _name, _value in vars(pickle).items():
    if not _name.startswith("__"):
        globals().setdefault(_name, _value)

del _here, _checkout, _name, _value


def install():
    """Make the interpreter's own ``pickle`` use the C engine, in this process; ``uninstall()`` undoes it.

    That is dump, dumps, load, loads, Pickler and Unpickler, there and in every module that has imported them by name;
    multiprocessing writes with the engine too.  Classes that were made over the interpreter's Pickler before keep it.
    What is written can be read without pickle5: protocols and names stay those of the interpreter's own.
    RuntimeError where there is no engine (PyPy, no compiler).
    """
    from pickle5._install import install
    install()


def uninstall():
    """Undo ``install()``, also in modules that were imported since."""
    from pickle5._install import uninstall
    uninstall()
