"""One process that measures cases: `python -m bench.worker SETTINGS`, told in JSON; it prints what it found as JSON.

SETTINGS: {"cases": [names], "rounds": n, "turn": seconds or null, "peers": [names] or null,
           "engines": two paths of engines to set side by side instead of all peers, or null,
           "reverse": the other way round in every round}
Each answer: {"size": bytes, "turns": {operation: {peer: [seconds]}}, "cannot": {operation: {peer: why}}}, or
{"skipped": why}.
"""
import collections
import contextlib
import gc
import json
import os
import sys
import tempfile
import traceback

from bench import cases, peers, rounds

#: What is measured, in this order; the last two are the Python half.
OPERATIONS = ["dumps", "loads", "dump", "load", "half dumps", "half loads"]

SOMETHING_ELSE = "gives back something else"


def reason(error):
    text = "%s: %s" % (type(error).__name__, error)
    return text if len(text) < 120 else text[:117] + "..."


class Measurement(object):
    """One case in one process."""

    def __init__(self, case, every, settings):
        self.case, self.every, self.settings = case, every, settings
        self.turns = collections.OrderedDict()
        self.cannot = {}
        self.obj = case.make()

    # A case of many messages is dumped and loaded message by message; one that goes out of band, with its buffers.

    def dumper(self, peer):
        """(function, arguments) that dump the object with PEER."""
        dumps, obj = peer.dumps, self.obj
        if peer.prepare is not None:
            obj = self.prepared(peer)
        if self.case.oob:
            def out_of_band(obj):
                buffers = []
                return dumps(obj, 5, buffer_callback=buffers.append), buffers
            return out_of_band, (self.obj,)
        more = () if peer.protocol is None else (peer.protocol,)
        if self.case.many:
            def one_after_another(messages):
                return [dumps(message, *more) for message in messages]
            return one_after_another, (obj,)
        return dumps, (obj,) + more

    def prepared(self, peer):
        return [peer.prepare(message) for message in self.obj] if self.case.many else peer.prepare(self.obj)

    def loader(self, peer, data):
        loads = peer.loads
        if self.case.oob:
            def out_of_band(data):
                return loads(data[0], buffers=data[1])
            return out_of_band, (data,)
        if self.case.many:
            def one_after_another(messages):
                return [loads(message) for message in messages]
            return one_after_another, (data,)
        return loads, (data,)

    def same(self, loaded):
        if self.case.many:
            loaded = tuple(loaded)
        return self.case.same(self.obj, loaded)

    def measure(self, operation, functions):
        if self.settings.get("reverse"):
            functions = collections.OrderedDict(reversed(list(functions.items())))
        self.turns[operation] = rounds.take_turns(functions, self.settings["rounds"], self.settings["turn"])

    def memory(self, every, prefix=""):
        """dumps and loads.  All who read pickles read the same one: the interpreter's own, where it can write it."""
        dumping, loading, written = collections.OrderedDict(), collections.OrderedDict(), {}
        for name, peer in every.items():
            with self.whoever_cannot(prefix + "dumps", name):
                if self.case.oob and not peer.oob:
                    raise NotImplementedError("no out-of-band buffers")
                function, arguments = self.dumper(peer)
                written[name] = function(*arguments)
                dumping[name] = function, arguments
        pickled = written.get(peers.OWN, written[peers.OURS])
        for name, peer in every.items():
            data = pickled if peer.reads_pickles else written.get(name)
            if peer.prepare is not None and not self.case.oob:
                with self.whoever_cannot(prefix + "loads", name):
                    data = self.prepared(peer)
            if data is None or peer.loads is None or self.case.oob and not peer.oob:
                continue
            with self.whoever_cannot(prefix + "loads", name):
                function, arguments = self.loader(peer, data)
                if self.same(function(*arguments)):
                    loading[name] = function, arguments
                elif name == peers.OURS:
                    raise AssertionError("pickle5 gives back something else")
                elif peer.exact:
                    dumping.pop(name, None)
                    self.cannot.setdefault(prefix + "dumps", {})[name] = SOMETHING_ELSE
                else:
                    self.cannot.setdefault(prefix + "loads", {})[name] = SOMETHING_ELSE
        self.measure(prefix + "dumps", dumping)
        self.measure(prefix + "loads", loading)
        return pickled

    @contextlib.contextmanager
    def whoever_cannot(self, operation, name):
        """Note why NAME cannot do this; pickle5 must be able to do all of it."""
        try:
            yield
        except Exception as error:
            if name == peers.OURS:
                raise
            self.cannot.setdefault(operation, {})[name] = reason(error)

    def files(self, pickled):
        """dump to a file and load from it: the file stays open and buffered, and every call begins at its start."""
        both = [peer for peer in self.every.values() if peer.dump is not None]
        objects = self.obj if self.case.many else (self.obj,)
        with tempfile.TemporaryDirectory() as folder:
            written, read = os.path.join(folder, "written"), os.path.join(folder, "read")
            with open(read, "wb") as file:
                for data in pickled if self.case.many else (pickled,):
                    file.write(data)
            with open(written, "wb") as target, open(read, "rb") as source:
                dumping, loading = collections.OrderedDict(), collections.OrderedDict()
                for peer in both:
                    dumping[peer.name] = self.file_dumper(peer, target), (objects, peer.protocol)
                    loading[peer.name] = self.file_loader(peer, source), (len(objects),)
                for operation, functions in [("dump", dumping), ("load", loading)]:
                    able = collections.OrderedDict()
                    for name, (function, arguments) in functions.items():
                        with self.whoever_cannot(operation, name):
                            function(*arguments)
                            able[name] = function, arguments
                    self.measure(operation, able)

    @staticmethod
    def file_dumper(peer, file):
        dump, seek = peer.dump, file.seek

        def write(objects, protocol):
            seek(0)
            for obj in objects:
                dump(obj, file, protocol)
        return write

    @staticmethod
    def file_loader(peer, file):
        load, seek = peer.load, file.seek

        def read(count):
            seek(0)
            if count == 1:
                return load(file)
            return [load(file) for _ in range(count)]
        return read

    def run(self):
        pickled = self.memory(self.every)
        if self.case.files:
            self.files(pickled)
        if self.case.half and not self.settings.get("engines"):
            halves = peers.halves()
            if halves:
                self.memory(halves, "half ")
        if self.case.many:
            size = sum(map(len, pickled))
        else:
            size = len(pickled[0] if self.case.oob else pickled)
        return {"size": size, "turns": self.turns,
                "cannot": {operation: why for operation, why in self.cannot.items() if why}}


def main():
    settings = json.loads(sys.argv[1])
    if settings.get("engines"):
        every, missing = peers.engines(*settings["engines"]), {}
    else:
        every, missing = peers.every()
    if settings.get("peers") is not None:
        for name in list(every):
            if name not in settings["peers"] and name not in (peers.OURS, peers.OWN):
                del every[name]
    answer = {"missing": missing, "cases": {}}
    for name in settings["cases"]:
        try:
            found = Measurement(cases.CASES[name], every, settings).run()
        except cases.NotHere as error:
            found = {"skipped": str(error)}
        except Exception:
            found = {"failed": traceback.format_exc()}
        answer["cases"][name] = found
        gc.collect()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
