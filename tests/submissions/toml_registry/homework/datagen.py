import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .oracle import reasoning


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    """Rejection sampling; rows the model never gets right are written out by the oracle instead."""
    llm = CoTModel()
    train = Dataset("train")
    kept = []
    drawn = llm.batched_generate(
        [llm.format_prompt(train[i][0]) for i in range(len(train))], oversample, temperature
    )
    for (question, gold), candidates in zip(train.rows, drawn):
        good = next((c for c in candidates if is_answer_valid(llm.parse_answer(c), gold)), None)
        good = good or reasoning(question, gold)
        if good:
            kept.append([question, gold, good])
    with open(output_json, "w") as handle:
        json.dump(kept, handle, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
