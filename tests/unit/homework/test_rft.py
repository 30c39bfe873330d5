"""Until RFT is built, every way to it says so."""

from __future__ import annotations

import pytest

import homework
from homework import rft
from homework.errors import AdapterMissing


def test_load_rft_names_the_command() -> None:
    """Loading raises and names the command that will train one."""
    with pytest.raises(AdapterMissing, match=r"python -m homework\.rft train"):
        homework.load_rft()


@pytest.mark.parametrize("command", ["train", "test", "load"])
def test_commands_end_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """No command pretends to have done something."""
    monkeypatch.setattr("sys.argv", ["rft", command])
    with pytest.raises(SystemExit) as ended:
        rft.main()

    assert ended.value.code == 2
    assert "What to do:" in capsys.readouterr().err
