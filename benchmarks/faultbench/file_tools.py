"""Other tools on what lies on disk or in memory: logs, rows, programs, plans and source code.

Each as its documentation says; levels that count, and what is left out as advice, stand beside the tool. Versions
read: trainproof 0.22.0, pytest-torch 1.1.1, peft-doctor 0.9.2 and finetune-doctor 0.2.2.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .subjects import Said
from .tool import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .runs import Run
    from .subjects import Log, Plan, Program, Rows, Source


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


# peft-doctor: errors and warnings count, but for advice on sizes, hardware, habits and formats, which it gives for
# healthy ones on purpose

ADVICE = re.compile(
    r"memory\.|training\.(?!lr_extreme)|precision\.|dataset\.(too_small|short_responses)|estimate\.(batch_risky|params_assumed)|integrity\.pickle_weights|serving\.|"
    r"adapter_merge\.(output|tokenizer|base_local|revision|dtype|hub)|doctor\.|model\.|hardware\.|environment\."
)


def of_peft_doctor(issues: Iterable[Any]) -> list[Said]:
    """What counts, in words."""
    return [
        Said(0, f"{one.severity} {one.code}: {one.message} {one.details or ''}")
        for one in issues
        if one.severity in {"error", "warning"} and not ADVICE.match(one.code)
    ]


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


# pytest-torch on a model in memory


def pytest_torch_program(program: Program) -> list[Said]:
    """``assert_finite``, ``assert_batch_invariant``, ``assert_padding_invariant`` and ``assert_generation_equal``.

    The last compares generation in a batch and alone; ``assert_models_agree`` is asked too, where the trained model is
    still in memory.
    """
    pt = import_module("pytest_torch")
    llm = program.llm
    prompts = [llm.format_prompt(str(row[0])) for row in program.rows[:8]]
    ids = llm.tokenizer(prompts[0], return_tensors="pt")
    inputs = {"input_ids": ids["input_ids"].repeat(2, 1), "attention_mask": ids["attention_mask"].repeat(2, 1)}
    said: list[Said] = []

    def ask(check: Callable[[], object]) -> None:
        try:
            check()
        except AssertionError as failed:
            said.append(Said(0, str(failed)))

    class Logits(torch.nn.Module):
        """The logits alone, as its checks compare them."""

        def __init__(self, model: Any) -> None:  # noqa: ANN401
            super().__init__()
            self.model = model

        def forward(self, **given: Any) -> Any:  # noqa: ANN401
            return self.model(**given, use_cache=False).logits

    def generate(how: str, asked: Any, *_: object) -> Any:  # noqa: ANN401
        texts = llm.batched_generate(asked) if how == "batch" else [llm.batched_generate([one])[0] for one in asked]
        made = [list(text.encode()) for text in texts]
        return torch.tensor([one + [0] * (400 - len(one)) for one in made])  # no completion is that long

    with quietly(), torch.no_grad():
        logits = Logits(llm.model.eval())
        ask(lambda: pt.assert_finite(logits(**inputs), "logits"))
        ask(lambda: pt.assert_batch_invariant(logits, inputs))
        ask(lambda: pt.assert_padding_invariant(logits, inputs, side="right", pad_value=llm.tokenizer.pad_token_id))
        ask(lambda: pt.assert_generation_equal("batch", "alone", prompts, generate=generate))
        if program.live is not None:
            ask(lambda: pt.assert_models_agree(Logits(program.live.eval()), logits, inputs, max_abs=1e-3))
    return said
