"""The gate's configuration: the course's where nothing is said, refused where something is said wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilent.bounds import Bounds, ConfigInvalid
from unsilent.gate_config import read_config


def write(folder: Path, text: str) -> Path:
    """A folder with this table in its pyproject.toml."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.unsilent]\n{text}\n", encoding="utf-8")
    return folder


def test_defaults_are_the_courses(tmp_path: Path) -> None:
    """Without a table: ./homework, its three parts in the grader's order, and the bounds of the reports."""
    config = read_config(tmp_path)

    assert (config.subject, config.data) == (tmp_path / "homework", tmp_path / "data" / "valid.json")
    assert [(part.name, part.loader, part.adapter) for part in config.parts] == [
        ("cot", "load_cot", None),
        ("sft", "load_sft", tmp_path / "homework" / "sft_model"),
        ("rft", "load_rft", tmp_path / "homework" / "rft_model"),
    ]
    assert (config.parts[1].example, config.questions) == ("homework.sft:format_example", "")
    assert config.bounds == Bounds()


def test_nearest_table_is_read(tmp_path: Path) -> None:
    """From a folder below it, past a pyproject.toml that has no such table; paths are relative to the table's file."""
    root = write(tmp_path, 'subject = "häus"\ndata = "d/v.json"\nquestions = "a.b:c"\ntrain_data = "d/t.json"')
    below = root / "one" / "two"
    below.mkdir(parents=True)
    (root / "one" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    config = read_config(below)

    assert (config.subject, config.data, config.questions) == (tmp_path / "häus", tmp_path / "d" / "v.json", "a.b:c")
    assert config.parts[1].train_data == tmp_path / "d" / "t.json"
    assert config.parts[1].tokenize == "häus.sft:tokenize"


def test_table_of_another_project_above_is_not_ours(tmp_path: Path) -> None:
    """A pyproject.toml that says nothing to us does not move the subject."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "below").mkdir()

    assert read_config(tmp_path / "below").subject == tmp_path / "below" / "homework"


def test_parts_can_be_named(tmp_path: Path) -> None:
    """Another adapter folder and another loader; the rest of the part stays."""
    root = write(tmp_path, '[tool.unsilent.parts.sft]\nadapter = "my model"\nloader = "load"')
    part = read_config(root).parts[1]

    assert (part.adapter, part.loader) == (tmp_path / "homework" / "my model", "load")
    assert part.train_data == tmp_path / "data" / "train.json"


@pytest.mark.parametrize("text", ["accuracy = 0.5", "sft.accuracy = 0.5", "[tool.unsilent.bounds.sft]\naccuracy = 0.5"])
def test_bound_is_set_in_the_file(tmp_path: Path, text: str) -> None:
    """With the part's name or, for sft, without."""
    bounds = read_config(write(tmp_path, f"[tool.unsilent.bounds]\n{text}")).bounds

    assert bounds == Bounds(sft_accuracy=0.5)


def test_command_line_comes_last(tmp_path: Path) -> None:
    """What is typed wins over the file."""
    root = write(tmp_path, "[tool.unsilent.bounds]\naccuracy = 0.5\nparameters = 1000")
    bounds = read_config(root, ["accuracy=0.7", "rft.answer_rate = 0.8"]).bounds

    assert bounds == Bounds(sft_accuracy=0.7, rft_answer_rate=0.8, parameters=1000)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('subjct = "x"', "Expected one of bounds, data, .* but got 'subjct'.*did you mean subject"),
        ("subject = 3", "Expected a text as subject, but got 3"),
        ("bounds = 3", "Expected a table under bounds, but got 3"),
        ("[tool.unsilent.parts.dpo]", "Expected one of cot, rft, sft, but got 'dpo'"),
        ("[tool.unsilent.parts]\nsft = 'x'", "Expected a table under sft, but got 'x'"),
        ("[tool.unsilent.parts.sft]\nadapter = '../x'", "Expected a folder in homework as adapter, but got '../x'"),
        ("[tool.unsilent.parts.sft]\nadapter = ''", "a folder in homework as adapter, but got none"),
        ("[tool.unsilent.parts.sft]\nadapter = '/x'", "as adapter, but got '/x'. Where: .*parts.sft"),
        ("[tool.unsilent.parts.sft]\ncolour = 'x'", r"but got 'colour'. Where: .*parts\.sft"),
        ("[tool.unsilent.bounds]\nacuracy = 0.5", "but got 'acuracy'.*did you mean sft.accuracy"),
        ("[tool.unsilent.bounds]\naccuracy = nan", "Expected a share: 0 or more, and less than 1 as sft.accuracy"),
        ("[tool.unsilent.bounds]\naccuracy = 50", "as sft.accuracy, but got 50"),
        ("[tool.unsilent.bounds]\naccuracy = true", "as sft.accuracy, but got True"),
        ("[tool.unsilent.bounds]\naccuracy = '0.5'", "as sft.accuracy, but got '0.5'"),
        ("[tool.unsilent.bounds]\nparameters = 1.5", "Expected a whole number above 0 as parameters, but got 1.5"),
        ("[tool.unsilent.bounds]\nseconds = inf", "Expected a number above 0 as seconds, but got inf"),
    ],
    ids=lambda text: text[:30],
)
def test_wrong_table_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """The name, the value and the file are said; nothing is guessed."""
    with pytest.raises(ConfigInvalid, match=complaint):
        read_config(write(tmp_path, text))


@pytest.mark.parametrize("typed", ["accuracy", "accuracy=", "accuracy=half"])
def test_wrong_bound_is_refused(tmp_path: Path, typed: str) -> None:
    """On the command line, too."""
    with pytest.raises(ConfigInvalid, match=r"Expected a name and a number, but got .* Where: --bound"):
        read_config(tmp_path, [typed])


@pytest.mark.parametrize("content", [b"[tool.unsilent", b"\xff\xfe", b"a = " + b"[" * 3000, b"tool = 3"])
def test_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """Broken text, another encoding, endless nesting, a table that is none."""
    (tmp_path / "pyproject.toml").write_bytes(content)

    with pytest.raises(ConfigInvalid, match=r"pyproject\.toml"):
        read_config(tmp_path)
