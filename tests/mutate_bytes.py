"""Mutations of bytes and headers: what a bad disk, a broken copy or a lying writer does to files.

Imported for its effect: each function enters itself in the list of ``tests/mutations.py``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from mutations import (
    CONTRADICTS,
    HARMLESS,
    JUDGE_CONTENT,
    MANIFEST,
    Subject,
    Verdict,
    cut,
    flip,
    header_of,
    join,
    load,
    mutation,
    split,
    store,
)

ABSURD: list[list[Any]] = [
    [2**62, 2**62], [-1, 4], [4.5, 2], [True, 4], ["4", 2], [None], [[4]], [0, 2**63], [10**400], [1] * 100_000,
    [2**31, 2**33],
]  # fmt: skip
DTYPES = [
    "F64",
    "F32",
    "F16",
    "BF16",
    "I64",
    "I32",
    "I16",
    "I8",
    "U8",
    "BOOL",
    "F8_E4M3",
    "F8_E5M2",
    "F4",
    "f32",
    "",
    "Q4",
]


@mutation(weight=3)
def flip_in_header(subject: Subject) -> Verdict:
    """One byte of the header is another."""
    flip(subject.weights, subject.rng, 8, 8 + len(split(subject.weights)[0]))
    return JUDGE_CONTENT


@mutation(weight=0.5)
def flip_in_header_length(subject: Subject) -> Verdict:
    """One bit of the first eight bytes is another."""
    flip(subject.weights, subject.rng, 0, 8)
    return JUDGE_CONTENT


@mutation(weight=3)
def flip_in_data(subject: Subject) -> Verdict:
    """One byte of a tensor is another: mostly a plausible number, at times none."""
    flip(subject.weights, subject.rng, 8 + len(split(subject.weights)[0]))
    return JUDGE_CONTENT


@mutation(weight=3)
def flip_in_config(subject: Subject) -> Verdict:
    """One byte of the configuration is another."""
    flip(subject.config, subject.rng)
    return JUDGE_CONTENT


@mutation(needs_manifest=True)
def flip_in_manifest(subject: Subject) -> Verdict:
    """One byte of the manifest is another; but for white space it is sealed."""
    path = subject.path / MANIFEST
    before = json.loads(path.read_bytes())
    flip(path, subject.rng)
    try:
        same = json.loads(path.read_bytes()) == before
    except ValueError:
        same = False
    return HARMLESS if same else CONTRADICTS


@mutation(weight=2)
def cut_weights(subject: Subject) -> Verdict:
    """The weights end too early."""
    cut(subject.weights, subject.rng)
    return CONTRADICTS


@mutation()
def cut_config(subject: Subject) -> Verdict:
    """The configuration ends too early."""
    cut(subject.config, subject.rng)
    return JUDGE_CONTENT


@mutation(needs_manifest=True, weight=0.5)
def cut_manifest(subject: Subject) -> Verdict:
    """The manifest ends too early."""
    path = subject.path / MANIFEST
    path.write_bytes(path.read_bytes().rstrip())
    cut(path, subject.rng)
    return CONTRADICTS


@mutation()
def bytes_appended(subject: Subject) -> Verdict:
    """Something follows the weights or the configuration."""
    path = subject.some_file()
    with path.open("ab") as file:
        file.write(subject.rng.choice([b"\0", b"\n", b"{}", b"PK\3\4", subject.rng.randbytes(100), bytes(4096)]))
    return JUDGE_CONTENT


@mutation(weight=2)
def dtype_lie(subject: Subject) -> Verdict:
    """A tensor, or every one, claims another dtype, of the same size or not."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    dtype = subject.rng.choice(DTYPES)
    names = list(header) if subject.rng.random() < 0.3 else [subject.rng.choice(list(header))]
    for name in names:
        header[name]["dtype"] = dtype
    join(subject.weights, header, data)
    return JUDGE_CONTENT


@mutation(weight=2)
def shape_lie(subject: Subject) -> Verdict:
    """A tensor claims another shape, of the same number of elements or not."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    entry = header[subject.rng.choice(list(header))]
    shape = list(entry["shape"])
    place = subject.rng.randrange(len(shape))
    match subject.rng.randrange(5):
        case 0:
            shape[place] += subject.rng.choice([-1, 1])
        case 1:
            shape.reverse()
        case 2:
            shape = [*shape, 1]
        case 3:
            shape = [math.prod(shape)]
        case _:
            shape = [1, *shape]
    entry["shape"] = shape
    join(subject.weights, header, data)
    return JUDGE_CONTENT


@mutation()
def rank_changed(subject: Subject) -> Verdict | None:
    """Every A and B is cut to a smaller rank, in a file that is right in itself."""
    tensors = load(subject.weights)
    for name, tensor in tensors.items():
        part = name.rpartition("lora_")[2]
        if part in {"A.weight", "embedding_A"} and tensor.shape[0] > 1:
            rows = tensor.shape[0] // 2
            size = len(tensor.data) // tensor.shape[0] * rows
            tensors[name] = tensor._replace(shape=(rows, *tensor.shape[1:]), data=tensor.data[:size])
        elif part in {"B.weight", "embedding_B"} and tensor.shape[1] > 1:
            columns = tensor.shape[1] // 2
            data = tensor.data[: len(tensor.data) // tensor.shape[1] * columns]
            tensors[name] = tensor._replace(shape=(tensor.shape[0], columns), data=data)
    store(subject.weights, tensors)
    return JUDGE_CONTENT


@mutation(weight=2)
def offsets_lie(subject: Subject) -> Verdict:
    """A tensor claims other bytes: moved, longer, reversed, negative, beyond the end, of another kind, or another's."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    names = subject.rng.sample(list(header), min(2, len(header)))
    begin, end = header[names[0]]["data_offsets"]
    step = subject.rng.choice([1, 2, 4, 1024])
    lies = [
        [begin + step, end + step], [begin - step, end - step], [begin, end + step], [begin, end - step], [end, begin],
        [-step, end - begin - step], [begin + len(data), end + len(data)], [begin, 2**64], [begin + 0.5, end], [begin],
        [str(begin), end], None, [begin, end, end], header[names[-1]]["data_offsets"],
    ]  # fmt: skip
    header[names[0]]["data_offsets"] = subject.rng.choice(lies)
    join(subject.weights, header, data)
    return JUDGE_CONTENT


@mutation()
def gap_between_tensors(subject: Subject) -> Verdict:
    """Bytes that belong to no tensor, before one of them or at the end."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    name = subject.rng.choice(list(header))
    begin = header[name]["data_offsets"][0]
    for entry in header.values():
        if entry["data_offsets"][0] >= begin:
            entry["data_offsets"] = [one + 64 for one in entry["data_offsets"]]
    join(subject.weights, header, data[:begin] + bytes(64) + data[begin:])
    return CONTRADICTS


@mutation()
def overlapping_tensors(subject: Subject) -> Verdict | None:
    """Two tensors of one size share their bytes; the other's are gone, and the file is shorter by them."""
    tensors = load(subject.weights)
    name = subject.rng.choice(list(tensors))
    same = [other for other, one in tensors.items() if other != name and len(one.data) == len(tensors[name].data)]
    if not same:
        return None
    lost = subject.rng.choice(same)
    gone = tensors.pop(lost)
    store(subject.weights, tensors)
    header, data = header_of(subject.weights), split(subject.weights)[1]
    entry = {"dtype": gone.dtype, "shape": list(gone.shape), "data_offsets": header[name]["data_offsets"]}
    join(subject.weights, header | {lost: entry}, data)
    return CONTRADICTS


@mutation()
def key_twice(subject: Subject) -> Verdict:
    """The header names a tensor twice, as it was or with other bytes."""
    header, data = split(subject.weights)
    entries = header_of(subject.weights)
    name, donor = subject.rng.choice(list(entries)), subject.rng.choice(list(entries))
    again = f"{json.dumps(name)}:{json.dumps(entries[donor])}".encode()
    join(subject.weights, b"{" + again + b"," + header.strip()[1:], data)
    return CONTRADICTS


@mutation()
def absurd_shape(subject: Subject) -> Verdict:
    """A shape of astronomic, negative, broken or unspeakable size."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    header[subject.rng.choice(list(header))]["shape"] = subject.rng.choice(ABSURD)
    join(subject.weights, header, data)
    return CONTRADICTS


@mutation()
def header_length_lie(subject: Subject) -> Verdict:
    """The file claims a header of another length: none, too long, beyond every limit."""
    header, data = split(subject.weights)
    length = subject.rng.choice(
        [0, 1, len(header) - 1, len(header) + 1, len(header) + len(data), 10**8, 2**63, 2**64 - 1]
    )
    subject.weights.write_bytes(length.to_bytes(8, "little") + header + data)
    return JUDGE_CONTENT


@mutation()
def header_of_nonsense(subject: Subject) -> Verdict:
    """A header that is no header: a list, a string, entries that lack a field or are none, depth without end."""
    header, data = header_of(subject.weights), split(subject.weights)[1]
    name = subject.rng.choice(list(header))
    entry = header[name]
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    values: list[Any] = [None, math.nan, {}, "x" * 1000, 10**30]
    nonsense: list[Any] = [
        b"", b"[]", b"null", b"3", b'"text"', b"{", deep, b"[" * 200_000, b"\xff\xfe{}", b"{}" + bytes(8), b"NaN",
        header | {name: 3}, header | {name: [entry]}, header | {name: None}, header | {"__metadata__": [1]},
        header | {"__metadata__": {"format": 7}}, header | {"__metadata__": None, name: {}},
        *(header | {name: {key: value for key, value in entry.items() if key != lost}} for lost in entry),
        *(header | {name: entry | {key: value}} for key in entry for value in values),
    ]  # fmt: skip
    join(subject.weights, subject.rng.choice(nonsense), data)
    return CONTRADICTS
