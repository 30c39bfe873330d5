"""The script in the child imports the subject by its name, and tells of each part as it is judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsilent import judge_script, part_judge

if TYPE_CHECKING:
    import pytest


def test_parts_are_told_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that raises is told with its error, and the next is judged; the checker comes behind all that is there."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    (tmp_path / "a_subject.py").write_text("NAME = 'the subject'\n")

    def judge_part(package: Any, part: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        if part["name"] == "cot":
            raise OSError("no base")
        return {"base": package.NAME, "answers": question["rows"]}

    monkeypatch.setattr(part_judge, "judge_part", judge_part)
    told: list[dict[str, Any]] = []
    question = {"checker": "/checker", "package": "a_subject", "rows": [], "parts": [{"name": "cot"}, {"name": "sft"}]}
    judge_script.run(question, told.append, None)

    assert [(one["part"], one.get("error"), one.get("base")) for one in told] == [
        ("cot", "OSError: no base", None),
        ("sft", None, "the subject"),
    ]
    assert all(one["seconds"] >= 0 for one in told)
    assert sys.path[-1] == "/checker"
