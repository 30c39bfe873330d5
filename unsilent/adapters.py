"""Adapters on disk: what is it, is it the one that was trained, can it be trusted?

``inspect_adapter`` reads a folder, or a zip of one, and says for each failure of this stage whether it is there. It
raises for nothing that may lie there, executes nothing, and imports neither torch nor PEFT: what needs them, a
``.bin`` and ``--base``, is done by child processes with limits.

    unsilent check adapter sft_model
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .adapter_card import as_lines, describe
from .adapter_facts import collect
from .adapter_folder import FolderUnjudged, find_adapters, find_doubled, read_folder
from .archives import ArchiveRefused, unpack
from .file_checks import (
    STAGE,
    check_format,
    check_manifest,
    check_pickles,
    check_place,
    check_presence,
    check_shadow,
    check_whole,
)
from .outcome import Card, Report, skipped
from .tensor_checks import (
    check_base,
    check_content,
    check_coverage,
    check_dtype,
    check_finite,
    check_keys,
    check_shapes,
    check_trained,
)
from .tensor_files import FileChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .adapter_facts import AdapterFacts
    from .adapter_folder import AdapterFolder
    from .outcome import Outcome

OF_FINDER = "__MACOSX"  # what macOS packs beside a folder
MANY = 32  # adapters from which on a second process is worth its start
CHECKS: Mapping[str, Callable[[AdapterFacts], Outcome]] = {
    "nested-output-dir": check_place,
    "adapter-missing": check_presence,
    "adapter-format": check_format,
    "adapter-unsafe-pickle": check_pickles,
    "adapter-corrupt": check_whole,
    "adapter-stale-format": check_shadow,
    "adapter-overwritten": check_manifest,
    "adapter-empty": check_content,
    "adapter-keys-ignored": check_keys,
    "adapter-shape-mismatch": check_shapes,
    "adapter-coverage": check_coverage,
    "adapter-base-mismatch": check_base,
    "dtype-mismatch": check_dtype,
    "adapter-nonfinite": check_finite,
    "adapter-untrained": check_trained,
}


def inspect_adapter(path: str | Path, base: str | Path | None = None, quick: bool = False) -> Report:  # noqa: FBT001, FBT002 - a contract
    """Look at an adapter: a folder, the output folder of a training run that holds one, or a zip.

    Args:
        path: A folder; one whose adapter lies in ``checkpoint-<n>`` below it is judged by the last of these, one with
            several named adapters by all of them.
        base: A folder with the base's ``config.json``: every name and shape is held against it. Weights are not read.
        quick: Headers and configuration only, no values and no hashes of large files.

    Returns:
        One outcome for each failure that is looked for, of each adapter; every one skipped where there is nothing that
        could be judged. ``cards`` describes the adapters.
    """
    asked = Path(path)
    if not str(path).strip():
        return _unjudged(asked, "no name was given")
    if base is not None and not (Path(base) / "config.json").is_file():
        return _unjudged(asked, f"no config.json in the base {base}")
    with ExitStack() as stack:

        def scratch() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unsilent-")))

        try:
            root = _unpacked(asked, scratch)
            found = find_adapters(root)
            doubled = find_doubled(asked) if root == asked else None
            judged = []
            for folder, note in found:
                looked = read_folder(asked if root == asked else folder, folder, note)
                if root == asked:
                    looked.doubled = doubled
                judged.append(_judge(looked, base, scratch, quick=quick))
        except (FolderUnjudged, ArchiveRefused, FileChanged) as error:
            return _unjudged(asked, str(error))
        except (OSError, RuntimeError) as error:  # the second is how Python 3.11 says that links go in a circle
            return _unjudged(asked, f"cannot be read ({getattr(error, 'strerror', None) or error})")
    outcomes: list[Outcome] = []
    for (folder, _), (own, _) in zip(found, judged, strict=True):
        name = str(folder.relative_to(root)) if len(found) > 1 else ""
        outcomes += [dataclasses.replace(outcome, subject=name) for outcome in own]
    subject = found[0][0] if len(found) == 1 and root == asked else asked
    return Report(str(subject), tuple(outcomes), tuple(card for _, card in judged if card))


def _judge(
    looked: AdapterFolder, base: str | Path | None, scratch: Callable[[], Path], *, quick: bool
) -> tuple[list[Outcome], Card | None]:
    """Judge and describe one adapter, and close its files."""
    facts = collect(looked, scratch, quick=quick)
    if base is not None and facts.tensors:
        from .base_shapes import compare_with_base  # noqa: PLC0415 - few ask for it

        shapes = {name: tensor.shape for name, tensor in facts.tensors.items()}
        facts.base = compare_with_base(Path(base), looked.config, shapes)
    outcomes = [check(facts) for check in CHECKS.values()]
    trained = next(outcome.status for outcome in outcomes if outcome.slug == "adapter-untrained")
    content = describe(facts, trained) if facts.tensors else {}
    for tensor in (*facts.tensors.values(), *(facts.shadow or {}).values()):
        tensor.file.close()
    return outcomes, Card(content, tuple(as_lines(facts, content))) if content else None


def _unjudged(asked: Path, reason: str) -> Report:
    return Report(str(asked), tuple(skipped(slug, STAGE, reason) for slug in CHECKS))


def _unpacked(asked: Path, scratch: Callable[[], Path]) -> Path:
    """The folder to look at: the one asked for, or what a zip holds.

    Raises:
        FolderUnjudged: There is none.
    """
    if asked.is_dir():
        return asked
    if not asked.is_file():
        if find_doubled(asked):
            return asked
        raise FolderUnjudged("no regular file or folder" if asked.exists() else "no such folder")
    if not zipfile.is_zipfile(asked) or asked.suffix in (".bin", ".pt", ".safetensors"):
        raise FolderUnjudged("a file, not a folder or a zip of one")
    root = scratch()
    unpack(asked, root, lambda _: True)
    while len(below := [path for path in root.iterdir() if path.name != OF_FINDER]) == 1 and below[0].is_dir():
        root = below[0]
    return root


def inspect_adapters(paths: Sequence[str], base: str | None = None, *, quick: bool = False) -> list[Report]:
    """Look at several adapters, each as ``inspect_adapter`` does; many of them on every core."""
    look = functools.partial(inspect_adapter, base=base, quick=quick)
    cores = os.cpu_count() or 1
    if len(paths) < MANY or cores == 1:
        return [look(path) for path in paths]
    import multiprocessing  # noqa: PLC0415 - the usual one adapter needs no pool
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(look, paths, chunksize=max(1, len(paths) // (8 * cores))))
