import argparse

from .base_llm import BaseLLM
from .data import Dataset
from .lora import encode as tokenize, run, score, unwrap


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return BaseLLM.parse_answer(self, "<answer>" + text)


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{answer:.3f}</answer>"}


def load():
    return unwrap(SFTModel(), "sft_model", "homework/sft_model")


def train_model(output_dir="homework/sft_model", **kwargs):
    llm = SFTModel()
    rows = [tokenize(llm.tokenizer, **format_example(*row)) for row in Dataset("train")]
    run(llm, rows, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="homework/sft_model"):
    score(unwrap(SFTModel(), ckpt_path))


def main():
    parser = argparse.ArgumentParser(prog="homework.sft")
    sub = parser.add_subparsers(dest="what", required=True)
    train = sub.add_parser("train")
    train.add_argument("--output_dir", default="homework/sft_model")
    train.add_argument("--num_train_epochs", type=int, default=5)
    test = sub.add_parser("test")
    test.add_argument("--ckpt_path", default="homework/sft_model")
    sub.add_parser("load")
    args = vars(parser.parse_args())
    {"train": train_model, "test": test_model, "load": load}[args.pop("what")](**args)


if __name__ == "__main__":
    main()
