import json
import sys

from .llm import CoTModel
from .rows import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    rows = list(Dataset("train"))
    batches = llm.batched_generate([llm.format_prompt(q) for q, _ in rows], oversample, temperature)
    good = [
        [q, a, text]
        for (q, a), texts in zip(rows, batches)
        for text in [t for t in texts if "</answer>" in t and is_answer_valid(llm.parse_answer(t), a)][:1]
    ]
    with open(output_json, "w") as f:
        json.dump(good, f)


if __name__ == "__main__":
    generate_dataset(*sys.argv[1:2])
