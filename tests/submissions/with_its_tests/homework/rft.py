import os
import sys

from .base_llm import BaseLLM
from .data import HERE, Dataset, benchmark
from .sft import find_adapter, tokenize, train_adapter

OUT = os.path.join(HERE, "rft_model")


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + "\nSteps:"


def load(folder=OUT):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, find_adapter(folder)).to(llm.device)
    llm.model.eval()
    return llm


def train_model(output_dir=OUT, **kwargs):
    llm = RFTModel()
    rows = [tokenize(llm.tokenizer, q.strip() + "\nSteps:", " " + why) for q, _, why in Dataset("rft").data]
    train_adapter(llm, rows, output_dir, 16, **kwargs)


def test_model(ckpt_path=OUT):
    print(benchmark(load(ckpt_path), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
