import json
import sys
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR
from .sft import FOLDER as SFT_FOLDER
from .sft import TokenizedDataset, restore, test_model

FOLDER = Path(__file__).resolve().parent / "rft_model"


def load():
    return restore(FOLDER)


def format_example(question, answer, reasoning):
    return {"question": question.strip(), "answer": reasoning.strip()}


def train_model(output_dir=FOLDER, warm=False, **options):
    from .loop import fit

    llm = BaseLLM()
    with open(DATA_DIR / "rft.json") as f:
        rows = TokenizedDataset(llm.tokenizer, json.load(f), format_example)
    fit(llm, rows, output_dir, start_from=SFT_FOLDER if warm else None, **options)
    test_model(output_dir)


if __name__ == "__main__":
    {"train": train_model, "test": lambda: test_model(FOLDER)}[sys.argv[1]]()
