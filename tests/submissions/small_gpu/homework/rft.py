import json
from pathlib import Path

from . import sft
from .base_llm import BaseLLM
from .data import DATA_DIR


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / "rft_model"

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def format_rft(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str = "homework/rft_model", **kwargs):
    with (DATA_DIR / "rft.json").open() as f:
        data = json.load(f)
    print(f"training on {len(data)} rows")
    sft.train_model(output_dir, data=data, format_fn=format_rft, rank=16)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": sft.test_model, "load": load})
