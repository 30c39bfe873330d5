"""The manifest is complete, sealed, and notices every change to itself and to the files beside it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import faults
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from unsilent import manifest as manifests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files and their manifest."""
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_text("weights")
    manifests.write_manifest(tmp_path, support.manifest_content())
    return tmp_path


def edit(folder: Path, **changes: object) -> None:
    """Change fields of the manifest as an editor would."""
    path = folder / manifests.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_written_is_read(folder: Path) -> None:
    """All fields come back, with the hash and size of every file, and nothing has changed."""
    content = manifests.read_manifest(folder)

    assert content is not None
    assert content["files"]["adapter_model.safetensors"]["bytes"] == 7
    assert content | support.manifest_content() == content
    assert manifests.find_changes(folder, content) == {}


def test_no_manifest_is_none(tmp_path: Path) -> None:
    """A folder without one is not an error."""
    assert manifests.read_manifest(tmp_path) is None


@pytest.mark.parametrize("field", manifests.FIELDS)
def test_every_field_is_needed(tmp_path: Path, field: str) -> None:
    """A manifest without one of its fields is refused when it is written."""
    content = json.loads(json.dumps(support.manifest_content()))
    inner = content
    *path, last = field.split(".")
    for name in path:
        inner = inner[name]
    del inner[last]

    with pytest.raises(ValueError, match=rf"a manifest with {field} as"):
        manifests.write_manifest(tmp_path, content)
    assert list(tmp_path.iterdir()) == []


def test_numbers_must_be_numbers(tmp_path: Path) -> None:
    """NaN is no JSON, and would hide in a log summary."""
    with pytest.raises(ValueError, match="JSON compliant"):
        manifests.write_manifest(tmp_path, support.manifest_content(log={"loss": float("nan")}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "schema None"),
        ('{"schema_version": 2}', "schema 2"),
        ('{"files": {}}', "schema None"),  # another program's
        ('{"schema_versyon": 1, "seal": "0"}', "was edited: its version is gone"),
        ('{"schema_version": 1}', "without created as str"),
        ("[" * 100_000, "cannot be read"),
        ("\x00\xff", "cannot be read"),
    ],
    ids=["cut", "list", "newer", "other", "no version", "empty", "deep", "binary"],
)
def test_unusable_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    """Whatever the file holds: one exception, with what was found."""
    (tmp_path / manifests.FILE).write_text(text)

    with pytest.raises(manifests.ManifestUnusable, match=message) as caught:
        manifests.read_manifest(tmp_path)
    assert caught.value.got in str(caught.value)


def test_folder_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    """A name that no file has stands for a folder without permission: root has it everywhere."""
    with pytest.raises(manifests.ManifestUnusable, match="cannot be read"):
        manifests.read_manifest(tmp_path / ("a" * 300))


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"dtype": {"base": "fp16", "adapter": "fp32"}}, {"extra": 1}],
    ids=["seed", "dtype", "added"],
)
def test_edited_manifest_is_noticed(folder: Path, changes: dict[str, object]) -> None:
    """A changed or added field breaks the seal."""
    edit(folder, **changes)

    with pytest.raises(manifests.ManifestUnusable, match="edited"):
        manifests.read_manifest(folder)


@pytest.mark.parametrize("name", ["/etc/passwd", "../other", "x", "./x", "a//x"])
def test_files_outside_the_folder_are_refused(folder: Path, name: str) -> None:
    """A manifest cannot point anywhere else, nor describe a file by half, nor one file by many names."""
    edit(folder, files={name: {"sha256": "x"} | ({"bytes": 1} if name != "x" else {})})

    with pytest.raises(manifests.ManifestUnusable, match=rf"files\.{name}"):
        manifests.read_manifest(folder)


def test_changes_are_told_apart(folder: Path) -> None:
    """Another size, another content, a lost file, an added one; notes do not count."""
    content = manifests.read_manifest(folder)
    assert content is not None
    faults.corrupt_byte(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{ }")
    (folder / "adapter_model.bin").touch()
    (folder / "notes.txt").touch()

    assert manifests.find_changes(folder, content) == {
        "adapter_config.json": "3 bytes instead of 2",
        "adapter_model.safetensors": "same size, other content",
        "adapter_model.bin": "added later",
    }
    (folder / "adapter_config.json").unlink()
    assert manifests.find_changes(folder, content)["adapter_config.json"] == "missing"


@given(st.binary(min_size=1, max_size=50), st.data())
def test_every_changed_byte_is_noticed(content: bytes, data: st.DataObject) -> None:
    """Any byte, any change."""
    import tempfile

    position = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "adapter_model.bin"
        path.write_bytes(content)
        written = manifests.write_manifest(Path(name), support.manifest_content())
        path.write_bytes(content[:position] + bytes([content[position] ^ change]) + content[position + 1 :])
        assert manifests.find_changes(Path(name), written) == {path.name: "same size, other content"}


def test_seal_ignores_order_and_layout(folder: Path) -> None:
    """A manifest that was only laid out anew is the same manifest."""
    path = folder / manifests.FILE
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items()))))

    assert manifests.read_manifest(folder) == content


def test_run_describes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, command, versions and commit; outside a repository the commit is unknown, a missing package says so."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    real = metadata.version

    def version(name: str) -> str:
        if name == "accelerate":
            raise metadata.PackageNotFoundError
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    described = manifests.describe_run(tmp_path)

    assert described["git"] is None
    assert described["versions"]["accelerate"] == "not installed"  # type: ignore[index] # a dict
    assert str(described["created"]).endswith("+00:00")


def test_commit_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository: the commit, and whether tracked files differ from it."""
    monkeypatch.setattr(manifests, "_git", lambda source, verb, *rest: {"rev-parse": "abc", "status": " M x"}[verb])

    assert manifests.describe_run(Path())["git"] == {"commit": "abc", "changed": True}
