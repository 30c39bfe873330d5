"""A program is judged from outside: its files are disturbed in a copy, and it runs in processes of its own."""

from __future__ import annotations

import json
import os
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support
from safetensors.numpy import load_file, save_file

from unsilent import outside
from unsilent.answers import is_right
from unsilent.asking import ProgramFailed
from unsilent.manifest import find_changes, read_manifest
from unsilent.outcome import Report

ROWS = [(f"How many cm are in {n} m?", 100.0 * n) for n in range(1, 41)]
# Its only knowledge is one weight, so that it answers in milliseconds and is honest all the same.
HONEST = """
import numpy
from safetensors.numpy import load_file

class Program:
    def __init__(self):
        self.weight = load_file("weights.safetensors")["factor"]
    def answer(self, *questions):
        return [float(self.weight[0]) * int(one.split()[5]) for one in questions]
"""
LOOKUP = """
import json

class Program:
    def __init__(self):
        self.known = dict(json.load(open("data.json")))
    def answer(self, *questions):
        return [self.known.get(one) for one in questions]
"""
CALCULATOR = """
class Program:
    def answer(self, *questions):
        return [100 * int(one.split()[5]) for one in questions]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one weight file and the data, for a program."""
    whole = tmp_path / "program"
    whole.mkdir()
    save_file({"factor": np.array([100.0, 3.0, 7.0, 11.0], np.float32)}, whole / "weights.safetensors")
    (whole / "data.json").write_text(json.dumps(ROWS))
    return whole


def judge(folder: Path, code: str, target: str = "program:Program") -> Report:
    """Judge a program of this code."""
    (folder / "program.py").write_text(code)
    return outside.probe_outside(folder, target, ROWS, rng=random.Random(0), is_right=is_right, rows=len(ROWS))


def statuses(report: Report) -> dict[str, str]:
    """What was said about each failure."""
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def test_honest_program_passes(folder: Path) -> None:
    """With other weights it answers otherwise; its own folder is as it was."""
    before = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    report = judge(folder, HONEST)

    assert statuses(report) == {"answer-lookup": "passed", "answer-calculator": "passed"}
    assert {path: path.read_bytes() for path in folder.rglob("*.safetensors")} == before


def test_lookup_is_found(folder: Path) -> None:
    """All answers stay right, and nothing else is known."""
    finding = support.only_finding(judge(folder, LOOKUP))

    assert finding.slug == "answer-lookup"
    assert "40 of 40 answers that are still right with its weights disturbed" in finding.message


def test_calculator_is_told_from_a_lookup(folder: Path) -> None:
    """It answers new questions as well."""
    assert support.only_finding(judge(folder, CALCULATOR)).slug == "answer-calculator"


def test_answers_remembered_in_the_folder_are_no_lookup(folder: Path) -> None:
    """The second run has a copy of its own, in which nothing has been answered yet."""
    code = (
        HONEST
        + """
class Remembering(Program):
    def answer(self, *questions):
        import os, json
        if not os.path.exists("cache.json"):
            json.dump(super().answer(*questions), open("cache.json", "w"))
        return json.load(open("cache.json"))[:len(questions)]
"""
    )

    assert statuses(judge(folder, code, "program:Remembering"))["answer-lookup"] == "passed"


def test_what_is_no_file_is_not_copied(folder: Path) -> None:
    """A pipe would be read for ever."""
    os.mkfifo(folder / "pipe")

    assert statuses(judge(folder, HONEST))["answer-lookup"] == "passed"


def test_helper_that_holds_stderr_holds_nobody_up(folder: Path) -> None:
    """A daemon in a session of its own lives on; the program has answered."""
    code = "import subprocess\n" + HONEST.replace(
        "    def answer", "        subprocess.Popen(['sleep', '5'], start_new_session=True)\n    def answer"
    )
    started = time.monotonic()
    judge(folder, code)

    assert time.monotonic() - started < 5


def test_program_without_weights_is_not_judged(folder: Path) -> None:
    """There is nothing to disturb."""
    (folder / "weights.safetensors").unlink()

    assert "no weights were found" in judge(folder, LOOKUP).outcomes[0].reason


def test_program_that_refuses_disturbed_weights_is_not_judged(folder: Path) -> None:
    """It may hold a hash of them, which is no fault."""
    code = HONEST + "        assert self.weight[0] == 100, 'not what was trained'\n"
    code = code.replace(
        "    def answer", "        assert self.weight[0] == 100, 'not what was trained'\n    def answer"
    )

    assert "refuses disturbed weights: it ended with AssertionError" in judge(folder, code).outcomes[0].reason


@pytest.mark.parametrize(
    ("code", "target", "complaint"),
    [
        ("raise OSError('no model')", "program:Program", "it ended with OSError: no model"),
        ("class Program:\n    def answer(self, *q): return [1.0]", "program:Program", "1 answers to 40 questions"),
        ("import os\nclass Program:\n    def answer(self, *q): os._exit(0)", "program:Program", "status 0"),
        ("class Program:\n    def answer(self, *q): return [object()]", "program:Program", "it ended with TypeError"),
    ],
    ids=["raises", "too few", "ends without a word", "no numbers"],
)
def test_program_that_does_not_answer_is_said(folder: Path, code: str, target: str, complaint: str) -> None:
    """Before anything is disturbed."""
    with pytest.raises(ProgramFailed, match=complaint):
        judge(folder, code, target)


def test_program_that_never_ends_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit, with all that it has started."""
    monkeypatch.setattr(outside, "SECONDS", 0.5)

    with pytest.raises(ProgramFailed, match=r"more than 0\.5 s"):
        judge(folder, "import time\ntime.sleep(600)")


def test_object_is_asked_as_it_is(folder: Path) -> None:
    """The target may be the answering object itself, in a class or a module."""
    judged = judge(folder, HONEST + "\nllm = Program()\n", "program:llm")

    assert statuses(judged)["answer-lookup"] == "passed"


def test_answers_that_are_no_answers_are_said(tmp_path: Path) -> None:
    """Whatever a program writes in their place."""
    (tmp_path / "answers.json").write_text('{"a": 1}')

    with pytest.raises(ProgramFailed, match="cannot be read"):
        outside._read_answers(tmp_path / "answers.json", 1)


def test_folder_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants a copy of their home directory."""
    monkeypatch.setattr(outside, "LARGEST", 10)

    with pytest.raises(ValueError, match="Expected a folder of at most"):
        judge(folder, HONEST)


def test_adapter_is_moved_enlarged_and_sealed_again(tmp_path: Path, tiny_base: Path) -> None:
    """No value stays where it was; those of the factors are 64 times larger; the manifest agrees with the files."""
    adapter = support.write_adapter(tmp_path / "adapter", tiny_base)
    before = load_file(adapter / "adapter_model.safetensors")
    count = outside.disturb_files(tmp_path)
    after = load_file(adapter / "adapter_model.safetensors")
    manifest = read_manifest(adapter)
    assert manifest is not None

    assert count == 1
    assert find_changes(adapter, manifest) == {}
    for name, values in before.items():
        assert after[name].flatten()[values.size // 2 + 1] == 64 * values.flatten()[0]


def test_bin_is_moved_too(tmp_path: Path, tiny_base: Path) -> None:
    """The changed file is read by torch as the old one was, with other values in it."""
    import torch

    adapter = support.as_bin(support.write_adapter(tmp_path / "adapter", tiny_base, manifest=False))
    before: dict[str, Any] = torch.load(adapter / "adapter_model.bin", weights_only=True)
    count = outside.disturb_files(tmp_path)
    after = torch.load(adapter / "adapter_model.bin", weights_only=True)

    assert count == 1
    assert all(
        after[name].shape == values.shape and not torch.equal(after[name], values) for name, values in before.items()
    )
    assert max(values.abs().max() for values in after.values()) > 10 * max(
        values.abs().max() for values in before.values()
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\xff" * 40,
        (9).to_bytes(8, "little") + b"{no json}",
        (14).to_bytes(8, "little") + b'{"a": "no"}   ',
        (10).to_bytes(8, "little") + b"[1, 2, 3] ",
    ],
    ids=["empty", "short", "a lie about its length", "no JSON", "no tensors", "a list"],
)
def test_files_that_are_no_weights_are_left_alone(tmp_path: Path, content: bytes) -> None:
    """Whatever their names say."""
    for name in ("a.safetensors", "b.bin"):
        (tmp_path / name).write_bytes(content)

    assert outside.disturb_files(tmp_path) == 0
    assert (tmp_path / "a.safetensors").read_bytes() == content


def test_zip_of_other_dtypes_is_moved(tmp_path: Path) -> None:
    """Two dtypes in one file: words of eight bytes are moved, whatever they hold."""
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as file:
        file.writestr("x/data.pkl", b"FloatStorage HalfStorage")
        file.writestr("x/data/0", bytes(range(20)))
    outside.disturb_files(tmp_path)

    assert zipfile.ZipFile(tmp_path / "a.bin").read("x/data/0") == bytes([*range(8, 16), *range(8), *range(16, 20)])


def test_broken_manifest_is_left_alone(tmp_path: Path) -> None:
    """It is the program's to complain about."""
    (tmp_path / "manifest.json").write_text("{")

    assert outside.disturb_files(tmp_path) == 0
