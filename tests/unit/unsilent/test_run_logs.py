"""Which file of a folder is read, as what, and in constant memory."""

from __future__ import annotations

import json
import math
import os
import tracemalloc
from pathlib import Path

import pytest

from unsilent.run_logs import LogUnusable, find_log, read_records

STATE = {
    "best_metric": None,
    "global_step": 3,
    "log_history": [
        {"epoch": 0.1, "grad_norm": 1.5, "learning_rate": 1e-3, "loss": 2.5, "step": 1},
        {"epoch": 0.2, "grad_norm": math.nan, "learning_rate": 0.0, "loss": 2.4, "step": 2},
        {"epoch": 0.2, "eval_loss": 2.3, "step": 2},
        {"train_runtime": 1.0, "train_loss": 2.4, "step": 3},
    ],
    "stateful_callbacks": {"TrainerControl": {"args": {"should_log": False}, "attributes": {}}},
}


def write(path: Path, text: str = "step 1 loss 2.0\n") -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_events(folder: Path, losses: list[float]) -> None:
    """TensorBoard's own writer, tags as Trainer has them."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step, loss in enumerate(losses, start=1):
            writer.add_scalar("train/loss", loss, step)
            writer.add_scalar("train/grad_norm", 1.0, step)
            writer.add_scalar("train/learning_rate", 1e-3, step)
        writer.add_scalar("eval/loss", 1.0, len(losses))
        writer.add_scalar("train/train_loss", 1.0, len(losses))


@pytest.mark.parametrize("indent", [None, 2])
def test_trainer_state_is_read(tmp_path: Path, indent: int | None) -> None:
    """In one line or in many; NaN is kept, the summary is no step."""
    log = find_log(write(tmp_path / "state", json.dumps(STATE, indent=indent)))
    records = list(log)

    assert [(record.step, record.loss, record.eval_loss) for record in records] == [
        (1, 2.5, None),
        (2, 2.4, None),
        (2, None, 2.3),
    ]
    assert str(records[1].grad_norm) == "nan"
    assert (log.form, log.notes) == ("trainer_state.json", [])


def test_truncated_state_is_said(tmp_path: Path) -> None:
    """What is whole is read; the cut is noted, in a record or after one."""
    text = json.dumps(STATE)
    inside, after = text[: text.index("2.4,")], text[: text.index("}, {") + 1]
    for cut, note in ((inside, "ends in the middle of a record"), (after, "its JSON does not end")):
        log = find_log(write(tmp_path / "state.json", cut))

        assert [record.loss for record in log] == [2.5]
        assert note in log.notes[0]


def test_events_of_one_step_are_joined(tmp_path: Path) -> None:
    """Training and evaluation of one step are one record; Trainer's mean at the end is no loss of a step."""
    write_events(tmp_path / "out" / "runs" / "a", [2.0, 1.5])
    log = find_log(tmp_path / "out")

    found = [(record.step, record.loss, record.grad_norm, record.eval_loss) for record in log]
    assert found == [(1, 2.0, 1.0, None), (2, 1.5, 1.0, 1.0)]
    assert (log.form, log.notes) == ("TensorBoard events", ["read runs/a"])


def test_newest_of_several_event_folders_is_taken(tmp_path: Path) -> None:
    """And it is said that there were others."""
    for name, loss in (("b", 2.0), ("a", 1.0)):
        write_events(tmp_path / name, [loss])
    for number, name in enumerate(("b", "a")):
        file = next((tmp_path / name).iterdir())
        file.rename(file.with_name(f"events.out.tfevents.{number}"))
    log = find_log(tmp_path)

    assert [record.loss for record in log] == [1.0]
    assert log.notes == ["read a, the newest of 2 with events"]


def test_damage_in_events_is_said(tmp_path: Path) -> None:
    """A file cut while it is written, and one with debris, give what is whole."""
    write_events(tmp_path / "a", [2.0, 1.5])
    content = next((tmp_path / "a").iterdir()).read_bytes()
    for text, note in (
        (content[:-3], "ends in the middle of a record"),
        (content + b"x" * 40, "is damaged after step 2"),
    ):
        path = tmp_path / "log"
        path.write_bytes(text)
        log = find_log(path)

        assert [record.loss for record in log] == [2.0, 1.5]
        assert note in log.notes[0]


def test_last_checkpoint_is_taken(tmp_path: Path) -> None:
    """By number, not by name; a state of the whole run goes before it."""
    for number in (9, 10):
        write(tmp_path / f"checkpoint-{number}" / "trainer_state.json", f'{{"log_history": [{{"loss": {number}}}]}}')
    log = find_log(tmp_path)

    assert [record.loss for record in log] == [10.0]
    assert log.notes == ["read checkpoint-10, the last of 2"]
    write(tmp_path / "trainer_state.json", json.dumps(STATE))
    assert next(iter(read_records(tmp_path))).loss == 2.5


@pytest.mark.parametrize("name", ["events.out.tfevents.1", "run.log"])
def test_pipe_of_a_log_s_name_is_no_log(tmp_path: Path, name: str) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / name)

    with pytest.raises(LogUnusable, match="holds no run"):
        find_log(tmp_path)


def test_text_with_records_is_found_in_a_folder(tmp_path: Path) -> None:
    """Files without a record, binary ones and a vocabulary are passed over."""
    write(tmp_path / "a.log", "nothing here\n")
    (tmp_path / "b.log").write_bytes(b"\0\1\2")
    write(tmp_path / "tokenizer.json", '{"loss": 17}')
    write(tmp_path / "logs" / "metrics.log")
    log = find_log(tmp_path)

    assert [record.loss for record in log] == [2.0]
    assert log.notes == ["read logs/metrics.log"]


def test_utf16_is_read(tmp_path: Path) -> None:
    """As a PowerShell redirection writes it."""
    path = tmp_path / "log"
    path.write_text("{'loss': 2.0}\n", encoding="utf-16")

    assert [record.loss for record in read_records(path)] == [2.0]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("none", "does not exist; looked for"),
        ("folder", "holds no run; .*; there is nothing"),
        ("bin", "binary"),
    ],
)
def test_what_is_no_log_is_said(tmp_path: Path, name: str, match: str) -> None:
    """With what was looked for, and what is there."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "bin").write_bytes(b"\0\1\2" * 20)

    with pytest.raises(LogUnusable, match=match):
        list(read_records(tmp_path / name))


def test_file_that_vanishes_is_said(tmp_path: Path) -> None:
    """Between finding and reading."""
    log = find_log(write(tmp_path / "log"))
    (tmp_path / "log").unlink()

    with pytest.raises(LogUnusable, match="cannot be read: No such file"):
        list(log)


@pytest.mark.no_cover
def test_long_log_takes_no_memory(tmp_path: Path) -> None:
    """20,000 records take what 200 take: less than a megabyte."""
    path = tmp_path / "log"
    with path.open("w") as file:
        file.writelines(f"{{'loss': {2 - step / 1e6}, 'grad_norm': 1.0, 'epoch': {step}}}\n" for step in range(20_000))
    tracemalloc.start()
    count = sum(1 for _ in read_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 1_000_000, peak


@pytest.mark.parametrize(
    ("there", "note"),
    [
        (["adapter_model.safetensors", "optimizer.pt", "scheduler.pt"], ""),
        (["adapter_model.safetensors", "optimizer.pt"], "without scheduler.pt: a resume"),
        (["adapter_model.safetensors"], "without optimizer.pt and scheduler.pt: a resume from it would begin"),
        (["adapter_model.safetensors", "optimizer_0/shard"], ""),
        ([], ""),
    ],
    ids=["whole", "schedule lost", "model only", "shards", "log only"],
)
def test_checkpoint_that_cannot_be_resumed_is_noticed(tmp_path: Path, there: list[str], note: str) -> None:
    """With ``save_only_model`` it is meant: a note, and no finding."""
    folder = tmp_path / "checkpoint-4"
    for name in there:
        write(folder / name, "")
    write(folder / "trainer_state.json", json.dumps(STATE))

    for path in (tmp_path, folder):
        assert [one for one in find_log(path).notes[1:] if note in one] == find_log(path).notes[1:]
        assert bool(note) == bool(find_log(path).notes[1:])
