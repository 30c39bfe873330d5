"""A file is known by its content and looked through without being run.

Each malicious file is shown to be one: a child process loads it as a victim would, and the marker appears.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import random
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import faults
import pytest
import support
import torch

from unsilent import pickles
from unsilent.pickle_machine import PickleMachine
from unsilent.pickles import PickleScan, is_pickle, scan_pickle

ZIP, LEGACY, PLAIN = "a zip of torch.save", "an older file of torch.save", "a plain pickle"


def saved(value: object = None, **options: object) -> bytes:
    """What ``torch.save`` makes of a state dictionary."""
    file = io.BytesIO()
    torch.save({"a": torch.ones(2, 3)} if value is None else value, file, **options)  # type: ignore[arg-type] # passed on
    return file.getvalue()


def legacy(value: object = None) -> bytes:
    """The same in the form that was written until torch 1.6."""
    return saved(value, _use_new_zipfile_serialization=False)


def spoil(blob: bytes, marker: Path) -> bytes:
    """Put the payload behind the protocol of a pickle."""
    return blob[:2] + faults.payload(marker) + blob[2:]


def rezip(blob: bytes, changes: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Write a zip again, with members changed or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(blob)) as old, zipfile.ZipFile(target, "w", method) as new:
        contents = {name: old.read(name) for name in old.namelist()} | changes
        for name, content in contents.items():
            new.writestr(name, content)
    return target.getvalue()


def pickle_of(blob: bytes) -> bytes:
    """``data.pkl`` of a zip of torch."""
    with zipfile.ZipFile(io.BytesIO(blob)) as file:
        return file.read("archive/data.pkl")


def parts(blob: bytes) -> list[bytes]:
    """The five pickles of the older form, and the bytes behind them."""
    file, found = io.BytesIO(blob), []
    for _ in range(5):
        begin = file.tell()
        list(pickletools.genops(file))
        found.append(blob[begin : file.tell()])
    return [*found, blob[file.tell() :]]


COUNTED = torch.ones(2)
COUNTED.note = "an attribute"  # type: ignore[attr-defined] # as anybody may set one
CLEAN = {
    "tensors": saved(),
    "older form": legacy(),
    "protocol 1": saved(pickle_protocol=1),
    "protocol 3": saved(pickle_protocol=3),
    "protocol 5": saved(pickle_protocol=5),
    "older, protocol 4": saved(pickle_protocol=4, _use_new_zipfile_serialization=False),
    "state dictionary": saved(torch.nn.Linear(2, 2).state_dict()),
    "parameters": saved({"a": torch.nn.Parameter(torch.ones(2)), "b": torch.nn.Buffer(COUNTED)}),
    "ordered": saved(OrderedDict(a=torch.ones(2, requires_grad=True))),
    "float8": saved({"a": torch.ones(2).to(torch.float8_e4m3fn), "b": torch.ones(2).to(torch.bfloat16)}),
    "older float8": legacy({"a": torch.ones(2).to(torch.float8_e5m2)}),
    "sparse": saved({"a": torch.eye(3).to_sparse(), "b": torch.ones(2, device="meta")}),
    "shared": saved({"a": COUNTED, "b": COUNTED[1:], "c": COUNTED}),
    "older shared": legacy({"a": COUNTED, "b": COUNTED[1:], "c": COUNTED}),
    "python": saved({"a": b"\xff", "b": bytearray(b"x"), "c": {1}, "d": 1j, "e": torch.Size([2]), "f": torch.bfloat16}),
    "plain": pickle.dumps([1, 2]),
    "plain, protocol 0": pickle.dumps({"a": 1}, 0),
}


@pytest.mark.parametrize("blob", CLEAN.values(), ids=CLEAN)
def test_clean_file_is_left_alone(tmp_path: Path, blob: bytes) -> None:
    """No false alarm on what torch itself writes, in each form."""
    (tmp_path / "x.bin").write_bytes(blob)
    kind = ZIP if blob[:2] == b"PK" else LEGACY if len(blob) > 100 else PLAIN

    assert scan_pickle(tmp_path / "x.bin") == PickleScan(kind)
    assert is_pickle(tmp_path / "x.bin")


def test_file_without_checksums_is_clean(tmp_path: Path) -> None:
    """Torch writes zeros where it was told to save time."""
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        (tmp_path / "x.bin").write_bytes(saved())
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)

    assert scan_pickle(tmp_path / "x.bin") == PickleScan(ZIP)


def victims(marker: Path) -> dict[str, bytes]:
    """Files that make the marker when they are loaded."""
    clean, old = saved(), parts(legacy())
    data = "archive/data.pkl"
    evil = rezip(clean, {data: spoil(pickle_of(clean), marker)})
    entry = evil.index(b"PK\1\2")
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("storages")
        info.size = len(content := spoil(pickle.dumps(1, 2), marker))
        tar.addfile(info, io.BytesIO(content))
    return {
        "zip": evil,
        "packed": rezip(evil, {}, zipfile.ZIP_DEFLATED),
        "capitals": evil.replace(b"data.pkl", b"DATA.PKL"),
        "other checksum in the directory": evil[: entry + 16] + b"\0\0\0\0" + evil[entry + 20 :],
        "other name in the header": evil.replace(b"data.pkl", b"data.txt", 1),
        "something behind": evil + b"behind",
        "broken": rezip(clean, {data: spoil(b"\x80\x02", marker) + b"\xff"}),
        "first of five": b"".join([spoil(old[0], marker), *old[1:]]),
        "fourth of five": b"".join([*old[:3], spoil(old[3], marker), *old[4:]]),
        "last of five": b"".join([*old[:4], spoil(old[4], marker), *old[5:]]),
        "tar": target.getvalue(),
        "plain": spoil(pickle.dumps([1], 4), marker),
        "protocol 0": faults.payload(marker) + b"N.",
        "broken plain": faults.payload(marker) + b"\xff",
    }


LOAD = """
import pickle, sys, torch
try:
    torch.load(open(sys.argv[1], "rb"), weights_only=False)
except Exception:
    pass
"""


def test_malicious_files_are_malicious(tmp_path: Path) -> None:
    """Loaded without ``weights_only``, in a process of its own, each makes its marker; one process loads them all."""
    names = list(victims(tmp_path))
    for number, name in enumerate(names):
        (tmp_path / f"{number}.bin").write_bytes(victims(tmp_path / f"{number}.marker")[name])
    code = LOAD.replace("try", f"for number in range({len(names)}):\n  try", 1).replace("\nexcept", "\n  except")
    code = code.replace("sys.argv[1]", "f'{sys.argv[1]}/{number}.bin'")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True)

    assert [name for number, name in enumerate(names) if not (tmp_path / f"{number}.marker").exists()] == []


@pytest.mark.parametrize("name", victims(Path("marker")))
@pytest.mark.parametrize("file_name", ["adapter_model.bin", "adapter_model.safetensors"])
def test_malicious_file_is_found_and_not_run(tmp_path: Path, name: str, file_name: str) -> None:
    """By what it would import, whatever it is called and however it is broken."""
    marker = tmp_path / "marker"
    (tmp_path / file_name).write_bytes(victims(marker)[name])
    scan = scan_pickle(tmp_path / file_name)

    assert is_pickle(tmp_path / file_name)
    assert scan.unsafe in {("os.makedirs",), ("a tar, which torch reads only by running the pickles in it",)}, scan
    assert not marker.exists()


@pytest.mark.no_cover
@pytest.mark.parametrize("file_name", ["adapter_model.bin", "adapter_model.safetensors"])
def test_injected_adapter_is_found(tmp_path: Path, file_name: str) -> None:
    """The injector's file holds all tensors, and one import that no tensor needs."""
    folder = support.write_adapter(tmp_path / "a", manifest=False)
    path = faults.malicious_bin(folder, tmp_path / "marker", file_name)

    assert scan_pickle(path) == PickleScan(ZIP, ("os.makedirs",))
    assert not (tmp_path / "marker").exists()
    subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD, str(path)], check=True)
    assert (tmp_path / "marker").exists()


def as_safetensors_and_pickle(marker: Path) -> bytes:
    """A safetensors file whose length is the opcode of a text, which ends in the header; then comes the payload."""
    data = b"0" + faults.payload(marker) + b"N."
    header = b'{"x":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}' % (len(data), len(data))
    header = header.ljust(ord("V") - 2) + b"\n}"
    return len(header).to_bytes(8, "little") + header + data


def test_file_of_two_formats_is_a_pickle(tmp_path: Path) -> None:
    """Safetensors reads it, and so does pickle, which runs it."""
    from safetensors.torch import load_file

    path = tmp_path / "x.safetensors"
    path.write_bytes(as_safetensors_and_pickle(tmp_path / "marker"))

    assert list(load_file(path)) == ["x"]
    assert is_pickle(path)
    assert scan_pickle(path).unsafe == ("os.makedirs",)


def test_healthy_safetensors_is_no_pickle(tmp_path: Path) -> None:
    """Whatever length its header has: some lengths are opcodes, and names in the header have a dot, which is STOP."""
    from safetensors.torch import save

    for length in range(1, 700):
        (tmp_path / "x").write_bytes(
            save({"." * length: torch.zeros(2), "b.c": torch.full((3,), 46, dtype=torch.uint8)})
        )

        assert not is_pickle(tmp_path / "x"), length


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x80", b"\x80\x02", b"\x80\x09N.", b"PK\3\4 another zip", b"version https://git-lfs"]
)
def test_other_files_are_no_pickles(tmp_path: Path, content: bytes) -> None:
    """Nothing there, a text, a zip without a pickle; a folder."""
    (tmp_path / "x").write_bytes(content)

    assert not is_pickle(tmp_path / "x")
    assert not is_pickle(tmp_path)
    assert scan_pickle(tmp_path) == PickleScan("nothing that can be read", (), f"{tmp_path.name} is no plain file")


def changed(**changes: bytes) -> bytes:
    """A clean zip of torch with members added or changed, named as keyword arguments allow."""
    return rezip(saved(), {name.replace("__", "/"): content for name, content in changes.items()})


CLEAN_PICKLE = pickle_of(saved())


@pytest.mark.parametrize(
    ("blob", "complaint"),
    [
        (saved()[:-5], "cut off: a record"),
        (legacy()[:-5], "where its pickles and tensors need"),
        (legacy() + b"x", "where its pickles and tensors need"),
        (legacy()[:60], "cut off"),
        (pickle.dumps(1) + b"behind", "is no opcode|to work on"),
        (saved(pickle_protocol=0), "a persistent id as text"),
        (changed(archive__extra=b""), r"members that torch.save does not write: 'archive/extra' \(1\)"),
        (changed(other__version=b"3"), "several folders"),
        (changed(other__data__0=b"3"), "several folders"),
        (rezip(saved(), {"archive/data.pkl": CLEAN_PICKLE}, zipfile.ZIP_DEFLATED), "packed members"),
        (rezip(saved(), {"archive/data.pkl": CLEAN_PICKLE + b"x"}), "1 bytes behind the end of 'archive/data.pkl'"),
        (changed(archive__data__0=bytes(20)), "storage '0' should hold 24 bytes, but holds 20"),
        (saved().replace(b"/data/0", b"/data/1"), "storage '0' should hold 24 bytes, but holds none"),
        (saved().replace(b"\0\0\x80?", b"\0\0\x80@"), "archive/data/0: its bytes do not have the checksum"),
        (rezip(saved(), {}).replace(b"data.pkl", b"version2"), "does not write"),
    ],
)  # fmt: skip
def test_broken_file_says_how(tmp_path: Path, blob: bytes, complaint: str) -> None:
    """It is no more than broken: nothing unsafe."""
    import re

    (tmp_path / "x.bin").write_bytes(blob)
    scan = scan_pickle(tmp_path / "x.bin")

    assert re.search(complaint, scan.complaint), scan
    assert scan.unsafe == ()


def test_second_pickle_in_a_zip_is_looked_at(tmp_path: Path) -> None:
    """Other readers than torch take any member with that ending."""
    evil = spoil(CLEAN_PICKLE, tmp_path / "marker")
    (tmp_path / "x.bin").write_bytes(changed(other__data_pkl=b"").replace(b"other/data_pkl", b"other/data.pkl"))
    (tmp_path / "y.bin").write_bytes(rezip(saved(), {"other/x.PKL": evil}))

    assert scan_pickle(tmp_path / "x.bin").complaint == "cut off at byte 0"
    assert scan_pickle(tmp_path / "y.bin").unsafe == ("os.makedirs",)


def test_torchscript_holds_programs(tmp_path: Path) -> None:
    """An archive of another kind, with code in it."""
    (tmp_path / "x.pt").write_bytes(changed(archive__code____torch__=b"", **{"archive__constants.pkl": b"N."}))
    scan = scan_pickle(tmp_path / "x.pt")

    assert scan.unsafe == ("a TorchScript archive, which holds programs",)
    assert "does not write" in scan.complaint


def test_large_pickles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a zip by what its directory says; a plain one by its size."""
    monkeypatch.setattr(pickles, "LARGEST_PICKLE", 50)
    (tmp_path / "x.bin").write_bytes(saved())
    (tmp_path / "y.bin").write_bytes(pickle.dumps(1, 2) * 30)

    assert "more than 50" in scan_pickle(tmp_path / "x.bin").complaint
    assert scan_pickle(tmp_path / "y.bin").complaint == "100 bytes behind the first 50"


def test_damaged_files_never_raise(tmp_path: Path) -> None:
    """Flipped bytes and cuts, in every form."""
    draw = random.Random(7)
    for blob in (saved(), legacy(), pickle.dumps([1, "a", {"b": 2.5}]), victims(tmp_path / "marker")["tar"][:1024]):
        for _ in range(200):
            damaged = bytearray(blob)
            damaged[draw.randrange(len(blob))] = draw.randrange(256)
            (tmp_path / "x").write_bytes(damaged[: draw.choice([len(blob), draw.randrange(len(blob))])])
            is_pickle(tmp_path / "x")

            assert isinstance(scan_pickle(tmp_path / "x"), PickleScan)
    assert not (tmp_path / "marker").exists()


def test_every_name_of_a_clean_file_is_followed() -> None:
    """The machine sees each storage of a state dictionary with its bytes."""
    machine = PickleMachine(CLEAN_PICKLE)
    machine.run()

    assert (machine.storages, machine.unsafe) == ({"0": 24}, {})
