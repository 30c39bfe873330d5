"""The effective batch stays what it is, however it is cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from homework.batching import choose_batch
from homework.errors import OptionInvalid

CPU = torch.device("cpu")


def test_default_is_eight_by_four() -> None:
    """Eight rows four times are the effective batch of 32, and the plan says so."""
    plan = choose_batch(CPU)

    assert (plan.micro_batch_size, plan.accumulation_steps) == (8, 4)
    assert plan.reason == "default on cpu; 8 rows x 4 = 32 an optimizer step"


@given(st.integers(-2, 70), st.integers(-1, 300))
def test_effective_batch_is_kept_or_refused(micro: int, effective: int) -> None:
    """Whatever is asked for: the two numbers multiply to the effective batch, or it is an error."""
    try:
        plan = choose_batch(CPU, micro_batch_size=micro, effective_batch=effective)
    except OptionInvalid:
        assert effective < 1 or micro < 0 or (micro and effective % micro)
        return
    assert plan.micro_batch_size * plan.accumulation_steps == effective
    assert micro in (0, plan.micro_batch_size)


@pytest.mark.parametrize(("micro", "effective", "message"), [(5, 32, "divisor of 32"), (0, 0, "at least 1 row")])
def test_impossible_plans_are_refused(micro: int, effective: int, message: str) -> None:
    """The error says which numbers would do."""
    with pytest.raises(OptionInvalid, match=message):
        choose_batch(CPU, micro_batch_size=micro, effective_batch=effective)
