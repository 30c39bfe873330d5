"""The small task: its rows are the project's in form, its fresh questions are fresh, its tokenizer loses nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tiny_task import EXPONENTS, KINDS, SEEN_PAIRS, UNSEEN_PAIRS, fresh, question, splits, task_tokenizer, write_data

from homework.data import Dataset, is_answer_valid
from homework.units import convert


@pytest.mark.parametrize("pair", EXPONENTS, ids=" to ".join)
def test_answers_are_those_of_the_project(pair: tuple[str, str]) -> None:
    """Every unit is one of the project's spellings, with its size."""
    _, answer = question("How many {b} are in {n} {a}?", 7, pair)

    assert is_answer_valid(answer, float(convert(7, *pair)))


def test_splits_have_no_question_in_common() -> None:
    """600 rows to learn from, 100 to be asked, all different, other ones for another seed."""
    train, valid = splits(3)
    questions = [asked for asked, _ in train + valid]

    assert (len(train), len(valid), len(set(questions))) == (600, 100, 700)
    assert splits(4)[1] != valid


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_questions_stand_in_no_split(kind: str) -> None:
    """Each kind holds something that no row holds, so the seed of the rows does not matter."""
    rows = fresh(kind, 40, random.Random(1))

    assert len({asked for asked, _ in rows}) == 40
    assert not set(rows) & {row for seed in range(5) for part in splits(seed) for row in part}


def test_long_numbers_have_seven_digits() -> None:
    """No small model can know these answers."""
    for asked, answer in fresh("long numbers", 20, random.Random(2)):
        number = next(word for word in asked.split() if word.isdecimal())
        assert len(number) == 7
        assert answer >= 999.999


def test_unseen_pairs_are_asked_in_fresh_questions_alone() -> None:
    """Rows show them the other way round, so that their units are known."""
    texts = {asked for asked, _ in splits()[0]}

    for a, b in UNSEEN_PAIRS:
        assert (b, a) in SEEN_PAIRS
        assert not [text for text in texts if f" {b} are in" in text and text.endswith(f" {a}?")]


def test_data_is_read_by_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written files are a data set like any other."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(write_data(tmp_path / "data", seed=2)))

    assert list(Dataset("valid").rows) == splits(2)[1]
    assert json.loads((tmp_path / "data" / "train.json").read_text())[0] == list(splits(2)[0][0])


def test_tokenizer_has_a_token_for_each_word() -> None:
    """A question is half as many tokens as bytes or fewer, digits stay apart, and decoding gives the text back."""
    tokenizer = task_tokenizer()
    text = "Convert 4711 km into m. <answer>4711000</answer>"
    tokens = tokenizer(text)["input_ids"]

    assert tokenizer.decode(tokens) == text
    assert len(tokens) == 6 + 4 + 3 + 7 + 3
    assert tokenizer.tokenize(" 47") == ["Ġ", "4", "7"]
