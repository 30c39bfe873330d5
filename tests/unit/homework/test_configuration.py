"""Impossible options are refused before anything is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from homework import sft
from homework.configuration import TrainingConfig
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
        ({"way_back": 2.0}, "way_back to be between"),
        ({"base_dtype": "bf16", "use_fp32_for_training": True}, "base_dtype"),
        ({"learning_rate": 1.0}, "learning_rate"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Each is refused before data or model are looked at."""
    with pytest.raises(OptionInvalid, match=message):
        sft.train_model(str(tmp_path / "out"), **options)
