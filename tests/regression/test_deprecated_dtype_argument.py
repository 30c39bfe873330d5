"""The dtype that was asked for is the dtype that is loaded, and nobody is warned about an argument's name.

transformers 4 takes ``torch_dtype``, transformers 5 ``dtype``. In the reports one name was passed where the other was
meant: a warning at best; through a loader of one's own, a dtype that was silently dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import snippets
import torch

from homework.base_llm import BaseLLM
from unsilent.precision import check_dtype_argument

pytestmark = [pytest.mark.regression, pytest.mark.failure("deprecated-dtype-argument")]


def test_fault_is_real(tiny_base: Path) -> None:
    """A loader that knows the other name only loads in the dtype of the file, without a word."""
    assert faults.swallow_dtype(tiny_base, dtype=torch.bfloat16).dtype is torch.float32


def test_fault_is_real_as_a_warning(tiny_base: Path) -> None:
    """Transformers 5 obeys the old name and warns; the warning is the finding, every time it is asked for."""
    for _ in range(2):
        outcome = check_dtype_argument(lambda dtype: faults.pass_torch_dtype(tiny_base, dtype), torch.bfloat16)

        assert outcome.status == "failed"
        assert outcome.evidence["got"] == "torch.bfloat16"
        assert "`torch_dtype` is deprecated" in str(outcome.evidence["warnings"])


def test_check_finds_it(tiny_base: Path) -> None:
    """The finding names both dtypes."""
    outcome = check_dtype_argument(lambda dtype: faults.swallow_dtype(tiny_base, dtype=dtype), torch.bfloat16)

    assert (outcome.status, outcome.slug) == ("failed", "deprecated-dtype-argument")
    assert "Expected a model in torch.bfloat16 and no warning, but got torch.float32" in outcome.message


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("spelling", [torch.float16, "fp16", "float16"], ids=str)  # no machine's own choice
def test_healthy_twin_takes_both_names(tiny_base: Path, name: str, spelling: Any) -> None:  # noqa: ANN401 - a dtype or its name
    """The library accepts the old name and the new one, and calls transformers with the one that it takes."""
    outcome = check_dtype_argument(lambda _: BaseLLM(str(tiny_base), **{name: spelling}), torch.float16)

    assert outcome.status == "passed", outcome.message


def test_reported_alias_means_fp32(tiny_base: Path) -> None:
    """``use_fp32_for_training`` is the reports' name for dtype=float32."""
    assert BaseLLM(str(tiny_base), use_fp32_for_training=True).model.dtype is torch.float32


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "deprecated-dtype-argument")
