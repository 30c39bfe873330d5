"""The zip that is handed in holds the package: not next to nothing, and not what training left beside it.

A pattern meant for folders of the package was looked for in the whole path: below a parent folder called ``grader`` it
matched every file, and an empty zip was handed in without a word. Before that, checkpoints had made it too large.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import faults
import pytest
import snippets
import support

from homework.packing import write_zip
from unsilent.bundle_checks import check_bundle
from unsilent.bundled import choose_files

pytestmark = [pytest.mark.regression, pytest.mark.failure("bundle-too-large")]

LIMIT = 50_000  # bytes; the package's adapter has 10,240, the optimizer's state ten times that


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with a trained adapter, in a checkout that lies below a folder called grader."""
    return support.write_package(tmp_path / "grader" / "homework")


def names_in(path: Path) -> list[str]:
    """Everything that is packed."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def our_zip(folder: Path, target: Path) -> Path:
    """Packed by our own bundler."""
    write_zip(target, folder, folder.name, choose_files(folder).included, {})
    return target


def test_fault_is_real(folder: Path, tmp_path: Path) -> None:
    """The same patterns that leave out what nobody needs elsewhere leave out everything here."""
    elsewhere = support.write_package(tmp_path / "work" / "homework")
    for number, one in enumerate((folder, elsewhere)):
        faults.zip_by_patterns_anywhere(one, tmp_path / f"{number}.zip")

    assert names_in(tmp_path / "0.zip") == []
    assert len(names_in(tmp_path / "1.zip")) == 5


def test_check_finds_an_emptied_zip(folder: Path, tmp_path: Path) -> None:
    """What is missing is named, the adapter and the package's own file among it."""
    faults.zip_by_patterns_anywhere(folder, tmp_path / "a.zip")
    outcome = check_bundle(tmp_path / "a.zip", folder=folder)

    assert (outcome.status, outcome.slug) == ("failed", "bundle-too-large")
    assert "one whole package in it, but got no __init__.py, sft_model/adapter_config.json" in outcome.message
    assert outcome.evidence["files"] == 0
    assert check_bundle(tmp_path / "a.zip").status == "failed"


def test_check_finds_packed_checkpoints(folder: Path, tmp_path: Path) -> None:
    """The largest files are named, and that they need not be there."""
    support.write_checkpoint(folder / "sft_model")
    faults.zip_everything(folder, tmp_path / "a.zip")
    outcome = check_bundle(tmp_path / "a.zip", folder=folder, limit=LIMIT)

    assert outcome.status == "failed"
    assert "mostly sft_model/checkpoint-500/optimizer.pt 0.1 MB" in outcome.message
    assert "What to do: leave out sft_model/checkpoint-500/" in outcome.message
    assert int(str(outcome.evidence["bytes"])) > LIMIT


def test_check_finds_files_at_the_top(folder: Path, tmp_path: Path) -> None:
    """There is no one folder that a grader could import."""
    faults.zip_from_inside(folder, tmp_path / "a.zip")
    outcome = check_bundle(tmp_path / "a.zip", folder=folder)

    assert "4 entries at its top (__init__.py, data.py, sft.py, sft_model)" in outcome.message
    assert outcome.evidence["top_level"] == ["__init__.py", "data.py", "sft.py", "sft_model"]


def test_healthy_twin_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """The same folder, packed by names below it alone: everything is there, and nothing of the checkpoint."""
    support.write_checkpoint(folder / "sft_model")
    made = our_zip(folder, tmp_path / "a.zip")

    assert check_bundle(made, folder=folder, limit=LIMIT).status == "passed"
    assert names_in(made) == [
        *("homework/__init__.py", "homework/data.py", "homework/sft.py"),
        *("homework/sft_model/adapter_config.json", "homework/sft_model/adapter_model.safetensors"),
        "homework/bundle.json",
    ]


def test_zip_of_somebody_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """Packed by hand, with a small checkpoint in it and without a module that nobody asks for; the first is noticed."""
    (support.write_checkpoint(folder / "sft_model") / "optimizer.pt").unlink()
    faults.zip_everything(folder, tmp_path / "whole.zip")
    (folder / "data.py").rename(folder / "datagen.py")
    outcome = check_bundle(tmp_path / "whole.zip", folder=folder)

    assert outcome.status == "passed"
    assert "of no use to anybody: sft_model/checkpoint-500/adapter_model.safetensors" in outcome.message


@pytest.mark.parametrize("parent", ["grader", "checkpoint-3", ".hidden", "__pycache__", "a.egg-info"])
def test_no_parent_empties_a_zip(tmp_path: Path, parent: str) -> None:
    """Whatever the folder above is called, the same bytes come out."""
    here = our_zip(support.write_package(tmp_path / "work" / "homework"), tmp_path / "a.zip")
    there = our_zip(support.write_package(tmp_path / parent / "homework"), tmp_path / "b.zip")

    assert here.read_bytes() == there.read_bytes()
    assert len(names_in(there)) == 6


def test_code_shows_it(tmp_path: Path) -> None:
    """In the code that packs as well."""
    snippets.assert_pair(tmp_path, "bundle-too-large")
