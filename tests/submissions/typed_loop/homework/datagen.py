from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid

Row = tuple[str, float, str]


def right_ones(llm: CoTModel, texts: list[str], correct: float) -> Iterator[str]:
    for text in texts:
        head, tag, _ = text.partition("</answer>")
        if tag and head.count("<answer>") == 1 and is_answer_valid(llm.parse_answer(text), correct):
            yield (head + tag).strip()


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    llm = CoTModel()
    train = Dataset("train")
    rows: list[Row] = []
    for question, correct in (train[i] for i in range(len(train))):
        (texts,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        first: str | None = next(right_ones(llm, texts, correct), None)
        if first is not None:
            rows.append((question, correct, first))
    if not rows:
        raise SystemExit("no sampled answer was right: look at the prompt of CoTModel")
    target = Path(output_json)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1))
    print(f"{target}: {len(rows)} of {len(train)} questions")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
