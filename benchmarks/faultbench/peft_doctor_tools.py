"""peft-doctor, on a training and on a model that answers. Version read: 0.9.2.

It is a module of its own because it has a check for each thing that a run is made of: the model without and with its
adapter, rows before and after they are tokenized, settings, the checkpoint a run goes on from, gradients in every step.
"""

from __future__ import annotations

import json
import re
import tempfile
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from .file_tools import of_peft_doctor, quietly, worded
from .subjects import Said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .runs import Resumed, Run
    from .subjects import Program

# its advice on sizes, hardware and habits, which it gives for healthy runs on purpose
ADVICE = re.compile(r"memory\.|training\.(?!lr_extreme)|dataset\.too_small")
NOTHING = re.compile(r"(?!)")  # no advice is left out


def peft_doctor(run: Run) -> list[Said]:
    """``diagnose_peft`` and ``label-audit`` before, gradient snapshots and ``NanLossGuard`` in every step.

    Errors and warnings count, but for advice on sizes. Targets are judged on the model without adapter, the rest on
    the model that is trained; labels as they leave the collator. Where rows were cut to a length, ``token-lengths``
    and the diagnosis of the texts before that are told it, and ``sft-check`` where the settings are TRL's. Snapshots
    begin at step 3, when ``lora_A`` has a gradient after a warm-up from 0 too; what one shows is one alarm.
    """
    pd = import_module("peft_doctor")
    trainer, folder = run.trainer, Path(run.trainer.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    said: list[Said] = []

    def hear(issues: Iterable[Any], step: int) -> None:
        said.extend(of_peft_doctor(issues, step, ADVICE))

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
    hear(of_lengths(run, folder), 0)
    guard = pd.NanLossGuard()

    class Watch(TrainerCallback):  # type: ignore[misc] # untyped base class
        before: Any = None

        def on_pre_optimizer_step(self, *_: object, model: Any = None, **__: object) -> None:  # noqa: ANN401
            self.before = pd.snapshot_trainable_parameters(model)

        def on_optimizer_step(self, _args: Any, state: Any, _control: Any, **known: Any) -> None:  # noqa: ANN401
            if state.global_step >= 2:
                snapshot = pd.collect_gradient_snapshot(known["model"], known["optimizer"], self.before)
                (folder / "snapshot.json").write_text(json.dumps(snapshot))
                said.extend(
                    together(pd.inspect_gradient_snapshot(folder / "snapshot.json").issues, state.global_step + 1)
                )

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: object) -> None:  # noqa: ANN401
            hear(guard.update(logs), state.global_step)

    trainer.add_callback(Watch())
    run.train()
    return said


def of_lengths(run: Run, folder: Path) -> list[Any]:
    """What it says of the texts and the length they are cut to; nothing where nothing is cut."""
    if not run.max_length:
        return []
    pd = import_module("peft_doctor")
    fields = [{name: one for name, one in row.items() if name != "text" or len(row) == 1} for row in run.texts()]
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, fields)))  # it joins all fields of a row
    reports = [
        pd.analyze_token_lengths(
            folder / "texts.jsonl", tokenizer=run.trainer.processing_class, max_length=run.max_length
        ),
        pd.diagnose_peft(dataset_path=str(folder / "texts.jsonl"), sequence_length=run.max_length),
    ]
    if hasattr(run.trainer.args, "completion_only_loss"):
        (folder / "sft.json").write_text(json.dumps(run.trainer.args.to_dict(), default=str))
        reports.append(pd.check_sft_config(folder / "sft.json", dataset_path=folder / "texts.jsonl"))
    return [one for report in reports for one in report.issues if re.match(r"tokens|dataset|sft", one.code)]


def together(issues: Iterable[Any], step: int) -> list[Said]:
    """One alarm of a report on every parameter: each kind of issue once, with all its messages."""
    kinds: dict[str, list[Any]] = {}
    for one in issues:
        if one.severity in {"error", "warning"}:
            kinds.setdefault(one.code, []).append(one)
    words = [
        f"{some[0].severity} {code}: {some[0].title}. {' '.join(one.message for one in some)} {some[0].fix or ''}"
        for code, some in kinds.items()
    ]
    return [Said(step, " ".join(words))] if words else []


def peft_doctor_resumed(run: Resumed) -> list[Said]:
    """As in other runs, and ``resume-check CHECKPOINT --config`` with all that is set now before it goes on."""
    pd = import_module("peft_doctor")
    adapter = next(iter(run.trainer.model.peft_config.values())).to_dict()
    settings = run.trainer.args.to_dict() | adapter | {"target_modules": sorted(adapter["target_modules"])}
    now = run.checkpoint.parent / "now.json"
    now.write_text(json.dumps(settings, default=str))
    issues = pd.check_resume_compatibility(run.checkpoint, current_config=now).issues
    return [*of_peft_doctor(issues, advice=NOTHING), *peft_doctor(run)]


def peft_doctor_program(program: Program) -> list[Said]:
    """``generation-check`` and ``chat-template-check`` on the folder that the model and its tokenizer are saved to."""
    pd = import_module("peft_doctor")
    llm = program.llm
    with quietly(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        llm.model.config.save_pretrained(folder)
        llm.model.generation_config.save_pretrained(folder)
        llm.tokenizer.save_pretrained(folder)
        reports = [pd.check_generation_settings(folder)]
        if llm.tokenizer.chat_template:
            (folder / "template.jinja").write_text(llm.tokenizer.chat_template)
            reports.append(pd.check_chat_template(folder / "template.jinja"))
    return [Said(0, worded(one)) for report in reports for one in report.issues if one.severity in {"error", "warning"}]
