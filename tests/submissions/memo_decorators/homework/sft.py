from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from .base_llm import BaseLLM
from .config import PARTS, Part
from .data import Dataset, benchmark

PART = PARTS["sft"]


def attach(llm: BaseLLM, folder) -> BaseLLM:
    folder = Path(folder)
    found = [name for name in ("adapter_model.safetensors", "adapter_model.bin") if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"no trained adapter in {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def load() -> BaseLLM:
    return attach(BaseLLM(), PART.folder)


def tokenize(tokenizer, question: str, answer: str):
    before = tokenizer(question)["input_ids"]
    after = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": before + after,
        "labels": [-100] * len(before) + after,
        "attention_mask": [1] * (len(before) + len(after)),
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def pad_rows(rows, *, pad_id: int):
    longest = max(len(row["input_ids"]) for row in rows)
    blanks = {"input_ids": pad_id, "labels": -100, "attention_mask": 0}
    return {k: torch.tensor([row[k] + [v] * (longest - len(row[k])) for row in rows]) for k, v in blanks.items()}


def fit(part: Part, llm: BaseLLM, rows, format_fn, output_dir):
    model = get_peft_model(llm.model, LoraConfig(**part.lora()))
    model.print_trainable_parameters()
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    arguments = TrainingArguments(
        output_dir=str(output_dir),
        learning_rate=part.learning_rate,
        num_train_epochs=part.epochs,
        per_device_train_batch_size=32,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        bf16=bf16,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=TokenizedDataset(llm.tokenizer, rows, format_fn),
        data_collator=partial(pad_rows, pad_id=llm.tokenizer.pad_token_id),
    )
    trainer.train()
    trainer.save_model(str(output_dir))


def report(llm: BaseLLM):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")


def train_model(output_dir: str = str(PART.folder), **kwargs):
    fit(PART, BaseLLM(**kwargs), Dataset("train"), format_example, output_dir)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PART.folder)):
    report(attach(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
