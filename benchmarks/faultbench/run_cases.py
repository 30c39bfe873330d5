"""The runs that are compared under every tool: eighteen with one fault each, and healthy ones that look suspicious.

Faults of the catalogue come from ``tests/faults.py``; those that need a live run (a value that becomes NaN in step 5,
micro-batch 2) are defined here. The name of a function is the slug of its case, the docstring its title.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import faults
import torch
import trainers
from transformers import DataCollatorForLanguageModeling, Trainer

from .registry import control, fault
from .runs import LR, STEPS, Run, adapted, base_model, memorised, setup, tokenizer

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_STEP, BROKEN_MICRO_BATCH = 5, 2
POISONED = "base_model.model.model.layers.0.self_attn.v_proj.lora_B.default"


def overflow_at_broken_step(run: Run) -> Run:
    """One batch leads to activations beyond the range of fp32, in one module."""

    def enlarge(_module: Any, _inputs: Any, output: Any) -> Any:  # noqa: ANN401
        return output * 1e38 * 1e38 if run.clock.step == BROKEN_STEP else output

    run.trainer.model.get_submodule("base_model.model.model.layers.0.mlp.up_proj").register_forward_hook(enlarge)
    return run


def nan_gradient_at_broken_micro_batch(run: Run) -> Run:
    """A term of value 0 whose derivative is NaN, as that of any square root at 0; it reaches one parameter alone."""

    def add_root(module: Any, _inputs: Any, output: Any) -> Any:  # noqa: ANN401
        if (run.clock.step, run.clock.micro_batch) != (BROKEN_STEP, BROKEN_MICRO_BATCH):
            return output
        return output + 0 * torch.sqrt((0 * module.weight).sum())

    run.trainer.model.get_submodule(POISONED).register_forward_hook(add_root)
    return run


class ReplacesLoss(Trainer):  # type: ignore[misc] # untyped base class
    """Found in the wild: a loss that is NaN becomes 0.01."""

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute the loss, unless it is NaN."""
        loss = super().compute_loss(*args, **kwargs)
        return loss if torch.isfinite(loss) else torch.tensor(0.01, requires_grad=True)


class ZeroesGradients(Trainer):  # type: ignore[misc] # untyped base class
    """Found in the wild: gradients that are NaN become 0."""

    def training_step(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """One micro-batch."""
        loss = super().training_step(*args, **kwargs)
        for weight in self.model.parameters():
            if weight.grad is not None:
                weight.grad.nan_to_num_(0.0, 0.0, 0.0)
        return loss


class Idle(torch.optim.AdamW):
    """An optimizer that does nothing, like one behind a condition that is never true."""

    def step(self, *_: Any, **__: Any) -> None:  # type: ignore[override] # noqa: ANN401
        """Do nothing."""


@fault(Run, "nan-grad-norm", words="nan-weight")
def nan_weight(folder: Path) -> Run:
    """NaN in one lora_B weight before the first step."""
    faults.put_nan_into(model := adapted(), f"{POISONED}.weight")
    return setup(folder, model)


@fault(Run, "nan-grad-norm", words="nan-gradient")
def nan_gradient(folder: Path) -> Run:
    """NaN gradient of one parameter, step 5, micro-batch 2 of 4."""
    return nan_gradient_at_broken_micro_batch(setup(folder, gradient_accumulation_steps=4, max_grad_norm=1.0))


@fault(Run, "nan-grad-norm", "fp16-overflow", words="activation-overflow")
def activation_overflow(folder: Path) -> Run:
    """A batch whose activation overflows, step 5."""
    return overflow_at_broken_step(setup(folder))


@fault(Run, "labels-all-masked")
def labels_masked(folder: Path) -> Run:
    """All labels masked."""
    faults.mask_every_label(rows := trainers.tokenized_rows(STEPS * 4))
    return setup(folder, rows=rows)


@fault(Run, "frozen-adapter")
def frozen_adapter(folder: Path) -> Run:
    """Frozen adapter, inputs require a gradient."""
    model = adapted(inference_mode=True)
    model.enable_input_require_grads()
    return setup(folder, model)


@fault(Run, "lr-zero")
def lr_zero(folder: Path) -> Run:
    """Learning rate 0."""
    return setup(folder, learning_rate=0.0)


@fault(Run, "optimizer-misses-adapter")
def optimizer_too_early(folder: Path) -> Run:
    """Optimizer built before get_peft_model."""
    optimizer = torch.optim.AdamW((base := base_model()).parameters(), lr=LR)
    return setup(folder, adapted(base), optimizer=optimizer)


@fault(Run, "weights-unchanged")
def idle_optimizer(folder: Path) -> Run:
    """The optimizer's step does nothing."""
    model = adapted()
    return setup(folder, model, optimizer=Idle([w for w in model.parameters() if w.requires_grad], lr=LR))


@fault(Run, "checkpointing-detached")
def checkpointing_detached(folder: Path) -> Run:
    """Reentrant checkpointing without input gradients."""
    model = adapted(modules_to_save=["lm_head"])  # the loss has a gradient, the adapter has none
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    model.disable_input_require_grads()
    return setup(folder, model)


@fault(Run, "nan-masked", words="loss-replaced")
def loss_replaced(folder: Path) -> Run:
    """NaN loss of step 5 replaced by 0.01."""
    return overflow_at_broken_step(setup(folder, trainer_class=ReplacesLoss))


@fault(Run, "nan-masked", words="gradients-zeroed")
def gradients_zeroed(folder: Path) -> Run:
    """NaN gradients of step 5 zeroed after backward."""
    run = setup(folder, trainer_class=ZeroesGradients, gradient_accumulation_steps=4)
    return nan_gradient_at_broken_micro_batch(run)


@fault(Run, "fp16-overflow", "fp16-unguarded")
def fp16_overflow(folder: Path) -> Run:
    """Adapter in fp16 without scaler, overflowing."""
    faults.enlarge_activations(base := base_model())
    return setup(folder, faults.hold_in_fp16(adapted(base)))


@fault(Run, "gradient-explosion")
def gradient_explosion(folder: Path) -> Run:
    """Gradients exploding: RMSprop at 1.0, no clipping."""
    options: dict[str, Any] = {"optim": "rmsprop", "learning_rate": 1.0, "max_grad_norm": 0.0}
    rows = trainers.tokenized_rows(4)
    return setup(folder, adapted(memorised()), rows=rows, fresh_base=memorised, **options)


@fault(Run, "loss-diverging")
def loss_diverging(folder: Path) -> Run:
    """Loss diverging: AdamW at 0.3."""
    rows = trainers.tokenized_rows(4)
    return setup(folder, adapted(memorised()), rows=rows, fresh_base=memorised, learning_rate=0.3)


@fault(Run, "labels-preshifted")
def labels_preshifted(folder: Path) -> Run:
    """Labels shifted before the model shifts them."""
    faults.shift_labels(rows := trainers.tokenized_rows(STEPS * 4))
    return setup(folder, rows=rows)


@fault(Run, "base-not-frozen")
def base_not_frozen(folder: Path) -> Run:
    """One base weight not frozen."""
    faults.unfreeze_base(model := adapted(), "layers.0.mlp.up_proj.base_layer.weight")
    return setup(folder, model)


@fault(Run, "adapter-coverage")
def target_mistyped(folder: Path) -> Run:
    """A name mistyped: target_modules=["q_proj", "v_porj"]."""
    return setup(folder, adapted(target_modules=["q_proj", "v_porj"]))


@fault(Run, "eos-never-learnt")
def eos_never_learnt(folder: Path) -> Run:
    """End-of-text never learnt: pad = eos, masked by id."""
    used = tokenizer(pad_is_eos=True)
    collate = DataCollatorForLanguageModeling(used, mlm=False)
    rows = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in trainers.tokenized_rows(STEPS * 4)]
    return setup(folder, rows=rows, collate=collate, pad_is_eos=True)


@control(Run)
def plain(folder: Path) -> Run:
    """Plain, fp32."""
    return setup(folder)


@control(Run)
def bf16(folder: Path) -> Run:
    """Autocast to bf16."""
    return setup(folder, bf16=True)


@control(Run)
def accumulation(folder: Path) -> Run:
    """Accumulation of 4, clipping at work."""
    return setup(folder, gradient_accumulation_steps=4, max_grad_norm=0.1)


@control(Run)
def warm_up(folder: Path) -> Run:
    """Warm-up from 0."""
    return setup(folder, lr_scheduler_type="constant_with_warmup", warmup_steps=3)


@control(Run)
def cosine(folder: Path) -> Run:
    """Cosine to 0."""
    return setup(folder, lr_scheduler_type="cosine")


@control(Run)
def memorising(folder: Path) -> Run:
    """A batch memorised to a loss below 0.05."""
    half = functools.partial(memorised, 8)  # the rest is for the adapter to learn
    return setup(folder, adapted(half()), rows=trainers.tokenized_rows(4), fresh_base=half, max_steps=40)


@control(Run)
def one_row_masked(folder: Path) -> Run:
    """One row of eight masked."""
    rows = trainers.tokenized_rows(STEPS * 8)
    faults.mask_every_label(rows[::8])
    return setup(folder, rows=rows, per_device_train_batch_size=8)


@control(Run)
def dora(folder: Path) -> Run:
    """DoRA."""
    return setup(folder, adapted(use_dora=True))


@control(Run)
def rslora(folder: Path) -> Run:
    """RsLoRA."""
    return setup(folder, adapted(use_rslora=True))


@control(Run)
def modules_to_save(folder: Path) -> Run:
    """LoRA with modules_to_save=["lm_head"]."""
    return setup(folder, adapted(modules_to_save=["lm_head"]))


@control(Run)
def rank_pattern(folder: Path) -> Run:
    """LoRA with rank_pattern."""
    return setup(folder, adapted(rank_pattern={"q_proj": 8}))


@control(Run)
def checkpointing(folder: Path) -> Run:
    """Gradient checkpointing, not reentrant."""
    model = adapted()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return setup(folder, model)


@control(Run)
def dropout(folder: Path) -> Run:
    """Dropout 0.1."""
    return setup(folder, adapted(lora_dropout=0.1))


@control(Run)
def pad_is_eos(folder: Path) -> Run:
    """Padding = eos, end-of-text learnt."""
    return setup(folder, pad_is_eos=True)
