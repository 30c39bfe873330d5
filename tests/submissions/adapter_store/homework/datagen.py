import json
import sys

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    m = CoTModel()
    out = []
    for q, a in Dataset("train").data:
        for t in m.batched_generate([m.format_prompt(q)], oversample, temperature)[0]:
            if is_answer_valid(m.parse_answer(t), a):
                out.append([q, a, t])
                break
    json.dump(out, open(output_json, "w"), indent=1)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
