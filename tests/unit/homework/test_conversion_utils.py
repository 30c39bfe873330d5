"""The unit algebra is exact, and the questions made from it are the committed data sets."""

from __future__ import annotations

import itertools
import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homework import conversion_utils as cu
from homework.errors import OutputRefused

ROOT = Path(__file__).parents[3]

AMOUNTS = st.fractions(min_value=Fraction(1, 1000), max_value=10**6)
PAIRS = [
    (a, b)
    for family in cu.FAMILIES
    for a, b in itertools.product([u for u in cu.UNITS if u.family == family], repeat=2)
]
SPELLED = [(x, y) for a, b in PAIRS for x in a.spellings for y in b.spellings]


def test_spellings_count() -> None:
    """74 spellings in 6 families, as in the course's data."""
    assert (len(cu.SPELLINGS), len(cu.FAMILIES)) == (74, 6)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (6, "kg", "gram", 6000),
        (1, "ounce", "g", Fraction("28.349523125")),
        (1, "ounce", "mL", Fraction("29.5735295625")),
        (1, "mL", "ounce", 1 / Fraction("29.5735295625")),
        (1, "ounce", "fluid ounce", 1),
        (1, "ounce", "ounce", 1),
        (2, "ton", "metric ton", 2),
        (1, "tonne", "kg", 1000),
        (1, "M", "MB", 1),
        (3, "G", "GB", 3),
        (1, "KB", "B", 1000),
        (1, "B", "bit", 8),
        (1, "year", "day", Fraction("365.242198781")),
        (1, "year", "months", 12),
        (1, "centuries", "decade", 10),
        (1, "gallon", "quart", 4),
        (1, "gallon", "pint", 8),
        (1, "quart", "fluid ounce", 32),
        (1, "cm**3", "ml", 1),
        (1, "cc", "mm^3", 1000),
        (1, "m^3", "litre", 1000),
        (1, "mile" + "s", "ft", 5280),
        (36, "kmh", "m/s", 10),
        (1, "mph", "in/s", Fraction("17.6")),
    ],
)
def test_convert_knows_the_traps(value: int, source: str, target: str, expected: Fraction) -> None:
    """Known factors come out exactly, the two ounces told apart by their partner."""
    assert cu.convert(value, source, target) == expected


def test_month_is_the_courses() -> None:
    """A month is 30.436849898 days to the nine decimals of the course's data."""
    assert round(cu.convert(1, "month", "days"), 9) == Fraction("30.436849898")


@given(AMOUNTS, st.sampled_from(SPELLED))
def test_convert_round_trips(value: Fraction, pair: tuple[str, str]) -> None:
    """There and back is where it began, without any rounding."""
    source, target = pair

    assert cu.convert(cu.convert(value, source, target), target, source) == value


@given(AMOUNTS, st.sampled_from(cu.UNITS), st.data())
def test_convert_composes(value: Fraction, unit: cu.Unit, data: st.DataObject) -> None:
    """Going over a third unit of the family changes nothing."""
    names = [u.name for u in cu.UNITS if u.family == unit.family]
    over, target = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))

    assert cu.convert(cu.convert(value, unit.name, over), over, target) == cu.convert(value, unit.name, target)


@given(st.sampled_from(cu.SPELLINGS), st.sampled_from(cu.SPELLINGS))
def test_families_are_closed(source: str, target: str) -> None:
    """Two spellings convert exactly when one family holds both, in both directions."""
    together = any(
        source in one.spellings and target in other.spellings and one.family == other.family
        for one, other in itertools.product(cu.UNITS, cu.UNITS)
    )

    def works(a: str, b: str) -> bool:
        try:
            return cu.convert(1, a, b) > 0
        except cu.IncompatibleUnits:
            return False

    assert works(source, target) == works(target, source) == together


def test_unknown_unit_is_refused() -> None:
    """A spelling outside the table is named in the error."""
    with pytest.raises(cu.UnknownUnit, match="'furlong'") as caught:
        cu.convert(1, "furlong", "m")

    assert caught.value.spelling == "furlong"


def test_incompatible_units_are_refused() -> None:
    """A mass is no length, and the error names both families."""
    with pytest.raises(cu.IncompatibleUnits, match="mass and 'km' a length") as caught:
        cu.convert(1, "kg", "km")

    assert (caught.value.source, caught.value.target) == ("kg", "km")


def test_wordings_are_many_and_complete() -> None:
    """At least 20 different wordings, each naming amount and both units once."""
    assert len(set(cu.WORDINGS)) >= 20
    assert all(wording.count(slot) == 1 for wording in cu.WORDINGS for slot in ("{n}", "{a}", "{b}"))


def test_splits_are_the_committed_files(tmp_path: Path) -> None:
    """The generator writes the committed files again, byte for byte."""
    for path in cu.write_splits(tmp_path):
        assert path.read_bytes() == (ROOT / "data" / path.name).read_bytes()


def test_splits_keep_their_promises() -> None:
    """1000 rows each, no text twice or shared, answers in range and right, some pairs of units in valid alone."""
    train, valid = cu.make_splits()
    texts = [question.text for question in train + valid]

    def units(questions: list[cu.Question]) -> set[tuple[cu.Unit, cu.Unit]]:
        return {cu.resolve(q.source, q.target) for q in questions}

    assert (len(train), len(valid), len(set(texts))) == (1000, 1000, 2000)
    assert all(q.answer == cu.convert(q.n, q.source, q.target) for q in train + valid)
    assert all(0.125 <= q.row[1] <= 80_000 and 1 <= q.n <= 10 for q in train + valid)
    assert {q.wording for q in train} == set(cu.WORDINGS)
    assert {q.family for q in train} == set(cu.FAMILIES)
    assert len(units(valid) - units(train)) >= 10


@given(st.integers(0, 2**32))
def test_ask_is_deterministic(seed: int) -> None:
    """The same seed asks the same questions."""

    def first(count: int) -> list[cu.Question]:
        return list(itertools.islice(cu.ask(random.Random(seed), pairs=cu.unit_pairs()), count))

    assert first(5) == first(5)


def test_output_below_a_file_is_refused(tmp_path: Path) -> None:
    """A folder that cannot be made is an error with the way out."""
    (tmp_path / "file").touch()

    with pytest.raises(OutputRefused, match="choose another --output_dir"):
        cu.write_splits(tmp_path / "file")


def test_command_writes_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes train.json and valid.json and prints where."""
    monkeypatch.setattr("sys.argv", ["conversion_utils", "--output-dir", str(tmp_path / "new")])
    with pytest.raises(SystemExit) as ended:
        cu.main()

    assert ended.value.code == 0
    assert len(json.loads((tmp_path / "new" / "valid.json").read_text())) == 1000
    assert str(tmp_path / "new" / "train.json") in capsys.readouterr().out
