import os
import sys

from . import sft
from .data import Dataset

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rft_model")


def load(path=OUT):
    return sft.load(path)


def train_model(output_dir=OUT):
    sft.train_model(output_dir, rows=Dataset("rft"), max_length=192, rank=12)


def test_model(ckpt_path=OUT):
    sft.test_model(ckpt_path)


if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
