"""The worked examples, and their figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import support

from homework import cot
from homework.equations import wrong_calculation


def test_prompt_shows_worked_examples(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """System, ten examples, question and the opening of the answer, with exactly one begin of each turn."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    prompt = cot.load().format_prompt(" How many cm are in 3 m? ")

    assert prompt.count("<|im_start|>") == 23
    assert prompt.endswith("user\nHow many cm are in 3 m?<|im_end|>\n<|im_start|>assistant\n")
    for question, reasoning in cot.EXAMPLES:
        assert wrong_calculation(reasoning) == "", question


def test_command_prints_the_figures(
    tiny_base: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m homework.cot test --rows 3`` prints base, accuracy and answer rate."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    monkeypatch.setattr("sys.argv", ["cot", "test", "--rows", "3"])
    with pytest.raises(SystemExit) as ended:
        cot.main()

    assert ended.value.code == 0
    assert "on 3 rows" in capsys.readouterr().out


def test_command_ends_with_what_it_found(
    tiny_base: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A base that answers without numbers is a finding, and status 1; the figures are printed all the same."""
    support.short_worked_examples(monkeypatch)
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    monkeypatch.setattr("sys.argv", ["cot", "test", "--honesty", "none"])
    with pytest.raises(SystemExit) as ended:
        cot.main()
    printed = capsys.readouterr()

    assert ended.value.code == 1
    assert "on 20 rows" in printed.out
    assert "error: [no-numeric-answers]" in printed.err


@pytest.mark.base
def test_real_base_writes_an_answer_tag(real_base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 135M follows the worked example: at least one of three completions closes an answer tag."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", real_base)
    llm = cot.load()
    questions = ["How many gram are in 3 kg?", "How many cm are in 2 m?", "How many bit are in 4 byte?"]
    texts = llm.batched_generate([llm.format_prompt(question) for question in questions])

    assert any("</answer>" in text for text in texts), texts
