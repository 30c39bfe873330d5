"""Save adapters whole or not at all, and load them on the base and in the dtype they were trained with.

Saving fills a folder beside the target, writes the manifest last, has everything on the disk, and exchanges the two;
an adapter that cannot go where it should is kept elsewhere, and that is said. Loading never creates anything.

    python -m homework.adapter_store sft_model     # which adapter is there, whole or not; puts interrupted saves right
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapter_files import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    AdapterFiles,
    find_adapter,
    locate,
    must_be_as_written,
    read_manifest,
    weights_in,
)
from .adapter_loading import load_adapted
from .errors import BadInput, OutputRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["claim_output", "find_adapter", "load_adapted", "locate", "read_manifest", "save_adapter"]

CURVE = "curve.png"
OWN_FILES = {MANIFEST, CONFIG, CURVE, *WEIGHTS, "README.md"}  # what saving writes, and so may replace


def claim_output(folder: Path, *, overwrite: bool) -> None:
    """Make sure, before hours of training, that the adapter can be saved to ``folder`` at their end.

    What an interrupted save left beside it is put right first.

    Raises:
        OutputRefused: It is a file, cannot be written, or holds a trained adapter and ``overwrite`` was not given.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputRefused(
            expected="a folder, or a name that is free",
            got="a file",
            where=str(folder),
            action="choose another --output_dir",
        )
    if folder.is_mount():
        raise OutputRefused(
            expected="a folder that can be renamed",
            got="a mount point",
            where=str(folder),
            action=f"choose a folder below it: {folder / 'adapter'}",
        )
    from .replacing import scratch_prefix  # noqa: PLC0415 - saving only

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=scratch_prefix(folder)):
            pass
        if folder.exists():
            with tempfile.TemporaryFile(dir=folder):
                pass
        recovered = _recover(folder)
    except OSError as error:
        raise OutputRefused(
            expected="a folder that can be written",
            got=error.strerror or str(error),
            where=str(folder),
            action="choose another --output_dir, or change its permissions",
        ) from error
    if recovered:
        print(recovered, file=sys.stderr)
    if foreign := _foreign_files(folder):
        raise OutputRefused(
            expected="a folder that holds an adapter, or nothing",
            got=f"one with other things in it ({', '.join(foreign[:5])})",
            where=str(folder),
            action="choose another --output_dir: saving replaces the whole folder",
        )
    if (weights := weights_in(folder)) and not overwrite:
        raise OutputRefused(
            expected="a folder without a trained adapter",
            got=f"one that holds {weights[0].name}",
            where=str(folder),
            action="choose another --output_dir, or add --overwrite to replace it when the new one is whole",
        )


def _foreign_files(folder: Path) -> list[str]:
    """What is in a folder that saving did not put there; without an adapter in it, everything."""
    if not folder.exists():
        return []
    own = OWN_FILES if (folder / CONFIG).is_file() or _is_stopped(folder) else set()
    return sorted(entry.name for entry in folder.iterdir() if entry.name not in own)


def _is_stopped(folder: Path) -> bool:
    """Whether all that is there is the manifest of a run that was stopped before it had anything to save."""
    try:
        return bool(read_manifest(folder).get("stopped"))
    except BadInput:
        return False


def save_adapter(
    model: Any,  # noqa: ANN401 - a PEFT model, whose import costs seconds
    folder: Path,
    content: Mapping[str, object],
    extra: Mapping[str, bytes],
    *,
    overwrite: bool,
) -> None:
    """Write adapter, ``extra`` files and manifest beside ``folder``, then exchange the two: whole or not at all.

    Args:
        model: PEFT model; its adapter is saved as safetensors.
        folder: Target; what it held before is gone only when the new one is in its place.
        content: What the run chose, and why: the manifest, sealed and written last.
        extra: Further files by name, such as the plot of the run.
        overwrite: Whether an adapter that is there may be replaced.

    Raises:
        OutputRefused: No room, no permission, or somebody else saved there meanwhile. The message says where the
            adapter was kept instead.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - saving only

    from .replacing import free_name, put_in_place, scratch_beside  # noqa: PLC0415

    try:
        with scratch_beside(folder) as scratch:
            made = scratch / "new"
            _write(model, made, content, extra)
            try:
                replaced = put_in_place(made, folder, replace=overwrite)
            except FileExistsError as error:
                kept = free_name(folder, "kept")
                made.rename(kept)
                raise _refused("a place that is still free", error, folder, kept) from error
            if replaced and (foreign := _foreign_files(replaced)):
                kept = free_name(folder, "replaced")
                replaced.rename(kept)
                print(f"{folder}: {', '.join(foreign[:5])} came in since; the old folder is kept: {kept}")
    except (OSError, SafetensorError) as error:  # the second is how safetensors says that the disk is full
        elsewhere = _keep_elsewhere(model, folder.name, content, extra)
        raise _refused("room and permission to save the adapter", error, folder, elsewhere) from error


def save_stopped(model: Any, folder: Path, content: Mapping[str, object]) -> Path:  # noqa: ANN401 - a PEFT model
    """Keep the last good state of a run that a check has stopped, under a manifest that says so.

    It never takes the place of an adapter that is there; loading it for answers is refused.

    Args:
        model: None where nothing good is left, since no step was taken or a weight is not finite: the manifest alone.
        folder: Where the adapter should have gone.
        content: The manifest, with ``stopped``.

    Returns:
        Where it lies: ``folder``, or a free name beside it.

    Raises:
        OutputRefused: As for ``save_adapter``.
    """
    from .replacing import free_name  # noqa: PLC0415 - saving only

    place = free_name(folder, "stopped") if weights_in(folder) else folder
    save_adapter(model, place, content, {}, overwrite=False)
    return place


def _keep_elsewhere(model: Any, name: str, content: Mapping[str, object], extra: Mapping[str, bytes]) -> Path | None:  # noqa: ANN401
    """Save a trained adapter among the temporary files, where its own place cannot take it; None when that fails."""
    try:
        kept = Path(tempfile.mkdtemp(prefix="adapter-kept-"))
    except OSError:
        return None
    try:
        _write(model, kept / name, content, extra)
    except Exception:  # noqa: BLE001 - the first error is the one to report
        shutil.rmtree(kept, ignore_errors=True)
        return None
    return kept / name


def _write(model: Any, made: Path, content: Mapping[str, object], extra: Mapping[str, bytes]) -> None:  # noqa: ANN401
    """Fill a folder, the manifest last, and have it on the disk."""
    from unsilent.manifest import write_manifest  # noqa: PLC0415 - never on the load path

    from .replacing import write_through  # noqa: PLC0415

    if model is None:
        made.mkdir(parents=True)
    else:
        # the adapter leaves the embeddings alone; without this PEFT looks the base up on the hub to make sure
        model.save_pretrained(made, save_embedding_layers=False)
    for name, blob in extra.items():
        (made / name).write_bytes(blob)
    write_manifest(made, content)
    write_through(made)


def _refused(expected: str, error: Exception, folder: Path, kept: Path | None) -> OutputRefused:
    got = getattr(error, "strerror", None) or str(error)
    where = f"{folder}; what was there before is still there"
    instead = f"the new adapter is kept in {kept}: move it" if kept else "make room and train again"
    return OutputRefused(expected=expected, got=got, where=where, action=instead)


def finished_at(folder: Path) -> str | None:
    """When a folder's adapter was finished, as text that sorts by time; None for one that is not whole."""
    try:
        manifest = read_manifest(folder)
        if manifest:
            must_be_as_written(AdapterFiles(folder, weights_in(folder)), manifest)
            return str(manifest["created"])
    except (BadInput, OSError, KeyError):
        pass
    return None


def _recover(folder: Path) -> str:
    """Put interrupted saves right; what was done, in words."""
    from .replacing import recover  # noqa: PLC0415

    put_back, kept, removed = recover(folder, finished_at)
    words = [f"the newer adapter of one is kept in {path}" for path in kept]
    if put_back:
        words.insert(0, f"one was finished: the adapter of {finished_at(folder)} is in place")
    return f"{folder}: {len(removed)} interrupted save(s) found; {'; '.join(words) or 'removed'}" if removed else ""


def _status(name: str = "sft_model", /) -> int:
    """Say which adapter is in a place, whole or not; interrupted saves are put right first."""
    folder = locate(name).resolve()
    if recovered := _recover(folder):
        print(recovered)
    found = find_adapter(str(folder), command="python -m homework.sft train")
    manifest = read_manifest(found.folder)
    if not manifest:
        print(f"{found.folder}: {found.size_mb:.1f} MB without {MANIFEST}: nobody can say whether it is whole")
        return 2
    must_be_as_written(found, manifest)
    log = manifest["log"] if isinstance(manifest.get("log"), dict) else {}
    print(
        f"{found.folder}: whole; trained {manifest.get('created')} on {manifest['base']['name']}, "
        f"{log.get('steps')} steps, seed {manifest.get('seed')}; {found.weights[0].name} {found.size_mb:.1f} MB, "
        f"sha256 {manifest['files'][found.weights[0].name]['sha256'][:16]}"
    )
    return 0


def main() -> None:
    """Run ``python -m homework.adapter_store``."""
    from .command_line import run  # noqa: PLC0415

    run(_status, prog="homework.adapter_store")


if __name__ == "__main__":
    main()
