from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from .base_llm import BaseLLM
from .config import MAX_PARAMETERS, LoraSettings, TrainSettings

Encoded = dict[str, list[int]]
Batch = dict[str, torch.Tensor]


class NonFiniteLoss(RuntimeError):
    pass


def with_lora(llm: BaseLLM, lora: LoraSettings) -> None:
    llm.model = get_peft_model(
        llm.model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
            bias="none",
            inference_mode=False,
        ),
    )
    total: int = sum(parameter.numel() for parameter in llm.model.parameters())
    if total > MAX_PARAMETERS:
        raise ValueError(f"{total:,} parameters, {MAX_PARAMETERS:,} are allowed: choose a lower rank")


def load_adapter(llm: BaseLLM, folder: Path) -> None:
    """Put a trained adapter on the base: safetensors, or the older .bin if there is nothing newer."""
    if not (folder / "adapter_model.safetensors").is_file():
        if not (folder / "adapter_model.bin").is_file():
            raise FileNotFoundError(f"no trained adapter in {folder}")
        print(f"{folder}: an older adapter_model.bin")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder))
    llm.model.to(llm.device).eval()


def collate(rows: list[Encoded], pad_token_id: int) -> Batch:
    width: int = max(len(row["input_ids"]) for row in rows)
    fill: dict[str, int] = {"input_ids": pad_token_id, "attention_mask": 0, "labels": -100}
    return {name: torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows]) for name, value in fill.items()}


def micro_batches(batch: Batch, size: int) -> Iterator[Batch]:
    for start in range(0, batch["input_ids"].shape[0], size):
        yield {name: tensor[start : start + size] for name, tensor in batch.items()}


def run(llm: BaseLLM, dataset: TorchDataset, settings: TrainSettings) -> list[float]:
    settings = settings.checked()
    torch.manual_seed(settings.seed)
    model: Any = llm.model.train()
    pad: int = llm.tokenizer.pad_token_id
    loader: DataLoader[Any] = DataLoader(
        dataset, batch_size=settings.batch_size, shuffle=True, collate_fn=lambda rows: collate(rows, pad)
    )
    trained: list[torch.nn.Parameter] = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.0)
    steps: int = len(loader) * settings.epochs
    warmup: int = max(1, round(steps * settings.warmup_fraction))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    scaler = torch.amp.GradScaler(llm.device.type, enabled=settings.precision == "fp16")
    autocast: AbstractContextManager[Any]
    history: list[float] = []
    for epoch in range(settings.epochs):
        for batch in loader:
            labelled: int = int((batch["labels"][:, 1:] != -100).sum())
            total = 0.0
            for part in micro_batches(batch, settings.micro_batch_size):
                wanted: torch.dtype | None = settings.autocast_dtype
                autocast = torch.autocast(llm.device.type, wanted) if wanted else nullcontext()
                with autocast:
                    logits = model(input_ids=part["input_ids"].to(llm.device), attention_mask=part["attention_mask"].to(llm.device)).logits
                targets: torch.Tensor = part["labels"][:, 1:].to(llm.device)
                loss = torch.nn.functional.cross_entropy(
                    logits[:, :-1].float().flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
                ) / labelled
                if not torch.isfinite(loss):
                    raise NonFiniteLoss(f"loss {loss.item()} at step {len(history)}; nothing was saved")
                scaler.scale(loss).backward()
                total += loss.item()
            scaler.unscale_(optimizer)
            norm: torch.Tensor = torch.nn.utils.clip_grad_norm_(trained, settings.max_grad_norm)
            if not scaler.is_enabled() and not torch.isfinite(norm):
                raise NonFiniteLoss(f"gradient norm {norm.item()} at step {len(history)}")
            scaler.step(optimizer)  # with fp16 the first steps may overflow; the scaler leaves those out by itself
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            history.append(total)
        print(f"epoch {epoch + 1}/{settings.epochs}  loss {history[-1]:.4f}  grad_norm {norm.item():.3f}")
    return history
