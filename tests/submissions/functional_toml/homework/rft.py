import sys

from .adapters import TokenizedDataset, attach, fit, new_llm, run, score, tokenize
from .base_llm import BaseLLM, plain_prompt
from .config import PACKAGE, section
from .data import Dataset

__all__ = ["TokenizedDataset", "format_example", "load", "test_model", "tokenize", "train_model"]


def format_example(question: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": plain_prompt(question), "answer": " " + reasoning.strip()}


def load() -> BaseLLM:
    return attach(new_llm(plain_prompt, "rft"), PACKAGE / "rft_model")


def train_model(output_dir: str = str(PACKAGE / "rft_model"), **kwargs):
    llm = new_llm(plain_prompt, "rft")
    rows = TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example, section("rft")["max_length"])
    test_model(fit(llm, rows, "rft", output_dir, **kwargs))


def test_model(ckpt_path=PACKAGE / "rft_model"):
    return score(attach(new_llm(plain_prompt, "rft"), ckpt_path))


if __name__ == "__main__":
    run(sys.argv[1:], train=train_model, test=test_model, load=load)
