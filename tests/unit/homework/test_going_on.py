"""A run that was stopped or killed, at any step, ends as if it never had been."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import killed_runs
import pytest
import support
import torch
from killed_runs import IN_SAVE, IN_STEP, STEPS, WEIGHTS, kept, train, train_killed
from transformers import Trainer

from homework import going_on, training
from homework.adapter_files import read_manifest
from homework.adapter_store import save_adapter
from homework.errors import OutputRefused, RunRefused, TrainingFailed
from homework.saved_steps import find_saved
from homework.unfinished import claim_run
from unsilent.outcome import FailureFound, failed
from unsilent.termination import Told

PATIENCE = 120  # seconds until a child process has got somewhere: six on an idle machine, most of them imports


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of every run here."""
    return support.write_small_data(tmp_path_factory.mktemp("rows") / "data")


@pytest.fixture(autouse=True)
def _at_home(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those rows, and one thread, as the child processes have it: two would add in another order."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(data))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tiny_base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - a TrainingResult
    """The run that nothing has stopped, and that has kept nothing on its way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEWORK_DATA_DIR", str(data))
        return train(tiny_base, tmp_path_factory.mktemp("whole") / "out", save_steps=0)


def same(result: Any, whole: Any) -> bool:  # noqa: ANN401 - two TrainingResults
    """Whether two runs have written the same adapter, to the bit, and the same log."""
    weights = [(one.folder / WEIGHTS).read_bytes() for one in (result, whole)]
    return weights[0] == weights[1] and bool(result.log == whole.log)


@pytest.mark.parametrize("seed", range(4))
def test_kills_leave_no_trace(tiny_base: Path, whole: Any, tmp_path: Path, seed: int) -> None:  # noqa: ANN401
    """Three kills at random steps and places, with checkpoints at random distances: adapter and log are the same."""
    draw = random.Random(seed)
    out, save_steps, resume = tmp_path / "out", draw.randrange(1, 5), False
    for step in sorted(draw.sample(range(1, STEPS - save_steps), 3)):
        train_killed(tiny_base, out, step, draw.choice(IN_STEP + IN_SAVE), save_steps=save_steps, resume=resume)
        resume = True
    result = train(tiny_base, out, save_steps=save_steps, resume=True)

    assert same(result, whole)
    assert kept(out) == []
    assert len(read_manifest(out)["resumed"]) == 3


@pytest.mark.no_cover
@pytest.mark.parametrize("logging_steps", [5])
def test_log_has_no_seam(tiny_base: Path, tmp_path: Path, logging_steps: int) -> None:
    """Losses before the checkpoint count in the next record, which is the mean over steps of both processes."""
    options: dict[str, Any] = {"logging_steps": logging_steps, "save_steps": 4}
    straight = train(tiny_base, tmp_path / "straight", **options)
    train_killed(tiny_base, tmp_path / "out", 9, **options)
    result = train(tiny_base, tmp_path / "out", resume=True, **options)

    assert read_manifest(tmp_path / "out")["resumed"][0]["step"] == 8
    assert same(result, straight)


@pytest.mark.no_cover
def test_rarely_logged_run_may_log_more_often(tiny_base: Path, whole: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """How often something is logged is no part of the run, and the later wish counts."""
    train_killed(tiny_base, tmp_path / "out", 7, logging_steps=3)
    result = train(tiny_base, tmp_path / "out", resume=True, logging_steps=1)

    assert [record["step"] for record in result.log] == [3, 6, 7, 8, 9, 10, 11, 12]
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == (whole.folder / WEIGHTS).read_bytes()


@pytest.mark.no_cover
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_signal_stops_after_a_checkpoint(
    tiny_base: Path,
    whole: Any,  # noqa: ANN401 - a TrainingResult
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    """The step is finished and saved, whatever save_steps says; the message is a command that goes on."""
    stop = killed_runs.about_to(4, IN_STEP[0], lambda: signal.raise_signal(number))
    with stop, pytest.raises(SystemExit if number == signal.SIGTERM else KeyboardInterrupt) as ended:
        train(tiny_base, tmp_path / "out", save_steps=0)
    printed = capsys.readouterr().out
    result = train(tiny_base, tmp_path / "out", save_steps=0, resume=True)

    assert getattr(ended.value, "code", 143) == 143
    assert f"stopped at step 5 of {STEPS}; go on with: python -m homework.sft train --output_dir" in printed
    assert "--resume" in printed
    assert "resume:      from step 5 of 12" in capsys.readouterr().out
    assert same(result, whole)


def test_signal_at_the_last_step_loses_nothing(
    tiny_base: Path,
    whole: Any,  # noqa: ANN401 - a TrainingResult
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is nothing to go on with: the adapter is saved, then the process ends."""
    with (
        killed_runs.about_to(STEPS - 1, IN_STEP[0], lambda: signal.raise_signal(signal.SIGTERM)),
        pytest.raises(SystemExit, match="143"),
    ):
        train(tiny_base, tmp_path / "out")

    assert (tmp_path / "out" / WEIGHTS).read_bytes() == (whole.folder / WEIGHTS).read_bytes()
    assert kept(tmp_path / "out") == []
    assert "told to end at the last step: trained and saved to" in capsys.readouterr().out


def test_full_disk_does_not_end_the_run(
    tiny_base: Path,
    whole: Any,  # noqa: ANN401 - a TrainingResult
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is said, what was written of the checkpoint is removed, and the training is the same."""
    monkeypatch.setattr(Trainer, "_save_rng_state", lambda *_: (_ for _ in ()).throw(RuntimeError("no space\nat all")))
    result = train(tiny_base, tmp_path / "out", save_steps=6)

    assert "checkpoint:  none of step 6 could be written (no space); training goes on" in capsys.readouterr().out
    assert same(result, whole)


@pytest.mark.no_cover
@pytest.mark.parametrize(("save_steps", "said"), [(0, "; nothing could be kept"), (2, "; kept is step 2 of 12; go on")])
def test_stop_says_what_is_kept(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], save_steps: int, said: str
) -> None:
    """Where the last checkpoint could not be sealed, the one before it is named, or that there is none."""

    def fill_the_disk() -> None:
        raise OSError

    stop = killed_runs.about_to(3, IN_STEP[1], lambda: signal.raise_signal(signal.SIGTERM))
    with stop, killed_runs.about_to(3, IN_SAVE[2], fill_the_disk), pytest.raises(SystemExit):
        train(tiny_base, tmp_path / "out", save_steps=save_steps)

    printed = capsys.readouterr().out

    assert f"stopped at step 3 of 12{said}" in printed
    assert "checkpoint:  none of step 3 could be written (OSError)\n" in printed
    assert "checkpoint-3" not in kept(tmp_path / "out")


def test_checkpoint_asks_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT would, about a base with a hub's name, to see whether its embeddings were changed."""
    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", lambda *_, **__: pytest.fail("asked"))
    trainer = going_on.ResumableTrainer.__new__(going_on.ResumableTrainer)
    trainer.args = SimpleNamespace(should_save=True)
    trainer.model = support.tiny_adapter()
    trainer.model.peft_config["default"].base_model_name_or_path = "somebody/model"
    trainer._save(str(tmp_path))

    assert (tmp_path / WEIGHTS).exists()


def test_checkpoint_holds_all_that_is_needed(tiny_base: Path, tmp_path: Path) -> None:
    """Adapter, optimizer, schedule, random states, the Trainer's state, and the seal."""
    train_killed(tiny_base, tmp_path / "out", 3)
    names = {path.name for path in (tmp_path / "out.unfinished" / "checkpoint-2").iterdir()}

    assert names == {
        *("README.md", "adapter_config.json", WEIGHTS, "complete.json"),
        *("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"),
    }


def test_processes_agree_on_when_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process that was told stops all, after the same step."""
    monkeypatch.setattr(going_on, "gather", lambda processes, mine: [mine] + [15] * (processes.world - 1))
    several = SimpleNamespace(args=SimpleNamespace(world_size=2, process_index=0))
    told = Told()
    keeper = going_on.StepKeeper(several, None, told, 0)
    control = SimpleNamespace()
    keeper.on_step_end(None, SimpleNamespace(global_step=3, max_steps=9), control)

    assert (told.signal, control.should_save, control.should_training_stop) == (15, True, True)


def saving_trainer(run: Path, patch: pytest.MonkeyPatch, others: str = "", *, leads: bool = True) -> Any:  # noqa: ANN401
    """One of two processes that writes its part of a checkpoint; ``others`` is what the other one could not do."""

    def write(*_: object) -> None:
        for name in ("rng_state_0.pth", "rng_state_1.pth"):
            (run / "checkpoint-2").mkdir(exist_ok=True)
            (run / "checkpoint-2" / name).write_bytes(b"state")

    patch.setattr(Trainer, "_save_checkpoint", write)
    patch.setattr(going_on, "gather", lambda processes, mine: [mine, others][: processes.world])
    trainer = going_on.ResumableTrainer.__new__(going_on.ResumableTrainer)
    trainer.args = SimpleNamespace(should_save=leads, output_dir=str(run), world_size=2, process_index=1 - leads)
    trainer.state = SimpleNamespace(global_step=2, max_steps=9)
    trainer.control = SimpleNamespace(should_training_stop=False)
    trainer.accelerator = SimpleNamespace(gather=lambda loss: loss)
    trainer._tr_loss, trainer._globalstep_last_logged = torch.tensor(1.0), 1
    return trainer


def test_checkpoint_that_another_process_could_not_write_is_not_sealed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the random state of each, the run would go on as another one."""
    saving_trainer(tmp_path, monkeypatch, "no space")._save_checkpoint(None, None)

    assert list(tmp_path.iterdir()) == []
    assert "none of step 2 could be written (no space); training goes on" in capsys.readouterr().out


def test_checkpoint_needs_the_random_state_of_each_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that a process has written to a disk of its own is not there."""
    trainer = saving_trainer(tmp_path, monkeypatch)
    trainer._save_checkpoint(None, None)
    sealed = find_saved(tmp_path)[0]
    write = Trainer._save_checkpoint

    def lose(*_: object) -> None:
        write(None)
        (tmp_path / "checkpoint-2" / "rng_state_1.pth").unlink()

    monkeypatch.setattr(Trainer, "_save_checkpoint", lose)
    trainer._save_checkpoint(None, None)

    assert sealed is not None
    assert "none of step 2 could be written (rng_state_1.pth is not there" in capsys.readouterr().out
    assert find_saved(tmp_path) == (None, {})


def test_process_that_does_not_lead_seals_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It writes its random state, and leaves the seal to the one that leads."""
    monkeypatch.setattr("homework.going_on.seal_step", lambda _: pytest.fail("sealed"))
    trainer = saving_trainer(tmp_path, monkeypatch, leads=False)
    trainer._save_checkpoint(None, None)
    trainer._save(str(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_process_that_does_not_lead_stops_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is kept is said once, by the process that leads."""
    trainer = SimpleNamespace(
        args=SimpleNamespace(should_save=False),
        state=SimpleNamespace(global_step=3, max_steps=9),
        accelerator=SimpleNamespace(wait_for_everyone=lambda: None),
        add_callback=lambda _: None,
        train=lambda **_: signal.raise_signal(signal.SIGTERM),
    )
    with claim_run(tmp_path / "out", resume=False, overwrite=False, leads=False) as run, pytest.raises(SystemExit):
        going_on.train_on(trainer, run, save_steps=0, again="go on")

    assert capsys.readouterr().out == ""
    assert trainer.args.output_dir == str(tmp_path / "out.unfinished")


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "found",
    [FailureFound(failed("nan-grad-norm", "guard", "NaN", {"grad_norm": "nan"}, step=6)), None],
    ids=["finding", "NaN at the end"],
)
def test_run_that_failed_is_not_kept(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: FailureFound | None
) -> None:
    """Going on would end there again; the state before the step is kept where it always was."""

    def stop() -> None:
        if found:
            raise found
        monkeypatch.setattr(training, "is_finite", lambda _: False)

    with killed_runs.about_to(5, IN_STEP[0], stop), pytest.raises((FailureFound, TrainingFailed)):
        train(tiny_base, tmp_path / "out")

    assert kept(tmp_path / "out") == []
    assert (tmp_path / "out").exists() == bool(found)


def test_resume_that_is_stopped_at_once_loses_nothing(tiny_base: Path, whole: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """[resume-mismatch] The checkpoints stay, nothing is written as stopped, and the run can go on."""

    def stop() -> None:
        raise FailureFound(failed("resume-mismatch", "wiring", "Expected the same run, but got another.", {"step": 50}))

    train_killed(tiny_base, tmp_path / "out", 5)
    before = kept(tmp_path / "out")
    with killed_runs.about_to(4, IN_STEP[0], stop), pytest.raises(RunRefused, match="nothing of the run was lost"):
        train(tiny_base, tmp_path / "out", resume=True)

    assert kept(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.unfinished"]
    assert same(train(tiny_base, tmp_path / "out", resume=True), whole)


@pytest.mark.no_cover
def test_file_in_the_place_of_a_checkpoint_ends_no_run(
    tiny_base: Path,
    whole: Any,  # noqa: ANN401 - a TrainingResult
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That checkpoint is none, the next one may be."""

    def block() -> None:
        (tmp_path / "out.unfinished" / "checkpoint-4").touch()

    with killed_runs.about_to(3, IN_STEP[0], block):
        result = train(tiny_base, tmp_path / "out")

    assert "checkpoint:  none of step 4 could be written" in capsys.readouterr().out
    assert same(result, whole)


@pytest.mark.parametrize("resume", [False, True])
def test_run_that_is_killed_after_saving_is_finished(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    resume: bool,  # noqa: FBT001
) -> None:
    """Its adapter is refused to be overwritten, as ever; of its checkpoints nothing stays in the way."""

    def save_and_die(*args: Any, **options: Any) -> None:  # noqa: ANN401 - whatever it takes
        save_adapter(*args, **options)
        killed_runs.kill()

    train_killed(tiny_base, tmp_path / "out", 3)
    monkeypatch.setattr("homework.training.save_adapter", save_and_die)
    with pytest.raises(killed_runs.Killed):
        train(tiny_base, tmp_path / "out", resume=True)
    with pytest.raises(OutputRefused, match="a folder without a trained adapter"):
        train(tiny_base, tmp_path / "out", resume=resume)

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "the run of out was finished" in capsys.readouterr().out


def waited_for(child: Any, folder: Path, step: int) -> None:  # noqa: ANN401 - a Popen
    """Return when a child has begun to write the checkpoint of a step, or a later one."""
    deadline = time.monotonic() + PATIENCE
    while child.poll() is None and time.monotonic() < deadline:
        if any(int(path.name.rpartition("-")[2]) >= step for path in folder.glob("checkpoint-*")):
            return
        time.sleep(0.002)
    pytest.fail(f"it did not get to step {step}: {child.communicate(timeout=PATIENCE)[0]}")


LONG = {"epochs": 16, "max_steps": 80, "save_steps": 3}


@pytest.fixture(scope="module")
def long(tiny_base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - a TrainingResult
    """A run long enough to be killed from outside on its way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEWORK_DATA_DIR", str(data))
        return train(tiny_base, tmp_path_factory.mktemp("long") / "out", **LONG)


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_real_program_goes_on(tiny_base: Path, long: Any, tmp_path: Path, number: signal.Signals) -> None:  # noqa: ANN401
    """Killed or told to end at a random step from outside, it is gone on with, and has the same adapter and log."""
    out = tmp_path / "out"
    child = killed_runs.in_child(tiny_base, out, **LONG)
    try:
        waited_for(child, tmp_path / "out.unfinished", random.Random(time.time_ns()).randrange(3, 40))
        child.send_signal(number)
        said = child.communicate(timeout=PATIENCE)[0]
    finally:
        child.kill()
    begun = json.loads((tmp_path / "out.unfinished" / "run.json").read_text())
    result = train(tiny_base, out, **LONG, resume=True)

    assert child.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL), said
    assert (number == signal.SIGKILL) == ("go on with: python -m homework.sft train" not in said)
    assert begun["resumed"] == []
    assert same(result, long)
