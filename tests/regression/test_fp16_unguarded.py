"""fp16 without a gradient scaler, as a fallback, or where it does nothing, is a risk, said before the first step.

The reports fell back to fp16 where bf16 was missing. Weights in fp16 lose every update below their spacing and overflow
beyond 65504; ``fp16=True`` on a CPU makes Trainer train in fp32 without a word.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import pytest
import snippets
import support
import torch
from transformers import Trainer, TrainingArguments

from homework.devices import describe_cpu, describe_gpu
from homework.precision import choose_precision
from unsilent.precision import check_fp16

pytestmark = [pytest.mark.regression, pytest.mark.failure("fp16-unguarded")]

ROW = {"input_ids": torch.arange(12)[None] + 3, "labels": torch.arange(12)[None] + 3}


def moved_by_one_step(model: Any) -> float:  # noqa: ANN401 - a PEFT model
    """Share of lora_B's values that one small step of SGD changes."""
    optimizer = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], lr=1e-5)
    before = {name: w.detach().clone() for name, w in model.named_parameters() if "lora_B" in name}
    model(**ROW).loss.backward()
    optimizer.step()
    after = dict(model.named_parameters())
    return sum(float((after[name] != w).float().mean()) for name, w in before.items()) / len(before)


def test_fault_is_real() -> None:
    """A step that moves fp32 weights leaves most fp16 weights where they are, without a word."""
    healthy = moved_by_one_step(support.tiny_adapter())
    broken = moved_by_one_step(faults.hold_in_fp16(support.tiny_adapter()))

    assert healthy > 0.9, healthy
    assert broken < 0.2, broken


def test_fault_is_real_on_a_cpu(tmp_path: Path) -> None:
    """With fp16=True and no CUDA, Trainer runs to the end and computes in fp32."""
    seen: set[torch.dtype] = set()
    model = support.tiny_adapter()
    model.get_base_model().lm_head.register_forward_hook(lambda module, args, out: seen.add(out.dtype))
    rows = [{"input_ids": list(range(3, 15)), "labels": list(range(3, 15))}] * 4
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=1,
        fp16=True,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    Trainer(model=model, args=arguments, train_dataset=rows).train()

    assert seen == {torch.float32}


FAULTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "fp16 weights": (faults.hold_in_fp16, {}),
    "fp16 weights and a scaler": (faults.hold_in_fp16, {"scaler": torch.amp.GradScaler("cpu")}),
    "fp16 without CUDA": (lambda model: model, {"arguments": SimpleNamespace(fp16=True)}),
    "fp16 evaluation": (lambda model: model, {"arguments": SimpleNamespace(fp16_full_eval=True)}),
    "fp16 as a fallback": (lambda model: model, {"arguments": SimpleNamespace(fp16=True), "asked_for": "auto"}),
    "bf16 without hardware": (lambda model: model, {"arguments": SimpleNamespace(bf16=True), "has_bf16": False}),
}


@pytest.mark.parametrize(("inject", "options"), FAULTS.values(), ids=FAULTS.keys())
def test_check_finds_it(inject: Any, options: dict[str, Any]) -> None:  # noqa: ANN401
    """Each way is a finding of severity risk with its reason in the evidence."""
    outcome = check_fp16(inject(support.tiny_adapter()), **options)

    assert (outcome.status, outcome.slug, outcome.failure.severity) == ("failed", "fp16-unguarded", "risk")
    assert "Expected bf16 or fp32, or fp16 by wish with a gradient scaler" in outcome.message
    assert outcome.evidence["reasons"]


def test_check_finds_an_fp16_base() -> None:
    """fp32 adapter weights do not help a base that computes in fp16 without a scaler."""
    outcome = check_fp16(support.tiny_adapter(dtype=torch.float16))

    assert outcome.status == "failed"
    assert "got a base in fp16 without a gradient scaler" in outcome.message


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (torch.float32, {}),
        (torch.bfloat16, {"arguments": SimpleNamespace(bf16=True, fp16=False, fp16_full_eval=False), "has_bf16": True}),
        (torch.float16, {"scaler": torch.amp.GradScaler("cpu")}),
    ],
    ids=["fp32", "bf16", "fp16 base with a scaler"],
)
def test_healthy_twin_is_left_alone(dtype: torch.dtype, options: dict[str, Any]) -> None:
    """fp32, bf16 on hardware that has it, and an fp16 base under fp32 adapters with a scaler."""
    assert check_fp16(support.tiny_adapter(dtype=dtype), **options).status == "passed"


@pytest.mark.parametrize(
    "device", [describe_cpu({}), describe_gpu("T4", (7, 5), 15_800_000_000), describe_gpu("V100", (7, 0), 34 * 10**9)],
    ids=["CPU", "T4", "V100"],
)  # fmt: skip
def test_library_never_falls_back_to_fp16(device: Any) -> None:  # noqa: ANN401
    """Where bf16 is missing the library takes fp32."""
    chosen = choose_precision(device)

    assert (chosen.name, chosen.base_dtype, chosen.needs_scaler) == ("fp32", "fp32", False)


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "fp16-unguarded")
