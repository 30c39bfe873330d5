import json
import sys

from hw3.data import Dataset, is_answer_valid
from hw3.model import load_cot


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = load_cot()
    kept = []
    for question, correct in Dataset("train"):
        texts = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]
        hits = [t for t in texts if is_answer_valid(llm.parse_answer(t), correct)]
        kept += [[question, correct, hits[0].strip()]] if hits else []
    if not kept:
        sys.exit("nothing kept")
    with open(output_json, "w") as stream:
        json.dump(kept, stream)


if __name__ == "__main__":
    generate_dataset(sys.argv[1])
