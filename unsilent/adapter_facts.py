"""Everything the checks of an adapter want to know, collected once: the folder is opened and its bytes read one time.

Nothing here judges. What could not be found out is a reason in words, and the checks pass that on.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict, deque
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

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
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .adapter_folder import AdapterFolder
    from .base_shapes import BaseComparison
    from .tensor_files import Tensor
    from .tensor_values import Update, Values

S = TypeVar("S")
T = TypeVar("T")

QUICK = "values are not read with --quick"
LARGE = 16_000_000  # bytes from which on several threads read: a core takes 7 ms for so many
ELEMENTS = 250_000  # of a tensor, in the mean, below which threads wait for one another longer than they save
MOST_THREADS = 4  # each holds one pair of factors; memory is as fast as that
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
    facts.unlooked = facts.unread or (QUICK if quick else "")
    cores = os.cpu_count() or 1
    if looked.manifest is not None and not facts.unlooked:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - takes as long as all else with --quick

        with ThreadPoolExecutor(1) as beside:  # hashing leaves the interpreter to the one who looks at the values
            hashed = beside.submit(manifests.find_changes, looked.folder, looked.manifest)
            _look_at_values(facts, cores - 1)
            facts.changes = hashed.result()
    elif looked.manifest is not None:
        facts.changes = manifests.find_changes(looked.folder, looked.manifest, largest=SMALL if quick else None)
    elif not facts.unlooked:
        _look_at_values(facts, cores)
    for file in {id(tensor.file): tensor.file for tensor in facts.tensors.values()}.values():
        file.must_be_unchanged()
    return facts


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


def _look_at_values(facts: AdapterFacts, cores: int) -> None:
    """Read every byte once, in the order in which they lie, and measure what LoRA adds to each module.

    Reading and multiplying leave the interpreter to others: with two threads on two cores in half of the time.
    """
    from .tensor_values import look_at, look_at_update  # noqa: PLC0415 - numpy, which --quick need not load

    updates = _updates_of(facts)
    paired = {tensor.name for update in updates.values() for tensor in (update.lora_a, update.lora_b)}
    names = sorted(facts.tensors, key=lambda name: _place_of(facts.tensors[name]))
    rest = [name for name in names if name not in paired]
    paths = sorted(updates, key=lambda path: _place_of(updates[path].lora_a))
    tensors = facts.tensors.values()
    is_large = sum(one.end - one.begin for one in tensors) > LARGE
    is_worth_it = is_large and sum(one.size for one in tensors) > ELEMENTS * len(tensors)
    threads = max(1, min(MOST_THREADS, cores)) if is_worth_it else 1
    values = dict(zip(rest, _each(look_at, [facts.tensors[name] for name in rest], threads), strict=True))
    looked = dict(zip(paths, _each(look_at_update, [updates[path] for path in paths], threads), strict=True))
    for path, update in updates.items():
        values[update.lora_a.name], values[update.lora_b.name], norm = looked[path]
        if norm is not None:
            facts.norms[path] = norm
    facts.values = {name: values[name] for name in names}


def _place_of(tensor: Tensor) -> tuple[str, int]:
    return str(tensor.file.path), tensor.begin


def _each(look: Callable[[S], T], things: Sequence[S], threads: int) -> list[T]:
    """``map`` in so many threads, each of which takes the next thing when it is done with one."""
    if threads == 1 or not things:
        return [look(thing) for thing in things]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - as above

    found: dict[int, T] = {}
    left = deque(enumerate(things))

    def work(_: int) -> None:
        while (taken := _next(left)) is not None:
            place, thing = taken
            found[place] = look(thing)

    with _one_thread_a_product(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return [found[place] for place in range(len(things))]


def _next(left: deque[T]) -> T | None:
    with suppress(IndexError):  # another thread took the last
        return left.popleft()
    return None


def _one_thread_a_product() -> AbstractContextManager[object]:
    """Keep numpy's matrix products from taking every core each: with two at a time they wait for one another.

    Source: 2.9 GB/s with OpenBLAS's own threads, 3.6 without, on 2 cores.
    """
    variable = "KMP_DUPLICATE_LIB_OK"
    was_there = variable in os.environ
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - for large adapters alone
    except ImportError:
        return nullcontext()  # slower, and as right
    if not was_there:
        os.environ.pop(variable, None)  # the import sets it, for every library of this process and its children
    limited: AbstractContextManager[object] = ThreadpoolController().select(internal_api="openblas").limit(limits=1)
    return limited


def _updates_of(facts: AdapterFacts) -> dict[str, Update]:
    """What LoRA adds, by module; of AdaLoRA, which has a factor between the two, nothing."""
    from .tensor_values import Update  # noqa: PLC0415 - numpy

    layout = facts.layout
    if facts.intent.method != "LORA" or layout is None:
        return {}
    return {
        path: Update(module.lora_a, module.lora_b, layout.ranks[path], layout.scales[path])
        for path, module in layout.modules.items()
        if module.lora_a is not None and module.lora_b is not None
    }
