"""Odd things that several files of tests share: a file with as little as may be, and an object that calls something."""
import io


class File(object):
    """read and readline, and nothing else."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def read(self, size):
        return self.inner.read(size)

    def readline(self):
        return self.inner.readline()


class Calls(object):
    """Calls something while it is pickled."""

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        self.call()
        return list, ()
