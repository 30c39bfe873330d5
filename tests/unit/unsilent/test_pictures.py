"""Pictures as numbers: everything stands inside, whatever was measured, and what is odd is marked."""

from __future__ import annotations

import math

import dossiers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unsilent.dossier import Curve, Measured, UpdateNorms
from unsilent.pictures import MOST_LAYERS, MOST_ROWS, Axis, gauge, heat_map, plot

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.lists(st.tuples(st.integers(0, 10**15), NUMBERS | st.none(), NUMBERS | st.none()), min_size=1)


def curve(*losses: float | None, steps: tuple[int, ...] = (), fault: int | None = None) -> Curve:
    """A loss a step."""
    return Curve("", steps or tuple(range(1, len(losses) + 1)), losses, (None,) * len(losses), fault)


def test_line_runs_from_corner_to_corner() -> None:
    """Steps across, values upwards from zero with a little room above; no panel for what was not logged."""
    (panel,) = plot(curve(2.0, 1.0, 0.0)).panels

    assert panel.path == "M0 4.76h0L50 52.38L100 100"
    assert [(tick.at, tick.label) for tick in panel.ticks] == [(100, "0"), (52.38, "1"), (4.76, "2")]
    assert panel.words == "first 2, last 0, lowest 0, highest 2"


def test_line_is_broken_where_a_value_is_missing() -> None:
    """A lone value is a dot; the gap is shaded from the first missing value to the last."""
    (panel,) = plot(curve(1.0, None, 1.0, None, None, 1.0)).panels

    assert panel.path == "M0 4.76h0M40 4.76h0M100 4.76h0"
    assert panel.gaps == ((20, 0.6), (60, 20))


def test_gap_at_the_end_stays_inside() -> None:
    """The last record alone is not finite."""
    assert plot(curve(1.0, None)).panels[0].gaps == ((99.4, 0.6),)


def test_line_does_not_run_back() -> None:
    """A resumed run begins again where it was stopped."""
    assert plot(curve(1.0, 1.0, 1.0, steps=(1, 3, 2))).panels[0].path.count("M") == 2


def test_explosion_is_drawn_on_a_logarithmic_axis() -> None:
    """A linear one would show a flat line and a peak; zeros stand at its bottom."""
    (panel,) = plot(curve(0.0, 1.0, 1000.0)).panels

    assert panel.is_log
    assert panel.path == "M0 100h0L50 100L100 0"
    assert [tick.label for tick in panel.ticks] == ["1", "10", "100", "1000"]


def test_many_decades_have_few_labels() -> None:
    """Every so many of them."""
    assert len(plot(curve(1e-300, 1e300)).panels[0].ticks) <= 5


@pytest.mark.parametrize(
    ("losses", "path"),
    [([0.0, 0.0], "M0 100h0L100 100"), ([-1.0, 0.0], "M0 100h0L100 0"), ([3.0], "M50 4.76h0")],
    ids=["zeros", "below zero", "one record"],
)
def test_flat_and_negative_series_have_an_axis(losses: list[float], path: str) -> None:
    """A norm of exactly zero lies at the bottom."""
    assert plot(curve(*losses)).panels[0].path == path


def test_faulty_step_is_marked() -> None:
    """Where it is among the steps that were logged."""
    fault = plot(curve(1.0, 1.0, 1.0, fault=2)).fault

    assert fault is not None
    assert (fault.at, fault.label) == (50, "step 2")
    assert plot(curve(1.0, 1.0, fault=9)).fault is None


@settings(deadline=None)  # a busy machine is no finding
@given(RECORDS)
@example([(1, 5e-324, 0.0)])  # the smallest number there is
def test_everything_stands_inside(records: list[tuple[int, float | None, float | None]]) -> None:
    """Between 0 and 100 percent, however large, small, repeated or disordered the numbers are."""
    steps, loss, norm = zip(*records, strict=True)
    drawn = plot(Curve("", steps, loss, norm, steps[0]))
    places = [drawn.fault.at] if drawn.fault else []
    places += [tick.at for tick in drawn.ticks]
    for panel in drawn.panels:
        places += [float(one) for one in panel.path.replace("M", " ").replace("L", " ").replace("h0", "").split()]
        places += [tick.at for tick in panel.ticks] + [begin + width for begin, width in panel.gaps]

    assert all(0 <= place <= 100 for place in places)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 2.2, [0, 1, 2]), (0, 407, [0, 200, 400]), (5.0, 5.0, [5]), (0.0, 0.35, [0, 0.2])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    """Multiples of 1, 2 or 5."""
    assert Axis(low, high).ticks(3) == pytest.approx(ticks)


def test_steps_have_whole_numbers_only() -> None:
    """No step 1.5."""
    assert [tick.label for tick in plot(curve(1.0, 1.0)).ticks] == ["1", "2"]


def test_cells_are_coloured_by_their_share_of_the_largest() -> None:
    """Zero, absent and broken ones are marked instead."""
    norms = UpdateNorms("sft", ("q", "v"), (0, 3), ((2.0, 4.0), (0.0, None)))
    found = heat_map(norms)
    cells = [(cell.strength, cell.kind, cell.words) for _, row in found.rows for cell in row]

    assert cells == [
        (0.5, "", "q, layer 0: 2"),
        (1.0, "", "q, layer 3: 4"),
        (0.0, "zero", "v, layer 0: 0"),
        (0.0, "absent", "v, layer 3: no adapter here"),
    ]
    assert (found.first, found.last, found.largest, found.left_out) == (0, 3, "4", "")


def test_nan_is_no_measure_of_the_others() -> None:
    """It is marked, and the largest is the largest number."""
    rows = heat_map(dossiers.norms()).rows

    assert [cell.kind for _, row in rows for cell in row if cell.kind] == ["zero", "absent", "broken"]
    assert max(cell.strength for _, row in rows for cell in row) == 1


def test_adapter_of_nothing_has_no_largest() -> None:
    """Every update is zero."""
    found = heat_map(UpdateNorms("", ("q",), (0,), ((0.0,),)))

    assert (found.largest, found.rows[0][1][0].kind) == ("0", "zero")


def test_large_map_is_cut_and_says_so() -> None:
    """A page is read by eye."""
    rows, layers = MOST_ROWS + 2, MOST_LAYERS + 3
    norms = UpdateNorms("", tuple(map(str, range(rows))), tuple(range(layers)), ((1.0,) * layers,) * rows)
    found = heat_map(norms)

    assert (len(found.rows), {len(cells) for _, cells in found.rows}) == (MOST_ROWS, {MOST_LAYERS})
    assert found.left_out == "2 more modules, 3 more layers"


@pytest.mark.parametrize(
    ("value", "bound", "interval", "expected"),
    [
        (0.7, 0.4, (0.6, 0.8), (70, 40, 60, 20)),
        (0.0, 0.0, None, (0, 0, 0, 0)),
        (60.0, 30.0, None, (86.96, 43.48, 86.96, 0)),
        (math.nan, 20.0, None, (0, 86.96, 0, 0)),
        (math.inf, 20.0, None, (0, 86.96, 0, 0)),
    ],
    ids=["share", "bound of zero", "seconds", "not measured", "infinite"],
)
def test_gauge_is_to_scale(
    value: float, bound: float, interval: tuple[float, float] | None, expected: tuple[float, ...]
) -> None:
    """Shares from 0 to 1; others with a little room above the larger of value and bound."""
    found = gauge(Measured("x", "", value, bound, "<", "x", interval))

    assert (found.value, found.bound, found.low, found.width) == pytest.approx(expected)
