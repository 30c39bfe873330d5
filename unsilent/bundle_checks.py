"""Judge the zip that is about to be handed in: not too large, not emptied, one package in one folder.

Both happened: checkpoints and optimizer states were packed until the zip was above its limit; and a pattern that was
meant for a folder of tests matched the name of a parent folder, so that hardly a file was left. Only the directory of
the zip is read; nothing is unpacked, but it must be possible on every system.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .archives import ArchiveRefused, unpack
from .bundled import BUNDLE_MANIFEST, adapters_among, adapters_lost, choose_files, why_left_out
from .outcome import failed, passed, skipped
from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "bundle"
SLUG = "bundle-too-large"
ZIP_LIMIT = 50_000_000  # bytes; the course's limit
# Weights of one adapter [bytes], by its folder in the package: the course's limit for SFT. RFT has the zip's alone.
ADAPTER_LIMITS: Mapping[str, int] = {"sft_model": 20_000_000}
INIT = PurePosixPath("__init__.py")
NAMED = 5  # files that a message names


@dataclass(frozen=True)
class _Zip:
    """What a zip holds.

    Attributes:
        size: Its bytes.
        tops: Names at its top.
        files: Bytes of each file once it is unpacked, by its path below the top.
    """

    size: int
    tops: tuple[str, ...]
    files: Mapping[PurePosixPath, int]


def check_bundle(
    zip_path: Path,
    *,
    folder: Path | None = None,
    limit: int = ZIP_LIMIT,
    adapter_limits: Mapping[str, int] = ADAPTER_LIMITS,
) -> Outcome:
    """[bundle-too-large] A zip above its limit, emptied, or with more than one folder at its top.

    Args:
        zip_path: What would be handed in.
        folder: What it was made of, to know what is missing; and that it was made here, so that it must be possible to
            unpack it where names are not told apart by case.
        limit: Most bytes of the zip.
        adapter_limits: Most bytes of an adapter's weights, by its folder in the package.
    """
    try:
        bundle = _read(zip_path)
        missing = _missing(bundle, folder)
        refused = _why_not_unpacked(zip_path) if folder else ""
    except (NotPlain, OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        return skipped(SLUG, STAGE, f"{zip_path} cannot be read as a zip ({type(error).__name__}: {error})")
    large = _too_large(bundle, limit, adapter_limits)
    complaints = [*large, *([f"no {_some(missing)}"] if missing else [])]
    complaints += [f"one that not every system can unpack ({refused})"] if refused else []
    if len(bundle.tops) != 1:
        complaints.append(f"{len(bundle.tops)} entries at its top ({_some(bundle.tops)})")
    needless = {str(path): reason for path in _by_size(bundle) if path.name and (reason := why_left_out(path))}
    needless.pop(BUNDLE_MANIFEST, None)
    unneeded = _some([f"{name} ({reason})" for name, reason in needless.items()])
    if not complaints:
        return passed(SLUG, STAGE, f"in it, and of no use to anybody: {unneeded}" if needless else "")
    cure = f"leave out {unneeded}" if needless else "train with a smaller rank, or save in bf16"
    if not large:
        cure = "rename files" if refused else "pack one folder, and match exclusions against the names below it alone"
    return failed(
        SLUG,
        STAGE,
        f"Expected a zip of at most {limit / 1e6:.1f} MB with one whole package in it, but got {'; '.join(complaints)}."
        f" Where: {zip_path}. What to do: {cure}.",
        {
            "bytes": bundle.size,
            "limit": limit,
            "files": len(bundle.files),
            "largest": _largest(bundle),
            "needless": dict(list(needless.items())[:NAMED]),
            "missing": missing[:NAMED],
            "top_level": list(bundle.tops[:NAMED]),
        },
    )


def _read(zip_path: Path) -> _Zip:
    with open_plain(zip_path) as file, zipfile.ZipFile(file) as archive:
        entries = [one for one in archive.infolist() if not one.filename.endswith("/")]
        size = file.seek(0, 2)
    members = {PurePosixPath(one.filename): one.file_size for one in entries}
    tops = tuple(sorted({path.parts[0] for path in members if path.parts}))
    return _Zip(size, tops, {PurePosixPath(*path.parts[1:]): size for path, size in members.items()})


def _why_not_unpacked(zip_path: Path) -> str:
    """What would be said where it is unpacked; nothing is, for no file is wanted."""
    with tempfile.TemporaryDirectory(prefix="unsilent-") as nowhere:
        try:
            unpack(zip_path, Path(nowhere), lambda _: False)
        except ArchiveRefused as error:
            return str(error.__cause__)
    return ""


def _too_large(bundle: _Zip, limit: int, adapter_limits: Mapping[str, int]) -> list[str]:
    complaints = []
    if bundle.size > limit:
        largest = [f"{name} {size / 1e6:.1f} MB" for name, size in _largest(bundle).items()]
        complaints.append(f"{bundle.size / 1e6:.1f} MB, mostly {', '.join(largest)}")
    for name, parts in adapters_among(bundle.files).items():
        size = sum(bundle.files[path] for path in parts.weights)
        if size > adapter_limits.get(name, size):
            complaints.append(
                f"{size / 1e6:.1f} MB of weights in {name}, which may have {adapter_limits[name] / 1e6:.1f}"
            )
    return complaints


def _by_size(bundle: _Zip) -> list[PurePosixPath]:
    """The largest first."""
    return sorted(bundle.files, key=lambda path: (-bundle.files[path], path))


def _largest(bundle: _Zip) -> dict[str, int]:
    return {str(path): bundle.files[path] for path in _by_size(bundle)[:NAMED]}


def _missing(bundle: _Zip, folder: Path | None) -> list[str]:
    """What a package cannot do without and the zip lacks: as such, and compared with what it was made of."""
    missing: dict[str, None] = {} if INIT in bundle.files else {str(INIT): None}
    packed = {name: parts for name, parts in adapters_among(bundle.files).items() if not why_left_out(parts.files[0])}
    modules = {path for path in bundle.files if path.suffix == ".py"} - {INIT}
    emptied = not modules and not packed
    if folder:
        chosen = choose_files(folder)
        emptied = not modules and len([path for path in chosen.included if path.suffix == ".py"]) > 1
        for parts in adapters_among(chosen.included).values():
            sizes = {path: (folder / path).stat().st_size for path in parts.files if not parts.lacks}
            missing |= {str(path): None for path, size in sizes.items() if bundle.files.get(path, -1) < size}
        missing |= {f"{path} ({reason})": None for path, reason in adapters_lost(folder, chosen).items()}
    missing |= {f"{name}/{parts.lacks}": None for name, parts in packed.items() if parts.lacks}
    return [*missing, *(["module beside __init__.py"] if emptied else [])]


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
