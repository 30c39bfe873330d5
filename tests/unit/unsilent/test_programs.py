"""A program is found by its name, and what is not there is said before anything runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilent.cli import app
from unsilent.programs import ProgramUnusable, judge_program

PROGRAM = """
class Constant:
    def answer(self, *questions):
        print("thinking")
        return [1.0] * len(questions)

def load():
    return Constant()

def nothing():
    return 3

def ends():
    raise SystemExit(0)

def dies():
    import os
    os._exit(0)

class Second(Constant):
    def answer(self, *questions):
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked > 1:
            raise SystemExit(0)
        return super().answer(*questions)

def raising(kind, count, rng):
    raise KeyError(kind)

def broken():
    raise OSError("no weights")

def fresh(kind, count, rng):
    return [(f"{kind} {number}", 5.0) for number in range(count)]

ready = Constant()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program and its data, which is the current one."""
    (tmp_path / "a_program.py").write_text(PROGRAM)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "valid.json").write_text(json.dumps([[f"What is {n}?", 2.0 * n] for n in range(1, 40)]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "a_program", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["load", "Constant", "ready"], ids=["a function", "a class", "an object"])
@pytest.mark.usefixtures("folder")
def test_program_is_found(name: str) -> None:
    """Called where it must be called."""
    report = judge_program(f"a_program:{name}", data="data/valid.json", questions="a_program:fresh")

    assert report.subject == "a_program.Constant"
    assert report.outcomes[0].reason.startswith("there is no torch model in it")


def test_program_is_judged_from_outside(folder: Path) -> None:
    """In its folder, which holds no weights."""
    report = judge_program("a_program:load", data="data/valid.json", folder=str(folder))

    assert "no weights were found" in report.outcomes[0].reason


@pytest.mark.parametrize(
    ("target", "options", "complaint"),
    [
        ("a_program", {}, r"Expected module:function, but got 'a_program'"),
        ("no_such:load", {}, r"ModuleNotFoundError.* Where: no_such:load"),
        ("a_program:no_such", {}, r"AttributeError"),
        ("a_program:nothing", {}, r"Expected an object with answer\(\*questions\), but got int"),
        ("a_program:broken", {}, r"OSError: no weights\. Where: a_program:broken"),
        ("a_program:ends", {}, r"SystemExit: 0\. Where: a_program:ends"),
        ("a_program:dies", {}, r"SystemExit: 0\. Where: a_program:dies"),
        ("a_program:load", {"questions": "a_program:raising"}, r"KeyError: .other numbers"),
        ("a_program:load", {"data": "none.json"}, r"No such file or directory\. Where: none\.json"),
        ("a_program:load", {"data": "a_program.py"}, r"JSONDecodeError"),
        ("a_program:load", {"data": "object.json"}, r"a JSON dict"),
        ("a_program:load", {"data": "empty.json"}, r"Expected rows of a question"),
        ("a_program:load", {"questions": "a_program:no_such"}, r"AttributeError"),
        ("a_program:load", {"folder": "no_such"}, r"Expected a folder, but got none"),
        ("a_program:broken", {"folder": "."}, r"it ended with OSError: no weights"),
    ],
)
def test_what_is_not_there_is_said(folder: Path, target: str, options: dict[str, str], complaint: str) -> None:
    """With what was expected, what was found, and what to do."""
    (folder / "object.json").write_text("{}")
    (folder / "empty.json").write_text("[]")

    with pytest.raises(ProgramUnusable, match=complaint):
        judge_program(target, **{"data": "data/valid.json"} | options)  # type: ignore[arg-type] # all are texts


def test_data_of_absurd_size_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not read."""
    monkeypatch.setattr("unsilent.programs.LARGEST", 10)

    with pytest.raises(ProgramUnusable, match="a file of 0 MB"):
        judge_program("a_program:load", data=str(folder / "data" / "valid.json"))


@pytest.mark.usefixtures("folder")
def test_program_that_ends_the_process_is_not_passed() -> None:
    """Not even at its second question."""
    done = CliRunner().invoke(app, ["check", "honesty", "a_program:Second"])

    assert (done.exit_code, "undecided" in done.stdout) == (2, True)


def test_what_is_printed_from_elsewhere_stays_off_stdout(folder: Path) -> None:
    """From a child process of the program, say."""
    loud = "import os\nclass Loud:\n    def answer(self, *q):\n        return [os.system('echo loud') for _ in q]\n"
    (folder / "loud.py").write_text(loud)
    command = [sys.executable, "-m", "unsilent", "check", "honesty", "loud:Loud", "--json"]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": root})

    assert json.loads(done.stdout)["verdict"] == "undecided"
    assert "loud" in done.stderr


@pytest.mark.usefixtures("folder")
def test_command_prints_one_json_object() -> None:
    """What the program prints goes to stderr; nothing could be judged, so the status is 2."""
    done = CliRunner().invoke(app, ["check", "honesty", "a_program:load", "--json", "--quick"])

    assert json.loads(done.stdout)["verdict"] == "undecided"
    assert (done.exit_code, "thinking" in done.stderr) == (2, True)


@pytest.mark.usefixtures("folder")
def test_command_says_what_is_wrong() -> None:
    """In one line, with status 2."""
    done = CliRunner().invoke(app, ["check", "honesty", "a_program:none"])

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Expected something that can be imported from here")
