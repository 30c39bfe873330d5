"""The questions of the task, "How many cm are 3 in?", with their exact answers.

As far from the model as ``units``: it writes data sets, and nothing on the path from question to answer may import it.
It never reads a data set.

    python -m homework.conversion_utils --output_dir data     # writes train.json and valid.json again, byte for byte
"""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OutputRefused
from .units import UNITS, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .units import Unit

# {n} the number, {a} the unit given, {b} the unit asked for. Written for this project; the unit stands before
# the number in some and after it in others, and five are orders rather than questions.
WORDINGS: tuple[str, ...] = (
    "How many {b} are in {n} {a}?",
    "How many {b} is {n} {a}?",
    "How much is {n} {a} in {b}?",
    "What is {n} {a} in {b}?",
    "What do {n} {a} come to in {b}?",
    "Convert {n} {a} to {b}.",
    "Convert {n} {a} into {b}.",
    "Please change {n} {a} to {b}.",
    "Write {n} {a} as {b}.",
    "Give {n} {a} in {b}.",
    "Express {n} {a} in terms of {b}.",
    "Express {n} {a} as an amount of {b}.",
    "{n} {a} is how many {b}?",
    "{n} {a} equals how many {b}?",
    "If something measures {n} {a}, what is that in {b}?",
    "Starting from {n} {a}, how many {b} do you get?",
    "What number of {b} corresponds to {n} {a}?",
    "What amount of {b} is the same as {n} {a}?",
    "In {b}, how much are {n} {a}?",
    "How many {b} make up {n} {a}?",
    "Count the {b} in {n} {a}.",
    "From {a} to {b}: what does {n} become?",
    "What is the result of converting {a} to {b} for a value of {n}?",
    "Measured in {b}, what is {n} {a}?",
)

SMALLEST_ANSWER = Fraction(1, 8)  # the range of the course's answers
LARGEST_ANSWER = Fraction(80_000)
NUMBERS: tuple[int, ...] = tuple(range(1, 11))


@dataclass(frozen=True)
class Question:
    """A question in words with its exact answer and how it was made."""

    text: str
    answer: Fraction
    n: int
    source: str
    target: str
    family: str
    wording: str

    @property
    def row(self) -> tuple[str, float]:
        """The row as data sets hold it: question and answer."""
        return self.text, float(self.answer)


def unit_pairs() -> list[tuple[str, str]]:
    """List the ordered pairs of different units, by name, that have at least one answer in range."""
    return [
        (one.name, other.name)
        for one in UNITS
        for other in UNITS
        if one != other
        and one.family == other.family
        and _in_range(NUMBERS[-1] * one.factor / other.factor, NUMBERS[0] * one.factor / other.factor)
    ]


def _in_range(largest: Fraction, smallest: Fraction) -> bool:
    return largest >= SMALLEST_ANSWER and smallest <= LARGEST_ANSWER


def ask(
    rng: random.Random,
    *,
    pairs: Sequence[tuple[str, str]],
    numbers: Sequence[int] = NUMBERS,
    wordings: Sequence[str] = WORDINGS,
) -> Iterator[Question]:
    """Yield questions without end, every one with an answer in the course's range.

    Args:
        rng: Source of all randomness; the same seed gives the same questions.
        pairs: Ordered pairs of units by name (``unit_pairs()``); spelling is drawn for each.
        numbers: Amounts to ask about.
        wordings: Templates with ``{n}``, ``{a}`` and ``{b}``.

    Yields:
        Questions, possibly the same one twice.
    """
    by_family: dict[str, list[tuple[Unit, Unit]]] = {}
    for a, b in pairs:
        units = _unit_named(a), _unit_named(b)
        by_family.setdefault(units[0].family, []).append(units)
    # A family comes up as often as it has spellings, as if a unit were drawn first and its partner after it.
    families = [family for family in by_family for unit in UNITS if unit.family == family for _ in unit.spellings]
    while True:
        one, other = rng.choice(by_family[rng.choice(families)])
        source, target = rng.choice(one.spellings), rng.choice(other.spellings)
        n, wording = rng.choice(numbers), rng.choice(wordings)
        answer = n * one.factor / other.factor
        if SMALLEST_ANSWER <= answer <= LARGEST_ANSWER and resolve(source, target) == (one, other):
            text = wording.format(n=n, a=source, b=target)
            yield Question(text, answer, n, source, target, one.family, wording)


def _unit_named(name: str) -> Unit:
    return next(unit for unit in UNITS if unit.name == name)


# One ordered pair of units in twelve never occurs in train: valid then also asks what was never shown.
VALID_ONLY_SHARE = 12


def make_splits(rows: int = 1000, seed: int = 2024) -> tuple[list[Question], list[Question]]:
    """Make a train and a valid split: no question of valid in train, some unit pairs in valid alone.

    Args:
        rows: Rows in each split.
        seed: The same seed gives the same rows.

    Returns:
        ``rows`` train and ``rows`` valid questions, each without a repeated text.
    """
    rng = random.Random(seed)
    pairs = unit_pairs()
    held_out = set(rng.sample(pairs, len(pairs) // VALID_ONLY_SHARE))
    shown = [pair for pair in pairs if pair not in held_out]
    train = _distinct(ask(rng, pairs=shown), rows, avoid=set())
    valid = _distinct(ask(rng, pairs=pairs), rows, avoid={question.text for question in train})
    return train, valid


def _distinct(questions: Iterator[Question], rows: int, avoid: set[str]) -> list[Question]:
    kept: dict[str, Question] = {}
    for question in itertools.takewhile(lambda _: len(kept) < rows, questions):
        if question.text not in avoid:
            kept.setdefault(question.text, question)
    return list(kept.values())


def write_splits(output_dir: Path) -> list[Path]:
    """Write ``train.json`` and ``valid.json``, one row a line, and return their paths."""
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(
            expected="a folder, or a name that is free",
            got=error.strerror or str(error),
            where=str(output_dir),
            action="choose another --output_dir",
        ) from error
    paths = []
    for name, questions in zip(("train", "valid"), make_splits(), strict=True):
        path = output_dir / f"{name}.json"
        lines = ",\n".join(json.dumps(question.row) for question in questions)
        scratch = path.with_suffix(".tmp")
        scratch.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        scratch.replace(path)
        paths.append(path)
    return paths


def main() -> None:
    """Write both splits again."""
    from .command_line import run  # noqa: PLC0415

    def write(output_dir: str = "data") -> None:
        """Write train.json and valid.json, byte for byte as they were."""
        for path in write_splits(Path(output_dir)):
            print(path)

    run(write, prog="homework.conversion_utils")


if __name__ == "__main__":
    main()
