"""Findings become SARIF that the essentials of its schema allow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unsilent.failures import FAILURES
from unsilent.outcome import failed, passed, skipped
from unsilent.sarif import as_sarif

PLACE = {"file": "home work/sft.py", "line": 7, "code": "inference_mode=True", "sure": "likely"}
OUTCOMES = [
    failed("frozen-adapter", "submission", "Expected a, but got b.", PLACE),
    failed("fp16-unguarded", "submission", "Expected c, but got d.", {"where": "nowhere"}),
    failed("frozen-adapter", "submission", "Expected e, but got f.", {"file": "a.py", "line": 0}),
    passed("nan-masked", "submission"),
    skipped("adapter-missing", "submission", "bad.py was not read: null bytes"),
]


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    """The one run of a log, after a way through JSON."""
    log = json.loads(json.dumps(as_sarif(iter(OUTCOMES))))

    assert (log["version"], log["$schema"].endswith("sarif-2.1.0.json")) == ("2.1.0", True)
    assert log.keys() == {"$schema", "version", "runs"}
    (one,) = log["runs"]
    return dict(one)


def test_rules_are_rows_of_the_catalogue(run: dict[str, Any]) -> None:
    """Each rule has an id, words, and the level of its severity; each is told once."""
    rules = run["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == ["frozen-adapter", "fp16-unguarded", "nan-masked", "adapter-missing"]
    for rule in rules:
        assert rule["shortDescription"]["text"] == FAILURES[rule["id"]].symptom
        assert rule["defaultConfiguration"]["level"] in {"none", "note", "warning", "error"}


def test_results_have_what_the_schema_requires(run: dict[str, Any]) -> None:
    """A message, a rule by id and index, a level, and a place whose line counts from 1."""
    rules = run["tool"]["driver"]["rules"]

    assert [result["level"] for result in run["results"]] == ["error", "warning", "error"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    (location,) = run["results"][0]["locations"]
    place = location["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "home%20work/sft.py"
    assert place["region"] == {"startLine": 7, "snippet": {"text": "inference_mode=True"}}


def test_finding_without_a_place_has_none(run: dict[str, Any]) -> None:
    """Nothing is invented: no file, no location; no line, no region."""
    assert "locations" not in run["results"][1]
    assert "region" not in run["results"][2]["locations"][0]["physicalLocation"]


def test_what_was_not_judged_is_told(run: dict[str, Any]) -> None:
    """A skipped check is a notification with its reason, and no result."""
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]

    assert notification["message"]["text"] == "adapter-missing was not judged: bad.py was not read: null bytes"


def test_finding_of_weights_has_no_place() -> None:
    """The file that its evidence names lies on the reader's disk, and is no line to comment on."""
    outcome = failed("adapter-untrained", "adapter", "Expected a, but got b.", {"file": "/home/me/adapter_model.bin"})
    (result,) = as_sarif([outcome])["runs"][0]["results"]

    assert "locations" not in result


def test_what_had_to_be_judged_is_an_error() -> None:
    """A run that could judge nothing is no success without results."""
    (invocation,) = as_sarif([], unjudged=["submission could not be judged: a bomb"])["runs"][0]["invocations"]

    assert invocation == {
        "executionSuccessful": False,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": "submission could not be judged: a bomb"}}
        ],
    }


def test_name_that_is_no_utf8_is_escaped() -> None:
    """In the address as its bytes, in texts readably; all of it can be written."""
    place = {"file": "b\udcff.py", "line": 1, "code": "x = '\udcff'"}
    outcomes = [
        failed("frozen-adapter", "submission", "Expected a. Where: b\udcff.py.", place),
        skipped("nan-masked", "submission", "b\udcff.py was not read"),
    ]
    log = as_sarif(outcomes, unjudged=["b\udcff.py"])
    (result,) = log["runs"][0]["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b%FF.py"
    assert result["message"]["text"] == "Expected a. Where: b\\udcff.py."
    assert json.dumps(log, ensure_ascii=False).encode()
