"""The zip that would be handed in is judged by its directory; what cannot be read is skipped, never raised."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import support

from unsilent.bundle_checks import check_bundle


def write_zip(path: Path, *names: str, content: bytes = b"x" * 100) -> Path:
    """A zip with these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return path


ADAPTER = ("homework/sft_model/adapter_config.json", "homework/sft_model/adapter_model.safetensors")
WHOLE = ("homework/__init__.py", "homework/sft.py", *ADAPTER)


def test_whole_package_passes(tmp_path: Path) -> None:
    """Also without the folder that it was made of."""
    outcome = check_bundle(write_zip(tmp_path / "a.zip", *WHOLE))

    assert (outcome.status, outcome.message, outcome.stage) == ("passed", "", "bundle")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ([*WHOLE, "__MACOSX/x"], r"2 entries at its top \(__MACOSX, homework\)"),
        ([*WHOLE[1:]], r"no __init__\.py"),
        (["homework/__init__.py"], r"no module beside __init__\.py"),
        ([], r"no __init__\.py, module beside __init__\.py; 0 entries"),
        (["adapter.bin"], r"no __init__\.py"),
        ([*WHOLE[:3]], "no sft_model/weights"),
        ([*WHOLE[:2], ADAPTER[1]], r"no sft_model/adapter_config\.json"),
    ],
    ids=["two folders", "no package", "package alone", "empty", "file at the top", "no weights", "no configuration"],
)
def test_zip_that_is_no_package_fails(tmp_path: Path, names: list[str], complaint: str) -> None:
    """What is lacking stands in the message."""
    outcome = check_bundle(write_zip(tmp_path / "a.zip", *names))

    assert outcome.status == "failed"
    assert re.search(complaint, outcome.message), outcome.message
    assert "What to do: pack one folder" in outcome.message


@pytest.mark.parametrize("name", ["homework/SFT.py", "homework/Sft.py/x.py"])
def test_names_must_differ_in_more_than_case(tmp_path: Path, name: str) -> None:
    """One would take the place of the other on macOS and Windows, and the bundler refuses them."""
    folder = support.write_package(tmp_path / "homework")
    names = [f"homework/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()]
    content = b"x" * 20_000
    assert check_bundle(write_zip(tmp_path / "a.zip", *names, content=content), folder=folder).status == "passed"
    outcome = check_bundle(write_zip(tmp_path / "b.zip", *names, name, content=content), folder=folder)

    assert outcome.status == "failed"
    assert re.search(r"one that not every system can unpack \('.*\)\. Where", outcome.message), outcome.message
    assert outcome.message.endswith("What to do: rename files.")


def test_package_in_one_module_passes(tmp_path: Path) -> None:
    """Everything in ``__init__.py`` is a way to write a package, as long as its adapter is there."""
    folder = support.write_package(tmp_path / "homework")
    (folder / "sft.py").unlink()
    (folder / "data.py").unlink()
    made = write_zip(tmp_path / "a.zip", "homework/__init__.py", *ADAPTER, content=b"x" * 20_000)

    assert check_bundle(made).status == "passed"
    assert check_bundle(made, folder=folder).status == "passed"


def test_half_adapter_in_a_checkpoint_is_nobodys(tmp_path: Path) -> None:
    """What should not be there need not be whole."""
    made = write_zip(tmp_path / "a.zip", *WHOLE, "homework/sft_model/checkpoint-1/adapter_config.json")

    assert check_bundle(made).status == "passed"


def test_limit_is_the_last_that_passes(tmp_path: Path) -> None:
    """As many bytes as are allowed are allowed."""
    made = write_zip(tmp_path / "a.zip", *WHOLE)
    size = made.stat().st_size

    assert check_bundle(made, limit=size).status == "passed"
    outcome = check_bundle(made, limit=size - 1)
    assert (outcome.status, outcome.evidence["bytes"], outcome.evidence["limit"]) == ("failed", size, size - 1)
    assert "What to do: train with a smaller rank, or save in bf16." in outcome.message


def test_adapter_has_a_limit_of_its_own(tmp_path: Path) -> None:
    """That of SFT, by its folder; others have the zip's."""
    made = write_zip(tmp_path / "a.zip", *WHOLE, *(name.replace("sft_", "rft_") for name in ADAPTER))

    assert check_bundle(made, adapter_limits={"sft_model": 100}).status == "passed"
    outcome = check_bundle(made, adapter_limits={"sft_model": 99})
    assert "0.0 MB of weights in sft_model, which may have 0.0" in outcome.message


def test_weights_that_lost_bytes_are_missing(tmp_path: Path) -> None:
    """As many names as in the folder are not enough."""
    folder = support.write_package(tmp_path / "homework")
    outcome = check_bundle(write_zip(tmp_path / "a.zip", *WHOLE, "homework/data.py"), folder=folder)

    assert outcome.evidence["missing"] == ["sft_model/adapter_model.safetensors"]


def test_adapter_behind_a_link_is_missing(tmp_path: Path) -> None:
    """The folder has it, and no zip of its files will."""
    folder = support.write_package(tmp_path / "homework")
    (folder / "sft_model").rename(tmp_path / "run7")
    (folder / "sft_model").symlink_to(tmp_path / "run7")
    outcome = check_bundle(write_zip(tmp_path / "a.zip", *WHOLE[:2]), folder=folder)

    assert "no sft_model (a link that leaves the folder" in outcome.message


def test_long_lists_are_cut(tmp_path: Path) -> None:
    """Five names, and how many more there are."""
    outcome = check_bundle(write_zip(tmp_path / "a.zip", *(f"{number}/a.py" for number in range(7))))

    assert "7 entries at its top (0, 1, 2, 3, 4 and 2 more)" in outcome.message


@pytest.mark.parametrize("kind", ["nothing", "folder", "text", "cut off"])
def test_what_is_no_zip_is_skipped(tmp_path: Path, kind: str) -> None:
    """With what there is instead."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("PK\3\4 and no more")
    whole = write_zip(tmp_path / "whole", *WHOLE).read_bytes()
    (tmp_path / "cut off").write_bytes(whole[:-30])
    outcome = check_bundle(tmp_path / kind)

    assert outcome.status == "skipped"
    assert f"{kind} cannot be read as a zip" in outcome.reason
