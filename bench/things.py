"""The classes whose instances the suite pickles: they must be importable by name."""
import collections
import enum


class Plain(object):
    def __init__(self, number):
        self.number = number
        self.name = "item %d" % number
        self.price = number * 1.5
        self.tags = None

    def __eq__(self, other):
        return self.__dict__ == other.__dict__


class Slots(object):
    __slots__ = ("number", "name", "price", "tags")

    def __init__(self, number):
        self.number = number
        self.name = "item %d" % number
        self.price = number * 1.5
        self.tags = None

    def __eq__(self, other):
        return (self.number, self.name, self.price) == (other.number, other.name, other.price)


class Table(object):
    """Rows in one object, for the workers."""

    def __init__(self, rows):
        self.rows = rows


class Small(object):
    """One small object, for the cost of a single call."""

    def __init__(self):
        self.x, self.y = 3, 4

    def __eq__(self, other):
        return self.__dict__ == other.__dict__


try:
    import dataclasses
except ImportError:  # 3.6
    Record = None
else:
    @dataclasses.dataclass
    class Record:
        number: int
        name: str
        price: float
        tags: object = None


Point = collections.namedtuple("Point", "x y label")

Code = enum.Enum("Code", [("CODE_%d" % number, "value %d" % number) for number in range(500)], module=__name__)


class Node(object):
    """What stands in for a compiled tree of a forest: rebuilt from arguments, then given its state, as those are."""

    def __init__(self, features, outputs):
        self.features, self.outputs = features, outputs

    def __reduce__(self):
        state = dict(self.__dict__)
        return Node, (state.pop("features"), state.pop("outputs")), state

    def __setstate__(self, state):
        self.__dict__.update(state)


class Estimator(object):
    """One tree of the stand-in: the settings that such objects carry, and the compiled tree."""

    def __init__(self, seed, tree):
        self.criterion, self.splitter, self.max_depth = "squared_error", "best", None
        self.min_samples_split, self.min_samples_leaf, self.min_weight_fraction_leaf = 2, 1, 0.0
        self.max_features, self.max_leaf_nodes, self.min_impurity_decrease = 1.0, None, 0.0
        self.random_state, self.ccp_alpha, self.n_features_in_, self.n_outputs_ = seed, 0.0, 10, 1
        self.tree_ = tree


class Forest(object):
    def __init__(self, estimators):
        self.n_estimators, self.bootstrap, self.oob_score, self.n_jobs = len(estimators), True, False, None
        self.verbose, self.warm_start, self.estimators_ = 0, False, estimators
