"""What the grader asks for, as numbers with their sources: the gate's bounds.

Apart from the rest of the configuration, because a bound is what an attestation holds and a reader wants to see.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import as_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ROWS = 100  # the grader scores the first 100 rows of valid
PARTS = ("cot", "sft", "rft")  # in the grader's order
MAIN = "sft"  # nothing is green without it; a bound that names no part is its bound


class ConfigInvalid(Exception):
    """A configuration that says what it may not."""

    def __init__(self, expected: str, got: str, where: str, action: str) -> None:
        """Say what was expected, what was found, where, and what to do."""
        super().__init__(f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")


def bound(value: float, source: str) -> Any:  # noqa: ANN401 - a field of any type, as dataclasses.field itself
    """A bound, and where it comes from."""
    return field(default=value, metadata={"source": source})


@dataclass(frozen=True)
class Bounds:
    """What is asked for. Shares must be exceeded; the others are limits."""

    # The grader gives no point at the lower end of a band, and all of them at the upper.
    sft_accuracy: float = bound(0.40, "the grader's band for SFT, 0.4-0.6")
    rft_accuracy: float = bound(0.60, "the grader's band for RFT, 0.6-0.7")
    cot_accuracy: float = bound(0.0, "the grader's band for CoT, 0.0-0.4")
    # A trained model closes nearly all of its answers; one that was only shown examples need not.
    sft_answer_rate: float = bound(0.90, "the project's reports")
    rft_answer_rate: float = bound(0.90, "the project's reports")
    cot_answer_rate: float = bound(0.0, "nothing was trained to answer")
    parameters: int = bound(380_000_000, "the grader refuses more")
    seconds: float = bound(60.0, "the grader's limit for a part, its load included")
    batched_seconds: float = bound(15.0, "the grader's limit for batched generation, its load included")
    adapter_mb: float = bound(20.0, "the course's limit for the SFT adapter")
    zip_mb: float = bound(50.0, "the course's limit for the zip")

    def as_json(self) -> dict[str, float]:
        """Every bound by its name, as an attestation has them."""
        return dataclasses.asdict(self)

    def source(self, name: str) -> str:
        """Where a bound comes from."""
        known = next(one for one in dataclasses.fields(self) if one.name == name)
        return str(known.metadata["source"]) if getattr(self, name) == known.default else "set for this project"

    def override(self, values: Mapping[str, object], where: str) -> Bounds:
        """Replace some of them.

        Args:
            values: By name: ``accuracy``, ``sft.accuracy``, ``parameters``.
            where: Who says so.

        Raises:
            ConfigInvalid: A name that is not known, or a value that cannot be such a bound.
        """
        names = {_spelt(one.name): one.name for one in dataclasses.fields(self)}
        changed: dict[str, Any] = {}
        for name, value in values.items():
            known = name if name in names else f"{MAIN}.{name}"
            if known not in names:
                raise unknown(name, names, where)
            changed[names[known]] = _number(known, value, where)
        return dataclasses.replace(self, **changed)


def _spelt(name: str) -> str:
    """A field's name as people write it: ``sft.answer_rate``."""
    part, _, what = name.partition("_")
    return f"{part}.{what}" if part in PARTS else name


def _number(name: str, value: object, where: str) -> float:
    """The value of a bound, when it can be one."""
    number = as_number(value)
    if name.endswith(("accuracy", "answer_rate")):
        kind, holds = "a share: 0 or more, and less than 1", 0 <= number < 1
    elif name == "parameters":
        kind, holds = "a whole number above 0", number > 0 and number.is_integer()
    else:
        kind, holds = "a number above 0", 0 < number < math.inf
    if not holds:
        raise ConfigInvalid(f"{kind} as {name}", repr(value), where, "correct the bound")
    return int(number) if name == "parameters" else number


def unknown(name: str, known: Collection[str], where: str) -> ConfigInvalid:
    """A name that is not among the known ones, with the nearest."""
    near = difflib.get_close_matches(name, known, n=1)
    action = f"did you mean {near[0]}" if near else "correct the name"
    return ConfigInvalid(f"one of {', '.join(sorted(known))}", repr(name), where, action)
