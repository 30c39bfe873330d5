"""Which files of a folder are bundled, and so which the gate attests.

Left out is what training leaves beside its result (checkpoints, states of the optimizer, journals), what can be made
again (caches, environments), what is hidden, and links that lead elsewhere. Each rule looks at names below the folder,
one at a time. A pattern that was matched against the whole path once emptied every zip that was made below a folder
called ``grader``.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING

from .archives import checked_path
from .zip_directory import ZipRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ATTESTATION = "attestation.json"
BUNDLE_MANIFEST = "bundle.json"
CONFIG = "adapter_config.json"
WEIGHTS = re.compile(r"adapter_model(-\d{5}-of-\d{5})?\.(safetensors|bin)")

CHECKPOINT = "a checkpoint of a training run"
LEAVES = "a link that leaves the folder: what it leads to does not travel"
LEADS_TO_HIDDEN = "a link to what is hidden, or secret"
HIDDEN = "hidden"
STATE = "a state of a training run"
ENVIRONMENT = "an environment"
OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")  # venv's file, conda's folder
# Of folders, at any depth. Trainer, also while it saves, and a folder for all of them; DeepSpeed; accelerate's shards;
# Python, setuptools; trackers of experiments; npm; macOS; a save that could not go where it should.
_FOLDERS = (
    (re.compile(r"(tmp-)?checkpoint-[\w.]+|checkpoints|global_step\d+"), CHECKPOINT),
    (re.compile(r"(optimizer|pytorch_model_fsdp)_\d+"), STATE),
    (re.compile(r"__pycache__|.+\.egg-info"), "a cache"),
    (re.compile(r"wandb|mlruns"), "records of experiments"),
    (re.compile(r"node_modules"), ENVIRONMENT),
    (re.compile(r"__MACOSX"), "a leftover of a file manager"),
    (re.compile(r".+\.unfinished"), "a training run that is not finished"),
    (re.compile(r".+\.(kept|stopped|replaced)-\w{8}"), "an adapter that was kept beside the trained one"),
)
# Of files: keys and passwords as they are commonly named.
_SECRETS = (
    (re.compile(r".+\.(pem|key|env)|id_(rsa|dsa|ecdsa|ed25519)|credentials\.json", re.IGNORECASE), "maybe a secret"),
)
# Of files. What Trainer, DeepSpeed and accelerate save to go on with; bytecode; what editors and Windows leave; other
# bundles; rejection sampling that is not finished.
_FILES = (
    *_SECRETS,
    (
        re.compile(
            r"(optimizer|scheduler|scaler|rng_state|random_states|training_args).*\.(pt|pth|bin|pkl|safetensors)"
            r"|.*optim_states\.pt|pytorch_model_fsdp\.bin|optimizer_\d+"
        ),
        STATE,
    ),
    (re.compile(r".+\.py[co]"), "a cache"),
    (re.compile(r".+\.sw[op]|.+~"), "a leftover of an editor"),
    (re.compile(r"Thumbs\.db"), "a leftover of a file manager"),
    (re.compile(r".+\.zip", re.IGNORECASE), "an archive"),
    (re.compile(r".+\.journal\.jsonl"), "a journal of sampled rows"),
)
_OF_THE_TOP = {ATTESTATION: "what the gate found, on this machine", BUNDLE_MANIFEST: "an older bundle's list of files"}


@dataclass(frozen=True)
class Chosen:
    """What of a folder is bundled.

    Attributes:
        included: Files, relative to the folder, in the order of their names.
        left_out: Files, or whole folders, with the reason.
    """

    included: tuple[Path, ...]
    left_out: Mapping[Path, str] = field(default_factory=dict)


def why_left_out(path: PurePosixPath, *, is_folder: bool = False) -> str:
    """Why a file is not bundled, from its path below the bundled folder alone; empty when it is.

    Args:
        path: Relative to the folder.
        is_folder: It is a folder itself.
    """
    *parents, name = path.parts
    if not parents and name in _OF_THE_TOP:
        return _OF_THE_TOP[name]
    for folder in [*parents, *([name] if is_folder else [])]:
        if reason := _by_name(folder, _FOLDERS):
            return reason
    return _by_name(name, () if is_folder else _FILES)


def _by_name(name: str, rules: Iterable[tuple[re.Pattern[str], str]]) -> str:
    if name.startswith("."):
        return HIDDEN
    return next((reason for pattern, reason in rules if pattern.fullmatch(name)), "")


def choose_files(folder: Path) -> Chosen:
    """Choose what of a folder is bundled; what is left out is said with the reason.

    Links that stay in the folder are followed, and what they lead to is bundled under their name.
    """
    included: list[Path] = []
    left_out: dict[Path, str] = {}
    for path, reason in _walk(folder, folder.resolve(), Path(), (folder.resolve(),)):
        if reason:
            left_out[path] = reason
        else:
            included.append(path)
    return Chosen(tuple(sorted(included, key=Path.as_posix)), left_out)


def _walk(folder: Path, root: Path, below: Path, inside: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Every file, and every folder that is not looked into, with the reason why it is left out.

    Args:
        folder: What is bundled.
        root: The same without links.
        below: Where to look, relative to it.
        inside: Folders that are being looked into, without links: one that leads back would never end.
    """
    try:
        entries = sorted((folder / below).iterdir())
    except OSError as error:
        yield below, f"it cannot be read ({error.strerror})"
        return
    if below.parts and any(entry.name in OF_ENVIRONMENTS for entry in entries):
        yield below, ENVIRONMENT
        return
    for entry in entries:
        path = below / entry.name
        reason, real = _judge(entry, path, root)
        if reason or not entry.is_dir():
            yield path, reason
        elif real in inside:
            yield path, "a link to a folder that it lies in"
        else:
            yield from _walk(folder, root, path, (*inside, real))


def _judge(entry: Path, path: Path, root: Path) -> tuple[str, Path]:
    """Why an entry is left out, and where it really lies."""
    try:
        real = entry.resolve(strict=True)
    except (OSError, RuntimeError):  # the second is how Python 3.11 says that links go in a circle
        return "a link to nothing that can be read", entry
    if reason := why_left_out(PurePosixPath(path.as_posix()), is_folder=entry.is_dir()):
        return reason, real
    if reason := _why_not_followed(real, root):
        return reason, real
    if not entry.is_dir() and not entry.is_file():
        return "neither file nor folder", real
    try:
        checked_path(path.as_posix())
    except ZipRefused:
        return "a name that not every system takes", real
    return "", real


def _why_not_followed(real: Path, root: Path) -> str:
    """Why a link is not; one to a checkpoint is: so people choose the adapter that they mean."""
    if not real.is_relative_to(root):
        return LEAVES
    return LEADS_TO_HIDDEN if any(_by_name(part, _SECRETS) for part in real.relative_to(root).parts) else ""


@dataclass(frozen=True)
class AdapterParts:
    """What of an adapter lies in one folder: PEFT's configuration, and its weights in one file or several."""

    config: PurePosixPath | None = None
    weights: tuple[PurePosixPath, ...] = ()

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        """All of it."""
        return (*([] if self.config is None else [self.config]), *self.weights)

    @property
    def lacks(self) -> str:
        """What is not there; empty for a whole one."""
        return CONFIG if self.config is None else "" if self.weights else "weights"


def adapters_among(names: Iterable[PurePath]) -> dict[str, AdapterParts]:
    """Folders, among the names of files, that hold an adapter or a part of one."""
    paths = [PurePosixPath(name.as_posix()) for name in names]
    configs = {path.parent.as_posix(): path for path in paths if path.name == CONFIG}
    weights: dict[str, tuple[PurePosixPath, ...]] = {}
    for path in sorted(paths):
        if WEIGHTS.fullmatch(path.name):
            weights[path.parent.as_posix()] = (*weights.get(path.parent.as_posix(), ()), path)
    folders = sorted(configs.keys() | weights.keys())
    return {folder: AdapterParts(configs.get(folder), weights.get(folder, ())) for folder in folders}


def adapters_lost(folder: Path, chosen: Chosen) -> dict[Path, str]:
    """Adapters of a folder that are not bundled, though nothing else can stand for them, with the reason.

    Those are links that leave the folder, or lead to what is hidden; and checkpoints, where there is no adapter but in
    them.
    """
    never = {LEAVES, LEADS_TO_HIDDEN}
    has_whole = any(not parts.lacks for parts in adapters_among(chosen.included).values())
    return {
        path: reason
        for path, reason in chosen.left_out.items()
        if (reason in never or (reason == CHECKPOINT and not has_whole)) and _leads_to_adapter(folder / path)
    }


def _leads_to_adapter(path: Path) -> bool:
    names = [path]
    with contextlib.suppress(OSError):  # a file, or a folder that cannot be read
        names += list(path.iterdir())
    return bool(adapters_among(names))
