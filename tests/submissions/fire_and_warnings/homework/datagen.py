import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel()
    train = Dataset("train")
    rows = []
    for start in range(0, len(train), 16):
        batch = [train[i] for i in range(start, min(start + 16, len(train)))]
        prompts = [llm.format_prompt(q) for q, _ in batch]
        for (q, a), gens in zip(batch, llm.batched_generate(prompts, oversample, temperature)):
            good = [g for g in gens if is_answer_valid(llm.parse_answer(g), a)]
            if good:
                rows.append([q, a, min(good, key=len)])
    print(f"kept {len(rows)} of {len(train)}")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
