"""What is handed in is a package with whole adapters; everything else is refused in clear words."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import support

from homework.checkpoints import COURSE_MODEL
from homework.errors import AdapterMissing, AdapterRefused, BundleRefused
from homework.package import read_package
from unsilent.manifest import write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with an adapter."""
    return support.write_package(tmp_path / "homework")


def test_package_is_read(folder: Path) -> None:
    """Name, files, and what each adapter was trained on."""
    package = read_package(folder)

    assert (package.name, len(package.chosen.included)) == ("homework", 5)
    assert package.bases == {"sft_model": {"name": "tiny", "config_sha256": None}}


@pytest.mark.parametrize("name", ["meine Hausübung", "homework-v2", "宿題"])
def test_unusual_names_are_taken(tmp_path: Path, name: str) -> None:
    """Spaces, letters of any language and dashes can be imported by name."""
    assert read_package(support.write_package(tmp_path / name)).name == name


def test_folder_can_be_the_current_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dot has the name of the folder it stands for."""
    monkeypatch.chdir(folder)

    assert read_package(Path()).name == "homework"
    assert read_package(Path("..", "homework")).name == "homework"
    assert read_package(Path("sft_model", "..")).name == "homework"


def test_link_is_packed_under_its_own_name(folder: Path) -> None:
    """With the content of what it leads to."""
    link = folder.parent / "version2"
    link.symlink_to(folder)

    assert read_package(link).name == "version2"
    assert read_package(link).chosen == read_package(folder).chosen


def test_what_is_no_folder_is_refused(folder: Path) -> None:
    """A zip, a file, a pipe that nobody writes to, nothing: each with what to do."""
    os.mkfifo(folder.parent / "pipe")
    with zipfile.ZipFile(folder.parent / "homework.zip", "w") as archive:
        archive.writestr("a", "b")

    for name, got in (
        *(("homework.zip", "a zip"), ("homework/sft.py", "a file"), ("pipe", "a file")),
        ("homwork", "no such folder"),
    ):
        with pytest.raises(BundleRefused, match=f"Expected the folder of a package, but got {got}. Where: .*{name}"):
            read_package(folder.parent / name)


@pytest.mark.parametrize("name", ["homework.v2", "a:b", "ends "])
def test_name_that_cannot_be_imported_is_refused(tmp_path: Path, name: str) -> None:
    """Python would look for a module in a package; other systems have no such name."""
    with pytest.raises(BundleRefused, match="a folder that can be packed and imported by its name"):
        read_package(support.write_package(tmp_path / name))


def lose_init(folder: Path) -> None:
    """No package."""
    (folder / "__init__.py").unlink()


def lose_adapter(folder: Path) -> None:
    """No adapter."""
    for path in (folder / "sft_model").iterdir():
        path.unlink()


def lose_weights(folder: Path) -> None:
    """Half an adapter."""
    (folder / "sft_model" / "adapter_model.safetensors").unlink()


def lose_config(folder: Path) -> None:
    """The other half."""
    (folder / "sft_model" / "adapter_config.json").unlink()


def keep_elsewhere(folder: Path) -> None:
    """An adapter behind a link."""
    (folder / "sft_model").rename(folder.parent / "run7")
    (folder / "sft_model").symlink_to(folder.parent / "run7")


def keep_checkpoint(folder: Path) -> None:
    """An adapter in a checkpoint alone."""
    support.write_checkpoint(folder / "sft_model")
    lose_weights(folder)
    lose_config(folder)


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lose_init, BundleRefused, r"a package, with __init__\.py in it, but got a folder without it"),
        (lose_adapter, AdapterMissing, r"a trained adapter.* but got none.*train one: python -m homework\.sft train"),
        (lose_weights, AdapterMissing, "got sft_model without weights"),
        (lose_config, AdapterMissing, r"got sft_model without adapter_config\.json"),
        (keep_elsewhere, AdapterMissing, r"got sft_model \(a link that leaves the folder"),
        (keep_checkpoint, AdapterMissing, r"got sft_model/checkpoint-500 \(a checkpoint of a training run\)"),
    ],
)
def test_incomplete_package_is_refused(folder: Path, edit: Any, error: type[Exception], message: str) -> None:  # noqa: ANN401
    """Before anything is packed."""
    edit(folder)

    with pytest.raises(error, match=message):
        read_package(folder)


def test_no_adapter_can_be_allowed(folder: Path) -> None:
    """Half of one cannot."""
    lose_adapter(folder)
    assert read_package(folder, needs_adapter=False).bases == {}

    (folder / "sft_model" / "adapter_config.json").touch()
    with pytest.raises(AdapterMissing, match="without weights"):
        read_package(folder, needs_adapter=False)


def test_manifest_names_the_base(folder: Path) -> None:
    """It was written by the run itself; without one PEFT's configuration is taken."""
    write_manifest(folder / "sft_model", support.manifest_content("embedded:SmolLM2-135M-Instruct"))

    assert read_package(folder).bases["sft_model"] == {"name": "embedded:SmolLM2-135M-Instruct", "config_sha256": ""}


def test_adapter_on_nothing_is_refused(folder: Path) -> None:
    """Nobody can say what it must be loaded on."""
    (folder / "sft_model" / "adapter_config.json").write_text("{}")

    with pytest.raises(AdapterRefused, match="names the base"):
        read_package(folder)


def test_base_that_does_not_travel_is_said(folder: Path) -> None:
    """Of every base but the one that the course's grader has."""
    config = folder / "sft_model" / "adapter_config.json"
    (line,) = read_package(folder).about_bases()
    assert line.startswith("sft_model: trained on tiny. THIS BASE DOES NOT TRAVEL IN THE ZIP")

    config.write_text(f'{{"base_model_name_or_path": "{COURSE_MODEL}"}}')
    (line,) = read_package(folder).about_bases()
    assert line == f"sft_model: trained on {COURSE_MODEL}, which the course's grader has"
