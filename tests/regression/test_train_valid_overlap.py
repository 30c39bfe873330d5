"""No valid row is shown in training: not verbatim, not in another coat, and not most of them in other words.

Rows of valid stood in the training file, and the validation accuracy was one that new questions did not confirm.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest

from homework.conversion_utils import make_splits
from unsilent.overlap import check_overlap

pytestmark = [pytest.mark.regression, pytest.mark.failure("train-valid-overlap")]

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def splits() -> tuple[list[Any], list[Any]]:
    """The project's own data."""
    train, valid = (json.loads((DATA / f"{name}.json").read_text()) for name in ("train", "valid"))
    return train, valid


def test_fault_is_real(splits: tuple[list[Any], list[Any]]) -> None:
    """A table of the training rows, which has learnt nothing, answers what was copied and not one row more."""
    train, valid = splits
    before = sum(question in dict(train) for question, _ in valid)
    faults.copy_rows(train, valid, 460)

    assert (before, sum(dict(train).get(question) == answer for question, answer in valid)) == (0, 460)


def test_check_finds_it(splits: tuple[list[Any], list[Any]]) -> None:
    """One copied row is enough; the finding names it on both sides."""
    train, valid = splits
    faults.copy_rows(train, valid, 1)
    outcome = check_overlap(train, valid)

    assert (outcome.status, outcome.slug) == ("failed", "train-valid-overlap")
    assert "got 1 of 1000 verbatim and 0 formatted otherwise in train" in outcome.message
    assert "Where: valid row 0" in outcome.message
    assert outcome.evidence["examples"] == [{"valid": valid[0][0], "train": valid[0][0], "rows": [0, 1000]}]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "rewrite",
    [
        str.upper,
        str.lower,
        lambda text: f"  {text} ",
        lambda text: text.rstrip("?."),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: text.replace(" 9 ", " 9.0 ").replace(" 8 ", " eight ").replace(" 10 ", " 10.00 "),
        lambda text: text.replace(" ", "  ").replace(".", "!"),
    ],
    ids=["upper case", "lower case", "spaces around", "no full stop", "hard spaces", "numbers", "spaces and marks"],
)
def test_check_finds_another_coat(splits: tuple[list[Any], list[Any]], rewrite: Callable[[str], str]) -> None:
    """Case, spaces, punctuation, unicode and the way a number is written make no other row."""
    train, valid = splits
    valid = [row for row in valid if " 9 " in row[0] or " 8 " in row[0] or " 10 " in row[0]]
    faults.copy_rows(train, valid, 30, rewrite)
    evidence = check_overlap(train, valid).evidence

    assert (evidence.get("verbatim"), evidence.get("formatted_otherwise")) == (0, 30)


def test_check_finds_other_words() -> None:
    """Half of valid asks what train asks, in other words: beyond what train asks again of itself."""
    train, valid = make_splits()
    rows = faults.reword_rows(train, valid, 500)
    rows = [row for row in rows if row[0] not in {question.text for question in train}]
    outcome = check_overlap([question.row for question in train], rows)

    assert outcome.status == "failed"
    assert (outcome.evidence["verbatim"], outcome.evidence["in_other_words_is_finding"]) == (0, True)


def test_healthy_twin_is_left_alone(splits: tuple[list[Any], list[Any]]) -> None:
    """The project's own splits pass; how much coincides in other words is said."""
    outcome = check_overlap(*splits)

    assert outcome.status == "passed"
    assert outcome.message.startswith("561 of 1000 valid rows ask in other words what a training row asks, as 585 of")


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(5))
def test_other_healthy_splits_are_left_alone(seed: int) -> None:
    """Ten amounts and few units coincide by chance: in other words, and in the two ways of writing kB."""
    train, valid = make_splits(1000, seed)

    assert check_overlap([one.row for one in train], [one.row for one in valid[:100]]).status == "passed"
