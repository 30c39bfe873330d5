"""The same question put from outside: run a program, disturb the weights in a copy of its folder, run it again.

For code that is not to be trusted with the process that judges it. Each run is a new process in a scratch copy, which
gets questions on stdin and writes plain JSON; nothing of the program is imported here. It is not a cage: the program
runs with the rights of whoever runs this. What a program reads outside of its folder, its weights or answers that it
remembers there, is not disturbed: such a program is taken for one that looks up its answers.

    unsilent check honesty MODULE:FUNCTION --folder DIR --data data/valid.json
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asking import Asked, ProgramFailed, Reply, marked, usable_rows
from .fresh_questions import OF_A_KIND, USUAL, proportional_source
from .manifest import FILE, ManifestUnusable, read_manifest, write_manifest
from .origins import judge_answers
from .outcome import Report
from .signs import Facts, signs_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from .fresh_questions import QuestionSource

SECONDS = 900  # a run: the load, and 148 answers of the 135M that never close, take 60 s on two cores
LARGEST = 4_000_000_000  # bytes of a folder that is copied
LARGEST_HEADER = 100_000_000  # bytes; the limit that safetensors sets itself
LARGEST_ANSWER = 10_000_000  # bytes taken back
NOT_COPIED = (".git", ".venv", "venv", "node_modules", "__pycache__", ".nox", ".tox", "*_cache")
# Where the exponent of a float stands, and how wide it is; by safetensors' and by torch's name.
EXPONENTS = {"F16": (2, 10, 5), "BF16": (2, 7, 8), "F32": (4, 23, 8)}
STORAGES = {b"HalfStorage": "F16", b"BFloat16Storage": "BF16", b"FloatStorage": "F32"}
SIZES = {"F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2}
# The factors of an adapter are made 64 times larger: as they are, their noise may leave a strong base unimpressed.
DOUBLINGS = 6

# Runs in the program's folder and imports nothing of this package.
SCRIPT = """
import importlib, json, os, sys
sys.path.insert(0, os.getcwd())
module, _, names = sys.argv[1].partition(":")
made = importlib.import_module(module)
for name in names.split("."):
    made = getattr(made, name)
llm = made if hasattr(made, "answer") and not isinstance(made, type) else made()
answers = llm.answer(*json.load(sys.stdin))
answers = [None if one is None or isinstance(one, (str, bytes)) else repr(float(one)) for one in answers]
with open(sys.argv[2], "w") as file:
    json.dump(answers, file)
"""


def probe_outside(  # noqa: PLR0913 - one option for each thing that only the caller knows
    folder: Path,
    target: str,
    dataset: Sequence[Sequence[Any]],
    questions: QuestionSource | None = None,
    *,
    rng: random.Random,
    is_right: Callable[[float, float], bool],
    rows: int,
) -> Report:
    """Find out whether a program's answers come from the weights in its folder.

    Args:
        folder: Code and weights; copied, never changed.
        target: ``module:function`` in it, which gives an object with ``answer``; or such an object.
        dataset: Rows of question and answer.
        questions: A source of new ones; None makes one from the data set, if that is possible.
        rng: Of what is drawn at random.
        is_right: Whether an answer is right.
        rows: How many rows are asked.

    Returns:
        Outcomes of answer-lookup and answer-calculator.

    Raises:
        ValueError: No usable row, or a folder too large to copy.
        ProgramFailed: It does not even answer with its weights as they are.
    """
    usable = usable_rows(dataset)
    asked = usable[:rows]
    source = questions or proportional_source(usable)
    new = [row for kind in USUAL for row in (source(kind, OF_A_KIND, rng) if source else [])]
    facts = Facts(others=[answer for _, answer in usable], has_model=False)
    with tempfile.TemporaryDirectory(prefix="unsilent-") as name:
        honest, scratch = (Path(name) / which / folder.resolve().name for which in ("plain", "disturbed"))
        _copy(folder, scratch)  # before the first run, which may leave its answers in the other copy
        _copy(folder, honest)
        answers = run_program(honest, target, [question for question, _ in asked])
        facts.first = marked(asked, Asked([Reply(answer) for answer in answers]), is_right)
        count = disturb_files(scratch)
        if not count:
            facts.why_not = f"no weights were found in {folder}"
            return Report(target, tuple(judge_answers(facts, signs_of(facts, is_right), target)))
        try:
            answers = run_program(scratch, target, [question for question, _ in [*asked, *new]])
        except ProgramFailed as error:
            facts.why_not = f"it refuses disturbed weights: {error}"
            return Report(target, tuple(judge_answers(facts, signs_of(facts, is_right), target)))
    replies = [Reply(answer) for answer in answers]
    facts.disturbed = [marked(asked, Asked(replies[: len(asked)]), is_right)]
    facts.fresh_disturbed = marked(new, Asked(replies[len(asked) :]), is_right)
    return Report(target, tuple(judge_answers(facts, signs_of(facts, is_right), target)))


def _copy(folder: Path, scratch: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > LARGEST:
        message = (
            f"Expected a folder of at most {LARGEST / 1e9:g} GB, but got {size / 1e9:.1f} GB. Where: {folder}. "
            "What to do: name the folder of the program alone."
        )
        raise ValueError(message)
    shutil.copytree(folder, scratch, ignore=_left_out, ignore_dangling_symlinks=True)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is no part of a program, and what is neither file nor folder, such as a pipe."""
    found = set(shutil.ignore_patterns(*NOT_COPIED)(folder, names))
    paths = {name: Path(folder) / name for name in names}
    return found | {name for name, path in paths.items() if not (path.is_file() or path.is_dir() or path.is_symlink())}


def run_program(folder: Path, target: str, questions: Sequence[str]) -> list[float]:
    """Load and ask a program in a process of its own.

    Raises:
        ProgramFailed: It raised, took too long, or gave other than one answer a question.
    """
    with tempfile.TemporaryDirectory(prefix="unsilent-") as name:
        answers = Path(name) / "answers.json"
        command = [sys.executable, "-c", SCRIPT, target, str(answers)]
        with (
            (Path(name) / "stderr").open("w+b") as log,
            subprocess.Popen(  # noqa: S603 - what the user named
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            try:
                process.communicate(json.dumps(list(questions)).encode(), timeout=SECONDS)
            except subprocess.TimeoutExpired as error:
                raise ProgramFailed(f"it took more than {SECONDS} s") from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # also what it has started
        if process.returncode or not answers.is_file():
            last = (Path(name) / "stderr").read_text(errors="replace").strip().splitlines()[-1:] or [
                f"status {process.returncode}"
            ]
            raise ProgramFailed(f"it ended with {last[0][:300]}")
        return _read_answers(answers, len(questions))


def _read_answers(path: Path, count: int) -> list[float]:
    with path.open("rb") as file:
        text = file.read(LARGEST_ANSWER)
    try:
        answers = [math.nan if one is None else float(one) for one in json.loads(text)]
    except (ValueError, TypeError, RecursionError) as error:
        raise ProgramFailed(f"its answers cannot be read ({type(error).__name__})") from error
    if len(answers) != count:
        raise ProgramFailed(f"it gave {len(answers)} answers to {count} questions")
    return answers


def disturb_files(folder: Path, *, enlarge: bool = True) -> int:
    """Move every value of every weight file below a folder to another place, and write its manifests again.

    Args:
        folder: A copy.
        enlarge: Make the factors of an adapter larger, too.

    Returns:
        How many files were changed.
    """
    count = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix == ".safetensors":
            count += _disturb_safetensors(path, enlarge=enlarge)
        elif path.is_file() and path.suffix in (".bin", ".pt", ".pth"):
            count += _disturb_zip(path, enlarge=enlarge)
    for path in folder.rglob(FILE):
        with contextlib.suppress(ManifestUnusable, ValueError):  # the second for NaN, which is read and never written
            if content := read_manifest(path.parent):
                write_manifest(path.parent, content)
    return count


def _disturb_safetensors(path: Path, *, enlarge: bool) -> bool:
    blob = bytearray(path.read_bytes())
    length = int.from_bytes(blob[:8], "little")
    if not 0 < length <= min(LARGEST_HEADER, len(blob) - 8):
        return False
    begin = 8 + length
    try:
        header = json.loads(blob[8:begin])
        places = [(name, str(one["dtype"]), tuple(map(int, one["data_offsets"]))) for name, one in _tensors(header)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    for name, kind, (first, last) in places:
        values = bytes(blob[begin + first : begin + last])
        blob[begin + first : begin + last] = _moved(values, kind, enlarge and "lora_" in name)
    path.write_bytes(blob)
    return True


def _tensors(header: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((name, one) for name, one in header.items() if name != "__metadata__")


def _disturb_zip(path: Path, *, enlarge: bool) -> bool:
    """A zip of a pickle, which names the dtype, and of one file for each tensor: torch's own format."""
    whole = io.BytesIO()
    try:
        _move_members(path, whole, enlarge=enlarge)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError):  # damaged, or no zip at all
        return False
    path.write_bytes(whole.getvalue())
    return True


def _move_members(path: Path, whole: io.BytesIO, *, enlarge: bool) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as new:
        pickled = b"".join(old.read(name) for name in old.namelist() if name.endswith("data.pkl"))
        kinds = {kind for storage, kind in STORAGES.items() if storage in pickled}
        kind = kinds.pop() if len(kinds) == 1 else "F64"
        for name in old.namelist():
            content = old.read(name)
            enlarged = enlarge and b"lora_" in pickled
            new.writestr(name, _moved(content, kind, enlarged) if "/data/" in name else content)


def _moved(values: bytes, kind: str, enlarge: bool) -> bytes:  # noqa: FBT001
    """Values moved on by half their number and one, the bits of each as they were, or its exponent larger."""
    import numpy as np  # noqa: PLC0415

    size = EXPONENTS[kind][0] if kind in EXPONENTS else SIZES.get(kind, 1)
    words = np.frombuffer(values[: len(values) // size * size], f"<u{size}")
    words = np.roll(words, (len(words) // 2 + 1) % max(len(words), 1) or 1)
    if enlarge and kind in EXPONENTS:
        _, place, width = EXPONENTS[kind]
        exponent = (words >> place) & ((1 << width) - 1)
        words = np.where(
            (exponent > 0) & (exponent + DOUBLINGS < (1 << width) - 1), words + (DOUBLINGS << place), words
        )
    return words.astype(f"<u{size}").tobytes() + values[len(values) // size * size :]
