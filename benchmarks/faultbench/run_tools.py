"""Tools that watch a training run, each used as its documentation says, at its strictest.

One function for each: it takes a run that is ready (``runs.Run``), trains it under the tool, and returns what
the tool said and when. What a tool says on purpose without alarm (INFO, OK, advice on batch sizes and hardware) is
left out, by a rule that stands beside the tool. Versions read: trainproof 0.22.0, guardtower 0.1.0, pytest-torch
1.1.1, peft-doctor 0.9.2, transformers 5.23.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from .subjects import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from .runs import Resumed, Run


def trainproof(run: Run) -> list[Said]:
    """Its callback with every check on, ``trainproof watch`` on the log, ``preflight`` on rows and tokenizer.

    Levels FAIL and WARN count, but for the warning that a tokenizer appends no end-of-text: it depends on the rows, as
    it says itself, and these have theirs. The callback waits for ten logged losses by default; ``watch``, always.
    """
    check_records = import_module("trainproof.epoch").check_records
    check_preflight = import_module("trainproof.preflight").check_preflight
    hf = import_module("trainproof.integrations.hf")
    said: list[Said] = []
    encoder = run.trainer.processing_class
    texts = [{"text": encoder.decode(row["input_ids"])} for row in run.rows]

    def hear(findings: list[dict[str, Any]], step: int) -> None:
        said.extend(
            Said(step, f"{one['level']} {one['id']}: {one['message']} {one['evidence']}")
            for one in findings
            if one["level"] in {"FAIL", "WARN"} and one["id"] != "TP-PRE-NO-EOS-APPEND"
        )

    class Watch(TrainerCallback):  # type: ignore[misc] # untyped base class
        def on_log(self, _args: Any, state: Any, _control: Any, **_: object) -> None:  # noqa: ANN401
            records = hf._convert_state_to_records(state)
            if len(records) >= 10:
                hear(check_records(records)["findings"], state.global_step)

    hear(check_preflight(texts, tokenizer=encoder)["findings"], 0)
    run.trainer.add_callback(hf.TrainproofCallback(policy="stop_on_fail", check_every=1, objective_check=True))
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


def pytest_torch(run: Run) -> list[Said]:
    """Its training checks on the run's own step: ``run_training(...).assert_healthy`` and three one-batch checks.

    It rehearses: the Trainer's ``training_step``, clipping, optimizer and schedule are called by its runner, and it
    speaks when the rehearsal is over; the step is the one that it names. ``lora_A`` is left out of "receives a
    gradient", because ``lora_B`` begins at zero.
    """
    pt = import_module("pytest_torch")
    trainer = run.trainer
    accumulation = trainer.args.gradient_accumulation_steps
    try:
        trainer.create_optimizer_and_scheduler(trainer.args.max_steps)
    except AttributeError:  # torch's schedules take no optimizer whose step was replaced by a plain function
        trainer.lr_scheduler = None
    trainer.current_gradient_accumulation_steps = accumulation
    trainer.model.train()
    loader = list(trainer.get_train_dataloader())
    groups = [[loader[(step * accumulation + n) % len(loader)] for n in range(accumulation)]
              for step in range(trainer.args.max_steps)]  # fmt: skip

    def step(setup: Any, micro_batches: Any) -> float:  # noqa: ANN401
        run.clock.step = setup.step_index + 1
        loss = 0.0
        for number, batch in enumerate(micro_batches, start=1):
            run.clock.micro_batch = number
            loss += float(trainer.training_step(trainer.model, batch))
        if trainer.args.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), trainer.args.max_grad_norm)
        setup.optimizer.step()
        if setup.scheduler is not None:
            setup.scheduler.step()
        trainer.model.zero_grad()
        return loss

    said: list[Said] = []

    def ask(check: Callable[[], object]) -> None:
        try:
            check()
        except AssertionError as failed:
            steps = re.findall(r"step (\d+):", str(failed))
            named = int(steps[0]) + 1 if steps else run.clock.step  # its steps count from 0
            said.append(Said(named, str(failed)))

    def loss_of(output: Any) -> Any:  # noqa: ANN401
        return output.loss

    first = dict(groups[0][0])
    base = [
        name for name, _ in trainer.model.named_parameters() if "lora_" not in name and "modules_to_save" not in name
    ]
    ask(lambda: pt.assert_optimizer_coverage(trainer.model, trainer.optimizer))
    ask(lambda: pt.assert_gradients_finite(trainer.model, first, loss_of))
    ask(lambda: pt.assert_all_params_receive_grad(trainer.model, first, loss_of, ignore=["*lora_A*"]))
    ask(lambda: pt.assert_frozen(trainer.model, first, loss_of, base))
    trainer.model.zero_grad()
    made = pt.run_training(
        lambda: pt.TrainingSetup(trainer.model, trainer.optimizer, trainer.lr_scheduler),
        groups, step, steps=trainer.args.max_steps,
    )  # fmt: skip
    ask(lambda: made.assert_healthy(max_grad_norm=100.0))
    ask(made.assert_loss_decreases)
    return said


# peft-doctor's advice on sizes, hardware and habits, which it gives for healthy runs on purpose
ADVICE = re.compile(r"memory\.|training\.(?!lr_extreme)|precision\.|dataset\.too_small")


def peft_doctor(run: Run) -> list[Said]:
    """``diagnose_peft`` and ``audit_label_masking`` before, gradient snapshots and ``NanLossGuard`` in every step.

    Errors and warnings count, but for advice on sizes. Targets are judged on the model without adapter, the rest on
    the model that is trained; labels as they leave the collator. Snapshots begin at step 3, when ``lora_A`` has a
    gradient after a warm-up from 0 too.
    """
    pd = import_module("peft_doctor")
    trainer, folder = run.trainer, Path(run.trainer.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    said: list[Said] = []

    def hear(issues: Any, step: int) -> None:  # noqa: ANN401
        said.extend(
            Said(step, f"{one.severity} {one.code}: {one.message} {one.details or ''}")
            for one in issues
            if one.severity in {"error", "warning"} and not ADVICE.match(one.code)
        )

    known = {"tokenizer": trainer.processing_class, "peft_config": run.lora, "training_args": trainer.args}
    batches = list(islice(trainer.get_train_dataloader(), 8))
    collated = [
        {name: batch[name][row].tolist() for name in ("input_ids", "labels")}
        | {"text": trainer.processing_class.decode(batch["input_ids"][row])}
        for batch in batches
        for row in range(len(batch["labels"]))
    ]
    on_base = pd.diagnose_peft(model=run.fresh_base(), **known)
    hear([one for one in on_base.issues if one.code.startswith("targets.")], 0)
    on_model = pd.diagnose_peft(model=trainer.model, train_dataset=collated, **known)
    hear([one for one in on_model.issues if not one.code.startswith("targets.")], 0)
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, collated)))
    hear(pd.audit_label_masking(folder / "rows.jsonl", pad_token_id=trainer.processing_class.pad_token_id).issues, 0)
    guard = pd.NanLossGuard()

    class Watch(TrainerCallback):  # type: ignore[misc] # untyped base class
        before: Any = None

        def on_pre_optimizer_step(self, *_: object, model: Any = None, **__: object) -> None:  # noqa: ANN401
            self.before = pd.snapshot_trainable_parameters(model)

        def on_optimizer_step(self, _args: Any, state: Any, _control: Any, **known: Any) -> None:  # noqa: ANN401
            if state.global_step >= 2:
                snapshot = pd.collect_gradient_snapshot(known["model"], known["optimizer"], self.before)
                (folder / "snapshot.json").write_text(json.dumps(snapshot))
                hear(pd.inspect_gradient_snapshot(folder / "snapshot.json").issues, state.global_step + 1)

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: object) -> None:  # noqa: ANN401
            hear(guard.update(logs), state.global_step)

    trainer.add_callback(Watch())
    run.train()
    return said


def peft_doctor_resumed(run: Resumed) -> list[Said]:
    """As in other runs, and ``resume-check CHECKPOINT --config`` with all that is set now before it goes on."""
    pd = import_module("peft_doctor")
    adapter = next(iter(run.trainer.model.peft_config.values())).to_dict()
    settings = run.trainer.args.to_dict() | adapter | {"target_modules": sorted(adapter["target_modules"])}
    now = run.checkpoint.parent / "now.json"
    now.write_text(json.dumps(settings, default=str))
    issues = pd.check_resume_compatibility(run.checkpoint, current_config=now).issues
    return [
        *(Said(0, f"{one.severity} {one.code}: {one.message} {one.details or ''}") for one in issues
          if one.severity in {"error", "warning"}),
        *peft_doctor(run),
    ]  # fmt: skip


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
