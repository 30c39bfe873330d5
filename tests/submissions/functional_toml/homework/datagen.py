import json
import sys
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def tidy(text: str) -> str | None:
    text = text.strip()
    once = text.count("<answer>") == 1 and text.count("</answer>") == 1
    return text if once and text.endswith("</answer>") and "<|" not in text else None


def best(parse, correct: float, texts: list[str]) -> str | None:
    good = [t for t in map(tidy, texts) if t and is_answer_valid(parse(t), correct)]
    return min(good, key=len, default=None)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model, train = CoTModel(), Dataset("train")
    tries = model.batched_generate([model.format_prompt(q) for q, _ in train], oversample, temperature)
    found = ((q, c, best(model.parse_answer, c, t)) for (q, c), t in zip(train, tries))
    rows = [list(row) for row in found if row[2]]
    if not rows:
        raise RuntimeError("no question was answered correctly; nothing to write")
    Path(output_json).write_text(json.dumps(rows, indent=1))
    print(len(rows), "of", len(train))


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
