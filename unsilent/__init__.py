"""Checks that make silent fine-tuning failures impossible to miss.

``FAILURES`` is the catalogue: one row for each known failure. ``TrainingGuard`` watches a Trainer, ``StepMonitor`` a
loop of one's own; both raise ``FailureFound``. ``read_run`` judges what a training run wrote, ``inspect_adapter`` an
adapter on disk, ``probe_honesty`` whether a program's answers come from its weights. Nothing heavy is imported before
it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapters import inspect_adapter
    from .failures import FAILURES
    from .guard import TrainingGuard
    from .honesty import probe_honesty
    from .monitor import StepMonitor
    from .outcome import FailureFound
    from .runs import read_run

__all__ = [
    "FAILURES",
    "FailureFound",
    "StepMonitor",
    "TrainingGuard",
    "__version__",
    "inspect_adapter",
    "probe_honesty",
    "read_run",
]
__version__ = "0.1.0"

_HOMES = {
    "FAILURES": "failures",
    "FailureFound": "outcome",
    "StepMonitor": "monitor",
    "TrainingGuard": "guard",
    "inspect_adapter": "adapters",
    "probe_honesty": "honesty",
    "read_run": "runs",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is first asked for."""
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    message = f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}"
    raise AttributeError(message)
