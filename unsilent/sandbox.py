"""Run a script of ours on a submission, in a fresh process that can neither write nor reach a network.

The submission is copied to a place where nothing lies beside it, as when a zip is unpacked. What the process may do is
decided in ``sandbox_script``, which puts up the walls before it runs the script; its time, and what it may say, are
limited here. Answers are lines of JSON, never pickle. It keeps an honest mistake from passing unseen; a program that
means harm and knows of these walls is the next thing to be kept out.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .closure import Closure

SCRIPT = Path(__file__).with_name("sandbox_script.py")
LARGEST_FOLDER = 4_000_000_000  # bytes of a folder that is copied; a course's homework has 30 MB
LARGEST_TOLD = 10_000_000  # bytes of answers: 1000 rows need 20 kB
KEPT_OUTPUT = 4_000  # bytes of what is printed, the last ones
TICK = 0.1  # seconds after which a process that has ended, but left its pipes to others, is noticed
NOT_COPIED = (".git", ".venv", "venv", "node_modules", "__pycache__", ".nox", ".tox", "*_cache", "checkpoint-*")
# What a process behind the walls sees of the environment: where base models are found, how libraries and devices are;
# no tokens and no proxies.
KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),
    *("HOMEWORK_CACHE_DIR", "HOMEWORK_CHECKPOINT", "XDG_CACHE_HOME"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
)
# There is no network in either case: so told, the hub's client says it at once, and not after five attempts and 46 s,
# and a base in the local cache is loaded without asking.
ADDED = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class FolderRefused(Exception):
    """No folder that can be copied; the message says what it is instead."""


@dataclass(frozen=True)
class Told:
    """One line that the script told, and when: in seconds since the process was started, by the clock of this one."""

    at: float
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Child:
    """What came of a process behind the walls."""

    told: tuple[Told, ...]
    error: str
    """Why it did not end by itself, or not well; empty where it did."""
    output: str
    """The end of what it printed."""
    seconds: float

    @property
    def protections(self) -> tuple[str, ...]:
        """What held, in words."""
        return tuple(name for line in self.told for name in _texts(line.content.get("protections")))


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


@contextlib.contextmanager
def copied(
    folder: Path, files: Sequence[Path] | None = None, beside: Mapping[str, Path] | None = None
) -> Iterator[Path]:
    """Copy a folder to where nothing else lies beside it, under its own name; the copy is gone afterwards.

    Args:
        folder: Never changed.
        files: Relative paths of what to copy; None for all but caches, checkpoints, and links that lead out of it.
        beside: By its relative path beside the folder, what else the grader has: the data sets.

    Raises:
        FolderRefused: It is none, or too large.
    """
    source = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve would take the name of what a link leads to
    if not source.is_dir():
        raise FolderRefused("a file, no folder (unpack a zip first)" if source.exists() else "no such folder")
    with tempfile.TemporaryDirectory(prefix="unsilent-") as name:
        target = Path(name).resolve() / "submission" / source.name
        try:
            _copy(source, target, list(_chosen(source)) if files is None else files)
            for place, path in (beside or {}).items():
                (target.parent / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target.parent / place)
        except OSError as error:
            raise FolderRefused(f"files that cannot be copied ({type(error).__name__}: {error})") from error
        yield target


def _copy(source: Path, target: Path, files: Sequence[Path]) -> None:
    size = sum((source / name).stat().st_size for name in files)
    if size > LARGEST_FOLDER:
        raise FolderRefused(f"{size / 1e9:.1f} GB, more than the {LARGEST_FOLDER / 1e9:g} GB that are copied")
    target.mkdir(parents=True)
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _chosen(source: Path) -> Iterator[Path]:
    """Every plain file below, those behind links included that stay inside."""
    inside = source.resolve()
    leave_out = shutil.ignore_patterns(*NOT_COPIED)
    for place, folders, names in os.walk(source):
        folders[:] = sorted(set(folders) - leave_out(place, folders))
        for name in sorted(set(names) - leave_out(place, names)):
            path = Path(place) / name
            with contextlib.suppress(OSError, RuntimeError):  # a link to nowhere, or in a circle
                if stat.S_ISREG(path.stat().st_mode) and path.resolve().is_relative_to(inside):
                    yield path.relative_to(source)


def run_child(  # noqa: PLR0913 - one option for each thing that only the caller knows
    script: Path,
    question: Mapping[str, object],
    *,
    root: Path,
    seconds: float,
    packages: Closure | None = None,
    next_limit: Callable[[Mapping[str, Any]], float | None] = lambda _: None,
) -> Child:
    """Run ``run(question, tell, watch)`` of a script behind the walls.

    Args:
        script: Imports nothing of this package where ``packages`` does not name it.
        question: Plain JSON.
        root: First on the path for imports, the working directory, and what counts as the submission.
        seconds: How long it may take until its end, or until ``next_limit`` says otherwise.
        packages: What can be imported, beside what lies in ``root``; None for whatever is installed.
        next_limit: Asked with every line that is told; a number is how long it may take from there on.

    Returns:
        All that was told; nothing that the submission does makes it raise.
    """
    with tempfile.TemporaryDirectory(prefix="unsilent-") as scratch:
        cage = {
            "root": str(root.resolve()),
            "scratch": str(Path(scratch).resolve()),
            "places": [place for place in sys.path if place] if packages is None else packages.places,
            "modules": None if packages is None else sorted(packages.modules),
            "distributions": [] if packages is None else sorted(packages.distributions),
        }
        asked = json.dumps({"script": str(script), "question": dict(question), "cage": cage})
        try:
            process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name in KEPT} | ADDED,
                start_new_session=True,
            )
        except OSError as error:
            return Child((), f"the process could not be started ({type(error).__name__}: {error})", "", 0.0)
        with process:
            try:
                return _Listener(process, seconds, next_limit).listen(asked)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # also what it has started


class _Listener:
    """Reads what a process tells and prints, until it ends or its time is over."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        seconds: float,
        next_limit: Callable[[Mapping[str, Any]], float | None],
    ) -> None:
        self.process, self.next_limit = process, next_limit
        self.started = time.monotonic()
        self.limit, self.since = seconds, self.started
        self.told: list[Told] = []
        self.size = 0
        self.line = b""
        self.output = b""

    def listen(self, asked: str) -> Child:
        """Hand over the question and take everything that comes back."""
        assert self.process.stdin  # noqa: S101 - for mypy: all three are pipes
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(asked.encode())
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with selectors.DefaultSelector() as selector:
            for pipe, take in ((self.process.stdout, self._take_lines), (self.process.stderr, self._take_output)):
                selector.register(_must(pipe), selectors.EVENT_READ, take)
            error = self._read(selector)
        output = self.output.decode(errors="replace").strip()
        return Child(tuple(self.told), error, output, time.monotonic() - self.started)

    def _read(self, selector: selectors.BaseSelector) -> str:
        """Read until both pipes are closed, or the process has ended and no more is there; why, if it was stopped."""
        while selector.get_map():
            has_ended = self.process.poll() is not None
            ready = selector.select(0 if has_ended else TICK)
            for key, _ in ready:
                blob = os.read(key.fd, 1 << 16)
                key.data(blob)
                if not blob:
                    selector.unregister(key.fileobj)
            if self.size > LARGEST_TOLD:
                return f"it was ended: it told more than {LARGEST_TOLD / 1e6:g} MB"
            if time.monotonic() > self.since + self.limit:
                return f"it was ended: still running after {self.limit:g} s"
            if has_ended and not ready:
                break
        try:
            status = self.process.wait(max(0.0, self.since + self.limit - time.monotonic()))
        except subprocess.TimeoutExpired:  # it has closed its pipes and goes on
            return f"it was ended: still running after {self.limit:g} s"
        if status:
            return f"the process ended by {_signal(-status)}" if status < 0 else f"the process ended with {status}"
        return next((str(line.content["failed"]) for line in self.told if "failed" in line.content), "")

    def _take_lines(self, blob: bytes) -> None:
        self.size += len(blob)
        *lines, self.line = (self.line + blob).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):  # whatever else the submission wrote there
                content = json.loads(line)
                if isinstance(content, dict):
                    now = time.monotonic()
                    self.told.append(Told(now - self.started, content))
                    if (limit := self.next_limit(content)) is not None:
                        self.limit, self.since = limit, now

    def _take_output(self, blob: bytes) -> None:
        self.output = (self.output + blob)[-KEPT_OUTPUT:]


def _must(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe  # noqa: S101 - for mypy
    return pipe


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
