"""Supervised fine-tuning: the model completes ``question <answer>`` with the number.

    python -m homework.sft train                  # train, save, reload, test
    python -m homework.sft test --rows 1000       # accuracy and answer rate, with intervals
    python -m homework.sft smoke                  # 8 steps: does this machine train at all?

The prompt is ``f"{question.strip()} <answer>"`` in training and in use, without a chat template.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapter_files import find_adapter, locate
from .adapter_loading import load_adapted
from .base_llm import BaseLLM
from .completions import CLOSING_TAG, OPENING_TAG
from .data import BENCHMARK_ROWS, Dataset, split_dev
from .errors import TrainingFailed
from .tokens import TokenizedDataset, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .configuration import TrainingConfig
    from .data import BenchmarkResult, Row
    from .training import TrainingResult

__all__ = ["DEFAULT_DIR", "TokenizedDataset", "format_example", "load", "test_model", "tokenize", "train_model"]

TRAIN_COMMAND = "python -m homework.sft train"
DEFAULT_DIR = "sft_model"
DIGITS = 4  # significant digits learnt; a right answer needs two (5% tolerance)

SMOKE_STEPS = 8
SMOKE_SAMPLES = 4


def format_prompt(question: str) -> str:
    """The prompt, in training and in use."""
    return f"{question.strip()} {OPENING_TAG}"


def format_number(value: float, digits: int = DIGITS) -> str:
    """Write a number with ``digits`` significant digits, without exponent or trailing zeros."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_example(prompt: str, answer: float, *_reasoning: str) -> dict[str, str]:
    """Turn a row into prompt and completion; the reasoning of an rft row is not learnt here."""
    return {"question": format_prompt(prompt), "answer": f"{format_number(answer)}{CLOSING_TAG}"}


class SFTModel(BaseLLM):
    """A model fine-tuned to complete the prompt with the number alone."""

    max_new_tokens = 24  # the longest answer, 80000.0 with its tag, takes 12

    def format_prompt(self, question: str) -> str:
        """The training prompt, token by token."""
        return format_prompt(question)


def load(ckpt_path: str = DEFAULT_DIR, *, is_trainable: bool = False) -> SFTModel:
    """Load a trained adapter on the base, and in the dtype, it was trained with.

    Args:
        ckpt_path: Folder of the adapter; the output folder of a Trainer gives its last checkpoint.
        is_trainable: False for answers; True to go on training it.

    Raises:
        AdapterMissing: There is none; nothing is created.
        AdapterRefused: There is one, but not the one that was trained.
        BaseModelMissing: The base named in its manifest could not be had.
    """
    return load_adapted(SFTModel, find_adapter(ckpt_path, command=TRAIN_COMMAND), is_trainable=is_trainable)


def train_model(output_dir: str = DEFAULT_DIR, **kwargs: Any) -> TrainingResult:  # noqa: ANN401 - fields of TrainingConfig
    """Train an adapter on ``data/train.json``, save it to ``output_dir``, reload it there and test it.

    Args:
        output_dir: A bare name lies in ``homework/`` unless it exists in the current directory.
        **kwargs: Fields of ``TrainingConfig``.
    """
    from .configuration import TrainingConfig  # noqa: PLC0415 - answering needs no options

    return train_and_test(TrainingConfig.from_options(output_dir, kwargs))


def train_and_test(config: TrainingConfig) -> TrainingResult:
    """Train with every choice in one object, then go through the checklist."""
    result = train_only(config)
    print(f"trained {result.log[-1]['step']:.0f} steps in {result.seconds:.0f} s; saved to {result.folder.resolve()}")
    test_model(str(result.folder.resolve()), dev=config.dev)
    return result


def train_only(config: TrainingConfig, *, again: str = "") -> TrainingResult:
    """Train and save; ``again`` is what a run that was told to end says about going on."""
    from .training import train  # noqa: PLC0415

    return train(config, format_example, SFTModel, again=again)


def test_model(
    ckpt_path: str = DEFAULT_DIR,
    rows: int = BENCHMARK_ROWS,
    *,
    dev: bool = False,
    honesty: str = "quick",
    details: bool = False,
) -> BenchmarkResult:
    """Go through the reports' checklist: folder, configuration, weights, load, answers, and where they come from.

    Args:
        ckpt_path: Folder of the adapter.
        rows: How many rows of valid to answer.
        dev: Answer the dev part of train instead, for tuning.
        honesty: Probes of where the answers come from: quick, all or none.
        details: Also accuracy by family and wording, and the worst ten rows.

    Raises:
        BadInput: The first item that does not hold.
        FailureFound: The figures do not mean what they say, or the answers do not come from the weights.
    """
    from .checklist import go_through  # noqa: PLC0415 - knows the algebra, which answering must not

    train_rows: Sequence[Row] = Dataset("train").rows
    questions: Sequence[Row] = Dataset("valid").rows
    if dev:
        train_rows, questions = split_dev(train_rows)
    return go_through(
        ckpt_path,
        load,
        command=TRAIN_COMMAND,
        example=format_example,
        train_rows=train_rows,
        questions=questions,
        rows=rows,
        honesty=honesty,
        details=details,
    )


def smoke(checkpoint: str = "") -> None:
    """Train 8 steps into a scratch folder, reload, and print a few numbers.

    Raises:
        TrainingFailed: A gradient norm was not finite, the loss did not fall, or no sample is a number.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "smoke"
        result = train_only(_smoke_config(folder, checkpoint), again="nothing is kept of a smoke run")
        losses = [record["loss"] for record in result.log]
        _must(losses[-1] < losses[0], "the loss to fall", f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last")
        questions = [str(row[0]) for row in Dataset("train").rows[:SMOKE_SAMPLES]]
        answers = load(str(folder)).answer(*questions)
    for question, answer in zip(questions, answers, strict=True):
        print(f"{question} -> {answer:g}")
    _must(any(math.isfinite(answer) for answer in answers), "a reloaded adapter that answers with numbers", "none")
    print(f"smoke: passed, loss {losses[0]:.3f} -> {losses[-1]:.3f} in {SMOKE_STEPS} steps, {result.seconds:.0f} s")


def _smoke_config(folder: Path, checkpoint: str) -> TrainingConfig:
    """Few steps, every one of them logged."""
    from .configuration import TrainingConfig  # noqa: PLC0415

    return TrainingConfig(
        output_dir=str(folder), checkpoint=checkpoint, max_steps=SMOKE_STEPS, epochs=1, warmup_steps=0, logging_steps=1
    )


def _must(holds: bool, expected: str, got: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise TrainingFailed(
            expected=expected, got=got, where="the smoke run", action="try --precision fp32 and a newer torch"
        )


def _train_command(config: TrainingConfig) -> None:
    """Fine-tune, save, reload and test."""
    train_and_test(config)


def _test_command(
    ckpt_path: str = DEFAULT_DIR,
    rows: int = BENCHMARK_ROWS,
    *,
    dev: bool = False,
    honesty: str = "quick",
    details: bool = False,
) -> None:
    """Accuracy and answer rate of a trained adapter, with 95% intervals, and whether they were earned.

    --dev asks the dev part of train; --honesty quick, all or none chooses the probes of where the answers come from;
    --details lists families, wordings and the worst ten rows. Status 1: the figures do not mean what they say.
    """
    test_model(ckpt_path, rows, dev=dev, honesty=honesty, details=details)


def _load_command(ckpt_path: str = DEFAULT_DIR) -> None:
    """Load a trained adapter and say on what base, in which dtype."""
    describe_loaded(load(ckpt_path), ckpt_path)


def describe_loaded(llm: BaseLLM, ckpt_path: str) -> None:
    """Print what a ``load`` command promises."""
    print(f"adapter:    {locate(ckpt_path).resolve()}")
    print(f"base model: {llm.checkpoint}")
    print(f"dtype:      {llm.model.dtype}")


def main() -> None:
    """Run ``python -m homework.sft train|test|load|smoke``."""
    from .command_line import run  # noqa: PLC0415
    from .configuration import TrainingConfig  # noqa: PLC0415

    _train_command.__annotations__["config"] = TrainingConfig
    run({"train": _train_command, "test": _test_command, "load": _load_command, "smoke": smoke}, prog="homework.sft")


if __name__ == "__main__":
    main()
