"""A small training loop: rows -> token lists -> batches -> steps, each a generator over the one before."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice

import torch
import torch.nn.functional as F
from tqdm import tqdm

from .base_llm import mode

IGNORE = -100


def encode(tokenizer, pairs: Iterable[tuple[str, str]], limit: int) -> Iterator[dict[str, list[int]]]:
    for prompt, completion in pairs:
        head = tokenizer(prompt).input_ids
        tail = tokenizer(completion).input_ids + [tokenizer.eos_token_id]
        if len(head) + len(tail) > limit:
            raise ValueError(f"row of {len(head) + len(tail)} tokens, limit {limit}: {prompt!r}")
        yield {"input_ids": head + tail, "labels": [IGNORE] * len(head) + tail}


def split(rows: list, budget: int) -> Iterator[list]:
    """Cut rows into halves until one part, padded, has at most ``budget`` tokens; a lone row is never cut."""
    longest = max(len(row["input_ids"]) for row in rows)
    if len(rows) == 1 or longest * len(rows) <= budget:
        yield rows
        return
    middle = len(rows) // 2
    yield from split(rows[:middle], budget)
    yield from split(rows[middle:], budget)


def pad_right(rows: list, pad_id: int, device) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)

    def tensor(values, filler):
        return torch.tensor([v + [filler] * (longest - len(v)) for v in values], device=device)

    ids = [row["input_ids"] for row in rows]
    return {
        "input_ids": tensor(ids, pad_id),
        "attention_mask": tensor([[1] * len(v) for v in ids], 0),
        "labels": tensor([row["labels"] for row in rows], IGNORE),
    }


def epochs(rows: list, count: int, batch: int, rng: random.Random) -> Iterator[list]:
    for _ in range(count):
        order = iter(rng.sample(rows, len(rows)))
        while step := list(islice(order, batch)):
            yield step


def summed_loss(model, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
    targets = batch["labels"][:, 1:]
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")


class Precision:
    """bf16 where the GPU has it, float32 otherwise; fp16 only when asked for, on CUDA, with a scaler."""

    def __init__(self, device: torch.device, wish: str | None = None):
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.name = wish or ("bf16" if has_bf16 else "fp32")
        if self.name == "fp16" and device.type != "cuda":
            raise ValueError("fp16 is for CUDA only")
        if self.name == "bf16" and not has_bf16:
            raise ValueError("no bf16 on this device")
        self.device = device
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.name == "fp16")

    def autocast(self):
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        return torch.autocast(self.device.type, kinds[self.name]) if self.name in kinds else nullcontext()

    def backward(self, loss):
        self.scaler.scale(loss).backward()

    def step(self, optimizer, parameters) -> tuple[float, bool]:
        """Gradient norm, and whether the weights were changed."""
        self.scaler.unscale_(optimizer)
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, 1.0))
        if not math.isfinite(norm) and not self.scaler.is_enabled():
            raise FloatingPointError(f"gradient norm is {norm}; the weights are still those of the step before")
        before = self.scaler.get_scale()
        self.scaler.step(optimizer)  # leaves a step out by itself when fp16 overflowed
        self.scaler.update()
        return norm, self.scaler.get_scale() >= before


def fit(model, rows: list, pad_id: int, *, lr: float, n_epochs: int, batch: int = 32, token_budget: int = 2048,
        precision: str | None = None, seed: int = 0):
    device = next(model.parameters()).device
    amp = Precision(device, precision)
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise RuntimeError("no parameter requires a gradient")
    optimizer = torch.optim.AdamW(trainable, lr=lr, weight_decay=0.0)
    total = n_epochs * math.ceil(len(rows) / batch)
    warm = max(1, total // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda s: (s + 1) / warm if s < warm else 0.5 * (1 + math.cos(math.pi * (s - warm) / max(1, total - warm))),
    )
    shown = torch.full((total,), math.nan)
    with mode(model, training=True), tqdm(total=total, desc=amp.name) as bar:
        for number, step in enumerate(epochs(rows, n_epochs, batch, random.Random(seed))):
            optimizer.zero_grad(set_to_none=True)
            targets = sum(label != IGNORE for row in step for label in row["labels"][1:])
            loss_sum = 0.0
            for part in split(step, token_budget):
                with amp.autocast():
                    loss = summed_loss(model, pad_right(part, pad_id, device)) / targets
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"loss is {loss.item()} in step {number}")
                amp.backward(loss)
                loss_sum += loss.item()
            norm, moved = amp.step(optimizer, trainable)
            if moved:
                schedule.step()
            shown[number] = loss_sum
            bar.set_postfix(loss=f"{loss_sum:.4f}", norm=f"{norm:.2f}")
            bar.update()
    return sparkline(shown)


def sparkline(values: torch.Tensor, width: int = 60) -> str:
    bars = " .:-=+*#%@"
    picked = torch.nan_to_num(values[:: max(1, len(values) // width)], nan=0.0)  # steps that were never reached
    top = float(picked.max()) or 1.0
    return "".join(bars[int(v / top * (len(bars) - 1))] for v in picked.tolist())
