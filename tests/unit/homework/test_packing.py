"""A zip's bytes depend on the files alone, and what is in it is listed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import support

from homework.packing import is_bundle, list_sizes, write_zip
from unsilent.archives import unpack
from unsilent.bundled import Chosen, choose_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with an adapter."""
    return support.write_package(tmp_path / "homework")


def pack(folder: Path, target: Path, *, name: str = "homework") -> Path:
    """A zip of what is bundled of a folder."""
    write_zip(target, folder, name, choose_files(folder).included, {"gated": True})
    return target


def test_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Whenever, wherever and by whom they were written, and in whatever order they are given."""
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(folder, copy)
    os.utime(copy / "sft.py", (10**9, 10**9))
    (copy / "sft.py").chmod(0o755)
    files = choose_files(copy).included
    write_zip(tmp_path / "b.zip", copy, "homework", files[::-1], {"gated": True})

    assert pack(folder, tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_one_letter_gives_other_bytes(folder: Path, tmp_path: Path) -> None:
    """And another hash."""
    first = pack(folder, tmp_path / "a.zip").read_bytes()
    (folder / "sft.py").write_text("x")

    assert pack(folder, tmp_path / "b.zip").read_bytes() != first


def test_manifest_describes_what_was_packed(folder: Path, tmp_path: Path) -> None:
    """The last member has every other one's hash and size, what else was given, and no time."""
    with zipfile.ZipFile(pack(folder, tmp_path / "a.zip")) as archive:
        manifest = json.loads(archive.read(archive.namelist()[-1]))
        for name, entry in manifest["files"].items():
            content = archive.read(f"homework/{name}")
            assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

        assert {name: value for name, value in manifest.items() if name != "files"} == {
            "schema_version": 1,
            "package": "homework",
            "gated": True,
        }
        assert [f"homework/{name}" for name in [*manifest["files"], "bundle.json"]] == archive.namelist()
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {one.external_attr >> 16 for one in archive.infolist()} == {0o100644}


def test_names_of_any_language_are_packed(tmp_path: Path) -> None:
    """With spaces, too; the strict reader agrees."""
    folder = support.write_package(tmp_path / "meine Hausübung")
    (folder / "größe 単位.json").write_text("{}")
    made = pack(folder, tmp_path / "a.zip", name=folder.name)

    assert "meine Hausübung/größe 単位.json" in unpack(made, tmp_path / "out", lambda _: True)


def test_bundle_is_told_from_other_files(folder: Path, tmp_path: Path) -> None:
    """A zip of somebody else, a text, a folder, nothing, and a link to a bundle are none."""
    made = pack(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("homework/sub/bundle.json", "{}")
    (tmp_path / "text.zip").write_text("PK")
    (tmp_path / "link.zip").symlink_to(made)
    others = ("other.zip", "text.zip", "link.zip", "homework", "nothing")

    assert is_bundle(made)
    assert [is_bundle(tmp_path / name) for name in others] == [False] * 5


def test_broken_zip_is_no_bundle(folder: Path, tmp_path: Path) -> None:
    """It ends like a zip, and its directory says nothing that can be read."""
    content = bytearray(pack(folder, tmp_path / "a.zip").read_bytes())
    content[content.rindex(b"PK\1\2")] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)

    assert zipfile.is_zipfile(tmp_path / "a.zip")
    assert not is_bundle(tmp_path / "a.zip")


def test_everything_is_listed_with_its_size(folder: Path, tmp_path: Path) -> None:
    """What went in, then what was left out and why; a folder with all that is in it, a link with its own size."""
    support.write_checkpoint(folder / "sft_model")
    (folder / "rows.json").symlink_to("gone.json")
    (folder / "a\tb.py").touch()
    chosen = choose_files(folder)
    manifest = write_zip(tmp_path / "a.zip", folder, "homework", chosen.included, {})
    lines = list_sizes(folder, chosen, manifest)

    assert lines[0] == "in the zip: 5 files, 10.3 kB before packing"
    assert lines[5] == "       10.2 kB  sft_model/adapter_model.safetensors"
    assert lines[6] == "left out: 3"
    assert lines[7:] == [
        "        0.0 kB  a\\tb.py: a name that not every system takes",
        "        0.0 kB  rows.json: a link to nothing that can be read",
        "      110.3 kB  sft_model/checkpoint-500: a checkpoint of a training run",
    ]


def test_what_has_gone_meanwhile_is_listed_without_size(folder: Path) -> None:
    """A journal that was left out and is removed while the zip is made."""
    chosen = Chosen((), {Path("a.journal.jsonl"): "a journal"})

    assert list_sizes(folder, chosen, {"files": {}})[-1] == "        0.0 kB  a.journal.jsonl: a journal"
