"""One live part: every check that needs the model is made, and one that cannot be made is skipped with its reason."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import faults
import pytest
from honest_models import base_folder, honest_llm, splits

from unsilent.outcome import Outcome
from unsilent.part_judge import PADDED, check_live, few, judge_part

TRAIN, VALID = splits(0)
QUESTIONS = [question for question, _ in VALID]
PART: dict[str, Any] = {
    "name": "sft",
    "loader": "load_sft",
    "train": TRAIN[:3],
    "example": "homework.sft:format_example",
    "tokenize": "homework.sft:tokenize",
    "dtype": "fp32",
    "logits": {},
}


def look(llm: Any, **changes: Any) -> dict[str, Outcome]:  # noqa: ANN401
    """Outcomes by slug."""
    return {outcome.slug: outcome for outcome in check_live(llm, PART | changes, QUESTIONS)}


@pytest.mark.no_cover
def test_healthy_part_passes() -> None:
    """Padding, parser, begin tokens, prompts and dtype; logits were not recorded."""
    found = look(honest_llm())

    assert found.pop("reload-mismatch").reason == "no logits of the live model were recorded"
    assert {outcome.status for outcome in found.values()} == {"passed"}
    assert found.keys() == {"padding-side", "answer-rate-inflated", "double-bos", "prompt-mismatch", "dtype-mismatch"}


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (faults.end_with_a_space, "prompt-mismatch"),
        (lambda llm: setattr(llm, "parse_answer", lambda text: 0.0), "answer-rate-inflated"),
        (lambda llm: llm.model.half(), "dtype-mismatch"),
    ],
    ids=["another prompt", "no NaN", "another dtype"],
)
def test_faults_are_found(change: Any, slug: str) -> None:  # noqa: ANN401
    """Each by its own check, on the live program."""
    llm = honest_llm()
    change(llm)

    assert look(llm)[slug].status == "failed"


def test_what_cannot_be_asked_is_skipped() -> None:
    """A program that only answers; and a function that is not there."""
    found = look(SimpleNamespace(answer=lambda *asked: [0.0] * len(asked)))

    assert {outcome.status for outcome in found.values()} == {"skipped"}
    assert "it cannot be asked (AttributeError: " in found["padding-side"].reason
    assert "ProgramUnusable" in look(honest_llm(), example="homework.sft:none")["prompt-mismatch"].reason


def test_part_without_training_is_not_compared_with_any() -> None:
    """A part that was only shown examples has neither rows nor a manifest."""
    assert look(honest_llm(), train=[], dtype="").keys() == {"padding-side", "answer-rate-inflated", "double-bos"}


def judged(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Everything about one part, as JSON."""
    package = SimpleNamespace(load_sft=honest_llm)
    question = {"rows": VALID, "first": 100, "count": 100, "questions": "", "quick": True} | changes
    return judge_part(package, PART, question)


def test_part_is_judged_as_plain_json() -> None:
    """Outcomes of both stages, the probe's card, an answer to each row, and the base's folder."""
    found = judged(questions="homework.examination:new_questions")

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {one["failure"]: one["status"] for one in found["honesty"]}["answer-lookup"] == "passed"
    assert len(found["answers"]) == 100
    assert found["base"] == str(base_folder(knowing=True))
    assert found["cards"][0]["lines"]


def test_more_rows_are_only_answered() -> None:
    """The probe judges the first; the rest is asked without it."""
    found = judged(first=60)

    assert len(found["answers"]) == 100
    assert found["cards"][0]["content"]["as it is"]["asked"] == 60


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (3, 3), (100, PADDED)])
def test_few_questions_are_spread(count: int, kept: int) -> None:
    """From the shortest to the longest."""
    chosen = few(QUESTIONS[:count])

    assert len(chosen) == kept
    assert chosen == sorted(chosen, key=len)
