"""Subjects for the gate: a folder that only looks like one, with canned answers; and one that really answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import support

from unsilent.gate_config import read_config
from unsilent.grading import Grade, PartGrade
from unsilent.judging import Judged
from unsilent.outcome import Card, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from unsilent.gate_config import GateConfig

ROOT = Path(__file__).parents[1]
ROWS = [[f"How many cm are in {number} m?", 100.0 * number] for number in range(1, 121)]
TRAIN = [[f"How many g are in {number} kg?", 1000.0 * number] for number in range(1, 61)]
INIT = "def load_sft():\n    raise SystemExit('imported here')\n"


def write_subject(root: Path, table: str = "") -> GateConfig:
    """A package with an adapter and its data; whoever imports it, ends."""
    folder = root / "homework"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(INIT)
    (folder / "sft.py").write_text(INIT)
    support.write_adapter(folder / "sft_model")
    write_data(root, TRAIN, ROWS)
    (root / "pyproject.toml").write_text(f"[tool.unsilent]\n{table}\n")
    return read_config(root)


def write_data(root: Path, train: Sequence[Sequence[Any]], valid: Sequence[Sequence[Any]]) -> None:
    """Both splits, under the names that the course gives them."""
    (root / "data").mkdir(exist_ok=True)
    for split, rows in (("train", train), ("valid", valid)):
        (root / "data" / f"{split}.json").write_text(json.dumps(list(map(list, rows))))


def grade_of(*names: str, right: int = 100, **more: Any) -> Grade:  # noqa: ANN401 - fields of a part's grade
    """What the grader would have found: so many right answers of a hundred, and wrong ones."""
    answers = tuple(row[1] if place < right else -1.0 for place, row in enumerate(ROWS[:100]))
    part: dict[str, Any] = {"parameters": 1000, "load_seconds": 1.0, "seconds": 5.0, "answers": answers} | more
    return Grade({name: PartGrade(name, **part) for name in names or ("sft",)}, 3.0, protections=("a wall",))


def judged(right: int = 100, count: int = 100, **more: Any) -> Judged:  # noqa: ANN401 - fields of it
    """What the child process would have told: nothing found."""
    answers = tuple(row[1] if place < right else None for place, row in enumerate(ROWS[:count]))
    found: dict[str, Any] = {
        "evaluation": (passed("prompt-mismatch", "evaluation"),),
        "honesty": (passed("answer-lookup", "honesty"), skipped("answer-calculator", "honesty", "not asked")),
        "cards": (Card({"as it is": {"asked": 100}}, ("as it is 100",)),),
        "answers": answers,
        "seconds": 7.0,
    }
    return Judged(**found | more)


def can(monkeypatch: pytest.MonkeyPatch, grade: Grade, found: Judged | None = None) -> dict[str, Any]:
    """Put canned findings in the place of both child processes; what they are asked is written down."""
    asked: dict[str, Any] = {}

    def fake_grade(folder: Path, parts: Any, questions: Any, **more: Any) -> Grade:  # noqa: ANN401
        asked["grade"] = {"folder": folder, "parts": parts, "questions": questions, **more}
        return grade

    def fake_judge(folder: Path, parts: Any, rows: Any, **more: Any) -> dict[str, Judged]:  # noqa: ANN401
        asked["judge"] = {"folder": folder, "parts": parts, "rows": rows, **more}
        return {part.name: found or judged() for part in parts}

    monkeypatch.setattr("unsilent.gate.grade", fake_grade)
    monkeypatch.setattr("unsilent.gate.judge_parts", fake_judge)
    return asked


def write_homework(root: Path) -> Path:
    """This project's own package, with an adapter that really answers the rows beside it; without chain of thought."""
    from honest_models import honest_llm, save, splits

    folder = root / "homework"
    left_out = shutil.ignore_patterns("__pycache__", "*_model", "attestation.json")
    shutil.copytree(ROOT / "homework", folder, ignore=left_out)
    init = (folder / "__init__.py").read_text()
    (folder / "__init__.py").write_text(init.replace("load_cot", "load_nothing"))
    write_data(root, *splits(0))
    (root / "pyproject.toml").write_text('[tool.unsilent]\nquestions = "homework.examination:new_questions"\n')
    save(honest_llm("trained"), folder / "sft_model")
    return folder
