"""Classes know what they inherit, calls their arguments, and things their names."""

from __future__ import annotations

import ast

from unsilent.sources import Source
from unsilent.symbolic_notes import Call, Frame, Site
from unsilent.symbolic_things import Class, Const, Function, Outside, Part
from unsilent.symbolic_values import one

SITE = Site("a.py", 1)
FRAME = Frame(Source("a.py", "a", ast.parse(""), (), is_package=False))


def made(name: str, *bases: Class | Outside, **members: int) -> Class:
    """A class with members that are numbers."""
    node = ast.parse(f"class {name}: pass").body[0]
    assert isinstance(node, ast.ClassDef)
    found = Class(name, node, FRAME, bases)
    found.attrs.update({member: one(Const(number), SITE) for member, number in members.items()})
    return found


def test_members_are_looked_up_as_python_does() -> None:
    """In the class first, then in those it inherits from; after a class, as ``super()`` asks."""
    first = made("First", Outside("torch.nn.Module"), x=1, y=2)
    second = made("Second", first, x=3)

    assert [one_class.name for one_class in second.order()] == ["Second", "First"]
    assert second.member("x") is second.attrs["x"]
    assert second.member("x", after=second) is first.attrs["x"]
    assert second.member("y") is first.attrs["y"]
    assert second.member("z") is None
    assert (second.foreign(), made("Third").foreign()) == ("torch.nn.Module", "")


def test_names() -> None:
    """Of a line, a function without one, an attribute, and one whose name nobody knows."""
    function = Function(ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(1)), FRAME)

    assert (str(SITE), function.name) == ("a.py:1", "lambda")
    assert Part((), one(Const("x"), SITE), "attribute").name == "x"
    assert Part((), (), "attribute").name == "None"


def test_arguments_are_asked_by_name_then_by_place() -> None:
    """And none is no choice."""
    first, named = one(Const(1), SITE), one(Const(2), SITE)
    call = Call("a.b", (), (first,), {"n": named}, SITE, (), (), 1)

    assert call.last == "b"
    assert [call.argument("n", 0), call.argument("m", 0), call.argument("m", 1), call.argument("m")] == [
        named,
        first,
        (),
        (),
    ]
