"""Changes healthy adapters in seeded ways, inspects them, and counts what was found, missed, crashed and hung.

    python tests/fuzz_adapters.py --count 10000 --seed 0 --jobs 2
    python tests/fuzz_adapters.py --seed 0 --only 1234 --keep FOLDER   # one of them again, with its report

Ends with 1 when a change that contradicts the rest of its folder was missed, when a change of any kind was missed
although a manifest had been written before it, or when an inspection crashed, hung, took half a gigabyte, executed
something or wrote control characters on the terminal. What a change is comes from ``tests/mutations.py``.

Adapters are inspected in forked processes, a few dozen each, so that a death of the process is one more row.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]  # run as a program, from anywhere

import mutate_bytes  # noqa: E402, F401 - these four enter their mutations in the list
import mutate_config  # noqa: E402, F401
import mutate_places  # noqa: E402
import mutate_tensors  # noqa: E402, F401
from adapter_kinds import JUDGED, KINDS  # noqa: E402
from adapter_truth import contradictions  # noqa: E402
from mutations import CONSISTENT, CONTRADICTS, JUDGE_CONTENT, MUTATIONS, Mutation, Subject  # noqa: E402

from unsilent import cli, name_patterns  # noqa: E402
from unsilent.adapters import inspect_adapter  # noqa: E402
from unsilent.dossier import Dossier  # noqa: E402
from unsilent.report import show  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIMIT = 20  # seconds for one inspection; a healthy one takes milliseconds, a pickle two seconds
DEADLY = 60  # seconds after which a process that does not even hear its alarm is ended
MEMORY = 500_000  # kB that an inspection may take on top; every adapter here has less than one MB
CHUNK = 25  # adapters for each process
WITH_MANIFEST = 0.4  # share of adapters that have one
GROUPS: Mapping[str, Sequence[str]] = {
    "one file": [name for name, kind in KINDS.items() if not (kind.after or kind.place)] + ["old configuration"],
    "LoRA": [name for name in JUDGED if not (KINDS[name].after or KINDS[name].place)] + ["old configuration"],
    "shards": ["shards"],
    "bin": ["bin"],
    "zip": ["zip", "zip of a folder"],
    "hub": ["hub cache"],
}


class Hung(BaseException):  # not an Exception: nothing that handles those may swallow it
    """An inspection that took too long."""


@dataclass
class Case:
    """What became of one changed adapter."""

    number: int
    mutation: str = ""
    kind: str = ""
    manifest: bool = False
    verdict: str = ""
    why: str = ""
    said: str = ""  # found, undecided, nothing
    slugs: str = ""
    error: str = ""
    seconds: float = 0.0

    @property
    def missed(self) -> bool:
        """Whether something had to be found and was not; undecided is an answer where there is no manifest."""
        if self.error:
            return False
        if self.verdict == CONTRADICTS:
            return self.said == "nothing"
        return self.verdict == CONSISTENT and self.manifest and self.said != "found"

    def __str__(self) -> str:
        """One line, with all that is needed to look into it."""
        beside = ", manifest" if self.manifest else ""
        return (
            f"--only {self.number}: {self.mutation} on {self.kind}{beside}: {self.verdict} ({self.why[:160]}), "
            f"{self.error[-400:] or self.said} [{self.slugs}] {self.seconds:.2f} s"
        )


def change(number: int, seed: int, scratch: Path, only: Sequence[str] = ()) -> tuple[Case, Path]:
    """Write a healthy adapter and change it; draws again where there is nothing to change."""
    rng = random.Random(f"{seed} {number}")
    chosen = [one for one in MUTATIONS.values() if not only or one.name in only]
    for attempt in range(100):
        one: Mutation = rng.choices(chosen, [mutation.weight for mutation in chosen])[0]
        kind = rng.choice(GROUPS[one.kinds])
        case = Case(number, one.name, kind, one.needs_manifest or rng.random() < WITH_MANIFEST)
        folder = scratch / str(attempt)
        path = KINDS[kind](folder / "healthy", manifest=case.manifest)

        def other(folder: Path = folder, mine: str = kind) -> Path:
            return KINDS[rng.choice([name for name in GROUPS["LoRA"] if name != mine])](folder / "other")

        subject = Subject(path, rng, other)
        before = _content(path)
        verdict = one.change(subject)
        if verdict == JUDGE_CONTENT:
            if _content(path) == before:
                continue
            found = contradictions(path)
            case.why = "; ".join(found)
            verdict = CONTRADICTS if found else CONSISTENT
        if verdict is not None:
            case.verdict = verdict
            return case, subject.path
    raise AssertionError(f"Expected a mutation for number {number}, but got none in 100 draws.")


def _content(path: Path) -> list[bytes] | None:
    if not path.is_dir():
        return None
    with contextlib.suppress(OSError):
        return [(path / name).read_bytes() for name in ("adapter_config.json", "adapter_model.safetensors")]
    return None


def inspect(case: Case, path: Path, scratch: Path) -> str:
    """Inspect within the limits and fill in the case; returns what a person would have read."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: mutations take memory of their own
    memory = _memory()
    started = time.monotonic()
    printed = io.StringIO()
    try:
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        report = inspect_adapter(path)
        report.as_json()
        with contextlib.redirect_stdout(printed):
            show(Dossier.of([report]))  # as a person sees it
        signal.setitimer(signal.ITIMER_REAL, 0)
        undecided = "undecided" if report.exit_status() == cli.EXIT_UNDECIDED else "nothing"
        case.said = "found" if report.findings else undecided
        case.slugs = ", ".join(finding.slug for finding in report.findings)
    except Hung:
        case.error = f"hang: more than {LIMIT} s\n{traceback.format_exc()}"
    except BaseException:  # noqa: BLE001 - whatever comes out is a crash
        case.error = f"crash: {traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    case.seconds = round(time.monotonic() - started, 3)
    raw = sorted({letter for letter in printed.getvalue() if letter != "\n" and _writes_on_terminals(letter)})
    if raw:
        case.error = f"crash: control characters on the terminal: {raw!r}"
    if list(scratch.rglob(f"{mutate_places.MARKER}*")):
        case.error = "crash: something was executed, or written outside"
    if (grown := _memory() - memory) > MEMORY:
        case.error = f"crash: {grown / 1000:.0f} MB more memory"
    return printed.getvalue()


def _writes_on_terminals(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _memory() -> int:
    """The most that this process has taken [kB]; not ru_maxrss, which is inherited and hides what comes after."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def _hang(*_: object) -> NoReturn:
    raise Hung


def _work(numbers: Iterable[int], seed: int, results: Path, only: Sequence[str]) -> None:
    """In a forked process: change and inspect, writing down each number before and each result after."""
    signal.signal(signal.SIGALRM, _hang)
    with results.open("a") as file:
        for number in numbers:
            with tempfile.TemporaryDirectory(dir=results.parent, ignore_cleanup_errors=True) as name:
                scratch = Path(name)
                faulthandler.dump_traceback_later(DEADLY, exit=True, file=2)
                case, path = change(number, seed, scratch, only)
                print(json.dumps(asdict(case)), file=file, flush=True)
                tempfile.tempdir = str(scratch)  # where whatever is unpacked goes
                inspect(case, path, scratch)
                tempfile.tempdir = None
                faulthandler.cancel_dump_traceback_later()
            print(json.dumps(asdict(case)), file=file, flush=True)


def fuzz(count: int, seed: int, *, jobs: int = 1, only: Sequence[str] = ()) -> list[Case]:
    """Change and inspect ``count`` adapters, a chunk in each forked process; one that dies is a crash of its case."""
    for kind in {kind for group in GROUPS.values() for kind in group}:
        for manifest in (False, True):
            with tempfile.TemporaryDirectory() as name:
                KINDS[kind](Path(name), manifest=manifest)  # built here once, and copied there
    waiting = [list(range(begin, min(begin + CHUNK, count))) for begin in range(0, count, CHUNK)][::-1]
    running: dict[int, tuple[list[int], Path]] = {}
    cases: dict[int, Case] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        while waiting or running:
            while waiting and len(running) < jobs:
                numbers = waiting.pop()
                results = Path(folder) / f"{numbers[0]}.json"
                running[_fork(numbers, seed, results, only)] = numbers, results
            child, status = os.wait()
            if child not in running:
                continue
            numbers, results = running.pop(child)
            done = [Case(**json.loads(line)) for line in results.read_text().splitlines()]
            cases |= {case.number: case for case in done}
            if status and done:
                if not (done[-1].said or done[-1].error):
                    cases[done[-1].number].error = f"crash: the process died ({status})"
                if left := [number for number in numbers if number > done[-1].number]:
                    waiting.append(left)
            elif status:
                raise RuntimeError(
                    f"Expected changed adapters, but the process died ({status}) before number {numbers}."
                )
    return [cases[number] for number in sorted(cases)]


def _fork(numbers: Sequence[int], seed: int, results: Path, only: Sequence[str]) -> int:
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads: one of ours is used
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        _work(numbers, seed, results, only)
        status = 0
    except BaseException:  # noqa: BLE001 - said, and ended without anybody's clean-up
        traceback.print_exc()
    finally:
        os._exit(status)


def table(cases: Sequence[Case]) -> str:
    """For each class of mutations: what had to be found, what could not, what must be with a manifest."""
    head = f"{'mutation':<32}{'contradicts':>12}{'found':>7}{'undec.':>7}{'missed':>7} | {'plausible':>9}{'noticed':>8}"
    lines = [f"{head} | {'manifest':>8}{'found':>6} | {'harmless':>8} | {'crash':>5}{'hang':>5}{'slowest':>9}"]
    rows: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        rows[case.mutation].append(case)
    for name, mine in [*sorted(rows.items()), ("all", list(cases))]:
        said = Counter((case.verdict, case.manifest, case.said) for case in mine)
        of = Counter((case.verdict, case.manifest) for case in mine)
        wrong = Counter(case.said for case in mine if case.verdict == CONTRADICTS)
        errors = Counter(case.error[:5] for case in mine)
        lines.append(
            f"{name:<32}{of[CONTRADICTS, False] + of[CONTRADICTS, True]:>12}{wrong['found']:>7}{wrong['undecided']:>7}"
            f"{wrong['nothing']:>7} | {of[CONSISTENT, False]:>9}{said[CONSISTENT, False, 'found']:>8} | "
            f"{of[CONSISTENT, True]:>8}{said[CONSISTENT, True, 'found']:>6} | "
            f"{sum(case.verdict == 'harmless' for case in mine):>8} | {errors['crash']:>5}{errors['hang:']:>5}"
            f"{max(case.seconds for case in mine):>7.2f} s"
        )
    return "\n".join(lines)


def wrong(cases: Iterable[Case]) -> list[Case]:
    """Crashes, hangs, and what was missed."""
    return [case for case in cases if case.error or case.missed]


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Change adapters and inspect them.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--patience", type=int, default=name_patterns.LIMIT, help="seconds of processor for a pattern")
    parser.add_argument("--only", type=int, help="this number alone, with its report")
    parser.add_argument("--keep", type=Path, help="where the changed adapter of --only stays")
    parser.add_argument("--mutation", action="append", default=[], help="these classes alone")
    options = parser.parse_args()
    name_patterns.LIMIT = options.patience  # those made to have no end take all of it
    if options.only is not None:
        signal.signal(signal.SIGALRM, _hang)
        folder = options.keep or Path(tempfile.mkdtemp())
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        case, path = change(options.only, options.seed, folder, options.mutation)
        print(path, inspect(case, path, folder), case, case.error, sep="\n")
        return bool(wrong([case]))
    cases = fuzz(options.count, options.seed, jobs=options.jobs, only=options.mutation)
    print(table(cases))
    for case in wrong(cases):
        print(case)
    return bool(wrong(cases))


if __name__ == "__main__":
    sys.exit(main())
