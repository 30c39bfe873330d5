"""Adapters on disk: every way in which a saved one is not what was trained, and every kind that is healthy.

An adapter is written by PEFT on the tiny base of the tests, with ``lora_B`` filled as if it were trained, and then
broken. Healthy ones are the kinds of ``tests/adapter_kinds.py``, each with its base beside it.
"""

from __future__ import annotations

import contextlib
import math
import os
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faults
import pytest
import support
import torch
import trainers
from adapter_kinds import KINDS, MODELS

from unsilent.manifest import write_manifest

from .registry import control, fault
from .subjects import Adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[Path], object]

FILE = "adapter_model.safetensors"


def written(folder: Path, *, manifest: bool = False, **options: Any) -> Adapter:  # noqa: ANN401
    """A healthy adapter and its base, as folders beside each other.

    With a manifest, every tool that keeps a record of the files has written its own: ``peft-doctor adapter-integrity
    --write-checksums`` too.
    """
    base = support.write_tiny_base(folder / "base")
    path = support.write_adapter(folder / "sft", base, manifest=manifest, **options)
    if manifest:
        with contextlib.suppress(ImportError):  # where it is not installed, nobody reads it
            import_module("peft_doctor").check_adapter_integrity(path, write_checksums="adapter_checksums.json")
    return Adapter(path, base)


def broken(slug: str, title: str, *causes: str, manifest: bool = False) -> Callable[[Spoil], None]:
    """Register an adapter that is written healthy and then broken by a function of its folder."""

    def register(spoil: Spoil) -> None:
        def build(folder: Path) -> Adapter:
            adapter = written(folder, manifest=manifest)
            spoil(adapter.path)
            return adapter

        fault(Adapter, *causes, slug=slug, title=title)(build)

    return register


FORMAT, MISSING, COVERAGE, IGNORED = "adapter-format", "adapter-missing", "adapter-coverage", "adapter-keys-ignored"
# slug: title, rows of the catalogue (the first has the words), and what is done to the folder
FAULTS: dict[str, tuple[str, tuple[str, ...], Spoil]] = {
    "file-cut": ("Weights cut in half", ("adapter-corrupt",), lambda at: faults.cut_file(at / FILE)),
    "bin-cut": (
        "A .bin cut in half",
        ("adapter-corrupt",),
        lambda at: faults.cut_file(support.as_bin(at) / "adapter_model.bin"),
    ),
    "header-lies": (
        "A shape in the header lies",
        ("adapter-corrupt",),
        lambda at: faults.change_header(at / FILE, "[4,32]", "[4,99]"),
    ),
    "keys-renamed": ("Keys with another prefix", (IGNORED,), lambda at: faults.rename_keys(at / FILE)),
    "part-renamed": ("mlp is called ffn in the keys", (IGNORED,), lambda at: faults.rename_tensors(at, "mlp", "ffn")),
    "another-method": ("The configuration says IA3", (IGNORED,), lambda at: faults.change_config(at, peft_type="IA3")),
    "untrained": ("Every lora_B is zero", ("adapter-untrained",), faults.forget_training),
    "other-factor-zero": (
        "Every lora_A is zero: nothing is added",
        ("adapter-untrained",),
        lambda at: faults.forget_training(at, part="lora_A"),
    ),
    "nan-on-disk": ("One NaN in a tensor", ("adapter-nonfinite",), lambda at: faults.write_value(at, math.nan)),
    "inf-in-bf16": (
        "One inf in a bf16 tensor",
        ("adapter-nonfinite",),
        lambda at: faults.write_value(at, math.inf, dtype=torch.bfloat16),
    ),
    "nan-in-bin": (
        "One NaN in a .bin",
        ("adapter-nonfinite",),
        lambda at: (faults.write_value(at, math.nan), support.as_bin(at)),
    ),
    "zero3-shards": ("Tensors without a value, as of ZeRO-3", ("adapter-empty",), faults.save_shards_of_parameters),
    "wrong-state-dict": ("A file without any tensor", ("adapter-empty",), faults.save_wrong_state_dict),
    "rank-differs": (
        "Rank 8 in the configuration, 4 on disk",
        ("adapter-shape-mismatch",),
        lambda at: faults.change_rank(at, 8),
    ),
    "stale-safetensors": (
        "An old .safetensors before a newer .bin",
        ("adapter-stale-format",),
        faults.retrain_as_bin,
    ),
    "one-module-left": (
        "Of all modules one was saved",
        (COVERAGE, IGNORED),
        lambda at: faults.keep_tensors(at, "q_proj"),
    ),
    "layer-lost": ("Tensors of one layer lost", (COVERAGE, "reload-mismatch", IGNORED), faults.drop_tensors),
    "weights-renamed": ("Weights under a name that no loader reads", (FORMAT, MISSING), faults.rename_weights),
    "config-alone": ("A configuration without weights", (MISSING,), lambda at: (at / FILE).unlink()),
    "empty-folder": (
        "An empty folder",
        (MISSING,),
        lambda at: at.rename(at.with_name("moved")).with_name("sft").mkdir(),
    ),
}
for _slug, (_title, _causes, _spoil) in FAULTS.items():
    broken(_slug, _title, *_causes)(_spoil)
OVERWRITTEN = ("adapter-overwritten",)
broken("bit-flipped", "One bit of the weights flipped", "adapter-corrupt", *OVERWRITTEN, manifest=True)(
    lambda at: faults.corrupt_byte(at / FILE)
)
broken("saved-over", "Another adapter saved over the trained one", *OVERWRITTEN, manifest=True)(
    lambda at: faults.overwrite_with(at, support.tiny_adapter(seed=1))
)
broken("fresh-saved-over", "A fresh adapter saved over it", *OVERWRITTEN, "adapter-untrained", manifest=True)(
    lambda at: faults.overwrite_with(at, trainers.fresh_adapter())
)
broken("cast-to-fp16", "Tensors cast to fp16 after training", *OVERWRITTEN, "dtype-mismatch", manifest=True)(
    faults.save_in_fp16
)


@fault(Adapter, "adapter-unsafe-pickle")
def malicious_bin(folder: Path) -> Adapter:
    """A .bin that makes a folder when it is loaded."""
    adapter = written(folder)
    faults.malicious_bin(adapter.path, folder / "ran")
    return adapter


@fault(Adapter, "adapter-unsafe-pickle", "adapter-corrupt", words="adapter-unsafe-pickle")
def malicious_safetensors(folder: Path) -> Adapter:
    """The same under the name of a safetensors file."""
    adapter = written(folder)
    faults.malicious_bin(adapter.path, folder / "ran", FILE)
    return adapter


@fault(Adapter, "adapter-unsafe-pickle")
def payload_as_weights(folder: Path) -> Adapter:
    """Weights that are nothing but a pickle's payload."""
    adapter = written(folder)
    (adapter.path / FILE).unlink()
    (adapter.path / "adapter_model.bin").write_bytes(b"\x80\x02" + faults.payload(folder / "ran") + b".")
    return adapter


@fault(Adapter, "dtype-mismatch")
def dtype_differs_from_manifest(folder: Path) -> Adapter:
    """Trained in fp32, says the manifest; saved in fp16."""
    adapter = written(folder)
    faults.save_in_fp16(adapter.path)
    write_manifest(adapter.path, support.manifest_content(str(adapter.base)))
    return adapter


@fault(Adapter, "adapter-base-mismatch")
def another_base_named(folder: Path) -> Adapter:
    """The configuration names another base than the manifest."""
    adapter = written(folder)
    faults.name_another_base(adapter.path, "org/other")
    write_manifest(adapter.path, support.manifest_content(str(adapter.base)))
    return adapter


@fault(Adapter, "adapter-base-mismatch", "adapter-shape-mismatch")
def base_of_other_width(folder: Path) -> Adapter:
    """Put on a base of another architecture."""
    adapter = written(folder)
    MODELS["gpt2"]().save_pretrained(folder / "gpt2")
    support.tiny_tokenizer().save_pretrained(folder / "gpt2")
    return Adapter(adapter.path, folder / "gpt2")


@fault(Adapter, "adapter-overwritten", "adapter-stale-format")
def old_bin_came_back(folder: Path) -> Adapter:
    """A .bin that the manifest does not list lies beside the weights."""
    adapter = written(folder, manifest=True)
    torch.save({}, adapter.path / "adapter_model.bin")
    return adapter


@fault(Adapter, "nested-output-dir", "adapter-missing", words="nested-output-dir")
def saved_one_folder_too_deep(folder: Path) -> Adapter:
    """Saved to homework/homework/sft_output."""
    base, package = support.write_tiny_base(folder / "base"), folder / "homework"
    package.mkdir()
    (package / "__init__.py").touch()
    os.environ["HOMEWORK_DATA_DIR"] = str(support.write_small_data(folder / "data"))
    os.chdir(folder)  # and the patch below: for good, this process is the cell's own
    faults.resolve_against_the_package(pytest.MonkeyPatch(), package)
    support.train_tiny(base, Path("homework/sft_output"), max_steps=1)
    return Adapter(Path("homework/sft_output"), base)


@fault(Adapter, "adapter-format", "adapter-corrupt", words="adapter-format")
def shard_lost(folder: Path) -> Adapter:
    """One of three shards is missing."""
    adapter = written(folder)
    support.as_shards(adapter.path, 3)
    (adapter.path / "adapter_model-00002-of-00003.safetensors").unlink()
    return adapter


def _healthy(name: str, folder: Path) -> Adapter:
    kind = KINDS[name]
    torch.manual_seed(0)
    base = folder / "base"
    MODELS[kind.model]().to(kind.dtype).save_pretrained(base)
    support.tiny_tokenizer().save_pretrained(base)
    path = kind(folder)
    for config in folder.rglob("adapter_config.json"):
        if not config.is_symlink() and "blobs" not in config.parts:
            faults.change_config(config.parent, base_model_name_or_path=str(base))  # here it lies
    return Adapter(path, base)


# No release of PEFT writes an adapter in shards or loads one: nobody can use them, so they are no healthy controls.
UNLOADABLE = {"shards", "bin shards"}
for _name in sorted(set(KINDS) - UNLOADABLE, key=list(KINDS).index):
    _told = _name.lower().replace(" ", "-").replace("/", "-").replace("'", "")
    control(Adapter, slug=f"adapter-{_told}", title=f"Healthy adapter: {_name}")(partial(_healthy, _name))


@control(Adapter)
def adapter_of_one_trained_module(folder: Path) -> Adapter:
    """Healthy adapter: of all its modules one was trained."""
    adapter = written(folder)
    faults.forget_training(adapter.path, keep="layers.0.self_attn.q_proj")
    return adapter


@control(Adapter)
def adapter_with_manifest(folder: Path) -> Adapter:
    """Healthy adapter: with its manifest."""
    return written(folder, manifest=True)
