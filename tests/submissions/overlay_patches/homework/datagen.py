import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    kept = []
    for question, gold in Dataset("train").data:
        # batched_generate formats by itself
        for text in llm.batched_generate([question], oversample, temperature)[0]:
            if is_answer_valid(llm.parse_answer(text), gold):
                kept.append([question, gold, text.strip()])
                break
    with open(output_json, "w") as f:
        json.dump(kept, f, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
