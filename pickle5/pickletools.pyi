from typing import Any, Callable, Dict, IO, Iterator, List, Optional, Sequence, Tuple, Union

__all__ = ["dis", "genops", "optimize"]

class ArgumentDescriptor:
    name: str
    n: int
    reader: Callable[[IO[bytes]], Any]
    doc: str
    def __init__(self, name: str, n: int, reader: Callable[[IO[bytes]], Any], doc: str) -> None: ...

class StackObject:
    name: str
    obtype: Union[type, Tuple[type, ...]]
    doc: str
    def __init__(self, name: str, obtype: Union[type, Tuple[type, ...]], doc: str) -> None: ...

class OpcodeInfo:
    name: str
    code: str
    arg: Optional[ArgumentDescriptor]
    stack_before: List[StackObject]
    stack_after: List[StackObject]
    proto: int
    doc: str
    def __init__(
        self, name: str, code: str, arg: Optional[ArgumentDescriptor], stack_before: List[StackObject],
        stack_after: List[StackObject], proto: int, doc: str,
    ) -> None: ...

opcodes: List[OpcodeInfo]
code2op: Dict[str, OpcodeInfo]

def genops(pickle: Union[bytes, bytearray, IO[bytes]]) -> Iterator[Tuple[OpcodeInfo, Optional[Any], Optional[int]]]: ...
def optimize(p: Union[bytes, bytearray, IO[bytes]]) -> bytes: ...
def dis(
    pickle: Union[bytes, bytearray, IO[bytes]], out: Optional[IO[str]] = None, memo: Optional[Dict[int, Any]] = None,
    indentlevel: int = 4, annotate: int = 0,
) -> None: ...
def _main(args: Optional[Sequence[str]] = None) -> None: ...
