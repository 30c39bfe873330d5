"""An adapter that lies on fewer modules than its configuration asks for is found before the first step.

PEFT raises when no name matches; one name mistyped beside one that is right passes without a word, and the run learns
less than it could.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import trainers

from unsilent.trainable import check_coverage

pytestmark = [pytest.mark.regression, pytest.mark.failure("adapter-coverage")]


def test_fault_is_real() -> None:
    """With one name of two mistyped PEFT says nothing, and half of the adapters are missing."""
    whole = trainers.fresh_adapter(target_modules=["q_proj", "v_proj"])
    half = trainers.fresh_adapter(**faults.mistype_target())

    assert [sum("lora_A" in name for name, _ in model.named_parameters()) for model in (whole, half)] == [4, 2]


def test_check_finds_it() -> None:
    """The finding names the name that matches nothing."""
    outcome = check_coverage(trainers.fresh_adapter(**faults.mistype_target()))

    assert (outcome.status, outcome.slug) == ("failed", "adapter-coverage")
    assert outcome.evidence["missing"] == ["v_porj (no module has this name)"]


def test_guard_stops_before_the_first_step(tmp_path: Path) -> None:
    """The one line for anybody's Trainer finds it."""
    found = trainers.caught(trainers.make_trainer(tmp_path, trainers.fresh_adapter(**faults.mistype_target())))

    assert (found.failure.slug, found.step) == ("adapter-coverage", 0)


def test_check_finds_modules_that_lost_theirs() -> None:
    """All linear layers were meant, and those of one block are bare."""
    model = trainers.fresh_adapter()
    faults.drop_adapters(model)
    outcome = check_coverage(model)

    assert outcome.status == "failed"
    assert outcome.evidence["missing"] == [f"model.layers.1.mlp.{name}_proj" for name in ("gate", "up", "down")]


def test_check_finds_a_layer_that_is_not_there() -> None:
    """Layer 7 of a model with two."""
    model = trainers.fresh_adapter(target_modules=["q_proj"], layers_to_transform=[1, 7])

    assert check_coverage(model).evidence["missing"] == ["layer 7"]


HEALTHY: dict[str, dict[str, Any]] = {
    "all-linear": {},
    "by name": {"target_modules": ["q_proj", "v_proj"]},
    "by pattern": {"target_modules": r".*layers\.1\..*q_proj"},
    "one layer": {"target_modules": ["q_proj"], "layers_to_transform": 1},
    "some excluded": {"exclude_modules": ["q_proj"]},
    "embeddings": {"target_modules": ["embed_tokens", "q_proj"]},
    "modules to save": {"modules_to_save": ["lm_head"]},
    "rank pattern": {"rank_pattern": {"q_proj": 2}},
    "DoRA": {"use_dora": True},
}


@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
@pytest.mark.parametrize("options", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_twin_is_left_alone(options: dict[str, Any]) -> None:
    """A short list given on purpose, and every other way to say what is meant."""
    assert check_coverage(trainers.fresh_adapter(**options)).status == "passed"


def test_without_an_adapter_there_is_nothing_to_cover() -> None:
    """Skipped with the reason, also after merging."""
    assert check_coverage(support.tiny_model()).reason == "no PEFT adapter in the model"
    assert check_coverage(trainers.fresh_adapter().merge_and_unload()).status == "skipped"
