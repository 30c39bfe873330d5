import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .deco import timed


@timed
def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel()
    train = Dataset("train")
    prompts = [llm.format_prompt(q) for q, _ in train]
    kept = []
    for (question, correct), texts in zip(train, llm.batched_generate(prompts, oversample, temperature)):
        for text in texts:
            if is_answer_valid(llm.parse_answer(text), correct):
                kept.append([question, correct, text.strip()])
                break
    if not kept:
        raise RuntimeError("no row kept")
    with open(output_json, "w") as f:
        json.dump(kept, f, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
