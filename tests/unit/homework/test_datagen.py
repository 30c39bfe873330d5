"""Rejection sampling with a real tiny model: what is right is kept with its origin, and a kill costs nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import killed_runs
import pytest
import support
from killed_runs import IN_STEP

from homework import datagen, samplers
from homework.configuration import RFTConfig, SamplingConfig
from homework.cot import CoTModel
from homework.data import Dataset
from homework.errors import OptionInvalid, OutputRefused
from homework.journal import Journal, journal_of
from homework.rft import RFTModel
from homework.samples import text_of, why_not
from homework.training import train
from unsilent.fabrication import check_fabricated
from unsilent.manifest import sha256_of
from unsilent.outcome import FailureFound
from unsilent.provenance import read_provenance, sidecar_of, text_hash
from unsilent.row_files import judge_rows

CONFIG = SamplingConfig(oversample=4, temperature=0.8)


def files_in(folder: Path) -> set[str]:
    """Names of files, locks apart."""
    return {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"}


def test_what_is_right_is_kept(reasoning_home: Path) -> None:
    """Every question the model knows has a row, none it does not; nothing but rows and record is left."""
    output = reasoning_home / "out" / "rft.json"
    rows = datagen.generate_dataset(str(output), 4, 0.8)

    assert [row[:2] for row in rows] == support.FIVE_ROWS
    assert [list(row) for row in rows] == json.loads(output.read_text())
    assert all(why_not(str(row[-1]), str(row[0]), float(row[1])) == "" for row in rows)
    assert files_in(output.parent) == {"rft.json", "rft.provenance.json"}


def test_origin_of_every_row_is_recorded(reasoning_home: Path) -> None:
    """Model, settings, and for each row prompt, sample, tokens and text, from which it is drawn again."""
    output = reasoning_home / "rft.json"
    rows = datagen.sample_rows(output, CONFIG)
    record = read_provenance(sidecar_of(output))
    assert record

    llm = CoTModel()
    assert record.rounds[0].format == "CoTModel"
    assert record.rounds[0].model["base"] == llm.checkpoint.name
    for row, draw in zip(rows, record.draws, strict=True):
        assert draw.prompt_sha256 == text_hash(llm.format_prompt(str(row[0])))
        assert draw.text_sha256 == text_hash(str(row[-1]))
        assert text_of(llm.tokenizer, draw.tokens) == row[-1]
    assert check_fabricated(rows, record, sampler=samplers.sampler).status == "passed"


def test_nothing_right_is_refused(tiny_base: Path, reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base that knows nothing: the reasons are counted, and no file is written."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    with pytest.raises(FailureFound, match=r"\[zero-rows\].*no tag") as found:
        datagen.sample_rows(reasoning_home / "rft.json", SamplingConfig(oversample=2))

    assert found.value.failure.slug == "zero-rows"
    assert "rft.json" not in files_in(reasoning_home)


def test_finished_rows_are_not_replaced_unasked(reasoning_home: Path) -> None:
    """The second run says so; with --overwrite it samples anew, and the same seed gives the same rows."""
    output = reasoning_home / "rft.json"
    datagen.sample_rows(output, CONFIG)
    before = output.read_bytes()
    with pytest.raises(OutputRefused, match="finished rows"):
        datagen.sample_rows(output, CONFIG)

    datagen.sample_rows(output, SamplingConfig(oversample=4, temperature=0.8, overwrite=True))
    assert output.read_bytes() == before


def forked(task: Callable[[], object]) -> int:
    """Do ``task`` in a copy of this process; returns how that ended."""
    child = os.fork()
    if child == 0:
        try:
            task()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at(monkeypatch: pytest.MonkeyPatch, questions: int) -> None:
    """End this process as ``kill -9`` does once its journal holds so many questions."""
    kill_when(monkeypatch, lambda journal: sum("question" in entry for entry in journal.entries) >= questions)


def killed_after(questions: int, output: Path) -> None:
    """Begin to sample in a process that ends after so many questions."""

    def task() -> None:
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, questions)
            datagen.sample_rows(output, CONFIG)

    assert forked(task) == -signal.SIGKILL


def kill_when(monkeypatch: pytest.MonkeyPatch, is_due: Callable[[Journal], bool]) -> None:
    """End this process as ``kill -9`` does once its journal is as told."""
    real = Journal.add

    def add(self: Journal, added: list[dict[str, object]]) -> None:
        real(self, added)
        if is_due(self):
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Journal, "add", add)


@pytest.mark.parametrize("entries", [1, 4, 7])
def test_kill_loses_nothing(reasoning_home: Path, entries: int) -> None:
    """Killed after so many of 7 questions, the next run asks the others; the rows are those of an undisturbed run."""
    undisturbed = datagen.sample_rows(reasoning_home / "other.json", CONFIG)
    output = reasoning_home / "rft.json"

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("homework.base_llm.LARGEST_MICRO_BATCH", 4)
            kill_at(patch, entries)
            datagen.sample_rows(output, CONFIG)

    assert forked(killed) == -signal.SIGKILL
    held = journal_of(output).read_bytes()
    assert held.count(b"\n") == entries + 2
    assert not output.exists()
    assert datagen.sample_rows(output, CONFIG) == undisturbed
    assert not journal_of(output).exists()


def test_going_on_asks_only_what_is_left(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No question is sampled twice in a round."""
    output = reasoning_home / "rft.json"

    killed_after(3, output)
    done = {json.loads(line).get("prompt") for line in journal_of(output).read_text().splitlines()}
    asked: list[str] = []
    real = CoTModel.format_prompt

    def format_prompt(self: CoTModel, question: str) -> str:
        asked.append(real(self, question))
        return asked[-1]

    monkeypatch.setattr(CoTModel, "format_prompt", format_prompt)
    datagen.sample_rows(output, CONFIG)

    assert len(asked) == 1 + 4, "the first prompt, which models are told apart by, and what is left"
    assert not {text_hash(prompt) for prompt in asked[1:]} & done


def test_other_settings_do_not_go_on(reasoning_home: Path) -> None:
    """A journal of another temperature is refused with the difference; --overwrite begins anew."""
    output = reasoning_home / "rft.json"

    killed_after(2, output)
    with pytest.raises(OutputRefused, match=r"temperature 0\.8 instead of 0\.9"):
        datagen.sample_rows(output, SamplingConfig(oversample=4, temperature=0.9))

    rows = datagen.sample_rows(output, SamplingConfig(oversample=4, temperature=0.9, overwrite=True))
    assert rows


@pytest.mark.no_cover
def test_round_is_sampled_by_what_was_learnt(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second round asks only open questions, with the adapter trained on the first round's rows."""
    monkeypatch.setenv("SFT_PRECISION", "fp32")
    output = reasoning_home / "rft.json"
    datagen.sample_rows(output, SamplingConfig(oversample=4, temperature=0.8, rounds=2, epochs=40))
    record = read_provenance(sidecar_of(output))
    assert record

    assert [made.format for made in record.rounds] == ["CoTModel", "RFTModel"]
    assert record.rounds[1].model["adapter"]["folder"].endswith("rft.rounds/round-1")
    assert isinstance(samplers.sampler(record.rounds[1].as_json()), RFTModel)


def test_hints_ask_again_what_stays_open(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the answer in the prompt, as a round of its own in the record; each row can be drawn again from it."""
    output = reasoning_home / "rft.json"
    only_told = str(support.FIVE_ROWS[0][0])
    real = CoTModel.format_prompt

    def untold(self: CoTModel, question: str) -> str:
        return real(self, "?" if question == only_told else question)

    monkeypatch.setattr(samplers.HintedCoT, "format_prompt", real)  # what it does is tested in test_samplers.py
    monkeypatch.setattr(CoTModel, "format_prompt", untold)
    plain = len(datagen.sample_rows(output, CONFIG))
    rows = datagen.sample_rows(output, dataclasses.replace(CONFIG, hints=True, overwrite=True))
    record = read_provenance(sidecar_of(output))
    assert record

    assert [(made.round, made.format, made.seed) for made in record.rounds] == [
        (1, "CoTModel", CONFIG.seed),
        (2, "HintedCoT", CONFIG.seed + 1),
    ]
    assert (plain, len(rows)) == (4, 5)
    assert [draw.round for draw in record.draws] == [2, 1, 1, 1, 1]
    assert judge_rows(str(output), sampler=samplers.sampler, count=len(rows), seed=0).verdict() == "passed"


TWO_ROUNDS = SamplingConfig(oversample=2, temperature=0.8, rounds=2, epochs=40)


def killed_in_round_two(output: Path, config: SamplingConfig = TWO_ROUNDS) -> str:
    """Sample to the second entry of round 2, with a sample kept there; returns the hash of round 1's adapter."""

    def task() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(datagen, "why_not", lambda text, *rest: why_not(text, *rest) if "ans" in text else "")
            kill_when(patch, lambda journal: sum(entry["round"] == 2 for entry in journal.entries) > 1)
            datagen.sample_rows(output, config)

    assert forked(task) == -signal.SIGKILL
    return sha256_of(samplers.round_folder(output, 1) / "adapter_model.safetensors")


def test_going_on_in_a_later_round_changes_no_earlier_one(
    reasoning_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adapter of round 1 is not trained again, and what it drew before the kill is recorded as its."""
    monkeypatch.setenv("SFT_PRECISION", "fp32")
    output = reasoning_home / "rft.json"
    before = killed_in_round_two(output)
    monkeypatch.setattr(datagen, "train", None)
    rows = datagen.sample_rows(output, TWO_ROUNDS)
    record = read_provenance(sidecar_of(output))
    assert record

    assert record.rounds[1].model["adapter"]["sha256"] == before
    assert len(rows) == len(record.draws) == len(json.loads(output.read_text()))
    assert not journal_of(output).exists()


@pytest.mark.no_cover
def test_fewer_rounds_leave_the_later_ones_out(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and record end with the round that was asked for."""
    monkeypatch.setenv("SFT_PRECISION", "fp32")
    output = reasoning_home / "rft.json"
    killed_in_round_two(output)
    rows = datagen.sample_rows(output, SamplingConfig(oversample=2, temperature=0.8, rounds=1, epochs=40))
    record = read_provenance(sidecar_of(output))
    assert record

    assert {draw.round for draw in record.draws} == {1}
    assert check_fabricated(rows, record, sampler=samplers.sampler).status == "passed"


def test_damaged_round_adapter_is_trained_again(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it had drawn is not mixed with what the new one would draw."""
    monkeypatch.setenv("SFT_PRECISION", "fp32")
    output = reasoning_home / "rft.json"
    killed_in_round_two(output)
    shutil.rmtree(samplers.round_folder(output, 1))
    monkeypatch.setenv("SFT_PRECISION", "auto")
    trained: list[str] = []

    def train_otherwise(config: RFTConfig, *what: Any, **how: Any) -> None:  # noqa: ANN401
        trained.append(config.output_dir)
        train(dataclasses.replace(config, seed=7), *what, **how)

    monkeypatch.setattr(datagen, "train", train_otherwise)
    with pytest.raises(OutputRefused, match="Expected the model that round 2 began with, but got model"):
        datagen.sample_rows(output, TWO_ROUNDS)

    assert trained == [str(samplers.round_folder(output, 1))]


def test_training_of_a_round_goes_on(
    reasoning_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told to end while a round's adapter is trained, the same command goes on; --overwrite begins anew."""
    monkeypatch.setenv("SFT_PRECISION", "fp32")
    output, said = reasoning_home / "rft.json", []
    for number, config in enumerate((TWO_ROUNDS, TWO_ROUNDS, dataclasses.replace(TWO_ROUNDS, overwrite=True))):
        stop = killed_runs.about_to(5 + number, IN_STEP[1], lambda: signal.raise_signal(signal.SIGTERM))
        with stop, pytest.raises(SystemExit):
            datagen.sample_rows(output, config)
        said.append(capsys.readouterr().out)

    assert "stopped at step 5 of" in said[0]
    assert "the same command goes on" in said[0]
    assert ["resume:      from step" in text for text in said] == [False, True, False]


def test_other_base_does_not_go_on(reasoning_home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one base has drawn is not recorded as another's."""
    output = reasoning_home / "rft.json"

    killed_after(3, output)
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    with pytest.raises(OutputRefused, match="Expected the model that round 1 began with, but got model"):
        datagen.sample_rows(output, CONFIG)


def test_interrupted_run_says_how_to_go_on(
    reasoning_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C keeps what is finished."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("homework.sampling_progress.Progress.count", stop)
    with pytest.raises(KeyboardInterrupt):
        datagen.sample_rows(reasoning_home / "rft.json", CONFIG)

    assert "stopped; 2 entries are kept: the same command goes on" in capsys.readouterr().out


def test_question_that_comes_twice_is_asked_once(reasoning_home: Path) -> None:
    """Both would be drawn with the same numbers."""
    path = reasoning_home / "data" / "train.json"
    path.write_text(json.dumps([*json.loads(path.read_text()), list(support.FIVE_ROWS[0])]))

    assert len(datagen.sample_rows(reasoning_home / "rft.json", CONFIG)) == 5


@pytest.mark.parametrize("name", ["data/train.json", "rft", "rft.jsonl", "folder.json", "link.json"])
def test_what_something_else_wrote_is_not_replaced(reasoning_home: Path, name: str) -> None:
    """Not the questions themselves, not with --overwrite, and no name that would share its record with another's."""
    (reasoning_home / "folder.json").mkdir()
    (reasoning_home / "link.json").symlink_to("data/train.json")
    before = (reasoning_home / "data" / "train.json").read_bytes()
    with pytest.raises(OutputRefused, match=r"Expected a file name that ends in \.json"):
        datagen.sample_rows(reasoning_home / name, SamplingConfig(overwrite=True))

    assert (reasoning_home / "data" / "train.json").read_bytes() == before


def test_no_room_for_the_rows_is_said(reasoning_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal stays, and the next run only writes."""
    output = reasoning_home / "rft.json"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datagen, "replace_file", full)
        with pytest.raises(OutputRefused, match="No space left on device"):
            datagen.sample_rows(output, CONFIG)
    monkeypatch.setattr(CoTModel, "complete", lambda *_, **__: iter(()))

    assert len(datagen.sample_rows(output, CONFIG)) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oversample": 0}, "oversample to be at least 1"),
        ({"temperature": 0.0}, r"temperature to be finite and at least 0\.001"),
        ({"temperature": float("nan")}, "temperature to be finite"),
        ({"temperature": 1e-320}, "temperature to be finite"),
        ({"limit": -1}, "limit to be 0 or more"),
        ({"rounds": 0}, "rounds to be at least 1"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(OptionInvalid, match=message):
        datagen.generate_dataset("rft.json", **options)


def test_limit_and_dev_choose_the_questions(reasoning_home: Path) -> None:
    """--limit takes the first ones, --dev leaves every fifth alone."""
    limited = datagen.sample_rows(reasoning_home / "a.json", SamplingConfig(oversample=4, temperature=0.8, limit=2))
    tuned = datagen.sample_rows(reasoning_home / "b.json", SamplingConfig(oversample=4, temperature=0.8, dev=True))

    assert [row[0] for row in limited] == [row[0] for row in support.FIVE_ROWS[:2]]
    assert [row[0] for row in tuned] == [row[0] for row in support.FIVE_ROWS[1:5]]


def test_command_samples_and_says_how_it_went(
    reasoning_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The course's command line: a file, and options; progress, yield and rejects are printed."""
    monkeypatch.setattr(sys, "argv", ["datagen", "data/rft.json", "--oversample", "4", "--temperature", "0.8"])
    with pytest.raises(SystemExit) as ended:
        datagen.main()
    printed = capsys.readouterr().out

    assert ended.value.code == 0
    assert "5 of 7 questions have a row in data/rft.json" in printed
    assert "7 of 7 questions" in printed
    assert "samples rejected: " in printed
    assert len(Dataset("rft")) == 5
