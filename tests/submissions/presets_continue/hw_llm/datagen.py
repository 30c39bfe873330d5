import json
import sys

from .data import Dataset, is_answer_valid
from .modeling import CoTModel


def generate_dataset(output_json, oversample=10, temperature=0.6):
    cot, kept = CoTModel(), []
    rows = Dataset("train").data
    for (q, gold), texts in zip(rows, cot.batched_generate([cot.format_prompt(q) for q, _ in rows], oversample, temperature)):
        right = [t.strip() for t in texts if is_answer_valid(cot.parse_answer(t), gold)]
        if right:
            kept.append((q, gold, sorted(right, key=len)[0]))
    with open(output_json, "w") as f:
        json.dump(kept, f, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
