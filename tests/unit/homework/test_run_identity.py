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


@pytest.mark.no_cover
@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(RFTConfig)])
def test_every_option_is_part_of_the_run_or_left_out(parts: dict[str, Any], field: str) -> None:
    """An option that somebody adds is one or the other; TF32 is nothing on a CPU."""
    usual = RFTConfig()
    value = getattr(usual, field)
    fields = {one.name: getattr(usual, one.name) for one in dataclasses.fields(usual)}
    changed: Any = not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else value / 2 + 1
    before = identify(**parts | {"config": usual})
    other = type("Config", (), {})
    config = dataclasses.make_dataclass("Changed", list(fields), bases=(other,))(**fields | {field: changed})

    assert bool(differences(before, identify(**parts | {"config": config}))) == (field not in LEFT_OUT | {"tf32"})


def test_what_is_no_part_of_a_run_is_listed() -> None:
    """Where it goes, how it is watched, what saves memory alone, and what is compared by its outcome."""
    watched = {"output_dir", "overwrite", "resume", "save_steps", "logging_steps", "unproven"}
    by_outcome = {"checkpoint", "precision", "base_dtype", "use_fp32_for_training"}

    by_outcome |= {"micro_batch_size", "effective_batch"}

    assert watched | by_outcome | {"gradient_checkpointing", "max_length"} == LEFT_OUT


def test_tf32_counts_where_there_is_a_gpu(parts: dict[str, Any]) -> None:
    """It computes in other digits there."""
    parts["llm"].device = torch.device("cuda")
    before = identify(**parts)

    assert (
        differences(before, identify(**parts | {"config": TrainingConfig(tf32=False)})) == "tf32 False instead of True"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("lora_alpha", 8, "alpha"), ("lora_dropout", 0.5, "dropout"), ("target_modules", {"q_proj"}, "modules")],
)
def test_other_adapter_is_another_run(parts: dict[str, Any], name: str, value: object, said: str) -> None:
    """Constants of a version, which another one may have changed."""
    before = identify(**parts)
    setattr(parts["llm"].model.peft_config["default"], name, value)

    assert differences(before, identify(**parts)).startswith(f"{said} of the adapter ")


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


def test_file_that_is_written_otherwise_is_the_same_run(parts: dict[str, Any], small_data: Path) -> None:
    """A line more at its end changes no row; what the file was is written down."""
    before, file_before = identify(**parts), describe_circumstances(parts["llm"], Dataset("train"))["data file"]
    with (small_data / "train.json").open("a") as file:
        file.write("\n")
    parts["items"] = TokenizedDataset(parts["llm"].tokenizer, Dataset("train"), sft.format_example)

    assert not differences(before, identify(**parts))
    assert describe_circumstances(parts["llm"], Dataset("train"))["data file"] != file_before


def test_hash_is_shown_in_short() -> None:
    """Its first characters tell two apart."""
    assert differences({"rows": "ab" * 32}, {"rows": "cd" * 32}) == "rows cdcdcdcdcdcd instead of abababababab"


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
    circumstances = describe_circumstances(parts["llm"], Dataset("train"))

    assert {"torch", "transformers", "peft", "device"} <= circumstances["versions"].keys()
    assert circumstances["versions"]["device"].startswith("CPU")
    assert {"created", "git", "command"} <= circumstances.keys()


def test_what_is_empty_or_missing_is_shown() -> None:
    """An option that an older version did not have, and an empty one."""
    assert differences({"a": 1}, {"a": 1, "b": "", "c": 2}) == "b '' instead of None, c 2 instead of None"
