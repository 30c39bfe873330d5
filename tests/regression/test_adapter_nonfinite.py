"""NaN or inf on disk is found before an adapter is loaded.

PEFT loads such a file without a word. One NaN in one lora_B is enough: every logit of every answer is NaN. (In a query
projection it may be swallowed: the fused attention of torch gives 0 for a row of NaN.)
"""

from __future__ import annotations

import math
from pathlib import Path

import faults
import pytest
import support
import torch
from peft import PeftModel

from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-nonfinite")]

IDS = torch.arange(12)[None] + 3


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter without a manifest, as most are."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """PEFT loads it, and no logit is a number."""
    faults.write_value(adapter, math.nan, "layers.0.mlp.down_proj.lora_B")
    with torch.no_grad():
        logits = PeftModel.from_pretrained(support.tiny_model(), str(adapter)).eval()(input_ids=IDS).logits

    assert logits.isnan().all()


@pytest.mark.no_cover
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_check_finds_it(adapter: Path, value: float, dtype: torch.dtype) -> None:
    """The tensor, the place in it, and how many others."""
    name = faults.write_value(adapter, value, dtype=dtype)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-nonfinite"
    assert f"but got NaN or inf in {name}, 1 of 128 values, the first at [0, 1] (1 of 28 tensors)" in finding.message
    assert finding.evidence["first"] == {"tensor": name, "index": [0, 1]}


@pytest.mark.no_cover
def test_check_finds_it_in_a_pickle(adapter: Path) -> None:
    """A .bin is read by a child process, and judged by the same values."""
    faults.write_value(adapter, math.nan)

    assert support.only_finding(inspect_adapter(support.as_bin(adapter))).slug == "adapter-nonfinite"


def test_quick_look_says_that_it_did_not_look(adapter: Path) -> None:
    """Headers say nothing of values: skipped, never passed."""
    faults.write_value(adapter, math.nan)
    found = {outcome.slug: outcome for outcome in inspect_adapter(adapter, quick=True).outcomes}

    assert found["adapter-nonfinite"].status == "skipped"
    assert found["adapter-nonfinite"].reason == "values are not read with --quick"


def test_check_finds_an_update_that_float32_cannot_hold(adapter: Path) -> None:
    """Every value is finite, and what they make together is not."""
    faults.change_config(adapter, lora_alpha=1e60)
    finding = support.only_finding(inspect_adapter(adapter))

    assert "Expected an update that float32 can hold, but got one of norm" in finding.message
    assert finding.evidence["count"] == 14


@pytest.mark.parametrize("value", [0.0, 65504.0, -1e-7, 2.0**-24], ids=str)
def test_healthy_twin_is_left_alone(adapter: Path, value: float) -> None:
    """The largest number of fp16, zero and the smallest are numbers."""
    faults.write_value(adapter, value, dtype=torch.float16)

    assert inspect_adapter(adapter).verdict() == "passed"
