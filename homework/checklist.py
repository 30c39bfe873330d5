"""What ``test`` commands go through: folder, configuration, weights, load, parity, answers, and where those come from.

SFT and RFT share it. The first line that does not hold ends the list.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from unsilent.outcome import FailureFound
from unsilent.parity import check_dtype, check_reload

from .adapter_files import CONFIG, find_adapter, read_manifest
from .data import summary
from .errors import AdapterRefused
from .examination import examine, outcome_lines, score_lines
from .processes import heard_once, join, on_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unsilent.outcome import Report

    from .base_llm import BaseLLM
    from .data import BenchmarkResult, Row


@heard_once
def go_through(  # noqa: PLR0913 - what differs between SFT and RFT, and what the command line says
    ckpt_path: str,
    load: Callable[[str], BaseLLM],
    *,
    command: str,
    example: Callable[..., dict[str, str]] | None,
    train_rows: Sequence[Row],
    questions: Sequence[Row],
    rows: int,
    honesty: str,
    details: bool,
) -> BenchmarkResult:
    """Print one line for each thing that holds, then the figures.

    Args:
        ckpt_path: Folder of the adapter.
        load: Loads it.
        command: Trains it.
        example: Turns a training row into prompt and completion; None leaves prompts uncompared.
        train_rows: What it was trained on.
        questions: Rows to answer.
        rows: How many of them.
        honesty: ``quick``, ``all`` or ``none``.
        details: Also accuracy by family and wording, and the worst ten rows.

    Raises:
        BadInput: The first item that does not hold.
        FailureFound: The figures do not mean what they say, or the answers do not come from the weights.
    """
    processes = join()
    found = find_adapter(ckpt_path, command=command)
    manifest = read_manifest(found.folder)
    print(f"[ok] folder         {found.folder.resolve()}")
    print(f"[ok] configuration  {CONFIG}, {'manifest agrees' if manifest else 'no manifest beside it'}")
    print(f"[ok] weights        {found.weights[0].name}, {found.size_mb:.1f} MB")
    started = time.monotonic()
    llm = load(ckpt_path)
    print(f"[ok] loads          on {llm.checkpoint.name} in {llm.model.dtype}, {time.monotonic() - started:.1f} s")
    print(f"[ok] parity         {_compare_with_training(llm, manifest)}")
    started = time.monotonic()
    result, report = examine(
        llm, questions, rows, train_rows=train_rows, example=example, honesty=honesty, processes=processes
    )
    print(f"[ok] answers        {len(result.samples)} questions in {time.monotonic() - started:.1f} s, probes included")
    print(*outcome_lines(report), sep="\n")
    print(*(score_lines(result) if details else [summary(result)]), sep="\n")
    on_first(processes, lambda: _refuse_findings(report))
    return result


def _refuse_findings(report: Report) -> None:
    for finding in report.findings:
        raise FailureFound(finding)


def _compare_with_training(llm: BaseLLM, manifest: dict[str, Any]) -> str:
    """Ask the reloaded model what the live one was asked when training ended.

    Raises:
        AdapterRefused: It says something else, or is held in another dtype.
    """
    if not manifest:
        return "not compared: no manifest beside the adapter"
    outcomes = [check_dtype(manifest["dtype"]["base"], llm.model), check_reload(manifest.get("logits", {}), llm.model)]
    for outcome in outcomes:
        if outcome.status == "failed":
            raise AdapterRefused(
                expected="the model that was trained",
                got=f"{outcome.slug}: {outcome.message}",
                where=llm.checkpoint.name,
                action=f"see: unsilent explain {outcome.slug}",
            )
    return outcomes[-1].reason or "the logits are those of the live model at the end of training"
