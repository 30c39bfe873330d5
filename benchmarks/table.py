"""The README's tables of speed, made from ``benchmarks/results/<device>.json`` and from nothing else.

    python benchmarks/table.py            # print them
    python benchmarks/table.py --write    # put them into the README, between their markers

One column for each device that something was measured on; a cell is empty where nobody measured. A figure without
device, driver, versions or commit stops it. ``tests/unit/test_results.py`` holds the README to what this makes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ratio import RESULTS, missing_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

README = RESULTS.parents[1] / "README.md"
# Results of other kinds, with tables or pictures of their own: what tools find, how good answers are, how costs grow.
OTHERS = ("peers.json", "faultbench.json", "reasoning.json", "growth.json")

Entry = dict[str, Any]
Results = dict[str, dict[str, Entry]]


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        what: First cell.
        against: Second cell.
        title: Of the entry in the results.
        side: Of the entry.
        kind: ``faster`` for the ratio in words, ``ratio`` for the bare one, ``more`` for milliseconds more than the
            other side, else the name of a figure under ``measured``.
    """

    what: str
    against: str
    title: str
    side: str
    kind: str = "faster"


STEP = "One optimizer step, 135M, 32 rows"
RUN = "1000 rows, 5 epochs, 135M"
START = "Start-up"
BARE = "python -c pass"
LATENCY = "Detection latency, 135M"
RECIPE = "the course's recipe (fp32, padded to 128, logits everywhere, checkpointing)"

SPEED = (
    Line("one optimizer step, 32 rows, 135M", RECIPE, STEP, "course's recipe"),
    Line("", "TRL's `SFTTrainer` at its defaults", STEP, "TRL, defaults"),
    Line("", "the same with checkpointing off", STEP, "TRL, checkpointing off"),
    Line("1000 rows, 5 epochs, 135M, in one run", RECIPE, RUN, "course's recipe"),
    Line("", "TRL's `SFTTrainer` at its defaults", RUN, "TRL, defaults"),
    Line("", "the same with checkpointing off", RUN, "TRL, checkpointing off"),
    Line("tokens a second in it, padding not counted", "ours", RUN, "homework", "tokens_per_second"),
    Line("", "the course's recipe", RUN, "course's recipe", "tokens_per_second"),
    Line("", "TRL's `SFTTrainer` at its defaults", RUN, "TRL, defaults", "tokens_per_second"),
    Line("peak memory in it [GB]", "ours", RUN, "homework", "peak_memory_bytes"),
    Line("", "the course's recipe", RUN, "course's recipe", "peak_memory_bytes"),
    Line("", "TRL's `SFTTrainer` at its defaults", RUN, "TRL, defaults", "peak_memory_bytes"),
    Line(
        "100 answers with the adapter",
        "transformers' text-generation pipeline, batch 32, identical texts",
        "100 answers, 135M with adapter",
        "pipeline",
    ),
    Line("`import homework`", "bare Python", START, "import homework", "more"),
    Line("`import unsilent`", "bare Python", START, "import unsilent", "more"),
)
WATCHED = {
    "135M, LoRA, 32 rows": "Guard, one optimizer step, 135M, LoRA, 32 rows",
    "10M, LoRA, 8 x 64 tokens": "Guard, one optimizer step, 10M, LoRA r=8 all-linear, 8 x 64",
    "10M, all parameters": "Guard, one optimizer step, 10M, all parameters, 8 x 64",
}
WATCHERS = {
    "unsilent": "`unsilent`",
    "guardtower.monitor": "`guardtower.monitor`",
    "underflow_overflow": '`debug="underflow_overflow"`',
    "detect_anomaly": "`torch.autograd.detect_anomaly`",
}


def load_results(folder: Path = RESULTS) -> Results:
    """Read every device's results.

    Raises:
        ValueError: A figure without device, driver, versions, commit or date.
    """
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))
               if path.name not in OTHERS}  # fmt: skip
    for name, entries in results.items():
        for title, entry in entries.items():
            if missing := missing_fields(entry):
                message = f"Expected figures with their circumstances, but got one without {', '.join(missing)}. "
                raise ValueError(f"{message}Where: {name}.json, {title!r}. What to do: measure it again.")
    return results


def speed_table(results: Results) -> str:
    """Lines that anybody measured, one column for each device, and below it what each device was."""
    devices = {name: entries for name, entries in results.items() if any(line.title in entries for line in SPEED)}
    rows: list[tuple[str, str]] = []
    what = ""
    for line in SPEED:
        what = line.what or what
        cells = [_cell(line, entries.get(line.title)) for entries in devices.values()]
        if any(cells):
            new = not rows or rows[-1][0] != what
            rows.append((what, f"| {what if new else ''} | {line.against} | {' | '.join(cells)} |"))
    head = [f"| what | against | {' | '.join(_names(devices))} |", "|---|---|" + "---|" * len(devices)]
    return "\n".join([*head, *(text for _, text in rows), "", *_notes(devices, {line.title for line in SPEED})])


def guard_table(results: Results) -> str:
    """Watching over not watching: one column for each model and device."""
    devices = {name: entries for name, entries in results.items() if set(WATCHED.values()) & entries.keys()}
    columns = [
        (f"{words}, {named}" if len(devices) > 1 else words, entries[title]["ratios"])
        for (_, entries), named in zip(devices.items(), _names(devices), strict=True)
        for words, title in WATCHED.items()
        if title in entries
    ]
    rows = [f"| | {' | '.join(words for words, _ in columns)} |", "|---|" + "---|" * len(columns)]
    for side, words in WATCHERS.items():
        cells = [f"{ratios[side]:.2f}" if side in ratios else "" for _, ratios in columns]
        rows.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", *_notes(devices, set(WATCHED.values()))])


def latency_table(results: Results) -> str:
    """How long each fault lived: one line for each, and for each device that it was measured on."""
    devices = {name: {LATENCY: entries[LATENCY]} for name, entries in results.items() if LATENCY in entries}
    rows = ["| fault | found as | steps | tokens | seconds | a step takes |", "|---|---|---|---|---|---|"]
    for entries in devices.values():
        for title, one in entries[LATENCY]["faults"].items():
            step = one["seconds_a_step"]
            shown = [title[0].lower() + title[1:], one["found"], one["steps"], one["tokens"], f"{one['seconds']:.2f}"]
            rows.append(f"| {' | '.join(map(str, shown))} | {'' if step is None else f'{step:.2f}'} |")
    return "\n".join([*rows, "", *_notes(devices, {LATENCY})])


TABLES = {"speed": speed_table, "guard": guard_table, "latency": latency_table}


def marked(name: str, table: str) -> str:
    """A table between its markers, as it stands in the README."""
    return f"<!-- {name}: made by benchmarks/table.py -->\n{table}\n<!-- {name}: end -->"


def with_tables(text: str, results: Results) -> str:
    """Put every table between its markers.

    Raises:
        ValueError: Markers that are missing.
    """
    for name, make in TABLES.items():
        whole = marked(name, make(results))
        first, _, last = whole.partition("\n")
        end = last.rpartition("\n")[2]
        if text.count(first) != 1 or text.count(end) != 1:
            message = f"Expected the markers {first} and {end} once each. Where: README.md. What to do: put them back."
            raise ValueError(message)
        text = text[: text.index(first)] + whole + text[text.index(end) + len(end) :]
    return text


def _cell(line: Line, entry: Entry | None) -> str:
    if entry is None:
        return ""
    if line.kind in {"faster", "ratio"}:
        ratio = entry["ratios"].get(line.side)
        return "" if ratio is None else f"{ratio:.1f} times faster" if line.kind == "faster" else f"{ratio:.2f}"
    if line.kind == "more":
        own, bare = (statistics.median(entry["seconds"][side]) for side in (line.side, BARE))
        return f"{1000 * (own - bare):.0f} ms more than its {1000 * bare:.0f} ms"
    found = entry.get("measured", {}).get(line.side, {}).get(line.kind)
    if found is None:
        return ""
    return f"{found / 1e9:.2f}" if line.kind.endswith("_bytes") else f"{found:,.0f}"


def _names(devices: Mapping[str, Mapping[str, Entry]]) -> list[str]:
    """What a column is called: the name without what follows the first comma."""
    return [str(_first(entries)["device"]["name"]).partition(",")[0] for entries in devices.values()]


def _first(entries: Mapping[str, Entry]) -> Entry:
    return next(iter(entries.values()))


def _notes(devices: Mapping[str, Mapping[str, Entry]], titles: set[str]) -> list[str]:
    """For each device its whole name, driver and versions, with the commits of the figures shown."""
    commits: dict[str, set[str]] = {}
    for entries in devices.values():
        for entry in (entry for title, entry in entries.items() if title in titles):
            named, memory = entry["device"]["name"], entry["device"]["memory_bytes"]
            size = f", {memory / 1e9:.0f} GB" if memory else ""
            driver = "no GPU" if entry["device"]["kind"] == "cpu" else entry["driver"]
            versions = ", ".join(f"{name} {number}" for name, number in sorted(entry["versions"].items()))
            commits.setdefault(f"{named}{size}; {driver}; {versions}", set()).add(entry["commit"])
    notes = [f"{words}; commit {_joined(sorted(found))}." for words, found in commits.items()]
    kinds = {entry["device"]["kind"] for entries in devices.values() for entry in entries.values()}
    return notes if "cuda" in kinds else [*notes, "Nobody has measured a GPU yet."]


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into the README, between their markers")
    results = load_results()
    if parser.parse_args().write:
        README.write_text(with_tables(README.read_text(), results))
    else:
        print("\n\n".join(make(results) for make in TABLES.values()))


if __name__ == "__main__":
    main()
