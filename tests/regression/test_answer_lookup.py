"""Answers that come from the data set, and not from the weights, are found, however they get there.

Reported as accuracy 1.0 after ``apply_dataset_answer_patch``: nothing was learnt, and nobody could tell. The probes
know no patch by its name. They disturb the weights and look at what is still right.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets
import support
import torch
from cheats import CHEATS
from honest_models import accuracy, fresh, honest_llm, splits

from homework.data import Dataset
from homework.sft import SFTModel
from unsilent.honesty import probe_honesty
from unsilent.touched import watched

pytestmark = [pytest.mark.regression, pytest.mark.failure("answer-lookup")]

ROWS = splits()[1]
# One of each kind; all of them are tried in tests/unit/unsilent/test_honesty.py.
FAST = ["half of the questions", "only where the model gives nan", "behind a generation", "logits processor",
        "tokenizer that substitutes", "helper process"]  # fmt: skip


def test_fault_is_real() -> None:
    """A model with random weights is right about every row, and stays so with other random weights."""
    llm = honest_llm("blank")
    assert accuracy(llm, ROWS) <= 0.02
    faults.look_answers_up(llm, ROWS)

    assert accuracy(llm, ROWS) == 1.0
    with torch.no_grad():
        for weight in llm.model.parameters():
            weight.normal_()
    assert accuracy(llm, ROWS) == 1.0


def test_check_finds_it() -> None:
    """The finding says how many answers survived, what chance allows, and that the model never ran; nothing is left."""
    llm = honest_llm("blank")
    before = {name: weight.clone() for name, weight in llm.model.named_parameters()}
    faults.look_answers_up(llm, ROWS)
    report = probe_honesty(llm, ROWS, fresh)
    (finding,) = report.findings

    assert (finding.slug, report.verdict()) == ("answer-lookup", "failed")
    assert "100 of 100 answers that are still right with its weights disturbed, where " in finding.message
    assert "100 right answers without a single forward pass of its model" in finding.message
    assert "llm.answer is replaced on the instance by looking_up" in finding.message
    assert all(torch.equal(weight, before[name]) for name, weight in llm.model.named_parameters())


@pytest.mark.no_cover
@pytest.mark.parametrize("name", FAST)
def test_every_way_to_look_up_is_found(name: str) -> None:
    """With the probes that cost no more than answering once more."""
    llm = honest_llm("blank")
    back = CHEATS[name](llm, ROWS)
    report = probe_honesty(llm, ROWS, fresh, quick=True)
    back()

    assert [finding.slug for finding in report.findings] == ["answer-lookup"]


def test_own_program_answers_from_its_weights(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's answer path has no data set in reach: while it answers no file of one is opened."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(support.write_small_data(tmp_path / "data")))
    llm = SFTModel(str(tiny_base), dtype="fp32", device="cpu")
    rows = Dataset("valid").rows
    with watched() as touched:
        llm.answer(*[str(row[0]) for row in rows])

    assert not [path for path in touched.files if path.endswith(".json")]
    assert not probe_honesty(llm, rows).findings


@pytest.mark.no_cover
def test_healthy_twin_is_left_alone() -> None:
    """A model that has learnt the very rows by heart is as accurate, and loses that with its weights: a note."""
    llm = honest_llm("overfitted")
    report = probe_honesty(llm, ROWS, fresh)
    lookup = next(outcome for outcome in report.outcomes if outcome.slug == "answer-lookup")

    assert (report.verdict(), lookup.status) == ("passed", "passed")
    assert "learnt by heart (overfitted), not looked up" in lookup.message


def test_constant_answer_is_left_alone() -> None:
    """Whoever always says the most common answer is right by luck, with any weights: no lookup, nothing learnt."""
    rows = [(f"How many mm are in {n} m?", 5.0 if n < 30 else 1000.0 * n) for n in range(100)]
    llm = honest_llm("blank")
    honest = llm.answer
    llm.answer = lambda *questions: [5.0 for _ in honest(*questions)]  # type: ignore[method-assign] # a poor program

    assert not probe_honesty(llm, rows, quick=True).findings


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "answer-lookup")
