"""Training and loading, shared by sft and rft."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from homework.base_llm import BaseLLM
from homework.settings import ROOT, LoraSettings, TrainSettings, from_environment

log = logging.getLogger(__name__)
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


class AdapterNotFound(FileNotFoundError):
    pass


def adapter_path(name: str | Path) -> Path:
    """Bare names live beside the code, everything with a slash is taken as it stands."""
    path = Path(name)
    return ROOT / path if len(path.parts) == 1 else path


def attach(llm: BaseLLM, name: str | Path, *, training: bool = False) -> BaseLLM:
    folder = adapter_path(name)
    if not any((folder / w).is_file() for w in WEIGHTS):
        raise AdapterNotFound(f"none of {WEIGHTS} in {folder}; train first")
    config = LoraConfig.from_pretrained(folder)
    config.inference_mode = not training
    llm.model = PeftModel.from_pretrained(llm.model, folder, config=config, is_trainable=training).to(llm.device)
    llm.model.train(training)
    return llm


def fresh(llm: BaseLLM, lora: LoraSettings) -> BaseLLM:
    llm.model = get_peft_model(llm.model, LoraConfig(**lora.kwargs(training=True)))
    total = sum(p.numel() for p in llm.model.parameters())
    if total > llm.settings.max_parameters:
        raise ValueError(f"{total:,} parameters, only {llm.settings.max_parameters:,} are allowed")
    return llm


class LossCurve(TrainerCallback):
    """Keeps the curve and draws it. Gaps are drawn as gaps at the bottom."""

    def __init__(self) -> None:
        self.loss: list[float] = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.loss.append(float(logs["loss"]))

    def draw(self, path: Path) -> None:
        import matplotlib.pyplot as plt

        values = np.asarray(self.loss, dtype=float)
        if not np.isfinite(values).all():
            log.error("training loss was not finite at logs %s", np.flatnonzero(~np.isfinite(values)).tolist())
        plt.plot(np.nan_to_num(values, nan=0.0, posinf=0.0))  # matplotlib's autoscale dislikes inf
        plt.savefig(path)
        plt.close()


def tokenize(tokenizer, question: str, answer: str, max_length: int = 160) -> dict[str, list[int]]:
    prompt = tokenizer(question, add_special_tokens=False)["input_ids"]
    completion = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    ids = (prompt + completion)[:max_length]
    labels = ([-100] * len(prompt) + completion)[:max_length]
    if all(label == -100 for label in labels):
        raise ValueError(f"no label left in {question!r}; raise max_length")
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data: Sequence, format_fn: Callable[..., dict[str, str]]) -> None:
        self.rows = [tokenize(tokenizer, **format_fn(*row)) for row in data]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int):
        return self.rows[index]


def fit(llm: BaseLLM, rows: TokenizedDataset, output_dir: str | Path, settings: TrainSettings | None = None) -> Path:
    settings = settings or from_environment(TrainSettings)
    folder = adapter_path(output_dir)
    curve = LossCurve()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.lr,
        lr_scheduler_type="cosine",
        seed=settings.seed,
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        **settings.mixed_precision_flags(),
    )
    # right padding is right here: labels sit at the end of each row, nothing is generated
    collator = DataCollatorForSeq2Seq(llm.tokenizer, padding=True, label_pad_token_id=-100)
    side, llm.tokenizer.padding_side = llm.tokenizer.padding_side, "right"
    try:
        Trainer(llm.model, arguments, collator, rows, callbacks=[curve]).train()
    finally:
        llm.tokenizer.padding_side = side
    llm.model.save_pretrained(folder)
    curve.draw(folder / "loss.png")
    return folder
