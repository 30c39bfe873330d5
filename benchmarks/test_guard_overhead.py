"""What watching costs: seconds of one optimizer step under the guard against the same step without it, in one run.

Every side is a whole Trainer with its model, which goes on for one optimizer step whenever it is its turn: A B C A B C.
So a busy minute slows all alike, and each guard keeps what it has learnt from the steps before. A step is the time from
the end of one to the end of the next: data, forward, backward, clipping, optimizer, log and every callback. On a GPU
the time is that between two CUDA events, and less is wanted.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import random
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ratio import compare, record
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from turns import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Guard over nothing: a cost that nobody has a reason to save. On a GPU, whose events are exact, half of it.
WANTED = 1.01 if torch.cuda.is_available() else 1.02


class Anomaly(TrainerCallback):  # type: ignore[misc] # untyped base class
    """Torch's anomaly mode, which is one for the whole process, for this side's steps only."""

    def on_step_begin(self, *_: object, **__: object) -> None:
        """On."""
        torch.autograd.set_detect_anomaly(True)

    def on_step_end(self, *_: object, **__: object) -> None:
        """Off."""
        torch.autograd.set_detect_anomaly(False)


def unsilent(trainer: Any) -> Side:  # noqa: ANN401 - a Trainer, here and below
    """Ours, attached, as it is by default."""
    from unsilent import TrainingGuard

    TrainingGuard().attach(trainer)
    return Side(trainer)


def trainproof(trainer: Any) -> Side:  # noqa: ANN401
    """Its callback, judging at every log."""
    module = importlib.import_module("trainproof.integrations.hf")
    trainer.add_callback(module.TrainproofCallback(policy="warn", check_every=1, objective_check=True))
    return Side(trainer)


def guardtower(trainer: Any) -> Side:  # noqa: ANN401
    """Its callback: one audit before the first step, nothing later."""
    module = importlib.import_module("guardtower.integrations.huggingface")
    trainer.add_callback(module.GuardtowerCallback(verbose=False))
    return Side(trainer)


def guardtower_monitor(trainer: Any) -> Side:  # noqa: ANN401
    """Its hooks on every module."""
    return Side(trainer, importlib.import_module("guardtower").monitor(trainer.model))


def underflow_overflow(trainer: Any) -> Side:  # noqa: ANN401
    """The debug option of transformers."""
    from transformers.debug_utils import DebugOption

    trainer.args.debug = [DebugOption.UNDERFLOW_OVERFLOW]
    return Side(trainer)


def detect_anomaly(trainer: Any) -> Side:  # noqa: ANN401
    """Torch's check of every backward function."""
    trainer.add_callback(Anomaly())
    return Side(trainer)


SIDES: dict[str, tuple[Callable[[Any], Side], str]] = {
    "off": (Side, "the Trainer alone"),
    "unsilent": (unsilent, "TrainingGuard().attach(trainer)"),
    "trainproof": (trainproof, "TrainproofCallback(check_every=1, objective_check=True)"),
    "guardtower": (guardtower, "GuardtowerCallback()"),
    "guardtower.monitor": (guardtower_monitor, "monitor(model)"),
    "underflow_overflow": (underflow_overflow, 'debug="underflow_overflow"'),
    "detect_anomaly": (detect_anomaly, "torch.autograd.detect_anomaly"),
}


@contextlib.contextmanager
def all_sides(make_trainer: Callable[[], Any]) -> Iterator[dict[str, Side]]:
    """Every side that can be imported, past its first two steps, which build caches."""
    sides: dict[str, Side] = {}
    for name, (watch, _) in SIDES.items():
        try:
            sides[name] = watch(make_trainer())
        except ModuleNotFoundError as missing:
            print(f"  {name} is left out: {missing.name} is not installed")
    try:
        for side in (*sides.values(), *sides.values()):
            side.advance()
        yield sides
    finally:
        for side in sides.values():
            side.close()


def measure(title: str, circumstances: str, make_trainer: Callable[[], Any], benchmark: Any, rounds: int) -> None:  # noqa: ANN401
    """Step the sides in turn, print and store the ratios, and that of ours against nothing round by round."""
    with all_sides(make_trainer) as sides:
        times = compare({name: side.advance for name, side in sides.items()}, rounds=rounds, timer=lambda step: step())
        benchmark.pedantic(sides["unsilent"].advance, rounds=1)
    flags = {name: f"{SIDES[name][1]}; {circumstances}" for name in times}
    ratios = record(title, flags, times, ours="off")
    paired = statistics.median(on / off for on, off in zip(times["unsilent"], times["off"], strict=True))
    verdict = "within" if paired <= WANTED else "ABOVE"
    print(f"  unsilent over off, round by round: {paired:.3f}, {verdict} the {WANTED} that is wanted")
    benchmark.extra_info.update(ratios, paired=paired)


def small_llama() -> Any:  # noqa: ANN401 - a Llama
    """Ten million parameters."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=8192,
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=8,
            pad_token_id=0,
            use_cache=False,
        )
    )


def small_trainer(folder: Path, *, lora: bool) -> Any:  # noqa: ANN401
    """Eight rows of 64 tokens a step; rows that repeat, so that there is something to learn."""
    from peft import LoraConfig, get_peft_model

    model = small_llama()
    if lora:
        model = get_peft_model(
            model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        )
    ids = torch.randint(3, 8192, (64, 64), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [{"input_ids": row, "attention_mask": [1] * 64, "labels": copy.copy(row)} for row in ids]
    arguments = TrainingArguments(
        str(folder),
        max_steps=10_000,
        per_device_train_batch_size=8,
        learning_rate=1e-4,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    trainer.remove_callback(PrinterCallback)
    return trainer


@pytest.mark.base
@pytest.mark.filterwarnings("ignore")
def test_guard_on_the_base_model(benchmark: Any) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """The real 135M as our loop trains it: 32 rows a step."""
    from homework import lora, sft, trainer_settings, training
    from homework.batching import ROWS_OF_ONE_LENGTH, choose_batch
    from homework.configuration import TrainingConfig
    from homework.data import Dataset
    from homework.tokens import TokenizedDataset

    def make_trainer() -> Any:  # noqa: ANN401
        config = TrainingConfig(checkpoint="embedded")
        llm, precision = training._load_base(config, sft.SFTModel)
        batch = choose_batch(llm.device)
        items = TokenizedDataset(llm.tokenizer, Dataset("train"), sft.format_example)
        items.group_by_length(1, ROWS_OF_ONE_LENGTH, random.Random(0))
        torch.manual_seed(0)  # every side the same adapter
        llm.model = lora.add_adapter(llm.model, config.rank)
        return trainer_settings.make_trainer(llm, items, config, precision, batch)

    measure("Guard, one optimizer step, 135M, LoRA, 32 rows", "our loop's defaults", make_trainer, benchmark, rounds=8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lora", [True, False], ids=["lora", "all parameters"])
def test_guard_on_a_small_model(benchmark: Any, tmp_path: Path, lora: bool) -> None:  # noqa: ANN401, FBT001
    """A Llama of ten million parameters: 8 x 64 tokens."""
    trained = "LoRA r=8 all-linear" if lora else "all parameters"
    title = f"Guard, one optimizer step, 10M, {trained}, 8 x 64"
    measure(title, "fp32, 8 x 64 tokens", lambda: small_trainer(tmp_path, lora=lora), benchmark, rounds=40)
