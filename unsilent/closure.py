"""What a few distributions bring with them: themselves, what they require, what that requires, and no extras.

A grader that has torch, transformers and peft has numpy and tqdm as well, and has not what happens to be installed here
beside them. Found out from the metadata of what is installed, so it holds for the versions that are there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import metadata


class NotInstalled(Exception):
    """A distribution that is asked for by name is not there; the message is its name."""


@dataclass(frozen=True)
class Closure:
    """Distributions by their normalised names, the top-level modules they hold, and the folders they lie in."""

    distributions: frozenset[str]
    modules: frozenset[str]
    places: tuple[str, ...]


@functools.cache
def closure_of(*names: str) -> Closure:
    """Follow the requirements of distributions, as far as they are installed.

    Raises:
        NotInstalled: One of those named.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415 - comes with transformers, and is needed for it
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    found: dict[str, metadata.Distribution] = {}
    asked = [canonicalize_name(name) for name in names]
    left = list(asked)
    while left:
        name = left.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            if name in asked:
                raise NotInstalled(name) from error
            continue
        needed = map(Requirement, found[name].requires or ())
        left += [
            canonicalize_name(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    modules = metadata.packages_distributions()
    return Closure(
        frozenset(found),
        frozenset(
            module for module, owners in modules.items() if found.keys() & {canonicalize_name(one) for one in owners}
        ),
        tuple(dict.fromkeys(str(one.locate_file("")) for one in found.values())),
    )
