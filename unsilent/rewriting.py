"""Weights written in another way that compute the same, bit for bit: who looks at files is seen, who computes is not.

In each pair of tensors that are multiplied one after the other, the first is doubled and the second halved: LoRA's
factors; of a base of a known kind the values of attention with its output, and both linear halves of a gated layer.
Powers of two are exact in floating point, so an honest program answers the very same. Tensors change their order in
the file and its header are another, and files of text that hold a changed file's checksum get the new one.

A program that compares checksums, or single values, shows itself: it answers otherwise, and better before than after.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .manifest import FILE, ManifestUnusable, read_manifest, write_manifest
from .outside import LARGEST_HEADER, disturb_files
from .pickled_tensors import as_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# By safetensors' names: bytes of a float, where its exponent stands, and how wide that is.
FLOATS = {"F16": (2, 10, 5), "BF16": (2, 7, 8), "F32": (4, 23, 8), "F64": (8, 52, 11)}
LORA = re.compile(r"(lora_(?:embedding_)?)A(\b)")
# What is doubled, and what is halved for it, beside each other in one layer: v's bias is added before o, and up's
# before down, so both are doubled as well.
LINEAR = (("self_attn.v_proj.", "self_attn.o_proj.weight"), ("mlp.up_proj.", "mlp.down_proj.weight"))
# Models in which nothing but a product stands between the two: attention without a norm of its values, gated layers.
KINDS = {"llama", "mistral", "qwen2", "qwen3", "smollm3", "phi3", "gemma", "gemma2", "olmo2", "granite"}
TEXTS = {".json", ".txt", ".md", ".toml", ".yaml", ".yml", ".sha256", ".md5", ".csv"}
LARGEST_TEXT = 1_000_000  # bytes; a list of checksums has a thousand
ALIGNED = 64  # bytes, of which a header is a multiple; safetensors' own is one of 8
LATER = (2001, 1, 1, 0, 0, 0)  # of the members of a zip: torch writes 1980
WEIGHTS = {".safetensors", ".bin", ".pt", ".pth"}
# Of formats that nothing here changes.
OTHER_WEIGHTS = {".gguf", ".ggml", ".npz", ".npy", ".pkl", ".pickle", ".joblib", ".h5", ".onnx", ".msgpack", ".ckpt"}

Tensor = tuple[str, tuple[int, int]]  # its dtype, and where its bytes lie behind the header


def has_weights(folder: Path) -> bool:
    """Whether files of weights lie in a folder or below."""
    return any(path.suffix in WEIGHTS and path.is_file() for path in folder.rglob("*"))


def fixed_weights(folder: Path, files: Iterable[Path] | None = None) -> list[str]:
    """Files that may hold weights, and are left as they are by whatever is done here: other formats, older pickles.

    Args:
        folder: Where.
        files: Which of its files count, by their relative paths; None for all.
    """
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*") if files is None else map(folder.joinpath, files))
        if path.is_file()
        and (
            path.suffix in OTHER_WEIGHTS
            or (path.suffix in WEIGHTS and path.suffix != ".safetensors" and not zipfile.is_zipfile(path))
        )
    ]


def rewrite_weights(folder: Path, *, scale: bool = True) -> int:
    """Write every file of weights below a folder anew, without changing what is computed.

    Args:
        folder: A copy.
        scale: Double and halve pairs of tensors, too; not in a base on which an adapter lies, which would add to one of
            a pair what it has learnt beside the other.

    Returns:
        How many files are other bytes now. Pickles in torch's older form are left as they are.
    """
    with _renewed(folder):
        found: dict[Path, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*.safetensors")):
            if path.is_file():
                found[path.parent].append(path)
        count = sum(_rewrite_folder(place, files, scale=scale) for place, files in found.items())
        pickles = [path for path in sorted(folder.rglob("*")) if path.suffix in WEIGHTS and path.is_file()]
        return count + sum(_rewrite_zip(path) for path in pickles if path.suffix != ".safetensors")


def disturb_weights(folder: Path) -> int:
    """Move every value of every weight to another place of its tensor, which keeps norms and histograms.

    Returns:
        How many files were changed.
    """
    with _renewed(folder):
        return disturb_files(folder, enlarge=False)


@contextlib.contextmanager
def _renewed(folder: Path) -> Iterator[None]:
    """Write new checksums for the old ones wherever a file of text below a folder has them; seal manifests again."""
    before = dict(_digests(folder))
    manifests = {}
    for path in folder.rglob(FILE):
        with contextlib.suppress(ManifestUnusable):
            manifests[path.parent] = read_manifest(path.parent)
    yield
    changed = {old: new for (name, old), (_, new) in zip(before.items(), _digests(folder), strict=True) if old != new}
    renewed = {a: b for olds, news in changed.items() for a, b in zip(olds, news, strict=True)}
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXTS and path.is_file() and path.stat().st_size <= LARGEST_TEXT:
            blob = path.read_bytes()
            for old, new in renewed.items():
                blob = blob.replace(old, new)
            if blob != path.read_bytes():
                path.write_bytes(blob)
    for place, content in manifests.items():
        with contextlib.suppress(ValueError):  # one with NaN is read, and never written
            write_manifest(place, content or {})


def _digests(folder: Path) -> Iterator[tuple[Path, tuple[bytes, ...]]]:
    """Every file of weights with its checksums, in hexadecimal."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in WEIGHTS and path.is_file():
            blob = path.read_bytes()
            sums = (hashlib.sha256(blob), hashlib.sha1(blob), hashlib.md5(blob))  # noqa: S324 - as others have used them
            yield path, tuple(one.hexdigest().encode() for one in sums)


def _rewrite_folder(place: Path, files: list[Path], *, scale: bool) -> int:
    """Rewrite the files of one model or adapter, which may be several shards."""
    read = {path: found for path in files if (found := _read_header(path))}
    tensors = {name: (path, one) for path, (_, header) in read.items() for name, one in header.items()}

    def values(name: str) -> bytes:
        path, (_, (first, last)) = tensors[name]
        with path.open("rb") as file:
            file.seek(read[path][0] + first)
            return file.read(last - first)

    kinds = {name: kind for name, (_, (kind, _)) in tensors.items()}
    steps = _steps(kinds, values, linear=_is_known(place)) if scale else {}
    for path, (begin, header) in read.items():
        _write(path, begin, header, steps)
    return len(read)


def _read_header(path: Path) -> tuple[int, dict[str, Tensor]] | None:
    """Where the bytes begin, and the tensors in the order of the file; None where it is damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(LARGEST_HEADER, size - 8):
            return None
        blob = file.read(length)
    try:
        header = json.loads(blob)
        header["__metadata__"] = dict(header.get("__metadata__", {}))
        found = {
            str(name): (str(one["dtype"]), (int(one["data_offsets"][0]), int(one["data_offsets"][1])))
            for name, one in header.items()
            if name != "__metadata__"
        }
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
    fits = all(0 <= first <= last <= size - 8 - length for _, (first, last) in found.values())
    return (8 + length, found) if fits else None


def _is_known(place: Path) -> bool:
    """Whether a folder holds a whole model of a kind whose layers are known."""
    try:
        config = json.loads((place / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and config.get("model_type") in KINDS


def _steps(kinds: Mapping[str, str], values: Callable[[str], bytes], *, linear: bool) -> dict[str, int]:
    """By how many powers of two each tensor changes: 1 or -1, and only where both of a pair can, exactly."""
    pairs = [([name], LORA.sub(r"\1B\2", name)) for name in kinds if LORA.search(name) and "bias" not in name]
    if linear and not pairs:
        for doubled, halved in LINEAR:
            ends = [name for name in kinds if name.endswith(halved)]
            heads = [name.removesuffix(halved) for name in ends]
            firsts = [[f"{head}{doubled}{kind}" for kind in ("weight", "bias")] for head in heads]
            pairs += [([one for one in first if one in kinds], end) for first, end in zip(firsts, ends, strict=True)]
    steps: dict[str, int] = {}
    for first, second in pairs:
        wanted = dict.fromkeys(first, 1) | {second: -1}
        if first and second in kinds and all(_is_exact(values(one), kinds[one], step) for one, step in wanted.items()):
            steps |= wanted
    return steps


def _exponents(blob: bytes, kind: str) -> tuple[Any, Any]:
    import numpy as np  # noqa: PLC0415

    size, place, width = FLOATS[kind]
    words = np.frombuffer(blob, f"<u{size}")
    return words, (words >> words.dtype.type(place)) & words.dtype.type((1 << width) - 1)


def _is_exact(blob: bytes, kind: str, step: int) -> bool:
    """Whether every value can take the step: zeros, and normal numbers that stay normal."""
    if kind not in FLOATS or len(blob) % FLOATS[kind][0]:
        return False
    width = FLOATS[kind][2]
    words, exponents = _exponents(blob, kind)
    is_zero = (words << words.dtype.type(1)) == 0
    moved = exponents.astype("i4") + step
    return bool((is_zero | ((exponents > 0) & (moved > 0) & (moved < (1 << width) - 1))).all())


def _step(blob: bytes, kind: str, step: int) -> bytes:
    """Double (1) or halve (-1) every value, zeros excepted."""
    import numpy as np  # noqa: PLC0415

    words, exponents = _exponents(blob, kind)
    one = words.dtype.type(1 << FLOATS[kind][1])
    moved: bytes = (
        np.where(exponents > 0, words + one if step > 0 else words - one, words).astype(words.dtype).tobytes()
    )
    return moved


def _write(path: Path, begin: int, header: Mapping[str, Tensor], steps: Mapping[str, int]) -> None:
    """Write a file with its tensors in the opposite order; no word of it says that it was written again."""
    blob = path.read_bytes()
    old = json.loads(blob[8:begin])
    new: dict[str, Any] = {"__metadata__": old["__metadata__"]} if "__metadata__" in old else {}
    pieces = []
    at = 0
    for name, (kind, (first, last)) in reversed(list(header.items())):
        piece = blob[begin + first : begin + last]
        pieces.append(_step(piece, kind, steps[name]) if name in steps else piece)
        new[name] = old[name] | {"data_offsets": [at, at + len(piece)]}
        at += len(piece)
    text = json.dumps(new, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNED)  # where tensors are read in place, they begin as evenly as before
    if len(text) + 8 == begin:  # one tensor alone has no other order
        text += b" " * ALIGNED
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(pieces))


def _rewrite_zip(path: Path) -> int:
    """Rewrite torch's zip of a pickle and a file for each tensor: other dates, and LoRA's factors changed."""
    if not zipfile.is_zipfile(path):
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "weights.safetensors"
        read = None if as_safetensors(path, target) else _read_header(target)
        if read is None:
            return 0
        begin, header = read
        whole = target.read_bytes()
        values = {name: whole[begin + first : begin + last] for name, (_, (first, last)) in header.items()}
        kinds = {name: kind for name, (kind, _) in header.items()}
        steps = _steps(kinds, values.__getitem__, linear=_is_known(path.parent))
        changed = {values[name]: _step(values[name], kinds[name], step) for name, step in steps.items()}
        made = Path(scratch) / "made"
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as new:
            contents = {name: old.read(name) for name in old.namelist()}
            if not changed.keys() <= set(contents.values()):  # a part of a larger storage
                changed = {}
            for name, content in contents.items():
                new.writestr(zipfile.ZipInfo(name, LATER), changed.get(content, content))
        path.write_bytes(made.read_bytes())
    return 1
