"""Completions in a batch are those of single prompts.

With padding on the right the model goes on after the padding instead of after the prompt: every answer but that to the
longest question of a batch is another one, and the accuracy depends on the size of the batch.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets

from homework.base_llm import BaseLLM
from unsilent.evaluation import check_padding

pytestmark = [pytest.mark.regression, pytest.mark.failure("padding-side")]

PROMPTS = [
    "How many cm are in 3 m?",
    "What is 1 kg in g?",
    "And 7 ft in inches, please, if you would be so kind?",
    "2?",
]


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """The tiny model in fp32, where rounding changes nothing."""
    loaded = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    loaded.max_new_tokens = 8
    return loaded


def test_fault_is_real(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padded on the right, the shorter prompts get other completions than alone; the longest does not."""
    alone = [llm.generate(prompt) for prompt in PROMPTS]
    faults.pad_on_the_right(monkeypatch)
    batched = llm.batched_generate(PROMPTS)

    assert [one == other for one, other in zip(alone, batched, strict=True)] == [False, False, True, False]


def test_check_finds_it(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding shows both completions, and that batches without padding are fine."""
    faults.pad_on_the_right(monkeypatch)
    outcome = check_padding(llm.batched_generate, PROMPTS)

    assert (outcome.status, outcome.slug) == ("failed", "padding-side")
    assert "Expected the same completion alone and in a batch" in outcome.message
    assert (outcome.evidence["differing"], outcome.evidence["prompts"], outcome.evidence["unpadded"]) == (3, 4, 0)


def test_healthy_twin_is_left_alone(llm: BaseLLM) -> None:
    """Padded on the left, whatever the tokenizer is set to."""
    llm.tokenizer.padding_side = "right"

    assert check_padding(llm.batched_generate, PROMPTS).status == "passed"


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "padding-side")
