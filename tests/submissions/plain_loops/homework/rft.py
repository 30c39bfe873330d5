import json
import os

from . import adapters, loop
from .base_llm import BaseLLM
from .data import ROOT, Dataset, benchmark


class RFT(BaseLLM):
    max_tokens_per_call = 90

    def format_prompt(self, question):
        return question.strip() + "\n"


def load(path=None):
    return adapters.attach(RFT(), adapters.place("rft_output", path))


def train_model(output_dir=None, **kwargs):
    llm = RFT()
    with open(os.path.join(ROOT, "data", "rft.json")) as f:
        pairs = [(llm.format_prompt(q), reasoning.strip()) for q, _, reasoning in json.load(f)]
    kwargs = {"rank": 16, "alpha": 64, **kwargs}
    loop.train(llm, pairs, adapters.place("rft_output", output_dir), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=None):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {r.accuracy:.2f} answered {r.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
