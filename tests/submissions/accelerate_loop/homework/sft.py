import argparse
from pathlib import Path

import torch
from peft import PeftModel

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .trainer import fit

HERE = Path(__file__).resolve().parent


class SFTModel(BaseLLM):
    adapter = HERE / "sft_adapter"
    max_new_tokens = 20

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def with_adapter(self, path=None):
        path = Path(path or self.adapter)
        if not path.joinpath("adapter_config.json").exists():
            raise FileNotFoundError(path)
        self.model = PeftModel.from_pretrained(self.model, path).eval()
        return self


def load():
    return SFTModel().with_adapter()


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{answer:.5g}</answer>"}


def tokenize(tokenizer, question, answer):
    q = tokenizer(question)["input_ids"]
    a = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": q + a, "labels": [-100] * len(q) + a}


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


def make_collate(pad_id):
    def collate(rows):
        n = max(len(r["input_ids"]) for r in rows)
        ids = torch.full((len(rows), n), pad_id)
        labels = torch.full((len(rows), n), -100)
        mask = torch.zeros((len(rows), n), dtype=torch.long)
        for i, r in enumerate(rows):
            m = len(r["input_ids"])
            ids[i, :m] = torch.tensor(r["input_ids"])
            labels[i, :m] = torch.tensor(r["labels"])
            mask[i, :m] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    return collate


def run_training(cls, split, format_fn, output_dir, rank, **kwargs):
    llm = cls()
    data = list(Dataset(split))
    cut = len(data) // 10
    held_out = TokenizedDataset(llm.tokenizer, data[:cut], format_fn)
    rows = TokenizedDataset(llm.tokenizer, data[cut:], format_fn)
    fit(llm, rows, held_out, make_collate(llm.tokenizer.pad_token_id), output_dir, rank, **kwargs)


def train_model(output_dir=SFTModel.adapter, **kwargs):
    run_training(SFTModel, "train", format_example, output_dir, rank=8, **kwargs)


def test_model(ckpt_path=SFTModel.adapter):
    res = benchmark(SFTModel().with_adapter(ckpt_path), Dataset("valid"), 100)
    print("accuracy", res.accuracy, "answer rate", res.answer_rate)


def cli(train, test, load_fn, default):
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test", "load"])
    parser.add_argument("--output_dir", "--output-dir", "--ckpt_path", dest="path", default=str(default))
    args = parser.parse_args()
    {"train": train, "test": test, "load": lambda _: load_fn()}[args.command](args.path)


if __name__ == "__main__":
    cli(train_model, test_model, load, SFTModel.adapter)
