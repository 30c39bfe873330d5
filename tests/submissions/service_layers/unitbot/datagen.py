import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    llm, train = CoTModel(), Dataset("train")
    accepted = []
    for question, target in train:
        (candidates,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        best = next((c for c in candidates if is_answer_valid(llm.parse_answer(c), target)), None)
        if best is not None:
            accepted.append([question, target, best.strip()])
    if not accepted:
        raise RuntimeError("nothing accepted")
    Path(output_json).write_text(json.dumps(accepted, indent=1))


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
