"""Other public tools and ours on the same training runs: which say what is wrong, at which step, and which cry wolf.

    python -m pip install --no-deps trainproof==0.22.0 guardtower==0.1.0 pytest-torch==1.1.1 peft-doctor==0.9.2
    python benchmarks/peers.py [--only SLUG ...] [--tool NAME ...] [--said]

Rows are the runs of ``peer_cases.py``, columns the tools of ``peer_tools.py``. A cell is one of

    cause @k      an alarm that names the cause (``peer_words.py``); k is its optimizer step, 0 before training
    symptom @k    an alarm that something is wrong, but not what
    missed        no alarm under a fault
    false alarm   an alarm on a healthy run
    quiet         none, and rightly
    -             the tool cannot be applied; the reason stands below the matrix

Every cell is a process of its own with one thread and a time limit. The whole matrix, with every word that was said,
goes to ``results/peers.json``; a part of it is only printed.
"""

# ruff: noqa: E402 - the folders of the checkout come onto the path first

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import re
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch
from peer_cases import CASES
from peer_tools import TOOLS, Said, load, nothing
from peer_words import WORDS
from ratio import machine
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from peer_cases import Case
    from peer_tools import Tool

RESULT = Path(__file__).parent / "results" / "peers.json"
TIME_LIMIT = 60  # seconds for one cell; most take one
PACKAGES = (
    *("unsilent", "trainproof", "guardtower", "pytest-torch", "peft-doctor"),
    *("torch", "transformers", "peft", "accelerate"),
)
KEPT = 10  # alarms of one cell that are stored
LENGTH = 600  # characters of each
COLOURS = {"cause": "green", "quiet": "green", "symptom": "yellow", "missed": "red", "false": "red"}


def main() -> int:
    """Run what was asked for, print the matrix, store it when it is whole."""
    arguments = parse()
    torch.set_num_threads(1)
    load()
    cases = [case for slug, case in CASES.items() if slug in (arguments.only or CASES)]
    tools = [tool for tool in TOOLS if tool.name in (arguments.tool or [tool.name for tool in TOOLS])]
    rows: dict[str, Any] = {}
    for case in cases:
        rows[case.slug] = {
            "title": case.title,
            "healthy": case.healthy,
            "log": run(nothing, case),
            "cells": {tool.name: cell(tool, case) for tool in tools},
        }
        print(f"{case.slug}: {', '.join(one['cell'] for one in rows[case.slug]['cells'].values())}", file=sys.stderr)
    content: dict[str, Any] = {
        "machine": machine(),
        "versions": {name: version(name) for name in PACKAGES},
        "tools": {tool.name: " ".join(str(tool.watch.__doc__).split()) for tool in tools},
        "runs": rows,
    }
    show(rows, [tool.name for tool in tools], said=arguments.said)
    missing = [name for name, found in content["versions"].items() if found == "not installed"]
    if missing or arguments.only or arguments.tool:
        print(f"Not stored: a part only{f'; not installed: {missing}' if missing else ''}", file=sys.stderr)
    else:
        RESULT.write_text(json.dumps(content, indent=1) + "\n")
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CASES), metavar="SLUG", help="these runs")
    parser.add_argument("--tool", nargs="+", choices=[tool.name for tool in TOOLS], metavar="NAME", help="these tools")
    parser.add_argument("--said", action="store_true", help="print every alarm")
    return parser.parse_args()


def cell(tool: Tool, case: Case) -> dict[str, Any]:
    """What a tool says of a run, and what that is worth."""
    if version(tool.package) == "not installed":
        return {"cell": "-", "reason": f"{tool.package} is not installed"}
    answer = run(tool.watch, case)
    if "reason" in answer:
        return {"cell": "-", "reason": answer["reason"]}
    said = [Said(*one) for one in answer["said"]]
    return {"cell": judge(tool, case, said), "said": [[one.step, one.text[:LENGTH]] for one in said[:KEPT]]}


def judge(tool: Tool, case: Case, said: Sequence[Said]) -> str:
    """Judge by the earliest alarm that names the cause, else by the earliest alarm."""
    first = min((one.step for one in said), default=None)
    if case.healthy:
        return "quiet" if first is None else f"false alarm @{first}"
    words = WORDS[case.slug].get(tool.name)
    named = [one.step for one in said if words and re.search(words, one.text, re.IGNORECASE | re.DOTALL)]
    if named:
        return f"cause @{min(named)}"
    return "missed" if first is None else f"symptom @{first}"


def run(watch: Any, case: Case) -> dict[str, Any]:  # noqa: ANN401 - a function from a run to what was said
    """One training in a process of its own: what was said and logged, or the reason why there is nothing."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=work, args=(watch, case, there))
    process.start()
    there.close()
    try:
        answer: dict[str, Any] = (
            here.recv() if here.poll(TIME_LIMIT) else {"reason": f"it took more than {TIME_LIMIT} s"}
        )
    except EOFError:
        answer = {"reason": "its process ended without an answer"}
    process.kill()
    process.join()
    return answer


def work(watch: Any, case: Case, answer: Connection) -> None:  # noqa: ANN401
    """Build the run, train it under the tool, send what was said; in the process of the cell."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        try:
            prepared = case.build(Path(folder))
            said = {(one.step, one.text): None for one in watch(prepared)}  # each once
        except Exception as error:  # noqa: BLE001 - whatever a tool raises without meaning to is the cell's reason
            answer.send({"reason": f"{type(error).__name__}: {str(error)[:LENGTH]}"})
            return
    if watch is not nothing:
        answer.send({"said": list(said)})
        return
    records = [one for one in prepared.trainer.state.log_history if "loss" in one]
    answer.send({name: [f"{float(one[name]):.4g}" for one in records] for name in ("loss", "grad_norm")})


def show(rows: dict[str, Any], names: list[str], *, said: bool) -> None:
    """Print the matrix with the plain Trainer's log beside it, sums below it, then the footnotes."""
    console = Console(width=None if sys.stdout.isatty() else 230)
    table = Table("run", *names, "logged without a tool: loss; grad_norm", show_lines=False)
    for row in rows.values():
        cells = [one["cell"] for one in row["cells"].values()]
        coloured = [f"[{COLOURS.get(one.split()[0], 'default')}]{one}[/]" for one in cells]
        log = "; ".join(f"{row['log'][name][0]} .. {row['log'][name][-1]}" for name in ("loss", "grad_norm"))
        table.add_row(row["title"].replace("[", r"\["), *coloured, log, end_section=row["title"].startswith("End-of"))
    counts = {
        name: collections.Counter(row["cells"][name]["cell"].split()[0] for row in rows.values()) for name in names
    }
    for word, meaning in (
        ("cause", "causes named"),
        ("symptom", "symptoms"),
        ("missed", "missed"),
        ("false", "false alarms"),
    ):
        table.add_row(f"[bold]{meaning}", *(f"[bold]{counts[name][word]}" for name in names))
    console.print(table)
    for slug, row in rows.items():
        for name, one in row["cells"].items():
            if "reason" in one:
                console.print(f"- {slug}, {name}: {one['reason']}", markup=False, highlight=False)
            for step, text in one.get("said", []) if said else []:
                console.print(f"{slug} | {name} @{step}: {text}", markup=False, highlight=False, soft_wrap=True)


def version(name: str) -> str:
    """Of a package; ours is that of the checkout."""
    if name == "unsilent":
        from unsilent import __version__

        return __version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
