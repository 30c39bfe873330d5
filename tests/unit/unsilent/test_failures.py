"""The catalogue is complete, consistent, and refuses to be anything else."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import faults
import pytest

import unsilent
from unsilent.failures import FAILURES, STAGES, read_catalogue
from unsilent.symptoms import observe

TESTS = Path(__file__).parents[2]
ROW = """
[a-b]
stages = ["guard"]
origin = "field"
symptom = "s"
cause = "c"
cure = "c"
source = "s"
signs = ["loss zero"]
"""


def test_catalogue_has_every_row() -> None:
    """57 failures, each documented, in every stage."""
    assert len(FAILURES) == 57
    assert {stage for failure in FAILURES.values() for stage in failure.stages} == set(STAGES)
    assert unsilent.FAILURES is FAILURES


@pytest.mark.parametrize("slug", FAILURES)
def test_row_says_everything(slug: str) -> None:
    """Symptom, cause, cure and source are sentences, the slug is typeable, and what to do next is known."""
    failure = FAILURES[slug]

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", slug)
    assert failure.slug == slug
    for text in (failure.symptom, failure.cause, failure.cure, failure.source):
        assert text[-1] in ".;!?" or "#" in text, text
        assert len(text) > 5
    assert failure.signs
    assert failure.next_command


def test_relations_lead_to_roots() -> None:
    """symptom_of never comes back to where it began, so every chain ends in a root cause."""

    def walk(slug: str, path: tuple[str, ...]) -> None:
        assert slug not in path, " -> ".join([*path, slug])
        for parent in FAILURES[slug].symptom_of:
            walk(parent, (*path, slug))

    for slug in FAILURES:
        walk(slug, ())


def test_faults_and_regression_files_name_rows() -> None:
    """Every injector names its row in brackets; a row that is not planned has injector, check and regression file."""
    injected = set()
    injectors = [item for _, item in inspect.getmembers(faults, inspect.isfunction) if item.__module__ == "faults"]
    for injector in injectors:
        found = re.match(r"\[([a-z0-9-]+)\] ", inspect.getdoc(injector) or "")
        assert found, f"{injector.__name__} names no failure"
        assert found[1] in FAILURES
        injected.add(found[1])
    files = {path.stem.removeprefix("test_").replace("_", "-") for path in (TESTS / "regression").glob("test_*.py")}

    emitted = {
        slug
        for path in Path(unsilent.__file__).parent.glob("*.py")
        for slug in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', path.read_text())
        if slug in FAILURES
    }
    built = {slug for slug, failure in FAILURES.items() if not failure.planned}

    assert files == emitted == built
    assert built <= injected


def test_next_step_can_be_taken() -> None:
    """What a row that is not planned says to call is there to be called."""
    for failure in FAILURES.values():
        if found := re.match(r"unsilent\.(\w+)\.(\w+)\(", failure.check):
            assert callable(getattr(importlib.import_module(f"unsilent.{found[1]}"), found[2])), failure.slug
        if not failure.planned:
            assert failure.check or failure.stages[0] == "adapter", failure.slug


def test_every_sign_can_be_seen() -> None:
    """A sign that no text can show would never lead to its row: each row's own symptom or name shows one."""
    blind = [slug for slug, failure in FAILURES.items() if not observe(f"{slug} {failure.symptom} {failure.cause}")]

    assert blind == []


def test_defaults_are_filled_in() -> None:
    """A row without severity is an error, without planned it is planned."""
    row = read_catalogue(ROW)["a-b"]

    assert (row.severity, row.planned, row.symptom_of) == ("error", True, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"guard"', '"kitchen"', "stages among .* but got 'kitchen'"),
        ('"field"', '"rumour"', "origin among"),
        ('cause = "c"', "", "missing 1 required positional argument: 'cause'"),
        ('cause = "c"', 'cause = "c"\nseverity = "dire"', "severity among"),
        ('cause = "c"', 'cause = "c"\nsymptom_of = ["x-y"]', "symptom_of among"),
        ('cause = "c"', 'cause = "c"\ncolour = "red"', "unexpected keyword argument 'colour'"),
    ],
    ids=["stage", "origin", "missing", "severity", "relation", "unknown field"],
)
def test_wrong_rows_are_refused(old: str, new: str, message: str) -> None:
    """A typing error in the catalogue is named with its row."""
    with pytest.raises(ValueError, match=message) as caught:
        read_catalogue(ROW.replace(old, new))

    assert "[a-b]" in str(caught.value)


def test_package_has_only_its_names() -> None:
    """An unknown name is refused with the list of those that are there."""
    with pytest.raises(AttributeError, match="FAILURES"):
        unsilent.nothing  # noqa: B018
