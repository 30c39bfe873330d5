"""A file without the adapter's values is found, as small as it is.

Sharded training saves what one process holds: a file of a few hundred bytes, or every tensor with the shape [0]
(peft#286, transformers#24551).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import faults
import pytest
import support
import torch
from peft import PeftModel

from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-empty"), pytest.mark.usefixtures("children_at_home")]

IDS = torch.arange(12)[None] + 3


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """PEFT warns, loads nothing, and the model says what the base says."""
    faults.save_wrong_state_dict(adapter)
    with torch.no_grad():
        plain = support.tiny_model()(input_ids=IDS).logits
        with pytest.warns(UserWarning, match="missing adapter keys"):
            loaded = PeftModel.from_pretrained(support.tiny_model(), str(adapter)).eval()

        assert torch.equal(plain, loaded(input_ids=IDS).logits)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.save_wrong_state_dict, "a file without any tensor"),
        (faults.save_shards_of_parameters, "28 of 28 tensors without a value"),
    ],
    ids=["no tensor", "no value"],
)
def test_check_finds_it(adapter: Path, fault: Callable[[Path], None], words: str) -> None:
    """One finding with the size of the file; what follows from it stands under it."""
    fault(adapter)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-empty"
    assert words in finding.message
    assert finding.evidence["bytes"] == (adapter / "adapter_model.safetensors").stat().st_size


def test_check_finds_it_in_a_pickle(adapter: Path) -> None:
    """The 443 bytes of the report: a state dict with nothing in it."""
    (adapter / "adapter_model.safetensors").unlink()
    torch.save({}, adapter / "adapter_model.bin")
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.evidence["tensors"]) == ("adapter-empty", 0)


def test_healthy_twin_is_left_alone(tmp_path: Path) -> None:
    """Small is not empty: rank 1 on one module of one layer is a few hundred bytes."""
    support.write_adapter(tmp_path, manifest=False, r=1, target_modules=["v_proj"], layers_to_transform=[0])

    assert inspect_adapter(tmp_path).verdict() == "passed"
