from __future__ import annotations

import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def pick(llm: CoTModel, texts: list[str], answer: float) -> str | None:
    for text in map(str.strip, texts):
        single = text.count("<answer>") == 1 and text.count("</answer>") == 1
        if single and text.endswith("</answer>") and is_answer_valid(llm.parse_answer(text), answer):
            return text
    return None


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6, max_tries: int = 3):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    todo = list(Dataset("train").data)
    rows = []
    for attempt in range(max_tries):
        prompts = [llm.format_prompt(question) for question, _ in todo]
        generations = llm.batched_generate(prompts, oversample, temperature, micro_batch_size=4)
        still = []
        for (question, answer), texts in zip(todo, generations):
            reasoning = pick(llm, texts, answer)
            if reasoning:
                rows.append([question, answer, reasoning])
            else:
                still.append([question, answer])
        print(f"try {attempt + 1}: {len(rows)} rows, {len(still)} questions left")
        todo = still
        if not todo:
            break
    if not rows:
        raise RuntimeError(f"no row after {max_tries} tries")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
