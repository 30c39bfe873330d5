from __future__ import annotations

from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import MODEL_DIR as SFT_DIR
from .sft import load_from, lora_config, run_trl

MODEL_DIR = Path(__file__).parent / "rft_model"


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def load() -> BaseLLM:
    return load_from(MODEL_DIR)


def train_model(output_dir: str | Path = MODEL_DIR, warm_start: bool = False, r: int = 12, **kwargs):
    """--warm_start goes on from the sft adapter (its rank then), saved under a new name."""
    if Path(output_dir).resolve() == SFT_DIR.resolve():
        raise ValueError("this would write over the sft adapter")
    data = Dataset("rft")
    if warm_start:
        llm, lora = load_from(SFT_DIR, is_trainable=True), None
    else:
        llm, lora = BaseLLM(), lora_config(r)
    run_trl(llm, data, format_example, output_dir, lora=lora, max_length=256, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str | Path = MODEL_DIR):
    result = benchmark(load_from(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
