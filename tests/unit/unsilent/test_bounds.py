"""The bounds are the settled ones, each has a source, and nothing that binds nothing is taken."""

from __future__ import annotations

import dataclasses

import pytest

from unsilent.bounds import Bounds, ConfigInvalid


def test_bounds_are_the_settled_ones() -> None:
    """0.40 and 0.90 as point values, 380,000,000 parameters, 60 and 15 seconds, 20 and 50 MB."""
    named = Bounds().as_json()

    assert (named["sft_accuracy"], named["sft_answer_rate"], named["rft_accuracy"]) == (0.40, 0.90, 0.60)
    assert (named["parameters"], named["seconds"], named["batched_seconds"]) == (380_000_000, 60, 15)
    assert (named["adapter_mb"], named["zip_mb"]) == (20, 50)


def test_every_bound_has_a_source() -> None:
    """Where it comes from is said; of a changed one, that it was changed."""
    sources = {one.name: Bounds().source(one.name) for one in dataclasses.fields(Bounds)}

    assert all(sources.values())
    assert Bounds(sft_accuracy=0.5).source("sft_accuracy") == "set for this project"


@pytest.mark.parametrize("name", ["accuracy", "sft.accuracy"])
def test_bound_can_be_changed(name: str) -> None:
    """With the part's name or, for sft, without; the others stay."""
    assert Bounds().override({name: 0.5}, "here") == Bounds(sft_accuracy=0.5)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("acuracy", 0.5, "Expected one of .* but got 'acuracy'. Where: here. What to do: did you mean sft.accuracy"),
        ("colour", 0.5, "but got 'colour'. Where: here. What to do: correct the name"),
        ("accuracy", float("nan"), "Expected a share: 0 or more, and less than 1 as sft.accuracy, but got nan"),
        ("accuracy", 50, "as sft.accuracy, but got 50"),
        ("rft.answer_rate", -0.1, "as rft.answer_rate, but got -0.1"),
        ("accuracy", True, "as sft.accuracy, but got True"),
        ("accuracy", "0.5", "as sft.accuracy, but got '0.5'"),
        ("parameters", 1.5, "Expected a whole number above 0 as parameters, but got 1.5"),
        ("seconds", float("inf"), "Expected a number above 0 as seconds, but got inf"),
        ("parameters", 10**400, "as parameters, but got 1000"),
        ("zip_mb", 0, "as zip_mb, but got 0"),
    ],
)
def test_bound_that_binds_nothing_is_refused(name: str, value: object, complaint: str) -> None:
    """An unknown name, NaN, a percentage, a text: each is said with where it stands."""
    with pytest.raises(ConfigInvalid, match=complaint):
        Bounds().override({name: value}, "here")
