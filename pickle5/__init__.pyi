from pickle5 import pickle as pickle
from pickle5.pickle import *
from pickle5.pickle import (
    __all__ as __all__,
    _Framer as _Framer,
    _HAVE_PICKLE_BUFFER as _HAVE_PICKLE_BUFFER,
    _Pickler as _Pickler,
    _Stop as _Stop,
    _Unframer as _Unframer,
    _Unpickler as _Unpickler,
    _compat_pickle as _compat_pickle,
    _dump as _dump,
    _dumps as _dumps,
    _extension_cache as _extension_cache,
    _extension_registry as _extension_registry,
    _getattribute as _getattribute,
    _inverted_registry as _inverted_registry,
    _load as _load,
    _loads as _loads,
    _main as _main,
    _tuplesize2code as _tuplesize2code,
    bytes_types as bytes_types,
    compatible_formats as compatible_formats,
    decode_long as decode_long,
    dispatch_table as dispatch_table,
    encode_long as encode_long,
    format_version as format_version,
    implementation as implementation,
    whichmodule as whichmodule,
)

__version__: str

def install() -> None: ...
def uninstall() -> None: ...
