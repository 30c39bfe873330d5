import sys

from .adapters import TokenizedDataset, attach, fit, new_fast_llm, new_llm, run, score, tokenize
from .base_llm import BaseLLM, completion_prompt
from .config import PACKAGE, section
from .data import Dataset

__all__ = ["TokenizedDataset", "format_example", "load", "test_model", "tokenize", "train_model"]


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": completion_prompt(prompt), "answer": f"{round(answer, 3)}</answer>"}


def load() -> BaseLLM:
    return attach(new_fast_llm(completion_prompt, "sft"), PACKAGE / "sft_model")


def train_model(output_dir: str = "homework/sft_model", **kwargs):
    llm = new_llm(completion_prompt, "sft")
    rows = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example, section("sft")["max_length"])
    out = fit(llm, rows, "sft", output_dir, **kwargs)
    test_model(out)


def test_model(ckpt_path=PACKAGE / "sft_model"):
    return score(attach(new_fast_llm(completion_prompt, "sft"), ckpt_path))


if __name__ == "__main__":
    run(sys.argv[1:], train=train_model, test=test_model, load=load)
