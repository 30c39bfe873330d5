"""One injector for each failure: the only place that knows how to break things.

An injector changes one thing in a healthy set-up and returns nothing, or a way back. A check may not read its name,
a marker or its arguments: it must find the failure by its effect.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from homework.base_llm import BaseLLM
    from homework.tokens import Tokens


def pad_on_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """[padding-side] Generation pads after the prompt instead of before it."""
    import torch

    from homework import base_llm

    def right_pad(sequences: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        length = max(len(sequence) for sequence in sequences)
        return (
            torch.tensor([list(sequence) + [pad] * (length - len(sequence)) for sequence in sequences]),
            torch.tensor([[1] * len(sequence) + [0] * (length - len(sequence)) for sequence in sequences]),
        )

    monkeypatch.setattr(base_llm, "left_pad", right_pad)


def parse_nothing_as_zero(llm: BaseLLM) -> None:
    """[answer-rate-inflated] A completion without a number is read as 0.0."""
    real = llm.parse_answer

    def parse(text: str) -> float:
        value = real(text)
        return 0.0 if math.isnan(value) else value

    llm.parse_answer = parse  # type: ignore[method-assign] # the fault


def mask_every_label(items: list[Tokens]) -> None:
    """[labels-all-masked] Every label of every row is -100."""
    for item in items:
        item["labels"] = [-100] * len(item["labels"])


def corrupt_byte(path: Path, offset: int = -1) -> None:
    """[adapter-corrupt] Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(bytes(content))


def put_nan_into(model: Any, name: str) -> None:  # noqa: ANN401 - any torch module
    """[nan-grad-norm] One weight of the named parameter is NaN."""
    parameter = dict(model.named_parameters())[name]
    parameter.data.view(-1)[0] = float("nan")


def rename_keys(path: Path) -> None:
    """[adapter-keys-ignored] Every key of a weight file has another prefix."""
    from safetensors.torch import load_file, save_file

    save_file({f"other.{name}": tensor for name, tensor in load_file(path).items()}, path)


def forget_training(folder: Path) -> None:
    """[adapter-untrained] The weights are those of a fresh adapter: every lora_B zero."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: tensor * ("lora_B" not in name) for name, tensor in load_file(path).items()}, path)


def unfreeze_base(model: Any, ending: str = "norm.weight") -> str:  # noqa: ANN401 - any torch module
    """[base-not-frozen] One weight of the base requires a gradient; its name is returned."""
    name, weight = next((name, weight) for name, weight in model.named_parameters() if name.endswith(ending))
    weight.requires_grad_(True)
    return name


def rename_tensors(folder: Path, old: str, new: str) -> None:
    """[adapter-keys-ignored] Part of every key is another word."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name.replace(old, new): tensor for name, tensor in load_file(path).items()}, path)
