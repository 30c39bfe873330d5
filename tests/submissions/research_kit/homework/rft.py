"""Rejection-sampling fine-tuning, as a second stage on top of the SFT adapter."""
import argparse
import json
from pathlib import Path

from .adapters import RFT_DIR, SFT_DIR, attach, for_answers
from .base_llm import BaseLLM
from .data import DATA_DIR
from .sft import TokenizedDataset, test_model


def load() -> BaseLLM:
    return for_answers(RFT_DIR)


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str = "", **kwargs) -> None:
    from .training import run

    # the format is known already after SFT, only the reasoning is new
    llm = attach(BaseLLM(), SFT_DIR)
    rows = json.loads((DATA_DIR / "rft.json").read_text())
    out = Path(output_dir) if output_dir else RFT_DIR
    run(llm, TokenizedDataset(llm.tokenizer, rows, format_example), out, lr=4e-4, epochs=4)
    test_model(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test"])
    parser.add_argument("--output_dir", default="")
    args = parser.parse_args()
    if args.command == "train":
        train_model(args.output_dir)
    else:
        test_model(args.output_dir or RFT_DIR)
