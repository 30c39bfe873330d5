"""Reasoning that no model wrote is found, although its form is right and its record fits.

Rows were made from the unit algebra instead of sampled. Every one is clean and correct; with a forged record every hash
agrees, and only drawing a row again tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest
import support

from homework.base_llm import BaseLLM
from homework.configuration import SamplingConfig
from homework.datagen import sample_rows
from homework.samplers import sampler
from unsilent.drawn_again import NOT_DRAWN, OTHER_PROMPT
from unsilent.fabrication import OTHER_ROW, OTHER_TEXT, check_fabricated
from unsilent.outcome import Outcome
from unsilent.provenance import read_provenance, sidecar_of
from unsilent.reasoning import check_dirty_rows

pytestmark = [pytest.mark.regression, pytest.mark.failure("fabricated-reasoning")]


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """The model that writes the rows."""
    return BaseLLM(str(tiny_base), dtype="fp32", device="cpu")


@pytest.fixture
def path(llm: BaseLLM, tmp_path: Path) -> Path:
    """Ten rows, as they were sampled, with their record."""
    support.write_sampled(tmp_path / "rft.json", llm)
    return tmp_path / "rft.json"


def check(path: Path, llm: BaseLLM | None = None, count: int = 0) -> Outcome:
    """Compare the file with its record; with a model draw rows again, all of them unless told otherwise."""
    rows, record = json.loads(path.read_text()), read_provenance(sidecar_of(path))
    return check_fabricated(rows, record, sampler=(lambda made: llm) if llm else None, count=count or len(rows))


def test_fault_is_real(path: Path, llm: BaseLLM) -> None:
    """Made-up rows are clean, right, and as their forged record has it."""
    faults.reason_by_algebra(path, llm.tokenizer)

    assert check_dirty_rows(json.loads(path.read_text())).status == "passed"
    assert check(path).status == "skipped"
    assert "every reasoning is as recorded, but nothing was drawn again" in check(path).reason


@pytest.mark.parametrize("fault", [faults.reason_by_algebra, faults.patch_answers])
def test_check_finds_it(path: Path, llm: BaseLLM, fault: Callable[..., Any]) -> None:
    """The finding names the token that the model would not have drawn, and what it draws instead."""
    fault(path, llm.tokenizer)
    outcome = check(path, llm)

    assert (outcome.status, outcome.slug) == ("failed", "fabricated-reasoning")
    assert f"got 10 of 10 rows that differ: {NOT_DRAWN} 10. Where: row 0: token " in outcome.message
    assert outcome.evidence["reasons"] == {NOT_DRAWN: 10}


def test_check_finds_another_seed(path: Path, llm: BaseLLM) -> None:
    """The model may have written it, but not in this run."""
    faults.record_other_seed(path)

    assert check(path, llm).evidence["reasons"] == {NOT_DRAWN: 10}


def test_check_finds_an_edited_row_without_a_model(path: Path) -> None:
    """The hash of the text is another."""
    faults.edit_reasoning(path)

    assert f"got 1 of 10 rows that differ: {OTHER_TEXT} 1. Where: row 1: " in check(path).message


def test_check_finds_an_edited_answer_without_a_model(path: Path) -> None:
    """The reasoning is as it was drawn, for another question."""
    faults.edit_answer(path)

    assert f"got 1 of 10 rows that differ: {OTHER_ROW} 1. Where: row 1: " in check(path).message


def test_check_finds_a_question_that_nobody_asked(path: Path, llm: BaseLLM) -> None:
    """The record is forged, too; every prompt is made again, also of rows that are not drawn."""
    faults.ask_another_question(path)
    rows, record = json.loads(path.read_text()), read_provenance(sidecar_of(path))
    outcomes = [check_fabricated(rows, record, sampler=lambda made: llm, count=1, seed=seed) for seed in range(3)]

    assert [outcome.evidence.get("reasons") for outcome in outcomes] == [{OTHER_PROMPT: 1}] * 3


@pytest.mark.no_cover
@pytest.mark.parametrize(("dtype", "temperature"), [("fp32", 0.7), ("bf16", 0.7), ("bf16", 0.0)])
def test_healthy_twin_is_left_alone(tiny_base: Path, tmp_path: Path, dtype: str, temperature: float) -> None:
    """Rows that were sampled in batches are drawn again one by one, in the same dtype and in fp32."""
    llms = [BaseLLM(str(tiny_base), dtype=one, device="cpu") for one in (dtype, "fp32")]
    support.write_sampled(
        tmp_path / "rft.json", llms[0], temperature=temperature, samples=2 if temperature else 1, model={"dtype": dtype}
    )

    assert [check(tmp_path / "rft.json", llm).status for llm in llms] == ["passed", "passed"]


def test_our_sampler_records_what_it_drew(reasoning_home: Path) -> None:
    """Every row of a sampled file can be drawn again by the model that its record names."""
    path = reasoning_home / "rft.json"
    rows = sample_rows(path, SamplingConfig(oversample=8, temperature=1.0))  # cooler, any seed draws the same
    outcome = check_fabricated(rows, read_provenance(sidecar_of(path)), sampler=sampler)

    assert (outcome.status, outcome.message) == ("passed", f"{len(rows)} rows were drawn again, each as recorded")
