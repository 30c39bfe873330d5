import json
from pathlib import Path

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    model, train = CoTModel(), Dataset("train")
    kept = []
    for i in tqdm(range(0, len(train), 8)):
        block = [train[j] for j in range(i, min(i + 8, len(train)))]
        prompts = [model.format_prompt(q) for q, _ in block]
        for (q, a), texts in zip(block, model.batched_generate(prompts, oversample, temperature)):
            good = [t.strip() for t in texts if t.count("<answer>") == 1 and is_answer_valid(model.parse_answer(t), a)]
            if good:
                kept.append([q, a, min(good, key=len)])
    Path(output_json).write_text(json.dumps(kept, indent=1))
    print(len(kept), "rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
