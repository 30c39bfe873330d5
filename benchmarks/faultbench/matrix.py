"""The result of the benchmark as JSON, and from it the tables in Markdown.

``picture.py`` draws the same numbers. Everything is made from ``results/faultbench.json`` alone, so that a table can be
written anew without running anything (``--draw``).
"""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESULTS = Path(__file__).parents[1] / "results"
RESULT, TABLE, PICTURE = RESULTS / "faultbench.json", RESULTS / "faultbench.md", RESULTS / "faultbench.svg"
README = RESULTS.parents[1] / "README.md"
BEGIN, END = "<!-- faultbench: written by nox -s faultbench -->", "<!-- end of faultbench -->"
SHOWN = "![What each tool makes of the faults](benchmarks/results/faultbench.svg)"
LINK = "Every cell, with the reasons of the empty ones: [faultbench.md](benchmarks/results/faultbench.md)."
KINDS = {
    "Run": "Live trainings",
    "Resumed": "Trainings that go on",
    "Ranks": "Trainings of two processes",
    "Log": "Logs of trainings",
    "Adapter": "Adapters on disk",
    "Program": "Models that answer",
    "Rows": "Data files",
    "Function": "Functions of somebody's own",
    "Plan": "Plans, before anything is trained",
    "Bundle": "Bundles to hand in",
    "Package": "Packages that a grader runs",
    "Source": "Source code, read and not run",
}
HEAD = """# Faults and healthy controls, through our checks and through other tools

Written by `python -m nox -s faultbench`; everything that was said stands in [faultbench.json](faultbench.json).

**cause @k**: an alarm that names the cause (`benchmarks/faultbench/words.py` says which words count), at optimizer step
k; 0 is before or without training. symptom: an alarm that something is wrong, but not what. missed: no alarm. **false
alarm**: an alarm on a healthy control. quiet: none, and rightly. inconclusive: on a healthy control, no more than that
the tool could not judge. crashed: the tool raised what it did not mean to. An empty cell: not applied; the reasons
stand below each table. A column is left out where a tool applies to nothing there.
"""
NOT_RUN = {"cell": "not run"}
OURS = "unsilent"  # the column that the others are set against


def read() -> dict[str, Any] | None:
    """What was stored."""
    return json.loads(RESULT.read_text()) if RESULT.is_file() else None


def store(content: dict[str, Any]) -> None:
    """Keep everything."""
    RESULT.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def counts(cases: dict[str, Any], tool: str) -> collections.Counter[str]:
    """How often each kind of cell occurs in a column, and to how many faults and controls the tool was applied.

    ``not run`` is neither applied nor not applied.
    """
    counted: collections.Counter[str] = collections.Counter()
    for row in cases.values():
        cell = row["cells"].get(tool, NOT_RUN)["cell"].partition(" @")[0]
        counted[cell] += 1
        if cell not in {"-", "not run"}:
            counted["controls" if row["healthy"] else "faults"] += 1
        elif not row["healthy"]:
            counted["not run on a fault" if cell == "not run" else "not applied"] += 1
        if cell == "crashed":
            counted["crashed on a control" if row["healthy"] else "crashed on a fault"] += 1
    return counted


def version_of(content: dict[str, Any], tool: str) -> str:
    """The version of a tool; switches of torch and transformers have that of theirs."""
    owner = {"underflow_overflow": "transformers", "plain": "transformers", "detect_anomaly": "torch"}
    return str(content["versions"].get(owner.get(tool, tool.partition(".")[0]), ""))


def same(cases: dict[str, Any], tool: str, *, healthy: bool) -> dict[str, Any]:
    """The faults, or the controls, that a tool was applied to: what ours is to be compared on."""
    return {
        slug: row
        for slug, row in cases.items()
        if row["healthy"] is healthy and row["cells"].get(tool, NOT_RUN)["cell"] not in {"-", "not run"}
    }


def summary(content: dict[str, Any]) -> str:
    """One line for each tool, as Markdown tables: of everything, and of the public issues alone."""
    issues = {slug: row for slug, row in content["cases"].items() if row["issue"]}
    some = f"\n\nThe same, of the {len(issues)} reproductions of public issues alone:\n\n{totals(content, issues)}"
    return totals(content, content["cases"]) + some * bool(issues)


def totals(content: dict[str, Any], cases: dict[str, Any]) -> str:
    """One line for each tool: its own numbers, and those of ours on the same faults and the same controls."""
    faults = sum(not row["healthy"] for row in cases.values())
    controls = len(cases) - faults
    heads = ["tool", "cause named", "symptom only", "missed", "crashed", "not applied", "not run"]
    heads += [f"cause named by it / by {OURS}, of those of {faults} faults that it was applied to"]
    heads += [f"false alarm by it / by {OURS}, of those of {controls} controls that it was applied to"] * bool(controls)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for tool in content["tools"]:
        one = counts(cases, tool)
        ours = counts(same(cases, tool, healthy=False), OURS) + counts(same(cases, tool, healthy=True), OURS)
        shown = [f"{tool} {version_of(content, tool)}", one["cause"], one["symptom"], one["missed"],
                 one["crashed on a fault"], one["not applied"], one["not run on a fault"],
                 f"{one['cause']} / {ours['cause']} of {one['faults']}"]  # fmt: skip
        unsure = f", {one['inconclusive']} inconclusive" * bool(one["inconclusive"])
        unsure += f", {one['crashed on a control']} crashed" * bool(one["crashed on a control"])
        shown += [f"{one['false alarm']} / {ours['false alarm']} of {one['controls']}{unsure}"] * bool(controls)
        lines.append(f"| {' | '.join(map(str, shown))} |")
    return "\n".join(lines)


def write(content: dict[str, Any]) -> None:
    """Write the table and the picture."""
    from .picture import draw

    TABLE.write_text(table(content))
    draw(content, PICTURE)


def lacking(content: dict[str, Any], slugs: Iterable[str]) -> int:
    """Count the cells that have not been run: of every tool with every case."""
    return sum(len(set(content["tools"]) - set(content["cases"].get(slug, {"cells": {}})["cells"])) for slug in slugs)


def commits(content: dict[str, Any]) -> str:
    """Name every commit that cells were made from, with the number of its cells where there are several."""
    made = collections.Counter(
        one.get("commit", "unknown") for row in content["cases"].values() for one in row["cells"].values()
    )
    if len(made) == 1:
        return f"commit {next(iter(made))}"
    return "cells of several commits: " + ", ".join(f"{name} ({count})" for name, count in made.most_common())


def write_readme(content: dict[str, Any]) -> None:
    """Put summary, picture and link between their two marks in the README."""
    before, rest = README.read_text().split(BEGIN)
    after = rest.split(END)[1]
    made = f"{content['machine']}; {commits(content)}."
    README.write_text(f"{before}{BEGIN}\n{summary(content)}\n\n{SHOWN}\n\n{made} {LINK}\n{END}{after}")


def table(content: dict[str, Any]) -> str:
    """The whole matrix: the summary, then one table for each kind of subject, faults first."""
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    parts = [HEAD, f"{content['machine']}; {commits(content)}; {versions}.\n", summary(content) + "\n"]
    for kind, title in KINDS.items():
        rows = {slug: row for slug, row in content["cases"].items() if row["kind"] == kind}
        if rows:
            parts.append("\n".join(_section(content, kind, title, rows)))
    return "\n".join(parts)


def _section(content: dict[str, Any], kind: str, title: str, rows: dict[str, Any]) -> Iterator[str]:
    columns = [
        tool
        for tool in content["tools"]
        if any(row["cells"].get(tool, NOT_RUN)["cell"] != "-" for row in rows.values())
    ]
    yield f"## {title}\n"
    yield f"| | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for healthy in (False, True):
        some = [(slug, row) for slug, row in rows.items() if row["healthy"] is healthy]
        if some and healthy:
            yield f"| *healthy* |{' |' * len(columns)}"
        for slug, row in some:
            cells = (_shown(row["cells"].get(tool, NOT_RUN)["cell"]) for tool in columns)
            yield f"| {_titled(slug, row)} | {' | '.join(cells)} |"
    yield ""
    for tool, ways in content["tools"].items():
        yield f"- {tool}: {_escaped(ways.get(kind, ''))}"
    yield from _notes(rows)
    yield from _constants(content, rows)
    yield ""


def _notes(rows: dict[str, Any]) -> Iterator[str]:
    """Reasons and crashes of single cells, those of several rows together."""
    said: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for slug, row in rows.items():
        for tool, one in row["cells"].items():
            if "crash" in one:
                said[tool, f"crashed: {one['crash']}"].append(slug)
            elif "reason" in one and "seconds" in one:  # of this one row, not of its kind
                said[tool, f"not applied: {one['reason']}"].append(slug)
    for (tool, words), slugs in said.items():
        shown = ", ".join(slugs[:4]) + (f" and {len(slugs) - 4} more" if len(slugs) > 4 else "")
        yield f"- {shown}, {tool} {_escaped(words)[:300]}"


def _constants(content: dict[str, Any], rows: dict[str, Any]) -> Iterator[str]:
    """What a tool says of every healthy subject of a kind as well: under a fault it tells nothing."""
    for tool in content["tools"]:
        heard = [
            {text for _, text in row["cells"][tool].get("said", [])} for row in same(rows, tool, healthy=True).values()
        ]
        always = set.intersection(*heard) if heard else set()
        for text in sorted(always):
            slugs = [
                slug
                for slug, row in same(rows, tool, healthy=False).items()
                if text in {words for _, words in row["cells"][tool].get("said", [])}
            ]
            yield (
                f"- {tool} says the same of every healthy one here, and of {len(slugs)} of the faults above: "
                f"{_escaped(text)[:200]}"
            )


def _shown(cell: str) -> str:
    if cell == "-":
        return ""
    return f"**{cell}**" if cell.split(maxsplit=1)[0] in {"cause", "false", "crashed"} else cell


def _titled(slug: str, row: dict[str, Any]) -> str:
    link = f" ([{row['issue']}]({row['link']}))" if row["issue"] else ""
    return f"`{slug}`: {_escaped(row['title'])}{link}"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
