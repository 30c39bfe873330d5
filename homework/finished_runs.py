"""What is left of a run that was finished: killed after its adapter was saved, before its checkpoints were removed.

Both would stay for ever otherwise: ``train`` is refused because an adapter is there, ``--resume`` too, and nobody can
tell from a name that ``sft_model.unfinished`` is of no more use. A module of its own because it needs both sides, the
adapter's manifest and ``run.json``; an adapter counts as that run's only when the two say the same of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .adapter_files import read_manifest
from .adapter_store import finished_at
from .errors import RunRefused
from .unfinished import RUN, claim_run, unfinished_beside

if TYPE_CHECKING:
    from pathlib import Path


def clear_finished(output: Path) -> None:
    """Remove what is left of the run whose adapter lies in ``output``, whole, and say so; of any other run nothing."""
    folder = unfinished_beside(output)
    if not _is_finished(output, folder / RUN):
        return
    try:
        with claim_run(output, resume=True, overwrite=False) as run:
            run.adopt()
    except RunRefused:  # another process is about to do so, or somebody has put something there
        return
    print(f"note:        the run of {output.name} was finished: what was left in {folder} is removed", flush=True)


def _is_finished(output: Path, path: Path) -> bool:
    """Whether an adapter is that of a run: made later, with the same options, and gone on with at the same steps."""
    try:
        run: Any = json.loads(path.read_bytes())
        begun, resumed, identity = str(run["created"]), run["resumed"], dict(run["identity"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return False
    made = finished_at(output)
    if made is None or made <= begun:
        return False
    manifest = read_manifest(output)
    config = manifest.get("config") or {}
    shared = identity.keys() & config.keys()
    is_same = bool(shared) and all(identity[name] == config[name] for name in shared)
    return is_same and manifest.get("resumed") == resumed
