import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid

DEBRIS = ("<|im_start|>", "<|im_end|>", "assistant\n", "user\n")


def is_clean(text: str) -> bool:
    if text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return False
    if text.index("<answer>") > text.index("</answer>"):
        return False
    return not any(d in text for d in DEBRIS)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    """
    Rejection sampling: `oversample` tries per train question, keep the first try that
    ends at the right number. Questions that the model never gets right are left out.
    """
    # valid is only read to make sure that none of it slips into the training file
    held_out = {q.strip().lower() for q, _ in Dataset("valid")}
    train = [row for row in Dataset("train") if row[0].strip().lower() not in held_out]

    model = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    prompts = [model.format_prompt(q) for q, _ in train]
    tries = model.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)

    rows, skipped = [], 0
    for (question, correct), texts in zip(train, tries):
        good = [t.strip() for t in texts if is_clean(t) and is_answer_valid(model.parse_answer(t), correct)]
        if not good:
            skipped += 1
            continue
        text = min(good, key=len)
        rows.append([question, correct, text[: text.index("</answer>") + len("</answer>")]])

    if not rows:
        raise RuntimeError(f"none of {len(train)} questions gave a usable reasoning, nothing written")

    Path(output_json).parent.mkdir(parents=True, exist_ok=True)
    Path(output_json).write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} rows written to {output_json}, {skipped} questions skipped")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
