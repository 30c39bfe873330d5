"""The folder that is handed in: a package that can be imported by its name, with whole adapters in it.

Read before anything is packed, so that what is wrong with the folder is said as such, and not found in the zip.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unsilent.archives import checked_path
from unsilent.bundled import adapters_among, adapters_lost, choose_files
from unsilent.zip_directory import ZipRefused

from .adapter_files import CONFIG, base_in_config, read_manifest
from .checkpoints import COURSE_MODEL
from .errors import AdapterMissing, BundleRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from unsilent.bundled import Chosen

INIT = "__init__.py"
NAMED = 5  # adapters that a message names
TRAIN_COMMAND = "python -m homework.sft train"


@dataclass(frozen=True)
class Package:
    """What is handed in.

    Attributes:
        folder: Where it lies.
        name: Under which it is packed, and imported.
        chosen: Its files.
        bases: What each adapter in it was trained on: ``name`` and ``config_sha256``, by the adapter's folder.
    """

    folder: Path
    name: str
    chosen: Chosen
    bases: Mapping[str, Mapping[str, Any]]

    def about_bases(self) -> Iterator[str]:
        """Say of each base whether whoever gets the zip has it, for no base travels."""
        for where, base in self.bases.items():
            if base["name"] == COURSE_MODEL:
                yield f"{where}: trained on {COURSE_MODEL}, which the course's grader has"
            else:
                yield (
                    f"{where}: trained on {base['name']}. THIS BASE DOES NOT TRAVEL IN THE ZIP: it works only where "
                    f"the base is; the course's grader has {COURSE_MODEL} alone"
                )


def read_package(folder: Path, *, needs_adapter: bool = True) -> Package:
    """Look at what is to be handed in.

    Args:
        folder: As it was typed; a link is followed, and packed under its own name.
        needs_adapter: Refuse one without any adapter.

    Raises:
        BundleRefused: No folder, no package, or one whose name cannot be imported.
        AdapterMissing: No adapter, half an adapter, or one that would not be packed.
        AdapterRefused: An adapter of which nobody can say what it was trained on.
    """
    if not folder.is_dir():
        is_zip = folder.is_file() and zipfile.is_zipfile(folder)  # which would wait for a pipe
        got = "a zip" if is_zip else "a file" if folder.exists() else "no such folder"
        action = "unpack it, or name the folder it was made of" if folder.exists() else "name the folder itself"
        raise BundleRefused(expected="the folder of a package", got=got, where=str(folder), action=action)
    name = folder.name if folder.name not in ("", "..") else folder.resolve().name
    _must_be_importable(folder, name)
    chosen = choose_files(folder)
    if not any(path.as_posix() == INIT for path in chosen.included):
        raise BundleRefused(
            expected=f"a package, with {INIT} in it",
            got="a folder without it",
            where=str(folder),
            action="name the folder that holds the code",
        )
    _must_be_whole(folder, chosen, needs_adapter=needs_adapter)
    return Package(folder, name, chosen, {where: _base_of(folder / where) for where in adapters_among(chosen.included)})


def _must_be_importable(folder: Path, name: str) -> None:
    try:
        checked_path(name)
    except ZipRefused as error:
        complaint = str(error)
    else:
        complaint = f"{name!a}, which Python takes for a module of a package" if "." in name else ""
    if complaint:
        raise BundleRefused(
            expected="a folder that can be packed and imported by its name",
            got=complaint,
            where=str(folder),
            action="rename it; the course's is called homework",
        )


def _must_be_whole(folder: Path, chosen: Chosen, *, needs_adapter: bool) -> None:
    """Refuse adapters in parts, adapters that stay behind, and none at all."""
    adapters = adapters_among(chosen.included)
    halves = [f"{where} without {parts.lacks}" for where, parts in adapters.items() if parts.lacks]
    lost = [f"{path} ({reason})" for path, reason in adapters_lost(folder, chosen).items()]
    if wrong := [*halves, *lost][:NAMED]:
        raise AdapterMissing(
            expected="whole adapters that can be packed",
            got="; ".join(wrong),
            where=str(folder),
            action="put configuration and weights into one folder of the package, or remove what is left of them",
        )
    if needs_adapter and not adapters:
        raise AdapterMissing(
            expected=f"a trained adapter: {CONFIG} and its weights in a folder of the package",
            got="none",
            where=str(folder),
            action=f"train one: {TRAIN_COMMAND}",
        )


def _base_of(adapter: Path) -> dict[str, Any]:
    """What an adapter was trained on, by its manifest, or by PEFT's configuration."""
    base = read_manifest(adapter).get("base", {"name": ""})
    return {"name": base["name"] or base_in_config(adapter), "config_sha256": base.get("config_sha256")}
