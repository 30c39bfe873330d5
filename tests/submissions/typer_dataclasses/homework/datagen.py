import json
from collections import Counter
from pathlib import Path

import typer

from homework.cot import CoTModel
from homework.data import Dataset, is_answer_valid
from homework.plausibility import Magnitudes


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    llm, magnitudes, outcome = CoTModel(), Magnitudes(), Counter()
    rows, questions = [], []
    for question, correct in Dataset("train"):
        expected = magnitudes.expected(question)
        if expected is not None and not is_answer_valid(correct, expected, 0.2):
            outcome["odd label"] += 1
            continue
        questions.append((question, correct))

    prompts = [llm.format_prompt(q) for q, _ in questions]
    for (question, correct), texts in zip(questions, llm.batched_generate(prompts, oversample, temperature)):
        clean = [t.strip() for t in texts if t.count("<answer>") == t.count("</answer>") == 1]
        right = [t for t in clean if t.endswith("</answer>") and is_answer_valid(llm.parse_answer(t), correct)]
        outcome["kept" if right else "no right answer"] += 1
        if right:
            rows.append([question, correct, min(right, key=len)])

    if not rows:
        raise typer.BadParameter(f"nothing to write: {dict(outcome)}")
    Path(output_json).write_text(json.dumps(rows, indent=2))
    typer.echo(dict(outcome))


if __name__ == "__main__":
    typer.run(generate_dataset)
