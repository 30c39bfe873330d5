"""Training the 135M: ours against the course's recipe and against TRL's SFTTrainer.

The same 32 rows a step, rank 16 on all linear layers, AdamW, clipping to 1.0 on every side. What differs is printed
beside the ratio. Every side runs inside its Trainer, so that each pays for its own loop. On any device one optimizer
step is timed; on a GPU also the whole: 1000 rows, 5 epochs, from the first batch to the last step, with tokens a
second and peak memory. A token of a side is one of its rows, prompt included; padding is work, but no token.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ratio import record, wait
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from homework import lora, sft, trainer_settings, training
from homework.base_llm import load_tokenizer
from homework.batching import EFFECTIVE_BATCH, ROWS_OF_ONE_LENGTH, choose_batch
from homework.checkpoints import resolve_checkpoint
from homework.configuration import TrainingConfig
from homework.consumption import begin_counting
from homework.data import Dataset
from homework.devices import default_device
from homework.precision import choose_precision, dtype_named
from homework.tokens import IGNORED, TokenizedDataset

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.base
STEPS = 7  # of which the first warms up
RECIPE_STEPS = 3
ROWS, EPOCHS = 1000, 5  # the whole run
ON_GPU = torch.cuda.is_available()
PLACE: dict[str, Any] = {"use_cpu": not ON_GPU, "dataloader_pin_memory": ON_GPU}


class Clock(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Notes when each optimizer step ends."""

    def __init__(self, *, waits: bool = True) -> None:
        """Start without steps."""
        self.times: list[float] = []
        self.waits = waits

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Note the start."""
        self._note()

    def on_step_end(self, *_: object, **__: object) -> None:
        """Note the step, of single steps only: waiting for the GPU after each would slow the whole run."""
        if self.waits:
            self._note()

    def on_train_end(self, *_: object, **__: object) -> None:
        """Note the end."""
        self._note()

    def _note(self) -> None:
        wait()
        self.times.append(time.perf_counter())

    def whole(self) -> list[float]:
        """Seconds from the start to the end."""
        return [self.times[-1] - self.times[0]]

    def seconds(self) -> list[float]:
        """Seconds of each step but the first."""
        return [after - before for before, after in zip(self.times[1:-1], self.times[2:-1], strict=False)]


def ours(clock: Clock, steps: int, epochs: int = 1) -> None:
    """Our loop as it is configured by default, cut after a few steps, or with every pass."""
    config = TrainingConfig(checkpoint="embedded", max_steps=max(steps, 0))
    llm, precision = training._load_base(config, sft.SFTModel)
    batch = choose_batch(llm.device)
    items = TokenizedDataset(llm.tokenizer, Dataset("train").rows[:ROWS] * epochs, sft.format_example)
    items.group_by_length(epochs, ROWS_OF_ONE_LENGTH, random.Random(0))
    llm.model = lora.add_adapter(llm.model, config.rank)
    trainer = trainer_settings.make_trainer(llm, items, config, precision, batch)
    trainer.add_callback(clock)
    trainer.train()


def plain_base(dtype: torch.dtype) -> tuple[Any, Any]:
    """The base as a user of transformers loads it: its default attention, none of our changes."""
    path = resolve_checkpoint("embedded").path
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype), load_tokenizer(path)


def course_recipe(clock: Clock, steps: int, folder: Path, epochs: int = 1) -> None:
    """fp32, rows padded to 128 on the right, logits everywhere, gradient checkpointing, 32 rows at once."""
    model, tokenizer = plain_base(torch.float32)
    rows = TokenizedDataset(tokenizer, Dataset("train").rows[:ROWS], sft.format_example).items
    width = 128
    padded = [
        {
            "input_ids": row["input_ids"] + [2] * (width - len(row["input_ids"])),
            "attention_mask": row["attention_mask"] + [0] * (width - len(row["input_ids"])),
            "labels": row["labels"] + [IGNORED] * (width - len(row["labels"])),
        }
        for row in rows
    ]
    model = lora.add_adapter(model, 16, gradient_checkpointing=True)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        learning_rate=2e-3,
        report_to="none",
        save_strategy="no",
        **PLACE,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)
    Trainer(model=model, args=arguments, train_dataset=padded, callbacks=[clock]).train()


def trl(clock: Clock, steps: int, folder: Path, epochs: int = 1, **options: Any) -> None:  # noqa: ANN401 - fields of SFTConfig
    """TRL's SFTTrainer at its defaults but for the effective batch and the adapter."""
    from datasets import Dataset as HfDataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = plain_base(dtype_named(choose_precision().base_dtype))
    texts = [sft.format_example(str(row[0]), float(row[1])) for row in Dataset("train").rows[:ROWS]]
    rows = HfDataset.from_list([{"prompt": text["question"], "completion": text["answer"]} for text in texts])
    micro = choose_batch().micro_batch_size  # as many rows at once as ours
    arguments = SFTConfig(
        output_dir=str(folder),
        max_steps=steps,
        num_train_epochs=epochs,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=EFFECTIVE_BATCH // micro,
        learning_rate=2e-3,
        report_to="none",
        save_strategy="no",
        **PLACE,
        **options,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    trainer.train()


def flags() -> dict[str, str]:
    """What each side does, for a fair comparison."""
    precision, batch = choose_precision(), choose_batch()
    rows = f"{batch.micro_batch_size} x {batch.accumulation_steps} rows"
    return {
        "homework": f"{precision.name} autocast, base in {precision.base_dtype}, {rows} grouped by length, "
        "left-padded, logits at label positions, no checkpointing, eager attention",
        "course's recipe": "fp32, 32 rows right-padded to 128, logits everywhere, gradient checkpointing, sdpa",
        "TRL, defaults": f"base in {precision.base_dtype}, bf16 as SFTConfig sets it, {rows}, "
        "completion-only loss, gradient checkpointing, transformers' default attention",
        "TRL, checkpointing off": "the same with gradient_checkpointing=False",
    }


@pytest.mark.filterwarnings("ignore")
def test_training_step(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Every side three steps and more, ours before and after the others."""

    def steps(side: Callable[..., None], count: int, *arguments: Any, **options: Any) -> list[float]:  # noqa: ANN401
        side(clock := Clock(), count, *arguments, **options)
        return clock.seconds()

    own = steps(ours, STEPS)
    times = {
        "course's recipe": steps(course_recipe, RECIPE_STEPS, tmp_path / "course"),
        "TRL, defaults": steps(trl, STEPS, tmp_path / "trl"),
        "TRL, checkpointing off": steps(trl, STEPS, tmp_path / "trl-off", gradient_checkpointing=False),
    }
    benchmark.pedantic(lambda: own.extend(steps(ours, STEPS)), rounds=1)
    ratios = record("One optimizer step, 135M, 32 rows", flags(), {"homework": own, **times}, ours="homework")
    benchmark.extra_info.update(ratios, median_of_ours=statistics.median(own))


@dataclass(frozen=True)
class Whole:
    """A whole run: seconds, and the most memory that was allocated on the GPU."""

    seconds: float
    peak_memory_bytes: int


def run_whole(side: Callable[..., None], *arguments: Any, **options: Any) -> Whole:  # noqa: ANN401
    """All rows, all epochs, with nothing of the side before left on the GPU."""
    gc.collect()
    torch.cuda.empty_cache()
    begin_counting(default_device())
    side(clock := Clock(waits=False), -1, *arguments, epochs=EPOCHS, **options)
    return Whole(clock.whole()[0], torch.cuda.max_memory_allocated())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not ON_GPU, reason="the whole run of every side takes hours on a CPU")
def test_whole_run(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """1000 rows, 5 epochs, each side once, ours before and after the others."""
    # imported, compiled and allocated once, before anything is timed
    ours(Clock(), STEPS)
    runs = {
        "homework": [run_whole(ours)],
        "course's recipe": [run_whole(course_recipe, tmp_path / "course")],
        "TRL, defaults": [run_whole(trl, tmp_path / "trl")],
        "TRL, checkpointing off": [run_whole(trl, tmp_path / "trl-off", gradient_checkpointing=False)],
    }
    benchmark.pedantic(lambda: runs["homework"].append(run_whole(ours)), rounds=1)
    tokenizer = load_tokenizer(resolve_checkpoint("embedded").path)
    items = TokenizedDataset(tokenizer, Dataset("train").rows[:ROWS], sft.format_example).items
    tokens = EPOCHS * sum(len(item["input_ids"]) for item in items)
    seconds = {name: [run.seconds for run in found] for name, found in runs.items()}
    measured = {
        name: {
            "tokens_per_second": round(tokens / statistics.median(seconds[name]), 1),
            "peak_memory_bytes": max(run.peak_memory_bytes for run in found),
        }
        for name, found in runs.items()
    }
    ratios = record(f"{ROWS} rows, {EPOCHS} epochs, 135M", flags(), seconds, ours="homework", measured=measured)
    benchmark.extra_info.update(ratios)
