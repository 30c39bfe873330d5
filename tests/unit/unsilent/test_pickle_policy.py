"""What a pickle may name is a part of what torch's own weights-only reader allows."""

from __future__ import annotations

import pytest
import torch
from torch import _weights_only_unpickler

from unsilent.pickle_policy import CALLS, NAMES, TYPES, Global, Kind, Made, Value


def test_nothing_is_allowed_that_torch_does_not_allow() -> None:
    """Held against torch's own list, whatever version is installed; dtypes are more with every version."""
    types = {f"torch.{one}" for one in TYPES}
    torchs = set(_weights_only_unpickler._get_allowed_globals())
    known = [getattr(torch, one) for one in TYPES if hasattr(torch, one)]

    assert NAMES - types - torchs == set()
    assert {type(one) for one in known} == {torch.dtype, type(torch.per_tensor_affine)}


TENSOR = Global("torch.Tensor")


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("_codecs.encode", ("abc", "latin1"), True),
        ("_codecs.encode", (Kind.TEXT, "latin1"), True),
        ("_codecs.encode", (Made("_codecs.encode"), "zlib"), False),
        ("_codecs.encode", ("abc", "rot13"), False),
        ("_codecs.encode", ("abc",), False),
        ("builtins.bytearray", (Kind.BYTES,), True),
        ("builtins.bytearray", (10**12,), False),
        ("builtins.bytearray", (Kind.NUMBER,), False),
        ("torch._tensor._rebuild_from_type_v2", (Global("torch._utils._rebuild_tensor_v2"), TENSOR, Kind.TUPLE), True),
        ("torch._tensor._rebuild_from_type_v2", (Global("builtins.set"), TENSOR, Kind.TUPLE), False),
        ("torch._tensor._rebuild_from_type_v2", (Kind.TEXT, TENSOR), False),
        ("collections.OrderedDict", (), True),
    ],
)
def test_calls_are_allowed_as_torch_writes_them(name: str, arguments: tuple[Value, ...], *, allowed: bool) -> None:
    """The same function with other arguments would do something else."""
    assert CALLS[name](arguments) is allowed
