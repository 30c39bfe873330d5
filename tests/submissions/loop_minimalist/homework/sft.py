import argparse
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

FOLDER = Path(__file__).resolve().parent / "sft_model"


def restore(folder):
    from peft import PeftModel

    llm = BaseLLM()
    # no is_trainable: this one only answers
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def load():
    return restore(FOLDER)


def tokenize(tokenizer, question, answer):
    q = tokenizer(question)["input_ids"]
    a = tokenizer(" " + answer)["input_ids"] + [tokenizer.eos_token_id]
    if len(q) + len(a) > 256:
        raise ValueError("row too long")
    return {"input_ids": q + a, "attention_mask": [1] * len(q + a), "labels": [-100] * len(q) + a}


def format_example(prompt, answer):
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset(list):
    def __init__(self, tokenizer, data, format_fn):
        super().__init__(tokenize(tokenizer, **format_fn(*row)) for row in data)


def train_model(output_dir=None, **options):
    from .loop import fit

    out = Path(output_dir).expanduser().resolve() if output_dir else FOLDER
    llm = BaseLLM()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), out, rank=8, **options)
    test_model(out)


def test_model(ckpt_path=FOLDER):
    r = benchmark(restore(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {r.accuracy:.2f} answer rate {r.answer_rate:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test"])
    parser.add_argument("--output_dir", "--output-dir")
    parser.add_argument("--amp", choices=["bf16", "fp16"], default=None)
    ns = parser.parse_args()
    if ns.command == "train":
        train_model(ns.output_dir, amp=ns.amp)
    else:
        test_model(ns.output_dir or FOLDER)
