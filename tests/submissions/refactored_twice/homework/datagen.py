import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .prompts import CLOSE_TAG, OPEN_TAG

TEACHER = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


def acceptable(llm, text: str, correct: float) -> bool:
    if text.count(OPEN_TAG) != 1 or text.count(CLOSE_TAG) != 1:
        return False
    return is_answer_valid(llm.parse_answer(text), correct)


def shortest_correct(llm, texts: list[str], correct: float) -> str | None:
    trimmed = (t.split(CLOSE_TAG)[0].strip() + CLOSE_TAG for t in texts if CLOSE_TAG in t)
    good = [t for t in trimmed if acceptable(llm, t, correct)]
    return min(good, key=len) if good else None


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6, rounds: int = 2):
    llm = CoTModel(TEACHER)
    open_rows = list(Dataset("train"))
    kept = []
    for round_no in range(rounds):
        # rows that failed get another, slightly hotter, round
        prompts = [llm.format_prompt(q) for q, _ in open_rows]
        samples = llm.batched_generate(prompts, oversample, temperature + 0.2 * round_no)
        failed = []
        for (question, correct), texts in zip(open_rows, samples):
            reasoning = shortest_correct(llm, texts, correct)
            if reasoning is None:
                failed.append([question, correct])
            else:
                kept.append([question, correct, reasoning])
        print(f"round {round_no}: {len(kept)} kept, {len(failed)} without a correct sample")
        open_rows = failed
    if not kept:
        raise RuntimeError("rejection sampling kept no row")
    Path(output_json).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
