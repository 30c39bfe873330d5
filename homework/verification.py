"""Whether a finished zip is what it should be: within its limits, whole, and working where nothing else is.

It is unpacked into another folder, imported there in a fresh process and asked a few questions, as the grader does it:
with torch, transformers and peft alone and the data sets beside it, without network, without writing. What the answers
are worth has been judged by the gate.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from unsilent.archives import ArchiveRefused, unpack
from unsilent.bundle_checks import check_bundle
from unsilent.gate_subject import lay_beside
from unsilent.outcome import FailureFound

from .errors import BundleRefused
from .package import INIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unsilent.gate_config import GateConfig, GatePart
    from unsilent.outcome import Outcome

    from .package import Package

SFT = "sft"  # without which nothing is handed in
QUESTIONS = ("How many cm are in 3 m?", "What is 2 kg in g?", "4 days is how many h?")


def must_fit(made: Path, package: Package, config: GateConfig) -> None:
    """Refuse a zip that is too large, or emptied.

    Raises:
        FailureFound: bundle-too-large.
        BundleRefused: It cannot be judged.
    """
    limits = {_place_of(one, config): round(config.bounds.adapter_mb * 1e6) for one in config.parts if one.name == SFT}
    zip_limit = round(config.bounds.zip_mb * 1e6)
    found = check_bundle(made, folder=package.folder, limit=zip_limit, adapter_limits=limits)
    message = found.message.replace(str(made), f"the zip of {package.folder}")  # what was made here will be gone
    _must_pass(dataclasses.replace(found, message=message), package)


def _place_of(part: GatePart, config: GateConfig) -> str:
    """The adapter's folder in the package; empty for a part that has none."""
    return part.adapter.relative_to(config.subject).as_posix() if part.adapter else ""


def _data_beside(package: Package, config: GateConfig, parts: Sequence[GatePart]) -> dict[str, Path]:
    """The data sets where the gate has put them: beside the package as here, or in ``data``."""
    home = Path(os.path.abspath(package.folder)).parent  # noqa: PTH100 - resolve would follow a link to the package
    data = [path for path in (config.data, *(one.train_data for one in parts)) if path and path.is_file()]
    return lay_beside({Path(os.path.relpath(path, home)).as_posix(): path for path in data})


def verify(made: Path, package: Package, config: GateConfig) -> str:
    """Unpack a zip elsewhere, import and ask it under the grader's conditions.

    SFT is asked always, another part where its adapter, or its loader, is there.

    Returns:
        What came of it, in words.

    Raises:
        BundleRefused: It cannot be unpacked, imported, loaded or asked.
        FailureFound: It needs more than a grader has.
    """
    from unsilent.grading import Part, check_needs, grade  # noqa: PLC0415 - only where a zip was made

    with tempfile.TemporaryDirectory(prefix="bundle-elsewhere-") as elsewhere:
        try:
            unpack(made, Path(elsewhere), lambda _: True)
        except ArchiveRefused as error:
            why = str(error.__cause__ or error)  # the message names a place that is gone by now
            raise _refused("a zip that every system can unpack", why, package, "rename files") from error
        folder = Path(elsewhere) / package.name
        init = (folder / INIT).read_text(encoding="utf-8", errors="replace")
        parts = [
            one
            for one in config.parts
            if one.name == SFT or (_place_of(one, config) in package.bases if one.adapter else one.loader in init)
        ]
        asked = [Part(one.name, one.loader) for one in parts]
        beside = _data_beside(package, config, parts)
        found = grade(folder, asked, QUESTIONS, bounds=config.bounds, beside=beside)
    needs = check_needs(found)
    errors = [f"{one.name}: {one.error}" for one in found.parts.values() if one.error]
    errors += [f"batched generation: {found.batched_error}"] if found.batched_error else []
    wrong = [found.error] if found.error else errors
    if wrong and needs.status != "failed":
        raise _refused("a zip that works elsewhere", "; ".join(wrong), package, "correct it, then run: unsilent gate")
    _must_pass(needs, package)
    told = [f"{one.name} answers {len(one.answers)} questions in {one.seconds:.0f} s" for one in found.parts.values()]
    return f"unpacked, imported as {package.name}; {', '.join(told)} ({', '.join(found.protections)})"


def _must_pass(outcome: Outcome, package: Package) -> None:
    """What could not be judged is not handed in either."""
    if outcome.status == "failed":
        raise FailureFound(outcome)
    if outcome.status == "skipped":
        raise _refused(f"a zip of which {outcome.slug} can be judged", outcome.reason, package, "look at it by hand")


def _refused(expected: str, got: str, package: Package, action: str) -> BundleRefused:
    return BundleRefused(expected=expected, got=got, where=f"the zip of {package.folder}", action=action)
