"""What a column of the matrix is: a tool, how it is applied to each kind of subject, and why not to the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .subjects import Said


class NotApplicable(Exception):
    """This tool has nothing to say of this one subject; the reason is its text."""


@dataclass(frozen=True)
class Tool:
    """A column.

    Attributes:
        name: Shown in the matrix.
        package: Whose version is recorded.
        ways: For each kind of subject the function that applies the tool; its docstring is the call that is recorded.
        otherwise: Why it is not applied to a kind that is not among them.
        why_not: The reason for single kinds, where there is a better one.
    """

    name: str
    package: str
    ways: Mapping[type, Callable[[Any], list[Said]]]
    otherwise: str
    why_not: Mapping[type, str] = field(default_factory=dict)

    def reason(self, kind: type) -> str:
        """Say why it is not applied to a kind; nothing where it is."""
        return "" if kind in self.ways else self.why_not.get(kind, self.otherwise)
