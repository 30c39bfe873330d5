import json

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def well_formed(text):
    return text.count("<answer>") == 1 and text.count("</answer>") == 1 and len(text) < 300


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, train, rows = CoTModel(), Dataset("train"), []
    for start in range(0, len(train), llm.chunk):
        part = [train[i] for i in range(start, min(start + llm.chunk, len(train)))]
        sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in part], oversample, temperature)
        for (question, answer), texts in zip(part, sampled):
            right = [t for t in texts if well_formed(t) and is_answer_valid(llm.parse_answer(t), answer)]
            if right:
                rows.append([question, answer, right[0][: right[0].index("</answer>")].strip() + "</answer>"])
        print(f"{start + len(part)}/{len(train)}: {len(rows)} rows", end="\r")
    print()
    if len(rows) == 0:
        raise SystemExit("nothing was accepted, no file written")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
