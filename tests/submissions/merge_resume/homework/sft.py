import os
import shutil
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from .base_llm import BaseLLM
from .data import Dataset, benchmark

SFT_DIR = Path(os.environ.get("SFT_DIR", Path(__file__).resolve().parent / "sft_model"))
MAX_LENGTH = 128


def sft_prompt(question: str) -> str:
    return f"{question.strip()} <answer>"


class SFTModel(BaseLLM):
    max_new_tokens = 24

    def format_prompt(self, question: str) -> str:
        return sft_prompt(question)


def attach(llm: BaseLLM, folder: Path) -> None:
    if not (folder / "adapter_config.json").is_file():
        raise FileNotFoundError(f"no adapter in {folder}, train first")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()


def load() -> SFTModel:
    llm = SFTModel()
    attach(llm, SFT_DIR)
    return llm


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": sft_prompt(prompt), "answer": f"{round(answer, 4):g}</answer>"}


def tokenize(tokenizer, question: str, answer: str) -> dict:
    head = tokenizer(question, add_special_tokens=False)["input_ids"]
    tail = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": head + tail,
        "attention_mask": [1] * (len(head) + len(tail)),
        "labels": [-100] * len(head) + tail,
    }


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        rows = [tokenize(tokenizer, **format_fn(*data[i])) for i in range(len(data))]
        self.rows = [r for r in rows if len(r["input_ids"]) <= MAX_LENGTH]
        print(f"{len(self.rows)} rows kept, {len(rows) - len(self.rows)} longer than {MAX_LENGTH} tokens dropped")
        assert self.rows, "no training row left"
        assert all(any(t != -100 for t in r["labels"]) for r in self.rows), "a row has no label"

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        return self.rows[idx]


def collator(pad_id: int):
    def collate(rows):
        width = max(len(r["input_ids"]) for r in rows)

        def pad(key, value):
            return torch.tensor([r[key] + [value] * (width - len(r[key])) for r in rows])

        return {"input_ids": pad("input_ids", pad_id), "attention_mask": pad("attention_mask", 0), "labels": pad("labels", -100)}

    return collate


def fit(llm, rows, output_dir, rank: int, learning_rate: float, epochs: int):
    config = LoraConfig(
        task_type="CAUSAL_LM", target_modules="all-linear", bias="none", r=rank, lora_alpha=4 * rank, lora_dropout=0.05
    )
    model = get_peft_model(llm.model, config)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable > 0, "nothing to train"
    print(f"{trainable:,} trainable parameters")
    model.enable_input_require_grads()

    output_dir = Path(output_dir).resolve()
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    with tempfile.TemporaryDirectory(dir=output_dir.parent) as scratch:
        args = TrainingArguments(
            output_dir=f"{scratch}/trainer",
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            learning_rate=learning_rate,
            warmup_ratio=0.05,
            lr_scheduler_type="cosine",
            bf16=bf16,
            gradient_checkpointing=torch.cuda.is_available(),
            gradient_checkpointing_kwargs={"use_reentrant": False},
            max_grad_norm=1.0,
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            seed=0,
        )
        Trainer(model=model, args=args, train_dataset=rows, data_collator=collator(llm.tokenizer.pad_token_id)).train()
        fresh = Path(scratch) / "adapter"
        model.save_pretrained(str(fresh))
        if output_dir.exists():
            shutil.rmtree(output_dir)
        shutil.move(str(fresh), str(output_dir))
    print("saved to", output_dir)


def train_model(output_dir: str = str(SFT_DIR), epochs: int = 5, lr: float = 7e-4):
    llm = SFTModel()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, 8, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(SFT_DIR)):
    llm = SFTModel()
    attach(llm, Path(ckpt_path))
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
