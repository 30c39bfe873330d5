"""Names of dtypes, and who decided: the machine or somebody who asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.held_dtypes import asks_hardware, dtype_name, is_wish


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("torch.float16", "fp16"),
        ("'bfloat16'", "bf16"),
        ("torch.float", "fp32"),
        ("None", "fp32"),
        ("'auto'", "auto"),
        ("ask()", "unknown"),
        ("3", "unknown"),
    ],
)
def test_dtype_names(tmp_path: Path, code: str, name: str) -> None:
    """Names of torch and of configurations mean the same."""
    value = snippets.value_of(tmp_path, f"import torch\ndef load():\n    return {code}\n")

    assert [dtype_name(choice) for choice in value] == [name]


@pytest.mark.parametrize(
    ("code", "hardware", "wish"),
    [
        ("torch.cuda.is_available()", True, False),
        ("ask.device.type == 'cuda'", True, False),
        ("os.environ.get('PRECISION') == 'fp16'", False, True),
        ("argument.half and torch.cuda.is_available()", True, True),
        ("ask() > 3", False, False),
    ],
)
def test_wish_and_hardware(tmp_path: Path, code: str, *, hardware: bool, wish: bool) -> None:
    """Who decides: the machine, or somebody who asked."""
    value = snippets.value_of(
        tmp_path, f"import os, torch\nfrom x import ask\ndef load(argument):\n    return {code}\n"
    )

    assert (asks_hardware(value), is_wish(value)) == (hardware, wish)
