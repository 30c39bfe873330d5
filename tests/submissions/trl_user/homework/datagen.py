import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def pick(llm, texts, correct):
    for text in texts:
        if text.count("<answer>") == text.count("</answer>") == 1 and is_answer_valid(llm.parse_answer(text), correct):
            return text[: text.index("</answer>") + 9].strip()
    return None


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, train = CoTModel(), Dataset("train")
    rows = []
    for i in range(len(train)):
        question, correct = train[i]
        texts = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)[0]
        if (reasoning := pick(llm, texts, correct)) is not None:
            rows.append([question, correct, reasoning])
    if not rows:
        raise RuntimeError("no rows")
    Path(output_json).write_text(json.dumps(rows))
    print(len(rows), "rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
