"""What syntax tells by itself."""

from __future__ import annotations

import ast
import gc
import weakref

from unsilent import syntax_facts


def statement(code: str) -> ast.stmt:
    """The first statement of some code."""
    return ast.parse(code).body[0]


def test_generators_are_told() -> None:
    """A function yields where it does itself, not where a function in it does."""
    assert syntax_facts.is_generator(statement("def f():\n    if x: yield 1\n"))
    assert not syntax_facts.is_generator(statement("def f():\n    def g(): yield 1\n    return [1]\n"))


def test_breaks_are_told() -> None:
    """Wherever in the loop they stand."""
    assert syntax_facts.has_break(statement("while x:\n    if y: break\n"))
    assert not syntax_facts.has_break(statement("while x: pass\n"))


def test_names_of_a_condition_are_told() -> None:
    """Unless it calls something."""
    assert syntax_facts.names_asked(ast.parse("a.b and c > 1", mode="eval").body) == {"a", "c"}
    assert not syntax_facts.names_asked(ast.parse("f(a)", mode="eval").body)


def test_code_is_written_once_and_forgotten_with_its_tree() -> None:
    """The same words again; nothing is kept of a tree that is gone."""
    node = ast.parse("a.b(c)", mode="eval").body

    assert syntax_facts.written(node) is syntax_facts.written(node) == "a.b(c)"
    assert syntax_facts.last_name(node) == "b"
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None
