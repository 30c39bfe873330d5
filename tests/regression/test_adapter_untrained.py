"""An adapter that was created and never trained is told from a trained one, and is not answered with.

In the reports good training was followed by accuracy 0: the file had been overwritten by a fresh adapter, whose every
lora_B is zero, so the model that was tested was the plain base.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import faults
import pytest
import snippets
import support
import torch
from peft import PeftModel

from homework import sft
from homework.errors import AdapterRefused
from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-untrained")]

IDS = torch.arange(12)[None] + 3


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """An adapter that was really trained, without its manifest."""
    shutil.copytree(trained_once, tmp_path / "sft")
    (tmp_path / "sft" / "manifest.json").unlink()
    return tmp_path / "sft"


def test_fault_is_real(trained: Path) -> None:
    """PEFT loads the untrained adapter without a word, and the model says what the base says."""
    faults.forget_training(trained)
    with torch.no_grad():
        plain = support.tiny_model()(input_ids=IDS).logits
        adapted = PeftModel.from_pretrained(support.tiny_model(), str(trained)).eval()(input_ids=IDS).logits

    assert torch.equal(plain, adapted)


def test_check_finds_it(trained: Path) -> None:
    """The finding counts the zero tensors."""
    faults.forget_training(trained)
    finding = support.only_finding(inspect_adapter(trained))

    assert finding.slug == "adapter-untrained"
    assert "every lora_B is zero (14 of 14 tensors): it was created and never trained" in finding.message
    assert finding.evidence == {"zero": 14, "lora_B": 14, "alpha": 16}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_check_finds_it_in_16_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    """Zeros are zeros in every dtype, also those with a sign."""
    from safetensors.torch import load_file, save_file

    support.write_adapter(tmp_path, manifest=False)
    path = tmp_path / "adapter_model.safetensors"
    save_file({name: (-0.0 * t if "lora_B" in name else t).to(dtype) for name, t in load_file(path).items()}, path)

    assert support.only_finding(inspect_adapter(tmp_path)).slug == "adapter-untrained"


def test_library_refuses_to_answer_with_it(trained: Path) -> None:
    """Asked for a trained adapter, the loader does not hand out the plain base."""
    faults.forget_training(trained)

    with pytest.raises(AdapterRefused, match=r"a trained adapter, but got one in which every lora_B is zero"):
        sft.load(str(trained))


def test_healthy_twin_is_left_alone(trained: Path) -> None:
    """Four steps of training are enough to be trained."""
    assert inspect_adapter(trained).verdict() == "passed"
    assert sft.load(str(trained)).model.peft_config


def test_one_trained_module_is_trained(tmp_path: Path) -> None:
    """A single lora_B that moved is training; how much was meant to move is another question."""
    support.write_adapter(tmp_path, manifest=False)
    faults.forget_training(tmp_path, keep="layers.0.self_attn.q_proj")

    assert inspect_adapter(tmp_path).verdict() == "passed"


def test_adapter_that_adds_nothing_is_found(tmp_path: Path) -> None:
    """Zeros in the other factor, or an alpha of 0, make the same plain base."""
    support.write_adapter(tmp_path / "a", manifest=False)
    support.write_adapter(tmp_path / "b", manifest=False, lora_alpha=0)
    faults.forget_training(tmp_path / "a", part="lora_A")
    first, second = (support.only_finding(inspect_adapter(tmp_path / name)) for name in "ab")

    assert (first.slug, second.slug) == ("adapter-untrained", "adapter-untrained")
    assert "what it adds is zero in each of 14 modules (lora_alpha is 8)" in first.message
    assert "what it adds is zero in each of 14 modules (lora_alpha is 0)" in second.message


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "adapter-untrained")
