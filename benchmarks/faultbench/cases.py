"""All cases: importing this registers them, in the order in which the matrix shows them."""

from __future__ import annotations

from . import (  # noqa: F401 - importing registers
    adapter_cases,
    file_cases,
    log_cases,
    program_cases,
    public_issues,
    run_cases,
    wiring_cases,
)
from .registry import CASES

__all__ = ["CASES"]
