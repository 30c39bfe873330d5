"""How costs grow with what they are spent on: adapters in bytes and in number, logs in lines, models in parameters.

Every side is measured in the same rounds as what stands beside it for scale. Starting Python is left out: all of it
runs in this process, but for ``cat``, which starts in a millisecond. The points go to ``results/growth.json``.
"""

from __future__ import annotations

import functools
import json
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from growth import STORED, Curve, picture, store
from ratio import compare
from safetensors import safe_open
from test_guard_overhead import SIDES
from test_inspection import RANK, SHAPES, write_lora
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainingArguments

from unsilent.adapters import inspect_adapter, inspect_adapters
from unsilent.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 5
LAYERS = {24: 1000, 16: 663, 8: 333, 2: 83, 1: 42}  # layers of the inspection's benchmark: MB in fp32
LARGE_MB = 300  # from which on what is paid once, some 10 ms, weighs less than a tenth
COUNTS = (1, 10, 100, 1000)
LINES = (1_000, 10_000, 100_000, 1_000_000)
MODELS = {
    "1M": (128, 4, 2048),
    "10M": (256, 8, 8192),
    "30M": (384, 12, 16384),
    "135M": (576, 30, 49152),
}
DEPTHS = (2, 8, 32, 64)  # layers of width 64, each with 14 adapter tensors
WANTED_RATE = 0.7  # of one numpy isfinite pass
WANTED_OVERHEAD = 1.02  # guarded over not, from 10 million parameters up


@pytest.fixture(scope="module", autouse=True)
def drawn() -> Iterator[None]:
    """The picture is drawn from what is stored, at the end."""
    yield
    picture(json.loads(STORED.read_text()))


def isfinite_pass(path: Path) -> None:
    """The least that reading an adapter costs: every tensor as numpy, asked once."""
    with safe_open(path, "np") as file:
        assert all(bool(np.isfinite(file.get_tensor(name)).all()) for name in file.keys())  # noqa: SIM118 - no mapping


def isfinite_passes(paths: list[Path]) -> None:
    """The same of many."""
    for path in paths:
        isfinite_pass(path)


def cat(*paths: Path) -> None:
    """Read files and throw them away."""
    with Path("/dev/null").open("wb") as nowhere:
        subprocess.run(["/bin/cat", *map(str, paths)], check=True, stdout=nowhere)  # noqa: S603


def measured(sides: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of every side, in turn, after one round that warms files and caches."""
    for action in sides.values():
        action()
    return compare(sides, rounds=rounds)


def inspect(folder: Path) -> None:
    """Ours, which must find nothing."""
    assert inspect_adapter(folder).findings == []


def test_inspection_over_bytes(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """One adapter in fp32, 42 MB to 1 GB, without a manifest, so that nothing is hashed."""
    times: dict[str, dict[float, list[float]]] = {}
    for layers in sorted(LAYERS):
        folder = write_lora(tmp_path / str(layers), torch.float32, layers, RANK, SHAPES)
        path = folder / "adapter_model.safetensors"
        sides: dict[str, Callable[[], object]] = {
            "inspect_adapter": functools.partial(inspect, folder),
            "numpy isfinite": functools.partial(isfinite_pass, path),
            "cat": functools.partial(cat, path),
        }
        for name, seconds in measured(sides).items():
            times.setdefault(name, {})[path.stat().st_size / 1e6] = seconds
        shutil.rmtree(folder)
    benchmark.pedantic(lambda: None, rounds=1)
    ours = times.pop("inspect_adapter")
    store(Curve("Inspecting an adapter", "adapter [MB]", "seconds", ours, times, LARGE_MB))
    for size, seconds in ours.items():
        rate = statistics.median(other / own for own, other in zip(seconds, times["numpy isfinite"][size], strict=True))
        verdict = "within" if rate >= WANTED_RATE else "BELOW"
        gigabytes = size / 1e3 / statistics.median(seconds)
        print(f"  {size:,.0f} MB: {gigabytes:.2f} GB/s, {rate:.2f} of numpy's rate, {verdict} {WANTED_RATE}")


def test_inspection_over_count(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """One to a thousand adapters of 2 MB in one call."""
    first = write_lora(tmp_path / "0", torch.float32, 7, 8, {"self_attn.q_proj": (4096, 4096)})
    for number in range(1, max(COUNTS)):
        shutil.copytree(first, tmp_path / str(number))
    folders = [tmp_path / str(number) for number in range(max(COUNTS))]
    times: dict[str, dict[float, list[float]]] = {}
    for count in COUNTS:
        chosen = folders[:count]
        files = [folder / "adapter_model.safetensors" for folder in chosen]
        sides: dict[str, Callable[[], object]] = {
            "inspect_adapters": functools.partial(inspect_adapters, [str(folder) for folder in chosen]),
            "numpy isfinite": functools.partial(isfinite_passes, files),
            "cat": functools.partial(cat, *files),
        }
        for name, seconds in measured(sides, 3).items():
            times.setdefault(name, {})[float(count)] = seconds
    benchmark.pedantic(lambda: None, rounds=1)
    ours = times.pop("inspect_adapters")
    store(Curve("Inspecting many adapters of 2 MB", "adapters", "seconds", ours, times))


def write_log(path: Path, lines: int) -> Path:
    """A log as JSON lines, whose loss falls and whose norms wander."""
    with path.open("w") as file:
        for step in range(1, lines + 1):
            loss, norm = 4 * step**-0.3 + (step * 7919 % 101) / 1000, 1 + (step * 104729 % 997) / 1000
            record = {
                "loss": round(loss, 4),
                "grad_norm": norm,
                "learning_rate": 1e-3 * (1 - step / lines),
                "step": step,
            }
            file.write(json.dumps(record) + "\n")
    return path


def parse(path: Path) -> None:
    """The least that reading such a log costs: every line as JSON."""
    with path.open() as file:
        for line in file:
            json.loads(line)


def test_log_over_lines(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """A thousand to a million lines."""
    times: dict[str, dict[float, list[float]]] = {}
    for lines in LINES:
        path = write_log(tmp_path / f"{lines}.jsonl", lines)
        assert read_run(path).findings == []
        sides: dict[str, Callable[[], object]] = {
            "read_run": functools.partial(read_run, path),
            "json.loads of every line": functools.partial(parse, path),
        }
        for name, seconds in measured(sides, 3).items():
            times.setdefault(name, {})[float(lines)] = seconds
    benchmark.pedantic(lambda: None, rounds=1)
    ours = times.pop("read_run")
    store(Curve("Reading a log", "lines", "seconds", ours, times))


def llama(width: int, layers: int, vocabulary: int) -> Any:  # noqa: ANN401 - a Llama
    """A Llama with tied embeddings, of the proportions of SmolLM2-135M."""
    torch.manual_seed(0)
    heads = max(1, width // 64)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=width * 8 // 3, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads, pad_token_id=0, use_cache=False, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def make_trainer(folder: Path, shape: tuple[int, int, int]) -> Any:  # noqa: ANN401 - a Trainer
    """LoRA of rank 8 on all linear layers, 8 rows of 64 tokens a step."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llama(*shape), lora)
    ids = torch.randint(3, shape[2], (64, 64), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [{"input_ids": row, "attention_mask": [1] * 64, "labels": list(row)} for row in ids]
    arguments = TrainingArguments(
        str(folder), max_steps=10_000, per_device_train_batch_size=8, learning_rate=1e-4, logging_steps=10,
        save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    trainer.remove_callback(PrinterCallback)
    return trainer


def guarded_and_not(folder: Path, shape: tuple[int, int, int], rounds: int) -> dict[str, list[float]]:
    """Seconds of one optimizer step with the guard and without, in turn."""
    sides = {name: SIDES[name][0](make_trainer(folder, shape)) for name in ("off", "unsilent")}
    try:
        for side in (*sides.values(), *sides.values()):
            side.advance()
        return compare({name: side.advance for name, side in sides.items()}, rounds=rounds, timer=lambda step: step())
    finally:
        for side in sides.values():
            side.close()


def overhead(times: dict[str, list[float]]) -> float:
    """Guarded over not, round by round."""
    return statistics.median(on / off for on, off in zip(times["unsilent"], times["off"], strict=True))


@pytest.mark.filterwarnings("ignore")
def test_guard_over_model_size(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Models from 1 to 135 million parameters."""
    ours: dict[float, list[float]] = {}
    off: dict[float, list[float]] = {}
    said = []
    for name, shape in MODELS.items():
        millions = sum(weight.numel() for weight in llama(*shape).parameters()) / 1e6
        times = guarded_and_not(tmp_path, shape, 8 if millions > 100 else 40)
        ours[millions], off[millions] = times["unsilent"], times["off"]
        ratio = overhead(times)
        verdict = "within" if ratio <= WANTED_OVERHEAD or millions < 5 else "ABOVE"
        said.append(f"  {name} ({millions:.1f}M): guarded over not {ratio:.3f}, {verdict} {WANTED_OVERHEAD}")
    benchmark.pedantic(lambda: None, rounds=1)
    store(Curve("One guarded step over the model's size", "parameters [millions]", "seconds", ours, {"no guard": off}))
    print(*said, sep="\n")


@pytest.mark.filterwarnings("ignore")
def test_guard_over_adapter_tensors(benchmark: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Narrow models of 2 to 64 layers: 28 to 896 adapter tensors."""
    ours: dict[float, list[float]] = {}
    off: dict[float, list[float]] = {}
    said = []
    for layers in DEPTHS:
        times = guarded_and_not(tmp_path, (64, layers, 512), 40)
        ours[layers * 14.0], off[layers * 14.0] = times["unsilent"], times["off"]
        said.append(f"  {layers * 14} tensors: guarded over not {overhead(times):.3f}")
    benchmark.pedantic(lambda: None, rounds=1)
    store(Curve("One guarded step over adapter tensors", "adapter tensors", "seconds", ours, {"no guard": off}))
    print(*said, sep="\n")
