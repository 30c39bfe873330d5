"""Trainers that take turns: each a whole Trainer that goes on for one optimizer step whenever it is asked to.

What the benchmark of the guard and its test on a GPU share. Sides that alternate are slowed alike by a busy minute.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

if TYPE_CHECKING:
    from collections.abc import Callable


def start_clock() -> Callable[[], float]:
    """Start; the function returned stops and says the seconds. Between two CUDA events where there is a GPU.

    Before the first event the GPU has nothing left to do, and the second has been reached when the seconds are said.
    """
    if not torch.cuda.is_available():
        started = time.perf_counter()
        return lambda: time.perf_counter() - started
    torch.cuda.synchronize()
    event: Any = torch.cuda.Event  # untyped
    first, last = event(enable_timing=True), event(enable_timing=True)
    first.record()

    def stop() -> float:
        last.record()
        last.synchronize()
        return float(first.elapsed_time(last)) / 1000  # events count milliseconds

    return stop


class Side(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """A Trainer in a thread of its own that takes one optimizer step at a time; no two run at once."""

    def __init__(self, trainer: Any, around: Any = None) -> None:  # noqa: ANN401 - a Trainer, a context
        """Prepare; nothing runs before the first ``advance``."""
        trainer.add_callback(self)  # the last one, so that the others are within the time
        self.trainer = trainer
        self.around = around or contextlib.nullcontext()
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._train, daemon=True)
        self.thread.start()

    def advance(self) -> float:
        """One optimizer step [s]; the first call starts the training, with all that a guard does before it."""
        stop = start_clock()
        self.go.release()
        self.done.acquire()
        seconds = stop()
        if self.error is not None:
            raise self.error
        return seconds

    def close(self) -> None:
        """Let the training end."""
        self.ended = True
        self.go.release()
        self.thread.join()

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: object) -> Any:  # noqa: ANN401
        """Hand over to the next side, and wait."""
        self.done.release()
        self.go.acquire()
        control.should_training_stop = self.ended
        return control

    def _train(self) -> None:
        self.go.acquire()
        try:
            if not self.ended:
                with self.around:
                    self.trainer.train()
        except BaseException as error:  # noqa: BLE001 - raised again where the step was asked for
            self.error = error
        finally:
            self.done.release()
