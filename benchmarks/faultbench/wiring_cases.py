"""More live runs with a fault: in the rows, in what is trainable, in the precision, and NaN that code hides.

``run_cases.py`` has those that were compared first. Each is an injector of ``tests/faults.py`` in a run of
``runs.py``; what an injector does to the model of the tests it does to this one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import faults
import pytest
import torch
import trainers
from transformers import DataCollatorForSeq2Seq, Trainer

from .registry import control, fault
from .run_cases import BROKEN_STEP, POISONED, Idle
from .runs import LR, STEPS, Run, adapted, base_model, setup, tokenizer

if TYPE_CHECKING:
    from pathlib import Path

WEIGHT = f"{POISONED}.weight"
UP = "base_model.model.model.layers.0.mlp.up_proj"


def rows() -> list[Any]:
    """As many as a run takes, to be broken."""
    return trainers.tokenized_rows(STEPS * 4)


def trained(model: Any) -> list[Any]:  # noqa: ANN401 - a PEFT model
    """What an optimizer gets."""
    return [weight for weight in model.parameters() if weight.requires_grad]


@fault(Run, "nan-grad-norm", words="nan-gradient-hook")
def gradient_spoilt(folder: Path) -> Run:
    """Gradient of one parameter NaN in the backward pass of step 5."""
    run = setup(folder)
    run.clock.plan(BROKEN_STEP, lambda: faults.spoil_gradient(run.trainer.model, WEIGHT, backward=1))
    return run


@fault(Run, "nan-grad-norm", "fp16-overflow", words="activation-overflow")
def activation_spoilt(folder: Path) -> Run:
    """Output of one module infinite in the forward pass of step 5."""
    run = setup(folder)
    run.clock.plan(BROKEN_STEP, lambda: faults.spoil_activation(run.trainer.model, UP, forward=1))
    return run


@fault(Run, "zero-loss", "labels-all-masked", words="labels-all-masked")
def labels_hidden(folder: Path) -> Run:
    """No row has a label: loss 0.0."""
    return setup(folder, rows=faults.hide_every_label(rows()))


@fault(Run, "labels-all-masked", words="rows-masked")
def rows_masked(folder: Path) -> Run:
    """Three rows in four without a label."""
    return setup(folder, rows=faults.mask_rows(rows(), 0, STEPS * 3))


@fault(Run, "answers-truncated", "labels-all-masked")
def rows_cut(folder: Path) -> Run:
    """Rows cut at 30 tokens, before their answers."""
    run = setup(folder, rows=(cut := rows()))
    run.max_length, run.records = 30, run.texts()
    faults.cut_rows(cut, run.max_length)
    return run


@fault(Run, "eos-never-learnt")
def padding_masked_by_id(folder: Path) -> Run:
    """A collator that masks whatever equals the padding token."""
    collate = faults.mask_padding_by_id(DataCollatorForSeq2Seq(tokenizer(pad_is_eos=True)), 2)
    return setup(folder, collate=collate, pad_is_eos=True)


@fault(Run, "double-bos")
def template_and_tokenizer(folder: Path) -> Run:
    """Template and tokenizer each add a begin token."""
    used = faults.tokenize_templated_text(tokenizer())
    chats = [[{"role": "user", "content": f"What is {n} m?"}] for n in range(STEPS * 4)]
    made = [used(used.apply_chat_template(chat, tokenize=False))["input_ids"] for chat in chats]
    run = setup(folder, rows=[{"input_ids": ids, "attention_mask": [1] * len(ids), "labels": ids} for ids in made])
    run.trainer.processing_class = used
    return run


@fault(Run, "frozen-adapter")
def loaded_frozen(folder: Path) -> Run:
    """PeftModel.from_pretrained without is_trainable=True, with checkpointing."""
    adapted().save_pretrained(folder / "first", save_embedding_layers=False)
    model = faults.load_frozen(base_model(), folder / "first")
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    model.enable_input_require_grads()
    model.config_as_written = model.peft_config["default"]
    return setup(folder, model)


@fault(Run, "frozen-adapter")
def adapter_frozen_beside_head(folder: Path) -> Run:
    """Adapter frozen, lm_head trained."""
    return setup(folder, faults.freeze_adapter(adapted(modules_to_save=["lm_head"])))


@fault(Run, "lr-zero")
def schedule_at_zero(folder: Path) -> Run:
    """A schedule whose factor is always 0."""
    optimizer = torch.optim.AdamW(trained(model := adapted()), lr=LR)
    run = setup(folder, model, optimizer=optimizer)
    run.trainer.lr_scheduler = faults.stop_schedule(optimizer)
    return run


@fault(Run, "optimizer-misses-adapter")
def optimizer_before_adapter(folder: Path) -> Run:
    """Optimizer of the base, and modules_to_save: the loss falls."""
    model, optimizer = faults.optimizer_before_adapter(base_model(), adapted)
    return setup(folder, model, optimizer=optimizer)


@fault(Run, "weights-unchanged")
def step_replaced(folder: Path) -> Run:
    """optimizer.step is replaced by nothing."""
    optimizer = torch.optim.AdamW(trained(model := adapted()), lr=LR)
    return setup(folder, model, optimizer=faults.never_step(optimizer))


class Tired(Idle):
    """An optimizer that works three times."""

    left = 3

    def step(self, *arguments: Any, **options: Any) -> None:  # type: ignore[override] # noqa: ANN401
        """Work, or not."""
        self.left -= 1
        if self.left >= 0:
            torch.optim.AdamW.step(self, *arguments, **options)


@fault(Run, "weights-unchanged")
def steps_stop_after_three(folder: Path) -> Run:
    """The optimizer's step does nothing from step 4 of 12 on."""
    return setup(folder, model := adapted(), optimizer=Tired(trained(model), lr=LR))


@fault(Run, "weights-unchanged")
def steps_stop_for_long(folder: Path) -> Run:
    """The optimizer's step does nothing from step 4 of 120 on."""
    return setup(folder, model := adapted(), optimizer=Tired(trained(model), lr=LR), max_steps=120)


@fault(Run, "checkpointing-detached")
def layer_detached(folder: Path) -> Run:
    """Hidden states detached behind the first layer."""
    return setup(folder, faults.detach_layer(adapted()))


@fault(Run, "checkpointing-detached")
def checkpoints_detached(folder: Path) -> Run:
    """Reentrant checkpointing, lm_head trained."""
    return setup(folder, faults.checkpoint_detached(adapted(modules_to_save=["lm_head"])))


@fault(Run, "adapter-coverage", words="adapters-dropped")
def adapters_dropped(folder: Path) -> Run:
    """Modules of one layer lost their adapter."""
    faults.drop_adapters(model := adapted())
    return setup(folder, model)


@fault(Run, "adapter-coverage")
def target_missing(folder: Path) -> Run:
    """One of two target names matches nothing."""
    return setup(folder, adapted(**faults.mistype_target()))


@fault(Run, "nan-masked", words="loss-replaced")
def nan_loss_replaced(folder: Path) -> Run:
    """compute_loss is patched to give 0.01 for NaN."""
    faults.replace_nan_loss(pytest.MonkeyPatch())  # for good: this process is the cell's own
    faults.put_nan_into(model := adapted(), WEIGHT)
    return setup(folder, model)


@fault(Run, "nan-masked", words="gradients-zeroed")
def gradients_repaired(folder: Path) -> Run:
    """A Trainer that sets NaN gradients to zero, step 5."""
    run = setup(folder, trainer_class=faults.repair_gradients(Trainer))
    run.clock.plan(BROKEN_STEP, lambda: faults.spoil_gradient(run.trainer.model, WEIGHT, backward=1))
    return run


@fault(Run, "nan-masked", words="gradients-zeroed")
def gradients_zeroed_on_arrival(folder: Path) -> Run:
    """Hooks that set NaN gradients to zero; a weight is NaN."""
    faults.put_nan_into(model := adapted(), WEIGHT)
    faults.zero_nan_gradients(model)
    return setup(folder, model)


@fault(Run, "fp16-unguarded", "fp16-overflow")
def adapter_in_fp16(folder: Path) -> Run:
    """Weights and adapter in fp16, no scaler."""
    return setup(folder, faults.hold_in_fp16(adapted()))


@fault(Run, "fp16-overflow", "fp16-unguarded")
def fp16_module_overflows(folder: Path) -> Run:
    """fp16 without scaler, one module beyond 65504."""
    faults.scale_weights_of(model := adapted(), "layers.0.mlp.up_proj.base_layer.weight")
    return setup(folder, faults.hold_in_fp16(model))


@fault(Run, "fp16-unguarded", words="fp16-on-cpu")
def fp16_on_cpu(folder: Path) -> Run:
    """fp16=True on a CPU: trains in fp32 without a word."""
    return setup(folder, fp16=True)


@fault(Run, "fp16-unguarded", words="fp16-evaluation")
def fp16_evaluation(folder: Path) -> Run:
    """fp16_full_eval=True: evaluation casts the model."""
    return setup(folder, fp16_full_eval=True)


@fault(Run, "gradient-explosion")
def exploding(folder: Path) -> Run:
    """RMSprop at 1.0 on a fresh base, no clipping."""
    return setup(folder, **faults.let_gradients_explode())


@fault(Run, "loss-diverging")
def diverging(folder: Path) -> Run:
    """AdamW at 0.3 on a base that knows the rows."""
    taught = trainers.class_rows(640)
    model = adapted(_taught(taught))
    return setup(folder, model, rows=taught, max_steps=30, **faults.raise_learning_rate())


def _taught(taught: list[Any], steps: int = 12) -> Any:  # noqa: ANN401 - a Llama
    """The base of the runs after a few steps on rows: it has something to lose."""
    model = base_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        batch = taught[32 * step : 32 * step + 32]
        model(**{name: torch.tensor([row[name] for row in batch]) for name in batch[0]}).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


@control(Run)
def bf16_base(folder: Path) -> Run:
    """Base in bf16, adapter in fp32."""
    return setup(folder, adapted(base_model().to(torch.bfloat16)), bf16=True)


@control(Run)
def targets_by_name(folder: Path) -> Run:
    """target_modules given by name."""
    return setup(folder, adapted(target_modules=["q_proj", "v_proj"]))


@control(Run)
def two_adapters(folder: Path) -> Run:
    """A second, frozen adapter in the model."""
    model = adapted()
    model.add_adapter("second", model.peft_config["default"])
    model.set_adapter("default")
    return setup(folder, model)


@control(Run)
def one_short_row(folder: Path) -> Run:
    """One row in twelve longer than the maximum, and cut."""
    some = rows()
    longest = max(len(row["input_ids"]) for row in some)
    for row in some[::12]:
        row |= {name: [*values[:20], *values[:1] * longest, *values[20:]] for name, values in row.items()}
    run = setup(folder, rows=some, per_device_train_batch_size=8)
    run.max_length, run.records = longest, run.texts()
    faults.cut_rows(some, longest)
    return run


@control(Run)
def rough_start(folder: Path) -> Run:
    """Gradient norm above 7 before clipping."""
    return setup(folder, max_grad_norm=1.0, learning_rate=1e-3 * math.e, gradient_accumulation_steps=2)
