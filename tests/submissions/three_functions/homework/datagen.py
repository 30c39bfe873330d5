import json
import sys

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .units import convert


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    rows = []
    for question, answer in tqdm(Dataset("train")):
        c = convert(question)
        if c == c and not is_answer_valid(c, answer):
            print("odd row, left out:", question, answer, c)
            continue
        for text in llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]:
            text = text.strip()
            if text.count("<answer>") != 1 or not text.endswith("</answer>"):
                continue
            if is_answer_valid(llm.parse_answer(text), answer):
                rows.append([question, answer, text])
                break
    assert rows, "no rows"
    with open(output_json, "w") as f:
        json.dump(rows, f)
    print(len(rows))


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
