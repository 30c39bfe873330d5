"""Curves come from the log in the pass that judges it, or from the manifest; a long one is thinned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import support

from unsilent import read_run
from unsilent.curves import MOST, judge_and_draw, read_curves
from unsilent.manifest import FILE, seal_of
from unsilent.runs import SLUGS

BROKEN = "{'loss': 4.9, 'grad_norm': 1.0, 'step': 5}\n{'loss': 4.8, 'grad_norm': nan, 'step': 10}\n" + "".join(
    f"{{'loss': 0.0, 'grad_norm': nan, 'step': {step}}}\n" for step in range(15, 60, 5)
)


def write_log(folder: Path, text: str) -> Path:
    """A printed log."""
    path = folder / "train.log"
    path.write_text(text)
    return path


def remember(folder: Path, **changes: object) -> None:
    """Let the manifest of an adapter say something else, sealed as it should be."""
    content = json.loads((folder / FILE).read_text()) | changes
    (folder / FILE).write_text(json.dumps(content | {"seal": seal_of(content)}))


def test_log_is_judged_and_drawn_in_one_pass(tmp_path: Path) -> None:
    """The report is the one of ``read_run``; the curve marks the step of its finding, and has None for NaN."""
    path = write_log(tmp_path, BROKEN)
    report, (curve,) = judge_and_draw(path, "sft")

    assert report.as_json() == read_run(path).as_json()
    assert (curve.part, curve.faulty_step, curve.steps[:3]) == ("sft", 10, (5, 10, 15))
    assert (curve.loss[:3], curve.grad_norm[:3]) == ((4.9, 4.8, 0.0), (1.0, None, None))


def test_records_without_a_step_are_counted(tmp_path: Path) -> None:
    """As the judgement counts them; those of an evaluation are no points."""
    path = write_log(tmp_path, "{'loss': 2.0}\n{'eval_loss': 1.0}\n{'grad_norm': 1.0}\n")
    (curve,) = read_curves(path)

    assert (curve.steps, curve.loss, curve.grad_norm) == ((1, 2), (2.0, None), (None, 1.0))


def test_long_log_is_thinned(tmp_path: Path) -> None:
    """At equal distances, from the first record on."""
    path = write_log(tmp_path, "".join(f"step {step} loss 1.5\n" for step in range(1, 10 * MOST)))
    (curve,) = read_curves(path)

    assert MOST / 2 <= len(curve.steps) <= MOST
    assert {after - before for before, after in zip(curve.steps, curve.steps[1:], strict=False)} == {16}


def test_training_leaves_its_curve_in_the_manifest(trained_once: Path) -> None:
    """Without a log beside the adapter; the same values as in the log's summary."""
    log = json.loads((trained_once / FILE).read_text())["log"]
    (curve,) = read_curves(trained_once, "sft")

    assert (curve.part, curve.steps[-1], curve.faulty_step) == ("sft", log["steps"], None)
    assert (curve.loss[0], curve.loss[-1]) == (log["first"]["loss"], log["last"]["loss"])


def test_stopped_run_is_marked_where_it_was_stopped(tmp_path: Path) -> None:
    """The guard's step stands in the manifest; norms that are no numbers are not there."""
    folder = support.write_adapter(tmp_path / "a")
    remember(folder, log={"records": [[1, 2.0, "inf"], [2, 1.0, 1.5], ["x"]]}, stopped={"step": 3})
    (curve,) = read_curves(folder)

    assert (curve.steps, curve.grad_norm, curve.faulty_step) == ((1, 2), (None, 1.5), 3)


@pytest.mark.parametrize("log", [{"steps": 0}, {"records": []}, {"records": 7}], ids=str)
def test_nothing_written_down_is_no_curve(tmp_path: Path, log: dict[str, object]) -> None:
    """An older manifest, an empty one, nonsense."""
    folder = support.write_adapter(tmp_path / "a")
    remember(folder, log=log)

    assert read_curves(folder) == []


def test_unusable_manifest_is_no_curve(tmp_path: Path) -> None:
    """What cannot be read is said by the checks, not by a picture; nor is there one of nothing at all."""
    (tmp_path / FILE).write_text("{")

    assert read_curves(tmp_path) == []
    assert judge_and_draw(tmp_path / "none")[1] == []
    assert {outcome.slug for outcome in judge_and_draw(tmp_path / "none")[0].outcomes} == set(SLUGS)
