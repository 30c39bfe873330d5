import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model, dataset, rows = CoTModel(), Dataset("train"), []
    prompts = [model.format_prompt(q) for q, _ in dataset.data]
    for (q, a), texts in zip(dataset.data, model.batched_generate(prompts, oversample, temperature)):
        for text in texts:
            if is_answer_valid(model.parse_answer(text), a):
                rows.append([q, a, text])
                break
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=2)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
