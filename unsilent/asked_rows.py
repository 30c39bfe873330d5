"""Rows of a data set without their coat: words, numbers and answers, each written in one way.

What ``overlap.py`` compares; nothing here knows what the questions are about.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .answers import as_number, numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBER_WORDS = {word: str(number) for number, word in enumerate(WORDS.split())}
# "3m" is "3 m"; digits behind a letter belong to it
_GLUED = re.compile(r"((?<![\w.^*])(?<!\d,)\d[\d,]*+(?:\.\d++)?+)(?=[^\W\d])")
_SIGNED = re.compile(r"-?\.?\d")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
MEANT = frozenset("%*/#&@\\_")  # punctuation by Unicode, but part of a word
SENTENCE = frozenset(
    ".,;:?\u00bf\u2026\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
)  # alone, they are no word either
_SIGNIFICANT = ".3g"  # digits of an answer: files round theirs


@dataclass(frozen=True)
class Asked:
    """One row, read: its question and answer, and what is left of them without their coat.

    ``third`` is what else the row holds, if that is text: a context, or reasoning.
    """

    index: int
    question: str
    answer: str
    third: str = ""

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words as they are written, without punctuation around them; symbols alone are words, too."""
        plain = unicodedata.normalize("NFKC", self.question)
        dashes = "".join("-" if unicodedata.category(one) == "Pd" else one for one in plain)
        visible = "".join(one for one in dashes if unicodedata.category(one) != "Cf")
        return tuple(word for raw in _GLUED.sub(r"\1 ", visible).split() if (word := _bare(raw)))

    @cached_property
    def canonical(self) -> tuple[str, ...]:
        """The same, with case and numbers written in one way."""
        return tuple(canonical_word(word) for word in self.words)

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """Numbers of the question, in falling order."""
        return tuple(sorted(numbers_in(" ".join(self.canonical)), reverse=True))

    @cached_property
    def content(self) -> tuple[tuple[float, ...], str] | None:
        """Numbers and answer; None where either is missing, so that only words could be compared."""
        return (self.numbers, self.answer) if self.numbers and self.answer else None


def _bare(word: str) -> str:
    """Take the punctuation off both ends, but for operators, a leading "!", and the sign or point of a number."""
    if not any(map(str.isalnum, word)):
        return "" if set(word) <= SENTENCE else word
    start, end = 0, len(word)
    while _is_mark(word[start]) and word[start] != "!" and not _SIGNED.match(word, start):
        start += 1
    while _is_mark(word[end - 1]):
        end -= 1
    return word[start:end]


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "P" and letter not in MEANT


def canonical_word(word: str) -> str:
    """Write a word in one way: small letters, numbers as floats; cm^3 and cm**3 are two spellings of one unit."""
    small = word.casefold()
    plain = NUMBER_WORDS.get(small, small)
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    number = number_word(plain)
    return plain if number is None else number


def number_word(word: str) -> str | None:
    """Write a number in one way, ``3`` for ``3.0``; None where the word is none."""
    if not re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", word):
        return None
    return repr(float(word) + 0.0)  # and no -0.0


def read_rows(rows: Iterable[Any]) -> tuple[list[Asked], int]:
    """Rows with a text for a question, and how many have none."""
    read, unread = [], 0
    for index, row in enumerate(rows):
        match row:
            case [str(question), *rest] if question.strip():
                third = " ".join(rest[1].split()) if len(rest) > 1 and isinstance(rest[1], str) else ""
                read.append(Asked(index, question, _answer(rest[0]) if rest else "", third))
            case _:
                unread += 1
    return read, unread


def _answer(answer: object) -> str:
    if isinstance(answer, str):
        return " ".join(answer.casefold().split())
    text = format(as_number(answer), _SIGNIFICANT)
    return "" if text in {"nan", "inf", "-inf"} else text
