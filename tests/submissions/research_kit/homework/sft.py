import argparse
from pathlib import Path

from .adapters import SFT_DIR, for_answers, fresh
from .base_llm import CLOSE, OPEN, BaseLLM
from .data import Dataset, benchmark


def load() -> BaseLLM:
    return for_answers(SFT_DIR)


def tokenize(tokenizer, question: str, answer: str) -> dict[str, list[int]]:
    question_ids = tokenizer(question).input_ids
    answer_ids = tokenizer(f" {answer}").input_ids + [tokenizer.eos_token_id]
    return dict(
        input_ids=question_ids + answer_ids,
        attention_mask=[1] * (len(question_ids) + len(answer_ids)),
        labels=[-100] * len(question_ids) + answer_ids,
    )


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"{OPEN}{round(answer, 3)}{CLOSE}"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.examples = [tokenize(tokenizer, **format_fn(*row)) for row in data]

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, i):
        return self.examples[i]


def train_model(output_dir: str = "", **kwargs) -> None:
    from .training import run

    out = Path(output_dir) if output_dir else SFT_DIR
    llm = fresh(BaseLLM(), rank=16)
    run(llm, TokenizedDataset(llm.tokenizer, list(Dataset("train")), format_example), out, lr=7e-4, epochs=5)
    test_model(out)


def test_model(ckpt_path=SFT_DIR) -> None:
    result = benchmark(for_answers(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test"])
    parser.add_argument("--output_dir", default="")
    args = parser.parse_args()
    if args.command == "train":
        train_model(args.output_dir)
    else:
        test_model(args.output_dir or SFT_DIR)
