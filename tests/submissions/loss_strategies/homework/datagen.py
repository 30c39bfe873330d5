import json

from .base_llm import chunks
from .cot import CoTModel
from .data import Dataset, is_answer_valid


def usable(llm, text: str, correct: float) -> bool:
    one_pair = text.count("<answer>") == 1 and text.count("</answer>") == 1
    return one_pair and text.endswith("</answer>") and is_answer_valid(llm.parse_answer(text), correct)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    rows = []
    for part in chunks(list(Dataset("train")), 16):
        groups = llm.batched_generate([llm.format_prompt(q) for q, _ in part], oversample, temperature)
        for (question, correct), texts in zip(part, groups):
            for text in map(str.strip, texts):
                if usable(llm, text, correct):
                    rows.append([question, correct, text])
                    break
    if not rows:
        raise RuntimeError("no row was usable")
    with open(output_json, "w") as file:
        json.dump(rows, file)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
