"""An outcome says enough, a report adds up, and one fault is one finding."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.failures import FAILURES
from unsilent.outcome import Card, FailureFound, Outcome, Report, failed, fold_symptoms, passed, skipped, versions

FOUND = failed("nan-grad-norm", "guard", "NaN in lora_B", {"parameter": "lora_B"}, step=3)
RISK = failed("fp16-unguarded", "wiring", "fp16 without a scaler", {"scaler": None})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: passed("nan-grad-norm", "adapter"), "a stage among guard, runs"),
        (lambda: failed("nan-grad-norm", "guard", "", {"a": 1}), "a message and evidence"),
        (lambda: failed("nan-grad-norm", "guard", "m", {}), "a message and evidence"),
        (lambda: skipped("nan-grad-norm", "guard", ""), "a reason"),
    ],
    ids=["stage", "no message", "no evidence", "no reason"],
)
def test_outcome_that_says_too_little_is_refused(make: object, message: str) -> None:
    """A finding needs evidence, a skip a reason, and a check stands where the catalogue has it."""
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("outcomes", "strict", "verdict", "status"),
    [
        ((passed("nan-grad-norm", "guard"),), False, "passed", 0),
        ((passed("nan-grad-norm", "guard"), skipped("zero-loss", "guard", "no loss seen")), False, "passed", 0),
        ((FOUND, passed("zero-loss", "guard")), False, "failed", 1),
        ((RISK,), False, "passed", 0),
        ((RISK,), True, "failed", 1),
        ((skipped("zero-loss", "guard", "no loss seen"),), False, "undecided", 2),
        ((), False, "undecided", 2),
    ],
    ids=["passed", "one skipped", "failed", "risk", "risk, strict", "all skipped", "nothing"],
)  # fmt: skip
def test_report_adds_up(outcomes: tuple[Outcome, ...], strict: bool, verdict: str, status: int) -> None:  # noqa: FBT001
    """A report in which nothing ran is not green; a risk counts only when strict."""
    report = Report("subject", outcomes)

    assert (report.verdict(strict=strict), report.exit_status(strict=strict)) == (verdict, status)


def test_symptoms_go_under_their_root() -> None:
    """zero-loss beside nan-grad-norm is a sign of it, not a second finding."""
    zero = failed("zero-loss", "guard", "loss 0.0", {"loss": 0.0}, step=4)
    report = Report("run", (zero, FOUND))

    assert [(finding.slug, finding.symptoms) for finding in report.findings] == [("nan-grad-norm", ("zero-loss",))]


def test_chain_of_symptoms_ends_at_the_deepest_root() -> None:
    """With the overflow found too, NaN and zero loss both stand under it."""
    found = [failed(slug, "guard", "m", {"x": 1}) for slug in ("zero-loss", "nan-grad-norm", "fp16-overflow")]
    folded = fold_symptoms(found)

    assert [(finding.slug, set(finding.symptoms)) for finding in folded] == [
        ("fp16-overflow", {"zero-loss", "nan-grad-norm"})
    ]


@given(st.sets(st.sampled_from(sorted(FAILURES))))
def test_folding_loses_nothing(slugs: set[str]) -> None:
    """Whatever is found: each finding stays, as a root or under one, exactly once."""
    found = [failed(slug, FAILURES[slug].stages[0], "m", {"x": 1}) for slug in sorted(slugs)]
    folded = fold_symptoms(found)
    listed = [slug for finding in folded for slug in (finding.slug, *finding.symptoms)]

    assert sorted(listed) == sorted(slugs)


def test_json_is_the_contract() -> None:
    """The keys are those that programs rely on."""
    content = json.loads(Report("run", (FOUND, skipped("zero-loss", "guard", "no loss seen"))).as_json())

    assert list(content) == ["schema_version", "subject", "verdict", "outcomes", "versions"]
    assert content["outcomes"][0] == {
        "failure": "nan-grad-norm",
        "stage": "guard",
        "severity": "error",
        "status": "failed",
        "step": 3,
        "evidence": {"parameter": "lora_B"},
        "message": "NaN in lora_B",
        "reason": "",
        "symptoms": [],
    }


def test_json_knows_no_nan() -> None:
    """NaN and inf in evidence become words: bare NaN is no JSON."""
    outcome = failed("nan-grad-norm", "guard", "m", {"grad_norm": math.nan, "losses": [1.0, math.inf, None]})
    text = Report("run", (outcome,)).as_json()

    assert "NaN" not in text
    assert json.loads(text)["outcomes"][0]["evidence"] == {"grad_norm": "nan", "losses": [1.0, "inf", None]}


def test_card_is_told_in_plain_values() -> None:
    """What JSON has no word for is told as text."""
    card = Card({"rate": math.inf}, ("for people",))
    content = json.loads(Report("x", (), cards=(card,)).as_json())

    assert content["cards"] == [{"rate": "inf"}]


def test_error_never_stands_under_a_risk() -> None:
    """fp16-unguarded is a risk: a NaN that it led to stays a finding of its own."""
    nan = failed("nan-grad-norm", "guard", "m", {"x": 1})

    assert [(found.slug, found.symptoms) for found in fold_symptoms([RISK, nan])] == [
        ("fp16-unguarded", ()),
        ("nan-grad-norm", ()),
    ]


def test_missing_packages_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report from a machine without torch says so."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)

    assert versions()["torch"] == "not installed"


def test_failure_found_says_all_and_survives_a_trip() -> None:
    """Slug, step, micro-batch, evidence and symptoms, also from a worker process."""
    outcome = dataclasses.replace(
        failed("nan-grad-norm", "guard", "Expected finite numbers.", {"micro_batch": 2}, step=3),
        symptoms=("zero-loss",),
    )
    found = pickle.loads(pickle.dumps(FailureFound(outcome)))  # noqa: S301 - our own

    assert (found.failure.slug, found.step, found.micro_batch) == ("nan-grad-norm", 3, 2)
    assert str(found) == (
        "[nan-grad-norm] Expected finite numbers. Seen with it: zero-loss. See: unsilent explain nan-grad-norm"
    )
    assert FailureFound(failed("lr-zero", "guard", "m", {"lr": 0})).step == 0


def test_report_without_a_needed_check_is_undecided() -> None:
    """What was asked for did not run; a finding is one all the same."""
    ran, not_run = passed("lr-zero", "guard"), skipped("nan-grad-norm", "guard", "no norm")
    found = failed("lr-zero", "guard", "Expected a rate, but got 0.", {"lr": 0})

    assert Report("x", (ran, not_run)).verdict() == "passed"
    assert Report("x", (ran, not_run), needed=frozenset({"nan-grad-norm"})).verdict() == "undecided"
    assert Report("x", (ran, not_run), needed=frozenset({"lr-zero"})).verdict() == "passed"
    assert Report("x", (found, not_run), needed=frozenset({"nan-grad-norm"})).verdict() == "failed"
