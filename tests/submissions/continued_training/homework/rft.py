import argparse

from . import peft_files, sft
from .base_llm import BaseLLM
from .data import Dataset, benchmark

FOLDER = peft_files.PACKAGE / "rft_model"


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip() + " "


def load() -> BaseLLM:
    llm = RFTModel()
    llm.model = peft_files.attach(llm.model, FOLDER).eval()
    return llm


def train_model(output_dir=FOLDER, epochs: int = 3, lr: float = 3e-4):
    """Goes on from the SFT adapter: it knows the units already."""
    llm = RFTModel()
    llm.model = peft_files.attach(llm.model, sft.FOLDER)
    rows = [sft.tokenize(llm.tokenizer, q.strip() + " ", reasoning) for q, _, reasoning in Dataset("rft")]
    sft.run(llm, rows, output_dir, epochs, lr)
    test_model(output_dir)


def test_model(ckpt_path=FOLDER):
    llm = RFTModel()
    llm.model = peft_files.attach(llm.model, ckpt_path).eval()
    print(benchmark(llm, Dataset("valid"), 100))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test", "load"])
    {"train": train_model, "test": test_model, "load": load}[parser.parse_args().command]()
