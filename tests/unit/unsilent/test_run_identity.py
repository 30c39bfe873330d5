"""A run is described by what makes it this one, in values that JSON keeps; what cannot be known is left out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
import torch.distributed as dist
import trainers
from torch._C._distributed_c10d import FileStore
from torch.distributed.device_mesh import init_device_mesh
from transformers import default_data_collator

from unsilent import run_identity
from unsilent.run_identity import adapter_settings, describe_run, differences, fingerprint, fingerprint_trained

ARGUMENTS = SimpleNamespace(
    seed=3,
    data_seed=None,
    bf16=False,
    fp16=False,
    learning_rate=1e-3,
    lr_scheduler_type=SimpleNamespace(value="linear"),
)


def described(model: Any = None, **options: Any) -> dict[str, object]:  # noqa: ANN401
    """The tiny model with an adapter, described."""
    return describe_run(trainers.fresh_adapter() if model is None else model, **options)


def test_description_survives_json() -> None:
    """Compared with itself read back, nothing differs."""
    model = trainers.fresh_adapter()
    optimizer = torch.optim.AdamW(model.parameters())
    rows = trainers.counting_rows(5)
    found = describe_run(model, arguments=ARGUMENTS, dataset=rows, optimizer=optimizer, rows_per_step=8, max_steps=4)

    assert differences(json.loads(json.dumps(found)), found) == {}
    assert (found["seed"], found["data_seed"], found["rows"], found["optimizer"]) == (3, 3, 5, "AdamW")
    assert (found["precision"], found["schedule"], found["base_dtype"]) == ("fp32", "linear", "float32")


def test_rows_collator_and_sampler_are_described() -> None:
    """Each under a name of its own."""
    rows = trainers.counting_rows(5)
    found = described(dataset=rows, collate=default_data_collator, sampler=torch.utils.data.SequentialSampler(rows))

    assert (found["rows"], found["collator"], found["sampler"]) == (5, "default_data_collator", "SequentialSampler")
    assert found.keys() >= {"rows_hash", "collated"}


def test_unknown_is_left_out() -> None:
    """Of a bare model that is trained whole: no base, no adapter, no seed."""
    assert described(support.tiny_model()).keys() == {"trained"}


@pytest.mark.parametrize(
    ("flags", "word"), [({"bf16": True}, "bf16"), ({"bf16": False, "fp16": True}, "fp16"), ({"bf16": False}, "fp32")]
)
def test_precision_is_named(flags: dict[str, bool], word: str) -> None:
    """As the arguments have it."""
    assert described(arguments=SimpleNamespace(**flags))["precision"] == word


def test_data_seed_goes_before_seed() -> None:
    """As Trainer shuffles."""
    assert described(arguments=SimpleNamespace(seed=1, data_seed=2))["data_seed"] == 2


def test_base_is_told_from_another_however_it_is_held() -> None:
    """Another seed is another base; the same in bfloat16 is the same."""
    base = trainers.fresh_adapter(support.tiny_model(seed=1))
    other = trainers.fresh_adapter(support.tiny_model(seed=2))
    half = trainers.fresh_adapter(support.tiny_model(seed=1).to(torch.bfloat16))

    assert described(base)["base"] == described(half)["base"] != described(other)["base"]
    assert differences(described(base), described(half)) == {"base_dtype": ("float32", "bfloat16")}


def test_base_that_an_adapter_has_changed_is_not_compared() -> None:
    """PiSSA takes a part of every weight away."""
    assert "base" not in described(trainers.fresh_adapter(init_lora_weights="pissa"))


def test_several_adapters_have_no_settings() -> None:
    """Which of them is meant is not known."""
    model = trainers.fresh_adapter()
    model.add_adapter("other", model.peft_config["default"])
    model.base_model.set_adapter(["default", "other"])

    assert "adapter" not in described(model)


@pytest.mark.parametrize("mark", ["placements", "ds_id", "_is_flat_param"])
def test_shards_have_no_fingerprint(mark: str) -> None:
    """With another number of processes they would be other parts."""
    tensor = torch.nn.Parameter(torch.ones(3))
    vars(tensor)[mark] = True

    assert fingerprint([tensor]) is None


def test_real_shards_have_no_fingerprint(tmp_path: Path) -> None:
    """FSDP's flat parameter, and a distributed tensor."""
    from torch.distributed.fsdp import FlatParameter
    from torch.distributed.tensor import DTensor

    dist.init_process_group("gloo", store=FileStore(str(tmp_path / "group"), 1), rank=0, world_size=1)
    try:
        distributed = DTensor.from_local(torch.ones(3), init_device_mesh("cpu", (1,)))
        flat: Any = FlatParameter
        assert fingerprint([distributed]) is None
        assert fingerprint([flat(torch.ones(3))]) is None
    finally:
        dist.destroy_process_group()


def test_nothing_and_the_unreadable_have_no_fingerprint() -> None:
    """No tensor, and one without values."""
    assert fingerprint([]) is None
    assert fingerprint([torch.ones(3, device="meta")]) is None


def test_trained_weights_are_told_apart() -> None:
    """A step changes the fingerprint."""
    model = trainers.fresh_adapter()
    before = fingerprint_trained(model)
    with torch.no_grad():
        model.get_parameter(trainers.MIDDLE).add_(1e-3)

    assert before != fingerprint_trained(model)


def test_settings_are_the_same_from_disk_and_memory() -> None:
    """No enumeration, no set, and an empty pattern is none."""
    config = trainers.fresh_adapter(rank_pattern={"q_proj": 8}).peft_config["default"].to_dict()
    disk = {"peft_type": "LORA", "r": 4, "rank_pattern": {"q_proj": 8}, "alpha_pattern": {}}

    assert differences(adapter_settings(disk) or {}, adapter_settings(config) or {}) == {}
    assert adapter_settings(None) is None


def test_settings_in_sequence_are_ordered() -> None:
    """A set has no order, a list on disk has one."""
    assert run_identity._plain({"b", "a"}) == ["a", "b"]


def test_settings_differ_one_by_one() -> None:
    """Each by its own name."""
    found = differences({"adapter": {"r": 4, "bias": "none"}}, {"adapter": {"r": 8, "bias": "none"}, "seed": 1})

    assert found == {"adapter.r": (4, 8)}


def test_options_of_a_step_are_described() -> None:
    """None is as good as 0, so that one that is switched on differs; several losses are said in words."""
    found = described(arguments=SimpleNamespace(neftune_noise_alpha=None, max_grad_norm=1.0, loss_type=["dpo", "sft"]))

    assert (found["neftune_noise_alpha"], found["max_grad_norm"]) == (0, 1.0)
    assert found["loss_type"] == "['dpo', 'sft']"


def test_moments_are_told_apart() -> None:
    """One step more, other moments; none, and what is cast when it is restored, are not described."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    prints = [run_identity.fingerprint_moments(optimizer)]
    for _ in range(2):
        weight.grad = torch.ones(3)
        optimizer.step()
        prints.append(run_identity.fingerprint_moments(optimizer))
    optimizer.state[weight] = {"exp_avg": torch.ones(3, dtype=torch.bfloat16)}

    assert prints[0] is run_identity.fingerprint_moments(optimizer) is run_identity.fingerprint_moments(None) is None
    assert prints[1] != prints[2]
