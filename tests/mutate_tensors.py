"""Mutations of keys and values, in files that are right in themselves: what a wrong state dict looks like on disk.

Imported for its effect: each function enters itself in the list of ``tests/mutations.py``.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
from adapter_truth import CONFIG, FLOATS, LAYER, PREFIX, WEIGHTS, Tensor
from mutations import CONSISTENT, CONTRADICTS, JUDGE_CONTENT, Subject, Verdict, load, mutation, store

if TYPE_CHECKING:
    from collections.abc import Callable

# bit patterns: infinity, quiet and signalling NaN, and their negatives
UNUSABLE = {
    "F32": (0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF),
    "F16": (0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFFFF),
    "BF16": (0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFFF),
}
STRANGE = ("\x1b[31mred", "\x1b]0;title\x07", "\u202egnp", "\n\nverdict: passed", "\x00", "\r", "\x9b2J", "\ud83d")


def rename(subject: Subject, change: Callable[[str], str], *, all_of: bool) -> Verdict | None:
    """Rename one key that the change touches, or all of them."""
    tensors = load(subject.weights)
    touched = [name for name in tensors if change(name) != name]
    if not touched:
        return None
    chosen = set(touched) if all_of else {subject.rng.choice(touched)}
    renamed = {change(name) if name in chosen else name: tensor for name, tensor in tensors.items()}
    if len(renamed) < len(tensors):
        return None
    store(subject.weights, renamed)
    return JUDGE_CONTENT


def module_of(name: str) -> str:
    """The module of a LoRA key."""
    return re.sub(r"\.(lora_\w+)(\.\w+)?$", "", name)


@mutation("LoRA", weight=2)
def prefix_of_keys(subject: Subject) -> Verdict | None:
    """Keys lose PEFT's prefix, get it twice, or get another, as wrappers give it."""
    new = subject.rng.choice(
        ["", PREFIX * 2, "base_model.", "module." + PREFIX, "_orig_mod." + PREFIX, "Base_model.model."]
    )
    return rename(subject, lambda name: name.replace(PREFIX, new, 1), all_of=subject.rng.random() < 0.5)


@mutation("LoRA", weight=2)
def infix_of_keys(subject: Subject) -> Verdict | None:
    """The adapter's name stays in the key, as in a live model's state dict, or the kind of matrix changes."""
    old, new = subject.rng.choice(
        [(r"lora_([AB])\.weight", r"lora_\1.default.weight"), (r"lora_A\.", "lora_X."), (r"lora_B\.", "lora_b."),
         (r"lora_", "lore_"), (r"\.weight$", ""), (r"lora_A\.weight", "lora_down.weight"), (r"\.weight$", ".weights")]
    )  # fmt: skip
    return rename(subject, lambda name: re.sub(old, new, name), all_of=subject.rng.random() < 0.5)


@mutation("LoRA", weight=2)
def layer_of_keys(subject: Subject) -> Verdict | None:
    """One tensor, one module, or a whole layer goes to another layer number."""
    tensors = load(subject.weights)
    layered = [name for name in tensors if LAYER.fullmatch(name)]
    if not layered:
        return None
    name = subject.rng.choice(layered)
    new = subject.rng.choice([0, 1, 3, 7, 31, 10**6])
    match = LAYER.fullmatch(name)
    assert match is not None
    mine = subject.rng.choice([name, module_of(name) + ".", f"{match['stack']}.{match['layer']}."])

    def move(key: str) -> str:
        return re.sub(r"\.\d+\.", f".{new}.", key, count=1) if key.startswith(mine) else key

    return rename(subject, move, all_of=True)


@mutation("LoRA")
def layer_written_otherwise(subject: Subject) -> Verdict | None:
    """Layer numbers with zeros before them, a sign, or in words."""
    new = subject.rng.choice([r".0\1.", r".-\1.", r".layer\1.", r".\1.0."])
    return rename(subject, lambda name: re.sub(r"\.(\d+)\.", new, name, count=1), all_of=subject.rng.random() < 0.5)


@mutation("LoRA")
def a_and_b_swapped(subject: Subject) -> Verdict | None:
    """A is called B and B is called A, in one module or in all."""
    modules = sorted({module_of(name) for name in load(subject.weights) if ".lora_A." in name})
    mine = {subject.rng.choice(modules)} if modules and subject.rng.random() < 0.5 else set(modules)
    swap = {".lora_A.": ".lora_B.", ".lora_B.": ".lora_A."}

    def change(name: str) -> str:
        return re.sub(r"\.lora_[AB]\.", lambda found: swap[found[0]], name) if module_of(name) in mine else name

    return rename(subject, change, all_of=True)


@mutation("LoRA")
def module_renamed(subject: Subject) -> Verdict | None:
    """A module gets a name that no architecture has, or that of its neighbour's parent."""
    names = list(load(subject.weights))
    last = module_of(subject.rng.choice(names)).rpartition(".")[2]
    new = subject.rng.choice(["x_proj", f"{last}.linear", last.upper(), f"old_{last}", f"{last}_"])
    return rename(subject, lambda name: name.replace(f".{last}.", f".{new}."), all_of=subject.rng.random() < 0.7)


@mutation(weight=2)
def strange_names(subject: Subject) -> Verdict:
    """A key with control characters, an escape sequence, or of absurd length, instead of another or besides."""
    tensors = load(subject.weights)
    name = subject.rng.choice(list(tensors))
    strange = subject.rng.choice([f"{name}{subject.rng.choice(STRANGE)}", subject.rng.choice(STRANGE) + name])
    tensor = tensors[name] if subject.rng.random() < 0.5 else tensors.pop(name)
    store(subject.weights, tensors | {strange: tensor})
    return CONTRADICTS


@mutation(weight=2)
def equal_tensors_exchanged(subject: Subject) -> Verdict | None:
    """Two tensors of one shape change places: nobody can see it."""
    tensors = load(subject.weights)
    name = subject.rng.choice(list(tensors))
    same = [other for other, one in tensors.items() if one[:2] == tensors[name][:2] and one.data != tensors[name].data]
    if not same:
        return None
    other = subject.rng.choice(same)
    tensors[name], tensors[other] = tensors[other], tensors[name]
    store(subject.weights, tensors)
    return CONSISTENT


@mutation("LoRA", weight=3)
def tensors_lost(subject: Subject) -> Verdict | None:
    """One tensor is not there, or a module, a layer, a column, all but one module, every A, every B."""
    tensors = load(subject.weights)
    name = subject.rng.choice(list(tensors))
    match = LAYER.fullmatch(name)
    kind = name.rpartition("lora_")[2]
    part = subject.rng.randrange(6)
    kept: Callable[[str], bool] = {
        0: lambda key: key != name,
        1: lambda key: module_of(key) != module_of(name),
        2: lambda key: match is None or not key.startswith(f"{match['stack']}.{match['layer']}."),
        3: lambda key: match is None or not key.endswith(f".{match['column']}"),
        4: lambda key: module_of(key) == module_of(name),
        5: lambda key: not key.endswith(kind),
    }[part]
    left = {key: tensor for key, tensor in tensors.items() if kept(key)}
    if len(left) == len(tensors):
        return None
    store(subject.weights, left)
    return JUDGE_CONTENT


@mutation("LoRA")
def tensors_added(subject: Subject) -> Verdict:
    """A module nobody targeted, a lone matrix, a tensor of something else."""
    tensors = load(subject.weights)
    a, b = (
        Tensor("F32", (4, 32), np.ones((4, 32), "<f4").tobytes()),
        Tensor("F32", (32, 4), np.ones(128, "<f4").tobytes()),
    )
    module = (
        f"{PREFIX}model.layers.{subject.rng.choice([0, 1, 40])}.{subject.rng.choice(['router', 'self_attn.z_proj'])}"
    )
    more = subject.rng.choice(
        [{f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}, {f"{module}.lora_A.weight": a},
         {"optimizer.state": a}, {"lora_A.weight": a}, {"": a}, {"a" * 10_000: a}, {f"{module}.weight": b}]
    )  # fmt: skip
    store(subject.weights, tensors | more)
    return JUDGE_CONTENT


@mutation(weight=2)
def not_finite(subject: Subject) -> Verdict | None:
    """One element is infinite or no number, anywhere: the first, the last, one between."""
    tensors = load(subject.weights)
    floats = [name for name, tensor in tensors.items() if tensor.dtype in UNUSABLE and tensor.data]
    if not floats:
        return None
    name = subject.rng.choice(floats)
    tensor = tensors[name]
    bits = np.frombuffer(tensor.data, f"<u{np.dtype(FLOATS[tensor.dtype]).itemsize}").copy()
    bits[subject.rng.choice([0, -1, subject.rng.randrange(len(bits))])] = subject.rng.choice(UNUSABLE[tensor.dtype])
    tensors[name] = tensor._replace(data=bits.tobytes())
    store(subject.weights, tensors)
    return CONTRADICTS


@mutation("LoRA", weight=2)
def zeroed(subject: Subject) -> Verdict | None:
    """One lora_B is zero, which training may leave so; or every one, also as -0.0, which it does not."""
    tensors = load(subject.weights)
    second = [name for name in tensors if name.endswith("lora_B.weight")]
    if not second:
        return None
    for name in second if subject.rng.random() < 0.7 else subject.rng.sample(second, 1):
        width = np.dtype(FLOATS[tensors[name].dtype]).itemsize
        zero = subject.rng.choice([bytes(width), bytes(width - 1) + b"\x80"])
        tensors[name] = tensors[name]._replace(data=zero * (len(tensors[name].data) // width))
    store(subject.weights, tensors)
    return JUDGE_CONTENT


@mutation()
def empty_tensors(subject: Subject) -> Verdict:
    """Tensors of shape [0], as a sharded optimizer leaves them: one, every one; or a file without any."""
    tensors = load(subject.weights)
    match subject.rng.randrange(4):
        case 0:
            tensors = {}
        case 1:
            tensors = {name: tensor._replace(shape=(0,), data=b"") for name, tensor in tensors.items()}
        case _:
            name = subject.rng.choice(list(tensors))
            shape = subject.rng.choice([(0,), (0, *tensors[name].shape[1:]), (*tensors[name].shape[:-1], 0)])
            tensors[name] = tensors[name]._replace(shape=shape, data=b"")
    store(subject.weights, tensors)
    return CONTRADICTS


@mutation("LoRA")
def file_of_another(subject: Subject) -> Verdict:
    """The weights, or the configuration, of another adapter lie here."""
    name = subject.rng.choice([WEIGHTS, CONFIG])
    shutil.copy(subject.other() / name, subject.path / name)
    return JUDGE_CONTENT


@mutation("LoRA")
def tensors_of_another(subject: Subject) -> Verdict:
    """Some tensors come from another adapter, whose shapes may be the same."""
    theirs, tensors = load(subject.other() / WEIGHTS), load(subject.weights)
    chosen = subject.rng.sample(list(theirs), subject.rng.randint(1, len(theirs)))
    store(subject.weights, tensors | {name: theirs[name] for name in chosen})
    return JUDGE_CONTENT
