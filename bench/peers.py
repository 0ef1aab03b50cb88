"""Against what: other serializers, each as the same few functions.

`Peer.dumps` takes (object, protocol) where `Peer.protocol` is set, else (object,); `loads` takes (data,).  Only
pickle5 and the interpreter's own pickle have `dump` and `load`.  A peer counts for a case when what it gives back
equals what went in.  The MessagePack encoders, which are not `exact` (a tuple comes back as a list), count for the
dumps whenever they take the object.  The last of them is no serializer but the floor.
"""
import collections
import glob
import importlib.machinery
import importlib.util
import io
import marshal
import os
import pickle
import sys
import threading

import _pickle as own

import pickle5
from bench import extras

#: The highest protocol that both sides know: every ratio is of equal protocols.
PROTOCOL = min(pickle5.HIGHEST_PROTOCOL, pickle.HIGHEST_PROTOCOL)

OURS, OWN, NAMESAKE = "pickle5", "pickle", "pickle5 0.0.x"

#: No serializer: what a bare C loop would take, see floor.c.
FLOOR = "bare C"

#: All others, in the order of the tables.
OTHERS = ["marshal", "quickle", "msgspec", "ormsgpack", "cloudpickle", "zodbpickle", NAMESAKE, FLOOR]


class Peer(object):
    def __init__(self, name, dumps, loads, protocol=None, dump=None, load=None, reads_pickles=False, oob=False,
                 exact=True, prepare=None):
        self.name, self.dumps, self.loads, self.protocol = name, dumps, loads, protocol
        self.dump, self.load = dump, load
        self.reads_pickles = reads_pickles  # is given the very stream that the others are given
        self.oob, self.exact = oob, exact
        self.prepare = prepare  # what dumps and loads are given in place of the object and of the stream


def load_extension(name, path):
    """Load an extension module by its path, under a name of our choice (the last part is the module's own)."""
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
    loader.exec_module(module)
    return module


def namesake():
    """The `_pickle` of pickle5 0.0.x, which would also be `pickle5`: loaded by its path, under another name."""
    files = glob.glob(os.path.join(extras.NAMESAKE, "pickle5", "_pickle*.so"))
    if not files:
        raise ImportError("not installed")
    module = load_extension("pickle5_before._pickle", files[0])
    return Peer(NAMESAKE, module.dumps, module.loads, PROTOCOL, reads_pickles=True, oob=True)


def cloudpickle():
    aside = sys.modules.get("pickle5")
    sys.modules["pickle5"] = None  # on 3.6 and 3.7 it would take our engine for its own work
    try:
        import cloudpickle as module
    finally:
        sys.modules["pickle5"] = aside
    # Its loads is pickle's.
    return Peer("cloudpickle", module.dumps, None, PROTOCOL)


def zodbpickle():
    from zodbpickle import _pickle as module
    from zodbpickle import pickle as names
    return Peer("zodbpickle", module.dumps, module.loads, min(PROTOCOL, names.HIGHEST_PROTOCOL))


def quickle():
    import quickle as module
    return Peer("quickle", module.Encoder().dumps, module.Decoder().loads)


def msgspec():
    import msgspec as module
    return Peer("msgspec", module.msgpack.Encoder().encode, module.msgpack.Decoder().decode, exact=False)


def ormsgpack():
    if sys.version_info < (3, 7):
        # Its runtime ends the process when the interpreter has not had a thread yet.
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    import ormsgpack as module
    return Peer("ormsgpack", module.packb, module.unpackb, exact=False)


def floor():
    from bench import floor as module
    return Peer(FLOOR, module.write, module.make, prepare=module.prepare)


def both():
    """pickle5 and the interpreter's own pickle, by name."""
    if pickle5.implementation != "C":
        raise SystemExit("pickle5 runs without its C engine: build it first (make build)")
    return collections.OrderedDict([
        (OURS, Peer(OURS, pickle5.dumps, pickle5.loads, PROTOCOL, pickle5.dump, pickle5.load, True, True)),
        (OWN, Peer(OWN, own.dumps, own.loads, PROTOCOL, own.dump, own.load, True, pickle.HIGHEST_PROTOCOL >= 5))])


def every():
    """All peers, by name, pickle5 and the interpreter's own pickle first; and why others are missing."""
    found = both()
    missing = collections.OrderedDict()
    found["marshal"] = Peer("marshal", marshal.dumps, marshal.loads)
    for make in [msgspec, ormsgpack, cloudpickle, zodbpickle, quickle, namesake, floor]:
        name = {namesake: NAMESAKE, floor: FLOOR}.get(make, make.__name__)
        if make is namesake and sys.version_info >= (3, 8):
            continue
        if make is quickle and not (3, 8) <= sys.version_info < (3, 11):
            continue
        try:
            found[name] = make()
        except Exception as error:  # some packages fail in their own ways on an interpreter they do not know
            missing[name] = "%s: %s" % (type(error).__name__, error)
    return found, missing


def engines(before, after):
    """Two builds of our own engine, given by their paths, in the roles of the interpreter's pickle and of pickle5."""
    found = collections.OrderedDict()
    for name, path in [(OURS, after), (OWN, before)]:
        engine = load_extension("pickle5_%s._pickle" % ("after" if name == OURS else "before"), path)
        found[name] = Peer(name, engine.dumps, engine.loads, PROTOCOL, engine.dump, engine.load, True, True)
    return found


def halves():
    """The Python half beside the interpreter's own Python pickle, as peers; none where they are the same class."""
    if pickle5._Pickler is pickle._Pickler:
        return collections.OrderedDict()

    def half(name, module):
        def dumps(obj, protocol):
            file = io.BytesIO()
            module._Pickler(file, protocol).dump(obj)
            return file.getvalue()

        def loads(data):
            return module._Unpickler(io.BytesIO(data)).load()
        return Peer(name, dumps, loads, PROTOCOL, reads_pickles=True)

    return collections.OrderedDict([(OURS, half(OURS, pickle5)), (OWN, half(OWN, pickle))])
