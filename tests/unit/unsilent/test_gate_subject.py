"""What there is to judge is found by reading; what is missing is said before anything runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import gated
import pytest
import support

from unsilent.gate_config import read_config
from unsilent.gate_subject import (
    GateUnusable,
    check_folder,
    choose_parts,
    describe_part,
    lay_beside,
    read_rows,
    read_training,
)


def test_package_is_taken(tmp_path: Path) -> None:
    """Whatever its name is, as long as it can be imported."""
    for name in ("homework", "my homework", "häus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        check_folder(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none", "got nothing of that name.*run the gate where the folder is"),
        ("a.zip", "got a file.*unsilent gate FILE.zip"),
        ("bare", r"got no __init__.py in it \(there: sft.py\)"),
        ("empty", r"got no __init__.py in it \(there: nothing\)"),
        ("v1.0", "a name with a dot, 'v1.0'.*rename it"),
        ("a" * 300, r"got one that cannot be read \(File name too long\)"),
    ],
)
def test_what_is_no_package_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    """Each with its own sentence."""
    (tmp_path / "a.zip").write_bytes(b"PK")
    for folder, file in (("bare", "sft.py"), ("v1.0", "__init__.py")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    (tmp_path / "empty").mkdir()

    with pytest.raises(GateUnusable, match=f"Expected the folder of a package.*{complaint}"):
        check_folder(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", "JSONDecodeError"),
        ("[]", "a JSON list without a row"),
        ("{}", "a JSON dict without a row"),
        ('[["a", 1], ["b", NaN]]', r"\['b', nan\] as row 1"),
        ('[["", 1]]', r"\['', 1\] as row 0"),
        ('["ab"]', "'ab' as row 0"),
    ],
)
def test_rows_that_are_none_are_refused(tmp_path: Path, content: str, complaint: str) -> None:
    """The row and what it is are said."""
    path = tmp_path / "valid.json"
    path.write_text(content)

    with pytest.raises(GateUnusable, match=f"Expected a JSON list of .question, answer. rows, but got {complaint}"):
        read_rows(path)


def test_missing_rows_are_refused(tmp_path: Path) -> None:
    """With where to name them."""
    with pytest.raises(GateUnusable, match=r"cannot be opened.*name the data set in .tool\.unsilent."):
        read_rows(tmp_path / "none.json")


def test_training_rows_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Rows that are there are compared; none are, where there is no file; what cannot be opened is said."""
    config = gated.write_subject(tmp_path)
    part = next(one for one in config.parts if one.name == "sft")

    assert read_training(part) == gated.TRAIN
    assert read_training(dataclasses.replace(part, train_data=tmp_path / "none.json")) == []
    assert read_training(dataclasses.replace(part, train_data=None)) == []
    with pytest.raises(GateUnusable, match="cannot be opened"):
        read_training(dataclasses.replace(part, train_data=tmp_path / ("a" * 300)))


def test_parts_that_are_there_are_judged(tmp_path: Path) -> None:
    """SFT always, RFT with its adapter, CoT with its loader; of the others it is said why not."""
    config = gated.write_subject(tmp_path)
    parts, notes = choose_parts(config)

    assert [part.name for part in parts] == ["sft"]
    assert notes == [
        "cot: not judged, there is no load_cot in __init__.py",
        "rft: not judged, there is no rft_model",
    ]
    (config.subject / "__init__.py").write_text('LOADERS = {"load_cot": 1, "load_sft": 2}')
    (config.subject / "rft_model").mkdir()
    assert [part.name for part in choose_parts(config)[0]] == ["cot", "sft", "rft"]


@pytest.mark.parametrize(
    ("text", "is_certain"),
    [
        ("from .cot import load as load_cot", True),
        ("from .cot import load_cot", True),
        ("load_cot = make", True),
        ("class load_cot: ...", True),
        ("__all__ = ['load_cot']", True),
        ("from .cot import *", False),
        ("def __getattr__(name): ...", False),
        ("def broken(", False),
        ("# load_cot is for another day", None),
        ("'Without load_cot.'\nload_cot_later = load_cots()", None),
    ],
)
def test_loader_is_found_in_the_code(tmp_path: Path, text: str, is_certain: bool | None) -> None:  # noqa: FBT001
    """What binds or lists the name has it; what may bring it is asked; words about it are none."""
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text(text)
    found = {part.name: part.is_certain for part in choose_parts(config)[0]}

    assert found == ({"sft": True} if is_certain is None else {"cot": is_certain, "sft": True})


def test_adapter_elsewhere_is_judged_with_its_loader(tmp_path: Path) -> None:
    """An RFT adapter under another name; a lazy loader alone, or another name of the SFT adapter, is none."""
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text("__all__ = ['load_sft', 'load_rft']")
    (config.subject / "sft_again").symlink_to("sft_model")
    support.write_adapter(config.subject / "older")
    assert [part.name for part in choose_parts(config)[0]] == ["sft"]
    support.write_adapter(config.subject / "rft_lora")

    assert [part.name for part in choose_parts(config)[0]] == ["sft", "rft"]
    (config.subject / "__init__.py").write_text("")
    assert [part.name for part in choose_parts(config)[0]] == ["sft"]


def test_data_of_one_name_lie_beside_each_other() -> None:
    """Those of the project keep their place; those from elsewhere get one each."""
    data = {name: Path(name) for name in ("data/x.json", "../a/rows.json", "../b/rows.json", "../c/x.json")}

    assert {place: str(path) for place, path in lay_beside(data).items()} == {
        "data/x.json": "data/x.json",
        "data/rows.json": "../a/rows.json",
        "data/b-rows.json": "../b/rows.json",
        "data/c-x.json": "../c/x.json",
    }


def test_part_is_described_by_what_training_left(tmp_path: Path) -> None:
    """Three training rows, the dtype of the manifest; without manifest and rows nothing is compared."""
    config = gated.write_subject(tmp_path)
    part = config.parts[1]
    asked = describe_part(part, read_training(part))

    assert (asked.name, asked.loader, asked.dtype, asked.logits) == ("sft", "load_sft", "fp32", {})
    assert asked.train == gated.TRAIN[:3]
    (config.subject / "sft_model" / "manifest.json").write_text("{}")
    (tmp_path / "data" / "train.json").unlink()
    bare = describe_part(part, read_training(part))
    assert (bare.dtype, bare.train) == ("", [])
    assert read_training(config.parts[0]) == []


def test_logits_of_the_manifest_are_passed_on(tmp_path: Path) -> None:
    """As they were recorded at the end of training."""
    from unsilent.manifest import write_manifest

    config = gated.write_subject(tmp_path)
    logits = {"dtype": "float32", "asked": []}
    write_manifest(config.subject / "sft_model", support.manifest_content() | {"logits": logits})

    assert describe_part(read_config(tmp_path).parts[1], []).logits == json.loads(json.dumps(logits))
