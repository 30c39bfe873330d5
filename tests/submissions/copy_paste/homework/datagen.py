import json

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model = CoTModel()
    trainset = Dataset("train")
    rows = []
    for i in tqdm(range(len(trainset))):
        question, correct = trainset[i]
        generations = model.batched_generate(
            [model.format_prompt(question)], num_return_sequences=oversample, temperature=temperature
        )[0]
        for g in generations:
            if is_answer_valid(model.parse_answer(g), correct):
                rows.append([question, correct, g[: g.find("</answer>") + len("</answer>")].strip()])
                break
    assert len(rows) > 0, "nothing to save"
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=2)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
