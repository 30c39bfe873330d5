"""Adapters are saved whole or not at all, found or reported missing, and loaded as they were trained."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import support
import torch

from homework import adapter_store as store
from homework.base_llm import BaseLLM
from homework.errors import AdapterMissing, OutputRefused

COMMAND = "python -m homework.sft train"


class FakeAdapter:
    """Saves two small files, the way PEFT does; for tests of what happens around the saving."""

    def __init__(self, content: str = "new", *, fails: bool = False) -> None:
        """Keep what to write."""
        self.content = content
        self.fails = fails

    def save_pretrained(self, folder: Path, **options: object) -> None:  # noqa: ARG002 - PEFT's signature
        """Write configuration and weights, or fail between them."""
        folder.mkdir(parents=True)
        (folder / store.CONFIG).write_text("{}")
        if self.fails:
            raise OSError(28, "No space left on device")
        (folder / store.WEIGHTS[0]).write_text(self.content)


def save(folder: Path, model: Any = None) -> None:  # noqa: ANN401
    """Save a fake adapter with a minimal manifest."""
    manifest = {"base": {"name": "x"}, "dtype": {"base": "fp32"}}
    store.save_adapter(model or FakeAdapter(), folder, manifest, {"curve.png": b"png"})


def test_bare_names_lie_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is the one in the current directory if it exists there, else the package's."""
    monkeypatch.chdir(tmp_path)
    in_package = store.locate("sft_model")
    (tmp_path / "sft_model").mkdir()

    assert in_package == store.PACKAGE / "sft_model"
    assert store.locate("sft_model") == Path("sft_model")


@pytest.mark.parametrize("name", ["homework/sft_model", "./sft_model", "/abs/sft_model", "sft_model/"])
def test_paths_are_relative_to_the_current_directory(name: str) -> None:
    """A name with a separator is never put below the package: homework/homework cannot arise."""
    assert store.locate(name) == Path(name)


def test_empty_name_is_refused() -> None:
    """An empty name would mean the package itself."""
    with pytest.raises(OutputRefused, match="an empty one"):
        store.locate(" ")


def test_save_writes_exactly_these_files(tmp_path: Path) -> None:
    """Adapter, extra files and manifest; nothing beside the folder."""
    save(tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "curve.png",
        "manifest.json",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert store.read_manifest(tmp_path / "out")["schema_version"] == 1


def test_failed_save_leaves_the_old_adapter(tmp_path: Path) -> None:
    """A full disk during the save changes nothing that was there."""
    save(tmp_path / "out", FakeAdapter("old"))
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path / "out", FakeAdapter(fails=True))

    assert (tmp_path / "out" / store.WEIGHTS[0]).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_failed_rename_puts_the_old_adapter_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new folder cannot take its place, the old one returns to it."""
    save(tmp_path / "out", FakeAdapter("old"))
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="Input/output"):
        save(tmp_path / "out")

    assert (tmp_path / "out" / store.WEIGHTS[0]).read_text() == "old"


def test_second_save_replaces_the_first(tmp_path: Path) -> None:
    """After a whole save only the new adapter is there."""
    save(tmp_path / "out", FakeAdapter("old"))
    save(tmp_path / "out", FakeAdapter("new"))

    assert (tmp_path / "out" / store.WEIGHTS[0]).read_text() == "new"


def test_claim_refuses_a_file(tmp_path: Path) -> None:
    """An output that is a file is refused before training."""
    (tmp_path / "out").touch()

    with pytest.raises(OutputRefused, match="a file"):
        store.claim_output(tmp_path / "out", overwrite=True)


def test_claim_keeps_a_trained_adapter(tmp_path: Path) -> None:
    """A trained adapter is only replaced when told so."""
    save(tmp_path / "out")
    with pytest.raises(OutputRefused, match="--overwrite"):
        store.claim_output(tmp_path / "out", overwrite=False)

    store.claim_output(tmp_path / "out", overwrite=True)


def test_claim_creates_only_the_parent(tmp_path: Path) -> None:
    """Claiming leaves no folder that looks like an adapter."""
    store.claim_output(tmp_path / "a" / "out", overwrite=False)

    assert list((tmp_path / "a").iterdir()) == []


def test_claim_refuses_an_unwritable_parent(tmp_path: Path) -> None:
    """A parent that is a file cannot hold a folder."""
    (tmp_path / "file").touch()

    with pytest.raises(OutputRefused, match="can be written"):
        store.claim_output(tmp_path / "file" / "out", overwrite=False)


@pytest.mark.parametrize("content", [None, [], ["adapter_config.json"]], ids=["no folder", "empty", "config alone"])
def test_missing_adapter_says_what_is_there(tmp_path: Path, content: list[str] | None) -> None:
    """Nothing is created; the error lists the folder and the command that trains."""
    folder = tmp_path / "sft"
    if content is not None:
        folder.mkdir()
        for name in content:
            (folder / name).touch()
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(AdapterMissing, match=COMMAND):
        store.find_adapter(str(folder), command=COMMAND)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", store.WEIGHTS)
def test_both_formats_are_found(tmp_path: Path, name: str) -> None:
    """A .bin is as good as a .safetensors: neither is taken for missing."""
    (tmp_path / store.CONFIG).touch()
    (tmp_path / name).touch()

    assert store.find_adapter(f"{tmp_path}{os.sep}", command=COMMAND) == tmp_path


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema_version": 2}', '{"schema_version": 1, "base": {}}'],
    ids=["cut", "list", "newer", "no base"],
)  # fmt: skip
def test_unusable_manifest_is_refused(tmp_path: Path, text: str) -> None:
    """A manifest that does not say base and dtype is an error, not a guess."""
    (tmp_path / store.MANIFEST).write_text(text)

    with pytest.raises(AdapterMissing, match="manifest of schema 1"):
        store.read_manifest(tmp_path)


def test_adapter_without_manifest_says_so(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a manifest the base is the one in PEFT's configuration, and the user is told."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    (tmp_path / "out" / store.MANIFEST).unlink()
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "/does/not/exist")
    llm = store.load_adapted(BaseLLM, tmp_path / "out")

    assert f"no manifest.json; taking {tiny_base}" in capsys.readouterr().err
    assert not any(parameter.requires_grad for parameter in llm.model.parameters())


def test_base_and_dtype_come_from_the_manifest(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a cache or variable says, the adapter is put on its own base in its own dtype."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1, base_dtype="bf16")
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "/does/not/exist")
    llm = store.load_adapted(BaseLLM, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / store.MANIFEST).read_text())

    assert manifest["dtype"]["base"] == "bf16"
    assert llm.checkpoint.name == str(tiny_base)
    assert llm.model.get_base_model().dtype is torch.bfloat16


@pytest.mark.parametrize("content", ["{}", "{", "[]"], ids=["no base", "cut", "list"])
def test_configuration_that_names_no_base_is_refused(tmp_path: Path, content: str) -> None:
    """Without manifest and without a base in the configuration nothing is guessed."""
    (tmp_path / store.CONFIG).write_text(content)

    with pytest.raises(AdapterMissing, match="names the base"):
        store.load_adapted(BaseLLM, tmp_path)


def test_dtype_is_read_from_the_tensors(tmp_path: Path) -> None:
    """The header of a safetensors file says the dtype; anything unreadable counts as fp32."""
    from safetensors.torch import save_file

    path = tmp_path / store.WEIGHTS[0]
    found = [store._dtype_of_tensors(tmp_path)]
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        save_file({"x": torch.zeros(2, dtype=dtype)}, path)
        found.append(store._dtype_of_tensors(tmp_path))
    path.write_bytes(b"\xff" * 40)
    found.append(store._dtype_of_tensors(tmp_path))

    assert found == ["fp32", "bf16", "fp16", "fp32", "fp32"]


def test_damaged_adapter_is_one_error(tiny_base: Path, tmp_path: Path) -> None:
    """[adapter-corrupt] Half a weight file is refused with folder and base, not with a traceback of its reader."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    path = tmp_path / "out" / store.WEIGHTS[0]
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(AdapterMissing, match="an adapter that loads"):
        store.load_adapted(BaseLLM, tmp_path / "out")


@pytest.mark.parametrize("overwrite", [True, False])
def test_folder_with_other_things_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:  # noqa: FBT001
    """Saving replaces the whole folder, so one that holds anything foreign is refused, whatever was asked for."""
    save(tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").write_text("years of work")

    with pytest.raises(OutputRefused, match=r"other things in it \(thesis\.txt\)"):
        store.claim_output(tmp_path / "out", overwrite=overwrite)


def test_saved_files_can_be_read_by_others(tiny_base: Path, tmp_path: Path) -> None:
    """Every file has the mode of an ordinary one; safetensors alone would keep its own to the owner."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    (tmp_path / "ordinary").touch()

    assert {path.stat().st_mode for path in (tmp_path / "out").iterdir()} == {(tmp_path / "ordinary").stat().st_mode}


@pytest.mark.parametrize("name", ["x" * 300, "~nosuchuser/x"], ids=["too long", "unknown user"])
def test_odd_names_do_not_crash(name: str) -> None:
    """A name that the file system cannot take is refused; an unknown user's home is an ordinary path."""
    try:
        assert store.locate(name) == Path(name)
    except OutputRefused as error:
        assert "shorter name" in error.action  # noqa: PT017 - both ends are right, by name
