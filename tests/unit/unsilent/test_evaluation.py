"""Checks on evaluation judge any parser by what it returns."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import pytest

from unsilent.evaluation import WITHOUT_NUMBER, check_answer_rate, check_answers, check_padding


def last_number_or_nan(text: str) -> float:
    """A parser in another style: the last number anywhere."""
    found = re.findall(r"\d+(?:\.\d+)?", text)
    return float(found[-1]) if found else math.nan


def float_or_zero(text: str) -> float:
    """The reports' parser."""
    try:
        return float(text.split("<answer>")[1].split("</answer>", maxsplit=1)[0])
    except (IndexError, ValueError):
        return 0.0


@pytest.mark.parametrize(
    ("parse", "status"),
    [
        (last_number_or_nan, "passed"),
        (float_or_zero, "failed"),
        (lambda text: -1.0, "failed"),
        (lambda text: math.inf, "failed"),
        (lambda text: math.nan if text else 0.0, "failed"),
    ],
    ids=["another style", "zero for nothing", "minus one", "infinity", "zero for the empty text"],
)
def test_parsers_are_judged_by_effect(parse: object, status: str) -> None:
    """Any style that gives NaN for no number passes; any made-up number is found."""
    assert callable(parse)

    assert check_answer_rate(parse).status == status


def test_evidence_names_the_texts() -> None:
    """The finding lists each text with the number made of it."""
    found = check_answer_rate(lambda text: 0.0)

    assert found.evidence == {"made_up": dict.fromkeys(WITHOUT_NUMBER, 0.0), "tried": len(WITHOUT_NUMBER)}
    assert "return float('nan')" in found.message


def test_number_words_may_be_read() -> None:
    """Five is 5.0 to a parser that knows words."""
    assert check_answer_rate(lambda text: 5.0 if "five" in text else math.nan).status == "passed"


def test_none_is_no_number() -> None:
    """A parser may say None where there is no number."""
    assert check_answer_rate(lambda text: None).status == "passed"


@pytest.mark.parametrize("parse", [float, lambda text: "text"], ids=["raises", "returns text"])
def test_parser_that_cannot_be_judged_is_skipped(parse: object) -> None:
    """A parser that raises, or returns no number at all, is neither passed nor failed, and the reason is given."""
    assert callable(parse)
    outcome = check_answer_rate(parse)

    assert outcome.status == "skipped"
    assert "so it cannot be judged" in outcome.reason


def test_prompts_of_one_length_cannot_be_judged() -> None:
    """Nothing is padded, so nothing can go wrong there."""
    assert "all prompts are of one length" in check_padding(lambda prompts: prompts, ["a", "b"]).reason


def longest_alone(asked: list[str]) -> list[str]:
    """Padding on the right: all but the longest are another text."""
    longest = max(map(len, asked))
    return [f"{prompt}{'!' if len(prompt) < longest else ''}" for prompt in asked]


def test_several_longest_prompts_are_not_padded() -> None:
    """Four of ten are shorter, and all four change; the other six need no padding."""
    outcome = check_padding(longest_alone, [*[f"long{at}" for at in range(6)], *"abcd"])

    assert outcome.status == "failed"


def test_eight_prompts_are_enough() -> None:
    """Of many, given one by one, the shortest and the longest are among those that are asked."""
    asked: list[str] = []

    def generate(prompts: list[str]) -> list[str]:
        asked.extend(prompts)
        return longest_alone(prompts)

    outcome = check_padding(generate, ("q" * at for at in range(1, 300)))

    assert (outcome.evidence["differing"], outcome.evidence["prompts"]) == (7, 8)
    assert (len(asked), len(min(asked)), len(max(asked))) == (8 + 1 + 8 + 7 * 8, 1, 299)


@pytest.mark.parametrize(
    ("prompts", "reason"),
    [(None, "cannot be read (TypeError"), ([1, 2], "cannot be read"), ([(1,), (2, 3)], "no texts"), ([], "one length")],
    ids=["none", "numbers", "tuples", "empty"],
)
def test_prompts_that_are_none_are_skipped(prompts: Any, reason: str) -> None:  # noqa: ANN401 - anything
    """With the reason."""
    assert reason in check_padding(longest_alone, prompts).reason


def test_sampling_cannot_be_judged() -> None:
    """Completions that differ between two equal calls say nothing about padding."""
    texts = iter("abcdefghijklmnop")

    outcome = check_padding(lambda prompts: [next(texts) for _ in prompts], ["a", "bb"])
    assert "not greedy" in outcome.reason


def test_rounding_is_told_from_padding() -> None:
    """A batch that changes completions without any padding is rounding, which is said."""
    outcome = check_padding(lambda prompts: [f"{prompt}{len(prompts) > 1}" for prompt in prompts], ["a", "bb"])

    assert outcome.reason == "2 of 2 prompts change in a batch of equal lengths too: rounding, not padding"


def test_few_changed_prompts_are_rounding() -> None:
    """One of four is within what another batch size does to close calls."""
    prompts = ["a", "b", "c", "d", "eee"]

    def generate(asked: list[str]) -> list[str]:
        return ["!" if prompt == "a" and len(asked) > 1 else prompt for prompt in asked]

    assert check_padding(generate, prompts).status == "passed"


def test_generator_that_raises_cannot_be_judged() -> None:
    """Too few completions, or an exception, is not padding."""
    assert "the generator raised IndexError" in check_padding(lambda prompts: [], ["a", "bb"]).reason


def test_longest_in_characters_may_be_short_in_tokens() -> None:
    """Which prompt is padded is a matter of tokens, which only the generator knows."""
    tokens = {"a few plain words": 3, "°ü°": 9}

    def generate(asked: list[str]) -> list[str]:
        longest = max(tokens[prompt] for prompt in asked)
        return [f"{prompt}{'!' if tokens[prompt] < longest else ''}" for prompt in asked]

    assert check_padding(generate, list(tokens)).status == "failed"


NAN = [math.nan] * 10


@pytest.mark.parametrize(
    ("completions", "looks"),
    [
        ([""] * 10, ["empty completions"]),
        (["</answer>"] * 10, ["completions of an end tag alone"]),
        (["<|im_end|>"] * 6 + ["a"] * 4, ["completions of an end tag alone"]),
        (["<answer>nan</answer>"] * 10, ["the word nan", "words without a number"]),
        (["it is 5 or 6"] * 10, ["numbers that were not read as answers"]),
        (
            ["and so on and so on and so on and so on and so on and so on"] * 10,
            ["one piece of text again and again", "words without a number"],
        ),
        (
            [f"{letter}bcdefg" for letter in "hijklmnopq"],
            ["words without a number", "completions of one length, as if all were cut"],
        ),
        (["?!", "..", "-"] * 3 + ["a"], []),
    ],
    ids=["empty", "end tag", "end token", "nan", "unread", "again", "cut", "nothing in common"],
)
def test_completions_are_described(completions: list[str], looks: list[str]) -> None:
    """What most of them are is said."""
    assert check_answers(NAN, completions).evidence["looks"] == looks


def test_long_completions_are_looked_at_quickly() -> None:
    """Only the ends of completions can go on for ever."""
    start = time.perf_counter()
    looks = check_answers(NAN, ["a" * 20_000 + " so on and on" * 40] * 10).evidence["looks"]

    assert "one piece of text again and again" in str(looks)
    assert check_answers(NAN, ["ha " * 7000 + "x"] * 10).status == "failed"
    assert time.perf_counter() - start < 5  # 0.1 s alone


def test_prompts_without_opening_tag_are_described() -> None:
    """Whatever the tag is called; where prompt or completion opens it, it is not missing."""
    closed = ["many</result>"] * 10

    assert "no opening <result> in prompts" in check_answers(NAN, closed, ["How many?"] * 10).message
    for prompts, completions in ((["How? <result>"] * 10, closed), (["How?"] * 10, ["<result>many</result>"] * 10)):
        assert "opening" not in check_answers(NAN, completions, prompts).message


def test_answers_alone_are_enough() -> None:
    """Without texts the finding is shorter; three examples at most are kept."""
    outcome = check_answers([None, "5", math.inf, True, *NAN])

    assert "got 0 in 14. Where: answer 0, counted from 0. What to do" in outcome.message
    assert check_answers(NAN, ["x"] * 10).evidence["examples"] == [{"completion": "x"}] * 3


def test_a_stray_number_saves_nobody() -> None:
    """Two of a hundred are a stumble, three an answer rate."""
    assert check_answers([1.0, 2.0, *[math.nan] * 98]).status == "failed"
    assert check_answers([1.0, 2.0, 3.0, *[math.nan] * 97]).status == "passed"


@pytest.mark.parametrize(
    ("answers", "completions", "reason"),
    [
        ([math.nan] * 4, None, "0 of 4 answers are numbers: fewer than 5"),
        ([], None, "fewer than 5"),
        (NAN, ["x"], "1 completions cannot belong to 10 answers"),
        (1.0, None, "the answers cannot be read"),
        (["A", "B", "C"] * 4, None, "12 of 12 answers are texts, not numbers"),
    ],
    ids=["too few", "none", "unequal", "no list", "letters"],
)
def test_answers_that_cannot_be_judged_are_skipped(answers: object, completions: list[str] | None, reason: str) -> None:
    """With the reason."""
    assert reason in check_answers(answers, completions).reason  # type: ignore[arg-type] # also what is no list
