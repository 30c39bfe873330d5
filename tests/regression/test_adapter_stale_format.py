"""An older file that is read first, and shadows the trained one, is found.

peft#553: PEFT looks for ``adapter_model.safetensors`` first. A training that saves a ``.bin`` into the same folder is
never loaded, and nothing says so.
"""

from __future__ import annotations

import os
from pathlib import Path

import faults
import pytest
import support
import torch
from peft import PeftModel
from safetensors.torch import load_file

from unsilent import inspect_adapter

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-stale-format"),
    pytest.mark.usefixtures("children_at_home"),
]

FILES = ("adapter_model.safetensors", "adapter_model.bin")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path) -> None:
    """PEFT loads the old tensors without a word."""
    faults.retrain_as_bin(adapter)
    loaded = PeftModel.from_pretrained(support.tiny_model(), str(adapter)).state_dict()
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B"

    assert torch.equal(loaded[f"{name}.default.weight"], load_file(adapter / FILES[0])[f"{name}.weight"])
    assert not torch.equal(loaded[f"{name}.default.weight"], torch.load(adapter / FILES[1])[f"{name}.weight"])


def test_check_finds_it(adapter: Path) -> None:
    """Which one is read, in how many tensors they differ, and which is the older."""
    faults.retrain_as_bin(adapter)
    os.utime(adapter / FILES[0], (1, 1))
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.slug == "adapter-stale-format"
    assert "adapter_model.bin, which differs in 28 of 28 tensors. It is the older of the two." in finding.message
    assert (finding.evidence["read"], finding.evidence["shadowed"]) == (FILES[0], [FILES[1]])


def test_check_finds_shards_behind_a_file(adapter: Path) -> None:
    """Shards are shadowed as well, here with a tensor that the file lacks."""
    whole = (adapter / FILES[0]).read_bytes()
    support.as_shards(adapter)
    (adapter / FILES[0]).write_bytes(whole)
    agreeing = inspect_adapter(adapter)
    faults.write_value(adapter, 3.0)

    assert agreeing.verdict() == "passed"
    assert support.only_finding(inspect_adapter(adapter)).evidence["shadowed"] == [
        f"adapter_model-0000{number}-of-00002.safetensors" for number in (1, 2)
    ]


def test_root_is_the_older_file(adapter: Path) -> None:
    """The old file may be one that was never trained: that is only how it shows."""
    faults.retrain_as_bin(adapter)
    faults.forget_training(adapter)
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.symptoms) == ("adapter-stale-format", ("adapter-untrained",))


def test_healthy_twin_is_left_alone(adapter: Path) -> None:
    """Both formats with the same tensors are said, not condemned."""
    torch.save(load_file(adapter / FILES[0]), adapter / FILES[1])
    found = {one.slug: one for one in inspect_adapter(adapter).outcomes}

    assert found["adapter-stale-format"].status == "passed"
    assert found["adapter-stale-format"].message == "adapter_model.bin holds the same as adapter_model.safetensors"
