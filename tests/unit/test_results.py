"""No figure without device, driver, versions and commit; and the README's tables are those that the results make."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import ratio
import table
import torch

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
ENTRY: dict[str, Any] = {
    "device": {"kind": "cuda", "name": "Some GPU", "memory_bytes": 24_000_000_000},
    "driver": "CUDA 12.8, driver 570.86.15",
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "commit": "0123abc",
    "date": "2026-01-01",
    "flags": {"homework": "bf16", "TRL, defaults": "bf16"},
    "seconds": {"homework": [1.0, 1.0], "TRL, defaults": [3.0, 3.0]},
    "ratios": {"TRL, defaults": 3.0},
}


def entries(path: Path) -> dict[str, dict[str, Any]]:
    """The figures of a file: one for each title, or the whole file."""
    content = json.loads(path.read_text())
    return {"the file": content} if "versions" in content else content


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_figure_says_where_it_is_from(path: Path) -> None:
    """Each stored figure has device, driver, versions, commit and date; what tools find is timed by nobody."""
    timed = {title: one for title, one in entries(path).items() if path.name not in ("peers.json", "faultbench.json")}

    assert {title: ratio.missing_fields(entry) for title, entry in timed.items()} == {title: [] for title in timed}


@pytest.mark.parametrize(
    ("field", "value", "missing"),
    [
        ("device", None, ["device.kind", "device.name", "device.memory_bytes"]),
        ("device", {"kind": "cuda", "name": "", "memory_bytes": 1}, ["device.name"]),
        ("device", {"kind": "cuda", "name": "Some GPU", "memory_bytes": 0}, ["device.memory_bytes"]),
        ("driver", "", ["driver"]),
        ("driver", "none (CPU)", ["driver"]),
        ("versions", {"torch": "2.13.0"}, ["versions.python"]),
        ("versions", {"python": "3.11.7", "torch": "not installed"}, ["versions.torch"]),
        ("commit", "", ["commit"]),
        ("date", "today", ["date"]),
    ],
    ids=["no device", "no name", "no memory", "no driver", "a CPU's", "no Python", "no torch", "no commit", "no date"],
)
def test_figure_without_a_field_is_refused(field: str, value: object, missing: list[str], tmp_path: Path) -> None:
    """What is missing is named, and no table is made of it."""
    entry = copy.deepcopy(ENTRY) | {field: value}
    (tmp_path / "gpu.json").write_text(json.dumps({"Some figure": entry}))

    assert ratio.missing_fields(entry) == missing
    with pytest.raises(ValueError, match=rf"without {missing[0]}.*gpu\.json, 'Some figure'"):
        table.load_results(tmp_path)


def test_a_table_shows_only_what_was_measured() -> None:
    """A device gets a column, with driver and commit below; a line that nobody measured is not there."""
    measured = {"homework": {"tokens_per_second": 12_345.6, "peak_memory_bytes": 3_210_000_000}}
    made = table.speed_table({"gpu": {table.STEP: ENTRY, table.RUN: ENTRY | {"measured": measured}}})

    assert "| what | against | Some GPU |" in made
    assert "| one optimizer step, 32 rows, 135M | TRL's `SFTTrainer` at its defaults | 3.0 times faster |" in made
    assert "| tokens a second in it, padding not counted | ours | 12,346 |" in made
    assert "| peak memory in it [GB] | ours | 3.21 |" in made
    assert "Some GPU, 24 GB; CUDA 12.8, driver 570.86.15; python 3.11.7, torch 2.13.0; commit 0123abc." in made
    assert "recipe" not in made
    assert "Nobody has measured a GPU yet." not in made


def test_no_gpu_is_said() -> None:
    """As long as no GPU was measured, the table says so."""
    cpu = ENTRY | {"device": {"kind": "cpu", "name": "Some CPU", "memory_bytes": None}}

    assert table.speed_table({"cpu": {table.STEP: cpu}}).endswith("\nNobody has measured a GPU yet.")


def test_guard_table_names_each_device() -> None:
    """With two devices each column says which; what was not measured stays empty."""
    title = table.WATCHED["10M, all parameters"]
    gpu = ENTRY | {"ratios": {"unsilent": 1.004}}
    cpu = gpu | {"device": {"kind": "cpu", "name": "Some CPU, 2 threads", "memory_bytes": None}, "driver": "none (CPU)"}
    made = table.guard_table({"cpu": {title: cpu}, "gpu": {title: gpu}})

    assert "| | 10M, all parameters, Some CPU | 10M, all parameters, Some GPU |" in made
    assert "| `unsilent` | 1.00 | 1.00 |" in made
    assert "Some CPU, 2 threads; no GPU; python 3.11.7" in made


def test_latency_table_has_a_line_for_each_fault() -> None:
    """What was found before any step has no seconds of a step beside it."""
    now = {"found": "nan-grad-norm", "steps": 0, "tokens": 96, "seconds": 1.234, "seconds_a_step": 1.2}
    before = now | {"found": "lr-zero", "tokens": 0, "seconds_a_step": None}
    entry = ENTRY | {"faults": {"A gradient is NaN": now, "No learning rate": before}}
    made = table.latency_table({"latency": {table.LATENCY: entry}})

    assert "| a gradient is NaN | nan-grad-norm | 0 | 96 | 1.23 | 1.20 |" in made
    assert "| no learning rate | lr-zero | 0 | 0 | 1.23 |  |" in made
    assert "commit 0123abc." in made


def test_readme_shows_what_was_measured() -> None:
    """The README's tables are those that the results make; after a measurement: python benchmarks/table.py --write."""
    text = (ROOT / "README.md").read_text()

    assert table.with_tables(text, table.load_results()) == text


def test_readme_without_markers_is_refused() -> None:
    """A marker that was lost is an error, not a table that is never written."""
    with pytest.raises(ValueError, match=r"<!-- speed: made by benchmarks/table.py -->"):
        table.with_tables("no tables here", {})


def test_record_stores_its_circumstances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured here is stored with everything that the table asks for."""
    monkeypatch.setattr(ratio, "RESULTS", tmp_path)
    monkeypatch.setenv(ratio.COMMIT_VARIABLE, "0123abc")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    times = ratio.compare({"ours": lambda: None, "theirs": lambda: None}, rounds=2)
    ratio.record(
        "A figure", dict.fromkeys(times, "none"), times, ours="ours", measured={"ours": {"tokens_per_second": 5.0}}
    )
    stored = table.load_results(tmp_path)["cpu"]["A figure"]

    assert (stored["driver"], stored["commit"], stored["device"]["kind"]) == ("none (CPU)", "0123abc", "cpu")
    assert stored["measured"] == {"ours": {"tokens_per_second": 5.0}}
    assert stored["date"] != "not recorded"


def test_record_refuses_to_store_without_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy without history the commit has to be told."""
    monkeypatch.setattr(ratio, "RESULTS", tmp_path)
    monkeypatch.setattr(ratio, "_commit", lambda: "")

    with pytest.raises(SystemExit, match=r"A figure lacks commit\. Without git set BENCHMARK_COMMIT"):
        ratio.record("A figure", {"ours": ""}, {"ours": [1.0]}, ours="ours")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 1 UTC 2026\n", "driver 570.86.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n", "driver 580.65.06"),
        ("", "driver unknown"),
    ],
    ids=["closed", "open", "none"],
)
def test_driver_is_read_from_the_kernel(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version of the kernel's driver, from either kind of module."""
    (tmp_path / "version").write_text(text)
    monkeypatch.setattr(ratio, "NVIDIA", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert ratio.driver().endswith(expected)
