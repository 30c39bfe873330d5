"""Bit-exact fingerprints of weights: equal where every bit is, and computed on the device without reading it.

Ranks that train together must hold the same adapter, bit for bit: an average would hide two that drift apart in
opposite directions, and a tolerance would let a small drift grow. A fingerprint is 64 bits of each tensor, which depend
on the place of every value. It leaves the device with the other numbers of a step, which travel as float32: hence three
parts of at most 22 bits, which float32 holds exactly.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PARTS = 3  # of 22, 22 and 20 bits
PART_BITS = 22
CHUNK = 2**22  # values at once: the copies as int64 take 32 MB each
START = 4096  # values of a frozen tensor: 1.1 million of the 135M, read once
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

# Odd constants of splitmix64 and its finaliser (Steele, Lea and Flood 2014), as signed numbers: products wrap around.
STEP = -7046029254386353131
FIRST_FACTOR = -4658895280553007687
SECOND_FACTOR = -7723592293110705685


@torch.no_grad()
def fingerprint(weights: Iterable[torch.Tensor]) -> torch.Tensor:
    """Three parts for each of P tensors, (P, 3) float32 on the device of the first."""
    hashes = [_hash(weight) for weight in weights]
    if not hashes:
        return torch.zeros(0, PARTS)
    stacked = torch.stack([one.to(hashes[0].device, non_blocking=True) for one in hashes])
    mask = 2**PART_BITS - 1
    parts = [(stacked >> (PART_BITS * part)) & (mask if part < PARTS - 1 else mask >> 2) for part in range(PARTS)]
    return torch.stack(parts, dim=1).to(torch.float32)


def named_fingerprints(names: Sequence[str], values: Sequence[float]) -> Mapping[str, str]:
    """Fingerprints by name, in hexadecimal, of numbers that were read from the device."""
    words = {}
    for place, name in enumerate(names):
        low, middle, high = (int(value) for value in values[PARTS * place : PARTS * (place + 1)])
        words[name] = f"{low | middle << PART_BITS | high << 2 * PART_BITS:016x}"
    return words


def one_word(told: object) -> str:
    """A short word for numbers or names, equal where they are."""
    return hashlib.sha256(str(told).encode()).hexdigest()[:16]


def word_of_starts(weights: Mapping[str, torch.Tensor]) -> str:
    """One word for the names of weights and the first values of each: of other origin they differ there too.

    Weights that nobody trains are many, and another base is what is looked for, not a single value of it.
    """
    starts = [weight.detach().reshape(-1)[:START] for weight in weights.values()]
    words = named_fingerprints(list(weights), fingerprint(starts).flatten().tolist())
    return one_word(sorted(words.items()))


def _hash(weight: torch.Tensor) -> torch.Tensor:
    """64 bits that depend on every bit of a tensor and on its place: a sum of mixed values, in any order the same."""
    values = weight.detach()
    values = torch.view_as_real(values.resolve_conj()) if values.is_complex() else values
    flat = values.contiguous().reshape(-1)
    bits = flat.view(INTEGERS[flat.element_size()])
    total = torch.zeros((), dtype=torch.int64, device=bits.device)
    for start in range(0, bits.numel(), CHUNK):
        part = bits[start : start + CHUNK].to(torch.int64)
        mixed = part + torch.arange(start, start + part.numel(), device=bits.device) * STEP
        mixed = (mixed ^ (mixed >> 30)) * FIRST_FACTOR
        mixed = (mixed ^ (mixed >> 27)) * SECOND_FACTOR
        total += (mixed ^ (mixed >> 31)).sum()
    return total
