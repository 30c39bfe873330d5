"""What the pytest plugin does once something is asked of it: list, judge, tell, sum up. PYTEST_DONT_REWRITE, as there.

A subject is judged once in a process, when the first of its items runs; listing them reads nothing. What an item has to
say travels with its report, since it may have been a worker's, and the summary is made of reports.
"""

from __future__ import annotations

import json
import traceback
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from .adapter_folder import find_doubled
from .failures import FAILURES
from .subjects import LOOKED_FOR, PARTIAL, judge
from .told import Told, summarise, tell, unjudged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from .outcome import Report
    from .pytest_plugin import Subject

COLOURS = {"passed": "green", "failed": "red", "undecided": "yellow"}


class Judge:
    """What the plugin does while pytest runs: list, judge once, and sum up."""

    def __init__(self, subjects: list[Subject], *, strict: bool, note: str) -> None:
        self.subjects = subjects
        self.strict = strict
        self.notes = [note] if note else []
        if any(subject.kind == "submission" for subject in subjects):
            self.notes.append(PARTIAL)
        self.asked: dict[Subject, list[str]] = {}
        self.reports: dict[Subject, Report | str] = {}
        self.told: dict[str, list[dict[str, Any]]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Stop where there is nothing at a path, before any test has run."""
        for subject in self.subjects:
            if not subject.asked or not _is_there(subject):
                raise pytest.UsageError(
                    f"Expected something to judge, but got {'no file or folder' if subject.asked else 'no name'}. "
                    f"Where: --{subject.kind} {subject.asked!a} ({subject.path}). What to do: name what was written; "
                    "a path is relative to the current folder, or to the one with pytest's configuration."
                )

    def pytest_report_header(self) -> list[str]:
        """Say what is judged, and what is not."""
        return [f"unsilent: {line}" for line in (", ".join(subject.name for subject in self.subjects), *self.notes)]

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the subjects beside whatever the session collects."""
        report = yield
        if isinstance(collector, pytest.Session):
            report.result = [*report.result, *(SubjectNode.of(collector, self, one) for one in self.subjects)]
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which failures are asked about, when all that select have selected."""
        for item in session.items:
            if isinstance(item, Check):
                self.asked.setdefault(item.subject, []).append(item.name)

    def report_on(self, subject: Subject) -> Report | str:
        """The report, made when it is first asked for; or why there is none."""
        if subject not in self.reports:
            self.reports[subject] = _judge(subject)
        return self.reports[subject]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the report carry what was told: it may have to travel from a worker."""
        report = yield
        if isinstance(item, Check) and report.when == "call" and item.told:
            report.unsilent = item.content(item.told)  # type: ignore[attr-defined] # pytest keeps what is added
            if report.skipped:
                report.longrepr = (str(item.subject.path), None, item.told.line)  # type: ignore[assignment] # no line
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what was told for the summary, and give a finding its one line."""
        if content := getattr(report, "unsilent", None):
            self.told.setdefault(content["subject"], []).append(content)
            if report.failed:
                report.longrepr = Shown(str(report.longrepr), content["line"])  # type: ignore[assignment] # as pytest's

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, object] | None:
        """A risk is neither passed nor failed."""
        if report.passed and getattr(report, "unsilent", {}).get("status") == "risk":
            return "risk", "r", ("RISK", {"yellow": True})
        return None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The verdict on each subject, then findings, risks, what was fine and what could not be looked at."""
        if not self.told:
            return
        terminalreporter.section("unsilent")
        for subject, contents in self.told.items():
            verdict, lines = summarise(contents, brief=terminalreporter.verbosity < 0)
            of = f" ({len(contents)} of {contents[0]['of']} checks ran)" if len(contents) < contents[0]["of"] else ""
            terminalreporter.write_line(f"{subject}: {verdict}{of}", **{COLOURS[verdict]: True})
            for line in lines:
                terminalreporter.write_line(line)
        for note in self.notes:
            terminalreporter.write_line(note)


def _is_there(subject: Subject) -> bool:
    """Whether there is something, or something known to be in the wrong place."""
    try:
        return subject.path.exists() or (subject.kind == "adapter" and find_doubled(subject.near) is not None)
    except (OSError, RuntimeError):  # a name that is too long, links in a circle
        return False


def _judge(subject: Subject) -> Report | str:
    try:
        with warnings.catch_warnings(action="ignore"):  # -W error is about the user's code
            report = judge(subject.kind, subject.near)
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a failed item
        last = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"Expected checks that never raise, but got {type(error).__name__}: {error}. Where: {last.filename}, line "
            f"{last.lineno}, in {last.name}. What to do: this is a bug of unsilent; report it. Nothing was judged."
        )
    if report.verdict() != "undecided":
        return report
    why = "; ".join(dict.fromkeys(outcome.reason for outcome in report.outcomes))
    return (
        f"Expected --{subject.kind} to name something that can be judged, but got: {why}. Where: {subject.near}. "
        "What to do: name the folder or file that was written, or write it again."
    )


class FailureTold(Exception):
    """Fails an item."""


class Shown:
    """A text where pytest expects a traceback, with the one line that its summary takes."""

    def __init__(self, text: str, line: str) -> None:
        self.text = text
        self.reprcrash = SimpleNamespace(message=line)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, tw: Any) -> None:  # noqa: ANN401 - pytest's TerminalWriter, which has no public name
        """Print it."""
        tw.line(self.text)


class SubjectNode(pytest.Collector):
    """One subject, with an item for each failure that is looked for."""

    judge: Judge
    subject: Subject

    @classmethod
    def of(cls, session: pytest.Session, judge: Judge, subject: Subject) -> SubjectNode:
        """Make one. Its node id reads like a file's: relative to the root, beside which the current folder may be."""
        here, root = session.config.invocation_params.dir, session.config.rootpath
        prefix = f"{here.relative_to(root).as_posix()}/" if here != root and here.is_relative_to(root) else ""
        node: SubjectNode = cls.from_parent(session, name=subject.name, nodeid=f"{prefix}{subject.name}")
        node.judge, node.subject = judge, subject
        return node

    def collect(self) -> Iterator[Check]:
        """List the failures, marked as the regression tests are."""
        for slug in LOOKED_FOR[self.subject.kind]:
            check: Check = Check.from_parent(self, name=slug)
            check.judge, check.subject = self.judge, self.subject
            check.add_marker(pytest.mark.regression)
            check.add_marker(pytest.mark.failure(slug))
            yield check


class Check(pytest.Item):
    """One failure, looked for in one subject."""

    judge: Judge
    subject: Subject
    told: Told | None = None

    def reportinfo(self) -> tuple[Path, None, str]:
        """Its heading; a line number it has none."""
        return self.subject.path, None, f"{self.subject.name}: {self.name}"

    def runtest(self) -> None:
        """Say what the report says."""
        self.told = self._ask()
        self.user_properties += self._properties(self.told)
        if self.told.status == "failed":
            raise FailureTold(self.told.text)
        if self.told.status == "skipped":
            pytest.skip(self.told.line)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """The text of a finding; a traceback of anything else, which would be a bug."""
        return str(excinfo.value) if isinstance(excinfo.value, FailureTold) else super().repr_failure(excinfo, style)

    def _ask(self) -> Told:
        asked, report = self.judge.asked[self.subject], self.judge.report_on(self.subject)
        if not isinstance(report, str):
            return tell(report, self.name, asked, strict=self.judge.strict)
        return (
            unjudged(report) if self.name == asked[0] else Told("skipped", f"nothing was judged; {asked[0]} says why")
        )

    def content(self, told: Told) -> dict[str, Any]:
        """What the summary needs to know, in values that can be sent from a worker."""
        asked, report = self.judge.asked[self.subject], self.judge.report_on(self.subject)
        cards = () if isinstance(report, str) or self.name != asked[0] else report.cards  # once is enough
        return {
            "subject": self.subject.name,
            "slug": self.name,
            "severity": FAILURES[self.name].severity,
            "status": told.status,
            "line": told.line,
            "card": [line for card in cards for line in card.lines],
            "of": len(LOOKED_FOR[self.subject.kind]),
        }

    def _properties(self, told: Told) -> list[tuple[str, object]]:
        """What JUnit's readers get: who, what, and a finding's evidence, signs and step."""
        found: list[tuple[str, object]] = [("subject", self.subject.name), ("failure", self.name)]
        for outcome in told.findings:
            content = outcome.as_json()
            found += [(name, content[name]) for name in ("stage", "severity", "step", "message") if content[name]]
            found += [("symptoms", ", ".join(outcome.symptoms))] if outcome.symptoms else []
            found.append(("evidence", json.dumps(content["evidence"], default=str)))
        return found
