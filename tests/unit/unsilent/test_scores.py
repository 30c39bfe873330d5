"""Scores count, group and show; what cannot be scored is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from unsilent.scores import Judged, score

ROWS = [["3 m in cm", 300.0], ["2 kg in g", 2000.0], ["5 ft in in", 60.0, "reasoning"], ["1 L in mL", 1000]]


def last_word(question: str) -> str:
    """The unit asked for."""
    return question.rsplit(maxsplit=1)[-1]


def test_counts_and_intervals() -> None:
    """Right and answered are told apart; the generator is read once."""
    scores = score((answer for answer in (300.0, 1.0, math.nan, None)), ROWS)

    assert (scores.accuracy.hits, scores.answer_rate.hits, scores.accuracy.count) == (1, 2, 4)
    assert (scores.accuracy.value, scores.answer_rate.value) == (0.25, 0.5)
    assert 0.04 < scores.accuracy.interval[0] < 0.25 < scores.accuracy.interval[1] < 0.75


def test_interval_is_wilsons() -> None:
    """46 of 100 is 0.366 to 0.557."""
    scores = score([1.0] * 46 + [9.0] * 54, [["a", 1.0]] * 100)

    assert str(scores.accuracy) == "0.460 (0.366-0.557, 46 of 100)"


def test_groups_come_worst_first() -> None:
    """Each with its own counts."""
    scores = score([300.0, 2000.0, math.nan, 1000.0], ROWS, groups={"unit": last_word})

    assert list(scores.groups["unit"]) == ["in", "cm", "g", "mL"]
    assert scores.groups["unit"]["in"][1].hits == 0


def test_worst_rows_come_without_number_first() -> None:
    """Then by falling relative error; right rows are not among them, and there are ten at most."""
    answers = [math.inf, 4000.0, 600.0, 1000.0] * 5
    worst = score(answers, ROWS * 5).worst

    assert [row.index for row in worst] == [0, 4, 8, 12, 16, 2, 6, 10, 14, 18]
    assert (worst[0].answer, worst[5].answer, worst[5].error) == (None, 600.0, 9.0)


@pytest.mark.parametrize(
    ("answer", "correct", "error"), [(None, 1.0, math.inf), (1.0, 0.0, math.inf), (0.0, 0.0, 0.0), (1.5, -1.0, 2.5)]
)
def test_error_is_relative(answer: float | None, correct: float, error: float) -> None:
    """Where 0 is correct every other answer is infinitely wrong."""
    assert Judged(0, "", answer, correct, is_right=False).error == error


def test_json_is_plain() -> None:
    """No NaN anywhere."""
    content = score([math.nan, 1.0, -math.inf, 2.0], ROWS, groups={"unit": last_word}).as_json()

    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["accuracy"] == {
        "share": 0.0,
        "hits": 0,
        "count": 4,
        "interval": [0.0, pytest.approx(0.4899, abs=1e-4)],
    }


def test_lines_are_for_people() -> None:
    """Two figures, a line for each group, a line for each of the worst rows, long questions cut."""
    rows = [*ROWS[:3], [f"a long {'long ' * 30}question", 1.0]]
    lines = score([300.0, 2100.0, math.nan, 7.0], rows, groups={"all": lambda _: "all"}).lines()

    assert lines[:3] == [
        "accuracy    0.250 (0.046-0.699, 1 of 4)",
        "answer rate 0.750 (0.301-0.954, 3 of 4)",
        "by all: accuracy, then answer rate",
    ]
    assert lines[3] == "  all  0.250 (0.046-0.699, 1 of 4)  0.750"
    assert lines[4] == "the worst 3, those without a number first:"
    assert lines[5] == "  row 2: no number instead of 60  5 ft in in"
    assert lines[6].endswith("...")


def test_all_right_has_no_worst() -> None:
    """Two lines, and no more."""
    assert len(score([300.0], ROWS[:1]).lines()) == 2


@pytest.mark.parametrize(
    ("answers", "rows", "message"),
    [
        ([], [], "0 answers to 0 rows"),
        ([1.0], ROWS, "1 answers to 4 rows"),
        ([1.0], [["a", math.nan]], r"\['a', nan\]. Where: row 0"),
        ([1.0], [["a", "b"]], "row 0"),
        ([1.0], ["ab"], "row 0"),
        ([1.0], [[1, 2]], "row 0"),
        ([1.0], None, "a list of answers and a list of rows"),
    ],
    ids=["nothing", "too few", "nan is correct", "text is correct", "text for a row", "no question", "none"],
)
def test_what_cannot_be_scored_is_refused(answers: list[float], rows: Any, message: str) -> None:  # noqa: ANN401 - also what is no list
    """With what was expected, and where."""
    with pytest.raises(ValueError, match=message):
        score(answers, rows)


def test_grouping_that_raises_is_named() -> None:
    """Which grouping, which row."""
    with pytest.raises(ValueError, match=r"ZeroDivisionError.*grouping 'unit', row 0"):
        score([300.0], ROWS[:1], groups={"unit": lambda _: str(1 / 0)})
