"""The picture of a run is a picture."""

from __future__ import annotations

from homework.curves import draw_curves


def test_draw_curves_makes_a_png() -> None:
    """Any log with at least one record gives PNG bytes, without touching pyplot."""
    log = [{"step": step, "loss": 2.0 / step, "grad_norm": 1.0 + step} for step in range(1, 9)]

    assert draw_curves(log).startswith(b"\x89PNG")
    assert draw_curves(log[:1]).startswith(b"\x89PNG")
