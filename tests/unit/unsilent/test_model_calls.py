"""Acts of training, loading and asking are known however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.entry_points import Run, read_runs
from unsilent.model_calls import reads_file, trainings
from unsilent.sources import find_sources


def run_of(folder: Path, body: str) -> Run:
    """The run of a function ``load`` with these statements."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    snippets.write(folder, f"def load():\n{lines}", prelude=snippets.IMPORTS)
    return next(run for run in read_runs(find_sources(folder)) if run.name == "sft.load")


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("Trainer(model=1).train()", 1),
        ("t = Trainer(1)\nt.train(resume_from_checkpoint=True)", 1),
        ("class T(Trainer): pass\nT(1).train()", 1),
        ("model(1).loss.backward()", 1),
        ("accelerator.backward(loss)", 1),
        ("import asyncio\nasyncio.to_thread(Trainer(model=1).train)", 1),
        ("import lightning\nlightning.Trainer(max_epochs=1).fit(module)", 1),
        ("model.train()\nmodel.train(False)\nvectorizer.fit(texts)", 0),
    ],
)
def test_trainings(tmp_path: Path, body: str, count: int) -> None:
    """A trainer that trains and a loss that goes back are training; a mode is none."""
    assert len(trainings(run_of(tmp_path, body))) == count


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("json.load(open('x'))", 2),
        ("np.load('x')", 1),
        ("Path('x').read_text()", 1),
        ("import litellm, requests\nrequests.post('x')\nlitellm.completion('x')", 2),
        ("model.load('x')\nprint('x')", 0),
    ],
)
def test_files_that_are_read(tmp_path: Path, body: str, reads: int) -> None:
    """Files, data sets and the network; a method called load may be anything."""
    assert sum(map(reads_file, run_of(tmp_path, body).calls)) == reads
