"""Hooks on a model's modules that watch its forward passes, and what they need to know of model and output.

A hook may not outlive what it is for: a copied or saved model is watched by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Hook:
    """A hook that says nothing in a copy of the model, and does not keep it from being saved."""

    def __init__(self, call: Callable[..., None] | None) -> None:
        """Keep what is called."""
        self.call = call

    def __call__(self, *args: object) -> None:
        """Pass on, unless this is a copy."""
        if self.call is not None:
            self.call(*args)

    def __deepcopy__(self, _memo: object) -> Hook:
        """A copied model is watched by nobody."""
        return Hook(None)

    def __reduce__(self) -> tuple[object, ...]:
        """Neither is a saved one."""
        return Hook, (None,)


def checkpointed(model: torch.nn.Module) -> set[torch.nn.Module]:
    """Every module inside a checkpointed region, whose first forward pass may run without gradients."""
    regions = [module for module in model.modules() if getattr(module, "gradient_checkpointing", False) is True]
    return {inner for region in regions for inner in region.modules()}


def part_of(output: Any, name: str) -> torch.Tensor | None:  # noqa: ANN401 - a ModelOutput, a mapping or a tuple
    """The loss or the logits in what a model returns."""
    if isinstance(output, torch.Tensor):
        found: Any = output if name == "logits" else None
    else:
        found = output.get(name) if hasattr(output, "get") else getattr(output, name, None)
    return found if isinstance(found, torch.Tensor) and found.is_floating_point() else None


def owners(
    model: torch.nn.Module, trainable: Mapping[str, torch.nn.Parameter]
) -> list[tuple[torch.nn.Module, list[str]]]:
    """Modules that hold watched parameters themselves, with their names."""
    by_module: dict[str, list[str]] = {}
    for name in trainable:
        by_module.setdefault(name.rpartition(".")[0], []).append(name)
    return [(model.get_submodule(module), names) for module, names in by_module.items()]
