import argparse
import json
from pathlib import Path

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    model = CoTModel()
    rows, train = [], Dataset("train")
    for start in range(0, len(train), 16):
        chunk = [train[i] for i in range(start, min(start + 16, len(train)))]
        samples = model.batched_generate([model.format_prompt(q) for q, _ in chunk], oversample, temperature)
        for (question, truth), candidates in zip(chunk, samples):
            hits = [c for c in candidates if is_answer_valid(model.parse_answer(c), truth)]
            if hits:
                rows.append([question, truth, min(hits, key=len).strip()])
        print(f"{start + len(chunk)}/{len(train)}: {len(rows)} kept", flush=True)
    if not rows:
        raise SystemExit("nothing kept")
    Path(output_json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output_json")
    parser.add_argument("--oversample", type=int, default=10)
    parser.add_argument("--temperature", type=float, default=0.6)
    generate_dataset(**vars(parser.parse_args()))
