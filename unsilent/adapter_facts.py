"""Everything the checks of an adapter want to know, collected once: the folder is opened and its bytes read one time.

Nothing here judges. What could not be found out is a reason in words, and the checks pass that on.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import manifest as manifests
from .adapter_folder import add_tensors
from .lora_coverage import Coverage, cover
from .lora_intent import LAYER, OTHER_METHODS, Intent, read_intent
from .lora_layout import Layout, lay_out
from .name_patterns import PatternUnusable
from .pickled_tensors import as_safetensors
from .pickles import PickleScan, scan_pickle
from .tensor_files import TensorFileUnreadable, read_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .adapter_folder import AdapterFolder
    from .base_shapes import BaseComparison
    from .tensor_files import Tensor
    from .tensor_values import Values

QUICK = "values are not read with --quick"
SMALL = 1_000_000  # bytes; what is hashed with --quick, too: configurations and notes


# What a Trainer's own pickles never call. They hold any class of a library, so that no list of what is allowed fits.
DANGEROUS = tuple(
    f"{module}."
    for module in (
        *("os", "posix", "nt", "subprocess", "pty", "shutil", "socket", "sys", "runpy", "importlib", "imp", "code"),
        *("ctypes", "multiprocessing", "webbrowser", "urllib", "http", "requests", "pickle", "pip", "setuptools"),
    )
) + tuple(f"builtins.{name}" for name in ("eval", "exec", "compile", "open", "__import__", "input", "breakpoint"))


@dataclass
class AdapterFacts:
    """What is known of one adapter.

    Attributes:
        looked: The folder.
        complaints: What PEFT could not use of the configuration.
        unread: Why its tensors are not known; empty when they are.
        scans: What was seen in the opcodes of each pickle.
        foreign: What other pickles in the folder would call that no training leaves behind.
        shadow: Tensors of weights in another format that PEFT does not read; None where these cannot be read.
        layout: Its tensors as LoRA's; None where they are not, with ``unlaid`` saying why.
        values: What was seen in each tensor; None where they were not read, with ``unlooked`` saying why.
        norms: Frobenius norm of what the adapter adds to each module's weight.
        changes: What differs from the manifest; None without a manifest.
        base: What the base says of it, where one was given.
    """

    looked: AdapterFolder
    intent: Intent
    complaints: tuple[str, ...] = ()
    unread: str = ""
    scans: dict[Path, PickleScan] = field(default_factory=dict)
    foreign: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    shadow: dict[str, Tensor] | None = None
    layout: Layout | None = None
    coverage: Coverage | None = None
    unlaid: str = ""
    values: dict[str, Values] | None = None
    unlooked: str = ""
    norms: dict[str, float] = field(default_factory=dict)
    changes: Mapping[str, str] | None = None
    base: BaseComparison | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that a loader would read."""
        return self.looked.tensors

    @property
    def on_base(self) -> BaseComparison | None:
        """What a base said, where one was given and could be asked."""
        return self.base if self.base and not self.base.complaint else None

    @property
    def layer_norms(self) -> dict[str, float]:
        """Norm of the update of each layer, all its modules together; of what stands outside of layers by its name."""
        squares: dict[str, float] = defaultdict(float)
        for path, norm in self.norms.items():
            match = LAYER.match(path)
            squares[f"{match['stack']}.{match['index']}" if match else path] += norm * norm
        return {name: math.sqrt(square) for name, square in squares.items()}


def collect(looked: AdapterFolder, scratch: Callable[[], Path], *, quick: bool) -> AdapterFacts:
    """Read what there is.

    Args:
        looked: The folder.
        scratch: Gives a folder for the tensors of pickles, made when it is first asked.
        quick: Headers and configuration only.

    Raises:
        FileChanged: A file is not what it was when reading began.
        OSError: The file system said no.
    """
    intent = read_intent(looked.config)
    facts = AdapterFacts(looked, intent, intent.complaints)
    _open_pickles(facts, scratch, quick=quick)
    if not quick:
        found = {
            path: [name for name in scan_pickle(path).unsafe if name.startswith(DANGEROUS)] for path in looked.foreign
        }
        facts.foreign = {path: tuple(calls) for path, calls in found.items() if calls}
    facts.unread = _why_unread(facts)
    if not facts.unread:
        facts.layout, facts.coverage, facts.unlaid = _lay_out(facts)
    _read_and_hash(facts, quick=quick)
    for file in {id(tensor.file): tensor.file for tensor in facts.tensors.values()}.values():
        file.must_be_unchanged()
    return facts


def _read_and_hash(facts: AdapterFacts, *, quick: bool) -> None:
    """Look at values, and compare the files with their manifest: side by side where there is both to do."""
    looked = facts.looked
    facts.unlooked = facts.unread or (QUICK if quick else "")
    if facts.unlooked:
        if looked.manifest is not None:
            facts.changes = manifests.find_changes(looked.folder, looked.manifest, largest=SMALL if quick else None)
        return
    from .value_reading import look_at_values  # noqa: PLC0415 - numpy, which takes as long as all else with --quick

    cores = os.cpu_count() or 1
    if looked.manifest is None:
        look_at_values(facts, cores)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - the same

    with ThreadPoolExecutor(1) as beside:  # hashing leaves the interpreter to the one who looks at the values
        hashed = beside.submit(manifests.find_changes, looked.folder, looked.manifest)
        look_at_values(facts, cores - 1)
        facts.changes = hashed.result()


def _why_unread(facts: AdapterFacts) -> str:
    looked = facts.looked
    if not looked.weights:
        return "no weights in the folder"
    if unsafe := [path.name for path in looked.weights if path in facts.scans and facts.scans[path].unsafe]:
        return f"{unsafe[0]} is not opened: its pickle would run code"
    if looked.damage:
        return f"cannot be read ({looked.damage})"
    unopened = [path.name for path in looked.pickles if path in looked.weights and not facts.tensors]
    return f"{unopened[0]} is a pickle: not opened with --quick" if unopened and QUICK in facts.unlooked else ""


def _open_pickles(facts: AdapterFacts, scratch: Callable[[], Path], *, quick: bool) -> None:
    """Look at every pickle's opcodes; read the tensors of those that are harmless."""
    looked = facts.looked
    shadow: dict[str, Tensor] | None = {}
    for path in looked.pickles:
        scan = facts.scans[path] = scan_pickle(path)
        if scan.unsafe:
            continue
        if quick:
            facts.unlooked = QUICK
            continue
        target = scratch() / f"{len(facts.scans)}.safetensors"
        complaint = scan.complaint or as_safetensors(path, target)
        if path in looked.weights and complaint:
            looked.damage = looked.damage or f"{path.name}: {complaint}"
        elif path in looked.weights:
            add_tensors(looked, target)
        else:
            shadow = _with(shadow, target) if not complaint else None
    for path in looked.shadowed:
        if path not in facts.scans:
            shadow = _with(shadow, path)
        elif facts.scans[path].unsafe or quick:
            shadow = None
    facts.shadow = shadow


def _with(shadow: dict[str, Tensor] | None, path: Path) -> dict[str, Tensor] | None:
    try:
        return None if shadow is None else shadow | read_tensors(path)
    except TensorFileUnreadable:
        return None


def _lay_out(facts: AdapterFacts) -> tuple[Layout | None, Coverage | None, str]:
    intent = facts.intent
    if not facts.looked.config or facts.complaints:
        why = "; ".join(facts.complaints) if facts.looked.config else "none that can be read"
        return None, None, f"no configuration to hold the tensors against ({why})"
    if not intent.is_lora and _looks_like_lora(facts.tensors) and intent.method != "XLORA":
        return Layout(strange=dict.fromkeys(facts.tensors, f"LoRA's, where the method is {intent.method}")), None, ""
    if not intent.is_lora:
        known = intent.method in OTHER_METHODS
        return (
            None,
            None,
            f"{intent.method[:40]} is {'known and' if known else 'unknown, so'} not judged without --base",
        )
    try:
        layout = lay_out(facts.tensors, intent)
        return layout, cover(layout, intent), ""
    except PatternUnusable as error:
        facts.complaints = (f"a pattern that cannot be used: {error}",)
        return None, None, f"no configuration to hold the tensors against ({facts.complaints[0]})"


def _looks_like_lora(tensors: Mapping[str, Tensor]) -> bool:
    return any(".lora_A." in name or name.endswith(".lora_A") for name in tensors)
