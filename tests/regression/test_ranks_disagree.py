"""Ranks that train together stop together, and hold the same weights.

One rank meets a NaN. If it stops alone, the others wait for it in their next all-reduce; if nobody looks, that
all-reduce makes the gradient NaN on every rank, and the step every weight. Without averaged gradients each rank trains
an adapter of its own, and the one that is saved has seen a part of the rows.

What needs processes is done by two of them, started once (``tests/ranked.py``); the rest by two threads.
"""

from __future__ import annotations

from typing import Any

import faults
import pytest
import talking
import trainers

from unsilent.ranks import GRADIENTS, NOTHING, Ranks, check_agreement, left_alone

pytestmark = [pytest.mark.regression, pytest.mark.failure("ranks-disagree")]

Results = dict[str, list[dict[str, Any]]]


def spoil_second(model: Any, rank: int) -> None:  # noqa: ANN401 - a PEFT model
    """A NaN gradient on rank 1 in its fourth step, before which no weights are compared."""
    faults.spoil_one_rank(model, trainers.MIDDLE, backward=4, this=rank)


def drift_in_last(model: Any, rank: int) -> None:  # noqa: ANN401
    """Another gradient on rank 1 in its fifth step, whose weights only ``finish`` compares."""
    weight = model.get_parameter(trainers.MIDDLE)
    passes = iter(range(5))
    weight.register_hook(lambda gradient: gradient * (-1 if rank == 1 and next(passes) == 4 else 1))


@pytest.mark.slow
@pytest.mark.processes
def test_fault_is_real(ranked: Results) -> None:
    """A NaN gradient on rank 1 alone: unwatched, the weights of both ranks are NaN in the end."""
    assert [one["finite"] for one in ranked["nan on rank 1, unwatched"]] == [False, False]


@pytest.mark.slow
@pytest.mark.processes
def test_adapters_really_drift_apart(ranked: Results) -> None:
    """Without DDP two ranks end with two adapters, and nothing is said."""
    first, second = ranked["not averaged, unwatched"]

    assert first["bits"] != second["bits"]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("scenario", ["nan on rank 1", "trainer, nan on rank 1"])
def test_all_ranks_stop_before_the_step(ranked: Results, scenario: str) -> None:
    """The same finding on both, at the step of the NaN, with the rank that has it; ``ranks-disagree`` is its sign."""
    first, second = ranked[scenario]

    assert (first["found"], first["step"], first["symptoms"]) == ("nan-grad-norm", 3, ["ranks-disagree"])
    assert {name: first[name] for name in ("message", "evidence")} == {
        name: second[name] for name in ("message", "evidence")
    }
    assert (first["evidence"]["rank"], first["evidence"]["ranks"], first["evidence"]["world"]) == (1, [1], 2)
    assert first["evidence"]["parameters"] == [trainers.MIDDLE]
    assert [one["finite"] for one in (first, second)] == [True, True]


@pytest.mark.slow
@pytest.mark.processes
def test_weights_are_those_before_the_step(ranked: Results) -> None:
    """On both ranks, bit for bit, and equal."""
    first, second = ranked["nan on rank 1"]

    assert first["bits"] == first["before"] == second["bits"] == second["before"]


@pytest.mark.slow
@pytest.mark.processes
def test_warning_is_the_same_on_all_ranks(ranked: Results) -> None:
    """Said once on each, and the run goes on to its end."""
    said = [one["warnings"] for one in ranked["nan on rank 1, warned"]]

    assert said[0] == said[1]
    assert len(said[0]) == 1


@pytest.mark.slow
@pytest.mark.processes
def test_other_findings_stop_all_ranks_too(ranked: Results) -> None:
    """Labels that are masked on rank 1 alone; the ranks do not disagree, they have other rows."""
    first, second = ranked["masked on rank 1"]

    assert first["found"] == second["found"] == "labels-all-masked"
    assert first["evidence"] == second["evidence"]
    assert (first["evidence"]["ranks"], first["symptoms"]) == ([1], ["zero-loss"])


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize(
    ("scenario", "step", "differs"),
    [
        ("not averaged", 2, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight"),
        ("other learning rate", 1, "the learning rate"),
        ("trainer, uneven", 1, "the number of micro-batches"),
    ],
    ids=["no DDP", "learning rate", "batches"],
)
def test_what_must_be_equal_is_compared(ranked: Results, scenario: str, step: int, differs: str) -> None:
    """Settings before the first step, weights after it: found on both ranks, and named."""
    found = [(one["found"], one["step"], one["evidence"]["differs"][0]) for one in ranked[scenario]]

    assert found == [("ranks-disagree", step, differs)] * 2


@pytest.mark.slow
@pytest.mark.processes
def test_healthy_ranks_are_left_alone(ranked: Results) -> None:
    """No finding, equal adapters, and every loss and weight bit-identical to the run that nobody watches."""
    watched, unwatched = ranked["healthy"], ranked["healthy, unwatched"]

    assert [one["found"] for one in watched] == ["", ""]
    assert watched[0]["bits"] == watched[1]["bits"]
    assert [(one["losses"], one["bits"]) for one in watched] == [(one["losses"], one["bits"]) for one in unwatched]
    assert all("ranks-disagree" in one["passed"] for one in watched)
    assert [one["ranks-disagree"] for one in ranked["trainer"]] == ["passed", "passed"]


@pytest.mark.slow
@pytest.mark.processes
def test_monitor_on_one_rank_goes_on_alone(ranked: Results) -> None:
    """Nobody hangs; what could not be compared is skipped with the reason."""
    first, second = ranked["watched on rank 0"]

    assert (first["found"], second["found"]) == ("", "")
    assert first["why not"].startswith("not all of the 2 ranks are watched")
    assert "ranks-disagree" not in first["passed"]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("scenario", ["skipped by the scaler", "skipped by the scaler, watched on rank 0"])
def test_step_that_a_scaler_skips_for_another_rank_is_healthy(ranked: Results, scenario: str) -> None:
    """Rank 1 overflows, so no weight moves on rank 0 either, whose own gradients were finite."""
    assert [one["found"] for one in ranked[scenario]] == ["", ""]


def test_check_finds_it() -> None:
    """Two ranks in two threads: both raise the one finding of rank 1, weights finite."""
    first, second = [monitor.findings for monitor in talking.train_together(spoil_second)]

    assert [(one.slug, one.step, one.symptoms) for one in first] == [("nan-grad-norm", 4, ("ranks-disagree",))]
    assert first == second
    assert (first[0].evidence["rank"], first[0].evidence["ranks"]) == (1, [1])


def test_drift_is_found_at_its_first_step() -> None:
    """Other rows and no average: bit-exact fingerprints differ after one step."""
    first, second = [monitor.findings for monitor in talking.train_together(same_rows=False)]

    assert [(one.slug, one.step) for one in first] == [("ranks-disagree", 2)]
    assert first == second
    assert first[0].evidence["count"] > 10


def test_drift_that_nobody_has_compared_is_not_in_order() -> None:
    """A loop without ``finish`` drifts after its last comparison: that is skipped, with the step, and not passed."""
    ended = talking.train_together(drift_in_last, finished=False)

    assert all("ranks-disagree" not in {one.slug for one in monitor.passed()} for monitor in ended)
    assert "not compared since step 4 of 5" in ended[0].ranks.settled(5).reason
    assert [one.slug for one in talking.train_together(drift_in_last)[0].findings] == ["ranks-disagree"]


def test_rank_that_ends_early_is_found() -> None:
    """One has run out of batches while the other prepares its third step."""
    first, second = [monitor.findings for monitor in talking.train_together(steps=(2, 3))]

    assert first == second
    assert [one.evidence.get("places") for one in first] == [
        {"rank 0": "the end, before step 3", "rank 1": "a step, before step 3"}
    ]


def test_healthy_twin_is_left_alone() -> None:
    """The same two threads with equal rows."""
    monitors = talking.train_together()

    assert [monitor.findings for monitor in monitors] == [[], []]
    assert all("ranks-disagree" in {one.slug for one in monitor.passed()} for monitor in monitors)


@pytest.mark.parametrize(("gradients", "said"), [("b", True), ("a", False)])
def test_gradients_that_differ_tell_why_weights_do(gradients: str, said: bool) -> None:  # noqa: FBT001
    """And are no fault by themselves."""
    first, second = {"weight": 1, GRADIENTS: "a"}, {"weight": 2, GRADIENTS: gradients}
    (found,) = check_agreement([first, second], 2)

    assert ("they are not averaged" in found.message) == said
    assert found.evidence["differs"] == ["weight"]
    assert check_agreement([first, {**second, "weight": 1}], 2) == []


@pytest.mark.slow
@pytest.mark.processes
def test_gradients_that_nobody_averages_are_named(ranked: Results) -> None:
    """Where DDP is gone around, and not where only the beginning differs."""
    assert all("the gradients of the next step differ as well" in one["message"] for one in ranked["not averaged"])
    assert not any("averaged" in one["message"] for one in ranked["other learning rate"])


def test_difference_is_named_with_its_ranks() -> None:
    """What one rank does not know of differs too."""
    (found,) = check_agreement([{"lr": 0.1, "seed": 1}, {"lr": 0.1, "seed": 2}, {"lr": 0.1}], 1)

    assert "Expected seed to be the same on all 3 ranks, but got 1 on rank 0, 2 on rank 1" in found.message
    assert found.evidence["values"] == {"rank 0": "1", "rank 1": "2", "rank 2": f'"{NOTHING}"'}


def test_rank_that_has_left_is_said() -> None:
    """Without an answer nobody waits a second time."""
    table = talking.Table()
    table.barrier.abort()
    ranks = Ranks(talking.ThreadLine(table, 0))
    found = ranks.agree([], moment="a step", step=7)

    assert [(one.slug, one.step) for one in found] == [("ranks-disagree", 7)]
    assert found == [left_alone(ranks.why_not, 7)]
    assert ranks.agree([], moment="a step", step=8) == []
