"""An adapter is loaded in the dtype it was trained in, or not at all.

The reports trained in fp32 and loaded with the default dtype, fp16: activations passed 65504, and every answer was NaN
after a training whose log looked perfect.
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
from transformers import AutoModelForCausalLM

from homework import sft
from homework.adapter_files import find_adapter, read_manifest
from homework.adapter_loading import load_adapted
from homework.errors import AdapterRefused
from unsilent import inspect_adapter
from unsilent.parity import check_dtype

pytestmark = [pytest.mark.regression, pytest.mark.failure("dtype-mismatch")]

IDS = torch.arange(12)[None] + 3


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose activations pass 65504, as those of real models do."""
    folder = tmp_path_factory.mktemp("wide") / "base"
    model = support.tiny_model()
    faults.enlarge_activations(model)
    model.save_pretrained(folder)
    support.tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter trained on it in fp32, once; each test has a copy."""
    return support.train_for_copies(base, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def adapter(trained: Path, tmp_path: Path) -> Path:
    """An adapter trained on it in fp32."""
    return shutil.copytree(trained, tmp_path / "sft")


def load_in(dtype: torch.dtype, base: Path, adapter: Path) -> PeftModel:
    """The reports' loader: the base in some dtype, the adapter on top."""
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=dtype), str(adapter)).eval()


def test_fault_is_real(base: Path, adapter: Path) -> None:
    """PEFT loads the adapter on an fp16 base without a word, and every logit is NaN."""
    with torch.no_grad():
        broken = load_in(torch.float16, base, adapter)(input_ids=IDS).logits
        healthy = load_in(torch.float32, base, adapter)(input_ids=IDS).logits

    assert broken.isnan().all()
    assert healthy.isfinite().all()


def test_check_finds_it(base: Path, adapter: Path) -> None:
    """The finding names both dtypes."""
    trained = read_manifest(adapter)["dtype"]["base"]
    outcome = check_dtype(trained, load_in(torch.float16, base, adapter))

    assert (outcome.status, outcome.slug) == ("failed", "dtype-mismatch")
    assert "Expected the base in float32, as in training, but got it in float16" in outcome.message
    assert outcome.evidence == {"trained": "float32", "loaded": "float16"}


def test_check_finds_it_on_disk(adapter: Path) -> None:
    """Tensors in another dtype than the manifest says: saved over, so that is the root and this its symptom."""
    faults.save_in_fp16(adapter)
    finding = support.only_finding(inspect_adapter(adapter))

    assert (finding.slug, finding.symptoms) == ("adapter-overwritten", ("dtype-mismatch",))


def test_check_finds_a_manifest_that_was_wrong_from_the_start(tmp_path: Path) -> None:
    """A run that says fp32 and saves fp16 is found by the tensors themselves."""
    from unsilent.manifest import write_manifest

    support.write_adapter(tmp_path, manifest=False)
    faults.save_in_fp16(tmp_path)
    write_manifest(tmp_path, support.manifest_content())
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.slug == "dtype-mismatch"
    assert (finding.evidence["trained"], finding.evidence["found"]) == ("float32", ["float16"])


def test_healthy_twin_loads_as_trained(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's loader takes base and dtype from the manifest, whatever this machine would choose."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    llm = sft.load(str(adapter))

    assert check_dtype(read_manifest(adapter)["dtype"]["base"], llm.model).status == "passed"
    assert inspect_adapter(adapter).verdict() == "passed"
    with torch.no_grad():
        assert llm.model(input_ids=IDS.to(llm.device)).logits.isfinite().all()


def test_library_refuses_another_dtype(adapter: Path) -> None:
    """A wish for another dtype is an error, never a silent cast."""
    with pytest.raises(AdapterRefused, match=r"the base in fp32, as in training, but got a wish for fp16"):
        load_adapted(sft.SFTModel, find_adapter(str(adapter), command="train"), dtype="fp16")


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "dtype-mismatch")
