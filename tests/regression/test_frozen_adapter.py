"""An adapter of which nothing requires a gradient is found before the first step.

The reports met both faces of it: "element 0 of tensors does not require grad", and, with input gradients enabled or
gradient checkpointing, a flat loss with grad_norm exactly 0.0 to the end of the run, without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import snippets
import support
import torch
import trainers

from unsilent.outcome import FailureFound

pytestmark = [pytest.mark.regression, pytest.mark.failure("frozen-adapter")]


def test_fault_is_real(tmp_path: Path) -> None:
    """Without input gradients training raises; with them the norm is exactly 0.0 and nothing moves."""
    with pytest.raises(RuntimeError, match="does not require grad"):
        trainers.make_trainer(tmp_path, trainers.fresh_adapter(inference_mode=True)).train()
    model = faults.freeze_adapter(trainers.fresh_adapter())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    log = trainers.train_plainly(model, trainers.counting_rows(), None, tmp_path)

    assert [record["grad_norm"] for record in log] == [0.0] * 4
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def frozen_on_load(folder: Path) -> Any:  # noqa: ANN401 - a PEFT model
    """A trained adapter, loaded as for answers."""
    support.write_adapter(folder / "adapter", manifest=False)
    model = faults.load_frozen(support.tiny_model(), folder / "adapter")
    model.enable_input_require_grads()
    return model


FROZEN = {
    "frozen by hand": lambda folder: faults.freeze_adapter(trainers.fresh_adapter()),
    "inference_mode": lambda folder: trainers.fresh_adapter(inference_mode=True),
    "loaded without is_trainable": frozen_on_load,
}


@pytest.mark.parametrize("make", FROZEN.values(), ids=FROZEN.keys())
def test_guard_stops_before_the_first_step(make: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """The finding counts the frozen tensors and says what to do."""
    found = trainers.caught(trainers.make_trainer(tmp_path, make(tmp_path)))

    assert (found.failure.slug, found.step) == ("frozen-adapter", 0)
    assert "got 28 of 28 tensors frozen" in str(found)
    assert "is_trainable=True" in str(found)


def test_monitor_finds_it_in_a_plain_loop() -> None:
    """In the first step, before it is taken."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(FailureFound, match="frozen-adapter") as found:
        trainers.loop(faults.freeze_adapter(trainers.fresh_adapter()), optimizer=optimizer)

    assert (found.value.step, found.value.evidence["frozen"]) == (1, 28)


def test_frozen_while_training_is_found() -> None:
    """An adapter that somebody freezes between two steps."""
    model = trainers.fresh_adapter().train()

    def freeze(loss: torch.Tensor, number: int) -> torch.Tensor:
        if number == 2:
            faults.freeze_adapter(model)
        return loss

    with pytest.raises(FailureFound, match="frozen-adapter") as found:
        trainers.loop(model, before_backward=freeze)

    assert found.value.step == 2


def test_one_of_two_adapters_may_be_frozen(tmp_path: Path) -> None:
    """The active one is trained, another rests: healthy."""
    model = trainers.fresh_adapter()
    model.add_adapter("resting", model.peft_config["default"])
    model.set_adapter("default")

    assert trainers.guarded(trainers.make_trainer(tmp_path, model)).report.findings == []


def test_healthy_twin_trains(tmp_path: Path) -> None:
    """Loaded with is_trainable=True, which on disk is inference_mode all the same."""
    from peft import PeftModel

    support.write_adapter(tmp_path / "adapter", manifest=False)
    model = PeftModel.from_pretrained(support.tiny_model(), str(tmp_path / "adapter"), is_trainable=True)

    assert trainers.guarded(trainers.make_trainer(tmp_path, model)).report.findings == []


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "frozen-adapter")
