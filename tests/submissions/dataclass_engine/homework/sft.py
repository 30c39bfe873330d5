from __future__ import annotations

import argparse

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.engine import TokenizedDataset, attach, fit, fresh, tokenize
from homework.settings import LoraSettings, TrainSettings

__all__ = ["TokenizedDataset", "format_example", "load", "test_model", "tokenize", "train_model"]

SUFFIX = TrainSettings().prompt_suffix


class SFT(BaseLLM):
    prompt_suffix = SUFFIX


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip() + SUFFIX, "answer": f"{answer:.4g}</answer>"}


def load(path: str = "sft_model") -> SFT:
    return attach(SFT(), path)


def train_model(output_dir: str = "sft_model", **kwargs) -> None:
    llm = fresh(SFT(), LoraSettings(rank=kwargs.pop("rank", 8), alpha=kwargs.pop("alpha", 32)))
    settings = TrainSettings(lr=7e-4, **kwargs)
    folder = fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, settings)
    print(f"adapter in {folder}")
    test_model(output_dir)


def test_model(ckpt_path: str = "sft_model") -> None:
    outcome = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {outcome.accuracy:.2f}, answer rate {outcome.answer_rate:.2f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("command", choices=["train", "test", "load"])
    cli.add_argument("--output_dir", "--ckpt_path", default="sft_model", dest="where")
    ns = cli.parse_args()
    {"train": train_model, "test": test_model, "load": load}[ns.command](ns.where)
