"""What a piece of syntax tells by itself. Code is read many times, so each of these is found out once a node."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

Told = TypeVar("Told")
# The reader's method for a kind of node: ``_binop`` for ``ast.BinOp``.
READ_BY: dict[type, str] = {kind: f"_{name.lower()}" for name, kind in vars(ast).items() if isinstance(kind, type)}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _once(tell: Callable[[ast.AST], Told]) -> Callable[[ast.AST], Told]:
    """Keep what is told of a node as long as the node lives."""
    kept: WeakKeyDictionary[ast.AST, Told] = WeakKeyDictionary()

    @functools.wraps(tell)
    def told(node: ast.AST) -> Told:
        if node not in kept:
            kept[node] = tell(node)
        return kept[node]

    return told


@_once
def written(node: ast.AST) -> str:
    """The code of a node, as Python would write it."""
    return ast.unparse(node)


def last_name(node: ast.AST) -> str:
    """The last name of what is named or called: ``lru_cache`` of ``@functools.lru_cache(maxsize=1)``."""
    return written(node).partition("(")[0].rpartition(".")[2]


@_once
def is_generator(function: ast.AST) -> bool:
    """Whether a function yields, functions inside it aside."""
    left = list(ast.iter_child_nodes(function))
    while left:
        inner = left.pop()
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(inner, SCOPES):
            left += ast.iter_child_nodes(inner)
    return False


@_once
def has_break(loop: ast.AST) -> bool:
    """Whether a ``break`` stands in a loop."""
    return any(isinstance(inner, ast.Break) for inner in ast.walk(loop))


@_once
def names_asked(test: ast.AST) -> frozenset[str]:
    """The names that a condition is about; none where it calls something, and so may change what it asks."""
    inner = list(ast.walk(test))
    if any(isinstance(node, ast.Call | ast.NamedExpr) for node in inner):
        return frozenset()
    return frozenset(node.id for node in inner if isinstance(node, ast.Name))


@_once
def names_counted(statement: ast.AST) -> frozenset[str]:
    """The names that a statement of a loop adds to, as ``count += 1`` does."""
    return frozenset(
        node.target.id
        for node in ast.walk(statement)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    )


@_once
def is_of_class(annotation: ast.AST) -> bool:
    """Whether a name belongs to the class and is no field: ``ClassVar[...]``, and the mark ``KW_ONLY``."""
    return any(
        isinstance(node, ast.Name | ast.Attribute | ast.Constant)
        and str(getattr(node, "id", getattr(node, "attr", getattr(node, "value", "")))).startswith(
            ("ClassVar", "KW_ONLY")
        )
        for node in ast.walk(annotation)
    )
