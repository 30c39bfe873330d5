"""Questions about finite numbers: what they ask, and where they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.nan_questions import asks_nan, in_nan_branch, says_nan


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("torch.isnan(ask()).any()", True),
        ("not torch.isfinite(ask())", True),
        ("x != x", True),
        ("x == x", False),
        ("not (x == x)", True),
        ("math.isfinite(ask())", False),
        ("torch.isinf(x) or torch.isnan(x)", True),
        ("x > 3", None),
        ("not x", None),
        ("len(ask())", None),
        ("3 if x else torch.isnan(x)", None),
    ],
)
def test_questions(tmp_path: Path, code: str, *, said: bool | None) -> None:
    """A condition holds where something is not finite, or where all is, or it asks something else."""
    value = snippets.value_of(
        tmp_path, f"import math, torch\nfrom x import ask\ndef load():\n    x = ask()\n    return {code}\n"
    )

    assert says_nan(value) is said
    assert asks_nan(value) or said is None


def test_branch(tmp_path: Path) -> None:
    """Of two branches one is that of NaN."""
    value = snippets.value_of(tmp_path, "import torch\ndef load(x):\n    return 1 if torch.isnan(x) else 2\n")

    assert [in_nan_branch(choice.guards) for choice in value] == [True, False]
