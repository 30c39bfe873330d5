"""Generation in chunks that calls itself with a chunk as large as what it was called with.

History of the same code: ``>=`` where ``>`` was meant. A sampler that catches errors then writes zero rows, and what
reads them ends with an IndexError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import snippets

pytestmark = [pytest.mark.regression, pytest.mark.failure("unbounded-recursion")]

SAMPLER = """
CHUNK = 4


def load():
    return Sampler()


class Sampler:
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) > CHUNK:
            chunks = [prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK)]
            return [text for chunk in chunks for text in self.batched_generate(chunk)]
        return [f"{prompt} 1</answer>" for prompt in prompts]


def sample(prompts):
    try:
        return Sampler().batched_generate(prompts)
    except Exception:
        return []
"""


@pytest.fixture
def sampler(tmp_path: Path) -> Path:
    """A module that generates in chunks, as it should."""
    path = tmp_path / "rft.py"
    path.write_text(SAMPLER)
    return path


def run(path: Path) -> dict[str, Any]:
    """Run the module, which is ours."""
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), path.name, "exec"), names)  # noqa: S102 - the text above
    return names


def test_fault_is_real(sampler: Path) -> None:
    """It never ends; behind a handler it gives zero rows, and the first of them is an IndexError."""
    faults.split_at_the_limit(sampler)
    names = run(sampler)

    with pytest.raises(RecursionError, match="maximum recursion depth"):
        names["load"]().batched_generate(["?"] * 9)
    with pytest.raises(IndexError, match="out of range"):
        names["sample"](["?"] * 9)[0]


def test_check_finds_it(sampler: Path) -> None:
    """Read, not run: the slug, the line of the call, and what to do."""
    faults.split_at_the_limit(sampler)
    (outcome,) = snippets.failures(sampler.parent)

    assert (outcome.slug, outcome.stage) == ("unbounded-recursion", "submission")
    assert outcome.evidence["file"] == "rft.py"
    assert "self.batched_generate(chunk)" in str(outcome.evidence["code"])
    assert "What to do: iterate over chunks, or count the tries." in outcome.message


def test_healthy_twin_is_left_alone(sampler: Path) -> None:
    """Chunks that end: every prompt has its row, and the reader finds nothing."""
    assert len(run(sampler)["sample"](["?"] * 9)) == 9
    assert snippets.failures(sampler.parent) == []


def test_code_shows_it(tmp_path: Path) -> None:
    """In code of another shape as well."""
    snippets.assert_pair(tmp_path, "unbounded-recursion")
