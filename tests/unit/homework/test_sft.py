"""SFT from the command line: train, save, reload, test; and every wrong input in one paragraph."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path

import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from homework import sft
from homework.completions import parse_answer
from homework.configuration import TrainingConfig
from homework.data import is_answer_valid
from homework.errors import AdapterMissing, TrainingFailed
from homework.training import TrainingResult

OPTIONS = [
    "--precision", "fp32", "--epochs", "1", "--max_length", "200", "--rank", "4", "--effective-batch", "8",
    "--lr", "0.01", "--warmup-steps", "0",
]  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run ``python -m homework.sft`` in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["sft", *arguments])
    with pytest.raises(SystemExit) as ended:
        sft.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def home(tmp_path: Path, tiny_base: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with small data and the tiny base as default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    return tmp_path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.125, "0.125"),
        (19020.387, "19020"),
        (80000.0, "80000"),
        (0.25514570, "0.2551"),
        (5.0, "5"),
        (100.0, "100"),
        (0.0, "0"),
        (99999.9, "100000"),
        (1e-7, "0.0000001"),
    ],
)
def test_format_number_keeps_four_digits(value: float, text: str) -> None:
    """Four significant digits, no exponent, no trailing zeros."""
    assert sft.format_number(value) == text


@given(st.floats(0.125, 80_000))
def test_formatted_answers_are_right_answers(value: float) -> None:
    """What the model learns to write is within the grader's tolerance, for every answer in range."""
    assert is_answer_valid(parse_answer(sft.format_example("q", value)["answer"]), value)


def test_format_example_is_the_documented_one() -> None:
    """The prompt ends with the opening tag; the completion closes it."""
    assert sft.format_example(" How many? ", 2.5) == {"question": "How many? <answer>", "answer": "2.5</answer>"}


@pytest.mark.no_cover
def test_train_saves_reloads_and_tests(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command ends with the checklist and both figures; the folder holds exactly these files."""
    monkeypatch.setattr("unsilent.evaluation.NIL", -1)  # so few steps teach no numbers
    assert run(monkeypatch, "train", "--output_dir", "out/sft", *OPTIONS) == 0

    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("[ok]")] == [
        "folder",
        "configuration",
        "weights",
        "loads",
        "parity",
        "answers",
        "no-numeric-answers",
        "nan-score",
        "prompt-mismatch",
        "double-bos",
        "train-valid-overlap",
        "adapter-without-effect",  # without right answers there is nothing to look up
    ]
    assert "accuracy 0." in printed
    assert sorted(path.name for path in (home / "out" / "sft").iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "curve.png",
        "manifest.json",
    ]


def test_test_and_load_use_the_saved_adapter(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``test`` scores as many rows as asked for; ``load`` says base and dtype."""
    support.train_tiny(Path(str(home)) / "x", home / "sft", checkpoint="", max_steps=1)
    assert run(monkeypatch, "test", "--ckpt-path", "./sft", "--rows", "4", "--details") == 0
    assert run(monkeypatch, "load", "--ckpt_path", "./sft") == 0

    printed = capsys.readouterr().out
    assert "the worst 4, those without a number first:" in printed
    assert "dtype:      torch.float32" in printed


@pytest.mark.no_cover
def test_test_ends_with_what_it_found(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An adapter that answers without numbers is a finding, and status 1; the figures are printed all the same."""
    support.train_tiny(Path(str(home)) / "x", home / "sft", checkpoint="", max_steps=1)
    assert run(monkeypatch, "test", "--ckpt-path", "./sft", "--honesty", "none") == 1

    printed = capsys.readouterr()
    assert "[!!] no-numeric-answers     Expected numbers for answers, but got 0 in 20." in printed.out
    assert "on 20 rows" in printed.out
    assert "error: [no-numeric-answers]" in printed.err


def test_dev_part_is_kept_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With dev=True a fifth of train is not trained on, and that fifth is what the test asks."""
    monkeypatch.setattr("unsilent.evaluation.NIL", -1)  # one step teaches no numbers
    result = sft.train_model(
        "./sft", precision="fp32", epochs=1, max_steps=1, warmup_steps=0, max_length=200, rank=2, effective_batch=4,
        dev=True,
    )  # fmt: skip
    printed = capsys.readouterr().out

    assert "32 of 40 in" in printed
    assert "on 8 rows" in printed
    assert result.log[-1]["step"] == 1


def test_load_without_adapter_creates_nothing(home: Path) -> None:
    """A missing adapter is an error with the command that trains one, and no file appears."""
    before = sorted(home.rglob("*"))
    with pytest.raises(AdapterMissing, match=r"train one: python -m homework\.sft train"):
        sft.load("./nothing")

    assert sorted(home.rglob("*")) == before


@pytest.mark.no_cover
def test_model_answers_with_its_training_prompt(home: Path) -> None:
    """The loaded model formats questions as training did."""
    support.train_tiny(home, home / "sft", checkpoint="", max_steps=1)
    llm = sft.load(str(home / "sft"))

    assert llm.format_prompt(" How many? ") == "How many? <answer>"
    assert len(llm.answer("How many cm are in 3 m?", "What is 1 kg in g?")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--outptu_dir", "x"], "No such option"),
        (["train", "--rank", "many"], "valid integer"),
        (["train", "--output_dir", "file"], "got a file"),
        (["train", "--output_dir", "file/below"], "can be written"),
        (["train", "--output_dir", "./out", "--checkpoint", "empty"], "folder without them"),
        (["train", "--output_dir", "./out", "--split", "broken"], "a string as answer"),
        (["train", "--output_dir", "./out", "--split", "cut"], "no JSON"),
        (["train", "--output_dir", "./out", "--split", "none"], "an empty list"),
        (["train", "--output_dir", "./out", "--precision", "fp16"], "CUDA device, whose gradient scaler"),
        (["train", "--output_dir", "./out", "--micro_batch_size", "5"], "divides the effective batch of 32"),
        (["test", "--ckpt_path", "empty/"], "nothing in it"),
        (["dance"], "dance"),
        ([], "Missing command"),
    ],
    ids=[
        "unknown option", "text for a number", "output is a file", "output below a file", "base without weights",
        "string answer", "unreadable JSON", "empty data", "fp16", "odd batch", "empty adapter folder",
        "unknown command", "no command",
    ],
)  # fmt: skip
def test_bad_input_is_one_paragraph(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """Exit 2, one paragraph with what to do, no traceback, nothing written."""
    (home / "file").touch()
    (home / "empty").mkdir()
    data = home / "data"
    (data / "broken.json").write_text('[["q", "5"]]')
    (data / "cut.json").write_text('[["q", 5')
    (data / "none.json").write_text("[]")
    before = sorted(home.rglob("*"))

    assert run(monkeypatch, *arguments) == 2

    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: Expected")
    assert "What to do:" in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(home.rglob("*")) == before


def test_unwritable_folder_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that refuses new files is found before training; root may write anywhere, so the refusal is made."""
    import tempfile

    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    assert run(monkeypatch, "train", "--output_dir", "./out") == 2

    assert "Permission denied" in capsys.readouterr().err
    assert not (home / "out").exists()


def test_smoke_passes_on_a_model_that_learns(
    home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight steps, a falling loss, numbers from the reloaded adapter, status 0."""
    (home / "data" / "train.json").write_text(json.dumps([["How many?", 1.0]] * 256))
    real = sft._smoke_config

    def faster(folder: Path, checkpoint: str) -> TrainingConfig:
        return dataclasses.replace(real(folder, checkpoint), lr=0.05, max_length=200, precision="fp32")

    monkeypatch.setattr(sft, "_smoke_config", faster)
    assert run(monkeypatch, "smoke", "--checkpoint", str(tiny_base)) == 0

    printed = capsys.readouterr().out
    assert "step    8/8" in printed
    assert "How many? -> 1" in printed
    assert "smoke: passed" in printed


@pytest.mark.parametrize(
    ("losses", "answers", "message"),
    [([2.0, 3.0], [1.0], "the loss to fall"), ([2.0, 1.0], [math.nan], "answers with numbers")],
    ids=["rising loss", "no numbers"],
)
def test_smoke_fails_loudly(
    home: Path, monkeypatch: pytest.MonkeyPatch, losses: list[float], answers: list[float], message: str
) -> None:
    """A loss that does not fall, or an adapter that gives no number, is no success."""
    log = [{"loss": loss} for loss in losses]
    monkeypatch.setattr(sft, "train_only", lambda config, **_: TrainingResult(Path(config.output_dir), log, 1.0))
    monkeypatch.setattr(sft, "load", lambda folder: support.CannedLLM(answers))

    with pytest.raises(TrainingFailed, match=message):
        sft.smoke()


@pytest.mark.base
@pytest.mark.slow
def test_smoke_on_the_real_base(
    real_base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight steps of the 135M: the loss falls and the reloaded adapter answers with numbers."""
    assert run(monkeypatch, "smoke", "--checkpoint", real_base) == 0
    assert "smoke: passed" in capsys.readouterr().out
