from __future__ import annotations

import json
import sys

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.engine import TokenizedDataset, attach, fit, fresh
from homework.settings import DATA, LoraSettings, TrainSettings


class RFT(BaseLLM):
    prompt_suffix = "\nReasoning:"


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip() + RFT.prompt_suffix, "answer": " " + reasoning.strip()}


def load(path: str = "rft_model") -> RFT:
    return attach(RFT(), path)


def train_model(output_dir: str = "rft_model", start_from: str | None = None, **kwargs) -> None:
    llm = RFT()
    llm = attach(llm, start_from, training=True) if start_from else fresh(llm, LoraSettings())
    rows = json.loads((DATA / "rft.json").read_text())
    fit(llm, TokenizedDataset(llm.tokenizer, rows, format_example), output_dir, TrainSettings(**kwargs))
    test_model(output_dir)


def test_model(ckpt_path: str = "rft_model") -> None:
    print(benchmark(load(ckpt_path), Dataset("valid"), 100)[:2])


if __name__ == "__main__":
    commands = {"train": train_model, "test": test_model, "load": load}
    commands[sys.argv[1]](*sys.argv[2:])
