"""What the child process tells is turned into outcomes again, and believed no more than a stranger's text."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import gated
import pytest

from unsilent import judging
from unsilent.judging import Asked, Judged, judge_parts, read_judged
from unsilent.outcome import passed
from unsilent.sandbox import Child, Told

GOOD: dict[str, Any] = {
    "evaluation": [passed("prompt-mismatch", "evaluation").as_json()],
    "honesty": [passed("answer-lookup", "honesty").as_json(), {"failure": "forged"}],
    "cards": [{"content": {"as it is": {"asked": 1}}, "lines": ["one"]}, {"content": 3}, "no card"],
    "answers": [1.5, None, "4", 3],
    "base": "/somewhere",
    "seconds": 2.5,
}


def test_judged_part_is_read() -> None:
    """Outcomes, cards, answers; what is none of these is left out."""
    found = read_judged(GOOD)

    assert found.evaluation == (passed("prompt-mismatch", "evaluation"),)
    assert [outcome.slug for outcome in found.honesty] == ["answer-lookup"]
    assert [card.lines for card in found.cards] == [("one",)]
    assert (found.answers, found.base, found.seconds, found.error) == ((1.5, None, None, 3), "/somewhere", 2.5, "")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"error": "ValueError: no adapter", "seconds": "x"}, "ValueError: no adapter"),
        ({**GOOD, "answers": "many", "seconds": None}, "what it told cannot be read"),
        ({}, "what it told cannot be read"),
    ],
)
def test_part_that_was_not_judged_has_a_reason(content: dict[str, Any], error: str) -> None:
    """What it raised, or that nothing could be read."""
    assert read_judged(content) == Judged(error=error)


def tell(monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, Any]], error: str = "") -> dict[str, Any]:
    """A child that tells these lines; what it is asked is written down."""
    asked: dict[str, Any] = {}

    def run(script: Path, question: dict[str, Any], **more: Any) -> Child:  # noqa: ANN401
        asked.update(json.loads(json.dumps(question)), root=more["root"], limit=more["next_limit"]({}))
        return Child(tuple(Told(1.0, line) for line in lines), error, "", 2.0)

    monkeypatch.setattr(judging, "run_child", run)
    return asked


def judge(folder: Path, *names: str) -> dict[str, Judged]:
    """Parts of a subject."""
    parts = [Asked(name, f"load_{name}", gated.TRAIN[:1]) for name in names]
    return judge_parts(folder, parts, gated.ROWS, first=100, count=120, seconds=60)


def test_child_is_asked_about_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with its rows; each part has its own time."""
    folder = gated.write_subject(tmp_path).subject
    asked = tell(monkeypatch, [GOOD | {"part": "sft"}])
    found = judge(folder, "sft")

    assert found["sft"].base == "/somewhere"
    assert (asked["package"], asked["parts"][0]["loader"], asked["limit"]) == ("homework", "load_sft", 60)
    assert asked["parts"][0]["train"] == gated.TRAIN[:1]
    assert asked["root"] != folder.parent


@pytest.mark.parametrize(("error", "said"), [("it was ended", "it was ended"), ("", "ended without a word")])
def test_parts_behind_the_end_have_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, said: str
) -> None:
    """What was told before stays; of what was not, it is said why."""
    tell(monkeypatch, [{"protections": []}, GOOD | {"part": "sft"}], error)
    found = judge(gated.write_subject(tmp_path).subject, "sft", "rft")

    assert found["sft"].error == ""
    assert said in found["rft"].error


def test_folder_that_cannot_be_copied_is_a_reason(tmp_path: Path) -> None:
    """It is gone, say."""
    assert judge(tmp_path / "none", "sft")["sft"].error == "no such folder"


@pytest.mark.slow
def test_real_child_judges_behind_walls(tmp_path: Path) -> None:
    """A program that answers without any model is imported there, cannot write, and is looked at."""
    folder = tmp_path / "häus work"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        textwrap.dedent(
            """
            class Program:
                def answer(self, *asked):
                    try:
                        open(__file__, "a")
                    except OSError as error:
                        self.error = str(error)
                    return [100.0 * int(one.split()[-2]) for one in asked]

            def load_sft():
                return Program()

            def load_rft():
                raise KeyError("no adapter")
            """
        )
    )
    found = judge(folder, "sft", "rft")

    assert found["sft"].answers == tuple(row[1] for row in gated.ROWS)
    assert {outcome.slug: outcome.status for outcome in found["sft"].honesty}["answer-lookup"] != "passed"
    assert {outcome.status for outcome in found["sft"].evaluation} == {"skipped"}
    assert found["rft"].error == "KeyError: 'no adapter'"
    assert sorted(path.name for path in folder.iterdir()) == ["__init__.py"]


def test_place_of_the_copy_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone when somebody reads it; the file in it is what is meant."""
    (tmp_path / "homework").mkdir()

    def run(script: Path, question: dict[str, Any], *, root: Path, **more: Any) -> Child:  # noqa: ANN401
        noticed = passed("answer-lookup", "honesty", f"{root}/data/valid.json was read").as_json()
        return Child((Told(1.0, {**GOOD, "part": "sft", "honesty": [noticed]}),), "", "", 2.0)

    monkeypatch.setattr(judging, "run_child", run)
    found = judge_parts(tmp_path / "homework", [Asked("sft", "load_sft")], [["q", 1.0]], first=1, count=1)

    assert found["sft"].honesty[0].message == "data/valid.json was read"
