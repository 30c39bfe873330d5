"""A folder is read without surprises: every format, the last checkpoint, one folder too deep, and rubbish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support

from unsilent import adapter_folder
from unsilent.adapter_folder import FolderUnjudged, find_adapters, find_doubled, read_folder, read_json


def test_whole_adapter(tmp_path: Path) -> None:
    """Configuration, weights, tensors and manifest."""
    looked = read_folder(support.write_adapter(tmp_path / "a"))

    assert looked.config["peft_type"] == "LORA"
    assert [path.name for path in looked.weights] == ["adapter_model.safetensors"]
    assert len(looked.tensors) == 28
    assert looked.manifest is not None
    assert (looked.damage, looked.note, looked.other_weights, looked.shadowed) == ("", "", [], [])


def test_shards_are_read_together(tmp_path: Path) -> None:
    """Every tensor of every shard; the index is not asked for."""
    folder = support.as_shards(support.write_adapter(tmp_path / "a", manifest=False))
    looked = read_folder(folder)
    (folder / "adapter_model.safetensors.index.json").unlink()

    assert (len(looked.weights), len(looked.tensors), looked.lost_shards) == (2, 28, [])
    assert read_folder(folder).damage == ""


@pytest.mark.parametrize(
    ("index", "damage"),
    [('{"weight_map": []}', "no weight_map in it"), ('{"weight_map": {}}', "not in None"),
     ("{}", "no weight_map"), (None, "extra lies nowhere")],
    ids=["a list", "nothing", "another object", "a tensor that is nowhere"],
)  # fmt: skip
def test_index_is_held_against_the_shards(tmp_path: Path, index: str | None, damage: str) -> None:
    """What it says of a tensor must be so."""
    path = support.as_shards(support.write_adapter(tmp_path, manifest=False)) / "adapter_model.safetensors.index.json"
    path.write_text(index or path.read_text().replace('{"weight_map": {', '{"weight_map": {"extra": "x", '))

    assert damage in read_folder(tmp_path).damage


def test_tensor_in_two_shards_is_damage(tmp_path: Path) -> None:
    """Nobody can say which of them counts."""
    support.as_shards(support.write_adapter(tmp_path, manifest=False))
    first, second = sorted(tmp_path.glob("*.safetensors"))
    second.write_bytes(first.read_bytes())

    assert "stands in another shard, too" in read_folder(tmp_path).damage


def test_pickles_are_told_by_their_content(tmp_path: Path) -> None:
    """A .bin is one by its name; another name does not hide it. Neither is opened here."""
    named = read_folder(support.as_bin(support.write_adapter(tmp_path, manifest=False)))
    (tmp_path / "adapter_model.bin").rename(tmp_path / "adapter_model.safetensors")
    hidden = read_folder(tmp_path)

    assert [path.name for path in named.pickles] == ["adapter_model.bin"]
    assert [path.name for path in hidden.pickles] == ["adapter_model.safetensors"]
    assert (named.tensors, hidden.tensors, hidden.damage) == ({}, {}, "")


def test_adapters_below_a_folder_are_found(tmp_path: Path) -> None:
    """The last checkpoint by number, not by name; those with a name, and one at the root with others below it."""
    for name in ("run/checkpoint-9", "run/checkpoint-10", "one/german", "two/french", "two/german", "root", "root/b"):
        support.write_adapter(tmp_path / name)
    found = {name: find_adapters(tmp_path / name) for name in ("run", "one", "two", "root", "absent")}

    assert [note for _, note in found["run"]] == ["checkpoint-10, the last of 2 checkpoints"]
    assert [note for _, note in found["one"]] == ["german, below it"]
    assert [path.name for path, _ in found["two"]] == ["french", "german"]
    assert [path.name for path, _ in found["root"]] == ["root", "b"]
    assert found["absent"] == [(tmp_path / "absent", "")]


def test_link_that_leaves_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A link within it is; so are those of a hub cache, which keeps files beside the snapshots."""
    folder = support.write_adapter(tmp_path / "repo" / "snapshots" / "1a2b" / "dpo", manifest=False)
    weights, blobs = folder / "adapter_model.safetensors", tmp_path / "repo" / "blobs"
    blobs.mkdir()
    weights.rename(blobs / "3c4d")
    weights.symlink_to("../../../blobs/3c4d")
    of_hub = read_folder(folder)
    weights.unlink()
    (blobs / "3c4d").rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")

    assert len(of_hub.tensors) == 28
    with pytest.raises(
        FolderUnjudged, match=r"adapter_model\.safetensors is a link to .*elsewhere, outside of the fold"
    ):
        read_folder(folder)


def test_half_an_adapter_above_others_is_looked_at(tmp_path: Path) -> None:
    """What is left at the root is judged beside the checkpoints or named adapters below it."""
    for name in ("run/checkpoint-3", "named/one"):
        support.write_adapter(tmp_path / name)
        (tmp_path / name).parent.joinpath("adapter_config.json").write_text("{}")

    assert [path.name for path, _ in find_adapters(tmp_path / "run")] == ["run", "checkpoint-3"]
    assert [path.name for path, _ in find_adapters(tmp_path / "named")] == ["named", "one"]


def test_whole_model_is_no_adapter(tmp_path: Path) -> None:
    """After merging there is nothing to inspect; a configuration beside it asks for an adapter."""
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(FolderUnjudged, match=r"a whole model \(model.safetensors\) and no adapter beside it"):
        read_folder(tmp_path)
    (tmp_path / "adapter_config.json").touch()

    assert read_folder(tmp_path).weights == []


def test_large_and_odd_json_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of megabytes, a folder in its place."""
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "folder").mkdir()
    found = read_json(tmp_path / "a.json")
    monkeypatch.setattr(adapter_folder, "LARGEST_JSON", 5)

    assert (found, read_json(tmp_path / "a.json"), read_json(tmp_path / "folder")) == ({"a": 1}, {}, {})


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "\xff"], ids=["cut", "list", "deep", "binary"])
def test_rubbish_is_an_empty_configuration(tmp_path: Path, content: str) -> None:
    """A configuration that cannot be read is there and says nothing."""
    (tmp_path / "adapter_config.json").write_text(content, encoding="latin-1")
    (tmp_path / "adapter_model.safetensors").write_text("rubbish")
    looked = read_folder(tmp_path)

    assert (looked.has_config, looked.config) == (True, {})
    assert looked.damage.startswith("adapter_model.safetensors: no safetensors header")


def test_absent_folder_is_empty(tmp_path: Path) -> None:
    """No folder, nothing in it."""
    assert read_folder(tmp_path / "x").there == []


def test_doubled_component_is_found(tmp_path: Path) -> None:
    """Asked for homework/out, found homework/homework/out."""
    adapter = support.write_adapter(tmp_path / "homework" / "homework" / "out")

    assert find_doubled(tmp_path / "homework" / "out") == (tmp_path / "homework" / "out", adapter)
    assert find_doubled(tmp_path / "homework" / "other") is None


def test_doubled_run_of_components_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package in src, and a path that names both, from anywhere."""
    support.write_adapter(tmp_path / "src" / "homework" / "src" / "homework" / "out")
    monkeypatch.chdir(tmp_path / "src")

    assert find_doubled(Path("homework/out")) == (Path("homework/out"), Path("homework/src/homework/out"))


def test_repository_named_as_its_package_is_healthy(tmp_path: Path) -> None:
    """homework/homework is the ordinary case when the inner one is the package, or neither is."""
    package = tmp_path / "homework" / "homework"
    adapter = support.write_adapter(package / "sft_model")
    plain = find_doubled(adapter)
    (package / "__init__.py").touch()

    assert (plain, find_doubled(adapter)) == (None, None)


def test_adapter_named_as_its_folder_is_healthy(tmp_path: Path) -> None:
    """PEFT saves several adapters into folders of their names, and one may have the name of the folder above."""
    for name in ("sft", "dpo"):
        support.write_adapter(tmp_path / "sft" / name)

    assert find_doubled(tmp_path / "sft") is None
    assert [path.name for path, _ in find_adapters(tmp_path / "sft")] == ["dpo", "sft"]


def test_folder_below_its_own_package_is_found(tmp_path: Path) -> None:
    """The outer one is the package, the inner one only a folder: a path was resolved twice."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "__init__.py").touch()
    adapter = support.write_adapter(tmp_path / "homework" / "homework" / "out")

    assert find_doubled(adapter) == (tmp_path / "homework" / "out", adapter)
    assert find_doubled(tmp_path / "homework" / "homework" / "nothing") is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state.pth", "model.safetensors"], []),
        (["adapter.bin"], ["adapter.bin"]),
        (["weights.safetensors"], ["weights.safetensors"]),
    ],
    ids=["a Trainer's own", "another pickle", "LoRA under another name"],
)
def test_weights_under_other_names(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    """Only what may be an adapter's: a Trainer's pickles and the weights of a whole model are not."""
    from safetensors.numpy import save_file

    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "kept")
    for name in names:
        (tmp_path / name).touch()
    if "weights.safetensors" in names:
        (tmp_path / "kept").rename(tmp_path / "weights.safetensors")
    if "model.safetensors" in names:
        save_file({"lm_head.weight": np.ones(2)}, tmp_path / "model.safetensors")
    (tmp_path / "rubbish.safetensors").write_text("rubbish")
    (tmp_path / "folder.safetensors").mkdir()

    assert read_folder(tmp_path).other_weights == expected
