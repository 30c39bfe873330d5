"""The Trainer of transformers as every run here uses it: its arguments, its data, what it prints.

Apart from ``training.py``, which decides what is trained and what becomes of it.
"""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from .devices import BF16_CAPABILITY
from .going_on import ResumableTrainer
from .processes import share_batches
from .tokens import Collator

if TYPE_CHECKING:
    from .base_llm import BaseLLM
    from .batching import BatchPlan
    from .configuration import TrainingConfig
    from .precision import Precision
    from .tokens import TokenizedDataset


def make_trainer(
    llm: BaseLLM, items: TokenizedDataset, config: TrainingConfig, precision: Precision, batch: BatchPlan
) -> ResumableTrainer:
    """Make a Trainer for ``llm.model`` and the rows ``items``, which hold every pass in their order."""
    on_gpu = llm.device.type == "cuda"
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),  # train_on says where checkpoints go; the adapter is saved by adapter_store
        save_strategy="no",  # StepKeeper says when
        report_to="none",
        num_train_epochs=1,  # the rows already hold every pass
        max_steps=config.max_steps or -1,
        **batch.hparams,
        train_sampling_strategy="sequential",  # grouped by length already
        # one kernel for all tensors of an adapter; it takes a scaler's skipped step for a taken one, so not with fp16
        optim="adamw_torch_fused" if on_gpu and not precision.needs_scaler else "adamw_torch",
        learning_rate=config.lr,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        **precision.flags,
        # TF32 came with bf16, on Ampere; Trainer raises on anything older
        **({"tf32": config.tf32} if on_gpu and torch.cuda.get_device_capability() >= BF16_CAPABILITY else {}),
        use_cpu=llm.device.type == "cpu",
        dataloader_pin_memory=on_gpu,
        accelerator_config={"non_blocking": on_gpu},  # batches are copied while the GPU computes, nothing waits
        logging_steps=config.logging_steps or max(1, 10 // batch.accumulation_steps),
        logging_nan_inf_filter=False,  # with the filter a NaN loss is printed as 0.0
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,  # every layer takes part in every step
        disable_tqdm=True,
        seed=config.seed,
        data_seed=config.seed,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - several would be wrapped in DataParallel, which cuts our index tensors
    trainer = ResumableTrainer(
        model=llm.model,
        args=arguments,
        train_dataset=items,
        data_collator=Collator(llm.tokenizer.pad_token_id),
        processing_class=llm.tokenizer,
        callbacks=[StepLines()],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    if batch.processes > 1:
        share_batches(trainer, batch)
    return trainer


class StepLines(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Prints about twenty lines a run, each with step, loss, gradient norm, learning rate and time left."""

    LINES = 20

    def __init__(self) -> None:
        """Start without a clock; it starts with the run."""
        self.started = 0.0
        self.first_step = 0
        self.next_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Start the clock, at the step at which a run goes on."""
        self.started = time.monotonic()
        self.first_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Have the last step logged, however short the run: a NaN there must be seen before anything is saved."""
        if state.global_step == state.max_steps:
            control.should_log = True

    def on_log(
        self,
        args: Any,  # noqa: ANN401, ARG002
        state: Any,  # noqa: ANN401
        control: Any,  # noqa: ANN401, ARG002
        logs: dict[str, float] | None = None,
        **kwargs: object,  # noqa: ARG002
    ) -> None:
        """Print the record when the next line is due, and always the last one."""
        step, last = state.global_step, state.max_steps
        if not logs or "loss" not in logs or (step < self.next_step and step < last):
            return
        self.next_step = step + max(1, last // self.LINES)
        left = (time.monotonic() - self.started) / (step - self.first_step) * (last - step)
        print(
            f"step {step:>4}/{last}  loss {logs['loss']:.4f}  grad_norm {logs['grad_norm']:.3f}  "
            f"lr {logs['learning_rate']:.2e}  {left:4.0f} s left",
            flush=True,
        )
