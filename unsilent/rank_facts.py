"""What must be equal on every rank, as a monitor tells it to the others: settings, and fingerprints of the weights.

See ``ranks`` for when they talk, and ``fingerprints`` for how a weight becomes a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .adapted import is_readable
from .fingerprints import fingerprint, named_fingerprints, one_word, word_of_starts
from .gradients import dense
from .ranks import GRADIENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class RankFacts:
    """The weights that ranks have in common.

    Attributes:
        shared: Those that are trained and averaged, by name.
        frozen: Those that nobody trains, as far as this rank holds them whole.
    """

    def __init__(self, model: torch.nn.Module, trainable: Mapping[str, torch.nn.Parameter]) -> None:
        """Leave out what DDP leaves alone: it averages it no more than a monitor does."""
        left_out = set(getattr(model, "_ddp_params_and_buffers_to_ignore", ()))
        self.shared = {name: weight for name, weight in trainable.items() if name not in left_out}
        self.frozen = {
            name: weight
            for name, weight in model.named_parameters()
            if name not in trainable and name not in left_out and is_readable(weight)
        }
        self._seen: torch.Tensor | None = None

    def look(self, *, wanted: bool = True) -> None:
        """Take a print of the weights as they are, which stays on the device; or of nothing."""
        self._seen = fingerprint(self.shared.values()) if wanted else None

    def take(self) -> torch.Tensor | None:
        """The print that was taken, and below it that of the gradients that there are by now; once."""
        seen, self._seen = self._seen, None
        if seen is None:
            return None
        weights = self.shared.values()
        came = [weight.new_zeros(0) if weight.grad is None else dense(weight.grad) for weight in weights]
        return torch.cat([seen, fingerprint(came)])

    def named(self, prints: Sequence[float], *, with_gradients: bool = False) -> Mapping[str, object]:
        """Words by the names of weights, of numbers that ``take`` gave and that were read; empty without any."""
        if not prints:
            return {}
        gradients = {GRADIENTS: one_word(prints[len(prints) // 2 :])} if with_gradients else {}
        return {**named_fingerprints(list(self.shared), prints), **gradients}

    def at_the_beginning(self, optimizer: Any, on_finding: str, groups: Sequence[Any]) -> Mapping[str, object]:  # noqa: ANN401
        """Settings, trainable tensors with shape and bits, and the beginnings of frozen ones."""
        words = self.named(fingerprint(self.shared.values()).flatten().tolist())
        return {
            "on_finding": on_finding,
            "the optimizer": type(getattr(optimizer, "optimizer", optimizer)).__name__,
            "the learning rate": [float(group["lr"]) for group in groups],
            "the frozen weights": word_of_starts(self.frozen),
            **{
                name: f"{tuple(self.shared[name].shape)} {self.shared[name].dtype}, bits {bits}"
                for name, bits in words.items()
            },
        }
