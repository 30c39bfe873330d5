"""Small files made to cost hours or all memory cost next to nothing, and are judged.

Each is looked at in a forked process with 10 seconds of processor and 500 MB of memory, of which it takes a small part;
without the limit or the algorithm that stands against it, each takes far more than that.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unsilent.adapters import inspect_adapter
from unsilent.event_files import _checksum
from unsilent.runs import read_run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are set in a forked process")

SECONDS, MEMORY = 10, 500_000_000
PATIENCE = 60  # seconds by the clock, for those whose work others do
PREFIX = "base_model.model."
NAMED = "model.layers.{}.self_attn.q_proj"
MANY = 10_000  # of anything that was once compared with everything


def write(folder: Path, modules: list[str], *, rank: int = 2, features: int = 4, **config: Any) -> Path:  # noqa: ANN401
    """An adapter of ones on these modules."""
    header: dict[str, Any] = {}
    end = 0
    for module in modules:
        for part, shape in (("A", [rank, features]), ("B", [features, rank])):
            size = 4 * rank * features
            header[f"{PREFIX}{module}.lora_{part}.weight"] = {
                "dtype": "F32", "shape": shape, "data_offsets": [end, end + size],
            }  # fmt: skip
            end += size
    return written(folder, json.dumps(header), struct.pack("<f", 1) * (end // 4), r=rank, **config)


def written(folder: Path, header: str, data: bytes = b"", **config: Any) -> Path:  # noqa: ANN401
    """An adapter with any header."""
    folder.mkdir()
    asked = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(asked | config))
    blob = struct.pack("<Q", len(header)) + header.encode() + data
    (folder / "adapter_model.safetensors").write_bytes(blob)
    return folder


def layers(count: int) -> list[str]:
    """The same module in so many layers."""
    return [NAMED.format(layer) for layer in range(count)]


def of_axes(count: int) -> str:
    """A header with a tensor of so many axes."""
    entry = f'{{"dtype": "F32", "shape": [{",".join(["9"] * count)}, 0], "data_offsets": [0, 0]}}'
    return f'{{"{PREFIX}{NAMED.format(0)}.lora_A.weight": {entry}}}'


def doubled(count: int) -> str:
    """A header with very many notes, the last of them twice."""
    return f'{{"__metadata__": {{{"".join(f"{_quoted(place)}, " for place in range(count))}"x": "", "x": ""}}}}'


def _quoted(place: int) -> str:
    return f'"{place}": ""'


ADAPTERS: dict[str, Callable[[Path], Path]] = {
    "a rank above the shape": lambda folder: write(folder, layers(1), rank=60_000, features=1),
    "names that stand twice": lambda folder: written(folder, doubled(150_000)),
    "a tensor of many axes": lambda folder: written(folder, of_axes(300_000)),
    "a name of many parts": lambda folder: write(folder, ["a." * 30_000 + "q_proj"]),
    "a name of many adapters": lambda folder: write(folder, ["x" + ".lora_A" * 200_000 + "\n"]),
    "layer ten thousand million": lambda folder: write(folder, ["5.10000000000.q_proj"]),
    "a layer of many digits": lambda folder: write(folder, [f"5.{'9' * 900}.q_proj"]),
    "many names for one layer": lambda folder: write(
        folder, [f"model.layers.0.b.n{place}" for place in range(MANY)],
        target_modules=[f"n{place}" for place in range(MANY)],
    ),
    "a block for each module": lambda folder: write(
        folder, [f"model.layers.0.b{place}.q_proj" for place in range(MANY)],
    ),
    "many names in many layers": lambda folder: write(
        folder, [f"model.layers.{layer}.q_proj" for layer in range(5_000)]
        + [f"model.layers.0.n{place}" for place in range(5_000)],
        target_modules=["q_proj", *(f"n{place}" for place in range(5_000))],
    ),
    "a pattern for many modules": lambda folder: write(folder, layers(6_000), target_modules=".*q_proj"),
    "a text of many megabytes": lambda folder: write(folder, layers(1), target_modules="a." * 4_900_000 + "a"),
    "many targets that are not there": lambda folder: write(
        folder, layers(2_000), target_modules=["q_proj", *(f"x{place}" for place in range(99_990))],
    ),
    "many targets left out": lambda folder: write(
        folder, layers(2_000), exclude_modules="x.*",
        target_modules=["q_proj", *(f"x{place}" for place in range(MANY))],
    ),
    "many parameters": lambda folder: write(
        folder, layers(3_000), target_parameters=[f"x{place}.w" for place in range(100_000)],
    ),
    "many ranks": lambda folder: write(
        folder, layers(5_000), rank_pattern={f"n{place}": 2 for place in range(100_000)},
    ),
    "many patterns of ranks": lambda folder: write(
        folder, layers(8_000), rank_pattern={f".*({'x' * place})?": 2 for place in range(1, 600)},
    ),
    "many kinds of layers": lambda folder: write(
        folder, layers(2), layers_to_transform=[0, 1], layers_pattern=[f"n{place}" for place in range(100_000)],
    ),
    "a base that is no name": lambda folder: write(folder, layers(1), base_model_name_or_path=nested(600)),
}  # fmt: skip


def nested(depth: int) -> list[Any]:
    """A list in a list, so many times."""
    return [nested(depth - 1)] if depth else []


def event(data: bytes) -> bytes:
    """One record of TensorBoard's."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _checksum(length)) + data + bytes(4)


LOGS: dict[str, bytes] = {
    "blanks behind a name": b"loss: 1.0\n1 loss" + b"\t" * 2_000 + b"x\n" + b"loss" + b"\v" * 2_000 + b"x\n",
    "braces that never close": b"loss: 1.0\n" + (b"{\n" + b"l\n" * 9_000) * 50,
    "a number without an end": event(b"\x10" + b"\xff" * 1_000_000 + b"\x01"),
    "fields without an end": event(b"\x08\x01" * 10_000_000),
}


def ended(work: Callable[[], object]) -> int:
    """How a forked process ends that may use so much and no more; 0 where it ends by itself."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        taken = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (int(taken.split()[1]) * 1024 + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(PATIENCE)
        work()
        status = 0
    finally:
        os._exit(status)


@pytest.mark.parametrize("make", ADAPTERS.values(), ids=ADAPTERS)
def test_adapter_is_judged_at_little_cost(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """Found, undecided or passed: it ends, and can be told as JSON."""
    folder = make(tmp_path / "adapter")

    assert ended(lambda: inspect_adapter(folder).as_json()) == 0


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_log_is_read_at_little_cost(tmp_path: Path, log: bytes) -> None:
    """Text, and TensorBoard's files."""
    path = tmp_path / ("x.log" if log.startswith(b"loss") else "events.out.tfevents.1")
    path.write_bytes(log)

    assert ended(lambda: read_run(path).as_json()) == 0
