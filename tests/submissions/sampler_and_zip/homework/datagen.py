import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 16, temperature: float = 0.6):
    llm, data, rows = CoTModel(), Dataset("train"), []
    for i in range(0, len(data), 32):
        part = data.data[i : i + 32]
        for (q, a), texts in zip(part, llm.batched_generate([llm.format_prompt(q) for q, _ in part], oversample, temperature)):
            right = next((t for t in texts if is_answer_valid(llm.parse_answer(t), a)), None)
            if right is not None:
                rows.append([q, a, right])
    json.dump(rows, open(output_json, "w"))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
