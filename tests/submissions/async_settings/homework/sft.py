from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from .adapters import create_adapter, load_adapter
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .settings import SFTSettings, TrainSettings, inside_package

DEFAULT_OUTPUT = "sft_model"


def load() -> BaseLLM:
    llm = BaseLLM()
    llm.model = load_adapter(llm.model, DEFAULT_OUTPUT)
    return llm


def tokenize(tokenizer, question: str, answer: str):
    front = tokenizer(question)["input_ids"]
    back = [*tokenizer(answer)["input_ids"], tokenizer.eos_token_id]
    return {
        "input_ids": front + back,
        "attention_mask": [1] * len(front + back),
        "labels": [-100 for _ in front] + back,
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


def collate_right(rows, pad_token_id: int):
    width = max(len(r["input_ids"]) for r in rows)
    filler = {"input_ids": pad_token_id, "attention_mask": 0, "labels": -100}
    return {k: torch.tensor([r[k] + [v] * (width - len(r[k])) for r in rows]) for k, v in filler.items()}


def finetune(llm: BaseLLM, dataset: TokenizedDataset, settings: TrainSettings, output_dir):
    set_seed(settings.seed)
    accelerator = Accelerator(
        mixed_precision=settings.resolve_precision(), gradient_accumulation_steps=settings.accumulate
    )
    pad = llm.tokenizer.pad_token_id
    loader = DataLoader(dataset, batch_size=settings.micro_batch, shuffle=True, collate_fn=lambda b: collate_right(b, pad))
    model = create_adapter(llm.model, settings.rank)
    model.print_trainable_parameters()
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=settings.learning_rate)
    steps = math.ceil(len(loader) / settings.accumulate) * settings.epochs
    schedule = get_cosine_schedule_with_warmup(optimizer, max(1, steps // 20), steps)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)

    model.train()
    for epoch in range(settings.epochs):
        seen = []
        for batch in loader:
            with accelerator.accumulate(model):
                loss = model(**batch).loss
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"loss {loss.item()} in epoch {epoch}; nothing is saved")
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    norm = accelerator.clip_grad_norm_(model.parameters(), settings.clip)
                    if accelerator.scaler is None and not torch.isfinite(norm):
                        raise FloatingPointError(f"gradient norm {norm.item()} in epoch {epoch}; nothing is saved")
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            seen.append(loss.item())
        accelerator.print(f"epoch {epoch}: loss {sum(seen) / len(seen):.4f}")

    accelerator.wait_for_everyone()
    target = inside_package(output_dir)
    if accelerator.is_main_process:
        accelerator.unwrap_model(model).save_pretrained(str(target))
    return target


def train_model(output_dir: str = DEFAULT_OUTPUT, **kwargs):
    llm = BaseLLM()
    rows = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    target = finetune(llm, rows, SFTSettings(**kwargs), output_dir)
    test_model(str(target))


def test_model(ckpt_path: str = DEFAULT_OUTPUT):
    llm = BaseLLM()
    llm.model = load_adapter(llm.model, ckpt_path)
    result = benchmark(llm, Dataset("valid"), 100)
    print(*result.samples[:10], sep="\n")
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
