"""What many cases need and nobody breaks, made once before the processes are forked: programs, adapters, runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adapter_kinds
import honest_models

from . import (
    program_cases,  # noqa: F401 - where the programs are asked for
    resumed_cases,
)
from .runs import Resumed
from .subjects import Adapter, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .registry import Case


def up(cases: Sequence[Case]) -> None:
    """Train what the cases ask for; each cell gets a copy, because it is a process of its own."""
    kinds = {case.kind for case in cases}
    if Program in kinds and any(case.slug.startswith(("honest-", "answers-", "stopped-", "half-")) for case in cases):
        honest_models.honest_llm("blank")
        honest_models.honest_llm("trained")
    if Resumed in kinds:
        for watched in (True, False):
            resumed_cases.stopped_once(watched=watched)
    if Adapter in kinds:
        for case in cases:
            name = case.title.removeprefix("Healthy adapter: ")
            if name in adapter_kinds.KINDS:
                adapter_kinds._built(adapter_kinds.KINDS[name], manifest=False)
