"""The checklist ends at the first thing that does not hold, and says what it could not compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import support

from homework import sft
from homework.errors import AdapterRefused
from unsilent.manifest import write_manifest


@pytest.fixture
def home(tmp_path: Path, tiny_base: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with small data, the tiny base as default, and an adapter in ``sft``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    support.train_tiny(tmp_path, tmp_path / "sft", checkpoint="")
    return tmp_path


def test_model_that_says_something_else_is_refused(home: Path) -> None:
    """[reload-mismatch] The reloaded model is held against the logits that the live one left in the manifest."""
    content = json.loads((home / "sft" / "manifest.json").read_text())
    for one in content["logits"]["asked"]:
        for top in one["top"]:
            top[0][1] += 5.0
    write_manifest(home / "sft", {name: value for name, value in content.items() if name not in ("files", "seal")})

    with pytest.raises(AdapterRefused, match="the model that was trained, but got reload-mismatch"):
        sft.test_model(str(home / "sft"), 2)


def test_adapter_without_manifest_is_not_compared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a manifest there is nothing to compare with, and the checklist says so."""
    (home / "sft" / "manifest.json").unlink()
    sft.test_model(str(home / "sft"), 2)

    printed = capsys.readouterr().out
    assert "[ok] configuration  adapter_config.json, no manifest beside it" in printed
    assert "[ok] parity         not compared: no manifest" in printed
