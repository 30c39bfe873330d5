"""Precision is judged by weights, arguments, device and loader."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch

from unsilent import precision

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tie_word_embeddings:UserWarning",
    "ignore:Unsupported layer type:UserWarning",
    "ignore:.*was renamed from:UserWarning",  # PEFT, on tiny models
)


@pytest.mark.parametrize(
    ("device", "capability", "expected"),
    [("cuda", (7, 5), False), ("cuda", (8, 0), True), ("mps", (0, 0), False), (None, (0, 0), False)],
)
def test_bf16_hardware_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    device: str | None,
    capability: tuple[int, int],
    expected: bool,  # noqa: FBT001
) -> None:
    """On CUDA the compute capability decides; other devices have none."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    assert precision._has_bf16(torch.device(device) if device else None) is expected


@pytest.mark.parametrize(
    ("flags", "expected"), [({"avx512_bf16": True}, True), ({"avx2": True}, False), ({}, True)],
    ids=["with", "without", "cannot be asked"],
)  # fmt: skip
def test_cpu_is_asked_for_bf16(monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: bool) -> None:  # noqa: FBT001
    """A torch that cannot be asked gets the benefit of the doubt."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)

    assert precision._has_bf16(torch.device("cpu")) is expected


def test_loader_is_judged_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody's loader can be judged, also where transformers was never imported."""
    monkeypatch.delitem(sys.modules, "transformers.utils.logging")

    assert (
        precision.check_dtype_argument(lambda dtype: torch.nn.Linear(1, 1, dtype=dtype), torch.float64).status
        == "passed"
    )


def test_loader_that_raises_is_skipped() -> None:
    """A loader that does not load cannot be judged."""

    def load(dtype: torch.dtype) -> None:
        raise OSError("gone")

    assert precision.check_dtype_argument(load, torch.bfloat16).reason == "the loader raised OSError: gone"


def test_other_warnings_are_nobodys_business() -> None:
    """Only a warning about the dtype argument counts; and it may come through either logger."""

    def load(text: str) -> Any:  # noqa: ANN401
        logging.getLogger("transformers.modeling").warning(text)
        return SimpleNamespace(model=support.tiny_model())

    assert precision.check_dtype_argument(lambda dtype: load("slow tokenizer"), torch.float32).status == "passed"
    assert precision.check_dtype_argument(lambda dtype: load("`torch_dtype` is old"), torch.float32).status == "failed"


def test_device_of_the_arguments_counts() -> None:
    """Where the weights lie before training says nothing; DeepSpeed scales by itself."""
    model = support.tiny_adapter()
    on_cuda = SimpleNamespace(fp16=True, device=torch.device("cuda"))
    deepspeed = SimpleNamespace(fp16=True, device=torch.device("cuda"), deepspeed={"fp16": {"enabled": True}})

    assert precision.check_fp16(model, arguments=on_cuda).status == "passed"
    assert precision.check_fp16(support.tiny_adapter(dtype=torch.float16), arguments=deepspeed).status == "passed"


def test_activations_in_fp16_count() -> None:
    """Autocast around the call, a quantised layer that computes in fp16, a scaler that is switched off."""
    model = support.tiny_adapter()
    with torch.autocast("cpu", dtype=torch.float16):
        around = precision.check_fp16(model)
    off = precision.check_fp16(
        support.tiny_adapter(dtype=torch.float16), scaler=torch.amp.GradScaler("cpu", enabled=False)
    )
    model.base_model.model.lm_head.compute_dtype = torch.float16
    quantised = precision.check_fp16(model)

    assert [outcome.status for outcome in (around, off, quantised)] == ["failed"] * 3
    assert precision.check_fp16(model, scaler=SimpleNamespace()).status == "passed"


@pytest.mark.parametrize("loaded", [None, (1, 2)], ids=["nothing", "a pair"])
def test_loader_without_a_model_is_skipped(loaded: object) -> None:
    """What has no weights has no dtype."""
    assert "without weights to look at" in precision.check_dtype_argument(lambda dtype: loaded, torch.bfloat16).reason


def test_integers_have_no_floating_dtype() -> None:
    """In a quantised model the floating weights are judged."""
    model = torch.nn.Linear(1, 1, dtype=torch.bfloat16)
    model.codes = torch.nn.Parameter(torch.zeros(100, dtype=torch.uint8), requires_grad=False)

    assert precision.check_dtype_argument(lambda dtype: model, torch.bfloat16).status == "passed"


def test_overflow_is_looked_for_in_fp16_only() -> None:
    """By the weights, by the arguments on CUDA, by autocast; without an example, or with one that fails, skipped."""
    model = support.tiny_model().half()

    assert precision.check_overflow(support.tiny_model(), None).reason == "nothing computes in fp16"
    assert precision.check_overflow(model, None).reason == "no example to run through the model"
    assert "ValueError" in precision.check_overflow(model, {"unknown": 1}).reason
    assert precision.check_overflow(model, {"input_ids": torch.arange(5)[None]}).status == "passed"
