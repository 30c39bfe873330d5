"""What a run is held to before its first step, and what it writes down about itself after the last one.

Apart from the loop, which reads the better without the bookkeeping. Checks and schema are those of ``unsilent``.
"""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

from unsilent.manifest import describe_run, sha256_of
from unsilent.memory import check_batch
from unsilent.outcome import FailureFound
from unsilent.precision import check_fp16

from .adapter_files import PACKAGE
from .adapter_loading import config_hash
from .devices import describe_device
from .precision import dtype_named, short_name
from .tokens import Collator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unsilent.outcome import Outcome

    from .base_llm import BaseLLM
    from .batching import BatchPlan
    from .configuration import TrainingConfig
    from .data import Dataset
    from .precision import Precision
    from .tokens import TokenizedDataset

CURVES = ("step", "loss", "grad_norm")  # what a report draws
MOST = 500  # records that the manifest keeps; of a longer log every second, third, ... and the last


def check_plan(
    llm: BaseLLM, items: TokenizedDataset, config: TrainingConfig, precision: Precision, batch: BatchPlan
) -> list[Outcome]:
    """Hold precision and batch to what was asked for; a guard, which sees the Trainer alone, cannot know that.

    Returns:
        Every outcome, for the manifest; a risk is said.

    Raises:
        FailureFound: An error.
    """
    longest = max((items[index] for index in range(len(items))), key=lambda item: len(item["input_ids"]))
    outcomes = [
        check_fp16(
            llm.model,
            arguments=SimpleNamespace(**precision.flags),
            asked_for=config.precision,
            has_bf16=describe_device(llm.device).has_bf16,
        ),
        check_batch(
            llm.model,
            Collator(llm.tokenizer.pad_token_id)([longest]),
            micro_batch_size=batch.micro_batch_size,
            accumulation_steps=batch.accumulation_steps,
            world_size=batch.processes,
            effective_batch=config.effective_batch,
            autocast=dtype_named(precision.name) if precision.autocast else None,
        ),
    ]
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.failure.severity == "error":
            raise FailureFound(outcome)
        if outcome.status == "failed":
            print(f"risk: {outcome.slug}: {outcome.message}", flush=True)
    return outcomes


def describe_stop(found: FailureFound) -> dict[str, object]:
    """Say in the manifest of a stopped run what stopped it, and when."""
    outcome = found.outcome.as_json()
    return {"stopped": {"step": found.step, **outcome}, "verdicts": [outcome]}


def describe_training(  # noqa: PLR0913, PLR0917 - all that a run chose
    config: TrainingConfig,
    llm: BaseLLM,
    precision: Precision,
    batch: BatchPlan,
    data: Dataset,
    log: Sequence[Mapping[str, float]],
) -> dict[str, object]:
    """Say what was chosen and why, in plain JSON, as ``unsilent/manifest.py`` lays down."""
    lora = llm.model.peft_config["default"]
    base = llm.model.get_base_model()
    return {
        **describe_run(PACKAGE),
        "base": {
            "name": llm.checkpoint.name,
            "revision": getattr(base.config, "_commit_hash", None),
            "config_sha256": config_hash(llm.checkpoint.path),
            "reason": llm.checkpoint.reason,
        },
        "dtype": {"base": short_name(base.dtype), "adapter": "fp32"},
        "precision": dataclasses.asdict(precision),
        "batch": dataclasses.asdict(batch),
        "device": dataclasses.asdict(describe_device(llm.device)),
        "lora": {
            "r": lora.r,
            "lora_alpha": lora.lora_alpha,
            "lora_dropout": lora.lora_dropout,
            "bias": lora.bias,
            "target_modules": sorted({name.rpartition(".")[2] for name in lora.target_modules}),
        },
        "config": dataclasses.asdict(config),
        "data": {"path": str(data.path), "sha256": sha256_of(data.path), "rows": len(data)},
        "seed": config.seed,
        "log": _summary(log),
    }


def _summary(log: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """First, last and extreme values of a log; a run that was stopped early may have none."""
    if not log:
        return {"steps": 0}
    return {
        "steps": int(log[-1]["step"]),
        "first": {name: _plain(value) for name, value in log[0].items()},
        "last": {name: _plain(value) for name, value in log[-1].items()},
        "lowest_loss": _plain(min(record["loss"] for record in log)),
        "highest_grad_norm": _plain(max(record["grad_norm"] for record in log)),
        "records": [
            [_plain(record[name]) for name in CURVES] for record in [*log[: -1 : 1 + len(log) // MOST], log[-1]]
        ],
    }


def _plain(value: float) -> float | str:
    """A number as JSON takes it; the norm of a step that a gradient scaler skipped becomes the word ``inf``."""
    return value if math.isfinite(value) else str(value)
