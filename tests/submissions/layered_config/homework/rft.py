from __future__ import annotations

from .adapters import attach
from .base_llm import BaseLLM
from .config import RFTConfig
from .data import Dataset, benchmark
from .sft import TokenizedDataset, override, run_training, tokenize  # noqa: F401 - part of the interface


class RFTModel(BaseLLM):
    config_class = RFTConfig

    def format_prompt(self, question: str) -> str:
        return question.strip()


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f" {reasoning.strip()}"}


def load() -> BaseLLM:
    llm = RFTModel()
    llm.model = attach(llm.model, llm.config.output_name)
    return llm


def train_model(output_dir: str | None = None, **kwargs):
    config = override(RFTConfig(), kwargs)
    rows = Dataset("rft")
    if not len(rows):
        raise ValueError("data/rft.json has no rows; run homework.datagen again")
    target = run_training(RFTModel(config=config), config, rows, format_example, output_dir)
    test_model(str(target))


def test_model(ckpt_path: str | None = None):
    llm = RFTModel()
    llm.model = attach(llm.model, ckpt_path or llm.config.output_name)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
