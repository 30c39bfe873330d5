"""A run that goes on as another one is found before its first step, and in its log; a proper resume is left alone.

Trainer says nothing of a lost optimizer, restores neither optimizer nor schedule where one of the two files is missing,
ignores another learning rate, and takes another seed, base or lora_alpha as it comes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
import trainers
from transformers import default_data_collator

from unsilent.outcome import FailureFound, Outcome
from unsilent.runs import read_run

pytestmark = [pytest.mark.regression, pytest.mark.failure("resume-mismatch")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of the middle of a watched run, with that of its end beside it."""
    return trainers.stop_halfway(tmp_path_factory.mktemp("run"))


@pytest.fixture
def checkpoint(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "run" / whole.name))


@pytest.fixture(scope="module")
def properly(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - a Trainer
    """The run that went on as it should, to compare with."""
    copied = shutil.copytree(whole, tmp_path_factory.mktemp("properly") / "run" / whole.name)
    return trainers.go_on(Path(copied), watched=False)


def weights_of(trainer: Any) -> torch.Tensor:  # noqa: ANN401 - a Trainer
    """Everything that was trained, in one row."""
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters() if weight.requires_grad])


def found_by(checkpoint: Path, model: Any = None, rows: Any = None, **options: Any) -> Outcome:  # noqa: ANN401
    """What stops a resume before its first step."""
    with pytest.raises(FailureFound, match="resume-mismatch") as found:
        trainers.go_on(checkpoint, model, rows, **options)
    assert found.value.step == 0
    return found.value.outcome


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt"])
def test_fault_is_real(checkpoint: Path, properly: Any, name: str) -> None:  # noqa: ANN401
    """Without either of two files both begin anew in silence: the warm-up runs again from a rate of 0."""
    faults.lose_file(checkpoint, name)
    trainer = trainers.go_on(checkpoint, watched=False)
    rates = [record["learning_rate"] for record in trainer.state.log_history if "loss" in record]

    assert rates[4:6] == [0.0, 0.01]
    assert rates[3] > 0.005
    assert not torch.equal(weights_of(trainer), weights_of(properly))


@pytest.mark.parametrize("what", ["seed", "rows_per_step", "schedule", "max_steps", "precision", "ignore_data_skip"])
def test_changed_option_makes_another_run(checkpoint: Path, properly: Any, what: str) -> None:  # noqa: ANN401
    """Nothing is raised, and the adapter at the end is not the one it would have been."""
    trainer = trainers.go_on(checkpoint, watched=False, **faults.change_between_runs(what))

    assert not torch.equal(weights_of(trainer), weights_of(properly))


def test_changed_learning_rate_is_ignored(checkpoint: Path, properly: Any) -> None:  # noqa: ANN401
    """Trainer goes on with the rate of the checkpoint: the run is the same to the last bit."""
    trainer = trainers.go_on(checkpoint, watched=False, **faults.change_between_runs("learning_rate"))

    assert torch.equal(weights_of(trainer), weights_of(properly))


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_guard_finds_a_lost_file(checkpoint: Path, name: str) -> None:
    """Named in the message, beside what is empty or begins anew because of it."""
    faults.lose_file(checkpoint, name)
    finding = found_by(checkpoint)

    assert name in finding.evidence["differences"]  # type: ignore[operator] # a mapping
    assert "Expected a run that goes on where it stopped, but got" in finding.message


@pytest.mark.no_cover
@pytest.mark.parametrize("what", faults.BETWEEN_RUNS)
def test_guard_finds_a_changed_option(checkpoint: Path, what: str) -> None:
    """By the record that the guard of the first run has kept in the checkpoint, or by the optimizer and schedule."""
    finding = found_by(checkpoint, **faults.change_between_runs(what))
    named = str(finding.evidence["differences"])

    assert what in named


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of the middle of a run that no guard has watched."""
    return trainers.stop_halfway(tmp_path_factory.mktemp("unwatched"), watched=False)


@pytest.mark.parametrize(
    "what", ["seed", "precision", "learning_rate", "rows_per_step", "schedule", "max_grad_norm", "neftune_noise_alpha"]
)
def test_guard_finds_it_in_an_unwatched_run(unwatched: Path, tmp_path: Path, what: str) -> None:
    """By the optimizer, the schedule, the place in the data, and the arguments that Trainer left in the checkpoint."""
    checkpoint = Path(shutil.copytree(unwatched, tmp_path / "run" / unwatched.name))
    finding = found_by(checkpoint, **faults.change_between_runs(what))

    assert what in str(finding.evidence["differences"])
    assert "rows and base, as no guard watched the run that stopped" in str(finding.evidence["noticed"])


@pytest.mark.parametrize("what", ["rows_per_step", "schedule", "max_steps", "ignore_data_skip"])
def test_guard_finds_it_without_any_record(unwatched: Path, tmp_path: Path, what: str) -> None:
    """What the optimizer, the schedule and the place in the data tell without help."""
    checkpoint = Path(shutil.copytree(unwatched, tmp_path / "run" / unwatched.name))
    faults.lose_file(checkpoint, "training_args.bin")
    finding = found_by(checkpoint, **faults.change_between_runs(what))

    assert "seeds, rows, base and precision, as no guard watched" in str(finding.evidence["noticed"])


def test_guard_finds_other_rows(checkpoint: Path) -> None:
    """As many, but others; and fewer."""
    others = found_by(checkpoint, rows=trainers.counting_rows(seed=5))
    fewer = found_by(checkpoint, rows=trainers.counting_rows(40))

    assert list(others.evidence["differences"]) == ["rows_hash"]  # type: ignore[call-overload] # a mapping
    assert {"rows", "epochs at this step"} <= set(fewer.evidence["differences"])  # type: ignore[call-overload]


def unmasking(rows: list[Any]) -> dict[str, Any]:
    """A collator that puts the prompts into the loss."""
    batch = default_data_collator(rows)
    return {**batch, "labels": batch["input_ids"].clone()}


def test_guard_finds_another_collator(checkpoint: Path) -> None:
    """By its name, and by the batch that it makes of the same rows."""
    finding = found_by(checkpoint, collate=unmasking)

    assert list(finding.evidence["differences"]) == ["collated", "collator"]  # type: ignore[call-overload] # a mapping


def test_guard_finds_the_optimizer_of_another_run(checkpoint: Path, tmp_path: Path) -> None:
    """That of the same step."""
    other = trainers.stop_halfway(tmp_path / "other", rows=trainers.counting_rows(seed=5))
    faults.mix_checkpoints(checkpoint, other, "optimizer.pt")

    assert list(found_by(checkpoint).evidence["differences"]) == ["moments of the optimizer"]  # type: ignore[call-overload] # a mapping


def test_guard_finds_another_base(checkpoint: Path) -> None:
    """Of the same shape, with other weights."""
    finding = found_by(checkpoint, trainers.fresh_adapter(support.tiny_model(seed=3), lora_dropout=0.1))

    assert list(finding.evidence["differences"]) == ["base"]  # type: ignore[call-overload] # a mapping


def test_guard_finds_another_adapter_configuration(checkpoint: Path) -> None:
    """Trainer loads the weights under the new ``lora_alpha``: what was learnt counts four times."""
    finding = found_by(checkpoint, trainers.dropping_adapter(lora_alpha=32))

    assert finding.evidence["differences"] == {"adapter.lora_alpha": {"before": 8, "now": 32}}


@pytest.mark.parametrize(
    ("name", "what"),
    [("adapter_model.safetensors", "trained weights"), ("optimizer.pt", "steps of the optimizer")],
)
def test_guard_finds_mixed_checkpoints(checkpoint: Path, whole: Path, name: str, what: str) -> None:
    """A file of step 8 in the checkpoint of step 4."""
    faults.mix_checkpoints(checkpoint, whole.parent / "checkpoint-8", name)

    assert what in found_by(checkpoint).evidence["differences"]  # type: ignore[operator] # a mapping


def test_guard_finds_a_forgotten_step(checkpoint: Path) -> None:
    """The state says 0, optimizer and schedule say 4."""
    faults.forget_step(checkpoint)

    assert found_by(checkpoint).evidence["differences"] == {
        "steps of the optimizer": {"before": 0, "now": 4},
        "steps of the schedule": {"before": 0, "now": 4},
    }


def test_guard_finds_a_run_that_begins_anew(checkpoint: Path) -> None:
    """The common mistake: the adapter of an unfinished checkpoint is loaded, and ``train()`` begins at step 0."""
    model = faults.begin_anew_from(checkpoint, support.tiny_model())
    found = trainers.caught(trainers.make_trainer(checkpoint.parent, model, **trainers.HALFWAY))

    assert found.failure.slug == "resume-mismatch"
    assert "step 4 of 8 in checkpoint-4 before, 0 now" in str(found)


@pytest.mark.no_cover
def test_log_shows_a_warm_up_that_runs_again(tmp_path: Path) -> None:
    """In the state of a run that lost its schedule at step 20 of 40; a proper resume shows nothing."""
    options: dict[str, Any] = {"max_steps": 40, "warmup_steps": 5, "save_steps": 20, "gradient_accumulation_steps": 1}
    checkpoint = trainers.stop_halfway(tmp_path, **options).with_name("checkpoint-20")
    path = tmp_path / "trainer_state.json"
    trainers.go_on(checkpoint, watched=False, **options).state.save_to_json(str(path))
    healthy = read_run(path)
    faults.lose_file(checkpoint, "scheduler.pt")
    trainers.go_on(checkpoint, watched=False, **options).state.save_to_json(str(path))
    finding = support.only_finding(read_run(path))

    assert healthy.findings == []
    assert (finding.slug, finding.step) == ("resume-mismatch", 21)
    assert "rises as it did at the beginning: the warm-up is run again" in finding.message


@pytest.mark.no_cover
@pytest.mark.parametrize("watched", [True, False])
def test_healthy_twin_goes_on(tmp_path: Path, watched: bool) -> None:  # noqa: FBT001
    """From a whole checkpoint of a run that was watched or not; and it ends where a run without a stop ends."""
    checkpoint = trainers.stop_halfway(tmp_path, watched=watched)
    without_stop = trainers.make_trainer(tmp_path / "other", trainers.dropping_adapter(), **trainers.HALFWAY)
    without_stop.train()
    trainer = trainers.go_on(checkpoint)

    assert trainer.guard.report.findings == []
    assert torch.equal(weights_of(trainer), weights_of(without_stop))


def renamed(rows: list[Any]) -> Any:  # noqa: ANN401 - a batch
    """The default under another name."""
    return default_data_collator(rows)


class Masking:
    """A collator that draws which labels count, from its own generator or from torch's."""

    def __init__(self, *, own: bool = False) -> None:
        """Begin a sequence of draws."""
        self.generator = torch.Generator().manual_seed(1) if own else None

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """Half of them, and the last one of each row."""
        batch = default_data_collator(rows)
        masked = torch.rand(batch["labels"].shape, generator=self.generator) < 0.5
        masked[:, -1] = False
        return {**batch, "labels": batch["labels"].masked_fill(masked, -100)}


class Curriculum:
    """A collator that shortens its batches after some calls."""

    calls = 0

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """The batch of one call."""
        self.calls += 1
        return {name: one[:, : 11 if self.calls > 4 else 12] for name, one in default_data_collator(rows).items()}


SHARED = Curriculum()


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Masking(), Masking()),
        (Masking(own=True), Masking(own=True)),
        (Curriculum(), Curriculum()),
        (SHARED, SHARED),
        (None, renamed),
    ],
    ids=["random", "a generator of its own", "a state", "the same one, called before", "another name"],
)
def test_collator_that_makes_no_other_batches_goes_on(tmp_path: Path, one: Any, other: Any) -> None:  # noqa: ANN401
    """What is drawn or counted says nothing of the collator."""
    checkpoint = trainers.stop_halfway(tmp_path, collate=one)

    assert trainers.go_on(checkpoint, collate=other).guard.report.findings == []


def test_other_split_of_the_same_batch_goes_on(checkpoint: Path) -> None:
    """Eight rows at once are the rows of two times four."""
    options: dict[str, Any] = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}

    assert trainers.go_on(checkpoint, **options).guard.report.findings == []


@pytest.mark.no_cover
@pytest.mark.parametrize(("cut", "watched"), [((8, 1), False), ((2, 4), True)])
def test_other_split_of_rows_that_leave_a_rest_goes_on(tmp_path: Path, cut: tuple[int, int], watched: bool) -> None:  # noqa: FBT001
    """57 rows, in the middle of their first epoch."""
    rows = trainers.counting_rows(57)
    options: dict[str, Any] = {"max_steps": 12, "save_steps": 3}
    stopped = trainers.stop_halfway(tmp_path, rows=rows, watched=watched, **options).with_name("checkpoint-3")
    options |= dict(zip(("per_device_train_batch_size", "gradient_accumulation_steps"), cut, strict=True))

    assert trainers.go_on(stopped, rows=rows, **options).guard.report.findings == []


def test_finished_run_goes_on_for_longer(whole: Path) -> None:
    """More steps after the last one are meant; that the rate leaps is said, and no finding."""
    report = trainers.go_on(whole.with_name("checkpoint-8"), max_steps=12).guard.report
    outcome = next(one for one in report.outcomes if one.slug == "resume-mismatch")

    assert outcome.status == "passed"
    assert "a run that had ended goes on" in outcome.message


def test_second_run_from_a_finished_adapter_is_one_of_its_own(whole: Path) -> None:
    """Its optimizer is new on purpose."""
    model = faults.begin_anew_from(whole.with_name("checkpoint-8"), support.tiny_model())
    trainer = trainers.make_trainer(whole.parent, model, **trainers.HALFWAY | {"save_strategy": "no"})

    assert trainers.guarded(trainer).report.findings == []


@pytest.mark.parametrize("options", [{"max_steps": 6}, {"seed": 3}])
def test_new_run_from_a_checkpoint_is_one_of_its_own(checkpoint: Path, options: dict[str, Any]) -> None:
    """In the same folder, with another length or seed: nobody who forgot to resume has changed that."""
    model = faults.begin_anew_from(checkpoint, support.tiny_model())
    settings = trainers.HALFWAY | {"save_strategy": "no"} | options
    report = trainers.guarded(trainers.make_trainer(checkpoint.parent, model, **settings)).report

    assert "as one of its own: with another" in trainers.unseen(report)["resume-mismatch"]
