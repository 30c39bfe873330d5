"""Mutations of what lies in a folder: links, special files, giants, shards and their index, pickles, zips.

Imported for its effect: each function enters itself in the list of ``tests/mutations.py``. None needs to be root, and
what is big is full of holes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import socket
import stat
import threading
import warnings
import zipfile
from typing import TYPE_CHECKING

import torch
from adapter_truth import CONFIG, WEIGHTS
from mutations import (
    CONSISTENT,
    CONTRADICTS,
    HARMLESS,
    INDEX,
    MANIFEST,
    Subject,
    Verdict,
    cut,
    flip,
    join,
    load,
    mutation,
    split,
    store,
)
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from pathlib import Path

BIN = "adapter_model.bin"
OUTSIDE = [
    "/etc/passwd", "/dev/zero", "/dev/random", "/dev/full", "/proc/self/mem", "/proc/kmsg", "/nowhere",
    "/proc/self/fd/0", "/", "..", ".", "../adapter",
]  # fmt: skip
GIANT = 200 * 10**9  # bytes; a file of holes
BOMB = 10**9  # bytes that deflate to one megabyte
MARKER = "executed"  # a file that appears where a pickle of ours was executed


class Evil:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, marker: Path) -> None:
        """Remember where."""
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        """Run a command."""
        return os.system, (f"touch {self.marker}",)


@mutation()
def directory_instead(subject: Subject) -> Verdict:
    """A directory has the name of the weights or the configuration, empty or with the file in it."""
    path = subject.some_file()
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    if subject.rng.random() < 0.5:
        (path / path.name).write_bytes(content)
    return CONTRADICTS


@mutation()
def file_lost(subject: Subject) -> Verdict:
    """The weights or the configuration is not there."""
    subject.some_file().unlink()
    return CONTRADICTS


@mutation(weight=2)
def link_to_elsewhere(subject: Subject) -> Verdict:
    """A link to nothing, to itself, to a device, to a secret, to the same file outside the folder."""
    path = subject.some_file()
    targets = [*OUTSIDE, path.name, f"../{path.name}", str(subject.other() / path.name)]
    outside = subject.path.parent / path.name
    path.rename(outside)
    path.symlink_to(subject.rng.choice([*targets, str(outside)]))
    return CONTRADICTS


@mutation("hub", weight=0.5)
def blob_lost(subject: Subject) -> Verdict:
    """A hub cache whose link leads to a blob that is gone, or out of the repository."""
    path = subject.some_file()
    blob = path.resolve()
    if subject.rng.random() < 0.5:
        blob.unlink()
    else:
        outside = subject.path.parents[2] / "stolen"
        blob.rename(outside)
        path.unlink()
        path.symlink_to(outside)
    return CONTRADICTS


@mutation()
def pipe_or_socket(subject: Subject) -> Verdict:
    """A FIFO, which whoever opens it waits at for ever, or a socket."""
    path = subject.some_file()
    path.unlink()
    if subject.rng.random() < 0.7:
        os.mkfifo(path)
    else:
        _listen(path)
    return CONTRADICTS


@mutation()
def pipe_beside(subject: Subject) -> Verdict:
    """A FIFO or a loop of links among the files nobody needs."""
    name = subject.rng.choice(["README.md", "notes.safetensors", "optimizer.pt", "trainer_state.json", "checkpoint-9"])
    path = subject.path / name
    path.unlink(missing_ok=True)
    if subject.rng.random() < 0.6:
        os.mkfifo(path)
    else:
        path.symlink_to(subject.rng.choice([".", path.name, "/dev/zero", "/proc/kmsg"]))
    return HARMLESS


@mutation(needs_manifest=True, weight=0.5)
def manifest_is_no_file(subject: Subject) -> Verdict:
    """The manifest is a FIFO, a folder, a link to a device, a giant, a bomb."""
    path = subject.path / MANIFEST
    path.unlink()
    match subject.rng.randrange(5):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to(subject.rng.choice(["/dev/zero", "/proc/kmsg", path.name]))
        case 3:
            _sparse(path, GIANT)
        case _:
            path.write_text('{"files":' * 100_000)
    return CONTRADICTS


@mutation()
def giant_of_holes(subject: Subject) -> Verdict:
    """200 GB in which nothing is: a header and one vast tensor, a header without end, a configuration without end."""
    match subject.rng.randrange(4):
        case 0:
            name = next(iter(load(subject.weights)))
            length = GIANT // 16 * 16
            join(
                subject.weights, {name: {"dtype": "F32", "shape": [4, length // 16], "data_offsets": [0, length]}}, b""
            )
            _sparse(subject.weights, subject.weights.stat().st_size + length)
        case 1:
            _sparse(subject.weights, GIANT)
        case 2:
            subject.weights.write_bytes((GIANT - 8).to_bytes(8, "little"))
            _sparse(subject.weights, GIANT)
        case _:
            _sparse(subject.config, GIANT)
    return CONTRADICTS


@mutation(weight=0.5)
def header_of_holes(subject: Subject) -> Verdict:
    """A header as long as safetensors allows, of zeros or of spaces."""
    header, data = split(subject.weights)
    filler = subject.rng.choice([b"\0", b" "])
    join(subject.weights, header + filler * (99_000_000 - len(header)), data)
    return CONTRADICTS if filler == b"\0" else HARMLESS


@mutation(weight=0.5)
def changing_while_read(subject: Subject) -> Verdict:
    """Somebody goes on cutting and restoring the weights; whatever is said, it is said, and nobody dies of SIGBUS."""
    content = subject.weights.read_bytes()

    def change() -> None:
        with contextlib.suppress(OSError):  # the folder is gone when the inspection has ended
            for _ in range(200):
                os.truncate(subject.weights, len(content) // 2)
                subject.weights.write_bytes(content)

    threading.Thread(target=change, daemon=True).start()
    return HARMLESS


@mutation("shards")
def shard_lost(subject: Subject) -> Verdict:
    """One of the shards is not there."""
    subject.rng.choice(_shards(subject)).unlink()
    return CONTRADICTS


@mutation("shards")
def shards_swapped(subject: Subject) -> Verdict:
    """Two shards have each other's name, against the index."""
    first, second = _shards(subject)[:2]
    kept = subject.path / "kept"
    first.rename(kept)
    second.rename(first)
    kept.rename(second)
    return CONTRADICTS


@mutation("shards")
def shard_damaged(subject: Subject) -> Verdict:
    """A shard is cut, has a tensor twice, or one fewer, or another's."""
    first, second = subject.rng.sample(_shards(subject), 2)
    tensors, others = load(first), load(second)
    match subject.rng.randrange(4):
        case 0:
            cut(first, subject.rng)
        case 1:
            store(first, tensors | dict([subject.rng.choice(list(others.items()))]))
        case 2:
            tensors.pop(subject.rng.choice(list(tensors)))
            store(first, tensors)
        case _:
            shutil.copy(second, first)
    return CONTRADICTS


@mutation("shards", weight=2)
def index_lies(subject: Subject) -> Verdict:
    """The index lacks a key, has one too many, names another file, one that is not there or not here; or is none."""
    index = subject.path / INDEX
    files = json.loads(index.read_text())["weight_map"]
    name = subject.rng.choice(list(files))
    another = next(file for file in files.values() if file != files[name])
    lies: list[object] = [
        {key: file for key, file in files.items() if key != name}, files | {"base_model.model.more": another},
        files | {name: another}, files | {name: "adapter_model-00009.safetensors"}, files | {name: "../" + another},
        files | {name: "/etc/passwd"}, files | {name: 3}, files | {name: ""}, [], None, 3, {}, "text",
        dict.fromkeys(files, WEIGHTS), files | {name: "\x1b[2J"}, files | {name: CONFIG}, files | {name: "."},
    ]  # fmt: skip
    index.write_text(json.dumps({"weight_map": subject.rng.choice(lies)}))
    return CONTRADICTS


@mutation("shards", weight=0.5)
def index_is_no_index(subject: Subject) -> Verdict:
    """Something else under the index's name."""
    index = subject.path / INDEX
    index.unlink()
    match subject.rng.randrange(4):
        case 0:
            index.write_text(subject.rng.choice(["", "[]", "3", "{", '{"weight_map":' * 100_000, "null", '{"a": 1}']))
        case 1:
            os.mkfifo(index)
        case 2:
            index.symlink_to("/dev/zero")
        case _:
            _sparse(index, GIANT)
    return CONTRADICTS


@mutation(weight=0.15)
def bin_beside_differs(subject: Subject) -> Verdict:
    """An older or newer pickle lies beside, with another value, key, shape, or nothing in it."""
    tensors = load_file(subject.weights)
    name = subject.rng.choice(list(tensors))
    match subject.rng.randrange(4):
        case 0:
            tensors[name] = tensors[name] + 1
        case 1:
            tensors[name + "_old"] = tensors.pop(name)
        case 2:
            tensors[name] = torch.cat([tensors[name], tensors[name]])
        case _:
            tensors = {}
    torch.save(tensors, subject.path / BIN)
    return CONTRADICTS


@mutation("bin", weight=0.25)
def bin_damaged(subject: Subject) -> Verdict:
    """A pickled adapter that is cut, empty, of another format, without tensors or with NaN."""
    path = subject.path / BIN
    tensors = torch.load(path, weights_only=True)
    name = subject.rng.choice(list(tensors))
    match subject.rng.randrange(6):
        case 0:
            cut(path, subject.rng)
        case 1:
            path.write_bytes(subject.rng.choice([b"", b"\x80", b"PK\3\4", b"\x80\x04]q\0.", b"\x80\x02}q\0."]))
        case 2:
            save_file(tensors, path)
        case 3:
            tensors[name].view(-1)[0] = subject.rng.choice([float("nan"), float("inf")])
            torch.save(tensors, path)
        case 4:
            torch.save(subject.rng.choice([[], {}, 3, {"a": 1}, {name: "text"}, list(tensors.values())]), path)
        case _:
            del tensors[name]
            torch.save(tensors, path)
    return CONTRADICTS


@mutation("bin", weight=0.15)
def flip_in_bin(subject: Subject) -> Verdict:
    """One byte of a pickled adapter is another; most are the values of its tensors."""
    flip(subject.path / BIN, subject.rng)
    return CONSISTENT


@mutation(weight=0.5)
def pickle_under_another_name(subject: Subject) -> Verdict:
    """Code in a pickle that is called safetensors, or lies beside as the pickle PEFT would take next."""
    evil = Evil(subject.path.parent / MARKER)
    raw = pickle.dumps({"a": evil}, protocol=subject.rng.randrange(6))
    packed = io.BytesIO()
    torch.save({"a": evil}, packed)
    content = subject.rng.choice([raw, packed.getvalue()])
    if subject.rng.random() < 0.7:
        subject.weights.write_bytes(content)
    else:
        (subject.path / BIN).write_bytes(content)
    return CONTRADICTS


@mutation("bin", weight=0.3)
def evil_bin(subject: Subject) -> Verdict:
    """Code in the pickle itself, of any protocol, in torch's zip or without."""
    evil = Evil(subject.path.parent / MARKER)
    if subject.rng.random() < 0.5:
        (subject.path / BIN).write_bytes(pickle.dumps({"a": evil}, protocol=subject.rng.randrange(6)))
    else:
        torch.save({"a": evil}, subject.path / BIN)
    return CONTRADICTS


@mutation("zip", weight=2)
def flip_in_zip(subject: Subject) -> Verdict:
    """One byte of the zip is another: a date nobody reads, a name, a checksum, the content."""
    before = _contents(subject.path)
    flip(subject.path, subject.rng)
    return _judge_zip(subject.path, before)


@mutation("zip")
def zip_cut_or_longer(subject: Subject) -> Verdict:
    """The zip ends too early, or something comes before or after it."""
    before = _contents(subject.path)
    content = subject.path.read_bytes()
    match subject.rng.randrange(3):
        case 0:
            cut(subject.path, subject.rng)
        case 1:
            subject.path.write_bytes(content + subject.rng.randbytes(100))
        case _:
            subject.path.write_bytes(b"#!/bin/sh\n" + content)
    return _judge_zip(subject.path, before)


@mutation("zip", weight=2)
def weights_in_zip_replaced(subject: Subject) -> Verdict:
    """In the place of the weights lies a link, a pipe, a bomb; or they lie there twice."""
    contents = _contents(subject.path)
    weights = next(name for name in contents if name.endswith(WEIGHTS))
    way = subject.rng.randrange(4)
    with zipfile.ZipFile(subject.path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a name is there twice
        for name, content in contents.items():
            if name != weights or way == 0:
                archive.writestr(name, content)
        if way == 0:
            archive.writestr(weights, contents[weights][:-4] + b"\0\0\x80\x3f")
        elif way == 1:
            with archive.open(weights, "w", force_zip64=True) as file:
                for _ in range(BOMB // 10**7):
                    file.write(bytes(10**7))
        else:
            entry = zipfile.ZipInfo(weights)
            entry.create_system = 3  # Unix, whose modes know links and pipes
            entry.external_attr = ((stat.S_IFLNK if way == 2 else stat.S_IFIFO) | 0o644) << 16
            archive.writestr(entry, b"/etc/passwd")
    return CONTRADICTS


@mutation("zip", weight=2)
def names_in_zip(subject: Subject) -> Verdict:
    """Names that leave the folder; or strange and many ones that stay in it."""
    folder = next(name for name in _contents(subject.path) if name.endswith(WEIGHTS)).removesuffix(WEIGHTS)
    leaving = [f"{folder}../../{MARKER}", f"{subject.path.parent}/{MARKER}", f"{folder}..\\..\\{MARKER}"]
    staying = [[f"{folder}\x1b[2Jnotes.txt"], [f"{folder}notes/{number}" for number in range(20_000)]]
    leaves = subject.rng.random() < 0.6
    with zipfile.ZipFile(subject.path, "a") as archive:
        for name in [subject.rng.choice(leaving)] if leaves else subject.rng.choice(staying):
            archive.writestr(name, b"")
    return CONTRADICTS if leaves else HARMLESS


@mutation("zip", weight=0.5)
def zip_is_something_else(subject: Subject) -> Verdict:
    """A zip of nothing, of a picture, of itself; or no zip."""
    content = subject.path.read_bytes()
    match subject.rng.randrange(3):
        case 0:
            subject.path.write_bytes(
                subject.rng.choice([b"", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x1f\x8b\x08\0", b"Rar!"])
            )
        case 1:
            with zipfile.ZipFile(subject.path, "w") as archive:
                archive.writestr("adapter.zip", content)
        case _:
            with zipfile.ZipFile(subject.path, "w") as archive:
                archive.writestr("picture.png", b"\x89PNG")
    return CONTRADICTS


@mutation(weight=0.3)
def path_of_strange_name(subject: Subject) -> Verdict:
    """The folder itself has a name that writes on the terminal."""
    name = subject.rng.choice(["a\x1b[2Jb", "a\nb", "\u202ea", " a ", "-rf", "~", "%s{}", "\x9bm", "é" * 80])
    subject.path = subject.path.rename(subject.path.with_name(name))
    return HARMLESS


@mutation()
def older_copy_of_weights(subject: Subject) -> Verdict:
    """Shards of another save lie beside the whole file, or the same weights under another name."""
    names = ["adapter_model-00001-of-00002.safetensors", "adapter_model.old.safetensors", "model.safetensors"]
    shutil.copy(subject.weights, subject.path / subject.rng.choice(names))
    return HARMLESS


@mutation()
def nothing_changed(subject: Subject) -> Verdict:
    """The control: other times, another owner's mode, a note beside."""
    os.utime(subject.weights, (0, 0))
    subject.config.chmod(0o640)
    (subject.path / "notes.txt").write_text("r = 4")
    return HARMLESS


def _listen(path: Path) -> None:
    """Leave a socket there; its name may have 100 characters, so it is bound from within the folder."""
    with socket.socket(socket.AF_UNIX) as one:
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            one.bind(f"/proc/self/fd/{descriptor}/{path.name}")
        finally:
            os.close(descriptor)


def _sparse(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.truncate(size)


def _shards(subject: Subject) -> list[Path]:
    return sorted(subject.path.glob("adapter_model-*.safetensors"))


def _contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: archive.read(name) for name in names}


def _judge_zip(path: Path, before: dict[str, bytes]) -> Verdict:
    """Whether what PEFT needs still comes out of the zip as it was."""
    needed = [name for name in before if name.endswith((WEIGHTS, CONFIG))]
    try:
        with zipfile.ZipFile(path) as archive:
            whole = all(archive.read(name) == before[name] for name in needed)
    except Exception:  # noqa: BLE001 - zipfile raises half a dozen kinds
        whole = False
    return HARMLESS if whole else CONTRADICTS
