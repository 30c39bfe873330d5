import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model = CoTModel()
    questions, answers = zip(*Dataset("train"))
    generations = model.batched_generate(list(questions), oversample, temperature)
    kept = []
    for question, answer, candidates in zip(questions, answers, generations):
        right = [c for c in candidates if is_answer_valid(model.parse_answer(c), answer)]
        if right:
            kept.append((question, answer, right[0].strip()))
    if len(kept) < 100:
        raise RuntimeError(f"only {len(kept)} rows, something is wrong")
    with open(output_json, "w") as f:
        json.dump(kept, f, indent=2)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
