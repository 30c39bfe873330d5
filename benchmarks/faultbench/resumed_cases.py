"""Runs that go on from a checkpoint: as another run than the one that stopped, and properly.

The first half is twelve steps of which the sixth is taken up again. Our guard has watched it, as it would have, and
leaves a record in the checkpoint; in the cases whose name begins with ``unwatched`` nobody has. Beside it is written
``training_config.json``, as peft-doctor asks for. What somebody changes in between is what ``tests/faults.py`` has.
"""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import faults
import trainers
from transformers import PrinterCallback

from unsilent import TrainingGuard

from .registry import control, fault
from .runs import STEPS, Resumed, adapted, base_model, lora_config, setup
from .subjects import Log

if TYPE_CHECKING:
    from collections.abc import Callable

HALF = STEPS // 2
SETTINGS: dict[str, Any] = {
    "save_strategy": "steps",
    "save_steps": HALF,
    "gradient_accumulation_steps": 2,
    "lr_scheduler_type": "linear",
    "warmup_steps": 2,
}
ROWS = STEPS * 8
CHANGED = {
    "seed": "another seed",
    "data_seed": "another data_seed",
    "rows_per_step": "accumulation of 1 instead of 2",
    "schedule": "cosine instead of linear",
    "max_steps": "max_steps 16 instead of 12: another slope",
    "learning_rate": "another learning rate, which Trainer ignores",
    "precision": "bf16 instead of fp32",
    "ignore_data_skip": "ignore_data_skip: the same rows again",
}
UNWATCHED = ("rows_per_step", "schedule", "max_steps", "ignore_data_skip")
LOST = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


def dropping(base: Any = None, **options: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """With dropout, so that random states count."""
    return adapted(base, lora_dropout=0.1, **options)


@functools.cache
def stopped_once(*, watched: bool) -> TemporaryDirectory[str]:
    """The whole run with its two checkpoints, trained once for all cases that copy it."""
    folder = TemporaryDirectory(prefix="faultbench-")
    train_first(Path(folder.name), watched=watched)
    return folder


def train_first(folder: Path, *, watched: bool = True, **options: Any) -> None:  # noqa: ANN401 - training arguments
    """Train the whole run, and write its settings into the checkpoint of its middle."""
    run = setup(folder, dropping(), rows=trainers.tokenized_rows(ROWS), **SETTINGS | options)
    run.trainer.remove_callback(PrinterCallback)
    if watched:
        TrainingGuard().attach(run.trainer)
    run.trainer.train()
    settings = {
        name: value for name, value in run.trainer.args.to_dict().items() if isinstance(value, bool | int | float | str)
    }
    (folder / f"checkpoint-{HALF}" / "training_config.json").write_text(json.dumps(settings))


def stop(folder: Path, *, watched: bool = True, **options: Any) -> Path:  # noqa: ANN401 - training arguments
    """The checkpoint of the middle of a run, beside that of its end."""
    if options:
        train_first(folder / "run", watched=watched, **options)
    else:
        shutil.copytree(stopped_once(watched=watched).name, folder / "run")
    return folder / "run" / f"checkpoint-{HALF}"


def go_on(checkpoint: Path, model: Any = None, rows: Any = None, **options: Any) -> Resumed:  # noqa: ANN401
    """The same command again, or what somebody takes for it."""
    rows = trainers.tokenized_rows(ROWS) if rows is None else rows
    run = setup(checkpoint.parent, dropping() if model is None else model, rows=rows, **SETTINGS | options)
    return Resumed(run.trainer, run.lora, run.rows, run.clock, run.fresh_base, checkpoint)


def changed(what: str, *, watched: bool) -> Callable[[Path], Resumed]:
    """A case in which one option is not what it was."""

    def build(folder: Path) -> Resumed:
        return go_on(stop(folder, watched=watched), **faults.change_between_runs(what) | slower(what))

    return build


def slower(what: str) -> dict[str, Any]:
    """The runs here begin at another learning rate than those of the tests, whose change must be one here too."""
    return {"learning_rate": 5e-4} if what == "learning_rate" else {}


def lost(name: str, *, watched: bool) -> Callable[[Path], Resumed]:
    """A case in which one file is not there."""

    def build(folder: Path) -> Resumed:
        faults.lose_file(checkpoint := stop(folder, watched=watched), name)
        return go_on(checkpoint)

    return build


for _what, _title in CHANGED.items():
    fault(
        Resumed, "resume-mismatch", words=f"resumed-{_what}",
        slug=f"resumed-{_what.replace('_', '-')}", title=f"Resumed with {_title}",
    )(changed(_what, watched=True))  # fmt: skip
for _what in UNWATCHED:
    fault(
        Resumed, "resume-mismatch", words=f"resumed-{_what}",
        slug=f"unwatched-{_what.replace('_', '-')}", title=f"Resumed from an unwatched run with {CHANGED[_what]}",
    )(changed(_what, watched=False))  # fmt: skip
for _name in LOST:
    fault(
        Resumed, "resume-mismatch", words=f"resumed-without-{_name.partition('.')[0]}",
        slug=f"resumed-without-{_name.partition('.')[0].replace('_', '-')}", title=f"Resumed without {_name}",
    )(lost(_name, watched=True))  # fmt: skip


@fault(Resumed, "resume-mismatch", words="resumed-rows")
def resumed_on_other_rows(folder: Path) -> Resumed:
    """Resumed on rows of which the first four are left out."""
    return go_on(stop(folder), rows=trainers.tokenized_rows(ROWS + 4)[4:])


@fault(Resumed, "resume-mismatch", words="resumed-base")
def resumed_on_another_base(folder: Path) -> Resumed:
    """Resumed on a base of the same shape with other weights."""
    checkpoint = stop(folder)
    base = base_model()
    base.model.layers[0].mlp.up_proj.weight.data.neg_()
    return go_on(checkpoint, dropping(base))


@fault(Resumed, "resume-mismatch", words="resumed-alpha")
def resumed_with_another_alpha(folder: Path) -> Resumed:
    """Resumed with lora_alpha 256 instead of 64."""
    return go_on(stop(folder), dropping(lora_alpha=256))


@fault(Resumed, "resume-mismatch", words="resumed-mixed-weights")
def resumed_with_mixed_weights(folder: Path) -> Resumed:
    """The weights of step 12 in the checkpoint of step 6."""
    return mixed(folder, "adapter_model.safetensors")


@fault(Resumed, "resume-mismatch", words="resumed-mixed-optimizer")
def resumed_with_mixed_optimizer(folder: Path) -> Resumed:
    """The optimizer of step 12 in the checkpoint of step 6."""
    return mixed(folder, "optimizer.pt")


def mixed(folder: Path, name: str) -> Resumed:
    """A file of the end in the middle."""
    checkpoint = stop(folder)
    faults.mix_checkpoints(checkpoint, checkpoint.with_name(f"checkpoint-{STEPS}"), name)
    return go_on(checkpoint)


@fault(Resumed, "resume-mismatch", words="resumed-at-step-0")
def resumed_at_step_0(folder: Path) -> Resumed:
    """The checkpoint of step 6 says that no step was taken."""
    faults.forget_step(checkpoint := stop(folder))
    return go_on(checkpoint)


@fault(Resumed, "resume-mismatch", words="begun-anew")
def begun_anew(folder: Path) -> Resumed:
    """The adapter of an unfinished checkpoint is loaded, and train() begins at step 0."""
    checkpoint = stop(folder)
    shutil.rmtree(checkpoint.with_name(f"checkpoint-{STEPS}"))
    model = faults.begin_anew_from(checkpoint, base_model())
    model.config_as_written = lora_config(lora_dropout=0.1)
    run = go_on(checkpoint, model)
    run.anew = True
    return run


@control(Resumed)
def resumed(folder: Path) -> Resumed:
    """Resumed properly, from a watched run."""
    return go_on(stop(folder))


@control(Resumed)
def unwatched_resumed(folder: Path) -> Resumed:
    """Resumed properly, from a run that nobody watched."""
    return go_on(stop(folder, watched=False))


@control(Resumed)
def resumed_cosine(folder: Path) -> Resumed:
    """Resumed properly on a cosine."""
    return go_on(stop(folder, lr_scheduler_type="cosine"), lr_scheduler_type="cosine")


@control(Resumed)
def resumed_bf16(folder: Path) -> Resumed:
    """Resumed properly, autocast to bf16."""
    return go_on(stop(folder, bf16=True), bf16=True)


def log_of(folder: Path, name: str = "") -> Log:
    """What a resumed run of 40 steps wrote, whose checkpoint of step 20 has lost a file or has not."""
    options: dict[str, Any] = {"max_steps": 40, "warmup_steps": 5, "save_steps": 20, "gradient_accumulation_steps": 1}
    checkpoint = trainers.stop_halfway(folder / "run", watched=False, **options).with_name("checkpoint-20")
    if name:
        faults.lose_file(checkpoint, name)
    trainer = trainers.go_on(checkpoint, watched=False, **options)
    trainer.state.save_to_json(str(folder / "trainer_state.json"))
    (folder / "console.txt").write_text("".join(f"{record}\n" for record in trainer.state.log_history))
    return Log(folder)


@fault(Log, "resume-mismatch", words="log-resumed")
def log_warm_up_again(folder: Path) -> Log:
    """Log of a run that lost its schedule at step 20 of 40: the warm-up runs again."""
    return log_of(folder, "scheduler.pt")


@control(Log)
def log_resumed(folder: Path) -> Log:
    """Log of a run that was properly resumed at step 20 of 40."""
    return log_of(folder)
