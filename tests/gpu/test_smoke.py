"""One short training in every precision: it learns, leaves the base alone, and answers in another process.

Runs unchanged wherever CUDA is: on the real 135M where its cache is, else on a random model of the course's shape.
"""

from __future__ import annotations

import math
from pathlib import Path

import on_gpu
import pytest

from homework import sft

pytestmark = on_gpu.needs_gpu

QUESTIONS = ("How many gram are in 6 kg?", "How many cm are in 3 m?", "How many min are in 2 h?")
PASS = 5  # steps of 8 rows in which each of the 40 rows, or a variation of it, comes once
DTYPES = {"bf16": "torch.bfloat16", "tf32": "torch.float32", "fp32": "torch.float32", "fp16": "torch.float32"}


@pytest.mark.parametrize("precision", on_gpu.PRECISIONS)
def test_training_learns_and_reloads(precision: str, course_base: str, small_data: Path, tmp_path: Path) -> None:
    """The loss falls, norms are finite, the adapter moved, the base did not, and a new process answers with numbers."""
    result, is_base_unchanged = on_gpu.train(course_base, tmp_path / "sft", **on_gpu.options_of(precision))
    manifest, weights = on_gpu.manifest_of(tmp_path / "sft"), on_gpu.weights_of(tmp_path / "sft")
    there = on_gpu.reload_elsewhere(tmp_path / "sft", *QUESTIONS)
    broken = [record["step"] for record in result.log if not math.isfinite(record["grad_norm"])]
    losses = [record["loss"] for record in result.log]

    assert sum(losses[-PASS:]) < 0.9 * sum(losses[:PASS])
    # a gradient scaler may skip steps while it looks for its scale
    assert broken == [] or (precision == "fp16" and max(broken) < len(result.log) / 2), broken
    assert is_base_unchanged
    assert all(weight.abs().max() > 0 for name, weight in weights.items() if "lora_B" in name)
    assert manifest["precision"]["name"] == on_gpu.PRECISIONS[precision]["precision"]
    assert (there["device"], there["dtype"]) == (on_gpu.DEVICE.type, DTYPES[precision])
    assert there["logits"] == "passed"
    assert any(math.isfinite(answer) for answer in there["answers"]), there


def test_what_it_took_is_said(
    course_base: str, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tokens a second and the peak memory of the device are printed and in the manifest."""
    on_gpu.train(course_base, tmp_path / "sft", max_steps=4)
    took = on_gpu.manifest_of(tmp_path / "sft")["consumed"]

    assert "tokens a second" in capsys.readouterr().out
    assert took["tokens_per_second"] > 0
    assert took["peak_memory_bytes"] > 0
    assert ("on the GPU" in took["memory_of"]) is (on_gpu.DEVICE.type == "cuda")


def test_trained_adapter_goes_through_the_checklist(
    course_base: str, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The project's own test of an adapter runs on the device: files, dtype, logits against the live model, answers."""
    on_gpu.train(course_base, tmp_path / "sft")
    result = sft.test_model(str(tmp_path / "sft"), 8, honesty="none")

    assert len(result.samples) == 8
    assert "accuracy" in capsys.readouterr().out
