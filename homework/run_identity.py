"""What makes a run the same run, so that one can go on where another has stopped.

Everything that changes the trajectory: the rows as the model sees them, the frozen base, the precision, the batch, the
seed, the adapter, and the options of the optimizer. Not where the adapter goes, how often something is logged or saved,
nor how the file of the rows is written. Chosen values count, not how they came to be chosen: ``--precision fp32`` and
the automatic choice of fp32 are the same run. Versions and the device are circumstances: they may change the last bits
of a number, and are said, never refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch

from unsilent.manifest import describe_run, sha256_of

from .adapter_files import PACKAGE
from .devices import describe_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .base_llm import BaseLLM
    from .batching import BatchPlan
    from .configuration import TrainingConfig
    from .data import Dataset
    from .precision import Precision
    from .tokens import TokenizedDataset

# Options that leave the trajectory alone, and those whose outcome stands under another name below.
LEFT_OUT = {
    *("output_dir", "overwrite", "resume", "save_steps", "logging_steps", "unproven"),
    *("gradient_checkpointing", "max_length"),  # memory alone; a longer row is an error, never cut
    *("checkpoint", "precision", "base_dtype", "use_fp32_for_training", "micro_batch_size", "effective_batch"),
}
SHOWN = 12  # characters of a hash that a message shows


def identify(
    config: TrainingConfig,
    llm: BaseLLM,
    items: TokenizedDataset,
    precision: Precision,
    batch: BatchPlan,
) -> dict[str, Any]:
    """Say what makes this run the one it is, in plain JSON, each value under a name that a message can use."""
    left_out = LEFT_OUT if llm.device.type == "cuda" else LEFT_OUT | {"tf32"}
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in left_out}
    lora = llm.model.peft_config["default"]
    return {
        **options,
        "prompt format": type(llm).__name__,
        "base model": llm.checkpoint.name,
        "weights of the base": _hash_frozen(llm.model),
        "precision": precision.name,
        "dtype of the base": precision.base_dtype,
        "rows a step": batch.effective_batch,
        "processes": batch.processes,
        "alpha of the adapter": lora.lora_alpha,
        "dropout of the adapter": lora.lora_dropout,
        "modules of the adapter": sorted({name.rpartition(".")[2] for name in lora.target_modules}),
        "tokenized rows": _hash_items(items),
    }


def describe_circumstances(llm: BaseLLM, data: Dataset) -> dict[str, Any]:
    """When, by which command, from which commit and file, with which versions and on what device a run has begun."""
    described = describe_run(PACKAGE)
    versions: Any = described["versions"]
    return {
        **described,
        "data file": sha256_of(data.path),
        "versions": {**versions, "device": describe_device(llm.device).words},
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is not as it was, in words; empty where nothing has changed."""
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {_shown(now.get(name))} instead of {_shown(before.get(name))}" for name in names)


def _shown(value: object) -> str:
    text = str(value)
    is_hash = len(text) == hashlib.sha256().digest_size * 2 and not text.strip("0123456789abcdef")
    return text[:SHOWN] if is_hash else text or "''"


def _hash_items(items: TokenizedDataset) -> str:
    """Every token and label, in the order in which they are seen."""
    digest = hashlib.sha256()
    for item in items.items:
        digest.update(json.dumps([item["input_ids"], item["labels"]]).encode())
    return digest.hexdigest()


def _hash_frozen(model: torch.nn.Module) -> str:
    """Names, dtypes and values of what is not trained; 0.3 s for the 135M in bf16."""
    digest = hashlib.sha256()
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
            digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
