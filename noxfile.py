"""The project's sessions: ``nox -s tests`` and friends. Each makes what it needs on a bare machine.

Each session keeps its environment under ``.nox/`` and installs only when its needs have changed. A session whose
content comes with a later version fails with one sentence; it never passes by doing nothing.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
TORCH = next(line.strip() for line in Path("constraints.txt").read_text().splitlines() if line.startswith("torch=="))
STAMP = "installed.json"
CORES = str(os.cpu_count() or 1)
MICRO_BATCH = "16"  # a tenth faster on two cores than the default of 8
CPU_LIMIT = "400"  # questions that are sampled where there is no GPU: the whole ends within an hour on two cores
# Half of the files to each worker of two, then what is left of the other's: what a file trains is not trained twice.
SHARED_OUT = ("-n", CORES, "--dist", "worksteal")
# One thread for each worker: threads of two torch processes on two cores wait for each other at every barrier.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def install(session: nox.Session, *groups: str, constrained: bool = True) -> None:
    """Install dependency groups, torch first and pinned, unless this environment has them already."""
    needed = nox.project.dependency_groups(PYPROJECT, *groups)
    wanted = {"packages": list(needed), "constraints": Path("constraints.txt").read_text() if constrained else ""}
    stamp = Path(session.virtualenv.location) / STAMP
    if stamp.is_file() and json.loads(stamp.read_text()) == wanted:
        return
    limits = ["-c", "constraints.txt"] if constrained else []
    if any(name.startswith("torch") for name in needed):
        session.install("-q", TORCH)
    session.install("-q", *limits, *needed)
    stamp.write_text(json.dumps(wanted))


def pytest(session: nox.Session, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run pytest in the checkout."""
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env=env or {})


@nox.session
def train(session: nox.Session) -> None:
    """The main job: SmolLM2-135M with LoRA on 1000 unit conversions, saved, reloaded and measured."""
    install(session, "train")
    env = {"PYTHONUNBUFFERED": "1"}
    if not os.environ.keys() & {"SFT_MICRO_BATCH_SIZE", "SFT_GRAD_ACCUM_STEPS"}:
        env["SFT_MICRO_BATCH_SIZE"] = MICRO_BATCH
    command = ["python", "-m", "homework.sft", "train", "--checkpoint", "embedded", "--overwrite"]
    session.run(*command, *session.posargs, env=env)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but gpu and slow, those of several processes among them, with branch coverage of both packages."""
    install(session, "test")
    chosen = "not gpu and (not slow or processes)"
    pytest(session, *SHARED_OUT, "-m", chosen, "--cov", "--cov-report=term", env=ONE_THREAD)


@nox.session
def regression(session: nox.Session) -> None:
    """The documented failures: each is real, each is found, its healthy twin is left alone."""
    install(session, "test")
    pytest(session, *SHARED_OUT, "-m", "regression and not gpu and not slow", env=ONE_THREAD)


@nox.session
def gpu(session: nox.Session) -> None:
    """Smoke trainings on a CUDA device; red where there is none."""
    install(session, "test")
    found = session.run("python", "-c", "import torch; print(torch.cuda.is_available())", silent=True)
    if str(found).strip() != "True":
        session.error("no CUDA device: 0 GPU tests ran")
    pytest(session, "-m", "gpu")


@nox.session
def gate(session: nox.Session) -> None:
    """The main job: base, SFT on real data, gate, bundle. What is given behind ``--`` goes to the gate.

    UTID names the zip, which lies in the checkout afterwards: ``UTID=ab12345 nox -s gate``.
    """
    install(session, "train")
    env = {"PYTHONUNBUFFERED": "1", "HOMEWORK_CHECKPOINT": os.environ.get("HOMEWORK_CHECKPOINT", "embedded")}
    if not os.environ.keys() & {"SFT_MICRO_BATCH_SIZE", "SFT_GRAD_ACCUM_STEPS"}:
        env["SFT_MICRO_BATCH_SIZE"] = MICRO_BATCH
    for command in (
        ["homework.checkpoints"],
        ["homework.sft", "train", "--overwrite"],
        ["unsilent", "gate", *session.posargs],
        ["homework.bundle", "homework", os.environ.get("UTID", "UTID")],
    ):
        session.run("python", "-m", *command, env=env)


@nox.session
def mutants(session: nox.Session) -> None:
    """Every documented bug, put into a copy of the project one at a time, must be caught by its test."""
    install(session, "test")
    session.run("python", "tests/mutants/run.py", *session.posargs, env=ONE_THREAD)


@nox.session
def slow(session: nox.Session) -> None:
    """The tests marked slow, on all cores together."""
    install(session, "test")
    pytest(session, "-m", "slow and not gpu")


@nox.session
def full(session: nox.Session) -> None:
    """SFT, rejection sampling, RFT, and the test of all three models; without a GPU on part of the questions.

    What is given behind ``--`` goes to the sampling: ``nox -s full -- --limit 0 --rounds 3`` samples as on a GPU.
    """
    install(session, "train")
    env = {"PYTHONUNBUFFERED": "1", "HOMEWORK_CHECKPOINT": os.environ.get("HOMEWORK_CHECKPOINT", "embedded")}
    has_gpu = session.run("python", "-c", "import torch; print(torch.cuda.is_available())", silent=True)
    small = [] if str(has_gpu).strip() == "True" else ["--limit", CPU_LIMIT]
    for command in (
        ["cot", "test"],
        ["sft", "train", "--overwrite"],
        ["datagen", "data/rft.json", "--overwrite", "--rounds", "3", *small, *session.posargs],
        ["rft", "train", "--overwrite"],
        *([name, "test", "--rows", "1000", "--honesty", "none"] for name in ("cot", "sft", "rft")),
    ):
        module, *arguments = command
        session.run("python", "-m", f"homework.{module}", *arguments, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff with every rule on, and its formatter."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Mypy, strict, on code, tests and this file; against the packages of the tests, where those are installed."""
    tests = Path(session.virtualenv.location).with_name("tests")
    if (tests / STAMP).is_file():
        install(session, "typing")
        python = tests / Path(session.virtualenv.bin).name / "python"
        session.run("mypy", "--python-executable", str(python))
    else:
        install(session, "typing", "test")
        session.run("mypy")


@nox.session
def minimums(session: nox.Session) -> None:
    """The tests on the oldest versions that the ranges allow (torch stays pinned)."""
    needed = nox.project.dependency_groups(PYPROJECT, "test")
    oldest = [re.sub(r"^([\w-]+).*>=([\d.]+).*$", r"\1==\2", name) for name in needed if not name.startswith("torch")]
    session.install("-q", TORCH)
    session.install("-q", *oldest)
    # old releases meet newer ones of their own dependencies, and warn; what is tested here is that they work
    quiet = ("-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")
    pytest(session, "-p", "no:xdist", "-m", "not gpu and not slow", *quiet)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Speed as ratios, each measured in one run; red where one is a tenth slower than the repository says."""
    install(session, "benchmark")
    pytest(session, "benchmarks", "--benchmark-only", "-s", "-p", "no:xdist")
    session.run("python", "benchmarks/slower.py")


@nox.session
def faultbench(session: nox.Session) -> None:
    """Every fault and every healthy control through our checks and other public tools: who names the cause?"""
    install(session, "benchmark")
    for peer in nox.project.dependency_groups(PYPROJECT, "peers"):
        try:
            session.install("-q", "-c", "constraints.txt", peer)
        except nox.command.CommandFailed:
            session.warn(f"{peer} does not install; its column will say so")
    session.run("python", "benchmarks/faultbench", "--jobs", CORES, *session.posargs, env=ONE_THREAD)


if __name__ == "__main__":
    nox.main()
