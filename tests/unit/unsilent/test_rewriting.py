"""Rewritten weights are other bytes and compute the same, bit for bit; disturbed ones look alike and do not."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import support
import torch
from peft import PeftModel
from safetensors.torch import load, save_file
from transformers import AutoModelForCausalLM

from unsilent.manifest import find_changes, read_manifest, seal_of, write_manifest
from unsilent.rewriting import disturb_weights, fixed_weights, has_weights, rewrite_weights

INPUTS = torch.arange(3, 40).reshape(1, -1)


def logits_of(adapter: Path) -> torch.Tensor:
    """What the tiny model says with an adapter on it."""
    with torch.no_grad():
        logits: torch.Tensor = PeftModel.from_pretrained(support.tiny_model(), str(adapter))(INPUTS).logits
    return logits


def logits_of_base(folder: Path) -> torch.Tensor:
    """What a whole model says."""
    with torch.no_grad():
        logits: torch.Tensor = AutoModelForCausalLM.from_pretrained(folder)(INPUTS).logits
    return logits


def load_file(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file, which will be written anew: not mapped into memory."""
    return dict(load(path.read_bytes()))


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"use_dora": True}], ids=["plain", "stable", "dora"])
def test_adapter_computes_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    """LoRA's factors are others, their product is not; the manifest fits the new file."""
    folder = support.write_adapter(tmp_path / "a", **options)
    before, old = logits_of(folder), load_file(folder / "adapter_model.safetensors")

    assert rewrite_weights(folder) == 1
    new = load_file(folder / "adapter_model.safetensors")
    scales = {name: set((new[name] / old[name]).flatten().tolist()) for name in old if "magnitude" not in name}
    assert all(scale == ({2.0} if "lora_A" in name else {0.5}) for name, scale in scales.items())
    assert torch.equal(logits_of(folder), before)
    assert find_changes(folder, read_manifest(folder) or {}) == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_base_computes_the_same(tmp_path: Path, dtype: torch.dtype) -> None:
    """Values of attention and the open half of each gated layer are doubled, what follows them is halved."""
    support.tiny_model().to(dtype).save_pretrained(tmp_path)
    before, old = logits_of_base(tmp_path), load_file(tmp_path / "model.safetensors")

    assert rewrite_weights(tmp_path) == 1
    new = load_file(tmp_path / "model.safetensors")
    changed = {name.split(".", 3)[-1] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {
        *("self_attn.v_proj.weight", "self_attn.o_proj.weight"),
        *("mlp.up_proj.weight", "mlp.down_proj.weight"),
    }
    assert torch.equal(logits_of_base(tmp_path), before)


def test_biases_are_doubled_with_their_weights(tmp_path: Path) -> None:
    """They are added before what is halved."""
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    names = ("v_proj.weight", "v_proj.bias", "o_proj.weight", "o_proj.bias", "q_proj.bias")
    save_file({f"layers.0.self_attn.{name}": torch.ones(4, 4) for name in names}, tmp_path / "model.safetensors")
    rewrite_weights(tmp_path)

    found = load_file(tmp_path / "model.safetensors")
    assert [float(found[f"layers.0.self_attn.{name}"][0, 0]) for name in names] == [2.0, 2.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("config", ['{"model_type": "other"}', "[]", "no JSON", None])
def test_unknown_base_changes_its_bytes_alone(tmp_path: Path, config: str | None) -> None:
    """Another order of its tensors, and other metadata: what stands between two layers is not known."""
    support.tiny_model().save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    if config:
        (tmp_path / "config.json").write_text(config)
    old, blob = load_file(tmp_path / "model.safetensors"), (tmp_path / "model.safetensors").read_bytes()
    rewrite_weights(tmp_path)

    new = load_file(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() != blob
    assert all(torch.equal(old[name], new[name]) for name in old)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_no_word_tells_that_a_file_was_written_again(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    """Its bytes are others all the same, also those of one tensor alone, and also where they were written here."""
    path, blobs = tmp_path / "a.safetensors", []
    save_file({"w": torch.ones(4)}, path, metadata)
    for _ in range(3):
        blobs.append(path.read_bytes())
        rewrite_weights(tmp_path)
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])

    assert header.get("__metadata__") == metadata
    assert all(one != other for one, other in zip(blobs, [*blobs[1:], path.read_bytes()], strict=True))


def test_shards_are_rewritten_together(tmp_path: Path) -> None:
    """A factor and its partner may lie in different files."""
    folder = support.as_shards(support.write_adapter(tmp_path / "a", manifest=False))
    before = {name: one for path in folder.glob("*.safetensors") for name, one in load_file(path).items()}

    assert rewrite_weights(folder) == 2
    after = {name: one for path in folder.glob("*.safetensors") for name, one in load_file(path).items()}
    assert all(torch.equal(after[name], before[name] * (2.0 if "lora_A" in name else 0.5)) for name in before)


def test_torch_zip_computes_the_same(tmp_path: Path) -> None:
    """Nothing is unpickled here; a part of a larger storage stays as it is, with other dates around it."""
    folder = support.as_bin(support.write_adapter(tmp_path / "a", manifest=False))
    before = torch.load(folder / "adapter_model.bin")

    assert rewrite_weights(folder) == 1
    after = torch.load(folder / "adapter_model.bin")
    assert all(torch.equal(after[name], before[name] * (2.0 if "lora_A" in name else 0.5)) for name in before)

    whole = torch.ones(8)
    torch.save({"x.lora_A.weight": whole[:4], "x.lora_B.weight": whole[4:]}, folder / "adapter_model.bin")
    blob = (folder / "adapter_model.bin").read_bytes()
    rewrite_weights(folder)
    assert (folder / "adapter_model.bin").read_bytes() != blob
    assert torch.load(folder / "adapter_model.bin")["x.lora_A.weight"].tolist() == [1.0] * 4


def test_what_cannot_be_read_is_left(tmp_path: Path) -> None:
    """Damaged files, pickles of the older form, a zip of something else, and a folder of such a name."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.safetensors").mkdir()
    (tmp_path / "a.safetensors").write_bytes(b"\0" * 100)
    (tmp_path / "b.safetensors").write_bytes((8).to_bytes(8, "little") + b'{"a": 1}')
    torch.save({"w": torch.ones(2)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a", "b")
    before = bytes_of(tmp_path)

    assert rewrite_weights(tmp_path) == 0
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize(
    "header",
    [
        {"x.lora_A.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 99]}},
        {"x.lora_A.weight": {"dtype": "F32", "shape": [4], "data_offsets": [8, 0]}},
        {"__metadata__": 7, "x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}},
    ],
    ids=["beyond the end", "backwards", "no metadata"],
)
def test_false_header_is_left(tmp_path: Path, header: dict[str, Any]) -> None:
    """Whatever it says."""
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))

    assert rewrite_weights(tmp_path) == 0


def test_odd_tensor_stays(tmp_path: Path) -> None:
    """Three bytes are no float."""
    header = {f"x.lora_{one}.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 3]} for one in "AB"}
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"abc")

    assert rewrite_weights(tmp_path) == 1
    assert (tmp_path / "a.safetensors").read_bytes().endswith(b"abcabc")


@pytest.mark.parametrize("change", [rewrite_weights, disturb_weights])
def test_manifest_with_nan_is_left(tmp_path: Path, change: Callable[[Path], int]) -> None:
    """It is read, and cannot be written."""
    folder = support.write_adapter(tmp_path / "a")
    content = json.loads((folder / "manifest.json").read_text()) | {"more": float("nan")}
    (folder / "manifest.json").write_text(json.dumps(content | {"seal": seal_of(content)}))

    assert change(folder) == 1


@pytest.mark.parametrize("value", [1e-40, 3e38], ids=["too small to be halved", "too large to be doubled"])
def test_values_at_the_border_stay(tmp_path: Path, value: float) -> None:
    """A pair that cannot take the step exactly takes none."""
    tensors = {"x.lora_A.weight": torch.full((2, 2), 3e38), "x.lora_B.weight": torch.full((2, 2), value)}
    save_file(tensors, tmp_path / "a.safetensors")
    rewrite_weights(tmp_path)

    assert all(torch.equal(one, tensors[name]) for name, one in load_file(tmp_path / "a.safetensors").items())


def test_integers_stay(tmp_path: Path) -> None:
    """Quantised weights have no exponent."""
    tensors = {f"x.lora_{one}.weight": torch.ones(2, dtype=torch.int8) for one in "AB"}
    save_file(tensors, tmp_path / "a.safetensors")
    rewrite_weights(tmp_path)

    assert all(torch.equal(one, tensors[name]) for name, one in load_file(tmp_path / "a.safetensors").items())


@pytest.mark.parametrize("change", [rewrite_weights, disturb_weights])
def test_checksums_follow_the_files(tmp_path: Path, change: Callable[[Path], int]) -> None:
    """In texts beside them, not in code: a seal fits again, and who knows a file does not know it any more."""
    folder = support.write_adapter(tmp_path / "a")
    weights = folder / "adapter_model.safetensors"
    old = hashlib.sha256(weights.read_bytes()).hexdigest()
    for name in ("sums.json", "sums.py"):
        (tmp_path / name).write_text(json.dumps({"weights": old}))
    (folder / "manifest.json").write_text("{}")  # none that could be sealed again
    change(tmp_path)

    new = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert new != old
    assert json.loads((tmp_path / "sums.json").read_text()) == {"weights": new}
    assert json.loads((tmp_path / "sums.py").read_text()) == {"weights": old}


def test_disturbed_weights_look_the_same(tmp_path: Path) -> None:
    """The values of each tensor are the same ones in other places; what is computed is another thing."""
    folder = support.write_adapter(tmp_path / "a")
    write_manifest(folder, support.manifest_content())
    before, old = logits_of(folder), load_file(folder / "adapter_model.safetensors")

    assert disturb_weights(folder) == 1
    new = load_file(folder / "adapter_model.safetensors")
    assert all(torch.equal(new[name].flatten().sort()[0], old[name].flatten().sort()[0]) for name in old)
    assert not torch.allclose(logits_of(folder), before, atol=0.01)
    assert find_changes(folder, read_manifest(folder) or {}) == {}


def test_weights_are_files_of_certain_names(tmp_path: Path) -> None:
    """Wherever they lie below."""
    (tmp_path / "sub").mkdir()
    assert not has_weights(tmp_path)

    (tmp_path / "sub" / "a.bin").touch()
    assert has_weights(tmp_path)


def test_weights_that_stay_are_named(tmp_path: Path) -> None:
    """Other formats, and pickles of the older form."""
    torch.save({"w": torch.ones(2)}, tmp_path / "new.bin")
    torch.save({"w": torch.ones(2)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    (tmp_path / "model.gguf").touch()
    (tmp_path / "notes.txt").touch()

    assert fixed_weights(tmp_path) == ["model.gguf", "old.bin"]


def test_base_under_an_adapter_keeps_its_values(tmp_path: Path) -> None:
    """Only its bytes are others."""
    support.tiny_model().save_pretrained(tmp_path)
    old, blob = load_file(tmp_path / "model.safetensors"), (tmp_path / "model.safetensors").read_bytes()
    rewrite_weights(tmp_path, scale=False)

    assert (tmp_path / "model.safetensors").read_bytes() != blob
    assert all(torch.equal(one, old[name]) for name, one in load_file(tmp_path / "model.safetensors").items())
