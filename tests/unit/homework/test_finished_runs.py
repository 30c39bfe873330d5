"""What a finished run has left is removed; of a run that is not finished, or another one, nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import filelock
import pytest
import support

from homework.finished_runs import clear_finished
from homework.unfinished import is_begun, unfinished_beside

CONFIG = {"seed": 1, "lr": 0.01, "resume": True}
RUN: dict[str, Any] = {"created": "2026-01-01", "resumed": [{"step": 4}], "identity": {"seed": 1, "base model": "tiny"}}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the adapter is, later than the run of that name, which has a checkpoint."""
    folder = tmp_path / "out"
    put(folder)
    (unfinished_beside(folder) / "checkpoint-4").mkdir(parents=True)
    say(folder)
    return folder


def put(folder: Path, **changes: object) -> None:
    """Write an adapter with its manifest."""
    from homework.adapter_store import save_adapter

    content = support.manifest_content() | {"created": "2026-01-02", "config": CONFIG, "resumed": RUN["resumed"]}
    save_adapter(support.tiny_adapter(), folder, content | changes, {}, overwrite=True)


def say(folder: Path, **changes: object) -> None:
    """Write what the run was."""
    (unfinished_beside(folder) / "run.json").write_text(json.dumps(RUN | changes))


def test_rest_of_a_finished_run_goes(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder with it; that is said, and the adapter stays."""
    clear_finished(out)

    assert not unfinished_beside(out).exists()
    assert "the run of out was finished: what was left in" in capsys.readouterr().out
    assert (out / "adapter_model.safetensors").exists()


@pytest.mark.parametrize(
    "change", [{"created": "2026-01-03"}, {"resumed": []}, {"identity": {"seed": 2}}, {"identity": {}}],
    ids=["begun later", "resumed otherwise", "other options", "no options"],
)  # fmt: skip
def test_another_run_stays(out: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object]) -> None:
    """Its adapter is not there yet."""
    say(out, **change)
    clear_finished(out)

    assert is_begun(out)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_run_that_says_nothing_stays(out: Path, content: str | None) -> None:
    """Nobody can say whose adapter it is."""
    path = unfinished_beside(out) / "run.json"
    path.unlink() if content is None else path.write_text(content)
    clear_finished(out)

    assert (path.parent / "checkpoint-4").exists()


@pytest.mark.parametrize("changes", [None, {"config": None}, {"resumed": None}], ids=["cut", "no options", "older"])
def test_run_beside_an_adapter_that_is_not_its_own_stays(out: Path, changes: dict[str, object] | None) -> None:
    """One that is not whole, or whose manifest does not say how it was made."""
    if changes is None:
        (out / "adapter_model.safetensors").write_bytes(b"")
    else:
        put(out, **changes)
    clear_finished(out)

    assert is_begun(out)


def test_run_that_another_process_holds_stays(out: Path) -> None:
    """It has just saved, and clears up itself."""
    with filelock.FileLock(unfinished_beside(out) / "lock"):
        clear_finished(out)

    assert (unfinished_beside(out) / "checkpoint-4").exists()
