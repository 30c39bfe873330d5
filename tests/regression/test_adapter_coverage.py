"""An adapter that lies on fewer modules than its configuration asks for is found: before the first step, and on disk.

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

from unsilent import inspect_adapter
from unsilent.trainable import check_coverage

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("adapter-coverage"),
    pytest.mark.usefixtures("children_at_home"),
]


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


@pytest.mark.parametrize(
    ("part", "first", "count"),
    [
        ("layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj", 13),
        ("layers.0.", "model.layers.1.mlp.down_proj", 7),
    ],
    ids=["one module", "one layer"],
)
def test_check_finds_modules_that_were_not_saved(tmp_path: Path, part: str, first: str, count: int) -> None:
    """All linear layers were meant and trained; the file holds some of them."""
    faults.keep_tensors(support.write_adapter(tmp_path, manifest=False), part)
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.slug == "adapter-coverage"
    assert f"but got none for {count}, {first} first" in finding.message
    assert finding.evidence["count"] == count


def test_check_finds_a_layer_that_was_not_saved(tmp_path: Path) -> None:
    """The names are there; one layer has none of them, and another has all."""
    support.write_adapter(tmp_path, manifest=False, target_modules=["q_proj", "v_proj"])
    faults.keep_tensors(tmp_path, "layers.1.")
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.evidence["lost"] == ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"]


def test_check_finds_a_name_that_was_mistyped(tmp_path: Path) -> None:
    """Nearly the name of a module that such models have."""
    support.write_adapter(tmp_path, manifest=False, **faults.mistype_target())
    finding = support.only_finding(inspect_adapter(tmp_path))

    assert finding.evidence["lost"] == ["v_porj (no module has this name)"]


def test_check_asks_the_base(tiny_base: Path, tmp_path: Path) -> None:
    """Every layer but the first is gone, by a pattern that says nothing of layers: only the base knows of more."""
    support.write_adapter(tmp_path, manifest=False, target_modules=r".*\.q_proj")
    faults.keep_tensors(tmp_path, "layers.0.")

    assert inspect_adapter(tmp_path).verdict() == "passed"
    assert support.only_finding(inspect_adapter(tmp_path, base=tiny_base)).slug == "adapter-coverage"


@pytest.mark.parametrize(
    "options",
    [{}, {"target_modules": ["q_proj"]}, {"target_modules": ["q_proj"], "layers_to_transform": [1]},
     {"exclude_modules": ["down_proj"]}, {"target_modules": r"model\.layers\.1\.mlp\..*_proj"},
     {"target_modules": ["q_proj", "out_proj", "query_key_value"]}],
    ids=str,
)  # fmt: skip
def test_healthy_twin_on_disk_is_left_alone(tiny_base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """Few modules by intent are healthy, with and without the base."""
    support.write_adapter(tmp_path, manifest=False, **options)

    assert inspect_adapter(tmp_path).verdict() == "passed"
    assert inspect_adapter(tmp_path, base=tiny_base).verdict() == "passed"
