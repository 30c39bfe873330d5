import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    llm.block = 8
    train = Dataset("train")
    sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in train], oversample, temperature)
    rows = []
    for (question, correct), texts in zip(train, sampled):
        tidy = (text.strip() for text in texts)
        fitting = (t for t in tidy if t.count("<answer>") == 1 and t.endswith("</answer>"))
        right = next((t for t in fitting if is_answer_valid(llm.parse_answer(t), correct)), None)
        if right is not None:
            rows.append([question, correct, right])
    if not rows:
        raise RuntimeError("no right sample at all")
    with open(output_json, "w") as file:
        json.dump(rows, file)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
