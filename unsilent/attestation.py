"""What the gate found, for which files, by which bounds and by which checks: written beside the files it judged.

Whoever bundles compares it with the files as they are now, so that nothing is shipped that was not judged. It is sealed
like a manifest: an edit, an accident, another machine or version are noticed; a forger who seals anew is not kept out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bundled import ATTESTATION, choose_files
from .manifest import seal_of
from .outcome import versions
from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
LARGEST = 50_000_000  # bytes; one of 60 files and 150 outcomes is 100 kB
PIECE = 1 << 20  # bytes read at once
CHECKER = ("*.py", "*.toml", "*.j2")  # of this package: what judges, the catalogue, what reports

Fingerprint = dict[str, Any]  # of a file: sha256 and bytes; of data also the path


class AttestationUnusable(Exception):
    """An attestation that cannot be written, or that says nothing.

    Attributes:
        got: What was found instead of one.
    """

    def __init__(self, expected: str, got: str, where: Path, action: str = "run the gate: unsilent gate") -> None:
        """Say what was expected, what was found, where, and what to do."""
        super().__init__(f"Expected {expected}, but got {got}. Where: {where}. What to do: {action}.")
        self.expected = expected
        self.got = got
        self.where = str(where)
        self.action = action


def take_fingerprints(folder: Path, data: Mapping[str, Path]) -> dict[str, dict[str, Fingerprint]]:
    """Hash every file of a folder that would be bundled, and the data.

    Taken before anything is judged and given to ``write_attestation``, they show whatever changes meanwhile.

    Args:
        folder: What is judged.
        data: Files that it is judged with (rows, the base's configuration), by names for people.

    Raises:
        AttestationUnusable: A file cannot be read.
    """
    files = {path.as_posix(): _fingerprint(folder / path) for path in choose_files(folder).included}
    beside = {name: {"path": _place(path, folder), **_fingerprint(path)} for name, path in sorted(data.items())}
    return {"files": files, "data": beside}


def _fingerprint(path: Path) -> Fingerprint:
    try:
        with open_plain(path) as file:
            digest = hashlib.sha256()
            while piece := file.read(PIECE):
                digest.update(piece)
            return {"sha256": digest.hexdigest(), "bytes": file.tell()}
    except (NotPlain, OSError) as error:
        raise AttestationUnusable(
            "files that can be read", str(error), path, "make it readable, or remove it"
        ) from error


def _place(path: Path, folder: Path) -> str:
    """Where data lies: relative to the folder when it lies beside it, so that both can be moved."""
    real, home = path.resolve(), folder.resolve()
    return Path(os.path.relpath(real, home)).as_posix() if real.is_relative_to(home.parent) else str(real)


def write_attestation(
    folder: Path,
    *,
    dossier_json: Mapping[str, Any],
    bounds: Mapping[str, object],
    data: Mapping[str, Path],
    judged: Mapping[str, Mapping[str, Fingerprint]] | None = None,
) -> dict[str, Any]:
    """Write ``attestation.json`` into a folder, whole or not at all.

    Args:
        folder: What was judged.
        dossier_json: The verdict with its outcomes, as ``--json`` prints it.
        bounds: By which it was judged.
        data: Files that it was judged with, by names for people.
        judged: What ``take_fingerprints`` gave before the judging; by default the files as they are now.

    Returns:
        What was written.

    Raises:
        AttestationUnusable: It cannot be written, or a file cannot be read.
    """
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "subject": dossier_json["subject"],
        "verdict": dossier_json["verdict"],
        **(judged or take_fingerprints(folder, data)),
        "bounds": bounds,
        "bounds_sha256": seal_of(bounds),
        "checker": hash_checker(),
        "versions": _versions(),
        "machine": _machine(),
        "outcomes": dossier_json["outcomes"],
        "measured": dossier_json.get("bounds", []),
    }
    content = json.loads(json.dumps(content, allow_nan=False))  # as it will be read
    content["seal"] = seal_of(content)
    made = folder / f".{ATTESTATION}.{os.getpid()}.new"
    try:
        with made.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        made.replace(folder / ATTESTATION)
    except OSError as error:
        got = error.strerror or str(error)
        raise AttestationUnusable("a folder that can be written", got, folder, "make room or allow it") from error
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
    return content


def read_attestation(folder: Path) -> dict[str, Any]:
    """Read what the gate has written beside the files; whether it still fits them says ``find_differences``.

    Raises:
        AttestationUnusable: There is none, it cannot be read, or it is of another schema.
    """
    path = folder / ATTESTATION
    expected = f"an attestation of schema {SCHEMA_VERSION}, as the gate wrote it"
    if not os.path.lexists(path):
        raise AttestationUnusable(expected, "none: these files have not been through the gate", path)
    try:
        with open_plain(path) as file:
            content = json.loads(file.read(LARGEST))
    except (NotPlain, OSError, ValueError, RecursionError) as error:
        raise AttestationUnusable(
            expected, f"one that cannot be read ({type(error).__name__}: {error})", path
        ) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise AttestationUnusable(expected, f"one of schema {version!r}", path)
    match content:
        case {
            "created": str(),
            "verdict": str(),
            "files": dict(files),
            "data": dict(data),
            "bounds": dict(),
            "checker": dict(),
            "versions": dict(),
            "machine": dict(),
            "outcomes": list(),
            "seal": str(),
        } if all(map(_is_fingerprint, files.values())) and all(
            isinstance(one.get("path"), str) and _is_fingerprint(one) for one in data.values()
        ):
            return dict(content)
    raise AttestationUnusable(expected, "one that lacks fields", path)


def _is_fingerprint(value: object) -> bool:
    match value:
        case {"sha256": str(), "bytes": int()}:
            return True
    return False


def find_differences(
    folder: Path, attestation: Mapping[str, Any], *, bounds: Mapping[str, object] | None = None
) -> list[str]:
    """Say in words, one line each, why an attestation does not hold for a folder as it is now.

    Args:
        folder: What would be bundled.
        attestation: As ``read_attestation`` gave it.
        bounds: By which it would be judged now; None leaves them unasked.

    Returns:
        The attestation itself first, then files, bounds, checks, versions and the machine; empty when it holds.
    """
    lines = []
    if attestation["seal"] != seal_of(attestation):
        lines.append("the attestation was edited: its seal does not fit its content")
    if attestation["verdict"] != "passed":
        lines.append(f"the gate's verdict was {attestation['verdict']!a}, not 'passed'")
    now = {path.as_posix(): folder / path for path in choose_files(folder).included}
    lines += _changes(attestation["files"], now)
    places = {name: folder / entry["path"] for name, entry in attestation["data"].items()}
    lines += [f"data, {line}" for line in _changes(attestation["data"], places)]
    if bounds is not None:
        lines += _differing("bound", attestation["bounds"], json.loads(json.dumps(bounds)))
    lines += [f"the checks are others: {name}" for name in _unequal(attestation["checker"], hash_checker())]
    lines += _differing("version of", attestation["versions"], _versions())
    if attestation["machine"] != _machine():
        lines.append(f"it was made on another machine ({attestation['machine'].get('platform')!a})")
    return lines


def _changes(then: Mapping[str, Fingerprint], now: Mapping[str, Path]) -> list[str]:
    """Which files changed, are gone, or came since."""
    lines = []
    for name in sorted(then.keys() | now.keys()):
        if name not in then:
            lines.append(f"{name}: added since")
        elif name not in now or not os.path.exists(now[name]):  # noqa: PTH110 - Path.exists raises for a long name
            lines.append(f"{name}: missing now")
        else:
            try:
                found = _fingerprint(now[name])
            except AttestationUnusable as error:
                lines.append(f"{name}: {error.got}")
                continue
            if found["sha256"] != then[name]["sha256"]:
                sizes = then[name]["bytes"], found["bytes"]
                lines.append(
                    f"{name}: changed since"
                    + (f", {sizes[0]} bytes then, {sizes[1]} now" if sizes[0] != sizes[1] else "")
                )
    return lines


def _differing(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [f"{what} {name}: {then.get(name)!r} then, {now.get(name)!r} now" for name in _unequal(then, now)]


def _unequal(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def hash_checker() -> dict[str, str]:
    """The sha256 of every file that judges: this package's code, its catalogue and its templates."""
    here = Path(__file__).parent
    found = sorted(path for pattern in CHECKER for path in here.glob(pattern))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **versions()}


def _machine() -> dict[str, str]:
    """Which machine this is: numbers can differ on another. Its name is nobody's business."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "node_sha256": hashlib.sha256(platform.node().encode()).hexdigest(),
    }
