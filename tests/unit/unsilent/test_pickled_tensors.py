"""A clean pickle becomes a safetensors file with the same bytes, in a child process; everything else a sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import faults
import pytest
import support
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from unsilent import pickled_tensors
from unsilent.pickled_tensors import as_safetensors
from unsilent.pickles import PickleScan

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
          torch.int64, torch.int8, torch.uint8, torch.bool, torch.complex64]  # fmt: skip


def write(path: Path, value: object, **options: object) -> Path:
    """As ``torch.save``."""
    torch.save(value, path, **options)  # type: ignore[arg-type] # passed on
    return path


def bits(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor in its own order."""
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.no_cover
@pytest.mark.parametrize("older", [False, True], ids=["zip", "older form"])
def test_bytes_are_those_of_the_pickle(tmp_path: Path, *, older: bool) -> None:
    """Every dtype, NaN with its payload, views, shared and transposed tensors, parameters, nothing at all."""
    base = torch.arange(12.0).reshape(3, 4)
    value = {str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in DTYPES if not older or dtype.itemsize > 1}
    value |= {"a": base, "again": base, "row": base[1], "turned": base.t(), "wide": torch.ones(1).expand(5)}
    value |= {"nan": torch.tensor([0x7FC00123, -1], dtype=torch.int32).view(torch.float32), "none": torch.ones(0, 3)}
    value |= {"parameter": torch.nn.Parameter(torch.ones(2)), "näme\n": torch.tensor(1.5)}
    path = write(tmp_path / "x.bin", value, _use_new_zipfile_serialization=not older)
    said = as_safetensors(path, tmp_path / "x.safetensors")
    found = load_file(tmp_path / "x.safetensors")

    assert said == ""
    assert {name: (one.dtype, one.shape, bits(one)) for name, one in found.items()} == {
        name: (one.dtype, one.shape, bits(one)) for name, one in value.items()
    }
    with safe_open(tmp_path / "x.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.no_cover
def test_pickle_with_another_name_is_read_as_what_it_is(tmp_path: Path) -> None:
    """Torch itself goes by the name here; and the folder holds nothing new but the target."""
    path = write(tmp_path / "adapter_model.safetensors", {"a": torch.ones(2)})

    assert as_safetensors(path, tmp_path / "target") == ""
    assert bits(load_file(tmp_path / "target")["a"]) == bits(torch.ones(2))
    assert sorted(found.name for found in tmp_path.iterdir()) == ["adapter_model.safetensors", "target"]


REFUSED = {
    "a list": ([torch.ones(2)], "it holds a list, not tensors under names"),
    "a number": ({1: torch.ones(2)}, "1 is no name of a tensor"),
    "reserved": ({"__metadata__": torch.ones(2)}, "is no name of a tensor"),
    "nested": ({"state_dict": {"a": torch.ones(2)}}, "'state_dict' is a dict, not a tensor"),
    "sparse": ({"a": torch.eye(2).to_sparse()}, "'a' is no dense tensor"),
    "meta": ({"a": torch.ones(2, device="meta")}, "'a' is no dense tensor with values"),
    "conjugate": ({"a": torch.ones(2, dtype=torch.complex64).conj()}, "other numbers than its bytes"),
    "complex128": ({"a": torch.ones(2, dtype=torch.complex128)}, "torch.complex128"),
    "expanded": ({"a": torch.ones(1).expand(10**12)}, "far more than it holds"),
}


@pytest.fixture(scope="module")
def said_of_refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the script says of each, all in one child: importing torch takes longest."""
    folder = tmp_path_factory.mktemp("refused")
    for name, (value, _) in REFUSED.items():
        write(folder / name, value)
    code = (
        "import json, runpy, sys\nours = runpy.run_path(sys.argv[1])\n"
        "print(json.dumps({name: ours['attempt'](sys.argv[2] + '/' + name, 'target') for name in sys.argv[3:]}))"
    )
    command = [sys.executable, "-I", "-c", code, str(pickled_tensors.SCRIPT), str(folder), *REFUSED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_anything_but_dense_tensors_is_refused(said_of_refused: dict[str, str], name: str) -> None:
    """One sentence that names the tensor."""
    assert REFUSED[name][1] in said_of_refused[name]


@pytest.mark.no_cover
def test_what_torch_cannot_read_is_said_without_its_advice(tmp_path: Path) -> None:
    """That is: to read it without ``weights_only``. There is no target."""
    path = write(tmp_path / "x.bin", {"a": torch.ones(2)}, pickle_protocol=4)

    assert as_safetensors(path, tmp_path / "target") == "torch cannot read it: Unsupported operand 149"
    assert not (tmp_path / "target").exists()


def test_nothing_is_started_for_what_is_unsafe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a malicious file, nor for a broken one, nor where a file would be overwritten."""
    folder = support.write_adapter(tmp_path / "a", manifest=False)
    evil = faults.malicious_bin(folder, tmp_path / "marker")
    clean = write(tmp_path / "x.bin", {"a": torch.ones(2)})
    (tmp_path / "cut.bin").write_bytes(clean.read_bytes()[:-1])
    monkeypatch.setattr(subprocess, "Popen", None)

    assert as_safetensors(evil, tmp_path / "t") == "not read: it would import or call os.makedirs"
    assert "cut off" in as_safetensors(tmp_path / "cut.bin", tmp_path / "t")
    assert as_safetensors(clean, evil) == "adapter_model.bin is already there"
    assert not (tmp_path / "marker").exists()


@pytest.mark.no_cover
def test_second_wall_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the scan blind, torch's own reader in the child would refuse the payload."""
    folder = support.write_adapter(tmp_path / "a", manifest=False)
    evil = faults.malicious_bin(folder, tmp_path / "marker")
    monkeypatch.setattr(pickled_tensors, "scan_pickle", lambda path: PickleScan(""))
    said = as_safetensors(evil, tmp_path / "target")

    assert "torch cannot read it: " in said
    assert not (tmp_path / "marker").exists()


def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    """Convert a clean file by another script, which begins with the limits of the real one."""
    script = tmp_path / "script.py"
    real = str(pickled_tensors.SCRIPT)
    begin = f"import runpy, sys\nours = runpy.run_path({real!r})\nours['limit'](*map(int, sys.argv[3:]))\n"
    script.write_text(begin + code)
    monkeypatch.setattr(pickled_tensors, "SCRIPT", script)
    return as_safetensors(write(tmp_path / "x.bin", {"a": torch.ones(2)}), tmp_path / "target")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("bytearray(20_000_000_000)", "ended with status 1"),
        ("open(sys.argv[2], 'wb').truncate(20_000_000_000)", "ended with status"),
        ("import os; os.abort()", f"ended with status -{int(signal.SIGABRT)}"),
        ("import os; [os.open('/dev/null', 0) for _ in range(100)]", "ended with status 1"),
        ("ours['forbid'](sys.argv[2]); open(sys.argv[2] + 'x', 'w')", "ended with status 1"),
        ("ours['forbid'](sys.argv[2]); import os; os.system('true')", "ended with status 1"),
        ("ours['forbid'](sys.argv[2]); open(sys.argv[2], 'w'); open(sys.argv[0])", ""),
        ("print(sys.stdin.read(), 'said')", "said"),
        ("pass", "ended with status 0"),
        ("sys.modules['torch'] = None; print(ours['convert'](*sys.argv[1:3]))", "needs torch and safetensors"),
    ],
    ids=["memory", "file size", "crash", "open files", "another file", "another process", "target", "stdin",
         "no target", "no torch"],
)  # fmt: skip
def test_child_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    """Whatever happens in it, one sentence is left, and no file but the target."""
    found = scripted(tmp_path, monkeypatch, code)

    assert (said in found) if said else found == ""
    assert {path.name for path in tmp_path.iterdir()} <= {"script.py", "x.bin", "target"}


def test_environment_is_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of Python or torch, and no secret."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setenv("HF_TOKEN", "secret")
    said = scripted(tmp_path, monkeypatch, "import json, os; print(json.dumps(sorted(os.environ)))")

    assert set(json.loads(said)) - {"LC_CTYPE"} <= {*pickled_tensors.KEPT, "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"}


def test_patience_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that hangs is killed with all that it started, and what it wrote is taken away."""
    monkeypatch.setattr(pickled_tensors, "SECONDS", 1.0)
    code = (
        "import os, subprocess, time\nopen(sys.argv[2], 'w')\n"
        f"child = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[2] + '.pid', 'w').write(str(child.pid))\ntime.sleep(60)"
    )
    said = scripted(tmp_path, monkeypatch, code)
    pid = int((tmp_path / "target.pid").read_text())

    assert said == "reading it took more than 1 s"
    assert not (tmp_path / "target").exists()
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(") ")[2][0] == "Z":
            return
        time.sleep(0.05)
    os.kill(pid, 0)
    pytest.fail("the child's child lives on")


@pytest.mark.parametrize("code", ["open(sys.argv[1], 'ab').write(b'x')", "import os; os.remove(sys.argv[1])"])
def test_file_that_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """What was scanned need not be what was read."""
    assert scripted(tmp_path, monkeypatch, f"open(sys.argv[2], 'w')\n{code}") == "it changed while it was read"
    assert not (tmp_path / "target").exists()


@pytest.mark.no_cover
def test_file_that_goes_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child says so."""
    monkeypatch.setattr(pickled_tensors, "scan_pickle", lambda path: PickleScan(""))

    assert "torch cannot read it: " in as_safetensors(tmp_path / "nothing.bin", tmp_path / "target")


def test_torch_stays_outside(tmp_path: Path) -> None:
    """The process that asks does not import it."""
    path = write(tmp_path / "x.bin", {"a": torch.ones(2)})
    code = (
        "import sys; from pathlib import Path; from unsilent.pickled_tensors import as_safetensors\n"
        f"assert as_safetensors(Path({str(path)!r}), Path({str(tmp_path / 'target')!r})) == ''\n"
        "assert not {'torch', 'numpy', 'safetensors'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(pickled_tensors.SCRIPT.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
