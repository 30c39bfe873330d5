"""What foreign code gets is noted, and what it may call back is read."""

from __future__ import annotations

from pathlib import Path

import snippets

from unsilent.sources import find_sources
from unsilent.symbolic_notes import Site
from unsilent.symbolic_statements import Reader
from unsilent.symbolic_values import walk


def test_what_is_handed_over_is_read(tmp_path: Path) -> None:
    """A function, and the methods of an object, that foreign code gets may be called by it."""
    code = """
from peft import ask
class Rows:
    def __getitem__(self, i):
        return ask("row")
    if ask.may_be_called:
        def __call__(self, i):
            return ask("called")
    else:
        __call__ = ask
class Hooked(ask.Base):
    def on_step(self, x):
        return ask("step")
    @property
    def p(self):
        return 1
def load():
    ask.go([lambda x: ask("lambda")], {"a": Rows()}, Hooked())
    Hooked().train()
"""
    snippets.write(tmp_path, code)
    reader = Reader(find_sources(tmp_path))
    reader.call(reader.import_module(reader.tree.sources["sft"]).names["load"], (), {}, Site("sft.py", 0))
    said = [snippets.told(value) for call in reader.calls if call.name == "peft.ask" for value in call.args]

    assert said == [["'lambda'"], ["'row'"], ["'called'"], ["'step'"], ["'step'"]]


def test_partial_that_is_handed_over_is_called(tmp_path: Path) -> None:
    """And is made from what it will call."""
    code = "def load():\n    made = functools.partial(ask.scrub, nan=0)\n    ask(made)\n    return made\n"
    snippets.write(tmp_path, code, prelude=snippets.GIVEN)
    reader = Reader(find_sources(tmp_path))
    value = reader.call(reader.import_module(reader.tree.sources["sft"]).names["load"], (), {}, Site("sft.py", 0))

    assert [call.name for call in reader.calls] == ["peft.ask", "peft.ask.scrub"]
    assert {getattr(choice.thing, "name", "") for choice in walk(value)} == {"partial", "peft.ask.scrub", ""}


def test_list_of_lists_without_end_is_handed_over_once(tmp_path: Path) -> None:
    """A list that holds another one twice, sixty times over."""
    code = "def load():\n    x = [lambda: ask('read')]\n" + "    x = [x, x]\n" * 60 + "    ask.all(x)\n"
    snippets.write(tmp_path, code, prelude=snippets.GIVEN)
    reader = Reader(find_sources(tmp_path))
    reader.call(reader.import_module(reader.tree.sources["sft"]).names["load"], (), {}, Site("sft.py", 0))

    assert [call.name for call in reader.calls] == ["peft.ask.all", "peft.ask"]
