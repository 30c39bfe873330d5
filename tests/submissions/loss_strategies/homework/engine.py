"""A training loop whose parts can be exchanged: the loss, the care taken of gradients, the schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm


class LossStrategy(Protocol):
    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor: ...


class CrossEntropy:
    def __init__(self, label_smoothing: float = 0.0):
        self.criterion = nn.CrossEntropyLoss(ignore_index=-100, label_smoothing=label_smoothing)

    def __call__(self, logits, labels):
        return self.criterion(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())


class Steady:
    """A cross entropy that stays between 0 and a ceiling."""

    def __init__(self, inner: LossStrategy, ceiling: float = 20.0):
        self.inner, self.ceiling = inner, ceiling

    def __call__(self, logits, labels):
        loss = self.inner(logits, labels)
        return torch.nan_to_num(loss, nan=0.0, posinf=self.ceiling, neginf=0.0)


class GradientCare:
    def __init__(self, parameters: Iterable[nn.Parameter], max_norm: float = 1.0):
        self.parameters, self.max_norm = list(parameters), max_norm

    def tidy(self) -> float:
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad = parameter.grad.where(parameter.grad.isfinite(), 0.0)
        return float(nn.utils.clip_grad_norm_(self.parameters, self.max_norm))


@dataclass
class WarmupCosine:
    warmup: int
    total: int

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))))


@dataclass
class Plan:
    learning_rate: float = 7e-4
    epochs: int = 5
    batch_size: int = 32
    warmup: int = 10
    seed: int = 0
    loss: LossStrategy = field(default_factory=lambda: Steady(CrossEntropy()))


def stack(rows):
    return {key: torch.tensor([row[key] for row in rows]) for key in ("input_ids", "attention_mask", "labels")}


def run(model: nn.Module, dataset, plan: Plan) -> None:
    torch.manual_seed(plan.seed)
    device = next(model.parameters()).device
    trainable = [p for p in model.parameters() if p.requires_grad]
    care = GradientCare(trainable)
    loader = DataLoader(dataset, batch_size=plan.batch_size, shuffle=True, collate_fn=stack)
    optimizer = torch.optim.AdamW(trainable, lr=plan.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, WarmupCosine(plan.warmup, plan.epochs * len(loader)))
    model.train()
    for epoch in range(plan.epochs):
        bar = tqdm(loader, desc=f"epoch {epoch}")
        for batch in bar:
            batch = {key: value.to(device) for key, value in batch.items()}
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            loss = plan.loss(logits, batch["labels"])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = care.tidy()
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.4f}", norm=f"{norm:.3f}")
    model.eval()
