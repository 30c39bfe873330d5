"""Run a script of ours on a submission, in a fresh process that can neither write nor reach a network.

The submission is copied to a place where nothing lies beside it, as when a zip is unpacked. What the process may do is
decided in ``sandbox_script``, which puts up the walls before it runs the script; its time, and what it may say, are
limited here. Answers are lines of JSON, never pickle. By themselves the walls keep an honest mistake from passing
unseen; for a program that means harm, and knows of them, there is a cage (``sandbox_cage``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .sandbox_listening import Child, Listener, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .closure import Closure
    from .sandbox_cage import Cage

__all__ = ["Child", "FolderRefused", "Told", "copied", "run_child"]

SCRIPT = Path(__file__).with_name("sandbox_script.py")
LARGEST_FOLDER = 4_000_000_000  # bytes of a folder that is copied; a course's homework has 30 MB
PATIENCE = 5.0  # seconds for the kernel to end everything in a cage
NOT_COPIED = (".git", ".venv", "venv", "node_modules", "__pycache__", ".nox", ".tox", "*_cache", "checkpoint-*")
# Of a submission that is run as it was handed in: environments and bytecode alone, wherever they lie.
NEVER_COPIED = (".git", ".venv", "node_modules", "__pycache__")
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
            more = sum(path.stat().st_size for path in (beside or {}).values())
            _copy(source, target, list(chosen(source)) if files is None else files, more)
            for place, path in (beside or {}).items():
                (target.parent / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target.parent / place)
        except OSError as error:
            raise FolderRefused(f"files that cannot be copied ({type(error).__name__}: {error})") from error
        yield target


def _copy(source: Path, target: Path, files: Sequence[Path], more: int) -> None:
    """Copy files, unless they are too large together with so many bytes more."""
    size = more + sum((source / name).stat().st_size for name in files)
    if size > LARGEST_FOLDER:
        raise FolderRefused(f"{size / 1e9:.1f} GB, more than the {LARGEST_FOLDER / 1e9:g} GB that are copied")
    target.mkdir(parents=True)
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def chosen(source: Path, top: Sequence[str] = NOT_COPIED, below: Sequence[str] = NOT_COPIED) -> Iterator[Path]:
    """Every plain file below, those behind links included that stay inside.

    Args:
        source: A folder.
        top: Patterns of names directly in it that are left out.
        below: The same for everything deeper.
    """
    inside = source.resolve()
    for place, folders, names in os.walk(source):
        leave_out = shutil.ignore_patterns(*(top if Path(place) == source else below))
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
    cage: Cage | None = None,
) -> Child:
    """Run ``run(question, tell, watch)`` of a script behind the walls.

    Args:
        script: Imports nothing of this package where ``packages`` does not name it.
        question: Plain JSON; in a cage, what ``preload`` names is imported before ``root`` is on the path.
        root: First on the path for imports, the working directory, and what counts as the submission.
        seconds: How long it may take until its end, or until ``next_limit`` says otherwise.
        packages: What can be imported, beside what lies in ``root``; None for whatever is installed.
        next_limit: Asked with every line that is told; a number is how long it may take from there on.
        cage: For what means harm; None for the walls that keep out mistakes.

    Returns:
        All that was told; nothing that the submission does makes it raise.
    """
    with tempfile.TemporaryDirectory(prefix="unsilent-") as name:
        scratch = str(Path(name).resolve())
        walls = {
            "root": str(root.resolve()),
            "scratch": scratch,
            "places": [place for place in sys.path if place] if packages is None else packages.places,
            "modules": None if packages is None else sorted(packages.modules),
            "distributions": [] if packages is None else sorted(packages.distributions),
        }
        plan = None if cage is None else cage.plan(root.resolve(), scratch, packages)
        asked = json.dumps({"script": str(script), "question": dict(question), "walls": walls, "plan": plan})
        kept = {name: value for name, value in os.environ.items() if name in KEPT} if cage is None else cage.variables()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=kept | ADDED,
                start_new_session=True,
            )
        except OSError as error:
            return Child((), f"the process could not be started ({type(error).__name__}: {error})", "", 0.0)
        with process:
            try:
                return Listener(process, seconds, next_limit, cage).listen(asked)
            finally:
                _end(process, patience=0.0 if cage is None else PATIENCE)


def _end(process: subprocess.Popen[bytes], *, patience: float) -> None:
    """End a process and what it has started; one in a cage is told to, so that it can wait for the last of them."""
    if patience:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
