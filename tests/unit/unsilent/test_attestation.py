"""An attestation holds for the files it was written for, and for nothing else."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest
import support

from unsilent import attestation, outcome
from unsilent.attestation import (
    AttestationUnusable,
    find_differences,
    hash_checker,
    read_attestation,
    take_fingerprints,
    write_attestation,
)
from unsilent.bundled import choose_files
from unsilent.manifest import seal_of

BOUNDS = {"sft_accuracy": 0.4, "parameters": 380_000_000}
PASSED = {"subject": "homework", "verdict": "passed", "outcomes": [], "bounds": [{"name": "accuracy", "value": 0.6}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package, beside the data that it is judged with."""
    (tmp_path / "valid.json").write_text('[["How many g are 1 kg?", 1000.0]]')
    return support.write_package(tmp_path / "homework")


def attest(folder: Path, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Write an attestation for a folder."""
    settings: dict[str, Any] = {
        "dossier_json": PASSED,
        "bounds": BOUNDS,
        "data": {"valid": folder.parent / "valid.json"},
    }
    return write_attestation(folder, **settings | changes)


def differences(folder: Path, **bounds: float) -> list[str]:
    """What a folder's own attestation says of it now."""
    return find_differences(folder, read_attestation(folder), bounds=BOUNDS | bounds)


def test_attestation_holds_for_what_was_judged(folder: Path) -> None:
    """Read again it is what was written, nothing differs, and it does not attest itself."""
    written = attest(folder)

    assert read_attestation(folder) == written
    assert differences(folder) == []
    assert list(written["files"]) == [path.as_posix() for path in choose_files(folder).included]
    assert written["data"]["valid"]["path"] == "../valid.json"
    assert written["measured"] == PASSED["bounds"]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("__init__.py", "attestation.json", "data.py", "sft.py", "sft_model"),
    ]


def test_every_checker_file_is_hashed() -> None:
    """Code and catalogue; what a bundle says of the gate depends on them."""
    hashes = hash_checker()

    assert {"failures.toml", "attestation.py", "__init__.py", "honesty.py"} <= hashes.keys()
    assert all(len(digest) == 64 for digest in hashes.values())


def change(folder: Path) -> None:
    """One letter, as many bytes."""
    (folder / "sft.py").write_text('"""sfT.py"""\n')


def lengthen(folder: Path) -> None:
    """A line more."""
    (folder / "sft.py").write_text("x = 1\n" * 5)


def add(folder: Path) -> None:
    """A module more."""
    (folder / "lookup.py").touch()


def remove(folder: Path) -> None:
    """A module less."""
    (folder / "data.py").unlink()


def hide(folder: Path) -> None:
    """A link that leaves the folder in place of a module: it is bundled no more."""
    (folder / "data.py").rename(folder.parent / "data.py")
    (folder / "data.py").symlink_to(folder.parent / "data.py")


def change_data(folder: Path) -> None:
    """Other rows."""
    (folder.parent / "valid.json").write_text('[["How many g are 2 kg?", 2000.0]]')


def remove_data(folder: Path) -> None:
    """No rows."""
    (folder.parent / "valid.json").unlink()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (change, "sft.py: changed since"),
        (lengthen, "sft.py: changed since, 13 bytes then, 30 now"),
        (add, "lookup.py: added since"),
        (remove, "data.py: missing now"),
        (hide, "data.py: missing now"),
        (change_data, "data, valid: changed since"),
        (remove_data, "data, valid: missing now"),
    ],
)
def test_changed_file_is_named(folder: Path, edit: Any, expected: str) -> None:  # noqa: ANN401 - a function
    """Which one, and what happened to it."""
    attest(folder)
    edit(folder)

    assert differences(folder) == [expected]


def test_caches_and_times_are_no_change(folder: Path) -> None:
    """Importing the package leaves bytecode, copying it leaves other times."""
    attest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "sft.cpython-311.pyc").touch()
    os.utime(folder / "sft.py", (0, 0))

    assert differences(folder) == []


def test_folder_and_data_can_be_moved_together(folder: Path, tmp_path: Path) -> None:
    """Data beside the folder is named from there; data elsewhere by its whole path."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").touch()
    inner = support.write_package(tmp_path / "checkout" / "homework")
    (inner.parent / "valid.json").write_text("[]")
    written = attest(inner, data={"valid": inner.parent / "valid.json", "base": tmp_path / "base" / "config.json"})
    inner.parent.rename(tmp_path / "moved")

    assert differences(tmp_path / "moved" / "homework") == []
    assert Path(written["data"]["base"]["path"]).is_absolute()


def test_change_while_it_is_judged_shows(folder: Path) -> None:
    """What was hashed before the judging is attested, so that a file saved meanwhile is another one."""
    before = take_fingerprints(folder, {"valid": folder.parent / "valid.json"})
    change(folder)
    attest(folder, judged=before)

    assert differences(folder) == ["sft.py: changed since"]


@pytest.mark.parametrize("verdict", ["failed", "undecided"])
def test_only_a_passed_gate_counts(folder: Path, verdict: str) -> None:
    """Another verdict is attested, and is a difference."""
    attest(folder, dossier_json=PASSED | {"verdict": verdict})

    assert differences(folder) == [f"the gate's verdict was '{verdict}', not 'passed'"]


def test_other_bounds_are_named(folder: Path) -> None:
    """With both values; where nobody asks for bounds, none differ."""
    attest(folder)

    assert differences(folder, sft_accuracy=0.5) == ["bound sft_accuracy: 0.4 then, 0.5 now"]
    assert differences(folder, seconds=60) == ["bound seconds: None then, 60 now"]
    assert find_differences(folder, read_attestation(folder)) == []


def test_other_checks_versions_and_machine_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that ran elsewhere, or with other code, says nothing about this one."""
    attest(folder)
    real = outcome.versions()
    monkeypatch.setattr(attestation, "versions", lambda: real | {"torch": "1.0"})
    monkeypatch.setattr(attestation, "hash_checker", lambda: hash_checker() | {"honesty.py": "0"})
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")

    found = differences(folder)
    assert found[0] == "the checks are others: honesty.py"
    assert found[1] == f"version of torch: {real['torch']!r} then, '1.0' now"
    assert found[2].startswith("it was made on another machine ('")
    assert "elsewhere" not in (folder / "attestation.json").read_text()


@pytest.mark.parametrize(
    ("field", "value", "also"),
    [
        ("outcomes", [{"failure": "answer-lookup", "status": "passed"}], []),
        ("verdict", "passed!", ["the gate's verdict was 'passed!', not 'passed'"]),
        ("created", "2026-01-01", []),
        ("subject", "another", []),
    ],
)
def test_edited_attestation_is_noticed(folder: Path, field: str, value: object, also: list[str]) -> None:
    """Whatever was edited in it."""
    content = attest(folder)
    (folder / "attestation.json").write_text(json.dumps(content | {field: value}))

    assert differences(folder) == ["the attestation was edited: its seal does not fit its content", *also]


def test_line_breaks_are_no_edit(folder: Path) -> None:
    """Its layout is nobody's business."""
    content = attest(folder)
    (folder / "attestation.json").write_text(json.dumps(content, sort_keys=True))

    assert differences(folder) == []


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (None, "none: these files have not been through the gate"),
        ("", "one that cannot be read .JSONDecodeError"),
        ('{"schema_version": 1', "one that cannot be read .JSONDecodeError"),
        ("\udcff", "one that cannot be read .UnicodeDecodeError"),
        ("[" * 100_000, "one that cannot be read .RecursionError"),
        ("[]", "one of schema None"),
        ('{"schema_version": 2}', "one of schema 2"),
        ('{"schema_version": 1}', "one that lacks fields"),
    ],
    ids=["none", "empty", "cut off", "no text", "nested", "list", "newer", "fields"],
)
def test_unusable_attestation_is_refused(folder: Path, text: str | None, got: str) -> None:
    """With what was found, and what to run."""
    if text is not None:
        (folder / "attestation.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(AttestationUnusable, match=rf"{got}.*What to do: run the gate: unsilent gate\.$"):
        read_attestation(folder)


def test_pipe_is_no_attestation(folder: Path) -> None:
    """It is not waited for."""
    os.mkfifo(folder / "attestation.json")

    with pytest.raises(AttestationUnusable, match="no plain file"):
        read_attestation(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [("files", {"sft.py": "abc"}), ("data", {"valid": {"sha256": "a", "bytes": 1}}), ("verdict", None), ("files", [])],
)
def test_field_of_another_kind_is_refused(folder: Path, name: str, value: object) -> None:
    """Comparing would fail on it."""
    content = attest(folder)
    (folder / "attestation.json").write_text(json.dumps(content | {name: value}))

    with pytest.raises(AttestationUnusable, match="one that lacks fields"):
        read_attestation(folder)


def test_attested_path_of_data_may_lead_anywhere(folder: Path) -> None:
    """A forged one that names a device is a sentence, not an endless reading."""
    content = attest(folder)
    content["data"]["valid"]["path"] = "/dev/zero"
    content["seal"] = seal_of(content)
    (folder / "attestation.json").write_text(json.dumps(content))

    (line,) = differences(folder)
    assert line.startswith("data, valid: ")
    assert "zero is no plain file" in line


def test_file_that_cannot_be_read_is_not_attested(folder: Path) -> None:
    """Nor is data that is not there."""
    with pytest.raises(
        AttestationUnusable, match=r"Expected files that can be read, but got gone\.json cannot be open"
    ):
        attest(folder, data={"valid": folder / "gone.json"})

    assert not (folder / "attestation.json").exists()


def test_writing_is_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the attestation that was there, and nothing beside it."""
    before = attest(folder)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AttestationUnusable, match="a folder that can be written, but got No space left on device"):
        attest(folder, dossier_json=PASSED | {"verdict": "failed"})

    assert read_attestation(folder) == before
    assert not list(folder.glob(".*"))


def test_number_that_json_lacks_is_refused(folder: Path) -> None:
    """A bound that is NaN would bind nothing."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        attest(folder, bounds={"sft_accuracy": float("nan")})


def test_path_that_no_system_has_is_missing(folder: Path) -> None:
    """An edited attestation may name anything; it is compared in words."""
    attest(folder)
    content = read_attestation(folder)
    content["data"]["valid"]["path"] = "x" * 300

    assert "data, valid: missing now" in find_differences(folder, content)
