"""Every choice of a training run, as one frozen dataclass that is also the command line.

Apart from the loop, so that options can be read, listed and refused without importing torch.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .batching import EFFECTIVE_BATCH
from .errors import OptionInvalid
from .precision import WISHES
from .processes import Processes

if TYPE_CHECKING:
    from collections.abc import Mapping


def option(default: Any, text: str) -> Any:  # noqa: ANN401 - a field of any type, as dataclasses.field itself
    """Declare a dataclass field that is also a command-line option with a help text."""
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainingConfig:
    """Every choice of a run; the defaults are those that docs/LOG.md found best on a dev part of train."""

    program = "sft"

    output_dir: str = option("sft_model", "folder of the adapter; a bare name lies in homework/")
    overwrite: bool = option(False, "replace a trained adapter in output_dir once the new one is whole")
    checkpoint: str = option("", "base model: folder, hub name or 'embedded'; empty: see homework/checkpoints.py")
    split: str = option("train", "rows to train on: data/<split>.json")
    dev: bool = option(False, "tuning: train on four fifths of the rows, test on the fifth")
    epochs: int = option(13, "passes over the rows")
    max_steps: int = option(0, "stop after so many optimizer steps; 0: when the epochs are done")
    rank: int = option(16, "rank of the adapter; 16 on the 135M is 19.5 MB, below the course's 20 MB")
    lr: float = option(2e-3, "peak learning rate")
    warmup_steps: int = option(10, "optimizer steps until the peak; a cosine to 0 follows")
    weight_decay: float = option(0.0, "decay of the adapter's weights")
    max_grad_norm: float = option(1.0, "gradients are clipped to this norm")
    other_amounts: float = option(0.8, "share of repeated rows that ask for another amount")
    way_back: float = option(0.4, "share of repeated rows with their two units exchanged")
    max_length: int = option(128, "longest row in tokens; a longer one is an error, never cut")
    precision: str = option("auto", "auto, fp32, bf16, or fp16 (CUDA only, with a gradient scaler)")
    tf32: bool = option(
        True, "matrix products of fp32 in TF32 where a GPU has it: faster, three digits instead of seven"
    )
    base_dtype: str = option("auto", "dtype of the frozen base: auto (that of the precision), fp32 or bf16")
    use_fp32_for_training: bool = option(False, "the reports' name for base_dtype fp32")
    micro_batch_size: int = option(0, "rows a forward pass; 0: by device")
    effective_batch: int = option(EFFECTIVE_BATCH, "rows an optimizer step")
    save_steps: int = option(50, "optimizer steps between two checkpoints; 0: only when told to end (SIGTERM, Ctrl-C)")
    resume: bool = option(False, "go on with the unfinished run in <output_dir>.unfinished, and only as the same run")
    logging_steps: int = option(0, "steps between two records of the log; 0: max(1, 10 // accumulation)")
    gradient_checkpointing: bool = option(False, "recompute activations: less memory, a third slower")
    seed: int = option(42, "of the adapter, the order of rows and their variations")

    def __post_init__(self) -> None:
        """Refuse values that no run could use, before anything is loaded."""
        for name in ("epochs", "rank", "max_length"):
            _must(self, getattr(self, name) >= 1, name, "at least 1")
        for name in ("max_steps", "warmup_steps", "save_steps", "logging_steps", "seed"):
            _must(self, getattr(self, name) >= 0, name, "0 or more")
        _must(self, self.seed < 2**32, "seed", "below 2**32")
        for name in ("lr", "weight_decay", "max_grad_norm"):
            _must(self, math.isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, "finite and 0 or more")
        for name in ("other_amounts", "way_back"):
            _must(self, 0 <= getattr(self, name) <= 1, name, "between 0 and 1")
        clash = self.use_fp32_for_training and self.base_dtype not in ("auto", "fp32")
        _must(self, not clash, "base_dtype", "fp32 or auto beside --use_fp32_for_training")

    @classmethod
    def from_options(cls, output_dir: str, options: Mapping[str, Any]) -> Self:
        """Build a configuration from keyword arguments.

        Raises:
            OptionInvalid: A keyword that is no option.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                raise OptionInvalid(
                    expected=f"an option among {', '.join(known)}",
                    got=name,
                    where="train_model",
                    action="correct the name",
                )
        return cls(**{"output_dir": output_dir, **options})

    @property
    def command(self) -> str:
        """What to type for this run."""
        words = [f"python -m homework.{self.program} train"]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                flag = f"--{field.name}" if value is not False else f"--no_{field.name}"
                words.append(flag if isinstance(value, bool) else f"{flag} {shlex.quote(str(value))}")
        return " ".join(words)


@dataclass(frozen=True)
class RFTConfig(TrainingConfig):
    """Every choice of an RFT run; what differs from SFT are the rows and how often they are seen."""

    program = "rft"

    output_dir: str = option("rft_model", "folder of the adapter; a bare name lies in homework/")
    split: str = option("rft", "rows with reasoning: data/<split>.json, made by python -m homework.datagen")
    plain: bool = option(True, "also learn the rows of train, in the form without reasoning")
    unproven: bool = option(False, "train although nothing shows that a model wrote the reasoning")


LEAST_TEMPERATURE = 0.001  # below it logits divided by it overflow, and what is drawn is the likeliest anyway


@dataclass(frozen=True)
class SamplingConfig:
    """Every choice of a sampling run."""

    oversample: int = option(10, "samples N of each question, in each round")
    temperature: float = option(0.6, "of the softmax they are drawn from; above 0")
    limit: int = option(0, "ask only the first so many questions of train; 0: all")
    rounds: int = option(1, "after each but the last an adapter is trained, which samples what is still open")
    epochs: int = option(8, "passes over the rows for the adapter of a round")
    hints: bool = option(False, "in each round ask what stays open once more, with the answer in the prompt")
    checkpoint: str = option("", "base model: folder, hub name or 'embedded'; empty: see homework/checkpoints.py")
    dev: bool = option(False, "tuning: leave the fifth of train alone that rft --dev is measured on")
    overwrite: bool = option(False, "make rows anew where finished ones, or the journal of another job, are there")
    seed: int = option(42, "of every draw")

    def __post_init__(self) -> None:
        """Refuse values that no run could use, before anything is loaded."""
        for name in ("oversample", "rounds", "epochs"):
            _must(self, getattr(self, name) >= 1, name, "at least 1")
        for name in ("limit", "seed"):
            _must(self, getattr(self, name) >= 0, name, "0 or more")
        _must(self, LEAST_TEMPERATURE <= self.temperature < math.inf, "temperature", "finite and at least 0.001")

    def identity(self) -> dict[str, Any]:
        """What makes it the same job: all but how many rounds are wished for, and what may be replaced."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in ("rounds", "overwrite")}


def _must(config: object, holds: bool, name: str, expected: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse a field's value in the words of its option."""
    if not holds:
        raise OptionInvalid(
            expected=f"{name} to be {expected}",
            got=str(getattr(config, name)),
            where=f"--{name}",
            action="correct the value, or leave the option out",
        )


ConfigT = TypeVar("ConfigT", bound=TrainingConfig)


def with_environment(config: ConfigT) -> ConfigT:
    """Let ``SFT_PRECISION``, ``SFT_MICRO_BATCH_SIZE`` and ``SFT_GRAD_ACCUM_STEPS`` override the automatic choice.

    Raises:
        OptionInvalid: A variable that is no dtype or no whole number above 0, or that contradicts an option, another
            variable or the effective batch.
    """
    changes: dict[str, Any] = {}
    if wish := os.environ.get("SFT_PRECISION", "").strip().lower():
        if wish not in WISHES:
            raise _contradiction(f"one of {', '.join(WISHES)}", repr(wish), "SFT_PRECISION")
        if wish != "auto" and config.precision not in ("auto", wish):
            raise _contradiction("one precision", f"{config.precision} by option and {wish}", "SFT_PRECISION")
        changes["precision"] = wish if wish != "auto" else config.precision
    micro, steps = _whole("SFT_MICRO_BATCH_SIZE"), _whole("SFT_GRAD_ACCUM_STEPS") * Processes.of_this_run().world
    if micro and config.micro_batch_size not in (0, micro):
        got = f"{config.micro_batch_size} by option and {micro}"
        raise _contradiction("one micro-batch size", got, "SFT_MICRO_BATCH_SIZE")
    size = micro or config.micro_batch_size
    if steps and not size and config.effective_batch % steps == 0:
        size = config.effective_batch // steps
    if (steps and size * steps != config.effective_batch) or (micro and config.effective_batch % micro):
        raise _contradiction(
            f"micro-batch times accumulation to be the effective batch of {config.effective_batch}",
            f"{size or '?'} x {steps or '?'}",
            "SFT_GRAD_ACCUM_STEPS" if steps else "SFT_MICRO_BATCH_SIZE",
        )
    return dataclasses.replace(config, **changes, micro_batch_size=size)


def _whole(name: str) -> int:
    """Read a whole number above 0 from the environment; 0 when the variable is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return 0
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise _contradiction("a whole number above 0", repr(text), name)
    return value


def _contradiction(expected: str, got: str, where: str) -> OptionInvalid:
    return OptionInvalid(expected=expected, got=got, where=where, action="correct the variable, or unset it")
