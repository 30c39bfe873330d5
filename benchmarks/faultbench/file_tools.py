"""Other tools on what lies on disk or in memory: logs, rows, programs, plans and source code.

Each as its documentation says; levels that count, and what is left out as advice, stand beside the tool. Versions
read: trainproof 0.22.0, peft-doctor 0.9.2 and finetune-doctor 0.2.2.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .subjects import Said
from .tool import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .runs import Run
    from .subjects import Log, Package, Plan, Rows, Source


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Whatever is printed goes nowhere."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def records_of(path: Path) -> list[dict[str, Any]]:
    """Rows as the mappings that other tools read."""
    text = path.read_text()
    content = json.loads(text) if text.strip() else []
    names = ("prompt", "answer", "completion")
    return [
        {name: value if isinstance(value, str) else f"{value:g}" for name, value in zip(names, row, strict=False)}
        | {"text": " ".join(map(str, row))}
        for row in content
    ]


def as_lines(path: Path, folder: Path) -> Path:
    """The same as JSON lines."""
    made = folder / f"{path.stem}.jsonl"
    made.write_text("".join(json.dumps(record) + "\n" for record in records_of(path)))
    return made


# trainproof: FAIL and WARN count


def step_in(text: str) -> int:
    """The optimizer step that a message names."""
    found = re.search(r"first at step (\d+)", text)
    return int(found[1]) if found else 0


def of_trainproof(findings: Iterable[dict[str, Any]]) -> list[Said]:
    """What counts, in words."""
    return [
        Said(step_in(one["evidence"]), f"{one['level']} {one['id']}: {one['message']} {one['evidence']}")
        for one in findings
        if one["level"] in {"FAIL", "WARN"}
    ]


def trainproof_log(log: Log) -> list[Said]:
    """``trainproof epoch trainer_state.json``."""
    with quietly():
        return of_trainproof(
            import_module("trainproof.epoch").check_epoch(log.folder / "trainer_state.json")["findings"]
        )


def trainproof_rows(rows: Rows) -> list[Said]:
    """``trainproof preflight rows.jsonl``."""
    with quietly(), tempfile.TemporaryDirectory() as folder:
        lines = as_lines(rows.train, Path(folder))
        return of_trainproof(import_module("trainproof.preflight").preflight(lines).findings)


def trainproof_package(package: Package) -> list[Said]:
    """``trainproof env --module homework --cwd DIR``."""
    with quietly():
        made = import_module("trainproof.envcheck").check_env(
            module=package.folder.name, python=sys.executable, cwd=str(package.folder.parent)
        )
    return of_trainproof(made["findings"])


# peft-doctor: errors and warnings count, but for advice on sizes, hardware, habits and formats, which it gives for
# healthy ones on purpose

ADVICE = re.compile(
    r"memory\.|training\.(?!lr_extreme)|dataset\.(too_small|short_responses)|estimate\.(batch_risky|params_assumed)|integrity\.pickle_weights|serving\.|"
    r"adapter_merge\.(output|tokenizer|base_local|revision|dtype|hub)|doctor\.|model\.|hardware\.|environment\."
)


def of_peft_doctor(issues: Iterable[Any], step: int = 0, advice: re.Pattern[str] = ADVICE) -> list[Said]:
    """What counts, in words."""
    return [
        Said(step, worded(one)) for one in issues if one.severity in {"error", "warning"} and not advice.match(one.code)
    ]


def worded(issue: Any) -> str:  # noqa: ANN401 - an issue of peft-doctor
    """All that its report shows of an issue."""
    return f"{issue.severity} {issue.code}: {issue.title}. {issue.message} {issue.fix or ''} {issue.details or ''}"


def peft_doctor_log(log: Log) -> list[Said]:
    """``peft-doctor analyze-log`` on what was printed and on the records of ``trainer_state.json``."""
    pd = import_module("peft_doctor")
    history = json.loads((log.folder / "trainer_state.json").read_text())["log_history"]
    with quietly():
        issues = [*pd.scan_training_log(log.folder / "console.txt"), *pd.scan_training_log(history)]
    return of_peft_doctor(issues)


def peft_doctor_rows(rows: Rows) -> list[Said]:
    """``dataset-doctor``, ``dataset-intel`` and ``leakage-check --threshold 0.9``.

    ``conflicts`` is left out: similar questions with other answers are what these rows are.
    """
    pd = import_module("peft_doctor")
    with quietly(), tempfile.TemporaryDirectory() as folder:
        train = as_lines(rows.train, Path(folder))
        reports = [pd.diagnose_peft(dataset_path=str(train)), pd.dataset_intelligence_report(train)]
        if rows.valid is not None:
            reports.append(pd.check_dataset_leakage(train, as_lines(rows.valid, Path(folder))))
        issues = [one for report in reports for one in report.issues]
    return of_peft_doctor(one for one in issues if re.match(r"dataset|leakage", one.code))


def peft_doctor_source(source: Source) -> list[Said]:
    """``peft-doctor diagnose SCRIPT`` and ``fix --dry-run`` on every module, ``investigate`` on the folder."""
    pd = import_module("peft_doctor")
    reports = []
    with quietly(), tempfile.TemporaryDirectory() as folder:
        for path in sorted(source.folder.rglob("*.py")):
            train = Path(folder) / "train.py"
            shutil.copy(path, train)
            reports += [
                pd.diagnosis_report(script=train, model="HuggingFaceTB/SmolLM2-360M-Instruct"),
                pd.investigate_project(Path(folder)),
            ]
    return of_peft_doctor(one for report in reports for one in report.issues)


def peft_doctor_plan(plan: Plan) -> list[Said]:
    """``peft-doctor estimate`` with the sizes of the model and the memory that is there."""
    if not plan.batch:
        raise NotApplicable("it knows no limit on the number of parameters")
    pd = import_module("peft_doctor")
    batch, model = plan.batch, plan.batch["model"]
    with quietly():
        made = pd.estimate_vram_gb(
            model="tiny",
            params_billion=sum(one.numel() for one in model.parameters()) / 1e9,
            hidden_size=model.config.hidden_size,
            num_layers=model.config.num_hidden_layers,
            seq_len=batch["row"]["input_ids"].shape[1],
            batch_size=batch["micro_batch_size"],
            qlora=False,
            gradient_checkpointing=False,
            target_vram_gb=batch["memory_bytes"] / 1024**3,
        )
    return of_peft_doctor(made.issues)


# finetune-doctor: WARNING and CRITICAL count, but for the advice to evaluate, which these runs do not do

NO_EVALUATION = re.compile(r"no_eval|unfinished")


def finetune_doctor_log(log: Log) -> list[Said]:
    """``finetune-doctor FOLDER``."""
    fd = import_module("finetune_doctor")
    with quietly():
        found = fd.diagnose(fd.load(str(log.folder)))
    return [
        Said(
            step_in(one.summary),
            f"{one.severity.name} {one.check}: {one.title}. {' '.join([one.summary, *one.evidence, *one.fix])}",
        )
        for one in found.findings
        if one.severity >= fd.Severity.WARNING and not NO_EVALUATION.match(one.check)
    ]


def finetune_doctor_run(run: Run) -> list[Said]:
    """``finetune-doctor`` on the ``trainer_state.json`` that the run leaves."""
    from .subjects import Log

    run.train()
    folder = Path(run.trainer.args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    run.trainer.state.save_to_json(str(folder / "trainer_state.json"))
    return [Said(run.trainer.state.global_step, one.text) for one in finetune_doctor_log(Log(folder))]
