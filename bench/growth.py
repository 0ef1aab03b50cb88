"""Growth: nanoseconds for each object, from a thousand objects to ten million, beside the interpreter's own pickle.

`python -m bench.growth SHAPE COUNT ROUNDS TURN` measures one point in a process of its own, and prints JSON.
"""
import collections
import json
import subprocess
import sys

from bench import peers, rounds, things

#: name: (title, the i-th object)
SHAPES = collections.OrderedDict([
    ("strings", ("different strings", lambda number: "string %d" % number)),
    ("dicts", ("dicts of an int and a str", lambda number: {"id": number, "name": "n%d" % number})),
    ("instances", ("plain instances", things.Plain)),
])

COUNTS = [1000, 10000, 100000, 1000000, 10000000]


def child(shape, count, turns, turn):
    make = SHAPES[shape][1]
    obj = [make(number) for number in range(count)]
    both = peers.both()
    dumping = collections.OrderedDict((name, (peer.dumps, (obj, peers.PROTOCOL))) for name, peer in both.items())
    found = collections.OrderedDict()
    found["dumps"] = rounds.take_turns(dumping, turns, turn)
    data = both[peers.OWN].dumps(obj, peers.PROTOCOL)
    del obj, dumping
    loading = collections.OrderedDict((name, (peer.loads, (data,))) for name, peer in both.items())
    found["loads"] = rounds.take_turns(loading, turns, turn)
    json.dump(found, sys.stdout)


def measure(shape, count, turns, turn):
    """{operation: {peer: [seconds per call]}}"""
    if count >= 10000000:
        turns = min(turns, 3)
    elif count >= 1000000:
        turns = min(turns, 5)
    command = [sys.executable, "-m", "bench.growth", shape, str(count), str(turns), json.dumps(turn)]
    return json.loads(subprocess.check_output(command).decode(), object_pairs_hook=collections.OrderedDict)


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
