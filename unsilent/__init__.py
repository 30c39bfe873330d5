"""Checks that make silent fine-tuning failures impossible to miss.

``FAILURES`` is the catalogue: one row for each known failure. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .failures import FAILURES

__all__ = ["FAILURES", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Read the catalogue when it is first asked for."""
    if name == "FAILURES":
        from .failures import FAILURES  # noqa: PLC0415

        return FAILURES
    message = f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}"
    raise AttributeError(message)
