"""One cell of the matrix: a case is built and shown to a tool, in a process of its own with a time limit.

The process is forked from one that has imported everything. What a tool raises without meaning to is a crash, with its
words; what it does not apply to is a reason.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import sysconfig
import tempfile
import time
import traceback
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .subjects import UNSURE, Said
from .tool import NotApplicable
from .words import WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from .registry import Case
    from .tool import Tool

TIME_LIMIT = 120.0  # seconds for one cell; most take one
KEPT = 24  # alarms of one cell that are stored; some tools speak in every one of twelve steps, on log and gradients
HEAD, TAIL = 5000, 3000  # characters of an alarm that are stored where it is longer than both
LEFT_OUT = "[... {} characters left out ...]"
OF_AN_ERROR = 400  # characters of an exception's own words
OF_THE_RUN = "the training itself raised"
# of this machine, and what stands in their stead; the longest first
PLACES = {
    f"{sysconfig.get_path('purelib')}/": "",
    f"{Path(torch.__file__).parents[1]}/": "",
    f"{Path(__file__).parents[2]}/": "",
    f"{Path(sys.prefix)}/": "",
    f"{Path(sys.base_prefix)}/": "",
}
LIBRARIES = ("transformers", "torch")  # whose switches are tools too


def version(name: str) -> str:
    """Of a package; ours is that of the checkout."""
    if name == "unsilent":
        from unsilent import __version__

        return __version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def cell(tool: Tool, case: Case) -> dict[str, Any]:
    """What a tool says of a case, and what that is worth."""
    if version(tool.package) == "not installed":
        return {"cell": "-", "reason": f"{tool.package} is not installed"}
    if reason := tool.reason(case.kind):
        return {"cell": "-", "reason": reason}
    started = time.monotonic()
    answer = run(tool, case)
    seconds = round(time.monotonic() - started, 1)
    if "reason" in answer:
        return {"cell": "-", "reason": answer["reason"], "seconds": seconds}
    if "crash" in answer:
        return {"cell": "crashed", "crash": answer["crash"], "seconds": seconds}
    said = [Said(*one) for one in answer["said"]]
    naming = [one for one in said if judge(tool, case, [one]).startswith("cause")]
    stored = (naming + [one for one in said if one not in naming])[:KEPT]
    made: dict[str, Any] = {
        "cell": judge(tool, case, said),
        "said": [[one.step, shortened(one.text)] for one in stored],
        "seconds": seconds,
    }
    if len(stored) < len(said) or any(len(one.text) > HEAD + TAIL for one in stored):
        made["cut"] = True  # what is stored is not all that was judged
    more: dict[str, Any] = answer.get("more", {})
    return made | more


def shortened(text: str) -> str:
    """An alarm as it is stored: whole, or its beginning and its end."""
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]} {LEFT_OUT.format(len(text) - HEAD - TAIL)} {text[-TAIL:]}"


def judge(tool: Tool, case: Case, said: Sequence[Said]) -> str:
    """Judge by the earliest alarm that names the cause, else by the earliest alarm.

    That a tool could not judge is no alarm on a healthy subject; under a fault it is one, and may name the cause.
    """
    if case.healthy:
        sure = [one.step for one in said if not one.text.startswith(UNSURE)]
        return f"false alarm @{min(sure)}" if sure else "inconclusive" if said else "quiet"
    first = min((one.step for one in said), default=None)
    words = patterns(case, tool.name)
    heard = patterns(case, "plain")  # an exception of the training is heard under every tool
    named = [
        one.step
        for one in said
        for pattern in (*words, *(heard if one.text.startswith(OF_THE_RUN) else ()))
        if re.search(pattern, one.text, re.IGNORECASE | re.DOTALL)
    ]
    if named:
        return f"cause @{min(named)}"
    return "missed" if first is None else f"symptom @{first}"


def patterns(case: Case, tool: str) -> list[str]:
    """The words by which a tool names the cause of a case.

    Ours may name any of a case's causes, if the case's row of ``words.py`` has no stricter words for it; under the same
    causes the words of every other tool count.
    """
    rows = WORDS.get(case.words, {})
    ours = rows.get("unsilent", r"\A\[(" + "|".join(case.causes) + r")\]")
    if tool == "unsilent":
        return [ours]
    others = [WORDS.get(cause, {}) for cause in case.causes if re.search(ours, f"[{cause}]")]
    return list(dict.fromkeys(row[tool] for row in (rows, *others) if tool in row))


def judged_again(tool: Tool, case: Case, stored: dict[str, Any]) -> dict[str, Any]:
    """A stored cell under the words as they are now; what was said is as it was.

    Where not everything is stored that was said, the cell stays as it was judged: it must be run anew.
    """
    if "said" not in stored or "cut" in stored:
        return stored
    return stored | {"cell": judge(tool, case, [Said(*one) for one in stored["said"]])}


def run(tool: Tool, case: Case) -> dict[str, Any]:
    """In a process of its own: what was said, the reason why there is nothing, or how it crashed."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="faultbench-") as folder:
        process = fork.Process(target=work, args=(tool, case, Path(folder), there))
        process.start()
        there.close()
        try:
            answer: dict[str, Any] = (
                here.recv() if here.poll(TIME_LIMIT) else {"crash": f"it took more than {TIME_LIMIT:g} s"}
            )
        except EOFError:
            answer = {"crash": "its process ended without an answer"}
        if process.is_alive():
            try:
                os.killpg(process.pid or 0, signal.SIGKILL)  # and whatever it has started
            except (ProcessLookupError, PermissionError):
                process.kill()
        process.join()
    cleaned: dict[str, Any] = _without_folders(answer, Path(folder))
    return cleaned


def work(tool: Tool, case: Case, folder: Path, answer: Connection) -> None:
    """Build the subject, apply the tool, send what was said; in the process of the cell."""
    os.setpgrp()
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        subject = case.build(folder)
    except Exception as error:  # noqa: BLE001 - a case that cannot be built is our own fault, and must be seen
        answer.send({"crash": f"the case could not be built: {words_of(error)}"})
        os._exit(0)
    try:
        said = list({(one.step, one.text): None for one in tool.ways[case.kind](subject)})  # each once
        more = {"log": _log(subject)} if tool.name == "plain" and hasattr(subject, "trainer") else {}
        answer.send({"said": said, "more": more})
    except NotApplicable as why:
        answer.send({"reason": str(why)})
    except Exception as error:  # noqa: BLE001 - whatever a tool raises without meaning to
        if is_of_the_run(error, tool.package):
            answer.send({"said": [(subject.clock.step, f"{OF_THE_RUN} {words_of(error)}")]})
        else:
            answer.send({"crash": words_of(error)})
    os._exit(0)  # no handlers of the parent's


def is_of_the_run(error: Exception, package: str) -> bool:
    """Whether the training itself raised it, with no code of the tool below the Trainer's: anybody would hear it."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    below = [place for place, file in enumerate(files) if file.endswith("transformers/trainer.py")]
    owner = f"/{package.replace('-', '_')}/"
    return bool(below) and not any(owner in file for file in files[below[0] :] if package not in LIBRARIES)


def _without_folders(told: Any, folder: Path) -> Any:  # noqa: ANN401 - as it is nested
    """The same words without the places of this machine: only what lies below them is of interest."""
    if isinstance(told, dict):
        return {name: _without_folders(one, folder) for name, one in told.items()}
    if isinstance(told, list | tuple):
        return [_without_folders(one, folder) for one in told]
    return without_folders(told, folder) if isinstance(told, str) else told


def without_folders(text: str, *folders: Path) -> str:
    """A text in which the cell's folder, the checkout and the environment have short names or none."""
    places = {f"{folder}/": "" for folder in folders} | {str(folder): "." for folder in folders} | PLACES
    for place, name in places.items():
        text = text.replace(place, name)
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[\w.-]+", "(a folder)", text)


def words_of(error: Exception) -> str:
    """What was raised, and where."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:OF_AN_ERROR]} ({Path(where.filename).name}:{where.lineno})"


def _log(run: Any) -> dict[str, list[str]]:  # noqa: ANN401 - a live run
    records = [one for one in run.trainer.state.log_history if "loss" in one and "grad_norm" in one]
    return {name: [f"{float(one[name]):.4g}" for one in records] for name in ("loss", "grad_norm")}
