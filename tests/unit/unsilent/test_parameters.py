"""Parameters are counted whole, and what cannot be counted is skipped with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import support

from unsilent.parameters import check_adapter_parameters, check_parameters

pytestmark = pytest.mark.usefixtures("children_at_home")


def counted(base: Path, adapter: Path) -> int:
    """The count, as the finding about a limit of 1 has it."""
    return int(str(check_adapter_parameters(base, adapter, 1).evidence["parameters"]))


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "options",
    [{}, {"use_dora": True}, {"modules_to_save": ["norm"]}, {"rank_pattern": {"q_proj": 7}}],
    ids=["LoRA", "DoRA", "modules_to_save", "rank_pattern"],
)
def test_count_is_that_of_the_loaded_model(tiny_base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """From the two configurations alone, whatever the adapter adds to the base."""
    support.write_adapter(tmp_path / "sft", tiny_base, **options)
    loaded = sum(one.numel() for one in support.tiny_adapter(**options).parameters())

    assert counted(tiny_base, tmp_path / "sft") == loaded


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "adapter_config.json cannot be read (NotPlain"),
        ("{", "adapter_config.json cannot be read (JSONDecodeError"),
        ("[]", "adapter_config.json holds no object"),
        ('{"peft_type": "NEW"}', "PEFT"),
        ('{"peft_type": "LORA", "layer_replication": [[0, 2], [1, 2]]}', "the layers it replicates share weights"),
    ],
    ids=["none", "cut", "a list", "a method nobody knows", "shared layers"],
)
def test_adapter_that_says_nothing(tiny_base: Path, tmp_path: Path, content: str | None, reason: str) -> None:
    """Skipped, with the reason."""
    if content is not None:
        (tmp_path / "adapter_config.json").write_text(content)
    outcome = check_adapter_parameters(tiny_base, tmp_path)

    assert outcome.status == "skipped"
    assert outcome.reason.startswith(reason)


@pytest.mark.parametrize(("reason", "said"), [("", "nothing was counted"), ("no model", "no model")])
def test_without_a_count(reason: str, said: str) -> None:
    """Skipped, with the reason."""
    outcome = check_parameters(None, reason=reason)

    assert (outcome.status, outcome.reason) == ("skipped", said)


def test_finding_says_what_was_counted() -> None:
    """And by how much it is too much; the limit itself is not."""
    assert check_parameters(1_000, 1_000).status == "passed"

    outcome = check_parameters(1_200, 1_000, where="sft")

    assert "Expected at most 1,000 parameters, but got 1,200, 200 too many. Where: sft." in outcome.message
