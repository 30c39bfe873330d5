"""What was trained is what is loaded: logits, dtype, answers, on the device; and the fault that breaks all three."""

from __future__ import annotations

import math
from pathlib import Path

import faults
import on_gpu
import pytest
import support
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from homework import sft
from unsilent.parity import check_dtype, check_reload

pytestmark = on_gpu.needs_gpu

SHORT = {"max_steps": 8, "epochs": 2}


@pytest.mark.parametrize("precision", on_gpu.PRECISIONS)
def test_reloaded_model_says_what_the_live_one_said(
    precision: str, course_base: str, small_data: Path, tmp_path: Path
) -> None:
    """Logits of the reloaded model lie within the bound of their dtype, and the base is in the dtype of training."""
    on_gpu.train(course_base, tmp_path / "sft", **SHORT | on_gpu.options_of(precision))
    manifest = on_gpu.manifest_of(tmp_path / "sft")
    llm = sft.load(str(tmp_path / "sft"))

    assert llm.device.type == on_gpu.DEVICE.type
    assert check_reload(manifest["logits"], llm.model).status == "passed"
    assert check_dtype(manifest["dtype"]["base"], llm.model).status == "passed"


def test_fp32_adapter_on_an_fp16_base_is_found(small_data: Path, tmp_path: Path) -> None:
    """PEFT loads it without a word: no answer is a number, the logits are not finite, and both checks say why."""
    model = support.tiny_model()
    faults.enlarge_activations(model)  # beyond 65504, as those of real models may be
    model.save_pretrained(tmp_path / "base")
    support.tiny_tokenizer().save_pretrained(tmp_path / "base")
    on_gpu.train(str(tmp_path / "base"), tmp_path / "sft", precision="fp32", tf32=False, **SHORT)
    manifest = on_gpu.manifest_of(tmp_path / "sft")
    llm = sft.load(str(tmp_path / "sft"))
    healthy = check_reload(manifest["logits"], llm.model)
    half = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float16).to(on_gpu.DEVICE)
    llm.model = PeftModel.from_pretrained(half, str(tmp_path / "sft")).eval()
    answers = llm.answer("How many gram are in 6 kg?")
    dtype, logits = check_dtype(manifest["dtype"]["base"], llm.model), check_reload(manifest["logits"], llm.model)

    assert healthy.status == "passed"
    assert math.isnan(answers[0])
    assert (dtype.status, dtype.evidence) == ("failed", {"trained": "float32", "loaded": "float16"})
    assert (logits.status, logits.slug) == ("failed", "reload-mismatch")
