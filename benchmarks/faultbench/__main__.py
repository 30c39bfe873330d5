"""Run the matrix, or a part of it: ``python benchmarks/faultbench [--only CASE ...] [--tool NAME ...] [--jobs 2]``.

A cell is one of

    cause @k      an alarm that names the cause (``words.py``); k is its optimizer step, 0 before or without training
    symptom @k    an alarm that something is wrong, but not what
    missed        no alarm under a fault
    false alarm   an alarm on a healthy subject
    quiet         none, and rightly
    inconclusive  on a healthy subject the tool says no more than that it could not judge
    crashed       the tool raised what it did not mean to, or took too long
    -             the tool is not applied; the reason is told
    not run       the tool has not been shown this case yet

The whole matrix, with every word that was said, goes to ``results/faultbench.json`` What is there
already is kept: a part that is run anew replaces its cells, and each cell has the commit it was made from.
``faultbench.md``, ``faultbench.svg`` and the README are written from it when no cell is lacking.
"""

# ruff: noqa: E402 - the folders of the checkout come onto the path first

from __future__ import annotations

import argparse
import fnmatch
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import torch
from ratio import machine

from faultbench import matrix, tools, warm
from faultbench.cases import CASES
from faultbench.cells import cell, judged_again, version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from faultbench.registry import Case
    from faultbench.tool import Tool

PACKAGES = (
    *("unsilent", "trainproof", "guardtower", "pytest-torch", "peft-doctor", "finetune-doctor", "deltalint"),
    *("dlm-sway", "picklescan", "torch", "transformers", "peft", "accelerate", "trl", "safetensors"),
)


def main() -> int:
    """Run what was asked for, keep it, and write it down."""
    arguments = parse()
    if not arguments.draw:
        run(arguments)
    content = matrix.read()
    if content is None:
        print(f"Expected {matrix.RESULT}, but it is not there. What to do: run without --draw first.", file=sys.stderr)
        return 2
    if arguments.draw:
        judge_again(content)
        matrix.store(content)
    if lacking := matrix.lacking(content, CASES):
        print(f"Table, picture and README are left as they are: {lacking} cells have not been run.", file=sys.stderr)
    else:
        matrix.write(content)
        matrix.write_readme(content)
    print(matrix.summary(content))
    return 0


def judge_again(content: dict[str, Any]) -> None:
    """Judge all that is stored whole by the words as they are now, and say what is not."""
    known = {slug: row for slug, row in content["cases"].items() if slug in CASES}
    for slug, row in known.items():
        row["cells"] = {
            tool.name: judged_again(tool, CASES[slug], row["cells"][tool.name])
            for tool in tools.TOOLS
            if tool.name in row["cells"]
        }
    content["cases"] = {slug: known[slug] for slug in CASES if slug in known}
    cut = [f"{slug} ({name})" for slug, row in known.items() for name, one in row["cells"].items() if "cut" in one]
    if cut:
        print(f"Left as they were judged, because not all is stored that was said: {', '.join(cut)}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> None:
    """Run cells in so many processes at once, and store after each case.

    Raises:
        SystemExit: What is stored was made with other versions, and not all of it is run anew.
    """
    torch.set_num_threads(1)
    tools.load()
    cases = [case for slug, case in CASES.items() if chosen(slug, arguments.only)]
    columns = [tool for tool in tools.TOOLS if tool.name in (arguments.tool or [one.name for one in tools.TOOLS])]
    warm.up(cases)
    content = matrix.read() or {}
    versions = {name: version(name) for name in PACKAGES}
    whole = len(cases) == len(CASES) and len(columns) == len(tools.TOOLS)
    if content.get("versions", versions) != versions and not whole:
        other = [name for name in PACKAGES if content["versions"].get(name) != versions[name]]
        raise SystemExit(
            f"Expected the versions of the stored cells, but got others: {', '.join(other)}. Where: {matrix.RESULT}. "
            "What to do: install those, run everything, or move the file away."
        )
    made_from = commit()
    content = {
        "machine": machine(),
        "versions": versions,
        "tools": {tool.name: calls(tool) for tool in tools.TOOLS},
        "cases": content.get("cases", {}),
    }
    known = {slug: content["cases"][slug] for slug in CASES if slug in content["cases"]}
    started = time.monotonic()
    for done, (case, cells) in enumerate(in_processes(cases, columns, arguments.jobs), start=1):
        row = known.setdefault(case.slug, {"cells": {}})
        row |= {"title": case.title, "kind": case.kind.__name__, "healthy": case.healthy, "issue": case.issue,
                "link": case.link, "causes": list(case.causes),
                "cells": row["cells"] | {name: one | {"commit": made_from} for name, one in cells.items()}}  # fmt: skip
        content["cases"] = {slug: known[slug] for slug in CASES if slug in known}
        matrix.store(content)
        report(case, cells, f"{done}/{len(cases)}, {time.monotonic() - started:.0f} s", said=arguments.said)


def in_processes(cases: Sequence[Case], columns: Sequence[Tool], jobs: int) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Run the cells of each case in one of so many processes, which fork a further one for each cell.

    Processes, not threads: a process that has threads must not be forked.
    """
    fork = multiprocessing.get_context("fork")
    waiting, finished = fork.SimpleQueue(), fork.SimpleQueue()

    def work() -> None:
        while (place := waiting.get()) is not None:
            finished.put((place, {tool.name: cell(tool, cases[place]) for tool in columns}))

    workers = [fork.Process(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for place in [*range(len(cases)), *[None] * jobs]:
        waiting.put(place)
    for _ in cases:
        place, cells = finished.get()
        yield cases[place], cells
    for worker in workers:
        worker.join()


def report(case: Case, cells: dict[str, dict[str, Any]], progress: str, *, said: bool) -> None:
    """Print one row as it is finished."""
    short = ", ".join(f"{name}: {one['cell']}" for name, one in cells.items() if one["cell"] != "-")
    print(f"[{progress}] {case.slug}: {short}", file=sys.stderr, flush=True)
    for name, one in cells.items():
        if "crash" in one:
            print(f"    {name} crashed: {one['crash']}", file=sys.stderr)
        elif said and "reason" in one:
            print(f"    {name}: {one['reason']}", file=sys.stderr)
        for step, text in one.get("said", []) if said else []:
            print(f"    {name} @{step}: {text}", file=sys.stderr)


def chosen(slug: str, only: list[str] | None) -> bool:
    """Whether a case was asked for; patterns are allowed."""
    return not only or any(fnmatch.fnmatch(slug, pattern) for pattern in only)


def calls(tool: Tool) -> dict[str, str]:
    """How a tool is applied to each kind of subject, or why it is not."""
    said = {}
    for kind in tools.KINDS:
        way = tool.ways.get(kind)
        said[kind.__name__] = " ".join(str(way.__doc__).split()) if way else f"not applied: {tool.reason(kind)}"
    return said


def commit() -> str:
    """The checkout that was measured."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - as it stands
    return done.stdout.strip() or "unknown"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="CASE", help="these cases; patterns are allowed")
    parser.add_argument(
        "--tool", nargs="+", choices=[tool.name for tool in tools.TOOLS], metavar="NAME", help="these tools"
    )
    parser.add_argument("--jobs", type=int, default=1, help="cells at once")
    parser.add_argument("--said", action="store_true", help="print every alarm")
    parser.add_argument(
        "--draw",
        action="store_true",
        help="run nothing: judge what was said by the words as they are now, and write table and picture anew",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
