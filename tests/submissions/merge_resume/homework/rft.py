import os
from pathlib import Path

from . import sft
from .base_llm import BaseLLM
from .data import Dataset, benchmark

RFT_DIR = Path(os.environ.get("RFT_DIR", Path(__file__).resolve().parent / "rft_model"))


def rft_prompt(question: str) -> str:
    return f"{question.strip()}\n"


class RFTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question: str) -> str:
        return rft_prompt(question)


def start_from_sft() -> RFTModel:
    """The RFT adapter sits on the base with the SFT adapter folded in, when training and when loading."""
    llm = RFTModel()
    sft.attach(llm, sft.SFT_DIR)
    llm.model = llm.model.merge_and_unload()
    return llm


def load() -> RFTModel:
    llm = start_from_sft()
    sft.attach(llm, RFT_DIR)
    return llm


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": rft_prompt(prompt), "answer": reasoning.strip()}


def train_model(output_dir: str = str(RFT_DIR), epochs: int = 4, lr: float = 4e-4):
    llm = start_from_sft()
    rows = sft.TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example)
    sft.fit(llm, rows, output_dir, 16, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(RFT_DIR)):
    llm = start_from_sft()
    sft.attach(llm, Path(ckpt_path))
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
