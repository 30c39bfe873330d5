import json
from pathlib import Path

from homework.core import load_cot
from homework.data import Dataset, is_answer_valid


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = load_cot()
    rows = Dataset("train")
    drawn = llm.batched_generate([llm.format_prompt(q) for q, _ in rows], oversample, temperature)
    accept = lambda correct: lambda text: is_answer_valid(llm.parse_answer(text), correct)  # noqa: E731
    kept = [[q, c, hit.strip()] for (q, c), texts in zip(rows, drawn) for hit in list(filter(accept(c), texts))[:1]]
    if not kept:
        raise RuntimeError("nothing kept; look at load_cot().answer(...)")
    Path(output_json).write_text(json.dumps(kept))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
