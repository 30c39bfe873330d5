"""Around every test on a GPU: memory and TF32 as they were; and at the end how long the tests took.

pytest reads this file before it knows which tests are wanted, and torch takes seconds: nothing imports it up here.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a person waits for [s], one test and the whole folder, on one modern GPU: a limit that was set, not measured.
LONGEST_TEST, LONGEST_FOLDER = 30, 300


@pytest.fixture(scope="session")
def course_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded 135M where it is cached, else a random 360M; nothing is fetched. On the CPU the tiny model."""
    import on_gpu

    from homework import checkpoints

    if not on_gpu.IS_DRY_RUN and not checkpoints.find_damage(checkpoints.cache_dir() / "SmolLM2-135M-Instruct"):
        return "embedded"
    return str(on_gpu.write_course_base(tmp_path_factory.mktemp("course") / "base"))


@pytest.fixture(scope="session")
def large_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random model of the course's shape, whatever is cached: what plan and speed are about."""
    import on_gpu

    return str(on_gpu.write_course_base(tmp_path_factory.mktemp("large") / "base"))


@pytest.fixture(autouse=True)
def _one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several GPUs a Trainer in this process sees one; it would wrap them in DataParallel."""
    import on_gpu
    import torch

    if on_gpu.GPUS > 1:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Give memory back, and put back what Trainer sets for the whole process."""
    import on_gpu
    import torch

    backends: Any = torch.backends
    is_new = hasattr(backends, "fp32_precision")  # torch 2.9
    before = backends.fp32_precision if is_new else backends.cuda.matmul.allow_tf32
    yield
    if is_new:
        backends.fp32_precision = before
    else:
        backends.cuda.matmul.allow_tf32 = before
    gc.collect()
    if on_gpu.HAS_CUDA:
        torch.cuda.empty_cache()


def pytest_terminal_summary(terminalreporter: Any) -> None:  # noqa: ANN401 - pytest's reporter
    """Say how long the tests of this folder took, and where they ran."""
    here = Path(__file__).parent.name
    taken: dict[str, float] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if f"{here}/" in report.nodeid:
            taken[report.nodeid] = taken.get(report.nodeid, 0.0) + report.duration
    if not taken:
        return
    import on_gpu
    import torch

    slowest = max(taken, key=lambda name: taken[name])
    place = torch.cuda.get_device_name() if on_gpu.HAS_CUDA else "the CPU: a dry run, nothing was tested on a GPU"
    terminalreporter.write_line(
        f"tests/gpu on {place}: {sum(taken.values()):.0f} s of {LONGEST_FOLDER}, slowest {taken[slowest]:.0f} s of "
        f"{LONGEST_TEST} ({slowest.rpartition('/')[2]})"
    )
