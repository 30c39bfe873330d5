"""A submission's sources, judged without running or importing any of them.

    unsilent.submission_code.read_sources(folder)

``sources`` finds and parses the files, ``entry_points`` follows what can be reached, the modules called
``rules_of_...`` know the failures. Each failure that code can show ends as one outcome, or as several where it stands
in several places: failed where a rule is certain or finds it likely, passed with a note where it is merely possible.
Where code runs that could not be read, nothing is passed: the reason names it.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .code_findings import SURENESS, Finding, Reading
from .entry_points import read_runs
from .outcome import failed, passed, skipped
from .reading_room import reading_room
from .rules_of_adapters import find_frozen_adapters, find_made_up_adapters
from .rules_of_answers import find_answers_from_elsewhere, find_replacements
from .rules_of_bundling import find_absolute_exclusions
from .rules_of_dtypes import find_dtype_mismatch, find_ignored_dtype
from .rules_of_folders import find_nested_folders, find_one_format, find_overwriting
from .rules_of_labels import find_masked_labels
from .rules_of_numbers import find_numbers_for_nothing
from .rules_of_padding import find_right_padding
from .rules_of_precision import find_unguarded_fp16
from .rules_of_prompts import find_doubled_format, find_other_prompts
from .rules_of_recursion import find_endless_recursion
from .rules_of_size import find_large_bases
from .rules_of_training import find_masked_nan
from .sources import find_sources
from .unread_code import unread_that_runs

if TYPE_CHECKING:
    from pathlib import Path

    from .code_findings import Rule
    from .failures import Stage
    from .outcome import Outcome
    from .sources import SourceTree

STAGE: Stage = "submission"
LONGEST_CODE = 100  # characters of a line in a message; the evidence has it whole
NO_ENTRANCE = "no Python file with an entry point of the course, or a part that is run, could be read"
MOST_UNREAD_TOLD = 3  # files that could not be read
MOST_STEPS_TOLD = 3  # of a value's way, those nearest to its use

RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (find_unguarded_fp16, ("fp16-unguarded",)),
    (find_dtype_mismatch, ("dtype-mismatch",)),
    (find_ignored_dtype, ("deprecated-dtype-argument",)),
    (find_frozen_adapters, ("frozen-adapter",)),
    (find_one_format, ("adapter-format",)),
    (find_made_up_adapters, ("adapter-missing", "adapter-untrained")),
    (find_overwriting, ("adapter-overwritten",)),
    (find_nested_folders, ("nested-output-dir",)),
    (find_answers_from_elsewhere, ("answer-lookup", "answer-calculator")),
    (find_replacements, ("answer-lookup",)),
    (find_numbers_for_nothing, ("answer-rate-inflated",)),
    (find_other_prompts, ("prompt-mismatch", "no-numeric-answers")),
    (find_doubled_format, ("prompt-mismatch",)),
    (find_right_padding, ("padding-side",)),
    (find_masked_nan, ("nan-masked",)),
    (find_masked_labels, ("labels-all-masked",)),
    (find_endless_recursion, ("unbounded-recursion",)),
    (find_large_bases, ("base-too-large",)),
    (find_absolute_exclusions, ("bundle-too-large",)),
)


def read_sources(folder: Path) -> list[Outcome]:
    """Judge the Python files below a folder.

    Args:
        folder: The submission, or the folder that holds its package. Nothing in it is imported, executed or changed.

    Returns:
        For each failure that code can show its findings, or one outcome that it passed or why it could not be judged.
    """
    return judge_sources(find_sources(folder))


def judge_sources(tree: SourceTree) -> list[Outcome]:
    """Judge files that were read already."""
    with reading_room():
        runs = read_runs(tree)
        unread = [f"{file} was not read: {reason}" for file, reason in unread_that_runs(tree).items()]
        reading = Reading(tree, runs)
        found: dict[str, list[Finding]] = {slug: [] for _, slugs in RULES for slug in slugs}
        trouble: dict[str, str] = {}
        for rule, slugs in RULES:
            try:
                for finding in rule(reading):
                    found[finding.slug].append(finding)
            except Exception as error:  # noqa: BLE001 - whatever the code holds, the other rules are asked
                trouble |= dict.fromkeys(slugs, f"the rule could not follow this code ({type(error).__name__})")
    more = f" (and {len(unread) - MOST_UNREAD_TOLD} more)" if len(unread) > MOST_UNREAD_TOLD else ""
    why = "; ".join(dict.fromkeys(f"{run.name}: {run.unfinished}" for run in runs if run.unfinished))
    if unread:
        why = "; ".join(filter(None, ("; ".join(unread[:MOST_UNREAD_TOLD]) + more, why)))
    elif not runs:
        why = NO_ENTRANCE
    return [
        outcome
        for slug, findings in found.items()
        for outcome in _outcomes(slug, findings, reading, trouble.get(slug, why))
    ]


def _outcomes(slug: str, findings: list[Finding], reading: Reading, why: str) -> list[Outcome]:
    best: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda one: SURENESS.index(one.sure)):
        best.setdefault(str(finding.site), finding)
    told = [finding for finding in best.values() if finding.sure != "possible"]
    if told:
        return [_outcome(finding, reading) for finding in told]
    if why:
        return [skipped(slug, STAGE, why)]
    notes = "; ".join(f"{finding.site}: {finding.got} (possible only)" for finding in best.values())
    return [passed(slug, STAGE, notes)]


def _outcome(finding: Finding, reading: Reading) -> Outcome:
    code = reading.tree.code_at(finding.site.file, finding.site.line)
    evidence = {
        "file": finding.site.file,
        "line": finding.site.line,
        "code": code,
        "sure": finding.sure,
        "path": list(finding.path),
        "entrance": finding.entrance,
    }
    way = [step for step in finding.path if f"({finding.site})" not in step][-MOST_STEPS_TOLD:]
    message = (
        f"Expected {finding.expected}, but got {finding.got} ({finding.sure}). Where: {finding.site}: "
        f"`{textwrap.shorten(code, LONGEST_CODE, placeholder='...')}`{', then ' if way else ''}{', '.join(way)}; "
        f"reached from {finding.entrance}. What to do: {finding.action}."
    )
    return failed(finding.slug, STAGE, message, evidence)
