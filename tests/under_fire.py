"""Saves adapters while being killed, starved of disk or raced, and reports in JSON what was left each time.

    python tests/under_fire.py kill FOLDER TIMES [two-renames]   # SIGKILL at random moments of a save
    python tests/under_fire.py step FOLDER [two-renames]         # SIGKILL at every single file operation of a save
    python tests/under_fire.py race FOLDER TIMES [two-renames]   # two processes saving to one place
    python tests/under_fire.py disk FOLDER                       # FOLDER on a file system of 1 MB: less and less room
    python tests/under_fire.py readonly FOLDER                   # FOLDER where nothing can be written
    python tests/under_fire.py prepare FOLDER                    # one save, for modes whose FOLDER others make
    python tests/under_fire.py mount FOLDER -t tmpfs none        # mount(8) where FOLDER is; under ``unshare -m`` only
    python tests/under_fire.py serve                             # such arguments as JSON lines, one after another

A program of its own, because it forks: one process imports torch, builds real adapters, and every save runs in a
child. Each save carries its number as the manifest's date, so that what is found afterwards says which save made it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]  # run as a program, from anywhere

import support  # noqa: E402 - from the path above
import torch  # noqa: E402

from homework import adapter_store, replacing  # noqa: E402
from homework.errors import OutputRefused  # noqa: E402

# Everything a save does to the file system; reading is left out.
OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.link", "ctypes.dlsym"}


def save(number: int, folder: Path, *, overwrite: bool = True) -> None:
    """Save a real adapter whose weights and manifest carry ``number``."""
    adapted = MODELS[number % len(MODELS)]
    content = support.manifest_content() | {"created": f"{number:06}"}
    adapter_store.save_adapter(adapted, folder, content, {"curve.png": b"x" * 20_000}, overwrite=overwrite)


def found(folder: Path) -> int | None:
    """The number of the save whose whole adapter is in place."""
    created = adapter_store.finished_at(folder)
    return None if created is None else int(created)


def fork(number: int, folder: Path, *, die_at: int | None = None, times: int = 1, overwrite: bool = True) -> int:
    """Save in a child, which may die at its n-th file operation; return its process number."""
    child = os.fork()
    if not child:
        _save_and_exit(number, folder, die_at, times, overwrite=overwrite)
    return child


def _save_and_exit(number: int, folder: Path, die_at: int | None, times: int, *, overwrite: bool) -> NoReturn:
    status = 1
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(OutputRefused):
        count = 0

        def listen(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event in OPERATIONS and not (event == "open" and arguments[1] in ("r", "rb")):
                if count == die_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        if die_at is not None:
            sys.addaudithook(listen)
        for offset in range(times):
            save(number + 2 * offset, folder, overwrite=overwrite)
        status = 0
    os._exit(status)


def after_a_kill(number: int, folder: Path, before: int, tally: Counter[str]) -> int:
    """Look at what a killed save left: the old adapter or the new one, at once or after the command puts it right."""
    now = found(folder)
    if now is None:
        tally["put right by the command"] += 1
    adapter_store._recover(folder)
    right = found(folder)
    if right not in (before, number) or now not in (None, right):
        tally["broken"] += 1
    else:
        tally["new" if right == number else "old"] += 1
    for path in folder.parent.glob(f"{folder.name}.kept-*"):
        tally["whole new one kept beside the old" if found(path) == number and right == before else "broken"] += 1
        shutil.rmtree(path)
    tally["left behind"] += len([path for path in folder.parent.iterdir() if path != folder])
    return before if right is None else right


def kill(folder: Path, times: int) -> dict[str, int]:
    """Kill a save at a random moment, again and again."""
    rng = random.Random(times)
    save(0, folder)
    durations = []
    for number in range(1, 6):
        started = time.monotonic()
        os.waitpid(fork(number, folder), 0)
        durations.append(time.monotonic() - started)
    tally: Counter[str] = Counter()
    before = 5
    for number in range(6, 6 + times):
        child = fork(number, folder)
        time.sleep(rng.uniform(0, statistics.median(durations)))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        tally["killed" if os.WIFSIGNALED(status) else "finished first"] += 1
        before = after_a_kill(number, folder, before, tally)
    return dict(tally)


def step(folder: Path) -> dict[str, int]:
    """Kill a save before its first, second, ... file operation, until one comes through."""
    save(0, folder)
    tally: Counter[str] = Counter()
    before = 0
    for number in range(1, 1000):
        _, status = os.waitpid(fork(number, folder, die_at=number - 1), 0)
        before = after_a_kill(number, folder, before, tally)
        if not os.WIFSIGNALED(status):
            break
        tally["killed"] += 1
    return dict(tally)


def race(folder: Path, times: int) -> dict[str, int]:
    """Two processes save to one place at the same time; then two that may not overwrite."""
    for child in [fork(1, folder, times=times), fork(2, folder, times=times)]:
        _, status = os.waitpid(child, 0)
        if status:
            return {"failed": 1}
    last = found(folder)
    free = folder.with_name("free")
    statuses = [os.waitpid(child, 0)[1] for child in [fork(number, free, overwrite=False) for number in (1, 2)]]
    kept = [path for path in folder.parent.iterdir() if path.name.startswith("free.kept-")]
    return {
        "last": -1 if last is None else last,
        "winner": found(free) or -1,
        "kept": len(kept),
        "kept is the other": int(bool(kept) and found(kept[0]) == 3 - (found(free) or 0)),
        "finished": len(statuses),
        "left behind": len(list(folder.parent.glob(".*"))),
    }


def disk(folder: Path) -> dict[str, int]:
    """Save into less and less room: a file beside the folder takes all but so many pages."""
    save(0, folder)
    tally: Counter[str] = Counter()
    before, page = 0, 4096
    ballast = folder.with_name("ballast")
    for number in range(1, 60):
        ballast.unlink(missing_ok=True)
        free = os.statvfs(folder.parent).f_bavail * os.statvfs(folder.parent).f_frsize
        ballast.write_bytes(bytes(max(0, free - (number - 1) * page)))
        try:
            save(number, folder)
        except OutputRefused as error:
            tally["refused"] += 1
            tally["kept elsewhere"] += "the new adapter is kept in" in error.action
            tally["no space"] += "space" in error.got.lower()
            expected = before
        else:
            expected = number
            tally["saved"] += 1
        now = found(folder)
        tally["whole" if now == expected else "broken"] += 1
        tally["left behind"] += len(list(folder.parent.glob(".*")))
        before = expected
    return dict(tally)


def readonly(folder: Path) -> dict[str, int]:
    """Claim and save where nothing can be written."""
    tally: Counter[str] = Counter()
    for attempt in ("claim", "save"):
        try:
            if attempt == "claim":
                adapter_store.claim_output(folder, overwrite=True)
            else:
                save(1, folder)
        except OutputRefused as error:
            tally["refused"] += 1
            tally["kept elsewhere"] += "is kept in" in error.action
    tally["whole" if found(folder) == 0 else "broken"] += 1
    return dict(tally)


def prepare(folder: Path) -> dict[str, int]:
    """Save once."""
    save(0, folder)
    return {"saved": 1}


def mount(folder: Path, *options: str) -> dict[str, int]:
    """Mount a file system; only where this process has mounts of its own."""
    return {"status": subprocess.run([shutil.which("mount") or "mount", *options, str(folder)], check=False).returncode}


def serve() -> None:
    """Run the modes that are asked for, each in a child as fresh as this process, which imports torch but once."""
    for line in sys.stdin:
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            if status:
                print(json.dumps({"died": status}), flush=True)
            continue
        status = 1
        try:
            mode, folder, *options = json.loads(line)
            main(mode, Path(folder), *options)
            sys.stdout.flush()
            status = 0
        except BaseException:  # noqa: BLE001 - said, and ended without the parent's clean-up
            traceback.print_exc()
        finally:
            os._exit(status)


def main(mode: str, folder: Path, *options: str) -> None:
    """Run one mode and print its figures."""
    if "two-renames" in options:
        replacing._exchange = lambda first, second: False
    times = next((int(option) for option in options if option.isdecimal()), 0)
    with tempfile.TemporaryDirectory() as elsewhere:
        tempfile.tempdir = elsewhere  # where adapters are kept that cannot go where they should
        match mode:
            case "kill":
                figures = kill(folder, times)
            case "race":
                figures = race(folder, times)
            case "mount":
                figures = mount(folder, *options)
            case _:
                figures = {"step": step, "disk": disk, "readonly": readonly, "prepare": prepare}[mode](folder)
        print(json.dumps(figures))


if __name__ == "__main__":
    torch.set_num_threads(1)
    MODELS = [support.tiny_adapter(seed=seed) for seed in range(3)]
    if sys.argv[1] == "serve":
        serve()
    else:
        main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
