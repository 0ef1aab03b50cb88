"""Whether two object graphs have the same shape: types, values, and which nodes are one object.

The walk keeps its own stack, so it compares graphs of any depth.
"""
import array
import collections
import decimal
import struct
import types

ATOMS = (int, bool, complex, type(None), type(NotImplemented), type(Ellipsis), type, types.FunctionType,
         types.BuiltinFunctionType, types.ModuleType)
MEMOIZED = (str, bytes)  # equal ones may become one object


class Different(AssertionError):
    pass


def float_key(value):
    return struct.pack('>d', value)


def slot_names(cls):
    for base in cls.__mro__:
        names = base.__dict__.get('__slots__', ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ('__dict__', '__weakref__'):
                if name.startswith('__') and not name.endswith('__'):
                    name = '_%s%s' % (base.__name__.lstrip('_'), name)
                yield name


def order_key(item):
    tag = getattr(item, 'tag', None)
    return (type(item).__name__, repr(item) if tag is None else repr(tag))


def parts(obj):
    """A hashable part that must be equal and a list of children that must be alike, in order."""
    cls = type(obj)
    value, children = None, []
    if isinstance(obj, float):
        value = float_key(obj)
    elif isinstance(obj, (str, bytes, bytearray)):
        value = cls.__mro__[-2].__name__, bytes(obj) if not isinstance(obj, str) else str.__str__(obj)
    elif isinstance(obj, int):
        value = int(obj)
    elif isinstance(obj, complex):
        value = float_key(obj.real), float_key(obj.imag)
    elif isinstance(obj, array.array):
        value = obj.typecode, obj.tobytes()
    elif isinstance(obj, decimal.Decimal):
        value = repr(obj)
    elif isinstance(obj, (tuple, list)):
        children.extend(cls.__mro__[-2].__iter__(obj))
    elif isinstance(obj, collections.deque):
        value = obj.maxlen
        children.extend(obj)
    elif isinstance(obj, dict):
        for key in dict.__iter__(obj):
            children.append(key)
            children.append(dict.__getitem__(obj, key))
        if isinstance(obj, collections.OrderedDict):
            value = list(map(id, obj)) == list(map(id, dict.__iter__(obj)))
        if isinstance(obj, collections.defaultdict):
            children.append(obj.default_factory)
    elif isinstance(obj, (set, frozenset)):
        children.extend(sorted(obj, key=order_key))
    elif isinstance(obj, BaseException):
        children.append(obj.args)
    elif isinstance(obj, types.MethodType):
        value = obj.__func__.__qualname__
        children.append(obj.__self__)
    elif not hasattr(obj, '__dict__') and not list(slot_names(cls)) and cls.__module__ != 'zoo':
        value = ('opaque', obj)
    state = getattr(obj, '__dict__', None)
    if state is not None and not isinstance(obj, (type, types.FunctionType, types.MethodType, types.ModuleType)):
        for key in sorted(state):
            children.append(key)
            children.append(state[key])
    for name in slot_names(cls):
        if hasattr(obj, name):
            children.append(getattr(obj, name))
        else:
            children.append(None)
    return (value, len(children)), children


def assert_same_shape(first, second):
    """Raise Different unless second is a faithful copy of first."""
    forward, backward, keep = {}, {}, []
    pending = [(first, second)]
    while pending:
        a, b = pending.pop()
        if type(a) is not type(b):
            raise Different('%r is a %s, %r a %s' % (a, type(a), b, type(b)))
        if type(a) in ATOMS or isinstance(a, type):
            if type(a) is complex:
                if parts(a) != parts(b):
                    raise Different('%r is not %r' % (a, b))
            elif isinstance(a, types.BuiltinFunctionType) and not isinstance(a.__self__, types.ModuleType):
                if a.__name__ != b.__name__:
                    raise Different('%r is not %r' % (a, b))
                pending.append((a.__self__, b.__self__))
            elif not (a is b or type(a) is int and a == b):
                raise Different('%r is not %r' % (a, b))
            continue
        if isinstance(a, float) and type(a) is float:
            if float_key(a) != float_key(b):
                raise Different('%r is not %r' % (a, b))
            continue
        if type(a) is str and a.isidentifier():  # attribute names are interned: the name and the value part
            if a != b:
                raise Different('%r is not %r' % (a, b))
            continue
        if id(a) in forward:
            if forward[id(a)] != id(b):
                raise Different('%r is one object here and two there' % type(a))
            continue
        if type(a) not in MEMOIZED and a != () and type(a) is not frozenset:
            if id(b) in backward:
                raise Different('%r is two objects here and one there' % type(a))
            backward[id(b)] = id(a)
        forward[id(a)] = id(b)
        keep.append((a, b))
        value_a, children_a = parts(a)
        value_b, children_b = parts(b)
        if value_a != value_b:
            raise Different('%s: %.200r is not %.200r' % (type(a), value_a, value_b))
        keep.append((children_a, children_b))
        pending.extend(zip(children_a, children_b))
