"""Protocol 5 for 3.6 and 3.7, whose own pickle.py ends at protocol 4.

The classes here extend the interpreter's own ``_Pickler`` and ``_Unpickler``,
so that what subclasses those (their ``dispatch`` tables, ``save``,
``save_reduce``, ``find_class``) works on these as well.
"""
import io
import struct
import sys

from pickle5.Lib import _base

_stdlib = _base.stdlib
PicklingError, UnpicklingError = _stdlib.PicklingError, _stdlib.UnpicklingError

HIGHEST_PROTOCOL = 5
DEFAULT_PROTOCOL = 4

BYTEARRAY8 = b"\x96"        # a bytearray; 8 bytes of length, then its content
NEXT_BUFFER = b"\x97"       # take the next out-of-band buffer
READONLY_BUFFER = b"\x98"   # make the buffer on top of the stack read-only

_HAVE_PICKLE_BUFFER = True


class _PyPickleBuffer:
    """A buffer that a pickler may leave out of its stream.

    This stands in for the engine's type where that is not built.  Python code
    cannot export a buffer on 3.6 and 3.7, so ``memoryview(pb)`` does not work
    on it; use ``pb.raw()``, or hand it to ``loads(buffers=...)`` as it is.
    """

    __slots__ = ("_view", "__weakref__")

    def __init__(self, object):
        if isinstance(object, _PyPickleBuffer):
            object = object._held()
        self._view = memoryview(object)

    def __init_subclass__(cls, **kwargs):
        raise TypeError("type 'PickleBuffer' is not an acceptable base type")

    def _held(self):
        if self._view is None:
            raise ValueError("operation forbidden on released PickleBuffer object")
        return self._view

    def raw(self):
        """Return the memory as one flat memoryview of bytes, without a copy."""
        view = self._held()
        if not view.contiguous:
            raise BufferError("cannot extract raw buffer from non-contiguous buffer")
        if not view.nbytes:
            return memoryview(b"")
        try:
            return view.cast("B")
        except TypeError as error:
            raise BufferError("cannot see this buffer as bytes without the C engine: %s" % error) from None

    def release(self):
        """Let go of the memory; the object cannot be used after that."""
        self._view = None


PickleBuffer = _PyPickleBuffer if _base.engine is None else _base.engine.PickleBuffer


def _readonly(buffer):
    """Return a view of BUFFER that cannot be written through."""
    if _base.engine is not None:
        return _base.engine.loads(b"\x80\x05" + NEXT_BUFFER + READONLY_BUFFER + b".", buffers=(buffer,))
    # memoryview.toreadonly() came with 3.8; only a copy is safe here.
    with memoryview(buffer) as view:
        return memoryview(view.tobytes())


class _Pickler(_stdlib._Pickler):

    dispatch = _stdlib._Pickler.dispatch.copy()

    def __init__(self, file, protocol=None, *, fix_imports=True, buffer_callback=None):
        """Write pickles to FILE, in PROTOCOL (4 unless told otherwise, up to 5).

        Each PickleBuffer met is passed to BUFFER_CALLBACK; if that returns a
        false value, the buffer stays out of the stream.
        """
        if protocol is None:
            protocol = DEFAULT_PROTOCOL
        if protocol < 0:
            protocol = HIGHEST_PROTOCOL
        elif protocol > HIGHEST_PROTOCOL:
            raise ValueError("pickle protocol must be <= %d" % HIGHEST_PROTOCOL)
        if buffer_callback is not None and protocol < 5:
            raise ValueError("buffer_callback needs protocol >= 5")
        super().__init__(file, min(protocol, _stdlib.HIGHEST_PROTOCOL), fix_imports=fix_imports)
        self.proto = int(protocol)
        self._buffer_callback = buffer_callback

    # During a dump that has neither a persistent_id nor a reducer_override.
    _unhooked = False

    def dump(self, obj):
        """Write a pickle of OBJ; the hooks are looked up now, as the engine does."""
        self._unhooked = (type(self).persistent_id is _stdlib._Pickler.persistent_id
                          and "persistent_id" not in self.__dict__
                          and getattr(self, "reducer_override", None) is None)
        try:
            super().dump(obj)
        finally:
            self._unhooked = False

    def save(self, obj, save_persistent_id=True):
        """Write one object; what pickles in a new way is told from what does not here."""
        self.framer.commit_frame()
        unhooked = self._unhooked
        if not unhooked:
            pid = self.persistent_id(obj)
            if pid is not None and save_persistent_id:
                return self.save_pers(pid)
        known = self.memo.get(id(obj))
        if known is not None:
            self.write(self.get(known[0]))
            return None

        if not unhooked:
            override = getattr(self, "reducer_override", None)
            value = NotImplemented if override is None else override(obj)
            if value is not NotImplemented:
                return self._save_value(obj, override, value)
        writer = self.dispatch.get(type(obj))
        if writer is not None:
            return writer(self, obj)
        return self._save_value(obj, *self._reduce(obj, type(obj)))

    def _save_value(self, obj, reduce, value):
        """Write OBJ as the VALUE that REDUCE returned for it tells."""
        if value is None and reduce is None:
            return self.save_global(obj)
        if isinstance(value, str):
            return self.save_global(obj, value)
        if not isinstance(value, tuple):
            raise PicklingError("%s must return string or tuple" % (reduce,))
        if not 2 <= len(value) <= 6:
            raise PicklingError("tuple returned by %s must contain two through six elements" % (reduce,))
        return self.save_reduce(*value, obj=obj)

    def _reduce(self, obj, cls):
        """Return the function that reduces OBJ and its result; (None, None) for a class."""
        reduce = getattr(self, "dispatch_table", _stdlib.dispatch_table).get(cls)
        if reduce is not None:
            return reduce, reduce(obj)
        if issubclass(cls, type):
            return None, None
        reduce = getattr(obj, "__reduce_ex__", None)
        if reduce is not None:
            return reduce, reduce(self.proto)
        reduce = getattr(obj, "__reduce__", None)
        if reduce is None:
            raise PicklingError("cannot pickle %r object: %r" % (cls.__name__, obj))
        return reduce, reduce()

    def save_reduce(self, func, args, state=None, listitems=None, dictitems=None,
                    state_setter=None, obj=None):
        if state is None or state_setter is None:
            return super().save_reduce(func, args, state, listitems, dictitems, obj=obj)
        super().save_reduce(func, args, None, listitems, dictitems, obj=obj)
        # The reader calls state_setter(obj, state), and drops what it returns.
        self.save(state_setter)
        self.save(obj)
        self.save(state)
        self.write(_stdlib.TUPLE2 + _stdlib.REDUCE + _stdlib.POP)
        return None

    def _write_payload(self, header, payload):
        """Write an opcode with its content; a large one goes past the frame where 3.7 can."""
        large = getattr(self, "_write_large_bytes", None)
        if large is not None and len(payload) >= self.framer._FRAME_SIZE_TARGET:
            large(header, payload)
        else:
            self.write(header)
            self.write(payload)

    def _put_bytes(self, data):
        """Write DATA as a bytes object, without a number in the memo."""
        size = len(data)
        if size <= 0xff:
            self.write(_stdlib.SHORT_BINBYTES + struct.pack("<B", size) + data)
        elif size <= 0xffffffff:
            self._write_payload(_stdlib.BINBYTES + struct.pack("<I", size), data)
        else:
            self._write_payload(_stdlib.BINBYTES8 + struct.pack("<Q", size), data)

    def _put_bytearray(self, data):
        self._write_payload(BYTEARRAY8 + struct.pack("<Q", len(data)), data)

    def save_bytearray(self, obj):
        if self.proto < 5:
            self.save_reduce(bytearray, (bytes(obj),) if obj else (), obj=obj)
        else:
            self._put_bytearray(obj)
            self.memoize(obj)
    dispatch[bytearray] = save_bytearray

    def save_picklebuffer(self, obj):
        if self.proto < 5:
            raise PicklingError("PickleBuffer can only be pickled with protocol >= 5")
        try:
            view = obj.raw()
        except BufferError as error:
            raise PicklingError("PickleBuffer cannot be pickled: %s" % error) from error
        with view:
            if self._buffer_callback is None or self._buffer_callback(obj):
                put = self._put_bytes if view.readonly else self._put_bytearray
                put(view.tobytes())
                self.memoize(obj)
            else:
                self.write(NEXT_BUFFER)
                if view.readonly:
                    self.write(READONLY_BUFFER)
    dispatch[PickleBuffer] = save_picklebuffer


class _Unpickler(_stdlib._Unpickler):

    dispatch = _stdlib._Unpickler.dispatch.copy()

    def __init__(self, file, *, fix_imports=True, encoding="ASCII", errors="strict", buffers=None):
        """Read pickles from FILE; out-of-band buffers are taken from BUFFERS, in order."""
        super().__init__(file, fix_imports=fix_imports, encoding=encoding, errors=errors)
        self._buffers = None if buffers is None else iter(buffers)

    def load_proto(self):
        proto = self.read(1)[0]
        if proto > HIGHEST_PROTOCOL:
            raise ValueError("unsupported pickle protocol: %d" % proto)
        self.proto = proto
    dispatch[_stdlib.PROTO[0]] = load_proto

    def load_bytearray8(self):
        size, = struct.unpack("<Q", self.read(8))
        if size > sys.maxsize:
            raise UnpicklingError("BYTEARRAY8 exceeds system's maximum size of %d bytes" % sys.maxsize)
        data = self.read(size)
        if len(data) < size:
            raise UnpicklingError("pickle data was truncated")
        self.append(bytearray(data))
    dispatch[BYTEARRAY8[0]] = load_bytearray8

    def load_next_buffer(self):
        if self._buffers is None:
            raise UnpicklingError("the pickle refers to out-of-band data, but no buffers were given")
        try:
            buffer = next(self._buffers)
        except StopIteration:
            raise UnpicklingError("not enough out-of-band buffers") from None
        if type(buffer) is _PyPickleBuffer:
            buffer = buffer._held()
        self.append(buffer)
    dispatch[NEXT_BUFFER[0]] = load_next_buffer

    def load_readonly_buffer(self):
        with memoryview(self.stack[-1]) as view:
            readonly = view.readonly
        if not readonly:
            self.stack[-1] = _readonly(self.stack[-1])
    dispatch[READONLY_BUFFER[0]] = load_readonly_buffer


def _dump(obj, file, protocol=None, *, fix_imports=True, buffer_callback=None):
    _Pickler(file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback).dump(obj)


def _dumps(obj, protocol=None, *, fix_imports=True, buffer_callback=None):
    file = io.BytesIO()
    _dump(obj, file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
    return file.getvalue()


def _load(file, *, fix_imports=True, encoding="ASCII", errors="strict", buffers=None):
    return _Unpickler(file, fix_imports=fix_imports, encoding=encoding, errors=errors,
                      buffers=buffers).load()


def _loads(data, *, fix_imports=True, encoding="ASCII", errors="strict", buffers=None):
    if isinstance(data, str):
        raise TypeError("Can't load pickle from unicode string")
    return _load(io.BytesIO(data), fix_imports=fix_imports, encoding=encoding, errors=errors,
                 buffers=buffers)
