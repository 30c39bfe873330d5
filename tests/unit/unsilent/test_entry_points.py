"""Every entrance is read on its own; what none leads to is dead."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent import symbolic_parts
from unsilent.entry_points import live_modules, read_runs
from unsilent.sources import find_sources
from unsilent.symbolic_statements import Reader


def entrances(folder: Path, code: str) -> list[str]:
    """The entrances of a piece of code."""
    return [run.name for run in read_runs(find_sources(snippets.write(folder, code)))]


def test_functions_of_the_interface_are_entrances(tmp_path: Path) -> None:
    """Those of the course and their like, the base model, and a name that a package gives; each once."""
    code = """
# file: hw/__init__.py
from .sft import make as load_sft, load
from .base import BaseLLM
# file: hw/base.py
class BaseLLM:
    pass
# file: hw/sft.py
def make(): pass
def load(): pass
def train_model(): pass
def helper(): pass
def load_sft_v1(): pass
"""
    assert sorted(entrances(tmp_path, code)) == ["hw.base.BaseLLM", "hw.load_sft", "hw.sft.load", "hw.sft.train_model"]


def test_only_what_stands_in_the_folder_is_an_entrance(tmp_path: Path) -> None:
    """A name of the interface may stand for something of another package, or for a number."""
    assert entrances(tmp_path, "# file: sft.py\nfrom peft import load\ntrain = 3\ndef load_sft(): pass\n") == [
        "sft.load_sft"
    ]


def test_scripts_are_entrances(tmp_path: Path) -> None:
    """A module with a main part, one that calls at its top, and ``__main__``; commands of a framework are read."""
    code = """
# file: a.py
import typer
app = typer.Typer()
@app.command()
def go():
    typer.echo("gone")
if __name__ == "__main__":
    app()
# file: b.py
print(1)
# file: __main__.py
x = 1
# file: c.py
x = 1
"""
    runs = read_runs(find_sources(snippets.write(tmp_path, code)))

    assert [run.name for run in runs] == ["python -m __main__", "python -m a", "python -m b"]
    assert "typer.echo" in {call.name for call in runs[1].calls}


SIDE = """
# file: hw/__init__.py
# file: hw/sft.py
from . import store
def load(): pass
# file: hw/store.py
if __name__ == "__main__":
    print("stored")
# file: tools/work.py
{}
"""


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("from hw.sft import load\nload().model.half()", False),
        ("def benchmark(): pass\nprint(1)", False),
        ("from transformers import Trainer\nTrainer().train()", False),
        ("from transformers import Trainer\ntrainer = Trainer()\ntrainer.train()\ntrainer.save_model('sft')", True),
        ("import shutil\nshutil.make_archive('hw', 'zip')", True),
    ],
)
def test_scripts_on_the_side(tmp_path: Path, code: str, *, counts: bool) -> None:
    """Where a course's package has a loader, what it never imports counts if a model or a bundle comes of it."""
    names = entrances(tmp_path, SIDE.format(code))

    assert {"python -m hw.store", "hw.sft.load"} <= set(names)
    assert any("tools" in name for name in names) is counts


def test_a_loader_that_a_script_borrows_is_the_package_s(tmp_path: Path) -> None:
    """It is read from where the course has it, wherever the script stands in the alphabet."""
    code = SIDE.replace("tools/work.py", "bench/work.py").format("from hw.sft import load\nprint(load())")

    assert "hw.sft.load" in entrances(tmp_path, code)


def test_tests_and_what_was_set_aside_are_dead(tmp_path: Path) -> None:
    """Unless a living module imports it."""
    code = """
# file: sft.py
import helper_old
# file: rft_old.py
def load(): pass
# file: helper_old.py
# file: tests/test_sft.py
def load(): pass
# file: nobody.py
"""
    tree = find_sources(snippets.write(tmp_path, code))

    assert [source.name for source in live_modules(tree)] == ["helper_old", "sft"]


def test_without_a_known_name_every_module_lives(tmp_path: Path) -> None:
    """A folder of modules that nobody knows by name is read as a whole."""
    tree = find_sources(snippets.write(tmp_path, "# file: mine.py\nx = 1\n# file: other_old.py\n"))

    assert [source.name for source in live_modules(tree)] == ["mine"]


def test_what_answers_is_asked(tmp_path: Path) -> None:
    """The methods of the interface, those put on the object too, with a question that nobody knows."""
    code = """
class LLM:
    def answer(self, *questions):
        return list(questions)
def load():
    llm = LLM()
    llm.generate = lambda prompt: "x"
    return llm
"""
    (run,) = read_runs(find_sources(snippets.write(tmp_path, code)))

    assert [(one.method, snippets.told(one.result)) for one in run.asked] == [
        ("answer", ["[Unknown question]"]),
        ("generate", ["'x'"]),
    ]


def test_run_without_end_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that takes more steps than any submission ends the run and not the reader."""
    monkeypatch.setattr(symbolic_parts, "MOST_STEPS", 60)
    (run,) = read_runs(find_sources(snippets.write(tmp_path, "def load():\n" + "    x = [1, 2, 3]\n" * 30)))

    assert run.unfinished == "more steps than any submission needs"


def test_trouble_of_the_reader_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in reading ends that run alone, and is said of it."""

    def fail(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(Reader, "call", fail)
    (run,) = read_runs(find_sources(snippets.write(tmp_path, "def load():\n    pass\n")))

    assert run.unfinished == "the reader could not follow it (RecursionError)"


def test_module_that_cannot_be_read_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that takes too many steps to import has no entrances; the others have theirs."""
    monkeypatch.setattr(symbolic_parts, "MOST_STEPS", 400)
    code = "# file: sft.py\n" + "x = [1, 2]\n" * 200 + "def load(): pass\n# file: rft.py\ndef load(): pass\n"

    assert entrances(tmp_path, code) == ["rft.load"]
