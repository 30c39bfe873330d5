"""A sample is kept for a reason, and rows do not depend on the order in which samples came."""

from __future__ import annotations

import json

import pytest
import support

from homework.samples import (
    MISCALCULATED,
    UNASKED,
    UNCALCULATED,
    UNREADABLE,
    choose_rows,
    count_rejected,
    files_of,
    text_of,
    why_not,
)
from unsilent.provenance import text_hash


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 m = 100 cm. 3 * 100 = <answer>300</answer>", ""),
        ("1 m = 100 cm. 3 * 100 = <answer>200</answer>", "another answer"),
        ("1 m = 100 cm. 3 * 90 = <answer>300</answer>", MISCALCULATED),
        ("1 m = 100 cm. So 3 m = 3 * 100 = 300 = <answer>300</answer>", ""),
        ("3 m is <answer>300</answer>", UNCALCULATED),
        ("1 <answer>300</answer>", UNCALCULATED),
        ("3 * 100 = <answer>x = 300</answer>", UNREADABLE),
        ("3 m = 300 cm = <answer>300</answer>", UNCALCULATED),
        ("300 * 1 = <answer>300</answer>", UNASKED),
        ("3 * 90 = 270. 300 = <answer>300</answer>", UNCALCULATED),
        ("3 m = 3 * m. 300 = <answer>300</answer>", UNCALCULATED),
        ("3 * 10 = 30, then 300 = <answer>300</answer>", UNCALCULATED),
        ("3 * 10 = 30\n300 = <answer>300</answer>", UNCALCULATED),
        ("3 * 10 = 30! It is = <answer>300</answer>", UNCALCULATED),
        ("3 * 1 = 3. 30 * 10 = <answer>300</answer>", UNASKED),
        ("3 m^2 = 300 m^2 = <answer>300</answer>", UNCALCULATED),
        ("3 m**2 = 300 m**2 = <answer>300</answer>", UNCALCULATED),
        ("3 m/s = 300 max = <answer>300</answer>", UNCALCULATED),
        ("1 m = 100 cm: 3 m * 100 cm =\n300 cm\n= <answer>300</answer>", ""),
        ("1 m. = 100 cm. 3 * 1 cu. ft * 100 = <answer>300</answer>", ""),
        ("So 3 * 10^2 = 3 * 10**2 = <answer>300</answer>", ""),
        ("1 m = 100 cm, 3m*100 = <answer>300 cm</answer>", ""),
        ("3 * 50 lbs = <answer>300</answer>", MISCALCULATED),
        ("1 m = 100 cm. 100*3 = <answer>300</answer>", ""),
        ("300", "no tag"),
        ("<|im_start|>user\n3 * 100 = <answer>300</answer>", "chat debris"),
    ],
)
def test_sample_is_kept_for_a_reason(text: str, reason: str) -> None:
    """Right, well formed, and calculated rightly in its last sentence; else the reason that is counted."""
    assert why_not(text, "Express 3 m in cm.", 300.0, ("<|im_start|>",)) == reason


@pytest.mark.parametrize("unit", ["cm^3", "cm**3", "cm3"])
def test_power_of_a_unit_is_no_amount(unit: str) -> None:
    """What is cubed is no number that a calculation has to use."""
    assert not why_not("2 * 1000 = <answer>2000</answer>", f"How many {unit} are 2 litre?", 2000.0)


def entry(question: int, *texts: str, number: int = 1, rejected: int = 0) -> dict[str, object]:
    """What the journal holds of a question."""
    kept = [{"sample": index, "tokens": [index], "text": text} for index, text in enumerate(texts)]
    return {"round": number, "question": question, "prompt": "p", "kept": kept, "rejected": {"no tag": rejected}}


def test_rows_come_in_the_order_of_the_questions() -> None:
    """Whatever the order in which they were asked; a question without a sample has no row."""
    texts = [str(row[2]) for row in support.REASONED_ROWS]
    entries = [entry(2, texts[2]), entry(1), entry(3), entry(0, texts[0]), entry(1, texts[1], number=2)]
    rows, drawn = choose_rows(support.FIVE_ROWS, entries)

    assert rows == [tuple(row) for row in support.REASONED_ROWS[:3]]
    assert rows == choose_rows(support.FIVE_ROWS, entries[::-1])[0]
    assert [draw.round for draw in drawn] == [1, 2, 1]
    assert [draw.text_sha256 for draw in drawn] == [text_hash(text) for text in texts[:3]]


def test_rejects_are_counted_over_all_questions() -> None:
    """By reason."""
    assert count_rejected([entry(0, rejected=2), entry(1, rejected=3)]) == {"no tag": 5}


def test_files_say_which_rows_they_are_about() -> None:
    """The record holds the hash of the file of rows; a row takes a line."""
    rows, drawn = choose_rows(support.FIVE_ROWS, [entry(0, "a <answer>300</answer>")])
    content, record = files_of(rows, drawn, [])

    assert json.loads(content) == [list(row) for row in rows]
    assert json.loads(record)["rows_sha256"] == text_hash(content.decode())


def test_text_ends_with_the_answer() -> None:
    """What shares a token with the closing tag is cut, and an end-of-text says nothing; other markers stay."""
    tokenizer = support.tiny_tokenizer()
    tokens = tokenizer("5</answer>, so")["input_ids"]

    assert text_of(tokenizer, tokens) == "5</answer>"
    assert text_of(tokenizer, [*tokenizer("five")["input_ids"], tokenizer.eos_token_id]) == "five"
    assert text_of(tokenizer, tokenizer("<|im_start|>5")["input_ids"]) == "<|im_start|>5"
    assert text_of(tokenizer, []) == ""
