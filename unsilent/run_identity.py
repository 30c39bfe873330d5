"""What makes a training run this one and no other, in a few plain values: seed, rows, base, adapter, precision.

A guard keeps them in the ``trainer_state.json`` of each checkpoint, under ``stateful_callbacks``, where transformers
lets anybody keep something and asks nobody for it: another program that goes on from there ignores them. (A callback
that exports its state is no way: Trainer raises KeyError at the first checkpoint of a run that was begun without it.)
``resumption`` compares what was kept with what there is. Rows, batches and weights are sampled: another seed of a
generator, another base, another collator or one edited row in the sample is seen, one row among thousands is not.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from .adapted import active_adapters, is_adapted, is_sharded, unwrapped
from .run_rows import describe_rows, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import torch

KEY = "unsilent"  # under stateful_callbacks
VALUES = 64  # of a tensor, evenly spread; 30 layers of 9 tensors are 17,000 numbers, one small copy from the device
# Of TrainingArguments: what changes a step, or which rows it sees, and is named nowhere else; TRL's loss_type, too.
OPTIONS = (
    "train_sampling_strategy", "neftune_noise_alpha", "label_smoothing_factor", "max_grad_norm", "weight_decay",
    "adam_beta1", "adam_beta2", "adam_epsilon", "loss_type",
)  # fmt: skip
# Of an adapter: what changes its function. Which modules it is in shows in its tensors; PEFT names them in many ways.
SETTINGS = (
    "peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "bias", "rank_pattern", "alpha_pattern",
)  # fmt: skip


def describe_run(  # noqa: PLR0913 - what a run is made of
    model: Any,  # noqa: ANN401 - in whatever wrapper
    *,
    arguments: Any = None,  # noqa: ANN401 - TrainingArguments, or anything with some of their names
    dataset: Any = None,  # noqa: ANN401 - rows that can be read by index
    rows: Mapping[str, object] | None = None,
    collate: Callable[[list[Any]], Any] | None = None,
    sampler: Any = None,  # noqa: ANN401
    optimizer: Any = None,  # noqa: ANN401
    rows_per_step: int | None = None,
    steps_per_epoch: int | None = None,
    max_steps: int = 0,
) -> dict[str, object]:
    """Describe a run in values that JSON can keep; what is not known is left out.

    Args:
        model: What is trained.
        arguments: For seeds, precision, learning rate, schedule and what else changes a step.
        dataset: Its length and a few rows; read in a process of their own.
        rows: What ``describe_rows`` said of them already; then they are not read again.
        collate: What makes a batch of rows: its name, and the batch that it makes of these few.
        sampler: Its class.
        optimizer: Its class.
        rows_per_step: Over all micro-batches and processes.
        steps_per_epoch: Optimizer steps.
        max_steps: Optimizer steps of the whole run; 0 where nobody knows.
    """
    inner = unwrapped(model)
    frozen = {name: weight for name, weight in inner.named_parameters() if not weight.requires_grad}
    found: dict[str, object] = {
        **describe_arguments(arguments),
        **(describe_rows(dataset, collate) if rows is None else rows),
        "collator": name_of(collate) if collate is not None else None,
        "sampler": type(sampler).__name__ if sampler is not None else None,
        "rows_per_step": rows_per_step,
        "steps_per_epoch": steps_per_epoch,
        "base": fingerprint(frozen.values(), exact=False) if _is_base_kept(inner) else None,
        "base_dtype": _dtype(frozen.values()),
        "trained": sum(weight.numel() for weight in inner.parameters() if weight.requires_grad),
        "adapter": adapter_settings(_config(inner)),
        "optimizer": type(getattr(optimizer, "optimizer", optimizer)).__name__ if optimizer is not None else None,
        "max_steps": max_steps or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def describe_arguments(arguments: Any) -> dict[str, object]:  # noqa: ANN401 - anything with some names of TrainingArguments
    """What of a run its arguments decide; what is not known is left out."""
    seed, data_seed = getattr(arguments, "seed", None), getattr(arguments, "data_seed", None)
    found: dict[str, object] = {
        "seed": seed,
        "data_seed": seed if data_seed is None else data_seed,  # as Trainer takes it
        "precision": _precision(arguments),
        "learning_rate": getattr(arguments, "learning_rate", None),
        "schedule": _word(getattr(arguments, "lr_scheduler_type", None)),
        **{name: _option(getattr(arguments, name)) for name in OPTIONS if hasattr(arguments, name)},
    }
    return {name: value for name, value in found.items() if value is not None}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """Every value that both know and that differs, as (before, now); settings of an adapter one by one."""
    found: dict[str, tuple[object, object]] = {}
    for name in before.keys() & now.keys():
        old, new = before[name], now[name]
        if isinstance(old, dict) and isinstance(new, dict):
            found |= {f"{name}.{inner}": pair for inner, pair in differences(old, new).items()}
        elif old != new:
            found[name] = (old, new)
    return {name: found[name] for name in sorted(found)}


def fingerprint(tensors: Iterable[torch.Tensor], *, exact: bool = True) -> str | None:
    """A short hash over a sample of every tensor; None without any, or where they cannot be read.

    Args:
        tensors: In an order that is the same each time.
        exact: By float32; else by bfloat16, which a base gives however it is held.
    """
    import torch  # noqa: PLC0415 - not everybody who reads reports has it

    parts, shapes = [], []
    with contextlib.suppress(Exception), torch.no_grad():  # shards, packed or lazy weights: nobody can list them all
        for tensor in tensors:
            if is_sharded(tensor):
                return None
            flat = tensor.detach().reshape(-1)
            parts.append(flat[:: max(1, flat.numel() // VALUES)][:VALUES].to("cpu", torch.float32))
            shapes.append(tuple(tensor.shape))
        if not parts:
            return None
        values = torch.cat(parts) if exact else torch.cat(parts).to(torch.bfloat16).float()
        return hashlib.sha256(repr(shapes).encode() + values.numpy().tobytes()).hexdigest()[:16]
    return None


def fingerprint_trained(model: Any) -> str | None:  # noqa: ANN401
    """A short hash over all weights that are trained."""
    return fingerprint(weight for weight in unwrapped(model).parameters() if weight.requires_grad)


def fingerprint_moments(optimizer: Any) -> str | None:  # noqa: ANN401
    """A short hash over what an optimizer has learnt of the gradients, as far as it is restored to the last bit."""
    inner = getattr(optimizer, "optimizer", optimizer)
    states = getattr(inner, "state", None)
    if not isinstance(states, dict):
        return None
    return fingerprint(
        value
        for group in getattr(inner, "param_groups", ())
        for weight in group["params"]
        for name, value in sorted(states.get(weight, {}).items())
        if name != "step" and getattr(value, "dtype", None) == weight.dtype  # else it is cast on its way
    )


def adapter_settings(config: Mapping[str, Any] | None) -> dict[str, object] | None:
    """What of an adapter's configuration, in memory or in ``adapter_config.json``, decides what it computes."""
    if not config:
        return None
    return {name: _plain(config[name]) for name in SETTINGS if name in config}


def _config(model: Any) -> Mapping[str, Any] | None:  # noqa: ANN401
    """The configuration of the adapter that is trained; None without one, or with several."""
    names = active_adapters(model) if is_adapted(model) else []
    config: Mapping[str, Any] | None = model.peft_config[names[0]].to_dict() if len(names) == 1 else None
    return config


def _is_base_kept(model: Any) -> bool:  # noqa: ANN401
    """Whether an adapter leaves the base as it is: PiSSA, OLoRA and their like take a part of it away, and round."""
    config = model.peft_config[active_adapters(model)[0]] if is_adapted(model) and active_adapters(model) else None
    start = getattr(config, "init_lora_weights", True)
    return not isinstance(start, str) or start in ("gaussian", "orthogonal", "eva")


def _plain(value: Any) -> object:  # noqa: ANN401
    """As JSON would give it back: no enumerations, and sets in order."""
    if isinstance(value, set | frozenset | list | tuple):
        return sorted(map(str, value))
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in sorted(value.items())} or None
    return _word(value)


def _word(value: Any) -> Any:  # noqa: ANN401 - a member of an enumeration by its value, anything else as it is
    return getattr(value, "value", value)


def _option(value: Any) -> object:  # noqa: ANN401
    """None, as 0, is off; a list of losses in words."""
    value = _word(value) or 0
    return value if isinstance(value, str | int | float) else str(value)


def _precision(arguments: Any) -> str | None:  # noqa: ANN401
    """In which dtype the forward pass computes, as the arguments have it."""
    if getattr(arguments, "bf16", None) is None:
        return None
    return "bf16" if arguments.bf16 else "fp16" if getattr(arguments, "fp16", False) else "fp32"


def _dtype(tensors: Iterable[Any]) -> str | None:
    """The dtype that most floating-point tensors have, by name."""
    names = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors if tensor.is_floating_point()]
    return max(sorted(set(names)), key=names.count) if names else None
