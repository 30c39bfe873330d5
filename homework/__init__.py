"""Fine-tune a small language model with LoRA, answer with it, measure it.

Nothing heavy is imported before it is used: ``import homework`` costs milliseconds, the first attribute that needs
torch pays for it. ``python -m homework`` lists the commands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base_llm import BaseLLM
    from .cot import load as load_cot
    from .data import Dataset
    from .rft import load as load_rft
    from .sft import load as load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]

_HOMES = {
    "BaseLLM": ("base_llm", "BaseLLM"),
    "Dataset": ("data", "Dataset"),
    "load_cot": ("cot", "load"),
    "load_rft": ("rft", "load"),
    "load_sft": ("sft", "load"),
}


def __getattr__(name: str) -> object:
    """Import the module behind a public name when it is first asked for."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}"
        raise AttributeError(message)
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f".{module}", __name__), attribute)


def __dir__() -> list[str]:
    """List the public names without importing what is behind them."""
    return sorted([*globals(), *__all__])
