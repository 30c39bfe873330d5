"""The models that sample: first the base with worked examples, then what each round has learnt from the last one.

Each says of itself what the record beside the rows says of it (``model_record``), so that a row is only ever drawn
again by the model that drew it.

    unsilent check data data/rft.json --sampler homework.samplers:sampler
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from unsilent.manifest import sha256_of

from .adapter_files import PACKAGE, find_adapter
from .adapter_loading import config_hash
from .cot import CoTModel
from .precision import short_name
from .rft import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .base_llm import BaseLLM

PROJECT = PACKAGE.parent
COMMAND = "python -m homework.datagen data/rft.json"


def round_folder(output: Path, number: int) -> Path:
    """Where the adapter that was trained after a round lies: ``data/rft.rounds/round-1``."""
    return output.resolve().with_suffix(".rounds") / f"round-{number}"


def sampler_of_round(number: int, output: Path, checkpoint: str) -> BaseLLM:
    """Load what samples round ``number`` of the rows at ``output``.

    Raises:
        BadInput: Base or adapter cannot be had.
    """
    if number == 1:
        return _recorded(CoTModel(checkpoint or None), None)
    folder = round_folder(output, number - 1)
    return _recorded(load(str(folder)), folder)


def sampler(recorded: Mapping[str, Any]) -> BaseLLM:
    """Load the model of a round of the record again.

    Args:
        recorded: The round, as ``unsilent.provenance.Round`` writes it.

    Raises:
        BadInput: Base or adapter cannot be had any more.
    """
    model = recorded["model"]
    if model["adapter"]:
        folder = PROJECT / model["adapter"]["folder"]
        return _recorded(load(str(folder)), folder)
    return _recorded(CoTModel(model["base"], dtype=model["dtype"]), None)


def _recorded(llm: BaseLLM, folder: Path | None) -> BaseLLM:
    """Have the model say which one it is; an adapter inside the project is named from there, and may move with it."""
    adapter = None
    if folder:
        weights = find_adapter(str(folder), command=COMMAND).weights[0]
        inside = folder.is_relative_to(PROJECT)
        adapter = {"folder": os.path.relpath(folder, PROJECT) if inside else str(folder), "sha256": sha256_of(weights)}
    llm.model_record = {
        "base": llm.checkpoint.name,
        "config_sha256": config_hash(llm.checkpoint.path),
        "dtype": short_name(llm.model.dtype),
        "adapter": adapter,
    }
    return llm
