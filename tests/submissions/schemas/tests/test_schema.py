from pathlib import Path

import pytest

from homework.core.schema import LoraSettings, RunSettings, inside_package


def test_absolute_directories_stay(tmp_path: Path) -> None:
    assert inside_package(tmp_path) == tmp_path


def test_rank_must_be_positive() -> None:
    with pytest.raises(ValueError):
        LoraSettings(rank=0)


def test_cli() -> None:
    assert RunSettings.from_cli(["--epochs", "3", "--learning-rate=1e-3"]).learning_rate == 1e-3
