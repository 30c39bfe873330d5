import json
import sys

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    model, kept = CoTModel(), []
    train = Dataset("train")
    for i in range(len(train)):
        question, target = train[i]
        (texts,) = model.batched_generate([model.format_prompt(question)], oversample, temperature)
        for text in texts:
            if text.count("<answer>") != 1 or text.count("</answer>") != 1:
                continue
            if is_answer_valid(model.parse_answer(text), target):
                kept.append([question, target, text.split("</answer>")[0].strip() + "</answer>"])
                break
        if i % 50 == 0:
            print(i, "asked", len(kept), "kept", flush=True)
    if not kept:
        sys.exit("rejection sampling kept no row")
    with open(output_json, "w") as f:
        json.dump(kept, f, indent=2)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
