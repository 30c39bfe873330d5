import json

from . import env
from .cot import CoTModel
from .data import Dataset, is_answer_valid


def pick(llm, texts, correct):
    for text in (t.strip() for t in texts):
        if text.count("<answer>") != 1 or not text.endswith("</answer>"):
            continue
        if is_answer_valid(llm.parse_answer(text), correct):
            return text
    return None


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    train = Dataset("train")
    with env.switched(BATCH=8):
        llm = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
        sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in train], oversample, temperature)
    chosen = ((q, c, pick(llm, texts, c)) for (q, c), texts in zip(train, sampled))
    rows = [[q, c, text] for q, c, text in chosen if text]
    if not rows:
        raise RuntimeError("nothing to write")
    with open(output_json, "w") as out:
        json.dump(rows, out, indent=1)
    print(len(rows), "rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
