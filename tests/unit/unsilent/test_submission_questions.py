"""A submission is asked rows of a file, rows that came with it, or what anybody knows; and new ones."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import small_submissions as small

from unsilent.fresh_questions import OWN, PAIRED
from unsilent.gate_subject import GateUnusable
from unsilent.submission import opened
from unsilent.submission_questions import Questions, choose_questions


def chosen(folder: Path, data: Path | None = None, *, count: int = 10, fresh: bool = True) -> Questions:
    """What is asked of a submission."""
    with opened(folder) as submission:
        return choose_questions(submission, data, count=count, rng=random.Random(0), fresh=fresh)


def test_rows_of_a_file_come_first(tmp_path: Path) -> None:
    """As many as asked for, the first ones; all answers count as those a guess may hit."""
    small.write_small(tmp_path / "UTID", "def load_sft(): ...\n")
    data = tmp_path / "rows.json"
    data.write_text(json.dumps([[f"What is {number} kg in g?", 1000.0 * number] for number in range(1, 30, 2)]))
    questions = chosen(tmp_path / "UTID", data)

    assert questions.rows[0] == ("What is 1 kg in g?", 1000.0)
    assert (len(questions.rows), len(questions.others), questions.source) == (10, 15, str(data))
    assert questions.file == data


def test_new_questions_are_alike_and_new(tmp_path: Path) -> None:
    """The same numbers in the same words, paired otherwise; and units that were never heard of."""
    small.write_small(tmp_path, "def load_sft(): ...\n")
    questions = chosen(tmp_path)
    new = questions.fresh[PAIRED]

    assert len(questions.fresh[OWN]) == 24
    assert 10 < len(new) <= 24
    assert not set(new) & set(small.ROWS)
    assert {answer for _, answer in new} <= {answer for _, answer in small.ROWS}
    assert questions.texts == [text for rows in (questions.rows, *questions.fresh.values()) for text, _ in rows]


def test_rows_that_came_along_are_taken(tmp_path: Path) -> None:
    """Where there are enough of them, and they are rows."""
    package = small.write_small(tmp_path, "def load_sft(): ...\n")
    (package / "data" / "test.json").write_text('{"not": "rows"}')
    (package / "data" / "valid.json").write_text(json.dumps(small.ROWS[:3]))
    (package / "data" / "valid_whole.json").write_text(json.dumps(small.ROWS))
    questions = chosen(tmp_path)

    assert questions.rows == tuple(small.ROWS[:10])
    assert questions.source == f"{package}/data/valid_whole.json, which came with it"


def test_conversions_are_what_is_left(tmp_path: Path) -> None:
    """Every one of them right, in several wordings."""
    questions = chosen(tmp_path, count=1000)

    assert questions.source == "conversions that anybody knows"
    assert questions.file is None
    assert ("How many cm are in 3 m?", 300.0) in questions.rows
    assert ("Convert 2 weeks to days.", 14.0) in questions.rows
    assert len(questions.rows) == len(set(questions.rows)) == 480


def test_quick_asks_nothing_new(tmp_path: Path) -> None:
    """Only rows."""
    assert chosen(tmp_path, fresh=False).fresh == {}


def test_rows_without_proportion_have_no_like(tmp_path: Path) -> None:
    """Nobody knows how their answers are made."""
    data = tmp_path / "rows.json"
    data.write_text(json.dumps([[f"Who is number {number}?", float(number % 7)] for number in range(1, 30)]))

    assert set(chosen(tmp_path, data).fresh) == {OWN}


def test_file_without_rows_is_refused(tmp_path: Path) -> None:
    """It was named, so nothing takes its place."""
    with pytest.raises(GateUnusable, match=r"Expected a JSON list.*What to do: name .* with --data"):
        chosen(tmp_path, tmp_path / "none.json")
