"""The picture of a run: loss and gradient norm over the optimizer steps.

Drawn with matplotlib straight to PNG bytes, without a window and without touching pyplot's global state.
Imported before training begins: a missing matplotlib must not cost a finished run.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

# a notebook names its own backend there, which matplotlib refuses to be imported with elsewhere
_backend = os.environ.pop("MPLBACKEND", None)
try:
    from matplotlib.figure import Figure
finally:
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def draw_curves(log: Sequence[Mapping[str, float]]) -> bytes:
    """Draw loss (left axis) and gradient norm before clipping (right axis, logarithmic) as a PNG.

    Args:
        log: Records with ``step``, ``loss`` and ``grad_norm``.
    """
    figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
    left = figure.add_subplot()
    steps = [record["step"] for record in log]
    (loss,) = left.plot(steps, [record["loss"] for record in log], color="#1f5fa8", linewidth=1.6, label="loss")
    left.set(xlabel="optimizer step", ylabel="training loss [nats a token]")
    left.set_ylim(bottom=0)
    left.grid(alpha=0.25)
    right = left.twinx()
    (norm,) = right.plot(
        steps, [record["grad_norm"] for record in log], color="#c2571a", linewidth=0.9, alpha=0.8, label="gradient norm"
    )
    right.set(ylabel="gradient norm", yscale="log")
    left.legend(handles=[loss, norm], loc="upper right", frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
