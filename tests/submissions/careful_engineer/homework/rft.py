from pathlib import Path

from . import sft
from .base_llm import BaseLLM
from .data import Dataset

MODEL_DIR = Path(__file__).resolve().parent / "rft_model"


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    if reasoning.count("<answer>") != 1 or reasoning.count("</answer>") != 1:
        raise ValueError(f"reasoning without exactly one answer: {reasoning!r}")
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def load() -> BaseLLM:
    return sft.load_adapter(MODEL_DIR)


def train_model(output_dir: str = str(MODEL_DIR), **kwargs):
    sft.fit(Dataset("rft").data, format_example, output_dir, r=12, max_length=256, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(MODEL_DIR)):
    sft.test_model(ckpt_path)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
