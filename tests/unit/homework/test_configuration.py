"""Impossible options are refused before anything is loaded."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

import pytest

from homework import command_line, sft
from homework.configuration import RFTConfig, TrainingConfig, with_environment
from homework.errors import OptionInvalid


def test_defaults_are_possible() -> None:
    """The default configuration is accepted, and every field says what it is for."""
    config = TrainingConfig()

    assert all(field.metadata["help"] for field in type(config).__dataclass_fields__.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank to be at least 1"),
        ({"epochs": -1}, "epochs to be at least 1"),
        ({"lr": math.nan}, "lr to be finite"),
        ({"lr": -1.0}, "lr to be finite"),
        ({"max_steps": -5}, "max_steps to be 0 or more"),
        ({"save_steps": -1}, "save_steps to be 0 or more"),
        ({"seed": 2**33}, "seed to be below"),
        ({"way_back": 2.0}, "way_back to be between"),
        ({"base_dtype": "bf16", "use_fp32_for_training": True}, "base_dtype"),
        ({"learning_rate": 1.0}, "learning_rate"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Each is refused before data or model are looked at."""
    with pytest.raises(OptionInvalid, match=message):
        sft.train_model(str(tmp_path / "out"), **options)


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, {}, ("auto", 0)),
        ({"SFT_PRECISION": "fp32", "SFT_MICRO_BATCH_SIZE": "4"}, {}, ("fp32", 4)),
        ({"SFT_PRECISION": " BF16 "}, {}, ("bf16", 0)),
        ({"SFT_PRECISION": "auto"}, {"precision": "bf16"}, ("bf16", 0)),
        ({"SFT_PRECISION": "fp32"}, {"precision": "fp32"}, ("fp32", 0)),
        ({"SFT_MICRO_BATCH_SIZE": "4"}, {"micro_batch_size": 4}, ("auto", 4)),
        ({"SFT_GRAD_ACCUM_STEPS": "2"}, {}, ("auto", 16)),
        ({"SFT_GRAD_ACCUM_STEPS": "4", "SFT_MICRO_BATCH_SIZE": "8"}, {}, ("auto", 8)),
    ],
    ids=["nothing", "both", "spelling", "auto", "same precision", "same size", "steps alone", "steps and size"],
)
def test_environment_overrides_the_automatic_choice(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], options: dict[str, Any], expected: tuple[str, int]
) -> None:
    """A variable decides where the option was left out, may repeat an option, and the effective batch is kept."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = with_environment(TrainingConfig(**options))

    assert (config.precision, config.micro_batch_size) == expected


@pytest.mark.parametrize(
    ("variables", "options", "message"),
    [
        ({"SFT_MICRO_BATCH_SIZE": "0"}, {}, "whole number above 0, but got '0'"),
        ({"SFT_MICRO_BATCH_SIZE": "abc"}, {}, "but got 'abc'"),
        ({"SFT_MICRO_BATCH_SIZE": "²"}, {}, "but got '²'"),
        ({"SFT_MICRO_BATCH_SIZE": "1_6"}, {}, "but got '1_6'"),
        ({"SFT_MICRO_BATCH_SIZE": "64"}, {}, r"effective batch of 32, but got 64 x \?. Where: SFT_MICRO_BATCH_SIZE"),
        ({"SFT_MICRO_BATCH_SIZE": "4"}, {"micro_batch_size": 8}, "but got 8 by option and 4"),
        ({"SFT_GRAD_ACCUM_STEPS": "-1"}, {}, "but got '-1'"),
        ({"SFT_GRAD_ACCUM_STEPS": "3"}, {}, r"effective batch of 32, but got \? x 3. Where: SFT_GRAD_ACCUM_STEPS"),
        ({"SFT_GRAD_ACCUM_STEPS": "4", "SFT_MICRO_BATCH_SIZE": "4"}, {}, "but got 4 x 4"),
        ({"SFT_PRECISION": "int8"}, {}, "one of auto, fp32, bf16, fp16, but got 'int8'"),
        ({"SFT_PRECISION": "bf16"}, {"precision": "fp32"}, "one precision, but got fp32 by option and bf16"),
    ],
)
def test_environment_is_checked(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], options: dict[str, Any], message: str
) -> None:
    """Nonsense and contradictions are refused by the variable's name."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(OptionInvalid, match=message):
        with_environment(TrainingConfig(**options))


@pytest.mark.parametrize(
    "config",
    [
        TrainingConfig(),
        TrainingConfig(output_dir="my models/it's", lr=1e-5, overwrite=True, resume=True, max_steps=7),
        RFTConfig(output_dir="x", plain=False, split="/a b/rft.json"),
    ],
    ids=["defaults", "quotes", "rft"],
)
def test_command_of_a_run_gives_the_same_run(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed can be typed."""
    words = shlex.split(config.command)
    read: list[TrainingConfig] = []

    def train(config: Any) -> None:  # noqa: ANN401
        read.append(config)

    train.__annotations__["config"] = type(config)
    monkeypatch.setattr("sys.argv", ["program", *words[3:]])
    assert command_line.call({"train": train}, prog=words[2]) == 0

    assert read == [config]
    assert words[:4] == ["python", "-m", f"homework.{type(config).__name__[:3].lower().replace('tra', 'sft')}", "train"]
