"""The list of mutants fits the code and the tests it was written for, and the runner tells caught from survived."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from unsilent.failures import FAILURES

ROOT = Path(__file__).parents[2]


def load_runner() -> Any:  # noqa: ANN401 - a module
    """The runner is a script, not a package."""
    spec = importlib.util.spec_from_file_location("mutant_runner", ROOT / "tests" / "mutants" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutant_runner"] = module  # where a dataclass looks for its own module
    spec.loader.exec_module(module)
    return module


RUNNER = load_runner()
MUTANTS = RUNNER.read_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.slug}: {mutant.replace.strip()[:40]}")
def test_edit_fits(mutant: Any) -> None:  # noqa: ANN401 - a class of the script
    """The text occurs exactly once, the edit changes it, and the test named beside it is there."""
    text = (ROOT / mutant.module).read_text()

    assert mutant.edit(text) != text
    assert re.search(rf"^def {mutant.test}\(", (ROOT / mutant.file).read_text(), re.MULTILINE)


def test_every_built_row_has_mutants() -> None:
    """A row that is not planned has an edit; a documented one has three."""
    count = {slug: sum(mutant.slug == slug for mutant in MUTANTS) for slug in FAILURES}
    wanted = {slug: 3 if row.origin == "documented" else 1 for slug, row in FAILURES.items() if not row.planned}

    assert {slug: count[slug] for slug, least in wanted.items() if count[slug] < least} == {}
    assert {mutant.slug for mutant in MUTANTS} <= wanted.keys()


def test_edit_that_does_not_fit_is_refused() -> None:
    """Text that is gone, or that stands there twice, is an error and not a mutant."""
    mutant = RUNNER.Mutant("a-b", "x.py", "x", "y", "test_x")

    for text in ("", "x x"):
        with pytest.raises(ValueError, match="expected 'x' once"):
            mutant.edit(text)
    assert mutant.edit("an x") == "an y"


def test_marks_are_known_without_plugins() -> None:
    """The runner leaves pytest-cov out, and pytest refuses a file with a mark that it does not know."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    known = {re.split(r"\W", line)[0] for line in settings["markers"]}
    used = {mark for path in (ROOT / "tests" / "regression").glob("*.py")
            for mark in re.findall(r"pytest\.mark\.(\w+)", path.read_text())}  # fmt: skip

    assert used - known <= {"parametrize", "skipif", "usefixtures", "filterwarnings"}
