from __future__ import annotations

import json
import re

from .conversion_utils import convert
from .cot import CoTModel
from .data import Dataset, is_answer_valid
from .registry import verifiers

TEACHER = "HuggingFaceTB/SmolLM2-1.7B-Instruct"
FACT = re.compile(r"1 ([\w/^*]+) = (\d+(?:\.\d+)?) ([\w/^*]+?)[. ]")


@verifiers("answer")
def answer_is_right(llm, text, correct):
    return is_answer_valid(llm.parse_answer(text), correct)


@verifiers("tags")
def one_pair_of_tags(llm, text, correct):
    return text.count("<answer>") == text.count("</answer>") == 1 and text.endswith("</answer>")


@verifiers("factor")
def factor_is_known(llm, text, correct):
    """A stated factor that the table knows must be right; one that it does not know is let through."""
    found = FACT.search(text)
    if not found:
        return True
    expected = convert(1.0, found[1], found[3])
    return expected is None or is_answer_valid(float(found[2]), expected, 0.02)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6, checks="answer,tags,factor"):
    llm = CoTModel(TEACHER)
    names = checks.split(",") if isinstance(checks, str) else list(checks)
    tests = [verifiers[name] for name in names]
    rows, data = [], Dataset("train")
    for start in range(0, len(data), 16):
        block = [data[i] for i in range(start, min(start + 16, len(data)))]
        sampled = llm.batched_generate([llm.format_prompt(q) for q, _ in block], oversample, temperature)
        for (question, correct), texts in zip(block, sampled):
            stripped = (text.strip() for text in texts)
            good = next((t for t in stripped if all(test(llm, t, correct) for test in tests)), None)
            if good:
                rows.append([question, correct, good])
    if not rows:
        raise RuntimeError("nothing passed the checks")
    with open(output_json, "w") as out:
        json.dump(rows, out)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
