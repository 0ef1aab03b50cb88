"""Consumers with every producer: `python pairs.py FILE SECONDS CONSUMER...` writes what it found as JSON.

A consumer that takes longer than so many seconds ends the process, and FILE says how far it got.

For each pair: is what arrives equal; does it share its memory with what was sent (a change to the one shows in the other);
is it still whole when the producer's object is gone; is it writable as the original was; bytes in band, buffers beside it.
"""
import collections
import faulthandler
import gc
import importlib
import json
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pickle5
from pickle5 import _install


def one_pair(producer, send):
    obj, poke = producer.make()
    expected, _ = producer.make()
    sent = send(obj)
    found = collections.OrderedDict(equal=bool(producer.equal(expected, sent.value)))
    found["in band"], found["buffers"] = sent.in_band, sent.buffers
    was, now = producer.writable(obj), producer.writable(sent.value)
    found["writable"], found["was writable"] = now, was
    before = producer.look(sent.value)
    found["shared"] = None
    if poke is not None and before is not None:
        poke((before + 77) % 256)
        found["shared"] = producer.look(sent.value) != before
        poke(before)
        if found["shared"] is False and producer.look(obj) is not None:
            poke((before + 77) % 256)       # the poke does reach the original
            found["shared"] = False if producer.look(obj) != before else None
            poke(before)
    del obj, poke
    gc.collect()
    rubbish = [bytearray(b"\xff") * 800000 for _ in range(4)]   # into the memory that might have been freed
    found["whole"] = bool(producer.equal(expected, sent.value))
    del rubbish
    return found


def reason(error):
    text = "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0])
    return text[:200]


def missing(needs):
    for name in needs:
        try:
            importlib.import_module(name)
        except Exception as error:
            return "%s is not here: %s" % (name, str(error).strip().split("\n")[0][:120])
    return None


def one_consumer(consumer, found, write):
    import consumers
    import producers
    found["pairs"] = collections.OrderedDict()
    found["cannot"] = missing(consumer.needs)
    if found["cannot"]:
        return
    try:
        writer = consumer.writer()
        found["by engine"] = None if writer is None else consumers.by_engine(writer)
        with consumer.open() as send:
            for producer in producers.PRODUCERS.values():
                lacks = missing(producer.needs)
                if lacks:
                    found["pairs"][producer.name] = {"cannot": lacks}
                    continue
                found["pairs"][producer.name] = {"failed": "the process ended"}
                write()
                try:
                    found["pairs"][producer.name] = one_pair(producer, send)
                except ImportError as error:
                    found["pairs"][producer.name] = {"cannot": reason(error)}
                except Exception as error:
                    traceback.print_exc()
                    found["pairs"][producer.name] = {"failed": reason(error)}
    except ImportError as error:
        found["cannot"] = reason(error)
    except Exception as error:
        traceback.print_exc()
        found["failed"] = reason(error)


def main(path, seconds, names):
    pickle5.install()
    _install.let_children_inherit()
    os.environ["PYTHONPATH"] += os.pathsep + os.path.dirname(os.path.abspath(__file__))
    import consumers
    every = collections.OrderedDict()

    def write():
        with open(path + ".new", "w") as file:
            json.dump(every, file)
        os.replace(path + ".new", path)

    for name in names:
        print("=== %s" % name, flush=True)
        faulthandler.dump_traceback_later(seconds, exit=True)
        found = every[name] = collections.OrderedDict(ended="no")
        write()
        one_consumer(consumers.CONSUMERS[name], found, write)
        del found["ended"]
        write()
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
