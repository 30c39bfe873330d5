"""Checks before the first step judge many kinds of models, and touch nothing."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import faults
import peft
import pytest
import support
import torch

from unsilent import wiring

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tie_word_embeddings:UserWarning",
    "ignore:Unsupported layer type:UserWarning",
    "ignore:.*was renamed from:UserWarning",  # PEFT, on tiny models
)

LINEAR = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"}
TWO = {"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
HEALTHY = {
    "LoRA": peft.LoraConfig(r=4, **LINEAR),
    "DoRA": peft.LoraConfig(r=4, use_dora=True, **LINEAR),
    "rsLoRA": peft.LoraConfig(r=4, use_rslora=True, **LINEAR),
    "rank_pattern": peft.LoraConfig(r=4, rank_pattern={"q_proj": 2}, **LINEAR),
    "modules_to_save": peft.LoraConfig(r=4, modules_to_save=["embed_tokens"], **TWO),
    "embeddings": peft.LoraConfig(r=4, target_modules=["embed_tokens", "q_proj"], task_type="CAUSAL_LM"),
    "trainable tokens": peft.LoraConfig(r=4, trainable_token_indices=[1, 2], **TWO),
    "bias": peft.LoraConfig(r=4, bias="all", **LINEAR),
    "IA3": peft.IA3Config(target_modules=["k_proj", "v_proj"], feedforward_modules=[], task_type="CAUSAL_LM"),
    "prompt tuning": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "LoHa": peft.LoHaConfig(r=4, **TWO),
    "LN tuning": peft.LNTuningConfig(task_type="CAUSAL_LM", target_modules=["input_layernorm"]),
    "VeRA": peft.VeraConfig(r=4, **TWO),
    "VB-LoRA": peft.VBLoRAConfig(r=4, num_vectors=8, vector_length=16, topk=2, **TWO),
}  # fmt: skip


@pytest.mark.parametrize("config", HEALTHY.values(), ids=HEALTHY.keys())
def test_what_peft_saves_may_be_trained(config: Any) -> None:  # noqa: ANN401 - PEFT's configurations
    """Every tuner's own parameters, modules to save and biases are meant to be trained."""
    model = peft.get_peft_model(support.tiny_model(), config)

    assert wiring.check_frozen_base(model).status == "passed"


@pytest.mark.parametrize("config", HEALTHY.values(), ids=HEALTHY.keys())
def test_what_peft_does_not_save_is_found(config: Any) -> None:  # noqa: ANN401
    """In each of them one trained weight of the base is named."""
    model = peft.get_peft_model(support.tiny_model(), config)
    name = faults.unfreeze_base(model, "layers.1.post_attention_layernorm.weight")

    assert wiring.check_frozen_base(model).evidence["parameters"] == [name]


def test_several_adapters_in_one_model() -> None:
    """Each adapter's parameters count as adapter, whichever is active."""
    model = peft.get_peft_model(support.tiny_model(), HEALTHY["LoRA"])
    model.add_adapter("second", peft.LoraConfig(r=2, **TWO))
    model.set_adapter("second")

    assert wiring.check_frozen_base(model).status == "passed"


def test_adapter_without_peft_model() -> None:
    """Transformers' own way of adding an adapter is judged alike."""
    model = support.tiny_model()
    model.add_adapter(HEALTHY["LoRA"])

    assert wiring.check_frozen_base(model).status == "passed"


def test_model_on_the_meta_device() -> None:
    """Without storage the parameters are told apart by identity."""
    with torch.device("meta"):
        model = peft.get_peft_model(support.tiny_model(), HEALTHY["LoRA"])

    assert wiring.check_frozen_base(model).status == "passed"


def test_full_fine_tuning_is_skipped() -> None:
    """Without an adapter the base is trained on purpose."""
    assert "full fine-tuning" in wiring.check_frozen_base(support.tiny_model()).reason


def test_adapter_that_peft_cannot_list_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT's own error becomes the reason."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(peft, "get_peft_model_state_dict", fail)

    assert "PEFT cannot list its adapter (KeyError" in wiring.check_frozen_base(support.tiny_adapter()).reason


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

    assert wiring._has_bf16(torch.device(device) if device else None) is expected


@pytest.mark.parametrize(
    ("flags", "expected"), [({"avx512_bf16": True}, True), ({"avx2": True}, False), ({}, True)],
    ids=["with", "without", "cannot be asked"],
)  # fmt: skip
def test_cpu_is_asked_for_bf16(monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: bool) -> None:  # noqa: FBT001
    """A torch that cannot be asked gets the benefit of the doubt."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)

    assert wiring._has_bf16(torch.device("cpu")) is expected


def row() -> dict[str, torch.Tensor]:
    """One collated row of twenty tokens."""
    ids = torch.arange(20)[None] + 3
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def plan(model: torch.nn.Module, **options: Any) -> Any:  # noqa: ANN401
    """Check a plan of eight rows four times."""
    settings: dict[str, Any] = {"micro_batch_size": 8, "accumulation_steps": 4}
    return wiring.check_batch(model, row(), **settings | options)


def test_nothing_known_is_skipped() -> None:
    """Without memory and without an intended batch there is nothing to hold the plan to."""
    assert plan(support.tiny_adapter()).status == "skipped"


def test_gpu_memory_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA torch knows the memory."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=123))
    somewhere = SimpleNamespace(parameters=lambda: iter([SimpleNamespace(device=torch.device("cuda"))]))

    assert wiring._device_memory(somewhere) == 123  # type: ignore[arg-type] # a stand-in
    assert wiring._device_memory(support.tiny_model()) == 0


def test_estimate_grows_with_rows_and_shrinks_with_checkpointing() -> None:
    """What autograd keeps is measured, so gradient checkpointing counts."""
    plain, spared = support.tiny_adapter().train(), support.tiny_adapter().train()
    spared.enable_input_require_grads()
    enable = getattr(spared, "activation_checkpointing_enable", None) or spared.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    kept = [wiring._kept_for_backward(model, row(), None)[1] for model in (plain, spared)]

    assert 0 < kept[1] < 0.7 * kept[0]


def test_cast_copies_are_counted_once() -> None:
    """Under autocast the weights' copies in bf16 are kept once, and a row keeps less than in fp32."""
    model = support.tiny_adapter().train()
    (once, by_row), (cast_once, cast_by_row) = [
        wiring._kept_for_backward(model, row(), dtype) for dtype in (None, torch.bfloat16)
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
    wiring._kept_for_backward(model, row(), None)

    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in model.named_parameters())
    assert model.base_model.model.model.norm.seen == 0


def test_loader_is_judged_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody's loader can be judged, also where transformers was never imported."""
    monkeypatch.delitem(sys.modules, "transformers.utils.logging")

    assert (
        wiring.check_dtype_argument(lambda dtype: torch.nn.Linear(1, 1, dtype=dtype), torch.float64).status == "passed"
    )


def test_loader_that_raises_is_skipped() -> None:
    """A loader that does not load cannot be judged."""

    def load(dtype: torch.dtype) -> None:
        raise OSError("gone")

    assert wiring.check_dtype_argument(load, torch.bfloat16).reason == "the loader raised OSError: gone"


def test_other_warnings_are_nobodys_business() -> None:
    """Only a warning about the dtype argument counts; and it may come through either logger."""

    def load(text: str) -> Any:  # noqa: ANN401
        logging.getLogger("transformers.modeling").warning(text)
        return SimpleNamespace(model=support.tiny_model())

    assert wiring.check_dtype_argument(lambda dtype: load("slow tokenizer"), torch.float32).status == "passed"
    assert wiring.check_dtype_argument(lambda dtype: load("`torch_dtype` is old"), torch.float32).status == "failed"


def test_wrapped_model_is_looked_into() -> None:
    """DataParallel and its like hide the adapter behind one name."""
    model = support.tiny_adapter()
    faults.unfreeze_base(model)

    assert wiring.check_frozen_base(torch.nn.DataParallel(model)).status == "failed"


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

    monkeypatch.setattr(wiring, "_kept_for_backward", fail)

    assert plan(support.tiny_adapter(), memory_bytes=10**9).status == status


def test_weights_and_optimizer_count_too() -> None:
    """Memory for the rows alone is not enough."""
    model = support.tiny_adapter().train()
    once, by_row = wiring._kept_for_backward(model, row(), None)
    rows_alone = int((once + 8 * by_row) / wiring.MEMORY_SHARE) + 1000

    assert plan(model, memory_bytes=rows_alone).status == "failed"
    assert plan(model, memory_bytes=rows_alone + 400_000).status == "passed"


def test_device_of_the_arguments_counts() -> None:
    """Where the weights lie before training says nothing; DeepSpeed scales by itself."""
    model = support.tiny_adapter()
    on_cuda = SimpleNamespace(fp16=True, device=torch.device("cuda"))
    deepspeed = SimpleNamespace(fp16=True, device=torch.device("cuda"), deepspeed={"fp16": {"enabled": True}})

    assert wiring.check_fp16(model, arguments=on_cuda).status == "passed"
    assert wiring.check_fp16(support.tiny_adapter(dtype=torch.float16), arguments=deepspeed).status == "passed"


def test_activations_in_fp16_count() -> None:
    """Autocast around the call, a quantised layer that computes in fp16, a scaler that is switched off."""
    model = support.tiny_adapter()
    with torch.autocast("cpu", dtype=torch.float16):
        around = wiring.check_fp16(model)
    off = wiring.check_fp16(
        support.tiny_adapter(dtype=torch.float16), scaler=torch.amp.GradScaler("cpu", enabled=False)
    )
    model.base_model.model.lm_head.compute_dtype = torch.float16
    quantised = wiring.check_fp16(model)

    assert [outcome.status for outcome in (around, off, quantised)] == ["failed"] * 3
    assert wiring.check_fp16(model, scaler=SimpleNamespace()).status == "passed"


@pytest.mark.parametrize("loaded", [None, (1, 2)], ids=["nothing", "a pair"])
def test_loader_without_a_model_is_skipped(loaded: object) -> None:
    """What has no weights has no dtype."""
    assert "without weights to look at" in wiring.check_dtype_argument(lambda dtype: loaded, torch.bfloat16).reason


def test_integers_have_no_floating_dtype() -> None:
    """In a quantised model the floating weights are judged."""
    model = torch.nn.Linear(1, 1, dtype=torch.bfloat16)
    model.codes = torch.nn.Parameter(torch.zeros(100, dtype=torch.uint8), requires_grad=False)

    assert wiring.check_dtype_argument(lambda dtype: model, torch.bfloat16).status == "passed"
