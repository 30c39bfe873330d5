"""Rows are drawn again by rounds; who the sampler is, and what it cannot do, is the caller's to say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support

from homework.base_llm import BaseLLM
from unsilent.drawn_again import NOT_DRAWN, OTHER_PROMPT, DrawnAgain, OtherModel
from unsilent.provenance import Provenance, read_provenance, sidecar_of
from unsilent.reasoned_rows import ReasonedRow, as_rows


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """A tiny model in fp32."""
    return BaseLLM(str(tiny_base), dtype="fp32", device="cpu")


@pytest.fixture
def sampled(llm: BaseLLM, tmp_path: Path) -> tuple[list[ReasonedRow], Provenance]:
    """Ten rows and their record."""
    rows = as_rows(support.write_sampled(tmp_path / "rft.json", llm))
    record = read_provenance(sidecar_of(tmp_path / "rft.json"))
    assert record is not None
    return rows, record


def test_recorded_rows_are_drawn(llm: BaseLLM, sampled: tuple[list[ReasonedRow], Provenance]) -> None:
    """Nothing differs."""
    again = DrawnAgain(*sampled, lambda made: llm, frozenset({0, 5}))

    assert again.differences(everywhere=False) == []
    assert again.notes == ["the sampler does not say which model it loads"]


def test_another_model_draws_other_tokens(tiny_base: Path, sampled: tuple[list[ReasonedRow], Provenance]) -> None:
    """With one weight matrix turned round the numbers draw something else."""
    other = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    weight = other.model.get_input_embeddings().weight
    weight.data = weight.data.flip(0)
    differences = DrawnAgain(*sampled, lambda made: other, frozenset({1})).differences(everywhere=False)

    assert [(one.index, one.what) for one in differences] == [(1, NOT_DRAWN)]


def test_prompts_of_all_rows_are_compared(llm: BaseLLM, sampled: tuple[list[ReasonedRow], Provenance]) -> None:
    """Before any row is drawn."""
    other: Any = SimpleNamespace(model=llm.model, tokenizer=llm.tokenizer, format_prompt=lambda question: "another")
    again = DrawnAgain(*sampled, lambda made: other, frozenset({1}))

    assert {one.what for one in again.differences(everywhere=False)} == {OTHER_PROMPT}
    assert again.prompts_differ


def test_what_fails_for_every_row_is_raised(llm: BaseLLM, sampled: tuple[list[ReasonedRow], Provenance]) -> None:
    """Then it is not the rows."""
    promptless = SimpleNamespace(model=llm.model)
    with pytest.raises(AttributeError, match="format_prompt"):
        DrawnAgain(*sampled, lambda made: promptless, frozenset({1})).differences(everywhere=False)
    loaded = SimpleNamespace(model_record={"base": "other"})
    with pytest.raises(OtherModel, match="base 'tiny', but the sampler loads 'other'"):
        DrawnAgain(*sampled, lambda made: loaded, frozenset({1})).differences(everywhere=False)
