"""What `make stubs` has mypy --strict look at: the names, as a program with type annotations uses them."""
import io
from typing import Any, List

import pickle5 as pickle
from pickle5 import pickletools


class MyPickler(pickle.Pickler):
    def persistent_id(self, obj: Any, /) -> Any:
        return None


class MyUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(module_name)

    def persistent_load(self, pid: Any, /) -> Any:
        return pid


def out_of_band(value: object) -> object:
    buffers: List[pickle.PickleBuffer] = []
    data: bytes = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views: List[memoryview] = [buffer.raw() for buffer in buffers]
    return pickle.loads(data, buffers=views)


def files(value: object) -> object:
    file = io.BytesIO()
    MyPickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
    pickle.dump(value, file, 4, fix_imports=False)
    file.seek(0)
    MyUnpickler(file, encoding="bytes").load()
    for opcode, argument, position in pickletools.genops(file.getvalue()):
        print(opcode.name, argument, position)
    return pickle.load(file)
