"""Memory of a micro-batch is measured, and measuring leaves no trace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch

from unsilent import memory

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tie_word_embeddings:UserWarning",
    "ignore:Unsupported layer type:UserWarning",
    "ignore:.*was renamed from:UserWarning",  # PEFT, on tiny models
)


def row() -> dict[str, torch.Tensor]:
    """One collated row of twenty tokens."""
    ids = torch.arange(20)[None] + 3
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def plan(model: torch.nn.Module, **options: Any) -> Any:  # noqa: ANN401
    """Check a plan of eight rows four times."""
    settings: dict[str, Any] = {"micro_batch_size": 8, "accumulation_steps": 4}
    return memory.check_batch(model, row(), **settings | options)


def test_nothing_known_is_skipped() -> None:
    """Without memory and without an intended batch there is nothing to hold the plan to."""
    assert plan(support.tiny_adapter()).status == "skipped"


def test_gpu_memory_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA torch knows the memory."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=123))
    somewhere = SimpleNamespace(parameters=lambda: iter([SimpleNamespace(device=torch.device("cuda"))]))

    assert memory._device_memory(somewhere) == 123  # type: ignore[arg-type] # a stand-in
    assert memory._device_memory(support.tiny_model()) == 0


def test_estimate_grows_with_rows_and_shrinks_with_checkpointing() -> None:
    """What autograd keeps is measured, so gradient checkpointing counts."""
    plain, spared = support.tiny_adapter().train(), support.tiny_adapter().train()
    spared.enable_input_require_grads()
    enable = getattr(spared, "activation_checkpointing_enable", None) or spared.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    kept = [memory._kept_for_backward(model, row(), None)[1] for model in (plain, spared)]

    assert 0 < kept[1] < 0.7 * kept[0]


def test_cast_copies_are_counted_once() -> None:
    """Under autocast the weights' copies in bf16 are kept once, and a row keeps less than in fp32."""
    model = support.tiny_adapter().train()
    (once, by_row), (cast_once, cast_by_row) = [
        memory._kept_for_backward(model, row(), dtype) for dtype in (None, torch.bfloat16)
    ]

    assert cast_once - once > sum(w.numel() for name, w in model.named_parameters() if "proj.base_layer" in name)
    assert 0 < cast_by_row < by_row


def test_measuring_leaves_no_trace() -> None:
    """Random state, gradients, buffers and weights are what they were, with dropout and a running count inside."""
    model = support.tiny_adapter(lora_dropout=0.5).train()
    model.base_model.model.model.norm.register_buffer("seen", torch.zeros(1))

    def count(module: torch.nn.Module, args: object, out: object) -> None:
        module.seen.add_(1)  # type: ignore[operator] # the buffer above

    model.base_model.model.model.norm.register_forward_hook(count)
    weights = {name: weight.clone() for name, weight in model.named_parameters()}
    state = torch.get_rng_state()
    memory._kept_for_backward(model, row(), None)

    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in model.named_parameters())
    assert model.base_model.model.model.norm.seen == 0


def test_plan_counts_every_process() -> None:
    """8 x 2 on two processes is the effective batch of 32, and on one it is not."""
    model = support.tiny_adapter()

    assert plan(model, accumulation_steps=2, effective_batch=32, world_size=2).status == "passed"
    assert plan(model, accumulation_steps=2, effective_batch=32).status == "failed"


@pytest.mark.parametrize(
    ("error", "status"),
    [(torch.OutOfMemoryError("CUDA out of memory."), "failed"), (RuntimeError("can't allocate memory"), "failed"),
     (ValueError("odd row"), "skipped")],
    ids=["CUDA", "CPU", "another error"],
)  # fmt: skip
def test_measuring_may_fail(monkeypatch: pytest.MonkeyPatch, error: Exception, status: str) -> None:
    """Out of memory while looking is the finding itself; anything else cannot be judged."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(memory, "_kept_for_backward", fail)

    assert plan(support.tiny_adapter(), memory_bytes=10**9).status == status


def test_weights_and_optimizer_count_too() -> None:
    """Memory for the rows alone is not enough."""
    model = support.tiny_adapter().train()
    once, by_row = memory._kept_for_backward(model, row(), None)
    rows_alone = int((once + 8 * by_row) / memory.MEMORY_SHARE) + 1000

    assert plan(model, memory_bytes=rows_alone).status == "failed"
    assert plan(model, memory_bytes=rows_alone + 400_000).status == "passed"
