"""The real model in bf16, where rounding is real: faults are found, and the healthy twins are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import faults
import pytest
import support
import torch
import trainers

from homework.base_llm import BaseLLM
from homework.cot import CoTModel
from unsilent.evaluation import check_padding
from unsilent.fabrication import check_fabricated
from unsilent.outcome import Outcome
from unsilent.provenance import read_provenance, sidecar_of

PROMPTS = [
    "How many cm are in 3 m?",
    "What is 1 kg in g?",
    "And 7 ft in inches, please, if you would be so kind?",
    "2?",
]


def drawn_again(path: Path, llm: BaseLLM, count: int = 10) -> Outcome:
    """Compare sampled rows with their record, and draw some of them again."""
    rows, record = json.loads(path.read_text()), read_provenance(sidecar_of(path))
    return check_fabricated(rows, record, sampler=lambda made: llm, count=count)


@pytest.mark.base
def test_sampled_rows_are_told_from_the_algebra(real_base: str, tmp_path: Path) -> None:
    """The 135M in bf16 with worked examples: its own rows pass, and one made-up row is enough."""
    llm = CoTModel(real_base, dtype="bf16", device="cpu")
    llm.max_new_tokens = 40
    support.write_sampled(tmp_path / "rft.json", llm, samples=1, model={"dtype": "bf16"})
    honest = drawn_again(tmp_path / "rft.json", llm)
    faults.reason_by_algebra(tmp_path / "rft.json", llm.tokenizer)

    assert (honest.status, drawn_again(tmp_path / "rft.json", llm, count=1).status) == ("passed", "failed")


@pytest.mark.base
def test_padding_is_told_from_rounding(real_base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding changes a completion of the 135M here and there, which is not padding; padded, it goes on after that."""
    llm = BaseLLM(real_base, dtype="bf16", device="cpu")
    llm.max_new_tokens = 6
    healthy = check_padding(llm.batched_generate, PROMPTS).status
    faults.pad_on_the_right(monkeypatch)

    assert (healthy, check_padding(llm.batched_generate, PROMPTS).status) == ("passed", "failed")


@pytest.mark.base
def test_guard_stops_before_a_nan(real_base: str, tmp_path: Path) -> None:
    """SmolLM2-135M in bf16: the same parameter, the same micro-batch."""
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(real_base, dtype=torch.bfloat16)
    model = trainers.fresh_adapter(base)
    faults.spoil_gradient(model, trainers.MIDDLE, backward=2)
    found = trainers.caught(trainers.make_trainer(tmp_path, model, per_device_train_batch_size=1, max_steps=2))

    assert (found.failure.slug, found.step, found.evidence["parameter"]) == ("nan-grad-norm", 2, trainers.MIDDLE)
