"""What the optimizer holds, and at which learning rate: the two ways in which gradients flow and nothing is learnt.

Used before the first step and while training: the first sees the whole schedule where it can be computed ahead, the
second what really happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adapted import adapter_parameters, tuner_parameters
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from .failures import Stage
    from .outcome import Outcome

NAMED = 20  # names of parameters kept as evidence
AHEAD = 1000  # steps of a schedule that are computed ahead where nobody knows the length of the run


def check_optimizer(
    model: torch.nn.Module, optimizer: Any, stage: Stage = "wiring", *, step: int | None = None  # noqa: ANN401
) -> Outcome:  # fmt: skip
    """[optimizer-misses-adapter] Look for trainable parameters of the adapter that the optimizer does not hold.

    Args:
        model: What is trained.
        optimizer: A torch optimizer, or one in a wrapper that has ``param_groups``.
        stage: Who asks.
        step: Optimizer step at which it was asked, counted from 1.

    Returns:
        Failed when one such tensor is missing (without an adapter: when all are); skipped where it cannot be told.
    """
    slug = "optimizer-misses-adapter"
    if optimizer is None:
        return skipped(slug, stage, "no optimizer was given")
    groups = getattr(optimizer, "param_groups", None)
    if groups is None:
        return skipped(slug, stage, f"{type(optimizer).__name__} has no param_groups")
    held = {id(weight) for group in groups for weight in group["params"]}
    every = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    wanted = {name: weight for name, weight in adapter_parameters(model).items() if weight.requires_grad}
    missing = [name for name, weight in wanted.items() if id(weight) not in held]
    whole = len(wanted) == len(every)  # no adapter, or nothing else is trained
    if not missing or (whole and not _is_peft(model) and len(missing) < len(wanted)):
        return passed(slug, stage)
    if not held & {id(weight) for weight in model.parameters()} and _is_sharded(model):
        return skipped(slug, stage, "the optimizer holds shards of the parameters, which have other identities")
    return failed(
        slug,
        stage,
        f"Expected every trainable tensor of the adapter in the optimizer, but got {len(missing)} of {len(wanted)} "
        f"left out. Where: {missing[0]} first. What to do: build the optimizer after get_peft_model, from the "
        "parameters of the model that is trained.",
        {"missing": len(missing), "trainable": len(wanted), "held": len(held), "parameters": missing[:NAMED]},
        step=step,
    )


def _is_peft(model: Any) -> bool:  # noqa: ANN401
    return bool(getattr(getattr(model, "module", model), "peft_config", None))


def _is_sharded(model: torch.nn.Module) -> bool:
    """Whether FSDP or DeepSpeed has put flat or distributed parameters in place of the model's own."""
    return any(type(module).__name__ in {"FullyShardedDataParallel", "DeepSpeedEngine"} for module in model.modules())


def adapter_groups(model: torch.nn.Module, optimizer: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401
    """The optimizer's groups that hold trainable parameters of the adapter; all groups where none does."""
    wanted = {id(weight) for weight in tuner_parameters(model).values() if weight.requires_grad}
    groups = [group for group in optimizer.param_groups if any(id(weight) in wanted for weight in group["params"])]
    return groups or list(optimizer.param_groups)


def check_lr(
    model: torch.nn.Module, optimizer: Any, scheduler: Any = None, *, max_steps: int = 0, stage: Stage = "wiring"  # noqa: ANN401
) -> Outcome:  # fmt: skip
    """[lr-zero] Look for a learning rate that is 0 at every step of the run.

    A warm-up that begins at 0 and a schedule that ends there are healthy. A schedule made of lambdas, as those of
    transformers are, is computed ahead; of others only the base learning rate is known.

    Args:
        model: What is trained.
        optimizer: Whose groups have a learning rate.
        scheduler: None where the learning rate stays what it is.
        max_steps: Steps of the run; 0 where nobody knows.
        stage: Who asks.

    Returns:
        Failed when every group with parameters of the adapter has a learning rate of 0 throughout.
    """
    slug = "lr-zero"
    if optimizer is None or not getattr(optimizer, "param_groups", None):
        return skipped(slug, stage, "no optimizer with param_groups was given")
    held = {id(group) for group in adapter_groups(model, optimizer)}
    groups = [(place, group) for place, group in enumerate(optimizer.param_groups) if id(group) in held]
    try:
        highest = max(_highest(group, place, scheduler, max_steps) for place, group in groups)
    except Exception as error:  # noqa: BLE001 - anybody's schedule
        return skipped(slug, stage, f"the schedule could not be computed ahead ({type(error).__name__}: {error})")
    if highest != 0:
        return passed(slug, stage)
    return failed(
        slug,
        stage,
        f"Expected a learning rate above 0 at some step, but got 0 at all {max_steps or 'known'} steps. Where: the "
        "optimizer's groups and the schedule. What to do: set learning_rate; compare warm-up steps with the steps of "
        "the run.",
        {"lr": [float(group["lr"]) for _, group in groups], "max_steps": max_steps,
         "scheduler": type(getattr(scheduler, "scheduler", scheduler)).__name__},
    )  # fmt: skip


def is_known_ahead(scheduler: Any) -> bool:  # noqa: ANN401
    """Whether a schedule is made of lambdas, so that every step of it can be computed."""
    return bool(getattr(getattr(scheduler, "scheduler", scheduler), "lr_lambdas", None))


def _highest(group: Mapping[str, Any], index: int, scheduler: Any, max_steps: int) -> float:  # noqa: ANN401
    """Highest absolute learning rate a group will have, as far as it can be known."""
    scheduler = getattr(scheduler, "scheduler", scheduler)  # as accelerate wraps it
    now = abs(float(group["lr"]))
    if now or scheduler is None:
        return now
    base = abs(float(group.get("initial_lr", 0.0) or 0.0))
    factors = getattr(scheduler, "lr_lambdas", None)
    if not factors or not base:
        # other schedules may raise it by a rule of their own; from a base of 0 only those with a highest rate can
        return base or float(not hasattr(scheduler, "base_lrs") or hasattr(scheduler, "max_lrs"))
    done = int(getattr(scheduler, "last_epoch", 0))
    return max(abs(base * float(factors[index](step))) for step in range(done, done + (max_steps or AHEAD)))
