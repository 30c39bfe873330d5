from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel, get_peft_model
from transformers import Trainer

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .options import ROOT, TrainOptions, command_line

MASKED = -100


def adapter_in(folder) -> Path:
    folder = Path(folder)
    names = ("adapter_model.safetensors", "adapter_model.bin")
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(f"expected one of {names} in {folder}")
    return folder


def load_into(llm: BaseLLM, folder) -> BaseLLM:
    llm.model = PeftModel.from_pretrained(llm.model, str(adapter_in(folder))).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return load_into(BaseLLM(), ROOT / "sft_model")


def tokenize(tokenizer, question: str, answer: str, max_length: int = 160):
    prompt_ids = tokenizer(question)["input_ids"]
    answer_ids = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    if len(prompt_ids) + len(answer_ids) > max_length:
        raise ValueError(f"longer than {max_length} tokens: {question}")
    return {
        "input_ids": prompt_ids + answer_ids,
        "labels": [MASKED] * len(prompt_ids) + answer_ids,
        "attention_mask": [1] * (len(prompt_ids) + len(answer_ids)),
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


class Collator:
    def __init__(self, tokenizer):
        self.fill = {"input_ids": tokenizer.pad_token_id, "labels": MASKED, "attention_mask": 0}

    def __call__(self, rows):
        longest = max(len(row["input_ids"]) for row in rows)
        batch = {}
        for key, value in self.fill.items():
            batch[key] = torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])
        return batch


def fit(llm: BaseLLM, rows, format_fn, options: TrainOptions):
    model = get_peft_model(llm.model, options.lora_config())
    model.enable_input_require_grads()
    model.config.use_cache = False
    trainer = Trainer(
        model=model,
        args=options.training_arguments(),
        train_dataset=TokenizedDataset(llm.tokenizer, rows, format_fn),
        data_collator=Collator(llm.tokenizer),
    )
    trainer.train()
    model.save_pretrained(options.output_dir)


def report(llm: BaseLLM):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}, answer rate {result.answer_rate:.2f}")


def train_model(output_dir: str = str(ROOT / "sft_model"), **kwargs):
    options = TrainOptions.from_kwargs(output_dir=output_dir, **kwargs)
    fit(BaseLLM(), Dataset("train"), format_example, options)
    test_model(output_dir)


def test_model(ckpt_path: str = str(ROOT / "sft_model")):
    report(load_into(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    command_line(train=train_model, test=test_model, load=load)
