import json
import sys

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    rows = []
    for question, correct in Dataset("train"):
        (samples,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        for text in (s.strip() for s in samples):
            tagged = text.count("<answer>") == 1 and text.endswith("</answer>")
            if tagged and is_answer_valid(llm.parse_answer(text), correct):
                rows.append([question, correct, text])
                break
    if not rows:
        raise RuntimeError("no usable sample")
    with open(output_json, "w") as file:
        json.dump(rows, file, indent=1)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
