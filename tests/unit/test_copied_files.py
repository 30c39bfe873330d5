"""What users copy from here works as it stands: the workflow of the gate, and the hook for pre-commit."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import support
import yaml

from unsilent import cli

ROOT = Path(__file__).parents[2]
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
WORKFLOW = yaml.safe_load((ROOT / "docs" / "ci" / "gate.yml").read_text())


def test_hook_judges_the_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command line, run where an adapter lies, ends with 0; and with 1 once that is untrained."""
    import faults

    command = [*shlex.split(HOOK["entry"]), *HOOK["args"]]
    folder = support.write_adapter(tmp_path / "homework" / "sft_model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", command)

    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main()
    faults.forget_training(folder)
    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main()


@pytest.mark.parametrize(
    ("path", "is_asked"),
    [
        ("homework/sft_model/adapter_model.safetensors", True),
        ("sft_model/adapter_config.json", True),
        ("homework/sft.py", False),
        ("notes/my_adapter_config.json", False),
    ],
)
def test_hook_runs_when_an_adapter_changes(path: str, is_asked: bool) -> None:  # noqa: FBT001
    """And not for any other file."""
    assert (re.search(HOOK["files"], path) is not None) is is_asked


def test_workflow_runs_the_gate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With options that the command has, after the base was fetched."""
    steps = [step["run"] for step in WORKFLOW["jobs"]["gate"]["steps"] if "run" in step]
    gate = next(place for place, step in enumerate(steps) if step.startswith("unsilent gate"))
    monkeypatch.setattr("sys.argv", ["unsilent", "gate", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main()

    assert set(re.findall(r"--\w+", steps[gate])) <= set(re.findall(r"--\w+", capsys.readouterr().out))
    assert "BaseLLM()" in steps[gate - 1]
