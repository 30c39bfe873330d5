import json
from pathlib import Path

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid

TEACHER = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


def is_clean(text: str) -> bool:
    return text.count("<answer>") == 1 and text.endswith("</answer>") and "<|" not in text


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6, chunk: int = 4):
    if oversample < 1 or temperature <= 0:
        raise ValueError("rejection sampling needs oversample >= 1 and a temperature above 0")
    llm, train, rows = CoTModel(TEACHER), Dataset("train").data, []
    for start in tqdm(range(0, len(train), chunk)):
        part = train[start : start + chunk]
        sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in part], oversample, temperature)
        for (question, correct), texts in zip(part, sampled):
            good = (t.strip() for t in texts if is_clean(t.strip()) and is_answer_valid(llm.parse_answer(t), correct))
            reasoning = next(good, None)
            if reasoning is not None:
                rows.append([question, correct, reasoning])
    if len(rows) < 0.3 * len(train):
        raise RuntimeError(f"only {len(rows)} of {len(train)} rows kept, nothing written")
    Path(output_json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
