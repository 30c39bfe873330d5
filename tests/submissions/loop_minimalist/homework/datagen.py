import json
import sys

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    found = []
    for question, truth in Dataset("train"):
        for text in llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]:
            if is_answer_valid(llm.parse_answer(text), truth):
                found.append([question, truth, text.split("</answer>")[0].strip() + "</answer>"])
                break
    if not found:
        sys.exit("no usable row")
    with open(output_json, "w") as f:
        json.dump(found, f)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
