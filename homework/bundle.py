"""Make the zip that is handed in, of files that the gate has passed, and see that it works elsewhere.

    python -m homework.bundle homework UTID              # UTID.zip in the current folder
    python -m homework.bundle homework UTID --output out
    python -m homework.bundle homework UTID --no_gate    # without a passed gate; says so, in the zip, too

The gate's attestation must fit the files as they are now. What goes in and what is left out is listed. The finished zip
is unpacked elsewhere and asked there, under the grader's conditions, before it gets its name.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsilent.archives import checked_path
from unsilent.attestation import AttestationUnusable, find_differences, read_attestation
from unsilent.manifest import seal_of, sha256_of
from unsilent.outcome import FailureFound, printable
from unsilent.told import wrap
from unsilent.zip_directory import ZipRefused

from .errors import BundleRefused, OptionInvalid, OutputRefused
from .package import read_package
from .packing import is_bundle, list_sizes, write_zip
from .replacing import replace_file
from .verification import must_fit, verify

if TYPE_CHECKING:
    from unsilent.gate_config import GateConfig

    from .package import Package

GATE = "unsilent gate"
NOT_GATED = "NOT GATED: nothing shows that these files work, and bundle.json in the zip says so"
NAMED = 8  # differences that a message names
OTHER = "choose another --output"


def make_bundle(package: Package, target: Path, config: GateConfig, *, gated: bool = True) -> bool:
    """Pack, judge and verify a package, and give the zip its name; what is done is printed.

    Args:
        package: What is handed in.
        target: The zip.
        config: By which bounds the gate would judge now, and which parts there are.
        gated: Whether an attestation must fit; without, the zip is made even if it does not work elsewhere.

    Returns:
        Whether it works elsewhere.

    Raises:
        BundleRefused: No attestation that fits, files that change meanwhile, a zip that does not work.
        FailureFound: The zip is above its limits or emptied, or needs more than a grader has.
        OutputRefused: The zip cannot be put where it should.
    """
    attestation = _must_be_attested(package.folder, config) if gated else None
    with tempfile.TemporaryDirectory(prefix="bundle-") as scratch:
        made = Path(scratch) / "made.zip"
        content = {"gated": gated, "gate": attestation and _seals_of(attestation), "bases": dict(package.bases)}
        try:
            manifest = write_zip(made, package.folder, package.name, package.chosen.included, content)
        except OSError as error:
            where = str(error.filename or package.folder)
            raise _refused("files that can be packed", error.strerror or str(error), where, "look at it") from error
        print(f"{printable(str(package.folder))} -> {printable(str(target))}")
        print(*list_sizes(package.folder, package.chosen, manifest), sep="\n")
        for line in package.about_bases():
            _say(line)
        if attestation and attestation["files"] != manifest["files"]:
            where = str(package.folder)
            raise _refused("files that stay as they are", "others than a moment ago", where, f"run: {GATE}")
        must_fit(made, package, config)
        works = _works_elsewhere(made, package, config, needed=gated)
        size, digest, place = made.stat().st_size, sha256_of(made), "an older bundle" if target.exists() else "nothing"
        try:
            replace_file(target, made.read_bytes())
        except OSError as error:
            got = error.strerror or str(error)
            raise OutputRefused(expected="a place for the zip", got=got, where=str(target), action=OTHER) from error
    print(f"written: {printable(str(target))}, in place of {place}; {size / 1e6:.2f} MB, sha256 {digest}")
    return works


def _must_be_attested(folder: Path, config: GateConfig) -> dict[str, Any]:
    """The attestation of a passed gate that fits the files as they are now."""
    try:
        attestation = read_attestation(folder)
        differences = find_differences(folder, attestation, bounds=config.bounds.as_json())
    except AttestationUnusable as error:
        raise _refused(error.expected, error.got, error.where, error.action) from error
    except OSError as error:
        got, where = error.strerror or str(error), str(error.filename or folder)
        raise _refused("files that can be compared with the gate's", got, where, f"run: {GATE}") from error
    if differences:
        more = f"; and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
        raise _refused(
            f"files that the gate of {attestation['created']} has passed",
            "; ".join(differences[:NAMED]) + more,
            str(folder),
            f"run: {GATE}; or bundle without it: --no_gate",
        )
    print(f"gate: passed, {attestation['created']}; files, bounds, checks, versions and machine are the same now")
    return attestation


def _seals_of(attestation: dict[str, Any]) -> dict[str, Any]:
    """What the zip says of the gate: nothing that depends on when it ran."""
    return {
        "bounds": attestation["bounds"],
        "bounds_sha256": seal_of(attestation["bounds"]),
        "checker_sha256": seal_of(attestation["checker"]),
    }


def _works_elsewhere(made: Path, package: Package, config: GateConfig, *, needed: bool) -> bool:
    """Ask what is in the zip; where it must work and does not, raise, else say so."""
    try:
        _say(f"elsewhere: {verify(made, package, config)}")
    except (BundleRefused, FailureFound) as error:
        if needed:
            raise
        print(f"DOES NOT WORK ELSEWHERE: {printable(str(error))}", file=sys.stderr)
        return False
    return True


def choose_target(folder: Path, utid: str, output: str) -> Path:
    """Where the zip goes.

    Raises:
        OptionInvalid: No name of a file.
        OutputRefused: A place in the bundled folder, or one that holds something else.
    """
    try:
        is_name = checked_path(f"{utid}.zip").name == f"{utid}.zip" and utid == utid.strip() and utid[:1] not in "-."
    except ZipRefused:
        is_name = False
    if not is_name or utid.lower().endswith(".zip"):
        raise OptionInvalid(
            expected="a UTID: the name of the zip, without .zip and without folders",
            got=f"{utid!a}",
            where="the command line",
            action="python -m homework.bundle homework UTID",
        )
    place = Path(os.path.expanduser(output))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    target = place / f"{utid}.zip"
    got = ""
    if Path(os.path.realpath(target)).is_relative_to(folder.resolve()):
        got = "one in the folder that is bundled"
    elif os.path.lexists(target) and not is_bundle(target):
        got = "something else than a bundle, which would be lost"
    if got:
        raise OutputRefused(expected="a free place, or an older bundle's", got=got, where=str(target), action=OTHER)
    return target


def _say(text: str) -> None:
    print(*wrap(printable(text), subsequent="   "), sep="\n", flush=True)


def _refused(expected: str, got: str, where: str, action: str) -> BundleRefused:
    return BundleRefused(expected=expected, got=got, where=where, action=action)


def _bundle_command(folder: str, utid: str, /, output: str = ".", *, gate: bool = True) -> int:
    """Make UTID.zip of a folder that the gate has passed; --no_gate makes it anyhow, and says so in it."""
    from unsilent.bounds import ConfigInvalid  # noqa: PLC0415 - only where something is bundled
    from unsilent.gate_config import read_config  # noqa: PLC0415

    subject = Path(os.path.expanduser(folder))  # noqa: PTH111 - as above
    if not gate:
        print(NOT_GATED, file=sys.stderr)
    try:
        config = read_config()
    except ConfigInvalid as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    package = read_package(subject, needs_adapter=gate)
    works = make_bundle(package, choose_target(subject, utid, output), config, gated=gate)
    if not gate:
        print(NOT_GATED, file=sys.stderr)
    return 0 if works else 1


def main() -> None:
    """Run ``python -m homework.bundle``."""
    from .command_line import run  # noqa: PLC0415

    run(_bundle_command, prog="homework.bundle")


if __name__ == "__main__":
    main()
