import json

from .base_llm import BaseLLM
from .core.config import RFT
from .data import DATA_DIR, Dataset, benchmark
from .sft import TokenizedDataset, load_job


def load() -> BaseLLM:
    return load_job(RFT)


def format_reasoning(question, answer, reasoning):
    return {"question": question.strip(), "answer": " " + reasoning.strip()}


def train_model(profile: str = "default", **kwargs):
    from .core.training import train

    rows = json.loads((DATA_DIR / "rft.json").read_text())
    llm = BaseLLM(job=RFT)
    train(RFT, llm, TokenizedDataset(llm.tokenizer, rows, format_reasoning), profile)


def test_model(ckpt_path: str | None = None):
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
