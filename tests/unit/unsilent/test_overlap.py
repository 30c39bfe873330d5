"""Overlap is judged on any rows: words, numbers and answers are all that is known of them."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework.conversion_utils import make_splits
from homework.units import resolve
from unsilent import overlap
from unsilent.asked_rows import read_rows
from unsilent.overlap import check_overlap

NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "Jo"]
THINGS = ["apples", "pears", "stamps", "coins", "shells", "marbles", "books", "cards", "eggs", "nuts"]
STORIES = (
    "{name} has {a} {thing} and buys {b} more. How many {thing} does {name} have?",
    "If {b} {thing} are added to the {a} that {name} owns, what is the total?",
)


def stories(count: int, seed: int, wording: int) -> list[list[Any]]:
    """Small word problems with large numbers, which hardly ever coincide."""
    rng = random.Random(seed)
    made = [(rng.choice(NAMES), rng.choice(THINGS), rng.randint(10, 999), rng.randint(10, 999)) for _ in range(count)]
    return [[STORIES[wording].format(name=name, thing=thing, a=a, b=b), float(a + b)] for name, thing, a, b in made]


def test_other_tasks_are_understood() -> None:
    """Word problems told in another order: all of valid, then a tenth of it, then none."""
    train, told = stories(300, 1, 0), stories(300, 1, 1)
    fresh = stories(300, 2, 1)

    assert check_overlap(train, told).evidence["in_other_words"] == 300
    assert check_overlap(train, [*told[:30], *fresh[30:]]).status == "failed"
    assert (check_overlap(train, fresh).status, check_overlap(train, fresh).message) == ("passed", "")


def test_a_few_in_other_words_are_a_note() -> None:
    """Three of a hundred shift nothing, and are said."""
    train = stories(100, 1, 0)
    outcome = check_overlap(train, [*stories(100, 1, 1)[:3], *stories(97, 2, 1)])

    assert outcome.status == "passed"
    assert outcome.message == (
        "3 of 100 valid rows ask in other words what a training row asks, as 0 of 98 training rows do of each other"
    )


def test_pairs_are_mostly_the_same_units() -> None:
    """Against the algebra: of 525 valid rows that truly repeat number and units, 495 are found among 564."""
    train, valid = make_splits()
    asked = [read_rows([one.row for one in split])[0] for split in (train, valid)]
    found = {row.index for row, _ in overlap._reworded(asked[0], asked[1], asked[1])[0]}

    def content(question: Any) -> tuple[int, str, str]:  # noqa: ANN401 - a question
        source, target = resolve(question.source, question.target)
        return question.n, source.name, target.name

    shown = {content(one) for one in train}
    truly = {index for index, one in enumerate(valid) if content(one) in shown}
    assert (len(truly), len(found), len(truly & found)) == (525, 561, 492)


def test_direction_matters() -> None:
    """3 m in cm is not 3 cm in m, and kilograms are not kilometres."""
    train = [["What is 3 m in cm?", 300.0], ["How many g are 3 kg?", 3000.0]]
    valid = [["Convert 3 cm to m.", 0.03], ["Convert 3 km to miles-ish units.", 3000.0]]

    assert (check_overlap(train, valid).status, check_overlap(train, valid).message) == ("passed", "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 1,000 m in km?", "what is 1000.0 m in km"),
        ("Convert 3m to cm", "Convert 3 m to cm."),
        ("\u201cConvert three m\u00b2 to cm\u00b2\u201d", "convert 3 m2 to cm2"),
        ("Convert 3 m\u200b to cm", "Convert 3 m to cm"),
        ("Convert \uff13 m to cm", "Convert +3 m to cm ?"),
        ("Convert -.5 m to cm!", "Convert -0.5 m to cm"),
        ("Convert 3 metre\u2010long to cm", "Convert 3 metre-long to cm"),
        ("STRASSE 3", "stra\u00dfe 3"),
        ("Convert 0 m to cm", "Convert -0 m to cm"),
    ],
    ids=["separator", "glued", "powers", "invisible", "wide", "sign", "dash", "sharp s", "zero"],
)
def test_coats_are_seen_through(one: str, other: str) -> None:
    """Two ways of writing are one question; the answer is rounded in files."""
    plus = other.replace("+3", "3")
    evidence = check_overlap([[one, 7.6200001]], [[plus, 7.62]]).evidence

    assert evidence["formatted_otherwise"] == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is 3 kB in L?", "What is 3 KB in L?", 0),
        ("What is 3 kB in L?", "What is 3 KB in l?", 0),
        ("what is 3 kB in L?", "What is 3 KB in L?", 0),
        ("Is the text aBcd a word?", "Is the text AbCD a word?", 0),
        ("3 M in KB", "3 m in kb", 0),
        ("What is 3 KM?", "what is 3 km?", 1),
        ("what is 3 kB in L?", "What is 3 kB in L?", 1),
        ("What is 3 kB in L?", "what is 3 kb in l?", 1),
        ("What is 3 kB in L?", "WHAT IS 3 KB IN L?", 1),
        ("What is 3 feet in cm?", "What Is 3 Feet In Cm?", 1),
        ("add 3 cm", "Add 3 Cm", 1),
    ],
)
def test_case_may_be_the_unit(one: str, other: str, same: int) -> None:
    """One or two words in another case ask something else; a whole text, or its first letter, does not."""
    assert check_overlap([[one, 1.0]], [[other, 1.0]]).evidence.get("formatted_otherwise", 0) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("36 - 22", "36 % 22"),
        ("Does x != y hold?", "Does x == y hold?"),
        ("Is !p true?", "Is p true?"),
        ("Is 5% a lot?", "Is 5 a lot?"),
        ("Is (1,23) on it?", "Is (12,3) on it?"),
        ("Does a* match aaa?", "Does a. match aaa?"),
        ("Parse ([)", "Parse (])"),
    ],
)
def test_symbols_are_words(one: str, other: str) -> None:
    """What is asked may be told by an operator alone."""
    assert check_overlap([[one, "yes"]], [[other, "yes"]]).status == "passed"


@pytest.mark.parametrize(
    ("train", "valid", "verbatim"),
    [
        (["Who?", "Ada", "Ada wrote it."], ["Who?", "Ben", "Ben wrote it."], 0),
        (["Who?", "Ada", "Ada wrote it."], ["Who?", "Ada", "It was Ada."], 1),
        (["Who?", "Ada", "Ada wrote it."], ["Who?", "Ben", "Ada  wrote it."], 1),
        (["Who?", "Ada", "Ada wrote it."], ["Who?", "Ben"], 1),
        (["Who?", "Ada"], ["Who?", "Ben", "Ben wrote it."], 1),
        (["Who?", "Ada", 1], ["Who?", "Ben", 2], 1),
    ],
    ids=["passages", "answer", "passage", "none in valid", "none in train", "numbers"],
)
def test_third_field_may_be_part_of_the_question(train: list[Any], valid: list[Any], verbatim: int) -> None:
    """The same few words about two passages are two questions, where the answers differ."""
    rows = [["Who?", "Zoe", "Another one."], train]

    assert check_overlap(rows, [valid]).evidence.get("verbatim", 0) == verbatim


def test_spellings_are_compared_with_a_few() -> None:
    """4000 texts that differ in case alone take a fraction of a second."""
    texts = [
        "".join(one.upper() if at >> bit & 1 else one for bit, one in enumerate("abcdefghijkl")) for at in range(4000)
    ]
    start = time.perf_counter()
    check_overlap([[f"use {text}", 1] for text in texts[:2000]], [[f"use {text}", 1] for text in texts[2000:]])

    assert time.perf_counter() - start < 2  # 0.1 s alone


def test_same_question_with_another_answer_is_verbatim() -> None:
    """It was shown in training all the same, and the conflict is counted."""
    evidence = check_overlap([["3 m in cm", 300.0]], [["3 m in cm", 30.0]]).evidence

    assert (evidence["verbatim"], evidence["conflicting_answers"]) == (1, 1)


def test_rows_without_answers_or_numbers_are_compared_as_text() -> None:
    """Words alone are compared verbatim and without their coat, never by content."""
    train = [["What is the capital of France?", "Paris"], ["Who wrote Hamlet?"], ["Say 5", None]]

    assert check_overlap(train, [["what is the capital of france", " paris "]]).evidence["formatted_otherwise"] == 1
    assert check_overlap(train, [["Who wrote Hamlet?"]]).evidence["verbatim"] == 1
    assert check_overlap(train, [["The capital of France is?", "Paris"], ["5, say", None]]).status == "passed"


def test_repeated_training_rows_count_once() -> None:
    """A file that holds every row five times is no excuse for the rows of valid."""
    outcome = check_overlap(stories(300, 1, 0) * 5, stories(300, 1, 1))

    assert outcome.evidence["within_train"] == {"alike": 0, "rows": 300}


def test_small_amounts_are_compared_with_small_amounts() -> None:
    """Valid asks small amounts only, train half large ones: they coincide no more often than small ones among train."""
    units = [
        ("m", "cm", 100),
        ("kg", "g", 1000),
        ("h", "min", 60),
        ("ft", "in", 12),
        ("days", "hours", 24),
        ("L", "mL", 1000),
    ]
    rng = random.Random(0)

    def rows(numbers: range, words: str, count: int) -> list[list[Any]]:
        drawn = [(rng.choice(numbers), *rng.choice(units)) for _ in range(count)]
        return [[words.format(n=n, a=a, b=b), float(n * factor)] for n, a, b, factor in drawn]

    train = [
        *rows(range(1, 100), "Convert {n} {a} to {b}.", 300),
        *rows(range(1000, 9**9), "What is {n} {a} in {b}?", 700),
    ]
    valid = rows(range(1, 100), "{n} {a} equal how many {b}?", 300)
    assert check_overlap(train, valid).status == "passed"


@pytest.mark.no_cover
@pytest.mark.parametrize("family", ["time", "length", "speed", "data", "mass", "volume"])
def test_one_family_is_compared_with_itself(family: str) -> None:
    """Fewer units coincide more often, in valid as in train."""
    train, valid = make_splits(1000, 3)
    rows = [one.row for one in valid if one.family == family]

    assert check_overlap([one.row for one in train], rows).status == "passed"


def test_a_handful_of_rows_is_enough() -> None:
    """Three of three in other words, and no training row like another."""
    train = [["How many cm in 3 m?", 300.0], ["What is 2 kg in g?", 2000.0], ["5 ft in in?", 60.0]]
    valid = [["Convert 3 m to cm.", 300.0], ["Express 2 kg as g", 2000.0], ["Count the in in 5 ft", 60.0]]

    assert check_overlap(train, valid).evidence["in_other_words"] == 3
    assert check_overlap(train, valid[:2]).status == "passed"


def test_malformed_rows_are_left_out_and_counted() -> None:
    """Whatever they are."""
    rows: list[Any] = [["3 m in cm", 300.0], None, 5, "text", {}, [], [1, 2], ["  ", 1.0], {"question": "a"}]
    outcome = check_overlap(rows, [["4 m in cm", 400.0]])

    assert outcome.status == "passed"
    assert outcome.message.endswith("; 8 rows were no [question, answer] and were left out")


@pytest.mark.parametrize(
    ("train", "valid", "reason"),
    [
        ([], [["a", 1.0]], "no training row"),
        ([["a", 1.0]], [None], "no valid row"),
        (None, [["a", 1.0]], "the rows cannot be read"),
        ((1 / 0 for _ in "a"), [["a", 1.0]], "the rows cannot be read (ZeroDivisionError"),
    ],
    ids=["empty", "malformed", "none", "raises"],
)
def test_nothing_to_compare_is_skipped(train: Any, valid: Any, reason: str) -> None:  # noqa: ANN401 - anything
    """With the reason."""
    assert reason in check_overlap(train, valid).reason


def test_punctuation_alone_is_a_word_less() -> None:
    """A question of marks only has no words, and that is no crash."""
    assert check_overlap([["?", 1.0]], [["... ;", 1.0]]).evidence["formatted_otherwise"] == 1


@given(st.lists(st.tuples(st.text(), st.floats() | st.text() | st.none()), max_size=5))
def test_any_rows_can_be_read(rows: list[tuple[str, object]]) -> None:
    """Whatever the texts; a split against itself is verbatim, where it can be read."""
    status = check_overlap(rows, rows).status

    assert status == ("failed" if any(text.strip() for text, _ in rows) else "skipped")


def test_a_thousand_rows_are_fast() -> None:
    """1000 x 1000 rows take a fraction of a second."""
    train, valid = ([list(one.row) for one in split] for split in make_splits())
    start = time.perf_counter()
    check_overlap(iter(train), iter(valid))

    assert time.perf_counter() - start < 2  # 0.2 s alone
