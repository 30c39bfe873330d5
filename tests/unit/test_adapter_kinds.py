"""The adapters that count as healthy are so: PEFT loads each of them, and what it holds then is what the file holds."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from adapter_kinds import CONFIG, KINDS, MODELS, WEIGHTS, Kind
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file

from unsilent.manifest import find_changes, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

# PEFT reads neither shards, nor a zip, nor the folder above an adapter, nor a whole model.
LOADED = {name: kind for name, kind in KINDS.items() if name not in {"shards", "bin shards", "merged"}}
LOADED = {name: kind for name, kind in LOADED.items() if not kind.place or name in {"hub cache", "one checkpoint"}}


@pytest.mark.parametrize("kind", LOADED.values(), ids=LOADED.keys())
def test_kind_loads_in_peft(kind: Kind, tmp_path: Path) -> None:
    """No key of the file is left out, and every value arrives."""
    path = kind(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tied weights and the like; what is lost is looked for below
        adapted = PeftModel.from_pretrained(MODELS[kind.model]().to(kind.dtype), path, autocast_adapter_dtype=False)
        held = get_peft_model_state_dict(adapted, **kind.saving)

    if (path / WEIGHTS).is_file():
        written = load_file(path / WEIGHTS)
        assert written.keys() == held.keys()
        assert all((held[name] == tensor).all() for name, tensor in written.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_kind_can_be_written_with_a_manifest(kind: Kind, tmp_path: Path) -> None:
    """Each adapter folder has one, which describes every file in it; a zip holds one too."""
    path = kind(tmp_path, manifest=True)
    described = [config.parent for config in tmp_path.rglob(CONFIG) if "blobs" not in config.parts]

    assert path.exists()
    for folder in described:
        manifest = read_manifest(folder)
        assert manifest is not None
        assert find_changes(folder, manifest) == {}
