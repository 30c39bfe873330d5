import json

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    assert oversample > 1 and temperature > 0
    model = CoTModel()
    rows = []
    for question, answer in tqdm(Dataset("train")):
        # one prompt at a time
        for generation in model.batched_generate([model.format_prompt(question)], oversample, temperature)[0]:
            value = model.parse_answer(generation)
            if value == value and is_answer_valid(value, answer):
                rows.append([question, answer, generation])
                break
    assert rows, "no correct reasoning found"
    with open(output_json, "w") as f:
        json.dump(rows, f)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
