import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model = CoTModel()
    dataset = Dataset("train")
    rows = []
    for question, answer in dataset:
        samples = model.batched_generate([model.format_prompt(question)], oversample, temperature)[0]
        # rejection sampling: keep the first generation that is right, skip the question otherwise
        for text in samples:
            if is_answer_valid(model.parse_answer(text), answer):
                rows.append([question, answer, text.strip()])
                break
    if not rows:
        raise RuntimeError("no generation was right, not writing an empty file")
    with open(output_json, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1)
    print(f"{len(rows)} of {len(dataset)} kept")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
