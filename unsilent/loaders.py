"""Checks of code that finds and loads adapters: shown folders of every kind, does it see what is there, and only that?

The folders are made for the purpose and thrown away. What a loader is, is up to its author: a function that takes a
folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from .adapter_folder import CONFIG
from .outcome import failed, passed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "adapter"

# What a loader must find, and what it must not: files of a folder, and whether an adapter is there.
FORMATS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "safetensors alone": ((CONFIG, "adapter_model.safetensors"), True),
    "bin alone": ((CONFIG, "adapter_model.bin"), True),
    "both": ((CONFIG, "adapter_model.safetensors", "adapter_model.bin"), True),
    "shards": (
        (
            CONFIG,
            "adapter_model-00001-of-00002.safetensors",
            "adapter_model-00002-of-00002.safetensors",
            "adapter_model.safetensors.index.json",
        ),
        True,
    ),
    "configuration alone": ((CONFIG,), False),
    "nothing": ((), False),
}


def check_finder(find: Callable[[Path], object]) -> Outcome:
    """[adapter-format] Show a finder every format of an adapter folder: does it see what is there, and only that?

    Args:
        find: Says whether a folder holds an adapter: a value that is false, or an exception, means no.

    Source:
        The project's reports: only ``.bin`` was looked for, and a trained ``.safetensors`` was taken for missing.
    """
    wrong = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for number, (words, (files, there)) in enumerate(FORMATS.items()):
            folder = scratch / f"adapter-{number}"
            folder.mkdir()
            for file in files:
                _write(folder / file)
            try:
                found = bool(find(folder))
            except Exception:  # noqa: BLE001 - anybody's finder may raise anything
                found = False
            if found != there:
                wrong[words] = "taken for an adapter" if found else "taken for missing"
    if not wrong:
        return passed("adapter-format", STAGE)
    words, what = next(iter(wrong.items()))
    return failed(
        "adapter-format",
        STAGE,
        f"Expected every format to be recognised, but got {words}: {what} ({len(wrong)} of {len(FORMATS)} kinds of "
        "folders). Where: the code that looks for adapters. What to do: look for both names and for shards, and for "
        "weights beside the configuration.",
        {"wrong": wrong, "tried": len(FORMATS)},
    )


def _write(path: Path) -> None:
    """Write a file of a made-up adapter: real tensors where the format is safetensors, a beginning where it is not."""
    if path.suffix == ".json":
        path.write_text('{"peft_type": "LORA", "weight_map": {}}')
    elif path.suffix == ".safetensors":
        save_file({"base_model.model.q_proj.lora_B.weight": np.ones((2, 2), np.float32)}, path)
    else:
        path.write_bytes(b"PK")  # as a torch file begins


def check_missing(load: Callable[[Path], object]) -> Outcome:
    """[adapter-missing] Ask a loader for adapters that do not exist: it must raise, or return None, and create nothing.

    Args:
        load: Loads the adapter of a folder.

    Source:
        The project's reports: a missing adapter was created, untrained, and evaluated.
    """
    wrong = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "empty").mkdir()
        (scratch / "other").mkdir()
        (scratch / "other" / "notes.txt").write_text("not an adapter")
        (scratch / "configured").mkdir()
        _write(scratch / "configured" / CONFIG)
        for kind in ("absent", "empty", "other", "configured"):
            before = set(scratch.rglob("*"))
            try:
                what = "" if load(scratch / kind) is None else "loaded without a word"
            except (Exception, SystemExit):  # noqa: BLE001 - any exception is a word
                what = ""
            created = sorted(path.name for path in set(scratch.rglob("*")) - before)
            if created:
                what = f"{what or 'refused'}; created {', '.join(created[:5])}"
            if what:
                wrong[f"a folder that is {kind}"] = what
    if not wrong:
        return passed("adapter-missing", STAGE)
    words, what = next(iter(wrong.items()))
    return failed(
        "adapter-missing",
        STAGE,
        f"Expected an error for a missing adapter and nothing created, but got {words}: {what}. Where: the loader. "
        "What to do: raise, list what was looked for and what is there, and name the command that trains one.",
        {"wrong": wrong},
    )
