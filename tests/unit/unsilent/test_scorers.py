"""Scores and scoring functions of every kind are judged by what they do with what is no number."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from unsilent.answers import is_right
from unsilent.scorers import check_score, check_scorer

RIGHT = [300.0, -20.0, 0.5]


@dataclasses.dataclass
class Row:
    """A row in a result, whose answer may be NaN."""

    answer: float


@dataclasses.dataclass
class Result:
    """A figure with its rows."""

    accuracy: float
    rows: list[Row]
    name: str = "mine"


class Pair(NamedTuple):
    """Two figures with names."""

    accuracy: float
    loss: float


def share(answers: list[float]) -> float:
    """Our own."""
    return sum(map(is_right, answers, RIGHT)) / len(RIGHT)


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ({"a": 1.0, "b": math.inf}, "inf for b"),
        ({"a": {"b": {"c": math.nan}}}, "nan for a.b.c"),
        ({"a": [{"b": 1.0}, {"b": math.nan}]}, r"nan for a\[1\].b"),
        ({"a": SimpleNamespace(b=math.nan)}, "nan for a.b"),
        ({"a": Pair(1.0, math.nan)}, "nan for a.loss"),
        ({"a": torch.tensor(math.nan, requires_grad=True)}, "nan for a"),
        ({"a": np.float32("nan")}, "nan for a"),
        ({"a": np.array([[np.inf]])}, "inf for a"),
        ({"a": "NaN"}, "nan for a"),
        ({"a": Result(math.nan, [])}, "nan for a.accuracy"),
        ({"a": 10**400}, "inf for a"),
        (math.nan, "nan for the score"),
    ],
    ids=[
        "inf",
        "nested",
        "in a list",
        "namespace",
        "named tuple",
        "tensor",
        "numpy",
        "array of one",
        "text",
        "dataclass",
        "huge integer",
        "bare",
    ],
)
def test_scores_that_are_no_numbers_are_found(scores: Any, name: str) -> None:  # noqa: ANN401 - anything
    """Wherever they stand, and of whatever type."""
    outcome = check_score(scores)

    assert outcome.status == "failed"
    assert name.replace("\\", "") in outcome.message
    assert "what it was computed from was not passed, or is finite" in outcome.message


@pytest.mark.parametrize(
    "scores",
    [
        {"a": 1, "b": True, "c": "text", "d": object()},
        {"a": Result(0.5, [Row(math.nan)])},
        {"a": 0.5, "rows": [{"answer": math.nan}]},
        {"a": 0.5, "rows": [("question", math.nan)]},
        {"a": 0.5, "answers": [1.0, math.nan]},
        {"a": 0.5, "recall": np.array([1.0, math.nan])},
    ],
    ids=["whole numbers", "rows of a dataclass", "rows of mappings", "rows of pairs", "answers", "absent class"],
)
def test_rows_and_text_are_no_scores(scores: dict[str, object]) -> None:
    """A NaN answer among the rows behind a score is legitimate."""
    assert check_score(scores).status == "passed"


def test_first_answer_is_named() -> None:
    """Where no loss explains it, an answer may."""
    outcome = check_score({"mean_answer": math.nan}, losses=[1.0], answers=[1.0, math.nan, None])

    assert "Where: answer 1 is nan (counted from 0; 2 like it)" in outcome.message
    assert outcome.evidence["answers"] == {1: "nan", 2: "None"}


@pytest.mark.parametrize("scores", [{}, {"a": "text"}, None, {"a": None}], ids=["empty", "text", "none", "none inside"])
def test_without_scores_nothing_is_judged(scores: Any) -> None:  # noqa: ANN401 - anything
    """Skipped, and the reason says so."""
    assert check_score(scores).reason == "no score is a number"


def test_score_not_measured_is_said() -> None:
    """None is no finding, and not passed over in silence."""
    assert check_score({"a": 1.0, "best": None, "b": {"c": None}}).message == "b.c, best: None, so not measured"


@pytest.mark.parametrize(
    ("losses", "bad"),
    [
        ([[1.0, 2.0], [3.0]], {}),
        ([[1.0, 2.0], [math.nan]], {2: "nan"}),
        ([{"loss": 1.0, "step": 1}, {"eval_loss": 2.0, "grad_norm": math.inf}], {}),
        ([{"loss": 1.0}, {"loss": math.nan}], {1: "nan"}),
        (["1.5", "nan"], {1: "nan"}),
        (["n/a", 1.0], {}),
        (torch.tensor([1.0, math.inf]), {1: "inf"}),
        ([1.0, None], {1: "None"}),
    ],
    ids=["nested", "nested nan", "log", "log with nan", "text", "other text", "tensor", "none"],
)
def test_losses_of_every_form_are_read(losses: Any, bad: dict[int, str]) -> None:  # noqa: ANN401 - anything
    """Lists in lists, a trainer's log, numbers written as text; counted in order."""
    assert check_score({"a": 1.0}, losses=losses).evidence.get("losses", {}) == bad


def test_unreadable_losses_are_a_reason() -> None:
    """A number where a list should be."""
    outcome = check_score({"a": 1.0}, losses=1.0)  # type: ignore[arg-type] # the point

    assert outcome.reason.startswith("the scores cannot be read (TypeError")


def test_scores_within_themselves_end() -> None:
    """A mapping that holds itself is looked into so far and no further."""
    scores: dict[str, Any] = {"a": 1.0}
    scores["b"] = scores

    assert check_score(scores).status == "passed"


CLOCK = itertools.count(1.0)


def of_answered(answers: list[float]) -> tuple[float, int, float | None]:
    """Accuracy, number and mean error of those that were answered alone."""
    pairs = [pair for pair in zip(answers, RIGHT, strict=True) if math.isfinite(pair[0])]
    hits = sum(is_right(*pair) for pair in pairs)
    return (
        hits / max(1, len(pairs)),
        hits,
        sum(abs(one - other) for one, other in pairs) / len(pairs) if pairs else None,
    )


def with_fields(answers: list[float]) -> Result:
    """A dataclass with rows."""
    return Result(share(answers), [Row(answer) for answer in answers])


@pytest.mark.parametrize(
    "score",
    [
        share,
        with_fields,
        lambda answers: {"accuracy": share(answers), "answers": answers},
        lambda answers: (share(answers), sum(map(math.isfinite, answers))),
        lambda answers: [is_right(one, other) for one, other in zip(answers, RIGHT, strict=True)],
        lambda answers: -share(answers),
        lambda answers: torch.tensor(share(answers)),
        lambda answers: answers.sort() or share(RIGHT) if answers == RIGHT else 0.0,
        lambda answers: {"precision": of_answered(answers)[0], "recall": share(answers)},
        lambda answers: statistics.harmonic_mean([of_answered(answers)[0], share(answers)]),
        lambda answers: share(answers) - sum(math.isfinite(one) and one not in RIGHT for one in answers),
        lambda answers: sum(
            abs(one - other) if math.isfinite(one) else abs(other) for one, other in zip(answers, RIGHT, strict=True)
        ),
        lambda answers: {"a": share(answers), "error": of_answered(answers)[2]},
        lambda answers: {"a": share(answers), "seconds": next(CLOCK)},
    ],
    ids=[
        "share",
        "dataclass",
        "mapping",
        "tuple",
        "row by row",
        "errors",
        "tensor",
        "changes its argument",
        "precision and recall",
        "F1",
        "negative marking",
        "error with a default",
        "error of answered",
        "clock",
    ],
)
def test_healthy_functions_pass(score: Callable[[list[float]], object]) -> None:
    """Whatever they return, and whichever way is better."""
    assert check_scorer(score, RIGHT).status == "passed"


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda answers: sum(answers) / 3, "a score nan"),
        (
            lambda answers: sum(round(answer) == round(right) for answer, right in zip(answers, RIGHT, strict=True)),
            "NaN to integer",
        ),
        (
            lambda answers: float(np.nanmean([abs(a - b) for a, b in zip(answers, RIGHT, strict=True)] + [0.0])),
            "a score 0, as if all were right",
        ),
        (lambda answers: {"accuracy": share(answers), "mean": sum(answers)}, "mean nan"),
        (
            lambda answers: sum(not abs(a - b) > 1 for a, b in zip(answers, RIGHT, strict=True)),
            "a score 3, as if all were right",
        ),
        (
            lambda answers: sum(
                abs(a if math.isfinite(a) else b) == abs(b) for a, b in zip(answers, RIGHT, strict=True)
            ),
            "a score 3, as if all were right",
        ),
        (lambda answers: of_answered(answers)[0], "a score 1, as if all were right"),
        (lambda answers: of_answered(answers)[:2], "[0] 1, as if all were right"),
        (lambda answers: {"n": 3, **({"a": share(answers)} if math.isfinite(sum(answers)) else {})}, "no a at all"),
        (
            lambda answers: [one == right for one, right in zip(answers, RIGHT, strict=True) if math.isfinite(one)],
            "no [0]",
        ),
    ],
    ids=[
        "mean",
        "round",
        "nanmean",
        "one of two",
        "not beyond",
        "nothing is right",
        "of answered",
        "with its number",
        "key left out",
        "rows left out",
    ],
)
def test_functions_that_stumble_are_found(score: Callable[[list[float]], object], message: str) -> None:
    """They raise, hand the NaN on, or make something better than a wrong answer of it."""
    outcome = check_scorer(score, RIGHT)

    assert outcome.status == "failed"
    assert message in outcome.message


def test_single_answer_is_enough() -> None:
    """One question, given every strange answer once."""
    assert check_scorer(lambda answers: is_right(answers[0], 3.0), [3.0]).status == "passed"


@pytest.mark.parametrize(
    ("score", "right", "reason"),
    [
        (share, [], "no right answer to begin with"),
        (share, [math.nan], "one that is not finite"),
        (share, 3.0, "cannot be read"),
        (lambda answers: 1 / 0, RIGHT, "raised ZeroDivisionError for ordinary numbers"),
        (lambda answers: 1.0, RIGHT, "gives wrong numbers the score of right ones"),
        (lambda answers: "good", RIGHT, "or none"),
        (lambda answers: math.nan if answers == RIGHT else 0.0, RIGHT, "or none"),
        (lambda answers: share(answers) if math.isfinite(sum(answers)) else None, RIGHT, "says None, given nan"),
        (lambda answers: {"a": share(answers) if math.isfinite(sum(answers)) else None}, RIGHT, "says None, given"),
    ],
    ids=["no answer", "nan", "no list", "raises", "constant", "text", "nan at best", "none", "none inside"],
)
def test_functions_that_cannot_be_judged_are_skipped(score: Any, right: Any, reason: str) -> None:  # noqa: ANN401
    """With the reason."""
    assert reason in check_scorer(score, right).reason
