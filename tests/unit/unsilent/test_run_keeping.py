"""A guard keeps what a run is in its checkpoints, finds the checkpoint, and disturbs nobody who has no guard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trainers
from transformers import default_data_collator
from transformers.trainer_callback import PrinterCallback

from unsilent import TrainingGuard, run_keeping
from unsilent.run_keeping import RunKeeper, find_checkpoint

RECORD = ("stateful_callbacks", "unsilent", "attributes")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the middle of a watched run."""
    return trainers.stop_halfway(tmp_path_factory.mktemp("run"))


def record_in(checkpoint: Path) -> dict[str, Any]:
    """What a guard has kept there."""
    kept: dict[str, Any] = json.loads((checkpoint / "trainer_state.json").read_text())
    for name in RECORD:
        kept = kept[name]
    return kept


def test_checkpoint_keeps_the_record(checkpoint: Path) -> None:
    """With the weights that belong to its step."""
    kept = record_in(checkpoint)

    assert (kept["rows"], kept["rows_per_step"], kept["weights_step"]) == (64, 8, 4)
    assert {len(kept[name]) for name in ("weights", "moments", "base", "collated")} == {16}


class Counting:
    """A collator that knows how often it was called."""

    calls = 0

    def __call__(self, rows: list[Any]) -> Any:  # noqa: ANN401 - a batch
        """Once more."""
        self.calls += 1
        return default_data_collator(rows)


def test_batches_of_a_collator_with_a_state_are_not_kept(tmp_path: Path) -> None:
    """They need not be equal when it is asked again; its name is."""
    kept = record_in(trainers.stop_halfway(tmp_path, collate=Counting()))

    assert kept["collator"] == "Counting"
    assert "collated" not in kept


@pytest.mark.parametrize("restores", [True, False])
def test_program_without_a_guard_goes_on(checkpoint: Path, restores: bool) -> None:  # noqa: FBT001
    """Also one that restores callbacks: transformers says that it knows none of that name, and trains."""
    options = {"restore_callback_states_from_checkpoint": restores}
    trainer = trainers.go_on(checkpoint, watched=False, **options)

    assert trainer.state.global_step == 8


def test_state_is_read_without_this_package(checkpoint: Path) -> None:
    """In a process where it cannot be imported."""
    code = (
        "import sys; sys.modules['unsilent'] = None\n"
        "from transformers import TrainerState\n"
        f"print(TrainerState.load_from_json({str(checkpoint / 'trainer_state.json')!r}).global_step)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "4"


def test_guard_survives_restored_callbacks(checkpoint: Path) -> None:
    """New callbacks take the place of those whose state transformers restores; a guard is none of them."""
    trainer = trainers.go_on(checkpoint, restore_callback_states_from_checkpoint=True)

    assert trainer.guard in trainer.callback_handler.callbacks
    assert trainer.guard.monitor.judged == 4


def test_run_that_began_without_a_guard_is_saved_with_one(tmp_path: Path) -> None:
    """A callback with an exported state would raise KeyError at the first checkpoint."""
    stopped = trainers.stop_halfway(tmp_path, watched=False)
    trainers.go_on(stopped, save_strategy="steps")

    assert (
        "unsilent" in json.loads((tmp_path / "checkpoint-8" / "trainer_state.json").read_text())["stateful_callbacks"]
    )


def test_plain_callback_goes_on_too(checkpoint: Path) -> None:
    """It does not see the call, but scripts name the checkpoint in the arguments, too."""
    guard = TrainingGuard(rerun=False)
    options = trainers.HALFWAY | {"save_strategy": "no", "resume_from_checkpoint": str(checkpoint)}
    trainer = trainers.make_trainer(checkpoint.parent, trainers.dropping_adapter(), callbacks=[guard], **options)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint))
    outcome = next(one for one in guard.report.outcomes if one.slug == "resume-mismatch")

    assert (outcome.status, outcome.message) == ("passed", "")


@pytest.mark.parametrize(("named", "step"), [(None, 4), ("nowhere", 4), ("here", 0), ("here", 3)])
def test_checkpoint_that_does_not_fit_is_not_taken(checkpoint: Path, named: str | None, step: int) -> None:
    """An argument that was not followed."""
    arguments = SimpleNamespace(resume_from_checkpoint=str(checkpoint) if named == "here" else named)

    assert run_keeping._named_by_arguments(arguments, step) is None


def test_checkpoint_of_a_call_is_found(checkpoint: Path, tmp_path: Path) -> None:
    """A path, ``True`` for the last one, and none."""
    trainer = SimpleNamespace(args=SimpleNamespace(output_dir=str(checkpoint.parent)))

    assert find_checkpoint(trainer, (checkpoint,), {}) == checkpoint
    assert find_checkpoint(trainer, (), {"resume_from_checkpoint": True}) == checkpoint.parent / "checkpoint-8"
    assert find_checkpoint(trainer, (False,), {}) is None
    trainer.args.output_dir = os.fspath(tmp_path / "nowhere")
    assert find_checkpoint(trainer, (True,), {}) is None


@pytest.mark.parametrize("loader", [None, iter([1])])
def test_stream_has_no_place(loader: Any) -> None:  # noqa: ANN401
    """Neither steps nor rows are known."""
    arguments = SimpleNamespace(gradient_accumulation_steps=2)

    assert run_keeping._steps_per_epoch(loader, arguments) is None
    assert run_keeping._rows_per_step(loader, arguments) is None


def test_state_that_keeps_nothing_is_left_alone() -> None:
    """Somebody's own trainer has no place for it."""
    keeper = RunKeeper()
    state = SimpleNamespace(global_step=0, max_steps=4, epoch=0)
    arguments = SimpleNamespace(gradient_accumulation_steps=1)
    outcome = keeper.begin(arguments, state, {"model": trainers.fresh_adapter()}, scaled=False)
    keeper.before_saving(state, SimpleNamespace(should_save=True), None)

    assert outcome.status == "skipped"
    assert vars(state) == {"global_step": 0, "max_steps": 4, "epoch": 0}
