"""Write down the gate's verdict, and let none stay green that is not written down, or not about the files as they are.

What is attested are the files as they were before anything was judged. Where a file is another one by then, or nothing
can be written, a passed verdict ends undecided; and an older attestation, which may be greener, goes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from typing import TYPE_CHECKING

from .attestation import AttestationUnusable, take_fingerprints, write_attestation
from .bundled import ATTESTATION
from .dossier import Section
from .outcome import Report
from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .attestation import Fingerprint
    from .bounds import Bounds
    from .dossier import Dossier

    Fingerprints = Mapping[str, Mapping[str, Fingerprint]]

STAGE = "attestation"
SHOWN = 5  # names of changed files


def attest(  # noqa: PLR0913 - one parameter each for what an attestation holds
    dossier: Dossier,
    subject: Path,
    *,
    before: Fingerprints,
    data: Mapping[str, Path],
    bases: Mapping[str, Path],
    bounds: Bounds,
    strict: bool,
) -> Dossier:
    """Write the attestation beside the files, whatever the verdict is.

    Args:
        dossier: What was found.
        subject: The folder that was judged.
        before: Its files and the data, as they were before that.
        data: Those data, by names for people.
        bases: Files of base models, by names for people; one that cannot be read is named in a note.
        bounds: By which it was judged.
        strict: Risks count as errors.

    Returns:
        The dossier with a note where the attestation lies, or why there is none; undecided instead of passed where a
        file has changed meanwhile, or nothing could be written.
    """
    readable = {name: path for name, path in bases.items() if _can_be_read(path)}
    if lacking := sorted(bases.keys() - readable.keys()):
        dossier = _noted(dossier, f"not attested, because it cannot be read: {', '.join(lacking[:SHOWN])}")
    try:
        now = take_fingerprints(subject, {**data, **readable})
        if changed := _changed(before, now):
            reason = f"changed while the gate ran: {', '.join(changed[:SHOWN])}; run it again"
            dossier = _noted(_undecided(dossier, subject, reason), reason)
        write_attestation(
            subject,
            dossier_json=json.loads(dossier.as_json(strict=strict)),
            bounds=bounds.as_json(),
            data=data,
            judged={**before, "data": {**now["data"], **before["data"]}},
        )
    except AttestationUnusable as error:
        reason = f"no attestation was written: {error}{_withdraw(subject / ATTESTATION)}"
        return _noted(_undecided(dossier, subject, "no attestation was written"), reason)
    return _noted(dossier, f"attested in {os.path.relpath(subject / ATTESTATION)}")


def _can_be_read(path: Path) -> bool:
    try:
        with open_plain(path):
            return True
    except NotPlain:
        return False


def _changed(before: Fingerprints, now: Fingerprints) -> list[str]:
    """Names of files that are others, gone or new; of the data only those that were there before."""
    names = {("files", name) for name in before["files"].keys() | now["files"].keys()}
    names |= {("data", name) for name in before["data"]}
    return sorted(name for kind, name in names if before[kind].get(name) != now[kind].get(name))


def _withdraw(path: Path) -> str:
    """Take an older attestation away, or at least its content; say so where neither can be done."""
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
        return ""
    return f" The older {path.name} could not be removed: do not rely on it." if os.path.lexists(path) else ""


def _undecided(dossier: Dossier, subject: Path, reason: str) -> Dossier:
    """The same with a required stage that could not be gone through; what has failed stays failed."""
    section = Section(STAGE, "", Report(str(subject), ()), 0.0, required=True, reason=reason)
    return dataclasses.replace(dossier, sections=(*dossier.sections, section))


def _noted(dossier: Dossier, note: str) -> Dossier:
    return dataclasses.replace(dossier, notes=(*dossier.notes, note))
