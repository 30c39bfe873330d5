"""A folder is read without surprises: every format, the last checkpoint, one folder too deep, and rubbish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support

from unsilent.adapter_folder import find_doubled, read_folder


def test_whole_adapter(tmp_path: Path) -> None:
    """Configuration, weights, tensors and manifest."""
    looked = read_folder(support.write_adapter(tmp_path / "a"))

    assert looked.config["peft_type"] == "LORA"
    assert [path.name for path in looked.weights] == ["adapter_model.safetensors"]
    assert len(looked.tensors) == 28
    assert looked.manifest is not None
    assert (looked.unread, looked.note, looked.other_weights) == ("", "", [])


def test_shards_are_read_together(tmp_path: Path) -> None:
    """Every tensor of every shard."""
    looked = read_folder(support.as_shards(support.write_adapter(tmp_path / "a", manifest=False)))

    assert (len(looked.weights), len(looked.tensors), looked.lost_shards) == (2, 28, [])


def test_pickle_is_not_opened(tmp_path: Path) -> None:
    """A .bin is found and left alone."""
    looked = read_folder(support.as_bin(support.write_adapter(tmp_path / "a", manifest=False)))

    assert looked.unread == "adapter_model.bin is a pickle, whose values are not read yet"


def test_last_checkpoint_counts(tmp_path: Path) -> None:
    """By number, not by name; a lone adapter in a folder of its own counts too, several do not."""
    for name in ("checkpoint-9", "checkpoint-10"):
        support.write_adapter(tmp_path / "run" / name)
    support.write_adapter(tmp_path / "one" / "german")
    for name in ("french", "german"):
        support.write_adapter(tmp_path / "two" / name)

    assert read_folder(tmp_path / "run").note == "checkpoint-10, the last of 2 checkpoints"
    assert read_folder(tmp_path / "one").note == "german, below it"
    assert read_folder(tmp_path / "two").folder == tmp_path / "two"


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "\xff"], ids=["cut", "list", "deep", "binary"])
def test_rubbish_is_an_empty_configuration(tmp_path: Path, content: str) -> None:
    """A configuration that cannot be read is there and says nothing."""
    (tmp_path / "adapter_config.json").write_text(content, encoding="latin-1")
    (tmp_path / "adapter_model.safetensors").write_text("rubbish")
    looked = read_folder(tmp_path)

    assert (looked.has_config, looked.config) == (True, {})
    assert "cannot be read (no safetensors header" in looked.unread


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
    assert read_folder(tmp_path / "sft").several == ["dpo", "sft"]


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

    assert read_folder(tmp_path).other_weights == expected
