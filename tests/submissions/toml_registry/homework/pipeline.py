"""Stages register themselves; train/load/evaluate are the same code for all of them."""
from __future__ import annotations

from typing import Callable, NamedTuple

import torch

from . import backbone
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .prompting import Layout
from .settings import StageSettings, stage_settings

MAX_LENGTH = 160


class Stage(NamedTuple):
    name: str
    layout: Layout
    example: Callable[[list], dict[str, str]]

    @property
    def settings(self) -> StageSettings:
        return stage_settings(self.name)


_REGISTRY: dict[str, Stage] = {}


def register(name: str, layout: Layout):
    def wrap(function):
        _REGISTRY[name] = Stage(name, layout, function)
        return function

    return wrap


def encode(tokenizer, question: str, answer: str) -> dict[str, list[int]]:
    """question is a finished prompt, answer a finished completion."""
    head = tokenizer(question)["input_ids"]
    tail = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    ids = (head + tail)[:MAX_LENGTH]
    labels = ([-100] * len(head) + tail)[:MAX_LENGTH]
    if all(label == -100 for label in labels):
        raise ValueError(f"nothing left to learn after truncation: {question!r}")
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return encode(self.tokenizer, **self.format_fn(self.data[index]))


def train(name: str, output_dir: str | None = None, **overrides):
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    stage = _REGISTRY[name]
    cfg = stage.settings
    folder = cfg.folder if output_dir is None else backbone.Path(output_dir)

    # Training pads on the right, as is usual: a second tokenizer, the one for generation stays left.
    tokenizer = backbone.open_tokenizer(side="right")
    model = backbone.fresh_adapter(backbone.open_base(), cfg)
    model.enable_input_require_grads()

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=cfg.epochs,
            learning_rate=overrides.pop("learning_rate", cfg.learning_rate),
            per_device_train_batch_size=32,
            gradient_checkpointing=True,
            fp16=cfg.fp16,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to="tensorboard",
            **overrides,
        ),
        train_dataset=TokenizedDataset(tokenizer, Dataset(cfg.source), stage.example),
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
    )
    trainer.train()
    trainer.save_model(str(folder))
    evaluate(name, folder)


def load(name: str, folder=None) -> BaseLLM:
    stage = _REGISTRY[name]
    llm = BaseLLM()
    llm.layout = stage.layout
    llm.model = backbone.stored_adapter(llm.model, backbone.Path(folder or stage.settings.folder))
    return llm


def evaluate(name: str, folder=None):
    result = benchmark(load(name, folder), Dataset("valid"), 100)
    print(f"{name}: accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")
    return result
