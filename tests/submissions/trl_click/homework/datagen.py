"""
Rejection sampling for RFT. A sample must end at the right number AND claim the right factor: the
360M model likes to write "1 kg = 100 g. 5 * 1000 = 5000", and that is nothing to learn from.
The table below only throws samples away. It never writes one, and nothing imports it from here.
"""

import json
import re
from pathlib import Path

import click

from .cot import CoTModel
from .data import Dataset, is_answer_valid

SI = {
    "mm": ("length", 0.001), "cm": ("length", 0.01), "m": ("length", 1.0), "km": ("length", 1000.0),
    "g": ("mass", 1.0), "gram": ("mass", 1.0), "kg": ("mass", 1000.0), "pound": ("mass", 453.59237),
    "s": ("time", 1.0), "min": ("time", 60.0), "hour": ("time", 3600.0), "day": ("time", 86400.0),
    "ml": ("volume", 0.001), "liter": ("volume", 1.0), "litre": ("volume", 1.0), "gallon": ("volume", 3.785412),
}  # fmt: skip
CLAIM = re.compile(r"\b1 (\S+) = ([\d.,]+) (\S+?)\.? ")


def singular(unit):
    unit = unit.lower()
    return unit[:-1] if unit not in SI and unit.endswith("s") else unit


def claim_is_false(text):
    found = CLAIM.search(text + " ")
    if not found:
        return False
    a, b = SI.get(singular(found[1])), SI.get(singular(found[3]))
    if a is None or b is None:
        return False  # not in the table: no opinion
    try:
        claimed = float(found[2].replace(",", ""))
    except ValueError:
        return True
    return a[0] != b[0] or not is_answer_valid(claimed, a[1] / b[1])


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, train = CoTModel(), Dataset("train")
    rows, lost = [], {"tags": 0, "number": 0, "factor": 0}
    sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in train], oversample, temperature)
    for (question, correct), texts in zip(train, sampled):
        for text in texts:
            text = text.strip()
            if text.count("<answer>") != 1 or text.count("</answer>") != 1 or not text.endswith("</answer>"):
                lost["tags"] += 1
                continue
            if not is_answer_valid(llm.parse_answer(text), correct):
                lost["number"] += 1
                continue
            if claim_is_false(text):
                lost["factor"] += 1
                continue
            rows.append([question, correct, text])
            break
    click.echo(f"{len(rows)} rows from {len(train)} questions, rejected: {lost}")
    if not rows:
        raise click.ClickException("no row survived, file not written")
    Path(output_json).write_text(json.dumps(rows, indent=1))


@click.command()
@click.argument("output_json")
@click.option("--oversample", default=10)
@click.option("--temperature", default=0.6)
def main(output_json, oversample, temperature):
    generate_dataset(output_json, oversample, temperature)


if __name__ == "__main__":
    main()
