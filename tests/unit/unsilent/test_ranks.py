"""From the same words every rank draws the same conclusion; one process needs none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import talking
import torch
import trainers

from unsilent import StepMonitor, TrainingGuard
from unsilent.outcome import FailureWarning, Outcome, failed
from unsilent.ranks import BEGINNING, END, NOT_ASKED, SLUG, STEP, Ranks, Word, check_agreement, conclude, facts_of

if TYPE_CHECKING:
    from pathlib import Path

NAN = failed("nan-grad-norm", "guard", "Expected numbers, but got NaN.", {"micro_batch": 2}, step=4)
LABELS = failed("labels-all-masked", "guard", "Expected labels.", {"rows": 3}, step=4)


class Lonely:
    """A line on which every other rank says the same as this one."""

    rank, world = 0, 2

    def __init__(self, *, broken: bool = False) -> None:
        """Count what is said; a broken line raises."""
        self.broken = broken
        self.gathered = 0

    def largest(self, numbers: Any) -> list[int]:  # noqa: ANN401
        """One's own numbers."""
        if self.broken:
            raise RuntimeError("Connection closed by peer")
        return list(numbers)

    def gather(self, word: Any) -> list[Any]:  # noqa: ANN401
        """One's own word, twice."""
        self.gathered += 1
        return [word, word]


def test_one_process_agrees_with_itself() -> None:
    """What it found comes back untouched; nothing is due, and nothing settled."""
    ranks = Ranks.around([])

    assert ranks.agree([NAN], moment=STEP, step=4) == [NAN]
    assert (ranks.any(holds=True), ranks.any(holds=False), ranks.is_due(1)) == (True, False, False)
    assert (ranks.settled(0).status, ranks.settled(0).reason) == ("skipped", "one process trains")


def test_healthy_step_costs_one_operation() -> None:
    """Nobody has found anything and nothing is due: no words are gathered."""
    ranks = Ranks(line := Lonely())

    assert ranks.agree([], moment=STEP, step=3) == []
    assert line.gathered == 0


def test_weights_are_compared_often_at_first() -> None:
    """After steps 1, 2, 4, ..., 32, and then every 50th."""
    ranks = Ranks(Lonely())

    assert [step for step in range(1, 201) if ranks.is_due(step)] == [1, 2, 4, 8, 16, 32, 50, 100, 150, 200]


def test_comparison_settles_the_matter() -> None:
    """Skipped until something was compared, then passed; skipped again where steps have followed it."""
    ranks = Ranks(Lonely())
    before = ranks.settled(0)
    ranks.agree([], moment=BEGINNING, step=1, facts={"lr": 0.1})
    ranks.agree([], moment=STEP, step=2)
    later = ranks.settled(3)

    assert (before.status, before.reason) == ("skipped", "the ranks had nothing to compare yet")
    assert ranks.settled(0).status == "passed"
    assert (later.status, later.reason) == (
        "skipped",
        "not compared since step 0 of 3: call finish() at the end of the loop",
    )


def test_rank_that_watches_alone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aloud, and at once: nothing is compared from then on."""
    monkeypatch.setattr("unsilent.ranks.meet", lambda _: (None, "others did not come within 30 s"))

    with pytest.warns(FailureWarning, match=r"\[ranks-disagree\] skipped: others did not come within 30 s"):
        ranks = Ranks.around([])

    assert ranks.settled(0).reason == "others did not come within 30 s"


def test_lowest_rank_that_found_something_speaks() -> None:
    """Ranks 1 and 2 of 3: the finding is that of rank 1, and says so."""
    words = [Word(STEP, 4), Word(STEP, 4, (NAN,)), Word(STEP, 4, (LABELS,))]
    told, sign = conclude(words)

    assert told.message == "Expected numbers, but got NaN. Found on ranks 1, 2 of 3 (counted from 0)."
    assert told.evidence == {"micro_batch": 2, "rank": 1, "ranks": [1, 2], "world": 3}
    assert (sign.slug, sign.step, sign.evidence["found"]) == ("ranks-disagree", 4, "nan-grad-norm")


def test_what_all_found_is_no_disagreement() -> None:
    """One fault in all of them is one finding."""
    (told,) = conclude([Word(STEP, 4, (NAN,))] * 2)

    assert told.message.endswith("Found on all 2 ranks.")


def test_other_rows_are_no_disagreement() -> None:
    """Masked labels belong to the rows of a rank."""
    assert [one.slug for one in conclude([Word(STEP, 4, (LABELS,)), Word(STEP, 4)])] == ["labels-all-masked"]


def test_ranks_at_other_places_are_told() -> None:
    """One ends while the other goes on."""
    (found,) = conclude([Word(END, 5), Word(STEP, 5)])

    assert "the end, before step 5 on rank 0, a step, before step 5 on rank 1" in found.message
    assert found.step == 5


def test_agreement_is_no_finding() -> None:
    """Equal facts, or none."""
    assert check_agreement([{"lr": 0.1}, {"lr": 0.1}], 1) == []
    assert check_agreement([{}, {}], 1) == []


def test_more_that_differs_is_counted() -> None:
    """The first is named, the others are evidence."""
    (found,) = check_agreement([{"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 2}], 9)

    assert "Expected b to be the same on all 2 ranks, but got 1 on rank 0, 2 on rank 1, and 1 more" in found.message
    assert (found.evidence["differs"], found.evidence["count"], found.step) == (["b", "c"], 2, 9)
    assert "Where: after step 8." in found.message


@pytest.mark.parametrize("found", [[], [NAN]], ids=["nothing", "a finding"])
def test_broken_line_is_a_finding(found: list[Outcome]) -> None:
    """What was found here stays the first; nobody asks a second time."""
    ranks = Ranks(Lonely(broken=True))
    told = ranks.agree(found, moment=STEP, step=4)

    assert [one.slug for one in told] == [*(one.slug for one in found), "ranks-disagree"]
    assert "Connection closed by peer" in told[-1].message
    assert ranks.line is None
    assert ranks.settled(3).status == "skipped"


def test_broken_line_leaves_a_flag_as_it_is() -> None:
    """The next word says that a rank is gone."""
    ranks = Ranks(Lonely(broken=True))

    assert ranks.any(holds=True)
    assert ranks.line is None


def test_flag_of_any_rank_counts() -> None:
    """Asked under a gradient scaler, which skips on all ranks."""
    assert Ranks(Lonely()).any(holds=True)
    assert not Ranks(Lonely()).any(holds=False)


@pytest.mark.parametrize(("loader", "batches"), [([1, 2, 3], 3), (iter([]), "unknown")], ids=["list", "iterator"])
def test_facts_of_a_trainer_are_plain(loader: object, batches: object) -> None:
    """What is not there is None on every rank."""
    facts = facts_of(SimpleNamespace(gradient_accumulation_steps=4), SimpleNamespace(max_steps=9), loader)

    assert (facts["the number of micro-batches"], facts["accumulation"], facts["max_steps"]) == (batches, 4, 9)
    assert facts["max_grad_norm"] is None


@pytest.mark.parametrize(("batches", "counted"), [(5, 5), (8, 8), (9, 8)])
def test_micro_batches_that_nobody_comes_to_do_not_count(batches: int, counted: int) -> None:
    """With ``max_steps`` a longer loader on one rank is no difference."""
    arguments = SimpleNamespace(gradient_accumulation_steps=2, max_steps=4)
    facts = facts_of(arguments, SimpleNamespace(max_steps=4), range(batches))

    assert facts["the number of micro-batches"] == counted


def test_threads_agree_as_processes_do() -> None:
    """With a learning rate of its own on rank 1: found before the first step is taken."""
    first, second = [monitor.findings for monitor in talking.train_together(lr=(1e-2, 2e-2))]

    assert [(one.slug, one.step) for one in first] == [("ranks-disagree", 1)]
    assert first[0].evidence["differs"] == ["the learning rate"]
    assert first == second


def spoil_base(model: Any, rank: int) -> None:  # noqa: ANN401 - a PEFT model
    """Another base on rank 1."""
    if rank == 1:
        model.base_model.model.model.norm.weight.data.mul_(2)


def test_other_bases_are_found_before_the_first_step() -> None:
    """Frozen weights are no one's gradient: averaging them would hide nothing and nothing would show it."""
    found = [monitor.findings for monitor in talking.train_together(spoil_base)]

    assert [(one[0].slug, one[0].step, one[0].evidence["differs"]) for one in found] == [
        ("ranks-disagree", 1, ["the frozen weights"])
    ] * 2


def test_weights_that_ddp_leaves_alone_may_differ() -> None:
    """Each rank has its own of these; all others are compared."""
    model = trainers.fresh_adapter()
    model._ddp_params_and_buffers_to_ignore = [trainers.MIDDLE]
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1))
    monitor.ranks = Ranks(Lonely())
    compared = monitor._beginning({})
    monitor.close()
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}

    assert trained - set(compared) == {trainers.MIDDLE}


def test_processes_of_one_group_may_train_apart() -> None:
    """Each its fold, say: nobody waits for the others."""
    model = trainers.fresh_adapter()
    monitor = StepMonitor(model, torch.optim.SGD(model.parameters(), lr=0.1), ranks=False)
    monitor.close()

    assert monitor.ranks.line is None
    assert monitor.ranks.settled(0).reason == NOT_ASKED


def test_guard_may_watch_a_process_of_its_own(tmp_path: Path) -> None:
    """It announces nothing, and says why the ranks were not compared."""
    guard = TrainingGuard(ranks=False).attach(trainer := trainers.make_trainer(tmp_path, max_steps=1))
    trainer.train()

    assert trainers.unseen(guard.report)[SLUG] == NOT_ASKED
