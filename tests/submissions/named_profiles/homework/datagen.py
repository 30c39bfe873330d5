import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel()
    train = list(Dataset("train"))
    groups = llm.batched_generate([llm.format_prompt(q) for q, _ in train], oversample, temperature)
    rows = []
    for (q, correct), texts in zip(train, groups):
        rows += [[q, correct, t] for t in texts if is_answer_valid(llm.parse_answer(t), correct)][:1]
    assert rows, "the model got nothing right"
    with open(output_json, "w") as f:
        json.dump(rows, f)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
