import argparse
import pathlib

import torch

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .store import AdapterSpec, AdapterStore


class Stage:
    split: str
    spec: AdapterSpec
    lr = 7e-4
    epochs = 5

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        cls.store = AdapterStore(cls.spec)

    # ---- to be filled in
    @staticmethod
    def completion(row):
        raise NotImplementedError

    # ---- the same for both
    @classmethod
    def load(cls, folder=None):
        llm = BaseLLM()
        llm.model = cls.store.ensure(llm.model, folder).to(llm.device)
        llm.model.eval()
        return llm

    @classmethod
    def rows(cls, llm):
        return TokenizedDataset(llm.tokenizer, Dataset(cls.split), lambda row: {
            "question": llm.format_prompt(row[0]), "answer": cls.completion(row),
        })

    @classmethod
    def train(cls, output_dir=None, **kwargs):
        import transformers

        out = cls.store.output(output_dir)
        out.mkdir(parents=True, exist_ok=True)
        llm = BaseLLM()
        model = cls.store.blank(llm.model)
        model.enable_input_require_grads()
        settings = {
            "output_dir": str(out),
            "num_train_epochs": cls.epochs,
            "learning_rate": cls.lr,
            "per_device_train_batch_size": 32,
            "gradient_checkpointing": True,
            "logging_steps": 5,
            "save_strategy": "no",
        }
        settings.update(kwargs)
        trainer = transformers.Trainer(
            model=model,
            args=transformers.TrainingArguments(**settings),
            train_dataset=cls.rows(llm),
            data_collator=transformers.default_data_collator,
        )
        trainer.train()
        model.save_pretrained(str(out))
        cls.test(out)

    @classmethod
    def test(cls, folder=None):
        result = benchmark(cls.load(pathlib.Path(folder) if folder else None), Dataset("valid"), 100)
        print(cls.__name__, "accuracy", result.accuracy, "answer rate", result.answer_rate)


class SFT(Stage):
    split = "train"
    spec = AdapterSpec("sft", rank=4)

    @staticmethod
    def completion(row):
        return f"<answer>{round(row[1], 3)}</answer>"


class RFT(Stage):
    split = "rft"
    spec = AdapterSpec("rft", rank=16)
    lr = 5e-4

    @staticmethod
    def completion(row):
        return row[2].strip()


def tokenize(tokenizer, question, answer, max_length=128):
    full = tokenizer(f"{question} {answer}{tokenizer.eos_token}", truncation=True, max_length=max_length)
    room = max_length - len(full["input_ids"])
    asked = len(tokenizer(question)["input_ids"])
    if asked >= max_length:
        raise ValueError("question longer than max_length")
    return {
        "input_ids": torch.tensor(full["input_ids"] + [tokenizer.eos_token_id] * room),
        "attention_mask": torch.tensor(full["attention_mask"] + [0] * room),
        "labels": torch.tensor([-100] * asked + full["input_ids"][asked:] + [-100] * room),
    }


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(self.data[i]))


def main(stage):
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["train", "test", "load"])
    p.add_argument("--output_dir", "--output-dir", default=None)
    p.add_argument("--ckpt_path", "--ckpt-path", default=None)
    o = p.parse_args()
    {
        "train": lambda: stage.train(o.output_dir),
        "test": lambda: stage.test(o.ckpt_path),
        "load": stage.load,
    }[o.what]()
