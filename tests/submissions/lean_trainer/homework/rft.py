from __future__ import annotations

from pathlib import Path

from .data import Dataset, benchmark
from .sft import PACKAGE, ConversionLLM, TokenizedDataset, finetune


def load() -> ConversionLLM:
    return ConversionLLM(PACKAGE / "rft_model")


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    """Question in, the whole line of reasoning with the tagged answer out."""
    return {"question": f"{prompt.strip()} ", "answer": reasoning.strip()}


def train_model(output_dir: str = str(PACKAGE / "rft_model"), lr: float = 5e-4, epochs: int = 5):
    llm = ConversionLLM()
    data = TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example)
    finetune(llm, data, Path(output_dir), rank=16, lr=lr, epochs=epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PACKAGE / "rft_model")):
    r = benchmark(ConversionLLM(ckpt_path), Dataset("valid"), 100)
    print(f"{r.accuracy=} {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
