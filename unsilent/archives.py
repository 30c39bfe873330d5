"""Unpack a zip that somebody else made: what is wanted of it, into an empty folder, or nothing at all.

Everything is decided from the directory before a byte is written: names that leave the folder or that two systems would
read differently, links and devices, sizes that no submission has. Archives inside an archive are files like any other.
"""

from __future__ import annotations

import re
import shutil
import stat
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .plain_files import NotPlain, open_plain
from .zip_directory import Member, ZipRefused, read_directory, read_member

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A course submission is 50 MB and 100 files, an adapter with its checkpoints 1 GB and 200: ten times that, and more
# members for whoever packed .git or an environment too.
MOST_MEMBERS = 50_000
LARGEST_TOTAL = 10_000_000_000  # bytes unpacked
HARMLESS_TOTAL = 100_000_000  # below this many bytes no ratio is too high: an untrained adapter is half zeros
HIGHEST_RATIO = 200  # logs shrink 20 times; deflate itself ends at 1032, which is what a bomb has
LONGEST_NAME = 255  # bytes of one component; most file systems' limit
LONGEST_PATH = 1_000  # bytes; Linux takes 4096 and macOS 1024, with the folder before it
DEEPEST = 20  # folders; a submission has 5
NEVER_IN_NAMES = '\\:*?"<>|'  # separators and wildcards of Windows
# What Windows takes for a device in every folder, whatever follows behind a dot.
DEVICES = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE)
KINDS = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: made where there are no modes


class ArchiveRefused(Exception):
    """An archive that is not unpacked; the message says why, and nothing of it was left behind."""


def unpack(archive: Path, target: Path, wanted: Callable[[PurePosixPath], bool]) -> list[str]:
    """Unpack the wanted files of a zip.

    Args:
        archive: The zip.
        target: An empty folder, or one that does not exist yet.
        wanted: Asked once for each file, with its path in the archive. Every other entry is checked all the same.

    Returns:
        The paths that were written, relative to ``target``, in the order of the archive.

    Raises:
        ArchiveRefused: With ``target`` as empty as before.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ArchiveRefused(f"Expected an empty folder to unpack into, but got one with files. Where: {target}.")
    try:
        with open_plain(archive) as file:
            files = _checked(read_directory(file, MOST_MEMBERS))
            chosen = [(path, member) for path, member in files if wanted(path)]
            for path, member in chosen:
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as unpacked:
                    unpacked.writelines(read_member(file, member))
    except (NotPlain, ZipRefused, OSError) as error:
        for left in target.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        raise ArchiveRefused(
            f"Expected a plain zip, but got one that is not safe to unpack: {error}. Where: {archive}. What to do: "
            "look at it by hand, or ask for it again, packed by a common program."
        ) from error
    return [str(path) for path, _ in chosen]


def _checked(members: list[Member]) -> list[tuple[PurePosixPath, Member]]:
    """The files among the members, all of which are in order."""
    total, packed = sum(member.size for member in members), sum(member.packed for member in members)
    if total > LARGEST_TOTAL or total > max(HARMLESS_TOTAL, HIGHEST_RATIO * packed):
        raise ZipRefused(f"{packed} bytes that would become {total}: a bomb")
    files: dict[str, tuple[PurePosixPath, Member]] = {}
    folders: set[str] = set()
    for member in members:
        path = checked_path(member.name)
        if stat.S_IFMT(member.mode) not in KINDS:
            raise ZipRefused(f"{member.name!a} is a link or a device")
        is_folder = member.name.endswith("/")
        if (is_folder and member.size) or (stat.S_IFMT(member.mode) and is_folder != stat.S_ISDIR(member.mode)):
            raise ZipRefused(f"{member.name!a} is a file and a folder")
        folders |= {_folded(parent) for parent in path.parents}
        if is_folder:
            folders.add(_folded(path))
        elif files.setdefault(_folded(path), (path, member))[1] is not member:
            raise ZipRefused(f"{member.name!a} is there twice, or differs in upper and lower case alone")
    if both := folders & files.keys():
        raise ZipRefused(f"{min(both)!a} is a file and a folder")
    return list(files.values())


def _folded(path: PurePosixPath) -> str:
    """As file systems that ignore case and composition see a name."""
    return unicodedata.normalize("NFC", str(path).casefold())


def checked_path(name: str) -> PurePosixPath:
    """A member's path, when every system can have it below any folder.

    Raises:
        ZipRefused: It leaves the folder, or has characters or a length that not every system takes.
    """
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ZipRefused(f"{name!a} leaves the folder, or would on another system")
    if not name.isprintable() or any(one in NEVER_IN_NAMES for one in name) or any(part[-1] in ". " for part in parts):
        raise ZipRefused(f"{name!a} has characters that are not the same everywhere")
    if any(DEVICES.fullmatch(part) for part in parts):
        raise ZipRefused(f"{name!a} is a device on Windows")
    sizes = [len(part.encode()) for part in parts]
    if max(sizes) > LONGEST_NAME or sum(sizes) + len(parts) > LONGEST_PATH or len(parts) > DEEPEST:
        raise ZipRefused(f"{name[:LONGEST_NAME]!a} is too long or too deep")
    return PurePosixPath(*parts)
