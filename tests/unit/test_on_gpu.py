"""The GPU tests on a machine without CUDA: each skips with one sentence, and collecting them needs few packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a machine without network may lack: TRL and what comes with it, a browser, what reports and other tests use.
NOT_NEEDED = ("trl", "datasets", "playwright", "tensorboard", "jinja2", "hypothesis", "gguf", "pytest_benchmark", "nox")
CODE = """
import sys
for name in {names!r}:
    sys.modules[name] = None
import pytest
sys.exit(pytest.main(["-q", "-m", "gpu", "-p", "no:benchmark", "-p", "no:hypothesispytest", "tests/gpu"]))
"""


@pytest.mark.slow
def test_gpu_tests_skip_with_a_sentence_and_need_little() -> None:
    """With CUDA hidden and other packages gone: no error, no pass, and one reason."""
    environment = {name: value for name, value in os.environ.items() if name != "GPU_TESTS_DRY_RUN"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(names=NOT_NEEDED)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    reasons = {line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("SKIPPED")}

    assert done.returncode == 0, done.stdout + done.stderr
    assert reasons == {"no CUDA device on this machine"}
    assert " passed" not in done.stdout
