"""Is reasoning fit to be learnt from, and is there any: one answer tag, at its end, around the right number.

A sampler that accepts completions by their number alone lets in text without tags, with two pairs of them, or with
what a chat template left behind, and the model learns to write just that. One that rejects everything writes an empty
file without a word. ``complaint_about`` is the definition for both sides: who samples rows counts its rejects by the
same words that the check counts dirty rows by.

    unsilent check data data/rft.json
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import as_number, numbers_in
from .answers import is_right as _is_right
from .debris import has_bad_characters, has_debris
from .nonfinite import is_not_finite, reckons_with_nan
from .outcome import failed, passed, skipped
from .reasoned_rows import RowsUnreadable, as_rows, read_rows
from .tagged_numbers import LONGEST, goes_on, readings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .failures import Stage
    from .outcome import Outcome
    from .reasoned_rows import ReasonedRow

STAGE: Stage = "evaluation"
OPENING, CLOSING = "<answer>", "</answer>"
SHOWN = 80  # characters of a snippet
EXAMPLES = 5  # dirty rows shown

# What complaint_about may say.
NO_TEXT = "no text"
NO_TAG = "no tag"
NOT_CLOSED = "tag not closed"
NOT_OPENED = "tag not opened"
SEVERAL_TAGS = "several tags"
MISSPELT = "misspelt tag"
OUT_OF_ORDER = "tags out of order"
TEXT_BEHIND = "text behind the tag"
NO_REASONING = "nothing before the tag"
DEBRIS = "chat debris"
CONTROL = "control characters"
REPLACED = "replacement characters"
NO_NUMBER = "no number"
NOT_FINITE = "non-finite number"
SEVERAL_NUMBERS = "several numbers"
WORDS = "words before the number"
WORDS_BEHIND = "words behind the number"
WRONG = "another answer"
NO_ROW, NO_QUESTION, NO_ANSWER = "no row", "no question", "no answer to compare with"  # of a row

_ANY_TAG = re.compile(r"<[\s/]*answer\b", re.IGNORECASE)
# How other people mark answers: GSM8K, and most of what is written in LaTeX.
_OTHER_MARKS = {
    "'#### 42'": re.compile(r"^#### *\S", re.MULTILINE),
    r"'\boxed{42}'": re.compile(r"\\boxed\s*\{"),
}
SHARED = 0.9  # of the rows have another mark in common; a file has a few odd ones


def complaint_about(
    reasoning: object,
    answer: object,
    *,
    is_right: Callable[[Any, Any], bool] | None = None,
    special_tokens: Collection[str] = (),
) -> str:
    """Say what is wrong with reasoning that is to be learnt from; empty when it is well formed.

    Well formed: text, then exactly one pair of answer tags that ends it, between them one finite number, with a unit
    perhaps, which is the row's answer; nothing of a chat template, no control or replacement characters, no nan or inf
    to reckon with. The tags are for programs: a full stop behind them, ``<answer>`` in a sentence about tags, or prose
    inside is a fault, as whoever looks for the first tag, or for a float between them, reads something else.

    Args:
        reasoning: The text.
        answer: The row's answer: a number, or a text, which is compared as it is first, and by its number then.
        is_right: (number in the tags, answer) -> bool; None takes a relative 5%, both rounded to 3 decimals.
        special_tokens: A tokenizer's, which are debris, too.

    Returns:
        A few words that are the same for every text with that fault: one of those at the head of this module.
    """
    if not isinstance(reasoning, str) or not reasoning.strip():
        return NO_TEXT
    return (
        _complaint_about_tags(reasoning)
        or _complaint_about_characters(reasoning, special_tokens)
        or _complaint_about_number(reasoning.split(CLOSING)[0].split(OPENING)[1], answer, is_right or _is_right)
        or (NOT_FINITE if reckons_with_nan(reasoning) else "")
    )


def _complaint_about_tags(text: str) -> str:
    opened, closed = text.count(OPENING), text.count(CLOSING)
    if len(_ANY_TAG.findall(text)) > opened + closed:
        return MISSPELT
    if not opened or not closed:
        return NO_TAG if opened == closed else NOT_CLOSED if opened else NOT_OPENED
    if opened + closed > 2:  # noqa: PLR2004 - one pair
        return SEVERAL_TAGS
    before, _, rest = text.partition(OPENING)
    if CLOSING in before:
        return OUT_OF_ORDER
    if rest.partition(CLOSING)[2].strip():
        return TEXT_BEHIND
    return "" if any(character.isalnum() for character in before) else NO_REASONING


def _complaint_about_characters(text: str, special_tokens: Collection[str]) -> str:
    if has_debris(text, [token for token in special_tokens if token not in {OPENING, CLOSING}]):
        return DEBRIS
    if "\ufffd" in text:
        return REPLACED
    return CONTROL if has_bad_characters(text) else ""


def _complaint_about_number(inside: str, answer: object, right: Callable[[Any, Any], bool]) -> str:
    if isinstance(answer, str) and inside.strip().casefold() == answer.strip().casefold() != "":
        return ""
    if is_not_finite(inside[:LONGEST]):
        return NOT_FINITE
    wanted, readings = _number_of(answer), readings_of(inside)
    if wanted is None:  # a word is the answer
        return WRONG
    if not readings or goes_on(inside):
        return WORDS_BEHIND if readings else _why_unreadable(inside)
    if not math.isfinite(wanted):
        return NO_ANSWER
    return "" if any(one == wanted or right(one, wanted) for one in readings) else WRONG  # 0 is right where it is 0


def _number_of(answer: object) -> float | None:
    """The number that a row's answer is, or begins with; None where it is a text without any."""
    if not isinstance(answer, str):
        return as_number(answer)
    return next(iter(readings_of(answer) or numbers_in(answer[:LONGEST])), None)


def _why_unreadable(inside: str) -> str:
    numbers = numbers_in(inside[:LONGEST])
    if not numbers:
        return NO_NUMBER
    return SEVERAL_NUMBERS if len(numbers) > 1 else WORDS


def check_dirty_rows(rows: Sequence[Any], *, special_tokens: Collection[str] = ()) -> Outcome:
    """[dirty-rows] Look at the form of every row's reasoning.

    Args:
        rows: ``[question, answer, reasoning]`` or objects with these names; further columns do not matter.
        special_tokens: As ``complaint_about``.

    Returns:
        Failed with counts by reason and the first few dirty rows; skipped without rows, where none has reasoning, and
        where the whole file marks its answers in another way.
    """
    found = as_rows(rows)
    if not any(row.reasoning is not None for row in found):
        return skipped("dirty-rows", STAGE, "no row holds reasoning" if found else "there is no row")
    if mark := _other_mark(found):
        return skipped("dirty-rows", STAGE, f"no row has an {OPENING} tag: these rows mark answers by {mark}")
    complaints = {row.index: complaint for row in found if (complaint := _complaint_about_row(row, special_tokens))}
    if not complaints:
        return passed("dirty-rows", STAGE)
    counts = Counter(complaints.values())
    first, why = next(iter(complaints.items()))
    return failed(
        "dirty-rows",
        STAGE,
        "Expected reasoning that ends with one answer tag around the row's number, and holds nothing of a chat, but "
        f"got {len(complaints)} dirty rows of {len(found)}: {_counted(counts)}. Where: row {first}, {why}: "
        f"{_snippet(found[first])!r}. What to do: accept completions by their form, not by their number alone.",
        {"rows": len(found), "dirty": len(complaints), "reasons": dict(counts.most_common()),
         "examples": [{"index": index, "reason": reason, "snippet": _snippet(found[index])}
                      for index, reason in list(complaints.items())[:EXAMPLES]]},
    )  # fmt: skip


def _other_mark(rows: Sequence[ReasonedRow]) -> str:
    """What marks the answers of a file in which no row has a tag of ours; empty where nothing does."""
    texts = [row.reasoning for row in rows if isinstance(row.reasoning, str)]
    if any(_ANY_TAG.search(text) for text in texts):
        return ""
    counts = {name: sum(bool(mark.search(text)) for text in texts) for name, mark in _OTHER_MARKS.items()}
    return next((name for name, count in counts.items() if count >= SHARED * len(rows)), "")


def _complaint_about_row(row: ReasonedRow, special_tokens: Collection[str]) -> str:
    if not row.is_row:
        return NO_ROW
    if not isinstance(row.question, str) or not row.question.strip():
        return NO_QUESTION
    return complaint_about(row.reasoning, row.answer, special_tokens=special_tokens)


def _snippet(row: ReasonedRow) -> str:
    """The end of the reasoning, where the tags are."""
    text = row.reasoning if isinstance(row.reasoning, str) else repr(row.reasoning)
    return text if len(text) <= SHOWN else f"...{text[-SHOWN:]}"


def _counted(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {count}" for reason, count in ordered)


def check_zero_rows(
    rows: str | Path | Sequence[Any], rejects: Mapping[str, int] | None = None, *, where: str = ""
) -> Outcome:
    """[zero-rows] Count the rows of a file, or of a list that is about to be written; empty ones are none.

    Args:
        rows: A path, or the rows.
        rejects: Samples that were rejected, by reason, where that is known.
        where: What the rows are, for the message; a path speaks for itself.

    Returns:
        Failed when there is no row, with the counts of rejects; skipped when the file cannot be read, or holds
        something else than rows with a question.
    """
    if isinstance(rows, str | Path):
        where = where or str(rows)
        try:
            rows = read_rows(rows)
        except RowsUnreadable as error:
            return skipped("zero-rows", STAGE, str(error))
    if any(row not in (None, [], (), {}, "") for row in rows):
        if any(row.question is not None for row in as_rows(rows)):
            return passed("zero-rows", STAGE)
        return skipped("zero-rows", STAGE, f"{len(rows)} entries, but none is a row with a question: another layout")
    why = "no count of rejected samples came with it"
    if rejects:
        why = f"of {sum(rejects.values())} samples every one was rejected: {_counted(rejects)}"
    return failed(
        "zero-rows",
        STAGE,
        f"Expected rows to train on, but got none; {why}. Where: {where or 'the rows'}. What to do: look at a few "
        "completions as the model writes them, and refuse to write an empty file.",
        {"rows": len(rows), "rejects": dict(rejects or {})},
    )
