import json

from .config import ModelConfig
from .cot import CoTModel
from .data import Dataset, is_answer_valid

SAMPLER = ModelConfig(checkpoint="HuggingFaceTB/SmolLM2-1.7B-Instruct", micro_batch_size=4, max_new_tokens=120)


def keep(llm, text: str, correct: float) -> bool:
    tags = (text.count("<answer>"), text.count("</answer>"))
    return tags == (1, 1) and text.endswith("</answer>") and is_answer_valid(llm.parse_answer(text), correct)


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6):
    llm = CoTModel(config=SAMPLER)
    train = Dataset("train")
    prompts = [llm.format_prompt(train[i][0]) for i in range(len(train))]
    rows = []
    for i, texts in enumerate(llm.batched_generate(prompts, oversample, temperature)):
        question, correct = train[i]
        good = [t.strip() for t in texts if keep(llm, t.strip(), correct)]
        if good:
            rows.append([question, correct, good[0]])
    if not rows:
        raise RuntimeError("no sample was correct")
    with open(output_json, "w") as file:
        json.dump(rows, file, indent=1)
    print(f"{len(rows)} of {len(train)} rows have a correct sample")


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
