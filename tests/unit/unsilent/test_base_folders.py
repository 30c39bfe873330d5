"""Base models are found where the course's code and the hub's client look, and copied so that anybody can read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unsilent import base_folders
from unsilent.base_folders import Base, Bases, choose_bases, find_bases, said_of, size_of, write_anew

VARIABLES = ("HOMEWORK_CHECKPOINT", "HOMEWORK_CACHE_DIR", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which there is nothing yet."""
    for name in (*VARIABLES, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_model(folder: Path) -> Path:
    """As much as makes a folder a model."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"12345678")
    return folder


def test_nothing_is_found_where_nothing_is(home: Path) -> None:
    """Also where folders hold no model."""
    (home / ".cache" / "homework" / "empty").mkdir(parents=True)

    assert find_bases() == []


def test_places_of_the_course_are_looked_into(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named checkpoint, the finished conversions, the hub's cache; each once."""
    converted = write_model(home / ".cache" / "homework" / "one")
    repository = home / ".cache" / "huggingface" / "hub" / "models--a--b"
    snapshot = write_model(repository / "snapshots" / "abc")
    (repository / "snapshots" / "half").mkdir()
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(converted))

    assert find_bases() == [Base(converted, converted), Base(snapshot, repository)]
    assert size_of(find_bases()) == 20


def test_variables_name_other_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they do for whoever loads a model."""
    write_model(home / ".cache" / "homework" / "one")
    mine = write_model(home / "mine" / "two")
    snapshot = write_model(home / "hub" / "models--a--b" / "snapshots" / "abc")
    monkeypatch.setenv("HOMEWORK_CACHE_DIR", str(home / "mine"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "a/name of the hub")

    assert [base.folder for base in find_bases()] == [mine, snapshot]


def test_named_folder_comes_first(home: Path) -> None:
    """The others can be read all the same; one that lies in the hub's cache is told with what is shared there."""
    repository = home / ".cache" / "huggingface" / "hub" / "models--a--b"
    snapshot = write_model(repository / "snapshots" / "abc")
    named = write_model(home / "named")

    assert find_bases(named) == [Base(named, named), Base(snapshot, repository)]
    assert find_bases(snapshot) == [Base(snapshot, repository)]


@pytest.mark.parametrize("name", [".", "x" * 300])
def test_named_folder_must_be_a_model(home: Path, name: str) -> None:
    """Or nobody would know what is disturbed."""
    with pytest.raises(ValueError, match="--base names no base model"):
        find_bases(home / name)


@pytest.fixture
def three(home: Path) -> list[Base]:
    """Bases of 10, 20 and 30 bytes, the last one from the hub."""
    folders = [home / "small", home / "middle", home / "hub" / "models--Org--Large" / "snapshots" / "abc"]
    for number, folder in enumerate(folders):
        (write_model(folder) / "model.safetensors").write_bytes(bytes(8 + 10 * number))
    return [Base(folder, folder.parents[1] if "hub" in folder.parts else folder) for folder in folders]


@pytest.mark.parametrize(
    ("text", "room", "disturbed"),
    [
        ("", 60, [0, 1, 2]),
        ("", 30, [0, 1]),
        ('from_pretrained("Org/Large")', 30, [2]),
        ('{"base_model_name_or_path": "Org/Large"}', 40, [2, 0]),
        ("", 9, []),
    ],
)
def test_likeliest_bases_are_disturbed(three: list[Base], text: str, room: int, disturbed: list[int]) -> None:
    """Those that code or adapters name, then the smallest, as far as there is room."""
    left = tuple(base for number, base in enumerate(three) if number not in disturbed)

    assert chosen(three, text, room) == Bases(tuple(three[number] for number in disturbed), left)


def test_named_base_is_disturbed_first(three: list[Base]) -> None:
    """Whatever the submission says."""
    assert chosen(three, 'from_pretrained("Org/Large")', 30, three[1].folder).disturbed == (three[1], three[0])


def chosen(three: list[Base], text: str, room: int, named: Path | None = None) -> Bases:
    """What is disturbed under a submission with such a text; of its other files one is gone, and one is a folder."""
    source = three[0].folder.parent / "UTID"
    (source / "folder.py").mkdir(parents=True)
    (source / "base.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_folders, "LARGEST", room)
        return choose_bases(three, named, source, [Path(name) for name in ("base.py", "none.py", "folder.py", "a.bin")])


def test_what_is_left_over_is_said(three: list[Base]) -> None:
    """By the name that people know."""
    assert "(Org/Large): name the one that is meant with --base" in said_of(three[2:])


def test_copy_can_be_read_by_anybody(home: Path) -> None:
    """Links of the hub's cache become what they lead to."""
    model = write_model(home / "model")
    (home / "blob").write_text("tokens")
    (home / "blob").chmod(0o600)
    (model / "tokenizer.json").symlink_to(home / "blob")
    write_anew(model, home / "copy")

    assert (home / "copy" / "tokenizer.json").read_text() == "tokens"
    assert not (home / "copy" / "tokenizer.json").is_symlink()
    assert {os.stat(path).st_mode & 0o777 for path in (home / "copy").iterdir()} == {0o644}  # noqa: PTH116 - plain


def test_folder_that_cannot_be_listed_holds_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "glob", refuse)

    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(write_model(home / "model")))

    assert find_bases() == []
