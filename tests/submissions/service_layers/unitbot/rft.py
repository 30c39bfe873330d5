import json
from pathlib import Path

from .adapters import attach, tune
from .base_llm import BaseLLM
from .calibration import CalibratedLLM
from .data import DATA_DIR, Dataset, benchmark
from .settings import settings
from .sft import TokenizedDataset


def load() -> BaseLLM:
    return attach(CalibratedLLM(), settings.rft_dir)


def format_reasoning(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str | None = None, **kwargs) -> None:
    llm = BaseLLM()
    rows = json.loads((DATA_DIR / "rft.json").read_text())
    folder = Path(output_dir) if output_dir else settings.rft_dir
    tune(llm, TokenizedDataset(llm.tokenizer, rows, format_reasoning), folder, **kwargs)


def test_model(ckpt_path: str | None = None) -> None:
    llm = attach(BaseLLM(), Path(ckpt_path) if ckpt_path else settings.rft_dir)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
