"""Exact unit algebra, and the questions made from it.

The task that the model learns is "How many cm are 3 in?". This file knows the right answers: 74 spellings
of 46 units in 6 families, every factor a fraction, no rounding before the very end. It is its own file because
it must stay *away* from the model: it writes data sets, and nothing on the path from question to answer may
import it (a calculator in the answer path scores 1.0 and has learnt nothing). It never reads a data set.

    python -m homework.conversion_utils --output_dir data     # writes train.json and valid.json again, byte for byte

Traps kept in: an ``ounce`` is a mass beside ``g`` and a volume beside ``L``; ``ton``, ``tonne`` and ``metric ton``
are all 1000 kg; data units are decimal and ``M`` is ``MB``; a month is a twelfth of a tropical year; gallon, quart
and pint are the US ones.
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAY = Fraction(86_400)
YEAR = Fraction("365.242198781") * DAY  # tropical year, as the course's data has it
MONTH = YEAR / 12  # 30.436849898 days
INCH = Fraction("0.0254")
MILE = Fraction("1609.344")
HOUR = Fraction(3600)
POUND = Fraction("453.59237")
GALLON = Fraction("3.785411784")  # US liquid gallon [L]


class UnknownUnit(ValueError):
    """A spelling that is not among the 74."""

    def __init__(self, spelling: str) -> None:
        """Keep the spelling as ``.spelling``."""
        super().__init__(
            f"Expected one of the {len(SPELLINGS)} known unit spellings, but got {spelling!r}. "
            "Known: " + ", ".join(SPELLINGS) + "."
        )
        self.spelling = spelling


class IncompatibleUnits(ValueError):
    """Two units that no factor connects, such as ``kg`` and ``km``."""

    def __init__(self, source: str, target: str) -> None:
        """Keep both spellings as ``.source`` and ``.target``."""
        super().__init__(
            f"Expected two units of one family, but {source!r} is a {_families_in_words(source)} "
            f"and {target!r} a {_families_in_words(target)}. Choose both from the same family."
        )
        self.source = source
        self.target = target


@dataclass(frozen=True)
class Unit:
    """One unit: its size in the family's base unit, and every way it is written.

    ``plurals`` belong to ``spellings`` (same order, ``None`` where a unit is written alike in both numbers, as ``km``).
    """

    family: str
    factor: Fraction
    spellings: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first spelling, which stands for the unit in listings."""
        return self.spellings[0]


UNITS: tuple[Unit, ...] = (
    # time, in s
    Unit("time", Fraction(1), ("s", "sec", "second", "seconds")),
    Unit("time", Fraction(60), ("min", "minute")),
    Unit("time", HOUR, ("h", "hour", "hours")),
    Unit("time", DAY, ("day", "days")),
    Unit("time", 7 * DAY, ("week", "weeks")),
    Unit("time", MONTH, ("month", "months")),
    Unit("time", YEAR, ("year", "years")),
    Unit("time", 10 * YEAR, ("decade", "decades")),
    Unit("time", 100 * YEAR, ("century", "centuries")),
    # length, in m
    Unit("length", Fraction(1, 1000), ("mm",)),
    Unit("length", Fraction(1, 100), ("cm",)),
    Unit("length", Fraction(1), ("m", "meter")),
    Unit("length", Fraction(1000), ("km",)),
    Unit("length", INCH, ("in",)),
    Unit("length", 12 * INCH, ("ft",)),
    Unit("length", 36 * INCH, ("yd",)),
    Unit("length", MILE, ("mi", "miles")),
    # speed, in m/s
    Unit("speed", Fraction(1), ("m/s",)),
    Unit("speed", 1000 / HOUR, ("km/h", "kmh")),
    Unit("speed", MILE / HOUR, ("mi/h", "mph")),
    Unit("speed", 12 * INCH, ("ft/s",)),
    Unit("speed", INCH, ("in/s",)),
    # data, in B, decimal
    Unit("data", Fraction(1, 8), ("bit",)),
    Unit("data", Fraction(1), ("B", "byte")),
    Unit("data", Fraction(10**3), ("KB", "kB")),
    Unit("data", Fraction(10**6), ("MB", "M")),
    Unit("data", Fraction(10**9), ("GB", "G")),
    # mass, in g
    Unit("mass", Fraction(1), ("g", "gram")),
    Unit("mass", Fraction(1000), ("kg",)),
    Unit("mass", POUND, ("pound",)),
    Unit("mass", Fraction(10**6), ("ton", "tonne", "metric ton")),
    Unit("mass", POUND / 16, ("ounce",)),
    # volume, in L
    Unit("volume", Fraction(1), ("L", "l", "liter", "litre")),
    Unit("volume", Fraction(1, 1000), ("mL", "ml", "milliliter", "millilitre")),
    Unit("volume", Fraction(1, 1000), ("cc", "cm^3", "cm**3")),
    Unit("volume", Fraction(1, 10**6), ("mm^3", "mm**3")),
    Unit("volume", Fraction(1000), ("m^3", "m**3")),
    Unit("volume", GALLON, ("gallon",)),
    Unit("volume", GALLON / 4, ("quart",)),
    Unit("volume", GALLON / 8, ("pint",)),
    Unit("volume", GALLON / 128, ("fluid ounce", "ounce")),
)

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(unit.family for unit in UNITS))
SPELLINGS: tuple[str, ...] = tuple(dict.fromkeys(text for unit in UNITS for text in unit.spellings))


def _meanings(spelling: str) -> tuple[Unit, ...]:
    """Every unit a spelling can stand for: two for ``ounce``, one for the others."""
    found = tuple(unit for unit in UNITS if spelling in unit.spellings)
    if not found:
        raise UnknownUnit(spelling)
    return found


def _families_in_words(spelling: str) -> str:
    return " or ".join(unit.family for unit in _meanings(spelling))


def resolve(source: str, target: str) -> tuple[Unit, Unit]:
    """Find the two units meant, each read in the light of the other.

    Args:
        source: Spelling of the unit that is given.
        target: Spelling of the unit that is asked for.

    Returns:
        Two units of one family. ``ounce`` beside ``ounce`` is read as mass.

    Raises:
        UnknownUnit: A spelling outside the table.
        IncompatibleUnits: No family holds both.
    """
    for one in _meanings(source):
        for other in _meanings(target):
            if one.family == other.family:
                return one, other
    raise IncompatibleUnits(source, target)


def convert(value: Fraction | int, source: str, target: str) -> Fraction:
    """Convert ``value`` from ``source`` to ``target`` without rounding.

    Args:
        value: Amount [``source``].
        source: Spelling of the unit given.
        target: Spelling of the unit asked for.

    Returns:
        Amount [``target``], exact.

    Raises:
        UnknownUnit: A spelling outside the table.
        IncompatibleUnits: No family holds both.
    """
    one, other = resolve(source, target)
    return Fraction(value) * one.factor / other.factor


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
