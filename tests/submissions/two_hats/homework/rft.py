import argparse

from .data import Dataset
from .base_llm import BaseLLM
from .lora import encode as tokenize, run, score, unwrap


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + " Think:"


def format_example(prompt, answer, reasoning):
    return {"question": prompt.strip() + " Think:", "answer": " " + reasoning}


def load():
    return unwrap(RFTModel(), "rft_model")


def train_model(output_dir="rft_model", **kwargs):
    llm = RFTModel()
    run(llm, [tokenize(llm.tokenizer, **format_example(*row)) for row in Dataset("rft")], output_dir, rank=16, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    score(unwrap(RFTModel(), ckpt_path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["train", "test", "load"])
    dict(train=train_model, test=test_model, load=load)[parser.parse_args().what]()
