"""A sampler is the model that its record names, and says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import support

from homework import cot, samplers
from homework.cot import CoTModel
from homework.errors import AdapterMissing, RowsUnusable
from homework.rft import RFTModel
from homework.sft import format_number
from unsilent.manifest import sha256_of


def test_first_round_is_sampled_by_the_base(reasoning_home: Path, reasoning_base: Path) -> None:
    """With worked examples, and without an adapter."""
    llm = samplers.sampler_of_round(1, reasoning_home / "rft.json", "")

    assert isinstance(llm, CoTModel)
    assert llm.model_record["base"] == llm.checkpoint.name
    assert llm.model_record["adapter"] is None
    assert samplers.sampler({"model": llm.model_record}).model_record == llm.model_record


def test_later_rounds_are_sampled_by_adapters(reasoning_home: Path, trained_once: Path) -> None:
    """By the one that the round before has left, known by the hash of its weights."""
    output = reasoning_home / "rft.json"
    folder = samplers.round_folder(output, 1)
    shutil.copytree(trained_once, folder)
    llm = samplers.sampler_of_round(2, output, "")

    assert isinstance(llm, RFTModel)
    assert llm.model_record["adapter"] == {
        "folder": str(folder),
        "sha256": sha256_of(folder / "adapter_model.safetensors"),
    }
    assert samplers.sampler({"model": llm.model_record}).model_record == llm.model_record


def test_adapter_inside_the_project_is_named_from_there(
    reasoning_home: Path, trained_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a checkout can be moved with its data."""
    monkeypatch.setattr(samplers, "PROJECT", reasoning_home)
    output = reasoning_home / "data" / "rft.json"
    shutil.copytree(trained_once, samplers.round_folder(output, 1))
    llm = samplers.sampler_of_round(2, output, "")

    assert llm.model_record["adapter"]["folder"] == "data/rft.rounds/round-1"
    assert isinstance(samplers.sampler({"model": llm.model_record}), RFTModel)


def test_hint_is_the_answer(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the question and behind those of the examples; the record names what asked so."""
    monkeypatch.setattr(cot, "EXAMPLES", (("How many g are 6 kg?", "6 * 1000 = <answer>6000</answer>"),))
    llm = samplers.hinted_sampler("")
    prompt = llm.format_prompt(str(support.FIVE_ROWS[0][0]))

    assert f"{support.FIVE_ROWS[0][0]} The answer is {format_number(support.FIVE_ROWS[0][1])}." in prompt
    assert "How many g are 6 kg? The answer is 6000." in prompt
    assert isinstance(samplers.sampler({"model": llm.model_record, "format": type(llm).__name__}), samplers.HintedCoT)
    with pytest.raises(RowsUnusable, match="questions of train"):
        llm.format_prompt("How many?")


def test_missing_adapter_is_named(reasoning_home: Path) -> None:
    """A round whose adapter is gone cannot be sampled."""
    with pytest.raises(AdapterMissing, match="round-1"):
        samplers.sampler_of_round(2, reasoning_home / "rft.json", "")
