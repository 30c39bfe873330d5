import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel()
    dataset = Dataset("train")
    rows = []
    for i in range(len(dataset)):
        question, correct = dataset[i]
        prompt = llm.format_prompt(question)
        texts = llm.batched_generate([prompt], num_return_sequences=oversample, temperature=temperature)[0]
        for t in texts:
            a = llm.parse_answer(t)
            if is_answer_valid(a, correct):
                rows.append([question, correct, t.strip()])
                break
    if len(rows) == 0:
        raise RuntimeError("no rows, something is wrong with the cot model")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)
    print("wrote", len(rows), "of", len(dataset))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
