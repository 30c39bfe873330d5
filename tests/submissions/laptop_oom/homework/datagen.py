import json

from tqdm import tqdm

from .memory import free_memory, report


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6, at_once: int = 4):
    """
    The 1.7B model does not fit next to anything on my card, so I sample with the 360M one
    and take more samples instead.
    """
    from .cot import CoTModel
    from .data import Dataset, is_answer_valid

    model = CoTModel()
    model.micro_batch_size = at_once
    dataset = Dataset("train")
    rows = []
    for start in tqdm(range(0, len(dataset), at_once)):
        batch = [dataset[i] for i in range(start, min(start + at_once, len(dataset)))]
        prompts = [model.format_prompt(question) for question, _ in batch]
        all_texts = model.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)
        for (question, answer), texts in zip(batch, all_texts):
            for text in texts:
                text = text.strip()
                if text.count("<answer>") != 1 or not text.endswith("</answer>"):
                    continue
                if is_answer_valid(model.parse_answer(text), answer):
                    rows.append([question, answer, text])
                    break
        if start % 200 == 0:
            free_memory()
            report(f"row {start}")

    if not rows:
        raise SystemExit("nothing was right, no file written")
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=2)
    print(len(rows), "rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
