"""How good are the three models, and what did each round of sampling bring? A table, a curve, and one JSON of both.

    python -m homework.datagen data/rft.json --rounds 4; python -m homework.rft train; python -m homework.sft train
    python benchmarks/reasoning.py

Every figure is measured on ``valid``, first 100 rows and all, greedy, with 95% intervals. The curve takes the adapters
that sampled the rounds, which the sampling has left beside the rows; all were chosen before valid was looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matplotlib.figure import Figure
from ratio import RESULTS, circumstances

from homework import cot, rft, sft
from homework.data import BenchmarkResult, Dataset, wilson_interval
from homework.samplers import HintedCoT, round_folder
from unsilent.provenance import read_provenance, sidecar_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homework.base_llm import BaseLLM

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "rft.png"


def measure(llm: BaseLLM, rows: int) -> dict[str, Any]:
    """Answer the first ``rows`` rows of valid; shares with intervals, of the first 100 and of all, and seconds."""
    valid = Dataset("valid")
    questions = [str(row[0]) for row in valid][:rows]
    started = time.perf_counter()
    answers = llm.answer(*questions)
    found: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 1)}
    for count in sorted({min(100, len(questions)), len(questions)}):
        result = BenchmarkResult.from_answers(answers[:count], valid, count)
        low, high = wilson_interval(result.accuracy, count)
        found[f"first {count}"] = {
            "accuracy": round(result.accuracy, 3),
            "interval": [round(low, 3), round(high, 3)],
            "answer_rate": round(result.answer_rate, 3),
        }
    print(json.dumps(found), flush=True)
    return found


def draw(points: Sequence[Mapping[str, Any]], lines: Mapping[str, float]) -> Figure:
    """Draw accuracy over the rows it was learnt from; a horizontal line for each model without reasoning rows."""
    figure = Figure(figsize=(7, 3.4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    rows = [point["rows"] for point in points]
    accuracy = [point["accuracy"] for point in points]
    spread = [[a - point["interval"][side] for a, point in zip(accuracy, points, strict=True)] for side in (0, 1)]
    axes.errorbar(rows, accuracy, [spread[0], [-one for one in spread[1]]], color="#1f5fa8", marker="o", capsize=3)
    for point in points:
        axes.annotate(point["name"], (point["rows"], point["accuracy"]), xytext=(6, -12), textcoords="offset points")
    for name, value in lines.items():
        axes.axhline(value, color="#c2571a", linewidth=1, linestyle="--")
        axes.annotate(f"{name} {value:.3f}", (0, value), xytext=(2, 4), textcoords="offset points", color="#c2571a")
    axes.margins(x=0.12)
    axes.set(xlabel="rows with sampled reasoning", ylabel="accuracy on valid", ylim=(0, 1))
    axes.grid(alpha=0.25)
    return figure


def main() -> None:
    """Measure, print, write ``results/reasoning.json`` and ``docs/rft.png``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="rows of valid")
    parser.add_argument("--data", type=Path, default=Path("data/rft.json"), help="the sampled rows")
    options = parser.parse_args()
    record = read_provenance(sidecar_of(options.data))
    if record is None:
        parser.error(f"{options.data}: nothing was sampled; python -m homework.datagen {options.data} --rounds 4")
    kept = Counter(draw.round for draw in record.draws)
    by_round: list[int] = []
    for made in record.rounds:
        if made.format != HintedCoT.__name__:  # what was asked again with hints belongs to the round before it
            by_round.append(0)
        by_round[-1] += kept[made.round]
    totals = list(accumulate(by_round))
    table = {"CoT": measure(cot.load(), options.rows), "SFT": measure(sft.load(), options.rows)}
    measured = [("no round", 0, table["CoT"])]
    for number, rows in enumerate(totals[:-1], start=1):
        folder = str(round_folder(options.data, number))
        measured.append((f"round {number}", rows, measure(rft.load(folder), options.rows)))
    table["RFT"] = measure(rft.load(), options.rows)
    measured.append(("RFT", totals[-1], table["RFT"]))
    largest = f"first {min(options.rows, len(Dataset('valid')))}"
    points = [{"name": name, "rows": rows, **found[largest]} for name, rows, found in measured]
    content = {
        **circumstances(),
        "rounds": [made.as_json() for made in record.rounds],
        "rows_by_pass": [kept[made.round] for made in record.rounds],
        "table": table,
        "curve": points,
    }
    (RESULTS / "reasoning.json").write_text(json.dumps(content, indent=1) + "\n")
    draw(points, {"SFT": table["SFT"][largest]["accuracy"]}).savefig(PICTURE)


if __name__ == "__main__":
    main()
