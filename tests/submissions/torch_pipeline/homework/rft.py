from __future__ import annotations

from .base_llm import BaseLLM
from .data import Dataset
from .sft import HERE, TokenizedDataset, report, tokenize, train_on, with_adapter  # noqa: F401

OUTPUT = HERE / "rft_model"


class Reasoner(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question: str) -> str:
        return question.strip() + "\n"


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip() + "\n", "answer": reasoning.strip()}


def load() -> BaseLLM:
    return with_adapter(Reasoner(), OUTPUT)


def train_model(output_dir: str = str(OUTPUT), rank: int = 16, lr: float = 5e-4, epochs: int = 5, **kwargs):
    rows = Dataset("rft")
    if len(rows) < 100:
        raise ValueError(f"only {len(rows)} rows with reasoning; sample more of them first")
    train_on(Reasoner(), rows, format_example, output_dir, rank, lr=lr, n_epochs=epochs, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(OUTPUT)):
    report(with_adapter(Reasoner(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
