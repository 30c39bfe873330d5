import json
import sys

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def usable(text: str) -> bool:
    return text.count("<answer>") == 1 and text.count("</answer>") == 1 and text.rstrip().endswith("</answer>")


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model, train = CoTModel(), Dataset("train")
    prompts = [model.format_prompt(row[0]) for row in train]
    rows = []
    for (question, correct), texts in zip(train, model.batched_generate(prompts, oversample, temperature)):
        for text in texts:
            if usable(text) and is_answer_valid(model.parse_answer(text), correct):
                rows.append([question, correct, text.strip()])
                break
    if len(rows) == 0:
        raise RuntimeError("no row passed the filter")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)
    print(f"{len(rows)} rows in {output_json}")


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
