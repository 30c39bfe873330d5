"""``python -m homework`` lists the commands; ``import homework`` stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import homework
from homework import __main__ as program

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_commands_are_listed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Alone or asked for help, it names every module that has a main()."""
    assert program.main(arguments) == 0

    printed = capsys.readouterr().out
    for module in sorted(path for path in (ROOT / "homework").glob("*.py") if "def main() -> None" in path.read_text()):
        assert f"homework.{module.stem}" in printed


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A command in the wrong place is an error that says so."""
    assert program.main(["train"]) == 2
    assert "'train'" in capsys.readouterr().err


def test_public_names_arrive_when_asked_for() -> None:
    """All five names of the course's interface are there and listed."""
    assert set(homework.__all__) <= set(dir(homework))
    assert [callable(getattr(homework, name)) for name in homework.__all__] == [True] * 5


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that is not there is refused with the list of those that are."""
    with pytest.raises(AttributeError, match="load_sft"):
        homework.nothing  # noqa: B018


@pytest.mark.parametrize("module", ["homework", "homework.__main__", "homework.errors", "unsilent", "unsilent.cli"])
def test_import_loads_nothing_heavy(module: str) -> None:
    """Neither torch nor numpy nor transformers is loaded by importing a package or listing commands."""
    code = f"import sys, {module}; print([m for m in ('torch', 'numpy', 'transformers', 'peft') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"
