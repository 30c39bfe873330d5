"""Tools that watch a training run, each used as its documentation says, at its strictest.

One function for each: it takes a run that is ready (``runs.Run``), trains it under the tool, and returns what
the tool said and when. What a tool says on purpose without alarm (INFO, OK, advice on batch sizes and hardware) is
left out, by a rule that stands beside the tool. Versions read: trainproof 0.22.0, guardtower 0.1.0, transformers 5.23.
Two tools do more than watch, and have modules of their own: ``peft_doctor_tools.py``, ``pytest_torch_tools.py``.
"""

from __future__ import annotations

import contextlib
import io
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from .subjects import Said

if TYPE_CHECKING:
    from .runs import Run


# Logged losses, of 12. Five find nothing more, some of it earlier, and five healthy runs are warned of their warm-up.
MIN_POINTS = 10


def trainproof(run: Run) -> list[Said]:
    """Its callback with every check on, its judgement of the log, ``preflight`` on rows, tokenizer and maximum length.

    Levels FAIL and WARN count, but for the warning that a tokenizer appends no end-of-text where most rows have theirs:
    it cannot see them, as it says itself. ``preflight`` gets the texts as they were before anything was cut, and the
    length they are cut to, or else the model's. Callback and judgement begin at ten logged losses, as by default.
    """
    check_records = import_module("trainproof.epoch").check_records
    check_preflight = import_module("trainproof.preflight").check_preflight
    hf = import_module("trainproof.integrations.hf")
    said: list[Said] = []
    encoder = run.trainer.processing_class
    longest = run.max_length or run.trainer.model.config.max_position_embeddings
    has_end = sum(row["input_ids"][-1] == encoder.eos_token_id for row in run.rows) > len(run.rows) / 2

    def hear(findings: list[dict[str, Any]], step: int) -> None:
        said.extend(
            Said(step, f"{one['level']} {one['id']}: {one['message']} {one['evidence']}")
            for one in findings
            if one["level"] in {"FAIL", "WARN"} and not (has_end and one["id"] == "TP-PRE-NO-EOS-APPEND")
        )

    class Watch(TrainerCallback):  # type: ignore[misc] # untyped base class
        def on_log(self, _args: Any, state: Any, _control: Any, **_: object) -> None:  # noqa: ANN401
            records = hf._convert_state_to_records(state)
            if len(records) >= MIN_POINTS:
                hear(check_records(records)["findings"], state.global_step)

    hear(check_preflight(run.texts(), tokenizer=encoder, max_len=longest)["findings"], 0)
    run.trainer.add_callback(
        hf.TrainproofCallback(policy="stop_on_fail", check_every=1, min_points=MIN_POINTS, objective_check=True)
    )
    run.trainer.add_callback(Watch())
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run.train()
    before = re.search(r"objective is broken before step 1:\n(.*)", printed.getvalue(), re.DOTALL)
    if before:
        said.insert(0, Said(0, before[1]))
    return said


def guardtower_callback(run: Run) -> list[Said]:
    """``GuardtowerCallback(raise_on_error=True)`` with all checks; ERROR and WARN count."""
    gt = import_module("guardtower")
    run.trainer.add_callback(callback := gt.GuardtowerCallback(raise_on_error=True, checks="all"))
    with contextlib.suppress(gt.GuardtowerError):
        run.train()
    return [
        Said(0, f"{one} {one.catalog_id or ''}") for one in callback.report.findings if one.severity >= gt.Severity.WARN
    ]


def guardtower_monitor(run: Run) -> list[Said]:
    """``guardtower.monitor(model)`` around the whole training."""
    gt = import_module("guardtower")
    try:
        with gt.monitor(run.trainer.model, on_nonfinite="raise"):
            run.train()
    except gt.NonFiniteActivation as found:
        return [Said(run.clock.step, str(found))]
    return []


def underflow_overflow(run: Run) -> list[Said]:
    """``TrainingArguments(debug="underflow_overflow")``."""
    from transformers.debug_utils import DebugOption

    run.trainer.args.debug = [DebugOption.UNDERFLOW_OVERFLOW]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            run.train()
    except ValueError as found:
        if "inf/nan" not in str(found):
            raise
        return [Said(run.clock.step, f"{printed.getvalue()[-900:]}")]
    return []


def detect_anomaly(run: Run) -> list[Said]:
    """``torch.autograd.detect_anomaly(check_nan=True)`` around the whole training."""
    try:
        with torch.autograd.detect_anomaly(check_nan=True):
            run.train()
    except RuntimeError as found:
        if "nan values" not in str(found):
            raise
        return [Said(run.clock.step, str(found))]
    return []
