"""What makes a run another one, and what does not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from homework import lora, sft
from homework.batching import BatchPlan
from homework.configuration import RFTConfig, TrainingConfig
from homework.data import Dataset
from homework.precision import Precision
from homework.run_identity import LEFT_OUT, describe_circumstances, differences, identify
from homework.tokens import TokenizedDataset


@pytest.fixture
def parts(tiny_base: Path, small_data: Path) -> dict[str, Any]:
    """All that a run chose."""
    llm = sft.SFTModel(str(tiny_base), dtype="fp32", device="cpu")
    torch.manual_seed(0)
    llm.model = lora.add_adapter(llm.model, 4)
    return {
        "config": TrainingConfig(),
        "llm": llm,
        "items": TokenizedDataset(llm.tokenizer, Dataset("train"), sft.format_example),
        "precision": Precision("fp32", "fp32", "asked for"),
        "batch": BatchPlan(8, 4, "asked for"),
        "data": Dataset("train"),
    }


def test_same_choices_are_the_same_run(parts: dict[str, Any]) -> None:
    """Also when they came about otherwise, and when the adapter has moved; plain JSON keeps every bit of them."""
    before = identify(**parts)
    with torch.no_grad():
        next(weight for weight in parts["llm"].model.parameters() if weight.requires_grad).add_(1.0)
    other: dict[str, Any] = {"output_dir": "x", "overwrite": True, "resume": True, "save_steps": 7, "logging_steps": 3}
    how: dict[str, Any] = {"precision": "fp32", "micro_batch_size": 8, "checkpoint": "tiny"}
    parts["config"] = TrainingConfig(**other, **how)
    parts["precision"] = Precision("fp32", "fp32", "CPU without bf16")

    assert not differences(json.loads(json.dumps(before)), identify(**parts))


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(RFTConfig)])
def test_every_option_is_part_of_the_run_or_left_out(parts: dict[str, Any], field: str) -> None:
    """An option that somebody adds is one or the other, and is part of the run unless the list says otherwise."""
    usual = RFTConfig()
    value = getattr(usual, field)
    fields = {one.name: getattr(usual, one.name) for one in dataclasses.fields(usual)}
    changed: Any = not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else value / 2 + 1
    before = identify(**parts | {"config": usual})
    other = type("Config", (), {})
    config = dataclasses.make_dataclass("Changed", list(fields), bases=(other,))(**fields | {field: changed})

    assert bool(differences(before, identify(**parts | {"config": config}))) == (field not in LEFT_OUT)


def test_what_is_no_part_of_a_run_is_listed() -> None:
    """Where it goes, how it is watched, and what is compared by its outcome."""
    watched = {"output_dir", "overwrite", "resume", "save_steps", "logging_steps", "unproven"}
    by_outcome = {"checkpoint", "precision", "base_dtype", "use_fp32_for_training"}

    assert watched | by_outcome | {"micro_batch_size", "effective_batch"} == LEFT_OUT


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("precision", lambda _: Precision("bf16", "bf16", ""), "precision bf16 instead of fp32"),
        ("precision", lambda _: Precision("fp32", "bf16", ""), "dtype of the base bf16 instead of fp32"),
        ("batch", lambda _: BatchPlan(16, 4, ""), "rows a step 64 instead of 32"),
        ("items", lambda items: items.items.reverse() or items, "tokenized rows "),
    ],
    ids=["precision", "dtype of the base", "batch", "order of rows"],
)
def test_other_choice_is_another_run(parts: dict[str, Any], name: str, change: Any, said: str) -> None:  # noqa: ANN401
    """Each is named with both values."""
    before = identify(**parts)
    parts[name] = change(parts[name])

    assert differences(before, identify(**parts)).startswith(said)


def test_other_data_is_another_run(parts: dict[str, Any], small_data: Path) -> None:
    """One byte of the file counts, though no row has changed; its hash is shown in short."""
    before = identify(**parts)
    with (small_data / "train.json").open("a") as file:
        file.write("\n")
    said = differences(before, identify(**parts))

    assert said.startswith("data file ")
    assert len(said) == len("data file ") + 2 * len("0123456789ab") + len(" instead of ")


def test_other_label_is_another_run(parts: dict[str, Any]) -> None:
    """The file may be the same, the format not."""
    before = identify(**parts)
    parts["items"].items[3]["labels"][-1] = 5

    assert differences(before, identify(**parts)).startswith("tokenized rows ")


def test_other_base_is_another_run(parts: dict[str, Any]) -> None:
    """One weight of the last layer under the same name."""
    before = identify(**parts)
    frozen = [weight for weight in parts["llm"].model.parameters() if not weight.requires_grad]
    with torch.no_grad():
        frozen[-1].view(-1)[0] += 1e-3

    assert differences(before, identify(**parts)).startswith("weights of the base ")


def test_number_of_processes_counts(parts: dict[str, Any]) -> None:
    """Each has its own share of the rows, and its own random state; how a share is cut does not matter."""
    before = identify(**parts | {"batch": BatchPlan(8, 4, "")})
    after = identify(**parts | {"batch": BatchPlan(4, 4, "", 2)})

    assert differences(before, after) == "processes 2 instead of 1"


def test_base_in_bf16_has_a_hash(parts: dict[str, Any]) -> None:
    """Its bytes are hashed: numpy knows no bf16."""
    before = identify(**parts)
    parts["llm"].model.to(torch.bfloat16)

    assert "weights of the base" in differences(before, identify(**parts))


def test_circumstances_name_versions_and_device(parts: dict[str, Any]) -> None:
    """What may change the last bits of a number, beside when and from which commit."""
    circumstances = describe_circumstances(parts["llm"])

    assert {"torch", "transformers", "peft", "device"} <= circumstances["versions"].keys()
    assert circumstances["versions"]["device"].startswith("CPU")
    assert {"created", "git", "command"} <= circumstances.keys()


def test_what_is_empty_or_missing_is_shown() -> None:
    """An option that an older version did not have, and an empty one."""
    assert differences({"a": 1}, {"a": 1, "b": "", "c": 2}) == "b '' instead of None, c 2 instead of None"
