"""What runs wrote down: ``trainer_state.json`` and the console of trainings that went wrong, and of healthy ones.

The runs are those of the regression tests: 30 steps of a tiny model on rows with one label each.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import random
from typing import TYPE_CHECKING, Any

import faults
import pytest
import support
import trainers

from .registry import control, fault
from .runs import adapted, memorised, setup
from .subjects import Log

if TYPE_CHECKING:
    from pathlib import Path

NAN_IN = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight"


@functools.cache
def class_rows(count: int, filler: int = 0) -> list[Any]:
    """Rows that can be learnt."""
    return trainers.class_rows(count, filler=filler)


def logged(folder: Path, model: Any, rows: Any, **options: Any) -> Log:  # noqa: ANN401
    """Train and keep what was written."""
    trainers.run_trainer(folder, model, rows, **options)
    return Log(folder)


def frequencies_known() -> Any:  # noqa: ANN401 - a Llama
    """A base that knows how often each label occurs, and no more."""
    return trainers.taught_model(faults.shuffle_labels(trainers.class_rows(1920)), steps=60)


@fault(Log, "nan-grad-norm", words="log-nan")
def log_nan_weight(folder: Path) -> Log:
    """Log of a run with a NaN weight: loss 0.0, grad_norm nan."""
    faults.put_nan_into(model := support.tiny_adapter(), NAN_IN)
    return logged(folder, model, class_rows(80), max_steps=12)


@fault(Log, "nan-grad-norm", words="log-nan")
def log_nan_later(folder: Path) -> Log:
    """Log of a run whose gradient is NaN in step 8."""
    faults.spoil_gradient(model := support.tiny_adapter(), NAN_IN, backward=8)
    return logged(folder, model, class_rows(80), max_steps=20)


@fault(Log, "zero-loss", words="log-zero")
def log_zero_loss(folder: Path) -> Log:
    """Log of a run without a label: loss 0.0."""
    return logged(folder, support.tiny_model(), faults.hide_every_label(class_rows(80)), max_steps=12)


@fault(Log, "nan-masked", words="log-constant")
def log_constant_loss(folder: Path) -> Log:
    """Log of a run whose NaN loss becomes 0.01."""
    faults.replace_nan_loss(pytest.MonkeyPatch())
    faults.put_nan_into(model := support.tiny_adapter(), NAN_IN)
    return logged(folder, model, class_rows(80), max_steps=12)


@fault(Log, "gradient-explosion", "loss-diverging", words="log-explosion")
def log_rmsprop(folder: Path) -> Log:
    """Log of RMSprop at 1.0 without clipping: the base is destroyed."""
    rows = class_rows(640, 12)
    return logged(folder, trainers.taught_model(rows), rows, **faults.let_gradients_explode())


@fault(Log, "gradient-explosion", words="log-explosion")
def log_explosion(folder: Path) -> Log:
    """Log of gradients that grow by orders of magnitude, upon a base that knew its rows."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run = setup(
            folder,
            adapted(memorised()),
            rows=trainers.tokenized_rows(4),
            max_steps=30,
            **faults.let_gradients_explode(),
        )
        run.trainer.train()
    folder.mkdir(parents=True, exist_ok=True)
    run.trainer.state.save_to_json(str(folder / "trainer_state.json"))
    (folder / "console.txt").write_text(printed.getvalue())
    return Log(folder)


@fault(Log, "loss-diverging", words="log-divergence")
def log_divergence(folder: Path) -> Log:
    """Log of a loss that rises for good."""
    rows = class_rows(640)
    return logged(folder, trainers.taught_model(rows), rows, **faults.raise_learning_rate())


@fault(Log, "loss-not-decreasing", words="log-flat")
def log_shuffled(folder: Path) -> Log:
    """Log of a run on shuffled labels: flat."""
    rows = faults.shuffle_labels(trainers.class_rows(1920, seed=7))
    return logged(folder, frequencies_known(), rows, per_device_train_batch_size=32, max_steps=60)


@fault(Log, "loss-not-decreasing", "frozen-adapter", words="log-frozen")
def log_frozen(folder: Path) -> Log:
    """Log of a frozen adapter: flat, grad_norm 0.0."""
    model = faults.freeze_adapter(trainers.fresh_adapter())
    return logged(folder, model, class_rows(80), max_steps=20)


@control(Log)
def log_healthy(folder: Path) -> Log:
    """Log of a healthy run."""
    rows = class_rows(640)
    return logged(folder, trainers.taught_model(rows), rows)


@control(Log)
def log_unshuffled(folder: Path) -> Log:
    """The flat run's twin, with its own labels."""
    rows = trainers.class_rows(1920, seed=7)
    return logged(folder, frequencies_known(), rows, per_device_train_batch_size=32, max_steps=60)


@control(Log)
def log_memorised(folder: Path) -> Log:
    """A loss that truly reaches 0.01."""
    rows = class_rows(80)[:8]
    return logged(folder, support.tiny_model(), rows, max_steps=80, learning_rate=1e-2)


@control(Log)
def log_cosine(folder: Path) -> Log:
    """Warm-up from 0, cosine to 0."""
    rows = class_rows(640)
    options: dict[str, Any] = {"lr_scheduler_type": "cosine", "warmup_steps": 5, "max_steps": 60}
    return logged(folder, trainers.taught_model(rows), rows, **options)


@control(Log)
def log_of_a_scaler(folder: Path) -> Log:
    """fp16 with a scaler: early skipped steps log inf and nan."""
    draw = random.Random(0)
    history = [
        {
            "step": step,
            "epoch": step / 100,
            "loss": round(2.4 * 0.98**step + draw.uniform(-0.05, 0.05), 4),
            "grad_norm": (float("inf"), float("nan"))[step % 2] if step <= 4 else round(draw.uniform(0.8, 1.4), 3),
            "learning_rate": 1e-4,
        }
        for step in range(1, 61)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    state = {"global_step": 60, "max_steps": 60, "num_train_epochs": 1, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    (folder / "console.txt").write_text("\n".join(map(str, history)))
    return Log(folder)
