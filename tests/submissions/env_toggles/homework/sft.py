from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import get_peft_model
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from . import env, wording
from .adapter_store import HERE, put_on, recipe
from .base_llm import BaseLLM
from .data import Dataset, benchmark

SAVED = HERE / "sft_model"


def load() -> BaseLLM:
    return put_on(BaseLLM(), SAVED)


def tokenize(tokenizer, question: str, answer: str):
    asked = tokenizer(question)["input_ids"]
    wanted = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": asked + wanted,
        "attention_mask": [1] * (len(asked) + len(wanted)),
        "labels": [-100] * len(asked) + wanted,
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": wording.ask(prompt), "answer": wording.value(answer)}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def collator(pad_token_id: int):
    blanks = {"input_ids": pad_token_id, "attention_mask": 0, "labels": -100}

    def collate(rows):
        width = max(len(row["input_ids"]) for row in rows)
        return {
            name: torch.tensor([row[name] + [blank] * (width - len(row[name])) for row in rows])
            for name, blank in blanks.items()
        }

    return collate


def fit(make_llm, rows, format_fn, output_dir, rank: int):
    set_seed(env.SEED.get())
    with env.switched(WEIGHTS="float32"):
        llm = make_llm()
    accelerator = Accelerator(mixed_precision="no")
    model = get_peft_model(llm.model, recipe(rank))
    model.print_trainable_parameters()
    loader = DataLoader(
        TokenizedDataset(llm.tokenizer, rows, format_fn),
        batch_size=env.BATCH.get(),
        shuffle=True,
        collate_fn=collator(llm.tokenizer.pad_token_id),
    )
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=env.LEARNING_RATE.get())
    total = len(loader) * env.EPOCHS.get()
    schedule = get_cosine_schedule_with_warmup(optimizer, max(1, total // 20), total)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
    model.train()
    for epoch in range(env.EPOCHS.get()):
        for batch in loader:
            loss = model(**batch).loss
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss became {loss.item()} in epoch {epoch}")
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        accelerator.print(f"epoch {epoch}: {loss.item():.4f}")
    accelerator.unwrap_model(model).save_pretrained(str(output_dir))


def report(llm: BaseLLM):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")


def train_model(output_dir: str = str(SAVED), rank: int = 8):
    fit(BaseLLM, Dataset("train"), format_example, output_dir, rank)
    test_model(output_dir)


def test_model(ckpt_path: str = str(SAVED)):
    report(put_on(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
