"""A submission is loaded and asked in copies that cannot be told from another but by their weights."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_submissions as small
from safetensors.numpy import load, save_file

from unsilent import submission_run
from unsilent.base_folders import Base
from unsilent.closure import NotInstalled
from unsilent.grading import START_SECONDS, Part
from unsilent.sandbox import Child, FolderRefused
from unsilent.submission_run import (
    BASE_DISTURBED,
    BASE_REWRITTEN,
    DISTURBED,
    PLAIN,
    REWRITTEN,
    Place,
    Runner,
)

SFT = Part("sft", "load_sft")
KINDS = [PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN, BASE_DISTURBED]
TEXTS = [str(row[0]) for row in small.ROWS[:4]]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An honest one, of some age."""
    made = small.write_small(tmp_path / "UTID", small.HONEST)
    for path in (made, *made.rglob("*")):
        os.utime(path, (1e9, 1e9))
    return made


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base model that only its owner can read."""
    folder = tmp_path / "base"
    shutil.copytree(small.write_small(tmp_path / "other", "") / "sft_model", folder)
    (folder / "config.json").write_text("{}")
    (folder / "adapter_model.safetensors").chmod(0o600)
    return Base(folder, folder)


def looked_at(monkeypatch: pytest.MonkeyPatch, runner: Runner, kind: str, part: Part = SFT) -> dict[str, Any]:
    """What a run would have seen of its surroundings."""
    seen: dict[str, Any] = {}

    def caged(question: Mapping[str, object], place: Place) -> Child:
        folders = {"package": place.root, **{str(one): other for one, other in place.over.items()}}
        for name, folder in folders.items():
            files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
            seen[name] = {
                "bytes": {one: path.read_bytes() for one, path in files.items() if path.is_file()},
                "times": {one: path.stat().st_mtime_ns for one, path in files.items() if path.is_file()},
                "modes": {one: path.stat().st_mode & 0o444 for one, path in files.items()},
            }
        seen["question"], seen["place"] = question, place
        return Child((), "", "", 0.0)

    monkeypatch.setattr(submission_run, "_caged", caged)
    runner.ask(part, kind)
    return seen


def test_runs_differ_in_their_weights_alone(package: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, times, rights and questions are the same in each, and no name says what it is."""
    runner = Runner(package, TEXTS, [base], {"data/rows.json": package / "known.json"})
    runs = {kind: looked_at(monkeypatch, runner, kind) for kind in KINDS}
    plain = runs[PLAIN]

    for kind, seen in runs.items():
        changed = {
            (part, name)
            for part in ("package", str(base.folder))
            for name, blob in seen[part]["bytes"].items()
            if blob != plain[part]["bytes"][name]
        }
        weights = "adapter_model.safetensors"
        where = (str(base.folder), weights) if kind.startswith("base") else ("package", f"homework/sft_model/{weights}")
        assert changed == ({where} if kind != PLAIN else set())
        assert [seen[part][what] for part in ("package", str(base.folder)) for what in ("times", "modes")] == [
            plain[part][what] for part in ("package", str(base.folder)) for what in ("times", "modes")
        ]
        assert seen["question"] == plain["question"]
        assert "unsilent" not in str(seen["place"].root)
    assert plain["package"]["times"]["homework/__init__.py"] == 1e18
    assert set(plain["package"]["bytes"]) > {"homework/__init__.py", "data/rows.json"}
    assert all(plain[str(base.folder)]["modes"].values())
    assert plain["place"].readable == (base.folder,)


def test_part_answers(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the walls there are today; its own folder is as it was."""
    monkeypatch.setattr(submission_run, "PRELOADED", ())
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    runner = Runner(package, TEXTS)
    plain, rewritten, disturbed = (runner.ask(SFT, kind).parts["sft"] for kind in KINDS[:3])

    assert plain.answers == rewritten.answers == tuple(float(row[1]) for row in small.ROWS[:4])
    assert not set(disturbed.answers) & set(plain.answers)
    assert (plain.parameters, plain.error) == (1000, "")
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before


def test_base_under_an_adapter_is_not_scaled(package: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter adds to one of a pair; under a part without one the pair is changed."""
    (base.folder / "config.json").write_text('{"model_type": "llama"}')
    (base.folder / "adapter_model.safetensors").unlink()
    tensors = {f"0.self_attn.{name}_proj.weight": np.ones(4, np.float32) for name in "vo"}
    save_file(tensors, base.folder / "model.safetensors")

    def values(part: Part) -> set[float]:
        seen = looked_at(monkeypatch, Runner(package, TEXTS, [base]), BASE_REWRITTEN, part)
        found = load(seen[str(base.folder)]["bytes"]["model.safetensors"])
        return {float(one[0]) for one in found.values()}

    assert values(SFT) == {1.0}
    assert values(Part("cot", "load_cot")) == {2.0, 0.5}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FolderRefused("5 GB"), "a folder that can be copied, but got 5 GB"),
        (NotInstalled("peft"), "in this Python, but got no peft"),
        (
            OSError(28, "No space left"),
            "files that can be copied and changed, but got OSError: [Errno 28] No space left",
        ),
    ],
)
def test_what_cannot_be_laid_out_is_said(
    package: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """As the error of the run."""

    def copied(*_: object) -> None:
        raise error

    monkeypatch.setattr(submission_run, "copied", copied)

    assert words in Runner(package, TEXTS).ask(SFT, PLAIN).error


def test_each_phase_has_its_time(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import as long as the start, a part its own, once; other lines change nothing."""
    granted: list[float | None] = []

    def run_child(*_: object, next_limit: Callable[[Mapping[str, Any]], float | None], **more: object) -> Child:
        told = [{"begin": "import"}, {"end": "import"}, {"begin": "sft"}, {"begin": "sft"}, {"end": "sft"}]
        granted.extend(next_limit(line) for line in told)
        return Child((), "", "", 0.0)

    monkeypatch.setattr(submission_run, "run_child", run_child)
    Runner(package, TEXTS).ask(SFT, PLAIN)

    assert granted == [START_SECONDS, START_SECONDS, submission_run.SECONDS, None, START_SECONDS]


def test_what_lies_beside_the_package_is_there(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And in it whatever a loader may read, checkpoints and caches; environments and version control are not."""
    for name in ("common.py", "wandb_cache/x", "homework/checkpoint-5/x", "homework/prompt_cache/x", "homework/.git/x"):
        (package.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (package.parent / name).write_text("x")
    runner = Runner(package, TEXTS, beside={"data/rows.json": package / "known.json"}, is_whole=True)
    seen = looked_at(monkeypatch, runner, PLAIN)["package"]

    assert seen["bytes"].keys() >= {"common.py", "homework/__init__.py", "data/rows.json"}
    assert seen["bytes"].keys() >= {"homework/checkpoint-5/x", "homework/prompt_cache/x"}
    assert not {"wandb_cache/x", "homework/.git/x"} & seen["bytes"].keys()
    assert seen["times"]["data/rows.json"] == 1e18


def test_package_alone_has_its_checkpoints(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is itself what was handed in, nothing beside it is looked at."""
    (package / "checkpoint-5").mkdir()
    (package / "checkpoint-5" / "x").touch()
    (package.parent / "common.py").touch()
    seen = looked_at(monkeypatch, Runner(package, TEXTS), PLAIN)["package"]["bytes"]

    assert "homework/checkpoint-5/x" in seen
    assert "common.py" not in seen


def test_weights_beside_the_package_count(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are disturbed like those in it."""
    (package / "sft_model").rename(package.parent / "sft_model")
    runner = Runner(package, TEXTS, is_whole=True)
    name = "sft_model/adapter_model.safetensors"
    blobs = [looked_at(monkeypatch, runner, kind)["package"]["bytes"][name] for kind in (PLAIN, DISTURBED)]

    assert runner.has_own(SFT)
    assert blobs[0] != blobs[1]


def test_other_bases_can_be_read(package: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are."""
    place = looked_at(monkeypatch, Runner(package, TEXTS, others=[base]), PLAIN)["place"]

    assert (place.readable, place.over) == ((base.shared,), {})


def test_rewritten_and_disturbed_files_have_one_form(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same header, in which no word tells that it was written again."""
    name = "homework/sft_model/adapter_model.safetensors"
    runs = [looked_at(monkeypatch, Runner(package, TEXTS), kind)["package"]["bytes"][name] for kind in KINDS[:3]]
    headers = [blob[8 : 8 + int.from_bytes(blob[:8], "little")] for blob in runs]

    assert headers[1] == headers[2] != headers[0]
    assert {"__metadata__" in json.loads(one) for one in headers} == {False}


def test_all_files_are_written_after_what_is_changed(
    package: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the times of writing, which nobody can set, are alike in all runs."""
    ended = []

    def change(*_: object, **__: object) -> None:
        time.sleep(0.05)
        ended.append(time.time_ns())

    def caged(question: Mapping[str, object], place: Place) -> Child:
        written = [path.stat().st_ctime_ns for one in (place.root, *place.over.values()) for path in one.rglob("*")]
        assert min(written) > ended[-1] - 20_000_000  # the kernel's clock for files ticks in steps
        return Child((), "", "", 0.0)

    monkeypatch.setattr(submission_run, "_change", change)
    monkeypatch.setattr(submission_run, "_caged", caged)
    for kind in KINDS[1:]:
        found = Runner(package, TEXTS, [base]).ask(SFT, kind)
        assert "AssertionError" not in found.error
    assert len(ended) == 4


STARTS = """
import os, subprocess, sys, tempfile
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
subprocess.run([sys.executable, "-c", "import numpy"], check=True)
import numpy  # a machine's own Python may have another one
assert os.path.dirname(os.path.dirname(numpy.__file__)) in os.environ["PYTHONPATH"].split(os.pathsep)
"""


def test_submission_may_use_its_scratch_and_start_python(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cage, which is gone afterwards; what it starts has the same packages."""
    monkeypatch.setattr(submission_run, "PRELOADED", ())
    (package / "__init__.py").write_text(STARTS + small.HONEST)

    assert Runner(package, TEXTS).ask(SFT, PLAIN).parts["sft"].error == ""
