import json

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    model = CoTModel()
    rows = []
    for question, correct in tqdm(Dataset("train").data):
        texts = model.batched_generate([model.format_prompt(question)], oversample, temperature)[0]
        for text in texts:
            if is_answer_valid(model.parse_answer(text), correct) and text.count("<answer>") == 1:
                rows.append([question, correct, text.split("</answer>")[0].strip() + "</answer>"])
                break
    if len(rows) == 0:
        raise ValueError("no correct rows")
    with open(output_json, "w") as f:
        json.dump(rows, f)
    print(len(rows))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
