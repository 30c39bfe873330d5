"""RFT from the command line, on rows that a real tiny model has sampled; and every kind of rows that is refused."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import support

import homework
from homework import datagen, rft
from homework.configuration import RFTConfig, SamplingConfig
from homework.data import Dataset
from homework.errors import AdapterMissing
from homework.samplers import sampler

OPTIONS = [
    "--precision", "fp32", "--epochs", "2", "--rank", "4", "--effective-batch", "8", "--lr", "0.01",
    "--warmup-steps", "0", "--max_length", "200",
]  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``python -m homework.rft`` in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["rft", *arguments])
    with pytest.raises(SystemExit) as ended:
        rft.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def sampled(reasoning_home: Path) -> Path:
    """``data/rft.json`` with its record, sampled a moment ago."""
    path = reasoning_home / "data" / "rft.json"
    datagen.sample_rows(path, SamplingConfig(oversample=4, temperature=0.8))
    return path


def test_format_example_is_the_documented_one() -> None:
    """Question on its line, reasoning to its tag; a row without reasoning as SFT has it."""
    reasoning = "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"

    assert rft.format_example(" How many? ", 6000.0, reasoning) == {"question": "How many?\n", "answer": reasoning}
    assert rft.format_example("How many?", 2.5) == {"question": "How many? <answer>", "answer": "2.5</answer>"}


def test_train_saves_reloads_and_tests(
    sampled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sampled and plain rows together, then the checklist and both figures; load says what was loaded."""
    status = run(monkeypatch, "train", "--output_dir", "out/", *OPTIONS)
    printed = capsys.readouterr().out

    assert status == 0, printed
    assert " and 7 others, 2 passes" in printed
    assert "origin:      5 rows were drawn again, each as recorded" in printed
    assert "[ok] parity" in printed
    assert "accuracy" in printed
    assert run(monkeypatch, "load", "--ckpt_path", "out/") == 0
    assert run(monkeypatch, "test", "--ckpt_path", "out/", "--rows", "3", "--honesty", "none") == 0
    assert isinstance(rft.load("out/"), rft.RFTModel)


def test_training_from_code_takes_the_same_options(sampled: Path) -> None:
    """As the course calls it: the folder, and fields of the configuration."""
    options = {"precision": "fp32", "epochs": 2, "rank": 4, "effective_batch": 8, "lr": 0.01, "warmup_steps": 0}
    result = rft.train_model("out/", **options, max_length=200)

    assert result.folder.name == "out"
    assert result.log


def test_rows_without_reasoning_can_be_left_out(sampled: Path) -> None:
    """--no_plain trains on what was sampled alone; --dev on neither part of the rows it is measured on."""
    held_back = support.FIVE_ROWS[0][0]

    assert len(rft.choose_rows(RFTConfig(plain=False), sampler)) == 5
    assert held_back not in {row[0] for row in rft.choose_rows(RFTConfig(dev=True, unproven=True))}
    assert len(rft.choose_rows(RFTConfig(dev=True, unproven=True))) == 4 + 5


def test_load_rft_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an adapter, loading says how to train one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AdapterMissing, match=r"python -m homework\.rft train"):
        homework.load_rft("nothing_here/")


def test_missing_rows_name_the_command(
    reasoning_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was sampled yet."""
    assert run(monkeypatch, "train", *OPTIONS) == 2
    assert "What to do: python -m homework.datagen data/rft.json" in capsys.readouterr().err


def test_adapter_can_be_tested_without_its_rows(
    sampled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows stay where the adapter was trained; what cannot be compared is said."""
    assert run(monkeypatch, "train", "--output_dir", "out/", *OPTIONS) == 0
    sampled.unlink()
    capsys.readouterr()

    assert run(monkeypatch, "test", "--ckpt_path", "out/", "--honesty", "none") == 0
    printed = capsys.readouterr().out
    assert "[--] rows           prompts are not compared with training's: no such file" in printed
    assert "[ok] train-valid-overlap" in printed


def test_killed_training_leaves_the_earlier_adapter(
    sampled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``kill -9`` in the middle of training: the adapter of the run before is whole, and answers as before."""
    assert run(monkeypatch, "train", "--output_dir", "out/", *OPTIONS) == 0
    questions = [str(row[0]) for row in Dataset("valid")]
    before = rft.load("out/").answer(*questions)
    child = os.fork()
    if child == 0:

        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr("homework.trainer_settings.StepLines.on_log", die)
        status = run(monkeypatch, "train", "--output_dir", "out/", "--overwrite", "--seed", "7", *OPTIONS)
        Path("said").write_text(f"{status}: {capsys.readouterr()}")
        os._exit(0)

    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == -signal.SIGKILL, Path("said").read_text()
    assert rft.load("out/").answer(*questions) == before
