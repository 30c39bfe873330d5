from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset as TorchDataset
from transformers import PreTrainedTokenizerBase

from .base_llm import BaseLLM
from .config import TrainSettings, resolve
from .data import BenchmarkResult, Dataset, benchmark
from .train_utils import Encoded, load_adapter, run, with_lora

Example = dict[str, str]


def load(folder: str | Path = "sft_model") -> BaseLLM:
    llm = BaseLLM()
    load_adapter(llm, resolve(folder))
    return llm


def tokenize(tokenizer: PreTrainedTokenizerBase, question: str, answer: str, max_length: int = 128) -> Encoded:
    prompt: list[int] = tokenizer(question)["input_ids"]
    target: list[int] = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    if len(prompt) + len(target) > max_length:
        raise ValueError(f"{len(prompt) + len(target)} tokens, more than {max_length}: {question!r}")
    return {
        "input_ids": prompt + target,
        "attention_mask": [1] * (len(prompt) + len(target)),
        "labels": [-100] * len(prompt) + target,
    }


def format_example(prompt: str, answer: float) -> Example:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset(TorchDataset[Encoded]):
    def __init__(self, tokenizer: PreTrainedTokenizerBase, data: Sequence[Any], format_fn: Callable[..., Example]) -> None:
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Encoded:
        return tokenize(self.tokenizer, **self.format_fn(*self.data[index]))


def train_model(output_dir: str = "sft_model", **kwargs: Any) -> None:
    settings = TrainSettings(**kwargs)
    llm = BaseLLM()
    with_lora(llm, settings.lora)
    run(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), settings)
    llm.model.save_pretrained(str(resolve(output_dir)))
    test_model(output_dir)


def test_model(ckpt_path: str = "sft_model") -> None:
    result: BenchmarkResult = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
