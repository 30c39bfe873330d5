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
limit, pattern, names = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
except ImportError:
    pass
print(json.dumps([name for name in names if re.fullmatch(pattern, name)]))
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
    return _ask(pattern, names)


def matching_ends(pattern: str, names: Collection[str]) -> frozenset[str]:
    """Names that end in what a pattern matches, after a dot or from the start, as PEFT reads ``rank_pattern``.

    Raises:
        PatternUnusable: It cannot be used; the message says why.
    """
    if PLAIN.fullmatch(pattern):
        return frozenset(name for name in names if ends_in(name, pattern))
    return _ask(rf"(.*\.)?({pattern})", names)


def ends_in(name: str, end: str) -> bool:
    """Whether a dotted name is ``end``, or ends in it after a dot."""
    return name == end or name.endswith(f".{end}")


def _ask(pattern: str, names: Collection[str]) -> frozenset[str]:
    """Match in a process of its own, with Python's own library alone."""
    command = [sys.executable, "-I", "-S", "-c", MATCH]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            input=json.dumps([LIMIT, pattern, sorted(names)]),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        if getattr(error, "returncode", -1) < 0:
            raise PatternUnusable(f"{pattern[:80]!r} takes more than {LIMIT} s on {len(names)} names") from error
        raise PatternUnusable(f"{pattern[:80]!r} is no regular expression") from error
    return frozenset(json.loads(done.stdout))
