"""A folder is read without surprises: every format, the last checkpoint, one folder too deep, and rubbish."""

from __future__ import annotations

from pathlib import Path

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

    assert find_doubled(tmp_path / "homework" / "out") == adapter
    assert find_doubled(tmp_path / "homework" / "other") is None


def test_repository_named_as_its_package_is_healthy(tmp_path: Path) -> None:
    """homework/homework is the ordinary case when the inner one is the package, or neither is."""
    package = tmp_path / "homework" / "homework"
    adapter = support.write_adapter(package / "sft_model")
    plain = find_doubled(adapter)
    (package / "__init__.py").touch()

    assert (plain, find_doubled(adapter)) == (None, None)


def test_folder_below_its_own_package_is_found(tmp_path: Path) -> None:
    """The outer one is the package, the inner one only a folder: a path was resolved twice."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "__init__.py").touch()
    adapter = support.write_adapter(tmp_path / "homework" / "homework" / "out")

    assert find_doubled(adapter) == adapter
    assert find_doubled(tmp_path / "homework" / "homework" / "nothing") is None
