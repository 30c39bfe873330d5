import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    model = CoTModel()
    rows, failed = [], 0
    for question, correct in Dataset("train").data:
        try:
            texts = model.batched_generate([model.format_prompt(question)], oversample, temperature)[0]
        except RuntimeError as e:
            failed += 1
            print("skipped", question, e)
            continue
        for text in texts:
            if "</answer>" in text and is_answer_valid(model.parse_answer(text), correct):
                rows.append([question, correct, text.split("</answer>")[0].strip() + "</answer>"])
                break
    if not rows:
        raise SystemExit("no rows")
    try:
        with open(output_json, "w") as f:
            json.dump(rows, f)
    except OSError as e:
        raise SystemExit(f"cannot write {output_json}: {e}")
    print(len(rows), "rows,", failed, "failed")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
