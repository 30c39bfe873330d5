import json
from pathlib import Path

from tqdm import tqdm

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    """
    Ask the CoT model several times, keep the first answer that is right.
    """
    # A bigger teacher gives more rows. It is used here only, never for the submission.
    teacher = CoTModel("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    train = Dataset("train")

    rows, skipped = [], 0
    for start in tqdm(range(0, len(train), 16)):
        batch = [train[i] for i in range(start, min(start + 16, len(train)))]
        prompts = [teacher.format_prompt(question) for question, _ in batch]
        candidates = teacher.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)
        for (question, correct), texts in zip(batch, candidates):
            for text in texts:
                if text.count("<answer>") == 1 and "</answer>" in text:
                    if is_answer_valid(teacher.parse_answer(text), correct):
                        reasoning = text[: text.index("</answer>") + len("</answer>")].strip()
                        rows.append([question, correct, reasoning])
                        break
            else:
                skipped += 1

    if not rows:
        raise RuntimeError("not a single correct answer was sampled, nothing written")
    Path(output_json).parent.mkdir(parents=True, exist_ok=True)
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)
    print(f"{len(rows)} rows written, {skipped} questions without a right answer")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
