"""The folder of a run that is not finished yet: ``sft_model.unfinished`` beside ``sft_model``.

It holds ``run.json``, which says what the run is, and its newest checkpoints; it goes away when the adapter has been
saved. Whoever finds one there has the choice: ``--resume`` goes on, ``--overwrite`` begins anew; without a word nothing
is lost. A run goes on only as the same run: with other data, another base, precision or seed the curve would have a
seam that nobody sees [resume-mismatch]. One process at a time; a killed one holds nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from unsilent.outcome import FailureFound

from .adapter_files import CHECKPOINT, weights_in
from .errors import OutputRefused, RunRefused, TrainingFailed
from .replacing import replace_file
from .run_identity import differences
from .saved_steps import find_saved, remove_saved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import filelock

    from .saved_steps import SavedStep

SUFFIX = ".unfinished"
RUN = "run.json"
LOCK = "lock"
PART = re.compile(rf"\.{re.escape(RUN)}\.\d+\.new")  # while ``replace_file`` writes it
SCHEMA_VERSION = 1
RESUME_MISMATCH = "resume-mismatch"


def unfinished_beside(output: Path) -> Path:
    """Where the run lies whose adapter will be ``output``."""
    return output.with_name(f"{output.name}{SUFFIX}")


def is_begun(output: Path) -> bool:
    """Whether a run has begun there that was stopped or killed."""
    return (unfinished_beside(output) / RUN).exists()


class UnfinishedRun:
    """A run and what is kept of it.

    Attributes:
        folder: Where it is kept.
        saved: The checkpoint that it goes on from; None where it begins at its first step.
        resumed: For each time that it went on: ``step`` and ``when``.
    """

    def __init__(self, output: Path, *, resume: bool, overwrite: bool, leads: bool) -> None:
        """Look at what is there, and refuse before anything is loaded; ``claim_run`` says what."""
        self.folder = unfinished_beside(output)
        self.saved: SavedStep | None = None
        self.resumed: list[dict[str, Any]] = []
        self._resume = resume
        self._leads = leads
        self._begun = False
        self._before: dict[str, Any] | None = None
        self._lock: filelock.BaseFileLock | None = None
        if not leads:
            return
        if foreign := self._foreign():
            raise RunRefused(
                expected="the folder of an unfinished run, or a free name",
                got=f"something else ({foreign})",
                where=str(self.folder),
                action="move it away, or choose another --output_dir",
            )
        if self.folder.exists():
            self._acquire()
        elif resume:
            trained = " (a trained adapter is there: that run is finished)" if weights_in(output) else ""
            raise RunRefused(
                expected="an unfinished run to go on with",
                got=f"none{trained}",
                where=str(self.folder),
                action="leave --resume out to begin one, or name its --output_dir",
            )
        kept = None if resume else find_saved(self.folder)[0]
        if kept and overwrite:
            print(f"overwrite:   {self.folder} stands at {kept}: it goes when this run begins", flush=True)
        elif kept:
            self.release()
            raise RunRefused(
                expected="a name without an unfinished run",
                got=f"one that stands at {kept}",
                where=str(self.folder),
                action="add --resume to go on with it, or --overwrite to begin anew",
            )

    def begin(self, identity: Mapping[str, Any], circumstances: Mapping[str, Any]) -> None:
        """Begin, or make sure that what goes on is the same run; what is done is printed.

        Args:
            identity: What makes it the same run.
            circumstances: ``versions`` and more that is written down, and may differ.

        Raises:
            RunRefused: It is another run [resume-mismatch], or nobody can say which.
            OutputRefused: There is no room.
        """
        if not self._leads:
            return
        content = {"schema_version": SCHEMA_VERSION, **circumstances, "identity": dict(identity), "resumed": []}
        before = self._before = self._read() if self._resume else None
        if before is not None:
            self._must_be_same(before["identity"], identity)
            self._go_on(before["versions"], content["versions"])
            when = datetime.now(UTC).isoformat(timespec="seconds")
            self.resumed = [*before["resumed"], {"step": self.saved.step if self.saved else 0, "when": when}]
            content = before | {"resumed": self.resumed}
        elif self._lock:  # else the place was free, and what is there now is another process's
            self._clear()
        try:
            if self._lock is None:
                self.folder.mkdir()
                self._acquire()
            replace_file(self.folder / RUN, json.dumps(content, indent=2).encode())
        except FileExistsError:
            raise self._taken() from None
        except OSError as error:
            raise OutputRefused(
                expected="room and permission for what is kept of the run",
                got=error.strerror or str(error),
                where=str(self.folder),
                action="make room, or choose another --output_dir",
            ) from error
        self._begun = True

    def refuse_at(self, step: int, stop: FailureFound) -> None:
        """Leave a run that was to go on as it was, where a check has stopped it before it took a step.

        What is wrong then came with the resume, and not with the run: its checkpoints are as good as before.

        Raises:
            RunRefused: So it is.
        """
        is_other = stop.failure.slug == RESUME_MISMATCH
        if self._before is None or not (is_other or (self.saved and step == self.saved.step)):
            return
        with contextlib.suppress(OSError):  # then it says of itself that it went on once more
            replace_file(self.folder / RUN, json.dumps(self._before, indent=2).encode())
        raise RunRefused(
            expected=f"a run that goes on from {self.saved or 'its beginning'}",
            got=f"one that a check stops there [{stop.failure.slug}]: {stop.outcome.message.rstrip('.')}",
            where=str(self.folder),
            action="nothing of the run was lost: put right what has changed since, or begin anew with --overwrite",
        ) from stop

    def follow(self) -> None:
        """In a process that does not lead: find what the leading one goes on from, once it has begun."""
        if not self._leads and self._resume:
            self.saved = find_saved(self.folder)[0]

    def adopt(self) -> None:
        """Take what another process has left for one's own, so that ``remove`` removes it."""
        self._begun = True

    def remove(self) -> None:
        """The run is over, and its outcome lies elsewhere; one that had not begun leaves things as they are."""
        if self._begun:
            self._clear()
            (self.folder / LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # somebody has put something there meanwhile
                self.folder.rmdir()

    def release(self) -> None:
        """Let other processes have it."""
        if self._lock:
            self._lock.release()

    def _acquire(self) -> None:
        import filelock  # noqa: PLC0415 - training only

        self._lock = filelock.FileLock(self.folder / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise self._taken() from None
        except OSError as error:
            raise RunRefused(
                expected="the folder of an unfinished run that can be written",
                got=error.strerror or str(error),
                where=str(self.folder),
                action="change its permissions, or choose another --output_dir",
            ) from error

    def _taken(self) -> RunRefused:
        return RunRefused(
            expected="no other process at this output",
            got="one that is training",
            where=str(self.folder),
            action="wait for it, or choose another --output_dir",
        )

    def _foreign(self) -> str:
        """Name what is in the way and no run has put there; without ``run.json`` that is everything but the lock."""
        if not self.folder.is_dir():
            nowhere = "a link that leads nowhere" if self.folder.is_symlink() else ""
            return "a file" if self.folder.exists() else nowhere
        names = sorted(path.name for path in self.folder.iterdir())
        ours = [name for name in names if name in (RUN, LOCK) or PART.fullmatch(name)]
        if RUN in names:
            ours += [name for name in names if CHECKPOINT.fullmatch(name)]
        foreign = next((name for name in names if name not in ours), "")
        return f"{foreign}, and {RUN} is missing" if CHECKPOINT.fullmatch(foreign) else foreign

    def _read(self) -> dict[str, Any] | None:
        """Read what the run was; None where it was killed before it had said so."""
        path = self.folder / RUN
        try:
            content = json.loads(path.read_bytes()) if path.exists() else None
        except (OSError, ValueError, RecursionError) as error:
            content = f"one that cannot be read ({type(error).__name__})"
        match content:
            case None:
                print("resume:      nothing was kept: beginning at step 0", flush=True)
                return None
            case {"schema_version": 1, "identity": dict(), "versions": dict(), "resumed": list()}:
                return dict(content)
        raise self._unreadable(content if isinstance(content, str) else "one that lacks fields")

    def _unreadable(self, got: str) -> RunRefused:
        return RunRefused(
            expected=f"a {RUN} that says which run this is",
            got=got,
            where=str(self.folder / RUN),
            action="begin anew with --overwrite",
        )

    def _must_be_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        if missing := [name for name in now if name not in before]:
            raise self._unreadable(f"one that lacks fields: {', '.join(missing[:3])}")
        if changed := differences(before, now):
            raise RunRefused(
                expected="the same run as the one that is unfinished",
                got=f"another one [resume-mismatch]: {changed}",
                where=str(self.folder),
                action="give the options, data and base that it began with, or begin anew with --overwrite",
            )

    def _go_on(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Choose the checkpoint; those that are passed over hold nothing that could be used, and go."""
        self.saved, torn = find_saved(self.folder)
        for path, reason in torn.items():
            print(f"resume:      {path.name} is passed over: {reason}", flush=True)
            remove_saved(path)
        print(f"resume:      {f'from {self.saved}' if self.saved else 'no whole checkpoint: from step 0'}", flush=True)
        if changed := differences(before, now):
            print(f"note:        {changed}: the last bits of numbers may differ", flush=True)

    def _clear(self) -> None:
        """Remove what a run has put there, and nothing else; ``run.json`` last, by which it is known as a run."""
        for path in self.folder.iterdir():
            if CHECKPOINT.fullmatch(path.name):
                remove_saved(path)
            elif PART.fullmatch(path.name):
                path.unlink(missing_ok=True)
        (self.folder / RUN).unlink(missing_ok=True)


@contextlib.contextmanager
def claim_run(output: Path, *, resume: bool, overwrite: bool, leads: bool = True) -> Iterator[UnfinishedRun]:
    """Hold the place where the run of an adapter is kept, while it goes on.

    What was kept goes away when the block ends by itself, or with a run that a check has stopped or that has failed:
    going on would end there again. It stays when anything else ends the block, as a resume that is refused.

    Args:
        output: Where the adapter will be.
        resume: Go on with the run that is there.
        overwrite: Where one is there and ``resume`` was not asked for, begin anew in its place.
        leads: False for all but one of several processes of one run: they neither look nor write.

    Raises:
        RunRefused: There is a run that would be lost, none to go on with, or one that is going on.
    """
    run = UnfinishedRun(output, resume=resume, overwrite=overwrite, leads=leads)
    try:
        yield run
        run.remove()
    except (FailureFound, TrainingFailed):
        run.remove()
        raise
    finally:
        run.release()
