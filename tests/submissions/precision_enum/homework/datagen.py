"""python -m homework.datagen data/rft.json"""
from __future__ import annotations

import json
from pathlib import Path

from .data import Dataset, is_answer_valid
from .tasks import load_cot


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    llm = load_cot()
    kept: list[list] = []
    for question, gold in Dataset("train").data:
        [texts] = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        kept.extend([question, gold, t] for t in texts[:] if is_answer_valid(llm.parse_answer(t), gold))
        while len(kept) > 1 and kept[-1][0] == kept[-2][0]:
            kept.pop()
    Path(output_json).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
