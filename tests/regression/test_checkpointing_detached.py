"""Reentrant checkpointing on a frozen base without input gradients leaves the layers below without any.

The inputs of the first checkpoint require no gradient, so the region is never computed again: its parameters get none,
and only what stands after the last checkpoint is trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import torch
import trainers

from unsilent.outcome import FailureFound

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("checkpointing-detached"),
    # PEFT, on models whose output layer is their embedding
    pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad:UserWarning"),  # the symptom
    pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning"),
]


def detached() -> Any:  # noqa: ANN401 - a PEFT model
    """An adapter below checkpoints, and an output layer above them that is trained too."""
    return faults.checkpoint_detached(trainers.fresh_adapter(modules_to_save=["lm_head"]))


def test_fault_is_real(tmp_path: Path) -> None:
    """The loss falls a little, and no tensor of the adapter moves."""
    model = detached()
    before = {name: weight.clone() for name, weight in model.state_dict().items() if "lora_" in name}
    log = trainers.train_plainly(model, trainers.counting_rows(), None, tmp_path)

    assert min(record["grad_norm"] for record in log) > 0.1
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in before.items())


def test_guard_stops_before_the_first_step(tmp_path: Path) -> None:
    """The structure tells: reentrant, and an embedding whose output requires no gradient."""
    found = trainers.caught(trainers.make_trainer(tmp_path, detached()))

    assert (found.failure.slug, found.step, found.evidence["detached"]) == ("checkpointing-detached", 0, 28)


def test_guard_stops_at_the_first_step_by_what_arrives(tmp_path: Path) -> None:
    """Without a look at the structure: modules took part and received nothing."""
    found = trainers.caught(trainers.make_trainer(tmp_path, detached()), wiring=False)

    assert (found.failure.slug, found.step, found.evidence["detached"]) == ("checkpointing-detached", 1, 28)


def test_detached_layer_is_found_in_a_plain_loop() -> None:
    """Hidden states that somebody detaches between two layers, without any checkpointing."""
    with pytest.raises(FailureFound, match="checkpointing-detached") as found:
        trainers.loop(faults.detach_layer(trainers.fresh_adapter()))

    assert found.value.step == 1
    assert all("layers.0." in name for name in found.value.evidence["parameters"])  # type: ignore[attr-defined] # a list


@pytest.mark.parametrize("reentrant", [True, False])
def test_healthy_twin_trains(reentrant: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """As Trainer switches it on: input gradients enabled, either kind of checkpoint."""
    trainer = trainers.make_trainer(tmp_path, **trainers.checkpointing(reentrant=reentrant))

    assert trainers.guarded(trainer).report.findings == []
