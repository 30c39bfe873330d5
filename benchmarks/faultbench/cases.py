"""All cases: importing this registers them, in the order in which the matrix shows them."""

from __future__ import annotations

from . import (  # noqa: F401 - importing registers
    adapter_cases,
    delivery_cases,
    function_cases,
    log_cases,
    program_cases,
    public_issue_files,
    public_issues,
    ranks_cases,
    resumed_cases,
    rows_cases,
    run_cases,
    source_cases,
    wiring_cases,
)
from .registry import CASES

__all__ = ["CASES"]
