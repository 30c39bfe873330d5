"""Names of modules held against the patterns of somebody else's configuration.

A configuration may hold any regular expression, and one made for the purpose runs for years. Plain names are compared
here; everything else is matched in a process that can be ended.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LIMIT = 5  # seconds of processor for one pattern; an honest one takes milliseconds for 10,000 names
PATIENCE = 60  # seconds by the clock, on a machine that is busy otherwise
PLAIN = re.compile(r"\w+(\.\w+)*", re.ASCII)
MATCH = """
import json, re, sys
limit, patterns, names = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
except ImportError:
    pass
print(json.dumps([[name for name in names if re.fullmatch(pattern, name)] for pattern in patterns]))
"""


class PatternUnusable(Exception):
    """A pattern that is no regular expression, or takes too long."""


def matching(pattern: str, names: Collection[str]) -> frozenset[str]:
    """Names that a pattern matches as a whole, as PEFT reads ``target_modules`` given as one text.

    Raises:
        PatternUnusable: It cannot be used; the message says why.
    """
    if PLAIN.fullmatch(pattern):
        return frozenset(name for name in names if name == pattern)
    return _ask([pattern], names)[0]


def matching_ends(patterns: Collection[str], names: Collection[str]) -> dict[str, frozenset[str]]:
    """Names that end in what a pattern matches, after a dot or from the start, as PEFT reads ``rank_pattern``.

    Returns:
        By pattern, in their order.

    Raises:
        PatternUnusable: One of them cannot be used; the message says why.
    """
    odd = [pattern for pattern in patterns if not PLAIN.fullmatch(pattern)]
    asked = dict(zip(odd, _ask([rf"(.*\.)?({pattern})" for pattern in odd], names) if odd else [], strict=True))
    return {
        pattern: asked[pattern] if pattern in asked else frozenset(name for name in names if ends_in(name, pattern))
        for pattern in patterns
    }


def ends_in(name: str, end: str) -> bool:
    """Whether a dotted name is ``end``, or ends in it after a dot."""
    return name == end or name.endswith(f".{end}")


def ends_of(name: str) -> list[str]:
    """Everything that a dotted name ends in: itself first."""
    parts = name.split(".")
    return [".".join(parts[place:]) for place in range(len(parts))]


def _ask(patterns: list[str], names: Collection[str]) -> list[frozenset[str]]:
    """Match in a process of its own, with Python's own library alone."""
    command = [sys.executable, "-I", "-S", "-c", MATCH]
    question = json.dumps([LIMIT, patterns, sorted(names)])
    said = repr(patterns[0] if len(patterns) == 1 else patterns)[:80]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, input=question, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        if getattr(error, "returncode", -1) < 0:
            raise PatternUnusable(f"{said} takes more than {LIMIT} s on {len(names)} names") from error
        raise PatternUnusable(f"{said} is no regular expression") from error
    return [frozenset(found) for found in json.loads(done.stdout)]
