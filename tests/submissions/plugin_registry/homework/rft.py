from functools import partial

from .base_llm import BaseLLM
from .data import Dataset
from .sft import PACKAGE, TokenizedDataset, attach, format_with, report, tokenize, train_style  # noqa: F401

format_example = partial(format_with, "reasoning")


class ReasoningLLM(BaseLLM):
    style = "reasoning"
    max_new_tokens = 80


def load() -> BaseLLM:
    return attach(ReasoningLLM(), "rft_model")


def train_model(output_dir=PACKAGE / "rft_model", rank=16, learning_rate=5e-4, epochs=5, **kwargs):
    rows = Dataset("rft")
    assert len(rows), "data/rft.json is empty"
    train_style("reasoning", rows, output_dir, rank=rank, learning_rate=learning_rate, epochs=epochs, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    report(attach(ReasoningLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
