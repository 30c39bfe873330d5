"""What is well-formed reasoning, whatever it is about, and what is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import support

from unsilent import reasoning
from unsilent.reasoning import check_dirty_rows, check_zero_rows, complaint_about

CLEAN = {
    "plain": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>",
    "several equations": "6 kg = 6 * 1000 g = 6000 g; 6000 / 1 = 6000, so <answer>6000</answer>",
    "units with digits": "1 m^3 = 10**6 cm^3, and 1 m3 is 1e6 cm**3 and cm\u00b3: <answer>6000 cm^3</answer>",
    "percent and decimals": "50% of 12000.00 = 0.5 * 12,000 = <answer>6,000.0</answer>",
    "scientific notation": "6e3 = 6.0E+03 = <answer>6e3</answer>",
    "several lines": "First:\n\t1. 6 * 1000\r\n2. done\n\n<answer>\n6000\n</answer>\n",
    "another language": "\u041e\u0442\u0432\u0435\u0442: 6\u00b71000 \u0440\u0430\u0432\u043d\u043e "
    "<answer>6000</answer>",
    "joined letters": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 <answer>6000</answer>",
    "code": "```\nbest = float('inf')\nlow = -inf if n > 3 else nan\nx: List<s> = a[PAD]\n```<answer>6000</answer>",
    "yaml": "user:\n  name: x\nmodel: y\n<answer>6000</answer>",
    "pipes": "f <| x |> g, <|x|> = 3 and 2 <|> 3: <answer>6000</answer>",
    "latex": r"$\frac{12000}{2} \to \infty$ is \boxed{6000}: <answer>\boxed{6000}</answer>",
    "comparison": "5999 < 6000 > 1 and a<b>c, <b>bold</b>: <answer>6000</answer>",
    "roles in a sentence": "A user asks the assistant, whose system\nmodel says: Human: 6000 <answer>6000</answer>",
    "names and words": "n/a; infinity; 3 * Nan's 2000, information, 2 + infants: <answer>6000</answer>",
    "currency": "2 * 3000 = <answer>$6,000</answer>",
    "within tolerance": "about <answer>6100</answer>",
    "mathematics": "System:\n x = 1\nModel:\n y = <answer>6000</answer>",
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_clean_reasoning_is_left_alone(text: str) -> None:
    """Whatever it is about, and however it is written."""
    assert complaint_about(text, 6000) == ""


DIRTY: list[tuple[object, str]] = [
    (None, reasoning.NO_TEXT),
    ("  ", reasoning.NO_TEXT),
    ("6 * 1000 = 6000", reasoning.NO_TAG),
    ("6 * 1000 = <answer>6000", reasoning.NOT_CLOSED),
    ("6 * 1000 = 6000</answer>", reasoning.NOT_OPENED),
    ("a <answer>6000</answer> b <answer>6000</answer>", reasoning.SEVERAL_TAGS),
    ("a <answer><answer>6000</answer>", reasoning.SEVERAL_TAGS),
    ("a <Answer>6000</Answer>", reasoning.MISSPELT),
    ("a <answer>6000</answer ></answer>", reasoning.MISSPELT),
    ("a </answer>6000<answer>", reasoning.OUT_OF_ORDER),
    ("a <answer>6000</answer>.", reasoning.TEXT_BEHIND),
    ("<answer>6000</answer>", reasoning.NO_REASONING),
    ("...: <answer>6000</answer>", reasoning.NO_REASONING),
    ("<|im_start|>a <answer>6000</answer>", reasoning.DEBRIS),
    ("a<|endoftext|> <answer>6000</answer>", reasoning.DEBRIS),
    ("a<|eot_id|><|start_header_id|> <answer>6000</answer>", reasoning.DEBRIS),
    ("<\uff5cbegin\u2581of\u2581sentence\uff5c>a <answer>6000</answer>", reasoning.DEBRIS),
    ("[INST] a [/INST] <answer>6000</answer>", reasoning.DEBRIS),
    ("<s> a <answer>6000</answer>", reasoning.DEBRIS),
    ("a</s> <answer>6000</answer>", reasoning.DEBRIS),
    ("<<SYS>> a <answer>6000</answer>", reasoning.DEBRIS),
    ("<start_of_turn>model a <answer>6000</answer>", reasoning.DEBRIS),
    ("assistant\na <answer>6000</answer>", reasoning.DEBRIS),
    ("a\n ASSISTANT: \nb <answer>6000</answer>", reasoning.DEBRIS),
    ("a\n### Response:\nb <answer>6000</answer>", reasoning.DEBRIS),
    ("Human: how many?\nAssistant: a <answer>6000</answer>", reasoning.DEBRIS),
    ("a <reserved_7> <answer>6000</answer>", reasoning.DEBRIS),
    ("a \ufffd <answer>6000</answer>", reasoning.REPLACED),
    ("a \x00 <answer>6000</answer>", reasoning.CONTROL),
    ("a \x1b[0m <answer>6000</answer>", reasoning.CONTROL),
    ("a \ud83d <answer>6000</answer>", reasoning.CONTROL),
    ("a <answer>six</answer>", reasoning.NO_NUMBER),
    ("a <answer></answer>", reasoning.NO_NUMBER),
    ("a <answer>nan</answer>", reasoning.NOT_FINITE),
    ("a <answer>-inf</answer>", reasoning.NOT_FINITE),
    ("a <answer>1e999</answer>", reasoning.NOT_FINITE),
    ("1 kg = nan g. <answer>6000</answer>", reasoning.NOT_FINITE),
    ("6 * 1000 = inf g. <answer>6000</answer>", reasoning.NOT_FINITE),
    ("NaN * 1000 = <answer>6000</answer>", reasoning.NOT_FINITE),
    ("a <answer>6 * 1000 = 6000</answer>", reasoning.SEVERAL_NUMBERS),
    ("a <answer>about 6000</answer>", reasoning.WORDS),
    ("a <answer>5700</answer>", reasoning.WRONG),
    ("a <answer>6000 nan</answer>", reasoning.NOT_FINITE),
    ("a <answer>6000 is what I think, but not sure</answer>", reasoning.WORDS_BEHIND),
    ("a <answer>6000" + " " * 400 + "g</answer>", reasoning.WORDS_BEHIND),
    ("a <answer 6 <answer>6000</answer>", reasoning.MISSPELT),
    ("The <answer> tags: <answer>6000</answer>", reasoning.SEVERAL_TAGS),
    ("a <answer>The answer is 6000</answer>", reasoning.WORDS),
    ("3 * Infinity = <answer>6000</answer>", reasoning.NOT_FINITE),
    ("a \u200b<answer>6000</answer>", reasoning.CONTROL),
]


@pytest.mark.parametrize(("text", "complaint"), DIRTY, ids=[ascii(text)[:40] for text, _ in DIRTY])
def test_dirt_is_named(text: object, complaint: str) -> None:
    """Each by the words for its kind."""
    assert complaint_about(text, 6000, special_tokens=["<reserved_7>", "<answer>", " "]) == complaint


@pytest.mark.parametrize(
    ("inside", "answer", "complaint"),
    [
        ("0", 0, ""),
        ("Paris", " paris", ""),
        ("Rome", "Paris", reasoning.WRONG),
        ("6,000", "6000 g", ""),
        ("7", None, reasoning.NO_ANSWER),
        ("7", float("nan"), reasoning.NO_ANSWER),
        ("7", True, reasoning.NO_ANSWER),
        ("", "", reasoning.WRONG),
        ("3:4", "3:4", ""),
        ("2x + 3", "2X + 3", ""),
        ("Apollo 11", "Apollo 11", ""),
        ("inf", "inf", ""),
        ("2024-05-06", "2024-05-07", reasoning.SEVERAL_NUMBERS),
        ("50%", 0.5, ""),
        ("50%", 50, ""),
        ("-$5", 5, reasoning.WRONG),
    ],
)
def test_answer_of_the_row_may_be_anything(inside: str, answer: object, complaint: str) -> None:
    """Numbers, words, text with a number; what is none of these is named."""
    assert complaint_about(f"a <answer>{inside}</answer>", answer) == complaint


def test_tolerance_may_be_given() -> None:
    """Who has a grader of his own passes it."""
    assert complaint_about(CLEAN["plain"], 6001, is_right=lambda one, other: one == other) == reasoning.WRONG


def test_every_word_is_tested() -> None:
    """The list of words and this file agree."""
    words = {
        value for name, value in vars(reasoning).items() if name[0].isupper() and name.isupper() and type(value) is str
    }
    others = {reasoning.STAGE, reasoning.OPENING, reasoning.CLOSING}
    of_rows = {reasoning.NO_ROW, reasoning.NO_QUESTION, reasoning.NO_ANSWER}

    assert words - others - of_rows == {complaint for _, complaint in DIRTY}


def test_dirty_rows_are_counted() -> None:
    """By reason, the commonest first; a few are shown."""
    rows: list[Any] = [*support.REASONED_ROWS[:3], 7, ["", 1.0, "a <answer>1</answer>"], *[["q", 1.0, "x" * 100]] * 6]
    outcome = check_dirty_rows(rows)
    examples: Any = outcome.evidence["examples"]

    assert outcome.evidence["reasons"] == {reasoning.NO_TAG: 6, reasoning.NO_ROW: 1, reasoning.NO_QUESTION: 1}
    assert "got 8 dirty rows of 11: no tag 6, no row 1, no question 1. Where: row 3, no row" in outcome.message
    assert [one["index"] for one in examples] == [3, 4, 5, 6, 7]
    assert examples[2]["snippet"] == "..." + "x" * 80


@pytest.mark.parametrize(
    ("rows", "reason"), [([["q", 1.0]], "no row holds reasoning"), ([], "there is no row")], ids=["plain", "none"]
)
def test_rows_without_reasoning_are_not_judged(rows: list[Any], reason: str) -> None:
    """A plain data set is no dirty one."""
    assert (check_dirty_rows(rows).status, check_dirty_rows(rows).reason) == ("skipped", reason)


@pytest.mark.parametrize("rows", [[], [[], []], [None, {}]], ids=["no rows", "empty rows", "nothing"])
def test_rows_that_hold_nothing_are_none(rows: list[Any]) -> None:
    """However many of them there are."""
    assert check_zero_rows(rows, where="rft").evidence == {"rows": len(rows), "rejects": {}}


def test_file_that_cannot_be_read_is_not_empty(tmp_path: Path) -> None:
    """What is not there cannot be counted."""
    outcome = check_zero_rows(tmp_path / "none.json")

    assert (outcome.status, "none.json cannot be opened" in outcome.reason) == ("skipped", True)


@pytest.mark.parametrize("mark", ["#### 42", r"so \boxed{42}"])
def test_file_with_other_marks_is_not_judged(mark: str) -> None:
    """No row has a tag of ours, and nearly all share another mark."""
    rows = [["q", 42.0, f"6 * 7\n{mark}"]] * 19
    outcome = check_dirty_rows([*rows, ["q", 42.0, "6 * 7"]])

    assert (outcome.status, "these rows mark answers by '" in outcome.reason) == ("skipped", True)


@pytest.mark.parametrize(
    "others",
    [["6 * 7 = <answer>42</answer>"], ["6 * 7"] * 3, ["<Answer>42</Answer>"], [None] * 3],
    ids=["one has tags", "some have no mark", "one has a tag", "some have no text"],
)
def test_file_with_some_other_marks_is_dirty(others: list[object]) -> None:
    """Tags that are missing here and there are missing."""
    rows = [["q", 42.0, "6 * 7\n#### 42"]] * 19

    assert check_dirty_rows([*rows, *(["q", 42.0, other] for other in others)]).status == "failed"


def test_another_layout_is_not_counted() -> None:
    """Entries that are there, but without a question."""
    outcome = check_zero_rows([{"prompt": "q", "completion": "a"}, 7])

    assert (outcome.status, "2 entries, but none is a row" in outcome.reason) == ("skipped", True)


@pytest.mark.parametrize(
    "text", ["1,", "1", "1.", "<answer ", " \t", "nan ", "\u200b", "`", "<s>", "\u202a", "|im_", "User: "]
)
def test_takes_its_time_by_length(text: str) -> None:
    """Forty thousand characters, before the tag, in it, or as the answer, take a fraction of a second."""
    started = time.process_time()
    for reasoned, answer in (
        (f"{text * 20_000}<answer>5</answer>", 5),
        (f"a <answer>{text * 20_000}</answer>", 5),
        (text, text * 20_000),
    ):
        complaint_about(reasoned, answer)

    assert time.process_time() - started < 5
