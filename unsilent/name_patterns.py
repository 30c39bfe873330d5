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
compiled = [re.compile(pattern) for pattern in patterns]
print(json.dumps([next((at for at, one in enumerate(compiled) if one.fullmatch(name)), -1) for name in names]))
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
    return frozenset(name for name, place in _ask([pattern], names).items() if not place)


def first_matching(patterns: Collection[str], names: Collection[str]) -> dict[str, str]:
    """For each name the first pattern that matches its end, after a dot or from the start: ``rank_pattern`` in PEFT.

    Returns:
        By name; those that no pattern matches are left out.

    Raises:
        PatternUnusable: One of them cannot be used; the message says why.
    """
    listed = list(patterns)
    plain = {pattern: place for place, pattern in enumerate(listed) if PLAIN.fullmatch(pattern)}
    odd = [place for place, pattern in enumerate(listed) if pattern not in plain]
    asked = _ask([rf"(.*\.)?({listed[place]})" for place in odd], names) if odd else {}
    found = {}
    for name in names:
        places = [plain[end] for end in ends_of(name) if end in plain]
        if name in asked:
            places.append(odd[asked[name]])
        if places:
            found[name] = listed[min(places)]
    return found


def ends_in(name: str, end: str) -> bool:
    """Whether a dotted name is ``end``, or ends in it after a dot."""
    return name == end or name.endswith(f".{end}")


def ends_of(name: str) -> list[str]:
    """Everything that a dotted name ends in: itself first."""
    parts = name.split(".")
    return [".".join(parts[place:]) for place in range(len(parts))]


def _ask(patterns: list[str], names: Collection[str]) -> dict[str, int]:
    """By name the place of the first pattern that matches all of it: in a process with Python's own library alone."""
    command = [sys.executable, "-I", "-S", "-c", MATCH]
    listed = sorted(names)
    question = json.dumps([LIMIT, patterns, listed])
    said = repr(patterns[0] if len(patterns) == 1 else patterns)[:80]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, input=question, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        if getattr(error, "returncode", -1) < 0:
            raise PatternUnusable(f"{said} takes more than {LIMIT} s on {len(names)} names") from error
        raise PatternUnusable(f"{said} is no regular expression") from error
    return {name: place for name, place in zip(listed, json.loads(done.stdout), strict=True) if place >= 0}
