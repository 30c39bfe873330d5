"""One short training on a CUDA device: the loss falls, and the saved adapter answers.

Runs unchanged wherever CUDA is: on the real 135M where its cache is, else on the tiny model.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import support
import torch

from homework import checkpoints, sft

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


@pytest.fixture
def base(tiny_base: Path) -> Iterator[str]:
    """The embedded 135M where it is cached, else the tiny model; nothing is fetched."""
    folder = checkpoints.cache_dir() / "SmolLM2-135M-Instruct"
    yield "embedded" if not checkpoints.find_damage(folder) else str(tiny_base)
    torch.cuda.empty_cache()


def test_bf16_training_learns_and_reloads(base: str, small_data: Path, tmp_path: Path) -> None:
    """Twenty steps in bf16: finite gradient norms, a falling loss, a reloaded adapter that answers in one piece."""
    result = support.train_tiny(Path(base), tmp_path / "sft", precision="bf16", epochs=8, max_steps=20, rank=8, lr=5e-3)
    manifest = json.loads((tmp_path / "sft" / "manifest.json").read_text())
    llm = sft.load(str(tmp_path / "sft"))
    answers = llm.answer("How many gram are in 6 kg?", "How many cm are in 3 m?")

    assert all(math.isfinite(record["grad_norm"]) for record in result.log)
    assert result.log[-1]["loss"] < result.log[0]["loss"]
    assert (manifest["precision"]["name"], manifest["dtype"]["base"]) == ("bf16", "bf16")
    assert llm.model.device.type == "cuda"
    assert len(answers) == 2
    if base == "embedded":
        assert any(math.isfinite(answer) for answer in answers), answers


def test_fp16_by_wish_trains_with_a_scaler(base: str, small_data: Path, tmp_path: Path) -> None:
    """fp16 asked for on CUDA: scaled gradients, a falling loss, an fp32 base that answers without overflow."""
    result = support.train_tiny(Path(base), tmp_path / "sft", precision="fp16", epochs=8, max_steps=20, rank=8, lr=5e-3)
    manifest = json.loads((tmp_path / "sft" / "manifest.json").read_text())
    risks = [outcome["failure"] for outcome in manifest["verdicts"] if outcome["status"] == "failed"]

    assert result.log[-1]["loss"] < result.log[0]["loss"]
    assert (manifest["precision"]["name"], manifest["dtype"]["base"], risks) == ("fp16", "fp32", [])
    sft.test_model(str(tmp_path / "sft"), 4)
