"""Rejection-sampling fine-tuning: the model learns from its own reasoning that turned out right.

    python -m homework.datagen data/rft.json      # sample the reasoning first
    python -m homework.rft train                  # train, save, reload, test
    python -m homework.rft test --rows 1000

Source: Z. Yuan et al. 2023, "Scaling Relationship on Learning Mathematical Reasoning with Large Language Models". As
there, what was sampled is learnt together with the rows it was sampled for: a row without reasoning is learnt in the
form of ``sft.py``, so that a unit the sampler never got right is still seen. Questions are answered with reasoning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adapter_files import find_adapter, read_manifest
from .adapter_loading import load_adapted
from .base_llm import BaseLLM
from .data import BENCHMARK_ROWS, Dataset, split_dev
from .errors import DatasetUnreadable
from .sft import TokenizedDataset, describe_loaded, tokenize
from .sft import format_example as format_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .configuration import RFTConfig
    from .data import BenchmarkResult, Row
    from .training import TrainingResult

__all__ = ["DEFAULT_DIR", "TokenizedDataset", "format_example", "load", "test_model", "tokenize", "train_model"]

TRAIN_COMMAND = "python -m homework.rft train"
DEFAULT_DIR = "rft_model"


def format_prompt(question: str) -> str:
    """The prompt, in training and in use: the question on a line of its own."""
    return f"{question.strip()}\n"


def format_example(prompt: str, answer: float, *reasoning: str) -> dict[str, str]:
    """Turn a row into prompt and completion; one without reasoning is learnt as ``sft.py`` does."""
    if not reasoning:
        return format_plain(prompt, answer)
    return {"question": format_prompt(prompt), "answer": reasoning[0].strip()}


class RFTModel(BaseLLM):
    """A model fine-tuned to reason in one line before it answers."""

    max_new_tokens = 64  # a factor, a product and the tags take about 30

    def format_prompt(self, question: str) -> str:
        """The training prompt, token by token."""
        return format_prompt(question)


def load(ckpt_path: str = DEFAULT_DIR, *, is_trainable: bool = False) -> RFTModel:
    """Load a trained adapter on the base, and in the dtype, it was trained with; raises as ``sft.load`` does."""
    return load_adapted(RFTModel, find_adapter(ckpt_path, command=TRAIN_COMMAND), is_trainable=is_trainable)


def train_model(output_dir: str = DEFAULT_DIR, **kwargs: Any) -> TrainingResult:  # noqa: ANN401 - fields of RFTConfig
    """Train an adapter on ``data/rft.json``, save it to ``output_dir``, reload it there and test it.

    Args:
        output_dir: A bare name lies in ``homework/`` unless it exists in the current directory.
        **kwargs: Fields of ``RFTConfig``.
    """
    from .configuration import RFTConfig  # noqa: PLC0415 - answering needs no options

    return train_and_test(RFTConfig.from_options(output_dir, kwargs))


def train_and_test(config: RFTConfig) -> TrainingResult:
    """Train with every choice in one object, then go through the checklist."""
    result = train_only(config)
    print(f"trained {result.log[-1]['step']:.0f} steps in {result.seconds:.0f} s; saved to {result.folder.resolve()}")
    test_model(str(result.folder.resolve()), dev=config.dev)
    return result


def train_only(config: RFTConfig) -> TrainingResult:
    """Train and save."""
    from .samplers import sampler  # noqa: PLC0415 - answering samples nothing
    from .training import train  # noqa: PLC0415

    return train(config, format_example, RFTModel, source=choose_rows(config, sampler))


def choose_rows(config: RFTConfig, sampler: Callable[[Mapping[str, Any]], BaseLLM] | None = None) -> list[Row]:
    """The rows with reasoning, and those of train they were sampled for; without the dev part where that is wished.

    Raises:
        RowsUnusable: As ``read_sampled``.
        FailureFound: As ``read_sampled``.
    """
    from .sampled_rows import read_sampled  # noqa: PLC0415 - answering needs no rows

    plain = Dataset("train").rows
    return with_plain(read_sampled(config.split, plain, sampler, unproven=config.unproven), plain, config)


def with_plain(sampled: Sequence[Row], plain: Sequence[Row], config: RFTConfig) -> list[Row]:
    """Rows with reasoning and rows without; neither of the dev part where that is wished."""
    if config.dev:
        plain, held_back = split_dev(plain)
        hidden = {row[0] for row in held_back}
        sampled = [row for row in sampled if row[0] not in hidden]
    return [*sampled, *(plain if config.plain else [])]


def test_model(
    ckpt_path: str = DEFAULT_DIR,
    rows: int = BENCHMARK_ROWS,
    *,
    dev: bool = False,
    honesty: str = "quick",
    details: bool = False,
) -> BenchmarkResult:
    """Go through the checklist of ``checklist.py``; options and errors are those of ``sft.test_model``.

    Where the sampled rows are gone, an adapter is tested without comparing its prompts with them, and this is said.
    """
    from .checklist import go_through  # noqa: PLC0415 - knows the algebra, which answering must not
    from .configuration import RFTConfig  # noqa: PLC0415

    chosen = read_manifest(find_adapter(ckpt_path, command=TRAIN_COMMAND).folder).get("config", {})
    config = RFTConfig(dev=dev, split=chosen.get("split", RFTConfig.split), plain=chosen.get("plain", True))
    plain = Dataset("train").rows
    try:
        sampled = Dataset(config.split).rows
    except DatasetUnreadable as error:
        sampled = []
        print(f"[--] rows           prompts are not compared with training's: {error.got} at {error.where}")
    return go_through(
        ckpt_path,
        load,
        command=TRAIN_COMMAND,
        example=format_example if sampled else None,
        train_rows=with_plain(sampled, plain, config),
        questions=split_dev(plain)[1] if dev else Dataset("valid").rows,
        rows=rows,
        honesty=honesty,
        details=details,
    )


def _train_command(config: RFTConfig) -> None:
    """Fine-tune on sampled reasoning, save, reload and test."""
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


def main() -> None:
    """Run ``python -m homework.rft train|test|load``."""
    from .command_line import run  # noqa: PLC0415
    from .configuration import RFTConfig  # noqa: PLC0415

    _train_command.__annotations__["config"] = RFTConfig
    run({"train": _train_command, "test": _test_command, "load": _load_command}, prog="homework.rft")


if __name__ == "__main__":
    main()
