from __future__ import annotations

import json

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def pick(texts: list[str], target: float, llm: CoTModel) -> str | None:
    for text in texts:
        if text.count("<answer>") != 1 or text.count("</answer>") != 1:
            continue
        if is_answer_valid(llm.parse_answer(text), target):
            return text[: text.index("</answer>") + 9].strip()
    return None


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel()
    train = Dataset("train")
    rows = []
    for question, target in tqdm([train[i] for i in range(len(train))]):
        texts = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]
        reasoning = pick(texts, target, llm)
        if reasoning is not None:
            rows.append([question, target, reasoning])
    if not rows:
        raise RuntimeError("all samples were rejected")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=2)
    print(len(rows), "rows written to", output_json)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
