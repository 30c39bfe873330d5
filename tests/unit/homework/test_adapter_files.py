"""Adapters are found in every format, or reported missing; manifests are read, and held against the files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import faults
import pytest
import support
import torch

from homework import adapter_files as files
from homework.errors import AdapterMissing, AdapterRefused, OutputRefused

START = '"schema_version": 1, "base": {"name": "x"}, "dtype": {"base": "fp32", "adapter": "fp32"}'
COMMAND = "python -m homework.sft train"


def folder_with(folder: Path, *names: str) -> Path:
    """An adapter folder as far as its names go."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_bare_names_lie_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is the one in the current directory if it exists there, else the package's."""
    monkeypatch.chdir(tmp_path)
    in_package = files.locate("sft_model")
    (tmp_path / "sft_model").mkdir()

    assert in_package == files.PACKAGE / "sft_model"
    assert files.locate("sft_model") == Path("sft_model")


@pytest.mark.parametrize("name", ["homework/sft_model", "./sft_model", "/abs/sft_model", "sft_model/"])
def test_paths_are_relative_to_the_current_directory(name: str) -> None:
    """A name with a separator is never put below the package: homework/homework cannot arise."""
    assert files.locate(name) == Path(name)


def test_empty_name_is_refused() -> None:
    """An empty name would mean the package itself."""
    with pytest.raises(OutputRefused, match="an empty one"):
        files.locate(" ")


@pytest.mark.parametrize("name", ["x" * 300, "~nosuchuser/x"], ids=["too long", "unknown user"])
def test_odd_names_do_not_crash(name: str) -> None:
    """A name that the file system cannot take is refused; an unknown user's home is an ordinary path."""
    try:
        assert files.locate(name) == Path(name)
    except OutputRefused as error:
        assert "shorter name" in error.action  # noqa: PT017 - both ends are right, by name


@pytest.mark.parametrize(
    "names",
    [
        ["adapter_model.safetensors"],
        ["adapter_model.bin"],
        ["adapter_model-00001-of-00002.safetensors", "adapter_model-00002-of-00002.safetensors"],
        ["adapter_model-00001-of-00001.bin"],
    ],
    ids=["safetensors", "bin", "shards", "one shard"],
)
def test_every_format_is_found(tmp_path: Path, names: list[str]) -> None:
    """A .bin is as good as a .safetensors, and shards as a whole file: none is taken for missing."""
    folder_with(tmp_path, files.CONFIG, *names)
    found = files.find_adapter(f"{tmp_path}{os.sep}", command=COMMAND)

    assert found == files.AdapterFiles(tmp_path, tuple(tmp_path / name for name in names))
    assert found.size_mb == 0


def test_of_both_formats_the_one_peft_reads_is_taken(tmp_path: Path) -> None:
    """PEFT looks for safetensors first."""
    folder_with(tmp_path, files.CONFIG, *files.WEIGHTS)

    assert files.weights_in(tmp_path) == (tmp_path / "adapter_model.safetensors",)


def test_lost_shard_is_named(tmp_path: Path) -> None:
    """Half of the shards are no adapter."""
    folder_with(tmp_path, files.CONFIG, "adapter_model-00002-of-00003.safetensors")

    with pytest.raises(AdapterMissing, match="all 3 shards of the adapter, but got 1 of them; number 1, 3 missing"):
        files.find_adapter(str(tmp_path), command=COMMAND)


def test_last_checkpoint_of_a_trainer_is_found(tmp_path: Path) -> None:
    """In a Trainer's output folder the checkpoint with the highest number counts, by number and not by name."""
    for name in ("checkpoint-90", "checkpoint-500", "checkpoint-1000"):
        folder_with(tmp_path / name, files.CONFIG, files.WEIGHTS[0])
    folder_with(tmp_path / "checkpoint-2000", "trainer_state.json")
    found = files.find_adapter(str(tmp_path), command=COMMAND)

    assert found.folder == tmp_path / "checkpoint-1000"
    assert found.note == "found in checkpoint-1000, the last of 3 checkpoints"


def test_lone_named_adapter_is_found(tmp_path: Path) -> None:
    """PEFT saves an adapter with a name into a folder of that name."""
    folder_with(tmp_path / "german", files.CONFIG, files.WEIGHTS[0])

    assert files.find_adapter(str(tmp_path), command=COMMAND).note == "found in german below it"


def test_several_named_adapters_are_listed(tmp_path: Path) -> None:
    """Nobody can say which of several is meant."""
    for name in ("french", "german"):
        folder_with(tmp_path / name, files.CONFIG, files.WEIGHTS[0])

    with pytest.raises(AdapterMissing, match=r"2 of them below it: french, german.*name the one you mean"):
        files.find_adapter(str(tmp_path), command=COMMAND)


@pytest.mark.parametrize("content", [None, [], ["adapter_config.json"]], ids=["no folder", "empty", "config alone"])
def test_missing_adapter_says_what_is_there(tmp_path: Path, content: list[str] | None) -> None:
    """Nothing is created; the error lists the folder and the command that trains."""
    folder = tmp_path / "sft"
    if content is not None:
        folder_with(folder, *content)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(AdapterMissing, match=COMMAND):
        files.find_adapter(str(folder), command=COMMAND)
    assert sorted(tmp_path.rglob("*")) == before


def test_interrupted_save_is_pointed_out(tmp_path: Path) -> None:
    """A place that a killed process left empty names the command that puts it right."""
    (tmp_path / ".sft.saving-abc").mkdir()

    with pytest.raises(AdapterMissing, match=r"no such folder; an interrupted save .* homework\.adapter_store"):
        files.find_adapter(str(tmp_path / "sft"), command=COMMAND)


def test_parent_that_is_missing_too(tmp_path: Path) -> None:
    """A path into nowhere is missing like any other."""
    with pytest.raises(AdapterMissing, match="no such folder"):
        files.find_adapter(str(tmp_path / "a" / "b"), command=COMMAND)


def test_manifest_is_read_as_unsilent_wrote_it(tmp_path: Path) -> None:
    """The reader of the answer path agrees with the schema's own, without importing it."""
    from unsilent.manifest import read_manifest, seal_of

    support.write_adapter(tmp_path)
    content = files.read_manifest(tmp_path)

    assert content == read_manifest(tmp_path)
    assert files._seal_of(content) == seal_of(content)
    assert files.read_manifest(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "schema None"),
        ('{"schema_version": 2, "base": {"name": "x"}}', "schema 2"),
        ('{"schema_version": 1, "base": {}}', "lacks fields"),
        (f'{{{START}, "files": {{"x": 1}}}}', "lacks fields"),
        (f'{{{START}, "files": {{}}, "seal": "x"}}', "edited"),
    ],
    ids=["cut", "list", "newer", "no base", "odd file", "wrong seal"],
)  # fmt: skip
def test_unusable_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A manifest that cannot be relied on is an error, not a guess."""
    (tmp_path / files.MANIFEST).write_text(text)

    with pytest.raises(AdapterRefused, match=message):
        files.read_manifest(tmp_path)


def found_in(folder: Path) -> tuple[files.AdapterFiles, dict[str, object]]:
    """An adapter with its manifest."""
    return files.find_adapter(str(folder), command=COMMAND), files.read_manifest(folder)


def test_untouched_adapter_is_as_written(tmp_path: Path) -> None:
    """Nothing changed, nothing said; notes beside it are nobody's business."""
    support.write_adapter(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")

    files.must_be_as_written(*found_in(tmp_path))


@pytest.mark.parametrize("name", [files.CONFIG, files.WEIGHTS[0]])
def test_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    """One bit in weights or configuration is noticed."""
    support.write_adapter(tmp_path)
    faults.corrupt_byte(tmp_path / name)

    with pytest.raises(AdapterRefused, match=rf"the {name} that the manifest of 2026.* but got another one"):
        files.must_be_as_written(*found_in(tmp_path))


def test_weights_that_came_later_are_refused(tmp_path: Path) -> None:
    """A .safetensors beside a trained .bin would be read first, and is not what was trained."""
    support.as_bin(support.write_adapter(tmp_path, manifest=False))
    from unsilent.manifest import write_manifest

    write_manifest(tmp_path, support.manifest_content())
    support.write_adapter(tmp_path, manifest=False, seed=1)

    with pytest.raises(AdapterRefused, match="but got one that was added later"):
        files.must_be_as_written(*found_in(tmp_path))


def test_lost_weights_are_refused(tmp_path: Path) -> None:
    """A manifest that lists two weight files and a folder with one of them do not fit."""
    from unsilent.manifest import write_manifest

    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.bin").touch()
    write_manifest(tmp_path, support.manifest_content())
    (tmp_path / "adapter_model.bin").unlink()

    with pytest.raises(AdapterRefused, match=r"every file of the manifest, adapter_model\.bin among them"):
        files.must_be_as_written(*found_in(tmp_path))


@pytest.mark.parametrize("content", ["{}", "{", "[]"], ids=["no base", "cut", "list"])
def test_configuration_that_names_no_base_is_refused(tmp_path: Path, content: str) -> None:
    """Without a base in the configuration nothing is guessed."""
    (tmp_path / files.CONFIG).write_text(content)

    with pytest.raises(AdapterRefused, match="names the base"):
        files.base_in_config(tmp_path)


def test_dtype_is_read_from_the_tensors(tmp_path: Path) -> None:
    """The header of a safetensors file says the dtype; anything unreadable counts as fp32."""
    from safetensors.torch import save_file

    path = tmp_path / files.WEIGHTS[0]
    found = [files.dtype_of_tensors(path)]
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        save_file({"x": torch.zeros(2, dtype=dtype)}, path)
        found.append(files.dtype_of_tensors(path))
    path.write_bytes(b"\xff" * 40)
    found.append(files.dtype_of_tensors(path))

    assert found == ["fp32", "bf16", "fp16", "fp32", "fp32"]


@pytest.mark.no_cover
def test_manifest_of_a_real_run_has_the_schema(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """What training writes passes the full verification, field by field."""
    from unsilent.manifest import find_changes, read_manifest

    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    manifest = read_manifest(tmp_path / "out")

    assert manifest is not None
    assert find_changes(tmp_path / "out", manifest) == {}
    assert set(manifest["files"]) == {"README.md", "adapter_config.json", "adapter_model.safetensors", "curve.png"}
    assert json.dumps(manifest["base"]["name"]) == json.dumps(str(tiny_base))


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    """A name that leads nowhere, for ever."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(OutputRefused, match="a name that the file system takes"):
        files.locate(str(tmp_path / "a" / "c"))


def test_line_ends_of_git_are_no_change(tmp_path: Path) -> None:
    """Autocrlf rewrites the configuration; it is the same configuration."""
    support.write_adapter(tmp_path)
    config = tmp_path / files.CONFIG
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))

    files.must_be_as_written(*found_in(tmp_path))


def test_manifest_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would never end; a folder is no manifest."""
    os.mkfifo(tmp_path / files.MANIFEST)

    with pytest.raises(AdapterRefused, match="schema None"):
        files.read_manifest(tmp_path)


@pytest.mark.parametrize("content", ['{"base_model_name_or_path": null}', "[" * 100_000], ids=["null", "deep"])
def test_odd_configuration_is_refused(tmp_path: Path, content: str) -> None:
    """Null is no name, and nesting no reason for a traceback."""
    (tmp_path / files.CONFIG).write_text(content)

    with pytest.raises(AdapterRefused, match="names the base"):
        files.base_in_config(tmp_path)
