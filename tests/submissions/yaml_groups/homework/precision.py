"""What `stage.autocast` means."""

from __future__ import annotations

import torch


def _probe_bf16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


# in order of preference; the first whose probe says yes is taken
LADDER = (
    ("bf16", _probe_bf16),
    ("fp16", lambda: True),
)


def trainer_flags(wish: str) -> dict[str, bool]:
    if wish == "off":
        return {}
    if wish == "auto":
        wish = next(name for name, usable in LADDER if usable())
    return {wish: True}
