"""What a pickle may name and call: a part of what torch's own weights-only reader allows, and nothing else.

Found by saving tensors, parameters and state dictionaries of every kind with torch 2.13 (protocols 0-5, both file
formats) and held by a test against torch's own list. Left out of that list: tensor classes of the year 2017, wrapper
subclasses, and tensors rebuilt from numpy, which clean files of adapters do not hold. A list of what is forbidden would
be out of date with the next module that can start a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Kind(Enum):
    """Values of which only the type is kept."""

    TEXT, BYTES, NUMBER, NONE, TRUTH, LIST, DICT, SET, TUPLE, STORAGE = range(10)


@dataclass(frozen=True)
class Global:
    """Something imported by name."""

    name: str


@dataclass(frozen=True)
class Made:
    """What a call of something imported returned."""

    by: str


Value: TypeAlias = "str | int | Kind | Global | Made | tuple[Value, ...]"

# Bytes of one element, by the name of its storage in torch; float8 and newer types have untyped storages.
STORAGES = {
    **dict.fromkeys(("Byte", "Char", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), 1),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
ON_CUDA = ("Byte", "Char", "Bool", "Half", "BFloat16", "Short", "Float", "Int", "Double", "Long")
STORAGE_BYTES = {
    **{f"torch.{name}Storage": size for name, size in STORAGES.items()},
    **{f"torch.cuda.{name}Storage": STORAGES[name] for name in (*ON_CUDA, "ComplexFloat", "ComplexDouble")},
    "torch.storage.UntypedStorage": 1,
}
TYPES = (
    *("float64", "float32", "float16", "bfloat16", "complex128", "complex64", "complex32", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2"),
    *("int1", "int2", "int3", "int4", "int5", "int6", "int7"),
    *("uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7"),
    *("qint8", "quint8", "qint32", "quint4x2", "quint2x4", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"),
    *("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    "per_channel_affine_float_qparams",
)
TENSORS = ("torch.Tensor", "torch.nn.parameter.Parameter")
REBUILD = {
    f"torch._utils._rebuild_{kind}"
    for kind in (
        *("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor", "sparse_tensor"),
        *("meta_tensor_no_storage", "nested_tensor", "device_tensor_from_cpu_tensor"),
    )
}


def _anything(arguments: tuple[Value, ...]) -> bool:  # noqa: ARG001 - as the other rules
    return True


def _latin_text(arguments: tuple[Value, ...]) -> bool:
    """As protocol 2 writes bytes. With another codec the same function unpacks bombs and imports modules."""
    match arguments:
        case (str() | Kind.TEXT, "latin1"):
            return True
        case _:
            return False


def _no_number(arguments: tuple[Value, ...]) -> bool:
    """``bytearray(10**12)`` is a terabyte."""
    return not any(isinstance(one, int) or one is Kind.NUMBER for one in arguments)


def _plain_tensor(arguments: tuple[Value, ...]) -> bool:
    """A tensor with attributes: the function that is called in turn is one of torch's own, the type is no subclass."""
    match arguments:
        case (Global(name=function), Global(name=kind), *_):
            return function in REBUILD and kind in TENSORS
        case _:
            return False


CALLS: Mapping[str, Callable[[tuple[Value, ...]], bool]] = {
    **dict.fromkeys(REBUILD, _anything),
    **dict.fromkeys(("collections.OrderedDict", "collections.Counter", "builtins.set", "builtins.complex"), _anything),
    **dict.fromkeys(("torch.Size", "torch.device", "torch.serialization._get_layout"), _anything),
    "torch._tensor._rebuild_from_type_v2": _plain_tensor,
    "builtins.bytearray": _no_number,
    "_codecs.encode": _latin_text,
}
DICTIONARIES = ("collections.OrderedDict", "collections.Counter")
NAMES = frozenset({*CALLS, *STORAGE_BYTES, "torch.storage.TypedStorage", *TENSORS, *(f"torch.{one}" for one in TYPES)})
OLD_NAMES = {"__builtin__": "builtins"}  # Python 2's, which protocols 0-2 still write
