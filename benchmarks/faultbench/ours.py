"""Our own checks, on every kind of subject: all that a user is told to call for it, not the one that fits the fault."""

from __future__ import annotations

import functools
import io
import json
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import torch

from unsilent import FailureFound, TrainingGuard, inspect_adapter, probe_honesty, read_run
from unsilent.bundle_checks import check_bundle
from unsilent.dose import check_effect
from unsilent.evaluation import check_answer_rate, check_answers, check_padding
from unsilent.fabrication import check_fabricated
from unsilent.grading import GraderLimits, Part, check_needs, grade
from unsilent.loaders import check_finder, check_missing
from unsilent.memory import check_batch
from unsilent.outcome import Outcome, fold_symptoms
from unsilent.overlap import check_overlap
from unsilent.parameters import check_adapter_parameters, check_parameters
from unsilent.parity import check_dtype, check_reload
from unsilent.precision import check_dtype_argument
from unsilent.prompts import check_prompt_bos, check_prompts
from unsilent.provenance import read_provenance, sidecar_of
from unsilent.reasoning import check_dirty_rows, check_zero_rows
from unsilent.score_bounds import check_bounds
from unsilent.scorers import check_scorer
from unsilent.scores import score
from unsilent.sent_prompts import read_sent_prompts
from unsilent.speed import check_speed
from unsilent.submission_code import read_sources

from .subjects import Adapter, Bundle, Function, Log, Package, Plan, Program, Rows, Said, Source
from .tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .runs import Run


def told(outcomes: Iterable[Outcome]) -> list[Said]:
    """Findings, the root cause first and symptoms under it, as reports tell them."""
    findings = [one for one in fold_symptoms(list(outcomes)) if one.status == "failed"]
    return [Said(one.step or 0, f"[{one.slug}] {one.message}") for one in findings]


def on_run(run: Run) -> list[Said]:
    """``TrainingGuard().attach(trainer)``; findings that do not stop the run count too."""
    guard = TrainingGuard().attach(run.trainer)
    try:
        run.train()
    except FailureFound as found:
        return [Said(found.step, str(found))]
    return [Said(one.step or 0, f"[{one.slug}] {one.message}") for one in guard.report.findings]


def on_log(log: Log) -> list[Said]:
    """``unsilent check run``, on ``trainer_state.json`` and on what was printed."""
    reports = [read_run(log.folder / name) for name in ("trainer_state.json", "console.txt")]
    return [Said(one.step or 0, f"[{one.slug}] {one.message}") for report in reports for one in report.findings]


def on_adapter(adapter: Adapter) -> list[Said]:
    """``unsilent check adapter DIR --base PATH``."""
    return told(inspect_adapter(adapter.path, base=adapter.base).outcomes)


def on_program(program: Program) -> list[Said]:
    """All checks of evaluation and honesty that what is known of the program allows."""
    llm = program.llm
    questions = [str(row[0]) for row in program.rows][:20]
    prompts = [llm.format_prompt(question) for question in questions]
    completions = llm.batched_generate(prompts)
    outcomes = [
        check_answer_rate(llm.parse_answer),
        check_answers([llm.parse_answer(text) for text in completions], completions, prompts),
        check_padding(llm.batched_generate, prompts[:8]),
        check_prompt_bos(llm.tokenizer, prompts),
    ]
    if program.training is not None:
        known = [str(row[0]) for row in program.rows[: len(program.training)]]
        outcomes.append(check_prompts(llm.tokenizer, program.training, read_sent_prompts(llm, known)))
    if program.dtype:
        outcomes.append(check_dtype(program.dtype, llm.model))
    if program.logits is not None:
        outcomes.append(check_reload(program.logits, llm.model))
    if hasattr(llm.model, "peft_config"):
        asked = [(llm.format_prompt(str(row[0])), f"{row[1]:g}</answer>") for row in program.rows[:8]]
        outcomes.append(check_effect(llm.model, llm.tokenizer, asked))
    if program.bounds is not None:
        given = llm.answer(*(str(row[0]) for row in program.rows))
        accuracy, answer_rate = program.bounds
        outcomes.append(check_bounds(score(given, program.rows), accuracy=accuracy, answer_rate=answer_rate))
    if program.fresh is not None:
        outcomes += probe_honesty(llm, program.rows, program.fresh).outcomes
    return told(outcomes)


def on_rows(rows: Rows) -> list[Said]:
    """``unsilent check data FILE --sampler``, and ``check_overlap`` where there are rows to validate on."""
    outcomes = [check_zero_rows(rows.train)]
    text = rows.train.read_text()
    content = json.loads(text) if text.lstrip().startswith("[[") else []
    if content and len(content[0]) > 2:
        outcomes.append(check_dirty_rows(content))
        record = read_provenance(sidecar_of(rows.train)) if sidecar_of(rows.train).is_file() else None
        fabricated = functools.partial(check_fabricated, content, record, sampler=rows.sampler, count=len(content))
        outcomes.append(fabricated(data=rows.train.read_bytes()))
    if rows.valid is not None:
        outcomes.append(check_overlap(content, json.loads(rows.valid.read_text())))
    return told(outcomes)


def on_function(function: Function) -> list[Said]:
    """``check_finder``, ``check_missing``, ``check_dtype_argument`` or ``check_scorer``, by what the function is."""
    ask: dict[str, Any] = {
        "finder": check_finder,
        "loader": check_missing,
        "dtype": lambda call: check_dtype_argument(call, torch.bfloat16),
        "scorer": lambda call: check_scorer(call, function.example["right"]),
    }
    return told([ask[function.use](function.call)])


def on_plan(plan: Plan) -> list[Said]:
    """``check_batch`` on a batch plan, ``check_adapter_parameters`` on two configurations."""
    outcomes = []
    if plan.batch:
        batch = dict(plan.batch)
        outcomes.append(check_batch(batch.pop("model"), batch.pop("row"), **batch))
    if plan.base is not None and plan.adapter is not None:
        outcomes.append(check_adapter_parameters(plan.base, plan.adapter))
    return told(outcomes)


def on_bundle(bundle: Bundle) -> list[Said]:
    """``check_bundle(zip, folder=folder, limit=limit)``."""
    return told([check_bundle(bundle.path, folder=bundle.folder, limit=bundle.limit)])


def on_package(package: Package) -> list[Said]:
    """``grade`` in a process of its own; ``check_needs``, ``check_speed`` and ``check_parameters`` on what came out."""
    limits = GraderLimits(package.seconds, package.seconds)
    made = grade(package.folder, [Part("sft", "load_sft")], package.questions, bounds=limits)
    part = made.parts["sft"]
    return told(
        [
            check_needs(made),
            check_speed(part.seconds, package.seconds, load_seconds=part.load_seconds, reason=part.error),
            check_parameters(part.parameters, reason=part.error),
        ]
    )


def on_source(source: Source) -> list[Said]:
    """``unsilent check submission``, its reading of the code: nothing is run."""
    with warnings.catch_warnings(action="ignore"), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return told(read_sources(source.folder))


OURS = Tool(
    "unsilent",
    "unsilent",
    {
        Log: on_log, Adapter: on_adapter, Program: on_program, Rows: on_rows, Function: on_function, Plan: on_plan,
        Bundle: on_bundle, Package: on_package, Source: on_source,
    },
    "there is no check for it",
)  # fmt: skip
