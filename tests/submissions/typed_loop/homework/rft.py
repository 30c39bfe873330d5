from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from .base_llm import BaseLLM
from .config import LoraSettings, TrainSettings, resolve
from .data import BenchmarkResult, Dataset, benchmark
from .sft import Example, TokenizedDataset
from .train_utils import load_adapter, run, with_lora

SETTINGS: Final[dict[str, Any]] = {"learning_rate": 5e-4, "lora": LoraSettings(rank=16, alpha=64)}


class ReasoningLLM(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return prompt_of(question)


def prompt_of(question: str) -> str:
    return f"{question.strip()}\n"


def load(folder: str | Path = "rft_model") -> ReasoningLLM:
    llm = ReasoningLLM()
    load_adapter(llm, resolve(folder))
    return llm


def format_example(question: str, answer: float, reasoning: str) -> Example:
    return {"question": prompt_of(question), "answer": reasoning.strip()}


def train_model(output_dir: str = "rft_model", **kwargs: Any) -> None:
    settings = TrainSettings(**(SETTINGS | kwargs))
    llm = ReasoningLLM()
    with_lora(llm, settings.lora)
    run(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), settings)
    llm.model.save_pretrained(str(resolve(output_dir)))
    test_model(output_dir)


def test_model(ckpt_path: str = "rft_model") -> None:
    result: BenchmarkResult = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
