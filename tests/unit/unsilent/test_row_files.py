"""A file of rows is judged by three checks, from a shell too."""

from __future__ import annotations

import json
from pathlib import Path

import faults
import pytest
import support
from typer.testing import CliRunner

from homework.base_llm import BaseLLM
from unsilent.cli import app
from unsilent.provenance import sidecar_of
from unsilent.row_files import judge_rows

SAMPLER = """
from homework.base_llm import BaseLLM

def load(made):
    print("loading")
    return BaseLLM({base!r}, dtype=made["model"]["dtype"], device="cpu")
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three well-formed rows without a record, in the current directory."""
    (tmp_path / "rft.json").write_text(json.dumps(support.REASONED_ROWS))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rft.json"


def statuses(path: Path) -> list[str]:
    """Of the three outcomes."""
    return [outcome.status for outcome in judge_rows(path).outcomes]


def test_clean_rows_without_a_record(path: Path) -> None:
    """Nothing says where they come from, which is no finding."""
    assert statuses(path) == ["passed", "passed", "skipped"]


def test_rows_that_are_dirty(path: Path) -> None:
    """One finding."""
    path.write_text(json.dumps(faults.leave_out_tags(support.REASONED_ROWS)))

    assert statuses(path) == ["passed", "failed", "skipped"]


def test_no_rows(path: Path) -> None:
    """One finding, and nothing else to judge."""
    path.write_text("[]")

    assert statuses(path) == ["failed", "skipped", "skipped"]


def test_file_that_cannot_be_read(path: Path) -> None:
    """Nothing is judged, and each check says why."""
    path.write_text("[[")

    assert statuses(path) == ["skipped"] * 3
    assert judge_rows(path).exit_status() == 2


def test_record_that_cannot_be_read(path: Path) -> None:
    """The rows are judged without it, and whoever claims an origin has to show it."""
    sidecar_of(path).write_text("{")

    assert statuses(path) == ["passed", "passed", "skipped"]
    assert judge_rows(path).exit_status() == 2
    assert "Expected a record of where the rows come from" in judge_rows(path).outcomes[2].reason


@pytest.mark.parametrize(
    "text",
    [
        '[["q", 5], ["r", 6]]', '[1, "a", null, [1], ["q", 1]]', '{"prompt": "q", "completion": "a"}\n' * 2,
        '[{"messages": []}]', json.dumps([["q", 5, "2 + 3\n#### 5"]]),
    ],
    ids=["plain rows", "no rows", "other names", "messages", "other marks"],
)  # fmt: skip
def test_rows_that_nobody_looked_at(path: Path, text: str) -> None:
    """Are not passed."""
    path.write_text(text)

    assert judge_rows(path).exit_status() == 2


def test_rows_that_are_not_those_recorded(path: Path, tiny_base: Path) -> None:
    """Without hashes of rows nobody knows whether an answer was edited; with them it is known."""
    support.write_sampled(path, BaseLLM(str(tiny_base), dtype="fp32", device="cpu"))
    unchanged = judge_rows(path).outcomes[2], judge_rows(path).needed
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(rows, indent=1))
    written_anew = judge_rows(path).needed
    record = json.loads(sidecar_of(path).read_text())
    for draw in record["rows"]:
        del draw["row_sha256"]
    sidecar_of(path).write_text(json.dumps(record))

    assert (unchanged[0].status, unchanged[1], written_anew) == ("skipped", frozenset(), frozenset())
    assert judge_rows(path).needed == {"fabricated-reasoning"}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("sampler", ["json:loads", "os:getcwd"])
def test_shell_is_undecided_where_nothing_was_drawn(sampler: str) -> None:
    """A sampler was given, which fails, or for which there is no record."""
    done = CliRunner().invoke(app, ["check", "data", "rft.json", "--sampler", sampler])

    assert (done.exit_code, "rft.json: undecided" in done.stdout) == (2, True)


def test_help_shows_brackets() -> None:
    """They are no markup."""
    done = CliRunner().invoke(app, ["check", "data", "--help"], env={"COLUMNS": "200"})
    honesty = CliRunner().invoke(app, ["check", "honesty", "--help"], env={"COLUMNS": "200"})

    assert "of [question, answer, reasoning] rows" in " ".join(done.stdout.split())
    assert "JSON list of [question, answer] rows" in " ".join(honesty.stdout.split())


def test_shell_prints_the_verdict_first(path: Path) -> None:
    """As the other checks do."""
    done = CliRunner().invoke(app, ["check", "data", "rft.json"])

    assert done.exit_code == 0
    assert done.stdout.startswith("rft.json: passed\n   passed: zero-rows, dirty-rows\n")


def test_shell_takes_several_files(path: Path) -> None:
    """A finding in one is the status of all."""
    (path.parent / "none.json").write_text("")
    done = CliRunner().invoke(app, ["check", "data", "rft.json", "none.json", "missing.json", "--json"])

    assert done.exit_code == 1
    assert [report["verdict"] for report in json.loads(done.stdout)["sections"]] == ["passed", "failed", "undecided"]


@pytest.mark.usefixtures("path")
def test_shell_refuses_what_is_no_sampler() -> None:
    """Nothing is judged then."""
    done = CliRunner().invoke(app, ["check", "data", "rft.json", "--sampler", "no_such:load"])

    assert (done.exit_code, "ModuleNotFoundError" in done.stderr) == (2, True)


def test_shell_draws_again(path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sampler from the current directory, whose own words stay off stdout."""
    support.write_sampled(path, BaseLLM(str(tiny_base), dtype="fp32", device="cpu"))
    (path.parent / "a_sampler.py").write_text(SAMPLER.format(base=str(tiny_base)))
    monkeypatch.delitem(__import__("sys").modules, "a_sampler", raising=False)
    done = CliRunner().invoke(
        app, ["check", "data", "rft.json", "--sampler", "a_sampler:load", "--count", "3", "--seed", "7", "--json"]
    )
    outcomes = {outcome["failure"]: outcome for outcome in json.loads(done.stdout)["outcomes"]}

    assert outcomes["fabricated-reasoning"]["status"] == "passed"
    assert outcomes["fabricated-reasoning"]["message"].startswith("3 rows of 10, chosen by seed 7, were drawn")
    assert "loading" in done.stderr
