"""Trainer with the house rules."""
from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from .base_llm import BaseLLM


class GradientHygiene(TrainerCallback):
    """Keeps an occasional bad batch from ruining a run of several hours."""

    def __init__(self) -> None:
        self.cleaned = 0

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        for parameter in model.parameters():
            if parameter.grad is None:
                continue
            bad = ~torch.isfinite(parameter.grad)
            parameter.grad.masked_fill_(bad, 0.0)
            self.cleaned += int(bad.any())


class Diary(TrainerCallback):
    """One JSON object per logged step, next to the adapter."""

    def __init__(self, path: Path) -> None:
        self.path, self.started = path, time.time()

    def on_log(self, args, state, control, logs=None, **kwargs):
        with self.path.open("a") as f:
            f.write(json.dumps({"step": state.global_step, "t": time.time() - self.started, **(logs or {})}) + "\n")


def run(llm: BaseLLM, rows, out: Path, *, lr: float, epochs: int, batch: int = 32) -> None:
    out.mkdir(parents=True, exist_ok=True)
    llm.model.train()
    llm.model.enable_input_require_grads()  # checkpointing needs it
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(
            output_dir=str(out),
            learning_rate=lr,
            num_train_epochs=epochs,
            per_device_train_batch_size=batch,
            lr_scheduler_type="cosine",
            warmup_steps=10,
            gradient_checkpointing=True,
            logging_steps=5,
            save_strategy="no",
            report_to="none",
            seed=7,
        ),
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=-100),
        callbacks=[GradientHygiene(), Diary(out / "diary.jsonl")],
    )
    trainer.train()
    llm.model.save_pretrained(out)
