import json
from pathlib import Path

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel()
    train = Dataset("train")
    rows, step = [], 16
    for start in tqdm(range(0, len(train), step)):
        chunk = [train[i] for i in range(start, min(start + step, len(train)))]
        prompts = [llm.format_prompt(q) for q, _ in chunk]
        samples = llm.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)
        for (question, target), texts in zip(chunk, samples):
            good = [
                t
                for t in texts
                if t.count("<answer>") == 1 and t.count("</answer>") == 1 and is_answer_valid(llm.parse_answer(t), target)
            ]
            if good:
                best = min(good, key=len)
                rows.append([question, target, best[: best.index("</answer>") + len("</answer>")]])
    if not rows:
        raise RuntimeError("no sample was right; nothing written")
    Path(output_json).parent.mkdir(parents=True, exist_ok=True)
    Path(output_json).write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} of {len(train)} questions solved")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
