"""Do the weights move? Copies of the trainable tensors, compared after a step and dropped once anything differs.

A comparison that stays on the device until somebody reads it with other flags, so that it costs no synchronisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

BUDGET = 64 * 10**6  # bytes copied at most: an adapter whole, of a fully trained model some tensors


class Movement:
    """Copies of trainable tensors, as they were before the first step.

    Attributes:
        fresh: Names of those that hold nothing but zeros, as a fresh ``lora_B``: any update moves them, however small.
    """

    def __init__(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Copy as many tensors as the budget allows, the smallest first."""
        self.watched: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        left = BUDGET
        for name, weight in sorted(parameters.items(), key=lambda item: item[1].numel()):
            left -= weight.numel() * weight.element_size()
            if self.watched and left < 0:
                break
            self.watched[name] = (weight, weight.detach().clone())
        anything = self._on_one_device([copy.any() for _, copy in self.watched.values()]).tolist()
        self.fresh = {name for name, holds in zip(self.watched, anything, strict=True) if not holds}

    @torch.no_grad()
    def moved(self) -> torch.Tensor:
        """Whether any watched tensor differs from its copy: a boolean on the device of the first."""
        return self._on_one_device([(weight != copy).any() for weight, copy in self.watched.values()]).any()

    @staticmethod
    def _on_one_device(flags: list[torch.Tensor]) -> torch.Tensor:
        """The flags in one tensor on the device of the first, so that whoever reads them does so once."""
        return torch.stack([flag.to(flags[0].device, non_blocking=True) for flag in flags])
