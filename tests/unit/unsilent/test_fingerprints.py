"""Fingerprints are equal where every bit is, and survive the journey as float32."""

from __future__ import annotations

import pytest
import torch

from unsilent import fingerprints
from unsilent.fingerprints import fingerprint, named_fingerprints, word_of_starts


def read(*weights: torch.Tensor) -> list[str]:
    """Fingerprints as they are compared."""
    names = [str(place) for place in range(len(weights))]
    return list(named_fingerprints(names, fingerprint(weights).flatten().tolist()).values())


def test_equal_bits_have_equal_fingerprints() -> None:
    """Of a copy; each tensor has its own 64 bits."""
    weights = torch.randn(3, 5), torch.randn(7)
    found = read(*weights)

    assert found == read(*(weight.clone() for weight in weights))
    assert len(set(found)) == 2
    assert all(len(word) == 16 for word in found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_smallest_change_is_seen(dtype: torch.dtype) -> None:
    """One value, by its sign alone: zero and minus zero are other bits."""
    weight = torch.zeros(1000, dtype=dtype)
    changed = weight.clone()
    changed[617] = -changed[617]

    assert read(weight) != read(changed)


def test_place_counts() -> None:
    """Two values exchanged; a sum would not see it."""
    assert read(torch.tensor([1.0, 2.0, 3.0])) != read(torch.tensor([1.0, 3.0, 2.0]))


def test_sign_of_everything_counts() -> None:
    """2**20 values that change their sign together, which a plain weighted sum modulo 2**64 would cancel out."""
    weight = torch.ones(2**20)

    assert read(weight) != read(-weight)


def test_nan_equals_itself() -> None:
    """Bits are compared, not numbers."""
    assert read(torch.full((3,), torch.nan)) == read(torch.full((3,), torch.nan))


def test_large_tensor_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory that is needed does not grow with the tensor; the word is the same."""
    weight = torch.randn(1000)
    whole = read(weight)
    monkeypatch.setattr(fingerprints, "CHUNK", 300)

    assert read(weight) == whole


def test_nothing_has_no_fingerprint() -> None:
    """A model of which nothing is trained."""
    assert read() == []


def test_view_is_read_in_its_own_order() -> None:
    """A transposed tensor is what it shows, not what lies in memory."""
    weight = torch.randn(3, 4)

    assert read(weight.T) == read(weight.T.contiguous())


def test_word_of_starts_is_that_of_the_beginnings() -> None:
    """Names and first values count, in any order of the names; what comes late in a large tensor does not."""
    first, second = torch.randn(3, 4), torch.randn(2, fingerprints.START)
    word = word_of_starts({"a": first, "b": second})
    late = second.clone()
    late[1] = 0

    assert word == word_of_starts({"b": late, "a": first.clone()})
    assert word != word_of_starts({"a": first + 1, "b": second})
    assert word != word_of_starts({"c": first, "b": second})
    assert len(word) == len(word_of_starts({})) == 16
