import argparse
import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> int:
    llm = CoTModel()
    train = Dataset("train")
    tries = llm.batched_generate([llm.format_prompt(q) for q, _ in train], oversample, temperature)
    rows = []
    for (question, truth), texts in zip(train, tries, strict=True):
        for text in map(str.strip, texts):
            tags_ok = text.count("<answer>") == 1 == text.count("</answer>") and text.endswith("</answer>")
            if tags_ok and is_answer_valid(llm.parse_answer(text), truth):
                rows.append([question, truth, text])
                break
    if not rows:
        raise SystemExit("no usable row; raise the temperature or the number of tries")
    Path(output_json).write_text(json.dumps(rows, indent=0), "utf-8")
    return len(rows)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("output_json")
    ap.add_argument("--oversample", type=int, default=10)
    ap.add_argument("--temperature", type=float, default=0.6)
    print(generate_dataset(**vars(ap.parse_args())), "rows")
