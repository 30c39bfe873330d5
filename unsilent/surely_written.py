"""Whether every place of a list is written over in a loop, whichever way its body takes; and whether a branch refuses.

Asked of the syntax, for it is about ways that are not taken: a condition that keeps what stood there before, a handler
that goes on without writing, a branch in which there is nothing but an error.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .syntax_facts import last_name, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .sources import SourceTree
    from .symbols import Guard, Site

LOOPS = (ast.For, ast.AsyncFor, ast.While)
LEAVES = {"exit", "_exit", "abort", "fail"}


def surely_written(sites: Iterable[Site], tree: SourceTree) -> bool:
    """Whether one of these assignments is made in every round of a loop that holds one."""
    wanted = set(sites)
    for source in tree.sources.values():
        lines = {site.line for site in wanted if site.file == source.file}
        for loop in ast.walk(source.tree) if lines else ():
            if isinstance(loop, LOOPS) and _ways(loop.body, lines) == {"done"} and _holds(loop, lines):
                return True
    return False


def _holds(loop: ast.stmt, lines: set[int]) -> bool:
    return any(loop.lineno <= line <= (loop.end_lineno or 0) for line in lines)


def _ways(body: list[ast.stmt], lines: set[int]) -> set[str]:
    """How statements may end: ``done`` after an assignment or in an error, ``left`` before one, or still ``open``."""
    ways = {"open"}
    for node in body:
        if "open" in ways:
            ways = (ways - {"open"}) | _ways_of(node, lines)
    return ways


def _ways_of(node: ast.stmt, lines: set[int]) -> set[str]:
    if isinstance(node, ast.If):
        return _ways(node.body, lines) | _ways(node.orelse, lines)
    if isinstance(node, ast.Try):
        bodies = [[*node.body, *node.orelse], *(handler.body for handler in node.handlers)]
        ended = _ways(node.finalbody, lines)
        return ended if ended == {"done"} else set[str]().union(*(_ways(way, lines) for way in bodies))
    if isinstance(node, ast.With | ast.AsyncWith):
        suppressed = any("suppress" in written(item) for item in node.items)
        return _ways(node.body, lines) | ({"open"} if suppressed else set())
    if isinstance(node, ast.Continue | ast.Break | ast.Return):
        return {"left"}
    return {"done"} if isinstance(node, ast.Raise) or node.lineno in lines else {"open"}


def refuses(guard: Guard, tree: SourceTree) -> bool:
    """Whether the branch that a condition keeps out is an error: what it asks for is demanded, not chosen by."""
    source = next((one for one in tree.sources.values() if one.file == guard.site.file), None)
    for node in ast.walk(source.tree) if source else ():
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            following = body if isinstance(body, list) else []
            for place, one in enumerate(following):
                if isinstance(one, ast.If) and one.lineno == guard.site.line:
                    other = one.orelse if guard.holds else one.body
                    return _ends_in_error(other or following[place + 1 :])
    return False


def _ends_in_error(body: list[ast.stmt]) -> bool:
    if not body or any(isinstance(node, ast.If | ast.Return) for node in body):
        return False
    last = body[-1]
    called = isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)
    return isinstance(last, ast.Raise) or (called and last_name(last) in LEAVES)
