import json
from pathlib import Path

from .cot import load
from .data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, train, rows = load(), Dataset("train"), []
    for start in range(0, len(train), 32):
        part = [train[i] for i in range(start, min(start + 32, len(train)))]
        outputs = llm.batched_generate([llm.format_prompt(q) for q, _ in part], oversample, temperature)
        for (question, answer), texts in zip(part, outputs):
            for text in texts:
                tagged = text.count("<answer>") == 1 and text.count("</answer>") == 1
                if tagged and is_answer_valid(llm.parse_answer(text), answer):
                    rows.append([question, answer, text.partition("</answer>")[0].strip() + "</answer>"])
                    break
    if not rows:
        raise SystemExit("no row survived, check the prompt")
    Path(output_json).write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} rows of {len(train)}")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
