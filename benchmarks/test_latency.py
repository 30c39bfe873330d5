"""How long a fault lives before it is found: steps, tokens and seconds from injection to ``FailureFound``, on the 135M.

Each run is the library's own loop with the guard attached, 8 rows a step. A fault is brought about when step 4 begins,
or is there before the first; the clock runs from that moment, or from the call of ``train()``, to the exception. For
scale stands beside it what a step took. The figures go to ``results/latency.json``.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ratio import RESULTS, circumstances
from transformers import TrainerCallback

from homework import lora, sft, trainer_settings, training
from homework.batching import choose_batch
from homework.configuration import TrainingConfig
from homework.data import Dataset
from homework.tokens import IGNORED, TokenizedDataset
from unsilent import FailureFound, TrainingGuard

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.base

STEP, ROWS, LAST = 4, 8, 24
STORED = RESULTS / "latency.json"
TITLE = "Detection latency, 135M"


@dataclass
class Clock(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Counts tokens and steps, and calls for the fault when its step begins."""

    inject: Callable[[Any], None] | None
    trainer: Any = None
    tokens: int = 0
    since: float = 0.0
    tokens_then: int = 0
    begun: float = 0.0
    step_seconds: tuple[float, ...] = ()

    def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: object) -> None:  # noqa: ANN401
        """Bring the fault about."""
        self.begun = time.perf_counter()
        if self.inject and state.global_step + 1 == STEP:
            self.since, self.tokens_then = self.begun, self.tokens
            self.inject(self.trainer)

    def on_step_end(self, *_: object, **__: object) -> None:
        """A step is over."""
        self.step_seconds += (time.perf_counter() - self.begun,)


def poison_gradient(trainer: Any) -> None:  # noqa: ANN401 - a Trainer, here and below
    """One gradient of layer 17 becomes NaN."""
    weight = next(
        weight for name, weight in trainer.model.named_parameters() if "layers.17" in name and "lora_B" in name
    )
    weight.register_hook(lambda gradient: gradient * torch.nan)


def poison_weight(trainer: Any) -> None:  # noqa: ANN401
    """One weight becomes NaN."""
    weight = next(weight for name, weight in trainer.model.named_parameters() if "lora_A" in name)
    weight.data.view(-1)[0] = torch.nan


def overflow(trainer: Any) -> None:  # noqa: ANN401
    """The activations of one module leave the range of fp32."""
    trainer.model.get_submodule("base_model.model.model.layers.20.mlp.up_proj").register_forward_hook(
        lambda _module, _inputs, output: output * 1e38 * 1e38
    )


def mask_labels(trainer: Any) -> None:  # noqa: ANN401
    """From here on no row has a label."""
    real = trainer._prepare_inputs

    def prepare(inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        return real({**inputs, "labels": torch.full_like(inputs["labels"], IGNORED)})

    trainer._prepare_inputs = prepare


def zero_gradients(trainer: Any) -> None:  # noqa: ANN401
    """A gradient that is NaN, and code that writes 0 over it."""
    poison_weight(trainer)
    for weight in trainer.model.parameters():
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(write_zero)


def write_zero(weight: torch.nn.Parameter) -> None:
    """Over every NaN of its gradient."""
    if weight.grad is not None:
        weight.grad.nan_to_num_(0.0, 0.0, 0.0)


def raise_rate(trainer: Any) -> None:  # noqa: ANN401
    """A thousand times the learning rate."""
    trainer.lr_scheduler.base_lrs = [rate * 1000 for rate in trainer.lr_scheduler.base_lrs]


def freeze(trainer: Any) -> None:  # noqa: ANN401
    """No weight of the adapter requires a gradient."""
    for weight in trainer.model.parameters():
        weight.requires_grad_(requires_grad=False)


def no_rate(trainer: Any) -> None:  # noqa: ANN401
    """A learning rate of 0 for the whole run."""
    trainer.args.learning_rate = 0.0


def thaw_base(trainer: Any) -> None:  # noqa: ANN401
    """One weight of the base is trained, too."""
    next(weight for weight in trainer.model.parameters() if not weight.requires_grad).requires_grad_()


DURING = (poison_gradient, poison_weight, overflow, mask_labels, zero_gradients, raise_rate)
BEFORE = (freeze, no_rate, thaw_base)


def found_after(fault: Callable[[Any], None], *, before: bool) -> dict[str, Any]:
    """Train until the fault is found; what that took."""
    config = TrainingConfig(checkpoint="embedded", max_steps=LAST, effective_batch=ROWS, warmup_steps=2)
    llm, precision = training._load_base(config, sft.SFTModel)
    batch = choose_batch(llm.device, effective_batch=ROWS)
    items = TokenizedDataset(llm.tokenizer, Dataset("train"), sft.format_example)
    items.group_by_length(1, batch.micro_batch_size, random.Random(0))
    torch.manual_seed(0)
    llm.model = lora.add_adapter(llm.model, config.rank)
    clock = Clock(None if before else fault)
    llm.model.register_forward_pre_hook(lambda _module, _args, inputs: count(clock, inputs), with_kwargs=True)
    clock.trainer = trainer = trainer_settings.make_trainer(llm, items, config, precision, batch)
    trainer.add_callback(clock)
    TrainingGuard().attach(trainer)
    if before:
        fault(trainer)
    clock.since = time.perf_counter()
    with pytest.raises(FailureFound) as found:
        trainer.train()
    seconds = time.perf_counter() - clock.since
    return {
        "found": found.value.failure.slug,
        "steps": 0 if before else (found.value.step or 0) - STEP,
        "tokens": clock.tokens - clock.tokens_then,
        "seconds": round(seconds, 3),
        "seconds_a_step": round(statistics.median(clock.step_seconds), 3) if clock.step_seconds else None,
    }


def count(clock: Clock, inputs: dict[str, Any]) -> None:
    """Tokens that go into the model to be trained on."""
    if torch.is_grad_enabled():
        clock.tokens += inputs["input_ids"].numel()


@pytest.mark.filterwarnings("ignore")
def test_latency(benchmark: Any) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Nine faults, each in a run of its own."""
    rows = {}
    for fault in (*BEFORE, *DURING):
        title = str(fault.__doc__).removesuffix(".")
        rows[title] = found_after(fault, before=fault in BEFORE)
        said = ", ".join(f"{name} {value}" for name, value in rows[title].items())
        print(f"  {title}: {said}", flush=True)
    benchmark.pedantic(lambda: None, rounds=1)
    entry = {**circumstances(), "rows_a_step": ROWS, "faults": rows}
    STORED.write_text(json.dumps({TITLE: entry}, indent=1) + "\n")
