"""Has anything become slower? The ratios just measured, against those that the repository holds.

    python -m nox -s benchmarks            # measures, then asks this
    python benchmarks/slower.py [--beyond 1.10]

Every benchmark writes its figures over the stored ones in ``results/``; the stored ones are read from the last commit.
Ratios of one run are compared, never seconds, and only where processor, threads and Python are the same: another
machine has other ratios. Whoever has made something slower on purpose commits the new figures, and says why.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESULTS = Path(__file__).resolve().parent / "results"
BEYOND = 1.10  # the machine's noise between two runs of one commit is 4%
# Sides that are ours, by a part of their name; of the others nobody here can make anything faster.
OURS = ("homework", "unsilent", "inspect_adapter", "--quick", "probes", "every core")


@dataclass(frozen=True)
class Change:
    """One ratio, before and now.

    Attributes:
        title: What was measured.
        side: The side that the ratio is of.
        before: As it is stored.
        now: As it was just measured.
        slower: How many times slower ours has become against the same other side; below 1 it is faster.
    """

    title: str
    side: str
    before: float
    now: float
    slower: float


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Every ratio that can be compared: the same title and side, measured anew, on the same machine."""
    for title, entry in now.items():
        old = before.get(title)
        if old is None or old == entry or old["machine"] != entry["machine"]:
            continue
        base = next(name for name in entry["seconds"] if name not in entry["ratios"])
        for side in entry["ratios"].keys() & old["ratios"].keys():
            was, is_now = old["ratios"][side], entry["ratios"][side]
            if _is_ours(base):  # the ratio says how much slower the others are
                yield Change(title, side, was, is_now, was / is_now)
            elif _is_ours(side):
                yield Change(title, side, was, is_now, is_now / was)


def _is_ours(side: str) -> bool:
    return any(name in side for name in OURS)


def stored(path: Path) -> dict[str, Any]:
    """A file of results as the last commit has it; empty where it has none."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def main() -> int:
    """Print what has changed, the slowest first; 1 where something is slower beyond what noise does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beyond", type=float, default=BEYOND, help="times slower that are shouted about")
    beyond = parser.parse_args().beyond
    found: list[Change] = []
    for path in sorted(RESULTS.glob("*.json")):
        content = json.loads(path.read_text())
        timed = {title: entry for title, entry in content.items() if isinstance(entry, dict) and "ratios" in entry}
        found += changes(stored(path), timed)
    for one in sorted(found, key=lambda change: -change.slower):
        shout = "SLOWER" if one.slower > beyond else "faster" if one.slower < 1 / beyond else "      "
        print(f"{shout}  {one.slower:5.2f}  {one.title}, {one.side}: {one.before:.3f} before, {one.now:.3f} now")
    if not found:
        print("nothing was measured anew on the machine that the stored ratios are of")
    return int(any(change.slower > beyond for change in found))


if __name__ == "__main__":
    sys.exit(main())
