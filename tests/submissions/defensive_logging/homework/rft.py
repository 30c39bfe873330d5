from pathlib import Path

from . import sft
from .adapter import load_cached
from .base_llm import BaseLLM
from .data import Dataset
from .sft import TokenizedDataset, fit, main

FOLDER = Path(__file__).resolve().parent / "rft_model"


class RFTModel(BaseLLM):
    MAX_NEW_TOKENS = 96

    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> RFTModel:
    return load_cached(RFTModel, FOLDER)


def format_example(question: str, answer: float, reasoning: str) -> dict:
    return {"question": question.strip(), "answer": f" {reasoning.strip()}"}


def train_model(output_dir=FOLDER, **kwargs):
    llm = RFTModel()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), output_dir, **{"rank": 10, **kwargs})
    return test_model(output_dir)


def test_model(ckpt_path=FOLDER):
    return sft.test_model(ckpt_path, RFTModel)


if __name__ == "__main__":
    main(train_model, test_model, load, FOLDER)
