"""A pickle that would run code is found by its opcodes, whatever it is called; nothing of it is ever executed."""

from __future__ import annotations

import pickle
from pathlib import Path

import faults
import numpy as np
import pytest
import support
import torch
from transformers import TrainingArguments

from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-unsafe-pickle")]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def test_fault_is_real(adapter: Path, tmp_path: Path) -> None:
    """Loading it the old way runs the payload; weights_only refuses."""
    path = faults.malicious_bin(adapter, tmp_path / "ran")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert not (tmp_path / "ran").exists()

    torch.load(path, weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.safetensors"])
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_check_finds_it(adapter: Path, tmp_path: Path, name: str, quick: bool) -> None:  # noqa: FBT001
    """What it would call, and that it was not called; under the name of safetensors as well."""
    faults.malicious_bin(adapter, tmp_path / "ran", name)
    finding = support.only_finding(inspect_adapter(adapter, quick=quick))

    assert finding.slug == "adapter-unsafe-pickle"
    assert "Expected tensors alone, but got a pickle that would call os.makedirs when it is loaded" in finding.message
    assert finding.evidence["calls"] == {name: ["os.makedirs"]}
    assert not (tmp_path / "ran").exists()


def test_check_finds_it_beside_safetensors(adapter: Path, tmp_path: Path) -> None:
    """PEFT would not read it, and the next tool may."""
    whole = (adapter / "adapter_model.safetensors").read_bytes()
    faults.malicious_bin(adapter, tmp_path / "ran")
    (adapter / "adapter_model.safetensors").write_bytes(whole)

    assert support.only_finding(inspect_adapter(adapter)).slug == "adapter-unsafe-pickle"


def test_check_finds_it_in_another_file(adapter: Path, tmp_path: Path) -> None:
    """A Trainer's state beside the adapter, loaded by whoever goes on with the run."""
    whole = (adapter / "adapter_model.safetensors").read_bytes()
    faults.malicious_bin(adapter, tmp_path / "ran", "optimizer.pt")
    (adapter / "adapter_model.safetensors").write_bytes(whole)
    finding = support.only_finding(inspect_adapter(adapter))

    assert finding.evidence["calls"] == {"optimizer.pt": ["os.makedirs"]}


def test_trainers_own_pickles_are_left_alone(adapter: Path) -> None:
    """Arguments and states hold classes of libraries, and call nothing else."""
    torch.save(TrainingArguments(str(adapter / "out"), use_cpu=True), adapter / "training_args.bin")
    torch.save({"cuda": [1], "numpy": np.random.default_rng(0).bit_generator.state}, adapter / "rng_state.pth")

    assert inspect_adapter(adapter).verdict() == "passed"


@pytest.mark.no_cover
def test_healthy_twin_is_left_alone(adapter: Path) -> None:
    """A clean pickle is harmless by its opcodes, is read, and says so."""
    found = {one.slug: one for one in inspect_adapter(support.as_bin(adapter)).outcomes}

    assert found["adapter-unsafe-pickle"].status == "passed"
    assert "harmless by its opcodes (adapter_model.bin: a zip of torch.save)" in found["adapter-unsafe-pickle"].message
    assert found["adapter-nonfinite"].status == "passed"
