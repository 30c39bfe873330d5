"""The picture of a run is a picture."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from homework import curves
from homework.curves import draw_curves

if TYPE_CHECKING:
    import pytest


def test_draw_curves_makes_a_png() -> None:
    """Any log with at least one record gives PNG bytes, without touching pyplot."""
    log = [{"step": step, "loss": 2.0 / step, "grad_norm": 1.0 + step} for step in range(1, 9)]

    assert draw_curves(log).startswith(b"\x89PNG")
    assert draw_curves(log[:1]).startswith(b"\x89PNG")


def test_backend_of_a_notebook_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook exports a backend that matplotlib refuses elsewhere; it is left as it was, and not used."""
    monkeypatch.setenv("MPLBACKEND", "module://of.a.notebook")
    importlib.reload(curves)

    assert os.environ["MPLBACKEND"] == "module://of.a.notebook"
    assert curves.draw_curves([{"step": 1, "loss": 1.0, "grad_norm": 1.0}]).startswith(b"\x89PNG")
