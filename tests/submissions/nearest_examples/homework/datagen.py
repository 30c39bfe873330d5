import json

from tqdm import trange

from .cot import CoTModel
from .data import Dataset, is_answer_valid


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel(max_new_tokens=80)
    data = Dataset("train")
    rows = []
    for i in trange(0, len(data), 8):
        batch = [data[j] for j in range(i, min(i + 8, len(data)))]
        outputs = llm.batched_generate([llm.format_prompt(b[0]) for b in batch], oversample, temperature)
        for (question, answer), candidates in zip(batch, outputs):
            for text in candidates:
                if text.count("<answer>") == 1 == text.count("</answer>"):
                    if is_answer_valid(llm.parse_answer(text), answer):
                        rows.append([question, answer, text.split("</answer>")[0] + "</answer>"])
                        break
    assert rows, "no accepted sample"
    with open(output_json, "w") as f:
        json.dump(rows, f, indent=1)
    print("wrote", len(rows), "rows")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
