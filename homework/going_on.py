"""Train so that the run can be stopped, or killed, at any step and go on from there as if nothing had happened.

The Trainer's own checkpoints hold adapter, optimizer, schedule, gradient scaler and random states. What is added: each
is sealed once it is whole; the losses since the last record of the log are kept, so that the curve has no seam; nothing
asks the model hub. A signal that ends the process is noted, and obeyed after the step, with a checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from transformers import Trainer, TrainerCallback

from unsilent.termination import note_signals

from .processes import Processes, gather
from .saved_steps import SavedStep, find_saved, folder_of, remove_saved, seal_step

if TYPE_CHECKING:
    from unsilent.termination import Told

    from .unfinished import UnfinishedRun


class ResumableTrainer(Trainer):  # type: ignore[misc] # transformers' base class is untyped
    """A Trainer whose checkpoints count only when they are whole; one that cannot be written does not end the run."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the adapter alone: tokenizer and embeddings are the base's, for which PEFT would ask the hub."""
        if self.args.should_save:
            self.model.save_pretrained(output_dir, state_dict=state_dict, save_embedding_layers=False)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever Trainer passes
        """Write a checkpoint as Trainer does, then seal it, in the one process that does so."""
        state = self.state
        loss = float(self.accelerator.gather(self._tr_loss).mean())
        folder = folder_of(Path(self.args.output_dir), state.global_step)
        saved = SavedStep(folder, state.global_step, state.max_steps, loss, self._globalstep_last_logged)
        problem: Exception | None = None
        try:
            super()._save_checkpoint(*args, **kwargs)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # no room, or something lies in its place
            problem = error
        problems = gather(_processes_of(self.args), _in_words(problem))  # each has a file of its own in the checkpoint
        if not self.args.should_save:
            return
        words = next(filter(None, problems), "")
        try:
            if not words:
                _check_random_states(folder, self.args.world_size)
                seal_step(saved)
        except OSError as error:
            words = _in_words(error)
        if words:
            remove_saved(folder)
            then = "" if self.control.should_training_stop else "; training goes on"
            print(f"checkpoint:  none of step {saved.step} could be written ({words}){then}", flush=True)


def _processes_of(arguments: Any) -> Processes:  # noqa: ANN401 - a Trainer's
    return Processes(arguments.process_index, arguments.world_size)


def _in_words(problem: Exception | None) -> str:
    """The first line of an error, or its kind; empty where there is none."""
    return "" if problem is None else next(iter(str(problem).splitlines()), "") or type(problem).__name__


def _check_random_states(folder: Path, world: int) -> None:
    """Make sure that each process has left its random state; one on another machine may have no such folder in common.

    Raises:
        FileNotFoundError: One is not there.
    """
    names = [f"rng_state_{rank}.pth" for rank in range(world)] if world > 1 else []
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is not there: all processes must write to one folder")


class StepKeeper(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Has the Trainer save every so many steps, and stop after a step in which it was told to."""

    def __init__(self, trainer: Trainer, saved: SavedStep | None, told: Told, save_steps: int) -> None:
        """Remember whose it is, and what it goes on from.

        Args:
            trainer: Whose losses are kept.
            saved: The checkpoint that the run goes on from.
            told: Says when to stop.
            save_steps: Steps between two checkpoints; 0: only when told to stop.
        """
        self.trainer = trainer
        self.saved = saved
        self.told = told
        self.save_steps = save_steps

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Put back what the next record of the log will count."""
        state.logging_steps = args.logging_steps  # Trainer takes the number of the run that was stopped
        if self.saved:
            self.trainer._tr_loss += self.saved.loss  # noqa: SLF001 - Trainer drops it, and logs too low a loss
            self.trainer._globalstep_last_logged = self.saved.logged  # noqa: SLF001

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Ask for a checkpoint when one is due; the last step needs none, since the adapter is saved then."""
        self.told.signal = self._agreed(self.told.signal)
        if state.global_step < state.max_steps:
            is_due = self.save_steps > 0 and state.global_step % self.save_steps == 0
            control.should_save = bool(is_due or self.told.signal)
            control.should_training_stop = bool(self.told.signal)

    def _agreed(self, signal: int) -> int:
        """The signal that any process was sent: all stop after the same step, or they would wait for each other."""
        return max(gather(_processes_of(self.trainer.args), signal))  # on the host: no kernel is waited for


def train_on(trainer: Trainer, run: UnfinishedRun, *, save_steps: int, again: str) -> Told:
    """Train, from where ``run`` was stopped; both SIGTERM and Ctrl-C stop it after a step and a checkpoint.

    Args:
        trainer: Ready to train.
        run: Has begun.
        save_steps: Steps between two checkpoints; 0: only when told to stop.
        again: What to type to go on, for the message.

    Returns:
        Whether it was told to stop at its last step, when there was nothing left to stop.

    Raises:
        SystemExit: It was stopped by SIGTERM, with a checkpoint; status 143.
        KeyboardInterrupt: By Ctrl-C, likewise.
    """
    trainer.accelerator.wait_for_everyone()  # the process that leads has put the run folder in order
    run.follow()
    trainer.args.output_dir = str(run.folder)
    with note_signals() as told:
        trainer.add_callback(StepKeeper(trainer, run.saved, told, save_steps))
        trainer.train(resume_from_checkpoint=str(run.saved.folder) if run.saved else None)
    step, last = trainer.state.global_step, trainer.state.max_steps
    if not told.signal or step == last:
        return told
    if trainer.args.should_save:
        kept = find_saved(run.folder)[0]
        there = f"; kept is {kept}" if kept and kept.step != step else ""
        print(f"stopped at step {step} of {last}{there}; {again if kept else 'nothing could be kept'}", flush=True)
    return told.end()
