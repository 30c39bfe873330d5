"""Checks that make silent fine-tuning failures impossible to miss.

``FAILURES`` is the catalogue: one row for each known failure. ``inspect_adapter`` judges an adapter on disk,
``read_run`` what a training run wrote. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapters import inspect_adapter
    from .failures import FAILURES
    from .runs import read_run

__all__ = ["FAILURES", "__version__", "inspect_adapter", "read_run"]
__version__ = "0.1.0"

_HOMES = {"FAILURES": "failures", "inspect_adapter": "adapters", "read_run": "runs"}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is first asked for."""
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    message = f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}"
    raise AttributeError(message)
