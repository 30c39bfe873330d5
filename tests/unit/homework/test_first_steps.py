"""What the reports checked by hand before they trusted a run, on the library's own loop and the tiny model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import support
import torch

from homework import lora, sft, trainer_settings
from homework.batching import BatchPlan
from homework.configuration import TrainingConfig
from homework.data import Dataset
from homework.precision import Precision
from homework.tokens import IGNORED, Collator, TokenizedDataset

FP32 = Precision("fp32", "fp32", "asked for")


@pytest.fixture
def items(small_data: Path) -> TokenizedDataset:
    """Forty rows, tokenized."""
    return TokenizedDataset(support.tiny_tokenizer(), Dataset("train"), sft.format_example)


def make(tiny_base: Path, items: TokenizedDataset, **options: Any) -> Any:  # noqa: ANN401 - a Trainer
    """The library's Trainer over the tiny model."""
    llm = sft.SFTModel(str(tiny_base), dtype="fp32", device="cpu")
    torch.manual_seed(0)
    llm.model = lora.add_adapter(llm.model, 4)
    settings: dict[str, Any] = {"lr": 1e-2, "warmup_steps": 3, "max_steps": 10, "logging_steps": 1, "epochs": 2}
    config = TrainingConfig(**settings | options)
    return trainer_settings.make_trainer(llm, items, config, FP32, BatchPlan(4, 1, ""))


def test_loss_of_a_single_row_is_finite(tiny_base: Path, items: TokenizedDataset) -> None:
    """And of the order of guessing: the logarithm of the vocabulary."""
    model = make(tiny_base, items).model
    loss = model(**Collator(2)([items[0]])).loss.item()

    assert 0.5 * math.log(259) < loss < 2 * math.log(259)


def test_every_row_has_supervised_tokens(items: TokenizedDataset) -> None:
    """The answer, its closing tag and end-of-text."""
    counts = [sum(label != IGNORED for label in item["labels"]) for item in items.items]

    assert min(counts) >= len("1</answer>") + 1


def test_gradients_flow_into_every_factor(tiny_base: Path, items: TokenizedDataset) -> None:
    """Into every lora_B at the first step, and into every lora_A once B is no longer zero."""
    model = make(tiny_base, items).model
    batch = Collator(2)(items.items[:4])
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    flowing = []
    for _ in range(2):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        flowing.append(
            {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
        )
        optimizer.step()

    assert all("lora_B" in name for name in flowing[0])
    assert flowing[1] == {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_loss_falls_within_ten_steps(tiny_base: Path, items: TokenizedDataset) -> None:
    """On forty rows, by a tenth at least."""
    trainer = make(tiny_base, items, warmup_steps=0)
    trainer.train()
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]

    assert losses[-1] < 0.9 * losses[0], losses


def test_schedule_warms_up_and_comes_down(tiny_base: Path, items: TokenizedDataset) -> None:
    """Three steps up, then a cosine to 0."""
    trainer = make(tiny_base, items)
    trainer.train()
    rates = [record["learning_rate"] for record in trainer.state.log_history if "loss" in record]

    assert rates[0] == 0
    assert max(rates) == rates[3] == 1e-2
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_adapter_is_updated_and_base_is_not(tiny_base: Path, items: TokenizedDataset) -> None:
    """Every tensor of the adapter differs afterwards, none of the base."""
    trainer = make(tiny_base, items)
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    trainer.train()
    changed = {name for name, weight in trainer.model.state_dict().items() if not torch.equal(weight, before[name])}

    assert changed == {name for name in before if "lora_" in name}
