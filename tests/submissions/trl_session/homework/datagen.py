import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    rows = []
    for question, correct in Dataset("train"):
        (candidates,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        for text in sorted(candidates, key=len):
            if is_answer_valid(llm.parse_answer(text), correct):
                rows.append([question, correct, text.strip()])
                break
    assert rows, "no rows"
    Path(output_json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
