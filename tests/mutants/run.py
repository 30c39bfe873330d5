"""Prove the regression tests: put each bug of ``mutants.toml`` into a copy of the project and watch its test fail.

    python tests/mutants/run.py                     # all
    python tests/mutants/run.py adapter-missing     # those of one failure

A mutant counts as caught when the test named beside it fails in its call, by an assertion: an import error, a crash in
a fixture, a test that was not run do not count. An edit that does not match exactly once is an error, too: the code it
was written for is gone. Each mutant runs in a process forked from one that has imported torch, so that 50 of them take
a minute or two.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import tomllib
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("homework", "unsilent", "tests", "data", "conftest.py", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "sft_model", "rft_model", ".*")
CAUGHT_BY = {"AssertionError", "Failed", "FailureFound"}
LIMIT = 120  # seconds a mutant; the slowest test takes 10


@dataclass(frozen=True)
class Mutant:
    """One edit, and the test that must fail on it."""

    slug: str
    module: str
    find: str
    replace: str
    test: str

    @property
    def file(self) -> str:
        """The regression file of its failure."""
        return f"tests/regression/test_{self.slug.replace('-', '_')}.py"

    def edit(self, text: str) -> str:
        """Apply the edit.

        Raises:
            ValueError: The text to be replaced does not occur exactly once.
        """
        if (count := text.count(self.find)) != 1:
            raise ValueError(f"{self.module}: expected {self.find!r} once, but got it {count} times")
        return text.replace(self.find, self.replace)


def read_mutants() -> list[Mutant]:
    """Read the list."""
    path = Path(__file__).with_name("mutants.toml")
    return [Mutant(**table) for table in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]]


class Recorder:
    """Keeps, for each failed call of a test, the name of the exception."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.failed: list[str] = []
        self.ran = 0

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> object:  # noqa: ARG002 - pytest's names
        """Note what a call raised."""
        if call.when == "call":
            self.ran += 1
            if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
                self.failed.append(call.excinfo.typename)
        yield


def judge(mutant: Mutant) -> str:
    """Run one mutant; empty when it was caught, else what happened in words."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = Path(name)
        for entry in COPIED:
            source = ROOT / entry
            if source.is_dir():
                shutil.copytree(source, copy / entry, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, copy / entry)
        module = copy / mutant.module
        try:
            module.write_text(mutant.edit(module.read_text(encoding="utf-8")), encoding="utf-8")
        except (OSError, ValueError) as error:
            return f"the edit does not fit: {error}"
        return _run_forked(mutant, copy)


def _run_forked(mutant: Mutant, copy: Path) -> str:
    """Run the mutant's test in a forked process, and read what it wrote down."""
    child = os.fork()
    if not child:
        _run_here(mutant, copy)
    deadline = time.monotonic() + LIMIT
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return f"not finished after {LIMIT} s"
        time.sleep(0.05)
    try:
        found = json.loads((copy / "found.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "the process died: " + (copy / "output.txt").read_text(encoding="utf-8", errors="replace")[-2000:]
    if not found["ran"]:
        return f"no test was run: {(copy / 'output.txt').read_text(encoding='utf-8', errors='replace')[-2000:]}"
    if set(found["failed"]) & CAUGHT_BY:
        return ""
    return f"survived: {found['ran']} tests ran, failed by {', '.join(found['failed']) or 'nothing'}"


def _run_here(mutant: Mutant, copy: Path) -> None:
    """In the child: run pytest on the copy, write down what failed, and end without looking back."""
    status = 1
    try:
        output = os.open(copy / "output.txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        sys.path[:] = [
            str(copy),
            str(copy / "tests"),
            *(path for path in sys.path if Path(path) not in (ROOT, ROOT / "tests")),
        ]
        recorder = Recorder()
        pytest.main(
            [
                *("-q", "-x", "-p", "no:xdist", "-p", "no:cov", "--rootdir", str(copy)),
                *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what was imported before forking
                f"{mutant.file}::{mutant.test}",
            ],
            plugins=[recorder],
        )
        (copy / "found.json").write_text(json.dumps({"ran": recorder.ran, "failed": recorder.failed}), encoding="utf-8")
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it was, the parent reads it
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)


def main(slugs: list[str]) -> int:
    """Run all mutants, or those of some failures; 0 when each was caught."""
    import peft  # noqa: F401 - imported once, before forking
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)
    mutants = [mutant for mutant in read_mutants() if not slugs or mutant.slug in slugs]
    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(judge, mutants))
    for mutant, complaint in zip(mutants, results, strict=True):
        print(f"{'CAUGHT ' if not complaint else 'MISSED '} {mutant.slug:<28} {mutant.module:<32} {mutant.test}")
        if complaint:
            print(f"        {mutant.find!r} -> {mutant.replace!r}\n        {complaint}")
    caught = results.count("")
    print(f"{caught} of {len(mutants)} mutants caught in {time.monotonic() - started:.0f} s")
    return 0 if mutants and caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
