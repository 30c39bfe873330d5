from __future__ import annotations

import math
from pathlib import Path

from transformers import Trainer, TrainerCallback, TrainingArguments

from ..contracts import Recipe
from ..precision import Policy


class StopOnNaN(TrainerCallback):
    """Looks, never repairs: a NaN stops the run."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        for key in ("loss", "grad_norm"):
            value = (logs or {}).get(key, 0.0)
            if not math.isfinite(float(value)):
                raise FloatingPointError(f"{key} is {value} at step {state.global_step}")


class TrainerFitter:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def fit(self, model, rows, recipe: Recipe, out: Path) -> None:
        arguments = TrainingArguments(
            output_dir=str(out),
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=10,
            logging_steps=5,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to="none",
            seed=recipe.seed,
            **self.policy.trainer_flags,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[StopOnNaN()])
        trainer.train()
        trainer.save_model(str(out))
