"""What every backward pass leaves behind: the norm of each gradient, in the order in which they came, on the device.

Whoever looks later names the wrong parameter. Clipping multiplies every gradient by the norm of all of them, so that
one NaN has become NaN everywhere by ``on_pre_optimizer_step``; and a sum over micro-batches no longer tells which of
them brought it. Here a hook on each trainable parameter notes the order, and when a backward pass is done one fused
operation takes all norms. Nothing is read from the device before the step is judged.

P trainable parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Arrivals:
    """Gradients of one backward pass (of one region of it, where checkpoints are reentrant).

    Attributes:
        micro_batch: Counted from 1 within the optimizer step.
        names: Parameters in the order in which their gradients came.
        norms: (len(names),) float32 on the device; accumulated over the micro-batches so far.
    """

    micro_batch: int
    names: tuple[str, ...]
    norms: torch.Tensor


class GradientWatch:
    """Hooks on the trainable parameters, from ``start`` to ``stop``.

    Attributes:
        micro_batch: Number that the next gradients belong to.
        arrivals: What came since they were last taken.
    """

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter]) -> None:
        """Remember what to watch."""
        self.parameters = dict(parameters)
        self.micro_batch = 1
        self.arrivals: list[Arrivals] = []
        self._order: list[str] = []
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def start(self) -> None:
        """Put a hook on each parameter that requires a gradient."""
        for name, parameter in self.parameters.items():
            if parameter.requires_grad:
                register: Any = parameter.register_post_accumulate_grad_hook  # untyped
                self._hooks.append(register(self._hook(name)))

    def stop(self) -> None:
        """Take every hook away and forget what came."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._order.clear()
        self.arrivals = []

    def take(self) -> list[Arrivals]:
        """Hand out what came since the last time, and count micro-batches from 1 again."""
        taken, self.arrivals, self.micro_batch = self.arrivals, [], 1
        return taken

    def _hook(self, name: str) -> Callable[[torch.Tensor], None]:
        def arrived(_: torch.Tensor) -> None:
            if not self._order:
                # called once the backward pass that is running has ended, as DDP and FSDP do
                torch.autograd.Variable._execution_engine.queue_callback(self._measure)  # noqa: SLF001
            self._order.append(name)

        return arrived

    @torch.no_grad()
    def _measure(self) -> None:
        """Take the norms of all gradients that came with this backward pass."""
        order, self._order = self._order, []
        gradients = {name: self.parameters[name].grad for name in order}
        values = {
            name: dense(gradient)
            for name, gradient in gradients.items()
            if gradient is not None  # an optimizer inside the backward pass may have used it up
        }
        if values:
            self.arrivals.append(Arrivals(self.micro_batch, tuple(values), norms_of(list(values.values()))))


def dense(gradient: torch.Tensor) -> torch.Tensor:
    """What can be measured of a gradient: the values of a sparse one, both parts of a complex one."""
    values = gradient._values() if gradient.is_sparse else gradient  # noqa: SLF001 - without coalescing, which copies
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


def norms_of(tensors: list[torch.Tensor]) -> torch.Tensor:
    """The norm of each tensor, (len(tensors),) on the device of the first.

    Accumulated in float32 at least: the norm of fp16 gradients that are finite may itself lie beyond 65504.
    """
    wide = torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    norms = torch._foreach_norm(tensors, 2, wide)  # noqa: SLF001 - as torch.nn.utils.clip_grad_norm_ does
    return torch.stack([norm.to(tensors[0].device, non_blocking=True) for norm in norms])
