import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    out = []
    for question, correct in Dataset("train"):
        (texts,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        hits = [t for t in texts if is_answer_valid(llm.parse_answer(t), correct)]
        if hits:
            out.append([question, correct, min(hits, key=len).strip()])
    assert out, "no row survived"
    with open(output_json, "w") as f:
        json.dump(out, f)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
