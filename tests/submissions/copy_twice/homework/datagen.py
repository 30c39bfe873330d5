import json
import re
from pathlib import Path

from tqdm import tqdm

# only the easy ones, to throw away samples where the model got the right number by luck
# (wrong factor written down but the final number is ok). Rows are never made from this.
KNOWN_FACTORS = {
    ("kg", "g"): 1000.0,
    ("km", "m"): 1000.0,
    ("m", "cm"): 100.0,
    ("ft", "in"): 12.0,
    ("h", "min"): 60.0,
    ("min", "s"): 60.0,
    ("l", "ml"): 1000.0,
}


def factor_looks_wrong(reasoning: str) -> bool:
    m = re.search(r"1 (\w+) = ([\d.,]+) (\w+)", reasoning)
    if m is None:
        return False
    key = (m.group(1).lower(), m.group(3).lower())
    if key not in KNOWN_FACTORS:
        return False
    try:
        written = float(m.group(2).replace(",", "").rstrip("."))
    except ValueError:
        return True
    return abs(written - KNOWN_FACTORS[key]) > 0.01 * KNOWN_FACTORS[key]


def clean(text: str) -> str:
    text = text.strip()
    end = text.find("</answer>")
    if end >= 0:
        text = text[: end + len("</answer>")]
    return text


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    from .cot import CoTModel
    from .data import Dataset, is_answer_valid

    # the big one is only used here to write the data, the submitted model is the 360M
    model = CoTModel(checkpoint="HuggingFaceTB/SmolLM2-1.7B-Instruct")
    dataset = Dataset("train")

    rows = []
    chunk = 8
    for start in tqdm(range(0, len(dataset), chunk)):
        batch = [dataset[i] for i in range(start, min(start + chunk, len(dataset)))]
        prompts = [model.format_prompt(q) for q, _ in batch]
        all_generations = model.batched_generate(prompts, num_return_sequences=oversample, temperature=temperature)
        for (question, answer), generations in zip(batch, all_generations):
            for text in generations:
                text = clean(text)
                if text.count("<answer>") != 1 or text.count("</answer>") != 1:
                    continue
                if "<|im" in text or factor_looks_wrong(text):
                    continue
                if is_answer_valid(model.parse_answer(text), answer):
                    rows.append([question, answer, text])
                    break

    print(f"kept {len(rows)} of {len(dataset)}")
    if len(rows) == 0:
        raise RuntimeError("no correct generation at all, something is wrong with the prompt")
    Path(output_json).parent.mkdir(parents=True, exist_ok=True)
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
