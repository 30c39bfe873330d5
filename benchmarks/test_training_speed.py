"""One optimizer step of the 135M: ours against the course's recipe and against TRL's SFTTrainer.

The same 32 rows a step, rank 16 on all linear layers, AdamW, clipping to 1.0 on every side. What differs is printed
beside the ratio. Every side runs inside its Trainer, so that each pays for its own loop.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from ratio import record
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from homework import sft, training
from homework.base_llm import load_tokenizer
from homework.batching import ROWS_OF_ONE_LENGTH, choose_batch
from homework.checkpoints import resolve_checkpoint
from homework.configuration import TrainingConfig
from homework.data import Dataset
from homework.precision import choose_precision, dtype_named
from homework.tokens import IGNORED, TokenizedDataset

pytestmark = pytest.mark.base
STEPS = 7  # of which the first warms up
RECIPE_STEPS = 3


class Clock(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Notes when each optimizer step ends."""

    def __init__(self) -> None:
        """Start without steps."""
        self.times: list[float] = []

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Note the start."""
        self.times.append(time.perf_counter())

    def on_step_end(self, *_: object, **__: object) -> None:
        """Note the step."""
        self.times.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Seconds of each step but the first."""
        return [after - before for before, after in zip(self.times[1:], self.times[2:], strict=False)]


def ours() -> list[float]:
    """Our loop as it is configured by default, cut after a few steps."""
    config = TrainingConfig(checkpoint="embedded", max_steps=STEPS)
    llm, precision = training._load_base(config, sft.SFTModel)
    batch = choose_batch(llm.device)
    items = TokenizedDataset(llm.tokenizer, Dataset("train"), sft.format_example)
    items.group_by_length(1, ROWS_OF_ONE_LENGTH, random.Random(0))
    llm.model = training.add_adapter(llm.model, config.rank)
    trainer = training._make_trainer(llm, items, config, precision, batch)
    trainer.add_callback(clock := Clock())
    trainer.train()
    return clock.seconds()


def plain_base(dtype: torch.dtype) -> tuple[Any, Any]:
    """The base as a user of transformers loads it: its default attention, none of our changes."""
    path = resolve_checkpoint("embedded").path
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype), load_tokenizer(path)


def course_recipe(folder: Path) -> list[float]:
    """fp32, rows padded to 128 on the right, logits everywhere, gradient checkpointing, 32 rows at once."""
    model, tokenizer = plain_base(torch.float32)
    rows = TokenizedDataset(tokenizer, Dataset("train"), sft.format_example).items[:64]
    width = 128
    padded = [
        {
            "input_ids": row["input_ids"] + [2] * (width - len(row["input_ids"])),
            "attention_mask": row["attention_mask"] + [0] * (width - len(row["input_ids"])),
            "labels": row["labels"] + [IGNORED] * (width - len(row["labels"])),
        }
        for row in rows
    ]
    model = training.add_adapter(model, 16, gradient_checkpointing=True)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder),
            max_steps=RECIPE_STEPS,
            per_device_train_batch_size=32,
            learning_rate=2e-3,
            report_to="none",
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
        ),
        train_dataset=padded,
        callbacks=[clock := Clock()],
    )
    trainer.train()
    return clock.seconds()


def trl(folder: Path, **options: Any) -> list[float]:  # noqa: ANN401 - fields of SFTConfig
    """TRL's SFTTrainer at its defaults but for the effective batch and the adapter."""
    from datasets import Dataset as HfDataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = plain_base(dtype_named(choose_precision(torch.device("cpu")).base_dtype))
    texts = [sft.format_example(str(row[0]), float(row[1])) for row in Dataset("train")]
    rows = HfDataset.from_list([{"prompt": text["question"], "completion": text["answer"]} for text in texts])
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder),
            max_steps=STEPS,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=4,
            learning_rate=2e-3,
            report_to="none",
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
            **options,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[clock := Clock()],
    )
    trainer.train()
    return clock.seconds()


@pytest.mark.filterwarnings("ignore")
def test_training_step(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Every side three steps and more, ours before and after the others."""
    own = ours()
    times = {
        "course's recipe": course_recipe(tmp_path / "course"),
        "TRL, defaults": trl(tmp_path / "trl"),
        "TRL, checkpointing off": trl(tmp_path / "trl-off", gradient_checkpointing=False),
    }
    benchmark.pedantic(lambda: own.extend(ours()), rounds=1)
    precision = choose_precision(torch.device("cpu"))
    flags = {
        "homework": f"{precision.name} autocast, base in {precision.base_dtype}, 8 x 4 rows grouped by length, "
        "left-padded, logits at label positions, no checkpointing, eager attention",
        "course's recipe": "fp32, 32 rows right-padded to 128, logits everywhere, gradient checkpointing, sdpa",
        "TRL, defaults": f"base in {precision.base_dtype}, bf16 as SFTConfig sets it, 8 x 4 rows, "
        "completion-only loss, gradient checkpointing, transformers' default attention",
        "TRL, checkpointing off": "the same with gradient_checkpointing=False",
    }
    ratios = record("One optimizer step, 135M, 32 rows", flags, {"homework": own, **times}, ours="homework")
    benchmark.extra_info.update(ratios, median_of_ours=statistics.median(own))
