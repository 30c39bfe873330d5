"""Whoever asks for a trained adapter gets that one, on its base and in its dtype, or an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch

from homework import adapter_loading as loading
from homework.adapter_files import CONFIG, MANIFEST, WEIGHTS, find_adapter, read_manifest
from homework.base_llm import BaseLLM
from homework.errors import AdapterRefused
from unsilent.manifest import write_manifest


def load(folder: Path, **options: object) -> BaseLLM:
    """Find and load."""
    return loading.load_adapted(BaseLLM, find_adapter(str(folder), command="train"), **options)  # type: ignore[arg-type]


def second_weights(llm: BaseLLM) -> torch.Tensor:
    """Every lora_B in one vector."""
    return torch.cat([w.flatten() for name, w in llm.model.named_parameters() if "lora_B" in name])


@pytest.fixture
def adapter(tiny_base: Path, tmp_path: Path) -> Path:
    """A trained adapter without a manifest."""
    return support.write_adapter(tmp_path / "adapter", tiny_base, manifest=False)


@pytest.mark.no_cover
def test_base_and_dtype_come_from_the_manifest(
    tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a cache or variable says, the adapter is put on its own base in its own dtype."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1, base_dtype="bf16")
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "/does/not/exist")
    llm = load(tmp_path / "out")

    assert read_manifest(tmp_path / "out")["dtype"]["base"] == "bf16"
    assert llm.checkpoint.name == str(tiny_base)
    assert llm.model.get_base_model().dtype is torch.bfloat16


def test_adapter_without_manifest_says_so(
    adapter: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a manifest the base is the one in PEFT's configuration, and the user is told."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "/does/not/exist")
    llm = load(adapter)

    assert f"no {MANIFEST}; taking {tiny_base}" in capsys.readouterr().err
    assert not any(weight.requires_grad for weight in llm.model.parameters())
    assert not llm.model.training


def test_loading_to_go_on_training(adapter: Path) -> None:
    """Asked for, the adapter and only the adapter requires a gradient."""
    trained = [name for name, w in load(adapter, is_trainable=True).model.named_parameters() if w.requires_grad]

    assert len(trained) == 28
    assert all("lora_" in name for name in trained)


@pytest.mark.parametrize(
    "change", [lambda folder: folder, support.as_bin, support.as_shards], ids=["st", "bin", "shards"]
)
def test_every_format_gives_the_same_model(adapter: Path, change: object) -> None:
    """Whole safetensors, .bin and shards hold the same weights and load to the same model."""
    expected = second_weights(load(adapter))

    assert torch.equal(second_weights(load(change(adapter))), expected)  # type: ignore[operator]


def test_shards_as_bin_are_read(adapter: Path) -> None:
    """Shards may be pickles; they are read with weights_only."""
    support.as_bin(adapter)
    expected = second_weights(load(adapter))
    (adapter / "adapter_model.bin").rename(adapter / "adapter_model-00001-of-00001.bin")

    assert torch.equal(second_weights(load(adapter)), expected)


def test_checkpoint_is_said(adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which checkpoint was taken is printed."""
    (tmp_path / "run").mkdir()
    adapter.rename(tmp_path / "run" / "checkpoint-8")
    load(tmp_path / "run")

    assert "found in checkpoint-8, the last of 1 checkpoints" in capsys.readouterr().err


def test_two_weight_files_without_manifest_are_refused(adapter: Path) -> None:
    """[adapter-stale-format] PEFT would read the .safetensors, whichever is older."""
    (adapter / WEIGHTS[1]).touch()

    with pytest.raises(AdapterRefused, match=r"safetensors and adapter_model\.bin \[adapter-stale-format\]"):
        load(adapter)


@pytest.mark.parametrize("dtype", ["fp16", torch.bfloat16])
def test_another_dtype_is_refused(adapter: Path, dtype: object) -> None:
    """A wish for another dtype than training's is an error, not a cast."""
    with pytest.raises(AdapterRefused, match=r"the base in fp32, as in training, but got a wish for .*16 \[dtype-mism"):
        load(adapter, dtype=dtype)


def test_the_same_dtype_may_be_asked_for(adapter: Path) -> None:
    """Any spelling of training's own dtype is fine."""
    assert load(adapter, dtype="float32").model.dtype is torch.float32


def test_another_base_under_the_same_name_is_refused(tiny_base: Path, adapter: Path) -> None:
    """[adapter-base-mismatch] The base is known by the hash of its configuration."""
    other = {"name": str(tiny_base), "revision": None, "config_sha256": "0" * 64}
    write_manifest(adapter, support.manifest_content() | {"base": other})

    with pytest.raises(AdapterRefused, match=r"another model under that name"):
        load(adapter)


def test_adapter_for_another_base_is_refused(tmp_path: Path, adapter: Path) -> None:
    """[adapter-shape-mismatch] Shapes that do not fit are one paragraph, without a screenful of tensors."""
    other = support.tiny_model()
    other.config.hidden_size = 16
    type(other)(other.config).save_pretrained(tmp_path / "other")
    support.tiny_tokenizer().save_pretrained(tmp_path / "other")
    text = (adapter / CONFIG).read_text()
    named = text.replace(text.split('base_model_name_or_path": "')[1].split('"')[0], str(tmp_path / "other"))
    (adapter / CONFIG).write_text(named)

    with pytest.raises(AdapterRefused, match="an adapter that loads, but got RuntimeError") as caught:
        load(adapter)
    assert len(str(caught.value)) < 1000


def test_renamed_keys_are_refused(adapter: Path) -> None:
    """[adapter-keys-ignored] PEFT warns and goes on with a fresh adapter; here it is an error."""
    faults.rename_keys(adapter / WEIGHTS[0])

    with pytest.raises(AdapterRefused, match="28 of 28 tensors missing on disk"):
        load(adapter)


def test_damaged_weights_are_one_error(adapter: Path) -> None:
    """[adapter-corrupt] Half a weight file is refused with folder and base, not with a traceback of its reader."""
    path = adapter / WEIGHTS[0]
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(AdapterRefused, match="an adapter that loads"):
        load(adapter)


def test_untrained_adapter_is_refused_unless_it_is_to_be_trained(tiny_base: Path, tmp_path: Path) -> None:
    """Every lora_B zero: nothing to answer with, but a fine beginning."""
    folder = support.write_adapter(tmp_path / "fresh", tiny_base, manifest=False)
    faults.forget_training(folder)

    with pytest.raises(AdapterRefused, match=r"every lora_B is zero \(14 of 14 tensors\)"):
        load(folder)
    assert load(folder, is_trainable=True).model.training


@pytest.mark.parametrize(
    "change", [lambda folder: folder, support.as_bin, support.as_shards], ids=["st", "bin", "shards"]
)
def test_lost_tensors_are_refused_in_every_format(adapter: Path, change: Any) -> None:  # noqa: ANN401
    """A layer that is missing is missing, however the rest is stored."""
    faults.drop_tensors(adapter)
    change(adapter)

    with pytest.raises(AdapterRefused, match=r"14 of 28 tensors missing on disk"):
        load(adapter)


def test_tensors_without_a_place_are_refused(adapter: Path) -> None:
    """A tensor of a layer that the base does not have was trained for another one."""
    from safetensors.torch import load_file, save_file

    path = adapter / WEIGHTS[0]
    save_file(load_file(path) | {"base_model.model.model.layers.9.mlp.up_proj.lora_A.weight": torch.ones(4, 32)}, path)

    with pytest.raises(AdapterRefused, match=r"1 tensors that find no place, .*layers\.9"):
        load(adapter)


@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
def test_untrained_embeddings_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """LoRA on embeddings begins with a zero A instead of a zero B."""
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(support.tiny_model(), LoraConfig(r=2, target_modules=["embed_tokens"]))
    adapted.peft_config["default"].base_model_name_or_path = str(tiny_base)
    adapted.save_pretrained(tmp_path / "fresh", save_embedding_layers=False)

    with pytest.raises(AdapterRefused, match="created and never trained"):
        load(tmp_path / "fresh")
