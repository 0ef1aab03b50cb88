"""What is pickled: every case makes its object from fixed numbers, so that each run and each process has the same.

A case is a function that returns the object.  Lists of one kind of thing are so long that a call takes the
interpreter's own pickle some milliseconds; the latency group is single small calls; the bulk group is memory.
"""
import collections
import datetime
import decimal
import json
import operator
import random
import uuid

from bench import things

CASES = collections.OrderedDict()


class Case(object):
    """One object to pickle, and what is known about it.

    many    the object is a tuple of messages, pickled one by one, as pyperformance does it
    plain   made of the builtin types that marshal, quickle and msgspec know as well
    full    too large for a usual run: only with --full
    oob     pickled with buffer_callback, loaded with buffers
    half    also measured with the Python half
    files   also dumped to a file and loaded from one
    same    tells whether what was loaded equals what was dumped
    """

    def __init__(self, make, title, group, many=False, plain=False, full=False, oob=False, half=False, files=True,
                 same=operator.eq):
        self.name, self.make, self.title, self.group = make.__name__, make, title, group
        self.many, self.plain, self.full, self.oob, self.half = many, plain, full, oob, half
        self.files, self.same = files and not oob, same


class NotHere(Exception):
    """The case cannot be made on this interpreter; the message says why."""


def case(title, group, **more):
    def enter(make):
        CASES[make.__name__] = Case(make, title, group, **more)
        return make
    return enter


def want(name):
    """Import what a case needs, a library that may be missing."""
    try:
        module = __import__(name)
    except ImportError:
        raise NotHere(name + " is not installed")
    return module


# --- pyperformance's, rebuilt from the shape they are known to have -------------------------------------------

def profile(number):
    """A user profile of eighteen fields, as its benchmark `pickle` has one."""
    return {"ads": 0, "age": 20 + number, "born": datetime.date(1990, 5, 1 + number), "mask": 0, "tested": 1,
            "chat_key": "6%05d" % number, "country": "NL", "custom": "", "first": "Name %d" % number, "flags": 17,
            "hidden": 0, "kind": 18000 + number, "last": "Surname", "mail": "name%d@example.org" % number,
            "photos": "%032x" % (number * 7919), "quiet": 1, "uid": "u%d" % number, "zone": -480}


@case("pyperformance: pickle, unpickle", "pyperformance", many=True, half=True)
def pyperformance_pickle():
    rng = random.Random(1)
    numbers = ([rng.randrange(1 << 31) for _ in range(34)], 60)
    return (profile(0), numbers, [profile(number) for number in range(1, 4)])


@case("pyperformance: pickle_list, unpickle_list", "pyperformance", plain=True, half=True)
def pyperformance_list():
    return [[list(range(10)), list(range(10))] for _ in range(10)]


@case("pyperformance: pickle_dict", "pyperformance", plain=True, half=True)
def pyperformance_dict():
    return {key: dict.fromkeys(range(10)) for key in range(100)}


# --- records ----------------------------------------------------------------------------------------------------

def records(count):
    towns = ["Aarhus", "Bergen", "C\xe1diz", "Dnipro", "\xc9vora", "F\xe8s"]
    return [{"id": number, "name": "customer %d" % number, "town": towns[number % 6], "paid": number % 3 == 0,
             "total": number * 1.17, "items": [number % 7, number * 11], "note": None,
             "address": {"zip": "%05d" % (number % 90000), "street": "Street %d" % number}}
            for number in range(count)]


@case("1 record", "records", plain=True)
def records_1():
    return records(1)


@case("100 records", "records", plain=True, half=True)
def records_100():
    return records(100)


@case("5,000 records", "records", plain=True)
def records_5000():
    return records(5000)


@case("1,000,000 records", "records", plain=True, full=True)
def records_1000000():
    return records(1000000)


# --- one builtin type each --------------------------------------------------------------------------------------

@case("ints below 256", "numbers", plain=True, half=True)
def ints_small():
    return [number & 0xff for number in range(50000)]


@case("ints of 32 bits", "numbers", plain=True)
def ints_32():
    rng = random.Random(2)
    return [rng.randrange(-1 << 31, 1 << 31) for _ in range(50000)]


@case("ints of 64 bits", "numbers", plain=True)
def ints_64():
    rng = random.Random(3)
    return [rng.randrange(1 << 40, 1 << 63) * rng.choice((1, -1)) for _ in range(20000)]


@case("ints of 100 to 2,000 bits", "numbers", plain=True)
def ints_large():
    rng = random.Random(4)
    return [rng.getrandbits(rng.randrange(100, 2000)) * rng.choice((1, -1)) for _ in range(5000)]


@case("floats", "numbers", plain=True)
def floats():
    rng = random.Random(5)
    return [rng.random() * 1000 for _ in range(50000)]


def texts(count, letters, low, high):
    rng = random.Random(6)
    return ["".join(rng.choice(letters) for _ in range(rng.randrange(low, high))) + str(number)
            for number in range(count)]


@case("str, ASCII, short", "text", plain=True, half=True)
def str_ascii_short():
    return texts(20000, "abcdefghijklmnopqrstuvwxyz ", 4, 12)


@case("str, ASCII, 1 to 4 kB", "text", plain=True)
def str_ascii_long():
    return [text * 100 for text in texts(2000, "abcdefghijklmnopqrstuvwxyz ", 10, 40)]


@case("str, 2-byte characters", "text", plain=True)
def str_2_byte():
    return texts(20000, "\u0430\u0431\u0432\u0433\u0434\u0435\u3042\u4e2d\u6587", 6, 24)


@case("str, 4-byte characters", "text", plain=True)
def str_4_byte():
    return texts(20000, "ab\xe9\u4e2d\U0001f600\U0001f40d\U0001d11e", 6, 24)


@case("tuples", "containers", plain=True)
def tuples():
    return [(number, number * 0.5, "t%d" % number) for number in range(20000)]


@case("dict by str", "containers", plain=True)
def dict_by_str():
    return {"key %d" % number: number for number in range(20000)}


@case("dict by int", "containers", plain=True)
def dict_by_int():
    return {number * 3: number for number in range(20000)}


@case("sets", "containers", plain=True)
def sets():
    return [set(range(number, number + number % 20)) for number in range(3000)]


@case("shared references", "containers", plain=True)
def shared():
    return records(50) * 400


@case("bytes, short", "bulk", plain=True)
def bytes_short():
    return [b"%08d" % number * (1 + number % 3) for number in range(20000)]


@case("bytes, 64 MB", "bulk")
def bytes_64mb():
    return b"0123456789abcdef" * (4 << 20)


@case("str, 32 MB", "bulk")
def str_32mb():
    return "0123456789abcdef" * (2 << 20)


# --- objects ----------------------------------------------------------------------------------------------------

@case("plain instances", "objects", half=True)
def instances():
    return [things.Plain(number) for number in range(5000)]


@case("instances with slots", "objects")
def slots():
    return [things.Slots(number) for number in range(5000)]


@case("dataclasses", "objects")
def dataclasses():
    if things.Record is None:
        raise NotHere("dataclasses came with 3.7")
    return [things.Record(number, "item %d" % number, number * 1.5) for number in range(5000)]


@case("namedtuples", "objects")
def namedtuples():
    return [things.Point(number, number * 0.5, "p%d" % number) for number in range(5000)]


@case("enums", "objects")
def enums():
    members = list(things.Code)
    return [members[number * 7 % len(members)] for number in range(2000)]


@case("datetimes", "objects")
def datetimes():
    start = datetime.datetime(2001, 2, 3, 4, 5, 6)
    return [start + datetime.timedelta(seconds=number * 4321, microseconds=number) for number in range(5000)]


@case("Decimals", "objects")
def decimals():
    return [decimal.Decimal(number * 7919) / 100 for number in range(5000)]


@case("UUIDs", "objects")
def uuids():
    rng = random.Random(7)
    return [uuid.UUID(int=rng.getrandbits(128)) for _ in range(3000)]


# --- what one call costs ----------------------------------------------------------------------------------------

@case("a tiny message", "latency", plain=True)
def tiny_message():
    return ("call", 17, {"x": 1})


@case("one int", "latency", plain=True)
def one_int():
    return 42


@case("one small object", "latency")
def one_object():
    return things.Small()


# --- arrays and frames ------------------------------------------------------------------------------------------

def same_arrays(one, other):
    import numpy
    if isinstance(one, list):
        return len(one) == len(other) and all(map(numpy.array_equal, one, other))
    return numpy.array_equal(one, other)


@case("NumPy: 3,000 small arrays", "arrays", same=same_arrays)
def numpy_small():
    numpy = want("numpy")
    return [numpy.arange(number, number + 8, dtype="f8") for number in range(3000)]


@case("NumPy: 64 MB in band", "bulk", same=same_arrays)
def numpy_64mb():
    return want("numpy").arange(8 << 20, dtype="f8")


@case("NumPy: 64 MB out of band", "out of band", oob=True, same=same_arrays)
def numpy_64mb_oob():
    return want("numpy").arange(8 << 20, dtype="f8")


@case("NumPy: 1 GB out of band", "out of band", oob=True, full=True, same=same_arrays)
def numpy_1gb_oob():
    return want("numpy").arange(128 << 20, dtype="f8")


@case("pandas frame, 20,000 rows", "arrays", same=lambda one, other: one.equals(other))
def pandas_frame():
    pandas, rows = want("pandas"), 20000
    return pandas.DataFrame({
        "number": list(range(rows)), "value": [row * 0.25 for row in range(rows)],
        "name": ["row %d" % row for row in range(rows)],
        "town": pandas.Categorical(["ABCDEF"[row % 6] for row in range(rows)]),
        "when": pandas.date_range("2001-01-01", periods=rows, freq="min")})


# --- deep -------------------------------------------------------------------------------------------------------

def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def same_depth(one, other):
    while one and other:
        one, other = one[0], other[0]
    return one == other == []


@case("lists, 400 deep", "deep", plain=True, same=same_depth)
def deep_400():
    return nested(400)


@case("lists, 100,000 deep", "deep", same=same_depth)
def deep_100000():
    return nested(100000)


# --- from life --------------------------------------------------------------------------------------------------

def same_forest(one, other):
    return type(one) is type(other) and len(one.estimators_) == len(other.estimators_)


@case("a forest of 100 trees", "from life", same=same_forest)
def forest():
    """scikit-learn's RandomForestRegressor; where that is missing, objects and arrays of the same shape."""
    try:
        import numpy
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        return stand_in_forest()
    rng = numpy.random.RandomState(8)
    x = rng.rand(500, 10)
    return RandomForestRegressor(n_estimators=100, random_state=9).fit(x, x.sum(axis=1) + rng.rand(500))


def stand_in_forest():
    try:
        import numpy
    except ImportError:
        numpy = None

    def tree(seed):
        count = 600
        node = things.Node(10, 1)
        if numpy is None:
            node.nodes, node.values = b"tree node" * 7 * count, b"8 bytes." * count
        else:
            node.nodes = numpy.zeros(count, dtype=[
                ("left_child", "<i8"), ("right_child", "<i8"), ("feature", "<i8"), ("threshold", "<f8"),
                ("impurity", "<f8"), ("n_node_samples", "<i8"), ("weighted_n_node_samples", "<f8")])
            node.values = numpy.arange(count, dtype="f8").reshape(count, 1, 1)
        node.max_depth, node.node_count = 14, count
        return things.Estimator(seed, node)

    return things.Forest([tree(seed) for seed in range(100)])


@case("a big JSON document", "from life", plain=True)
def json_document():
    """Some 2 MB of JSON, loaded: its keys are shared, as the json module makes them, and its values are not."""
    rng = random.Random(10)
    words = ("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore "
             "na\xefve caf\xe9 \u65e5\u672c\u8a9e").split()

    def text(count):
        return " ".join(rng.choice(words) for _ in range(count))

    def person():
        return {"id": rng.randrange(1 << 30), "login": "%s%d" % (rng.choice(words), rng.randrange(10000)),
                "url": "https://example.org/people/%d" % rng.randrange(1 << 30), "admin": rng.random() < 0.01}

    document = {"version": 3, "next": None, "entries": [
        {"id": "%016x" % rng.getrandbits(64), "number": number, "title": text(6), "body": text(40),
         "state": rng.choice(["open", "closed"]), "author": person(), "score": round(rng.random(), 6),
         "labels": [{"name": rng.choice(words), "color": "%06x" % rng.getrandbits(24)} for _ in range(number % 4)],
         "assignees": [person() for _ in range(number % 3)],
         "closed_at": None if number % 2 else "2021-05-06T07:08:09Z",
         "position": {"type": "Point", "coordinates": [rng.uniform(-180, 180), rng.uniform(-90, 90)]}}
        for number in range(2500)]}
    return json.loads(json.dumps(document))
