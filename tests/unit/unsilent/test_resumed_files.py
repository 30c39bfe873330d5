"""A checkpoint on disk is held to be whole, and against the model; what cannot be read is no finding."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import pytest
import support
import torch
import trainers

from unsilent.resumed_files import (
    changed_settings,
    changed_weights,
    kept_record,
    missing_files,
    read_state,
    unfinished_twin,
)
from unsilent.run_identity import describe_run

WHOLE = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


def checkpoint_of(folder: Path, model: Any, step: int = 4, last: int = 8) -> Path:  # noqa: ANN401
    """What Trainer leaves of a model, with empty files where nobody looks inside."""
    checkpoint = folder / f"checkpoint-{step}"
    model.save_pretrained(checkpoint)
    for name in WHOLE:
        (checkpoint / name).touch()
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step, "max_steps": last}))
    return checkpoint


def trained() -> Any:  # noqa: ANN401 - a PEFT model
    """An adapter with something in it."""
    model = trainers.fresh_adapter()
    with torch.no_grad():
        model.get_parameter(trainers.MIDDLE).add_(0.5)
    return model


def test_whole_checkpoint_fits_its_model(tmp_path: Path) -> None:
    """Nothing is missing, nothing differs."""
    model = trained()
    checkpoint = checkpoint_of(tmp_path, model)

    assert missing_files(checkpoint) == []
    assert changed_settings(checkpoint, describe_run(model)) == []
    assert changed_weights(checkpoint, model) == []


@pytest.mark.parametrize("name", WHOLE)
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """Each with what follows from it."""
    checkpoint = checkpoint_of(tmp_path, trained())
    faults.lose_file(checkpoint, name)

    assert [one.what for one in missing_files(checkpoint)] == [name]


@pytest.mark.parametrize(("shards", "lost"), [("optimizer_0", ["scheduler.pt"]), ("global_step4", [])])
def test_shards_are_an_optimizer(tmp_path: Path, shards: str, lost: list[str]) -> None:
    """FSDP's in a folder of their own, DeepSpeed's with the schedule."""
    (tmp_path / shards).mkdir()
    (tmp_path / "rng_state.pth").touch()

    assert [one.what for one in missing_files(tmp_path)] == lost


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_configuration_that_cannot_be_read_is_not_compared(tmp_path: Path, text: str) -> None:
    """The loader says what is wrong with it."""
    (tmp_path / "adapter_config.json").write_text(text)

    assert changed_settings(tmp_path, {"adapter": {"r": 4}}) == []


def test_changed_setting_is_named(tmp_path: Path) -> None:
    """With both values."""
    checkpoint = checkpoint_of(tmp_path, trainers.fresh_adapter(lora_alpha=32))
    (found,) = changed_settings(checkpoint, describe_run(trainers.fresh_adapter()))

    assert (found.what, found.before, found.now) == ("adapter.lora_alpha", 32, 8)
    assert str(found).startswith("adapter.lora_alpha (32 before, 8 now: ")


@pytest.mark.parametrize(
    "model", [trainers.fresh_adapter, lambda: trainers.fresh_adapter(r=8)], ids=["values", "shape"]
)
def test_tensors_that_were_not_loaded_are_counted(tmp_path: Path, model: Any) -> None:  # noqa: ANN401
    """Of other values, or of another shape."""
    (found,) = changed_weights(checkpoint_of(tmp_path, trained()), model())

    assert "tensors were not loaded" in found.effect


def test_tensors_that_the_model_has_not_are_counted(tmp_path: Path) -> None:
    """An adapter on fewer modules, and one on more."""
    small = trainers.fresh_adapter(target_modules=["q_proj"])
    large = trainers.fresh_adapter(target_modules=["q_proj", "v_proj"])

    for place, (saved, held) in enumerate([(small, large), (large, small)]):
        assert "of 8 tensors" in changed_weights(checkpoint_of(tmp_path / str(place), saved), held)[0].effect


def sharded() -> Any:  # noqa: ANN401
    """Weights that are elsewhere."""
    model = trained()
    model.get_parameter(trainers.MIDDLE).data = torch.empty(0)
    return model


@pytest.mark.parametrize("model", [support.tiny_model, sharded], ids=["without an adapter", "shards"])
def test_what_cannot_be_compared_is_no_finding(tmp_path: Path, model: Any) -> None:  # noqa: ANN401
    """The model is trained whole, or its weights are elsewhere."""
    assert changed_weights(checkpoint_of(tmp_path, trained()), model()) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 64])
def test_file_that_cannot_be_read_is_no_finding(tmp_path: Path, content: bytes) -> None:
    """Trainer has loaded it, or has not; this is another check's matter."""
    checkpoint = checkpoint_of(tmp_path, trained())
    (checkpoint / "adapter_model.safetensors").write_bytes(content)

    assert changed_weights(checkpoint, trained()) == []


@pytest.mark.parametrize(
    ("there", "world", "lost"),
    [(0, 1, ["rng_state.pth"]), (1, 2, []), (0, 2, ["rng_state_1.pth"])],
    ids=["of more processes", "of this one", "of another one"],
)
def test_random_state_of_other_processes_is_none(tmp_path: Path, there: int, world: int, lost: list[str]) -> None:
    """Trainer looks for one name, and goes on without."""
    checkpoint = checkpoint_of(tmp_path, trained())
    (checkpoint / "rng_state.pth").rename(checkpoint / f"rng_state_{there}.pth")
    found = missing_files(checkpoint, SimpleNamespace(world_size=world, process_index=1))

    assert [one.what for one in found] == lost
    assert all("another number of processes" in str(one) for one in found)


@pytest.mark.parametrize("change", ["no optimizer", "a later checkpoint", "stopped early"])
def test_adapter_of_a_run_that_is_over_is_no_twin(tmp_path: Path, change: str) -> None:
    """It could not go on, its best step was chosen, or a callback had ended it: a run that begins from it is meant."""
    model = trained()
    checkpoint = checkpoint_of(tmp_path, model)
    if change == "no optimizer":
        faults.lose_file(checkpoint, "optimizer.pt")
    elif change == "a later checkpoint":
        checkpoint_of(tmp_path, trainers.fresh_adapter(), step=6)
    else:
        control = {"TrainerControl": {"args": {"should_training_stop": True}}}
        state = {"global_step": 4, "max_steps": 8, "stateful_callbacks": control}
        (checkpoint / "trainer_state.json").write_text(json.dumps(state))

    assert unfinished_twin(tmp_path, model) is None


def test_unfinished_twin_is_found(tmp_path: Path) -> None:
    """Among a folder's checkpoints the one with the same adapter, unless it had finished."""
    model = trained()
    checkpoint_of(tmp_path, trainers.fresh_adapter(), step=2)
    twin = checkpoint_of(tmp_path, model)

    assert (unfinished_twin(tmp_path, model) or (None,))[0] == twin
    (twin / "trainer_state.json").write_text(json.dumps({"global_step": 8, "max_steps": 8}))
    assert unfinished_twin(tmp_path, model) is None
    assert unfinished_twin(tmp_path / "nowhere", model) is None


@pytest.mark.parametrize("text", ["", "[]", "1"])
def test_state_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    """As is one that is not there."""
    (tmp_path / "trainer_state.json").write_text(text)

    assert read_state(tmp_path) == read_state(None) == {}


@pytest.mark.parametrize(
    "state",
    [{}, {"stateful_callbacks": None}, {"stateful_callbacks": {"unsilent": [1]}},
     {"stateful_callbacks": {"unsilent": {"attributes": 1}}}],
)  # fmt: skip
def test_record_that_is_none_is_empty(state: dict[str, Any]) -> None:
    """Whatever stands in its place."""
    assert kept_record(state) == {}


def test_record_is_read() -> None:
    """As a guard keeps it."""
    kept = {"unsilent": {"args": {}, "attributes": {"seed": 1}}}

    assert kept_record({"stateful_callbacks": kept}) == {"seed": 1}


def test_adapter_that_peft_cannot_list_is_no_finding(tmp_path: Path) -> None:
    """A tuner that is not saved by name."""
    checkpoint = checkpoint_of(tmp_path, trained())
    strange = SimpleNamespace(peft_config={"default": SimpleNamespace(peft_type="STRANGE")}, active_adapter="default")

    assert changed_weights(checkpoint, strange) == []
