import json
from pathlib import Path

from .config import ModelConfig
from .cot import CoTModel
from .data import Dataset, is_answer_valid

TEACHER = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


def first_right(llm, samples, correct):
    for text in samples:
        clean = text.strip()
        if clean.count("<answer>") == 1 and clean.count("</answer>") == 1 and clean.endswith("</answer>"):
            if is_answer_valid(llm.parse_answer(clean), correct):
                return clean
    return None


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    teacher = CoTModel(config=ModelConfig(checkpoint=TEACHER, max_new_tokens=96, generation_batch=8))
    train = Dataset("train")
    prompts = [teacher.format_prompt(question) for question, _ in train]
    sampled = teacher.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)
    rows = []
    for (question, correct), samples in zip(train, sampled, strict=True):
        reasoning = first_right(teacher, samples, correct)
        if reasoning is not None:
            rows.append([question, correct, reasoning])
    if not rows:
        raise RuntimeError("no sample was right; nothing written")
    Path(output_json).write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} of {len(train)} questions have a reasoning")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
