"""Rejection sampling: the model writes, the data set's own answer decides what is kept."""

import json
import re
from collections.abc import Iterator

from .cot import CoTModel
from .data import Dataset, is_answer_valid

PRODUCT = re.compile(r"(\d+(?:\.\d+)?) ([*/]) (\d+(?:\.\d+)?) = <answer>([^<]+)</answer>\s*$")


def arithmetic_holds(text: str) -> bool:
    """Work out the shown product again: a right result after a wrong line is luck, and teaches nothing."""
    found = PRODUCT.search(text)
    if found is None:
        return False
    left, operator, right, result = found.groups()
    if operator == "/" and float(right) == 0:
        return False
    value = float(left) * float(right) if operator == "*" else float(left) / float(right)
    try:
        return is_answer_valid(float(result.replace(",", "")), value, 0.01)
    except ValueError:
        return False


def kept(llm, rows, sampled) -> Iterator[list]:
    for (question, correct), texts in zip(rows, sampled):
        right = (t.strip() for t in texts if is_answer_valid(llm.parse_answer(t), correct) and arithmetic_holds(t))
        best = min(right, key=len, default=None)
        if best is not None:
            yield [question, correct, best]


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    llm.chunk = 16
    rows = list(Dataset("train").head(1000))
    sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in rows], oversample, temperature)
    result = list(kept(llm, rows, sampled))
    if not result:
        raise SystemExit("nothing was kept; the old file stays")
    with open(output_json, "w") as handle:
        json.dump(result, handle, indent=0)
    print(f"{len(result)}/{len(rows)} rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
