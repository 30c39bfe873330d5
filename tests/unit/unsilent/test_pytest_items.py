"""Subjects are listed unread, judged once, and told item by item, on one process or several."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import faults
import pytest
import support

from unsilent import outcome, pytest_items, subjects
from unsilent.failures import FAILURES
from unsilent.outcome import Report, failed, passed, skipped
from unsilent.subjects import LOOKED_FOR

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[3]
PLUGIN = ("-p", "no:unsilent", "-p", "unsilent.pytest_plugin")  # of this checkout, whatever is installed
CHECKS = len(LOOKED_FOR["adapter"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained adapter: to be copied."""
    return support.write_adapter(tmp_path_factory.mktemp("adapter") / "good", manifest=False)


@pytest.fixture
def home(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, trained: Path) -> pytest.Pytester:
    """A folder with no tests: ``good`` is trained, ``bad`` never was, ``run`` fell to NaN at step 4."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for child processes
    monkeypatch.delenv("CI", raising=False)  # there pytest cuts nothing off
    shutil.copytree(trained, pytester.path / "good")
    faults.forget_training(Path(shutil.copytree(trained, pytester.path / "bad")))
    rows = [{"step": step, "loss": 4.0, "grad_norm": 1.0} for step in (1, 2, 3)]
    rows += [{"step": step, "loss": 0.0, "grad_norm": float("nan")} for step in (4, 5, 6, 7)]
    pytester.mkdir("run").joinpath("trainer_state.json").write_text(json.dumps({"log_history": rows}))
    return pytester


def run(home: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with the plugin, in this process."""
    return home.runpytest_inprocess(*PLUGIN, *arguments)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was judged, by kind and path."""
    seen: list[str] = []

    def judge(kind: subjects.Kind, path: Path) -> Report:
        seen.append(f"{kind} {path}")
        return subjects.judge(kind, path)

    monkeypatch.setattr(pytest_items, "judge", judge)
    return seen


def says(monkeypatch: pytest.MonkeyPatch, *outcomes: outcome.Outcome) -> None:
    """Let every judgement be this one."""
    monkeypatch.setattr(pytest_items, "judge", lambda kind, path: Report(str(path), outcomes))


def test_each_failure_is_an_item(home: pytest.Pytester) -> None:
    """Passed, failed, or skipped; the finding with its parts and without a traceback; the verdict at the end."""
    done = run(home, "--adapter", "bad")

    done.assert_outcomes(passed=CHECKS - 4, failed=1, skipped=3)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(
        [
            "unsilent: adapter bad",
            "adapter bad ......s....ss.F *",
            "*__ adapter bad: adapter-untrained __*",
            "Expected a trained adapter, but every lora_B is zero (14 of 14 tensors): it was",
            "   created and never trained.",
            "Where: bad/adapter_model.safetensors.",
            "What to do: train it, *",
            'Evidence: {"zero": 14, *',
            "See: unsilent explain adapter-untrained",
            "*= unsilent =*",
            "adapter bad: failed",
            "   base         tiny",
            "   [[]error] adapter-untrained: Expected a trained adapter, but every lora_B is",
            "   passed: nested-output-dir, *",
            "   skipped: adapter-overwritten (no manifest.json *",
            "FAILED adapter bad::adapter-untrained - Expected a trained adapter, but every*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*pytest_items.py*")


def test_healthy_adapter_is_green(home: pytest.Pytester) -> None:
    """Status 0, and its card."""
    done = run(home, "--adapter", "good")

    assert done.ret == pytest.ExitCode.OK
    done.stdout.fnmatch_lines(["adapter good: passed", "   trained      yes"])


def test_signs_are_folded(home: pytest.Pytester) -> None:
    """One fault is one failed item; what is only its sign says so."""
    done = run(home, "--run-log", "run")

    done.assert_outcomes(passed=3, failed=1, skipped=3)
    done.stdout.fnmatch_lines(
        [
            "Its sign zero-loss: Expected a loss above 0, *",
            "*zero-loss (found as a sign of nan-grad-norm, and told there)",
        ]
    )


def test_k_selects_by_slug(home: pytest.Pytester) -> None:
    """``-k nan`` asks about two of them, and the verdict says how many ran."""
    done = run(home, "--run-log", "run", "-k", "nan")

    done.assert_outcomes(passed=1, failed=1, deselected=5)
    done.stdout.fnmatch_lines(["run-log run: failed (2 of 7 checks ran)"])


def test_sign_asked_about_alone_fails(home: pytest.Pytester) -> None:
    """Its root was not selected, and so cannot tell of it."""
    run(home, "--run-log", "run", "-k", "zero-loss").assert_outcomes(failed=1, deselected=6)


def test_marks_select(home: pytest.Pytester) -> None:
    """Items bear the marks of regression tests, which the plugin registers itself."""
    done = run(home, "--strict-markers", "--adapter", "good", "-m", "regression and failure")
    done.assert_outcomes(passed=CHECKS - 3, skipped=3)

    run(home, "--adapter", "good", "-m", "not regression").assert_outcomes(deselected=CHECKS)


def test_listing_judges_nothing(home: pytest.Pytester, judged: list[str]) -> None:
    """``--collect-only`` knows the items from the table of checks."""
    done = run(home, "--adapter", "bad", "--collect-only", "-q")

    assert [line for line in done.outlines if "::" in line] == [
        f"adapter bad::{slug}" for slug in LOOKED_FOR["adapter"]
    ]
    assert judged == []
    done.stdout.no_fnmatch_line("*= unsilent =*")


def test_judged_once(home: pytest.Pytester, judged: list[str]) -> None:
    """One judgement for all items, also of what is named twice."""
    run(home, "--adapter", "bad", "--adapter", "./bad", "--run-log", "run").assert_outcomes(
        passed=CHECKS - 4 + 3, failed=2, skipped=3 + 3
    )

    assert judged == ["adapter bad", "run-log run"]


def test_runs_beside_tests(home: pytest.Pytester) -> None:
    """What there is to collect is collected as ever."""
    home.makepyfile("def test_one(): pass\ndef test_two(): assert 0")

    run(home, "--adapter", "good").assert_outcomes(passed=CHECKS - 3 + 1, skipped=3, failed=1)


def test_first_failure_stops(home: pytest.Pytester) -> None:
    """As ``-x`` has it."""
    run(home, "-x", "--adapter", "bad", "--run-log", "run").assert_outcomes(passed=CHECKS - 4, failed=1, skipped=3)


def test_last_failed_run_again(home: pytest.Pytester) -> None:
    """``--lf`` takes what failed, and no more."""
    run(home, "--adapter", "bad", "--adapter", "good")

    run(home, "--adapter", "bad", "--adapter", "good", "--lf").assert_outcomes(failed=1, deselected=2 * CHECKS - 1)


def test_verbose_names_each(home: pytest.Pytester) -> None:
    """By its node id, from the folder in which pytest was called, whatever its root is."""
    (home.path / "pytest.ini").write_text("[pytest]\n")
    sub = home.mkdir("sub")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sub)
        done = run(home, "-v", "--adapter", "../bad", "-k", "untrained")

    done.stdout.fnmatch_lines(["adapter ../bad::adapter-untrained FAILED *"])


def test_quiet_keeps_the_verdict(home: pytest.Pytester) -> None:
    """A line for each subject, and one for each finding."""
    done = run(home, "-q", "--tb=no", "--adapter", "bad", "--adapter", "good")

    begin = next(index for index, line in enumerate(done.outlines) if "= unsilent =" in line)
    assert done.outlines[begin + 1 : begin + 5] == [
        "adapter bad: failed",
        "   [error] adapter-untrained: Expected a trained adapter, but every lora_B is",
        "      zero (14 of 14 tensors): it was created and never trained.",
        "adapter good: passed",
    ]


def test_skips_have_their_reason(home: pytest.Pytester) -> None:
    """And the subject's place, not the plugin's."""
    done = run(home, "-rs", "--adapter", "good")

    done.stdout.fnmatch_lines(["SKIPPED [[]1] good: no manifest.json beside the adapter: *"])


def test_junit_has_the_evidence(home: pytest.Pytester) -> None:
    """Subject and slug of every item; of a finding all that is known."""
    run(home, "--run-log", "run", "--junitxml=out.xml")
    cases = {case.get("name"): case for case in ET.parse(home.path / "out.xml").iter("testcase")}  # noqa: S314 - ours
    found = {one.get("name"): one.get("value") for one in cases["nan-grad-norm"].iter("property")}

    assert set(cases) == set(LOOKED_FOR["run-log"])
    assert cases["nan-grad-norm"].find("failure[@message]") is not None
    assert (found["subject"], found["failure"], found["stage"]) == ("run-log run", "nan-grad-norm", "runs")
    assert (found["severity"], found["step"], found["symptoms"]) == ("error", "4", "zero-loss")
    assert json.loads(found["evidence"] or "")["records"] == 7


@pytest.mark.parametrize("dist", ["load", "loadscope"])
def test_workers_share(home: pytest.Pytester, dist: str) -> None:
    """Under xdist items are dealt out; the controller tells the same."""
    done = home.runpytest_subprocess(
        *PLUGIN, "-p", "xdist", "-n", "2", "--dist", dist, "--adapter", "bad", "--run-log", "run"
    )

    done.assert_outcomes(passed=CHECKS - 4 + 3, failed=2, skipped=3 + 3)
    done.stdout.fnmatch_lines(["FAILED adapter bad::adapter-untrained - Expected a trained adapter, *"])
    done.stdout.fnmatch_lines(["adapter bad: failed", "   base *", "   skipped: adapter-overwritten (*"])


@pytest.fixture
def risk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every adapter has a finding of severity risk, and nothing else."""
    rows = {**FAILURES, "adapter-untrained": FAILURES["adapter-untrained"].__class__(
        **{**vars(FAILURES["adapter-untrained"]), "severity": "risk"})}  # fmt: skip
    for module in (outcome, pytest_items):
        monkeypatch.setattr(module, "FAILURES", rows)
    says(monkeypatch, failed("adapter-untrained", "adapter", "Expected more. Where: here.", {"n": 1}))


@pytest.mark.usefixtures("risk")
def test_risk_is_shown(home: pytest.Pytester) -> None:
    """It fails nothing, and cannot be overlooked."""
    done = run(home, "--adapter", "good", "-k", "untrained", "-v")

    assert done.ret == pytest.ExitCode.OK
    done.stdout.fnmatch_lines(
        [
            "*::adapter-untrained RISK*",
            "adapter good: passed *",
            "   [[]risk] adapter-untrained: Expected more.",
            "*1 risk*",
        ]
    )


@pytest.mark.usefixtures("risk")
def test_risk_fails_when_strict(home: pytest.Pytester) -> None:
    """With ``--strict-risks`` it is a failure like any other."""
    run(home, "--adapter", "good", "-k", "untrained", "--strict-risks").assert_outcomes(failed=1, deselected=CHECKS - 1)


def test_nothing_judged_is_red(home: pytest.Pytester) -> None:
    """What is there and cannot be judged fails once, and says why; the rest points to it."""
    home.makefile(".txt", notes="none")
    done = run(home, "--adapter", "notes.txt")

    done.assert_outcomes(failed=1, skipped=CHECKS - 1)
    done.stdout.fnmatch_lines(
        [
            "Expected --adapter to name something that can be judged, but got: a file, not a",
            "   folder or a zip of one.",
            "Where: notes.txt.",
            "What to do: name the folder or file that was written, or write it again.",
            "      adapter-untrained (nothing was judged; nested-output-dir says why)",
        ]
    )


def test_broken_check_is_a_failed_item(home: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said to be a bug, with its place, and pytest goes on."""
    monkeypatch.setattr(pytest_items, "judge", lambda kind, path: 1 / len(kind[:0]))
    done = run(home, "--adapter", "good", "-k", "adapter-corrupt or adapter-coverage")

    done.assert_outcomes(failed=1, skipped=1, deselected=CHECKS - 2)
    done.stdout.fnmatch_lines(
        ["Expected checks that never raise, but got ZeroDivisionError: *", "What to do: this is a bug of unsilent; *"]
    )


def test_broken_item_has_a_traceback(home: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of the plugin's own is shown as pytest shows a bug."""
    monkeypatch.setattr(pytest_items, "tell", lambda *_, **__: 1 / 0)
    done = run(home, "--adapter", "good", "-k", "adapter-corrupt")

    done.stdout.fnmatch_lines(["E *ZeroDivisionError: division by zero"])


def test_warnings_of_checks_are_ours(home: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """``-W error`` is about the user's code."""
    reported = Report("good", (passed("adapter-corrupt", "adapter"), skipped("adapter-empty", "adapter", "no file")))

    def judge(kind: str, path: Path) -> Report:
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        return reported

    monkeypatch.setattr(pytest_items, "judge", judge)
    run(home, "-W", "error", "--adapter", "good", "-k", "corrupt").assert_outcomes(passed=1, deselected=CHECKS - 1)


def test_submission_is_said_to_be_judged_in_part(home: pytest.Pytester) -> None:
    """Before and after: its program was not run."""
    done = run(home, "--submission", ".", "-q")

    code = set(LOOKED_FOR["submission"]) - {*LOOKED_FOR["adapter"], *LOOKED_FOR["run-log"]}  # there is none
    done.assert_outcomes(passed=CHECKS - 4 + 3, failed=2, skipped=3 + 3 + len(code))
    done.stdout.fnmatch_lines(["submission: code, adapters and run logs were read; nothing in it was imported or run"])


def test_code_of_a_submission_is_read(home: pytest.Pytester) -> None:
    """A fault in it is an item that fails, with its line."""
    code = "class BaseLLM:\n    def parse_answer(self, text):\n        return 0.0\n"
    home.mkpydir("homework").joinpath("base_llm.py").write_text(code)
    done = run(home, "--submission", "homework", "-k", "answer-rate-inflated")

    done.assert_outcomes(failed=1, deselected=len(LOOKED_FOR["submission"]) - 1)
    done.stdout.fnmatch_lines(["Where: base_llm.py:3: `return 0.0`; *"])


@pytest.mark.parametrize("option", ["--adapter", "--run-log", "--submission"])
def test_missing_path_stops_at_once(home: pytest.Pytester, option: str) -> None:
    """Before any test, as wrong use, with where it was looked for."""
    home.makepyfile("def test_one(): pass")
    done = run(home, option, "nowhere")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(
        [f"ERROR: Expected *, but got no file or folder. Where: {option} 'nowhere' ({home.path}/nowhere)*"]
    )
    done.stdout.no_fnmatch_line("*passed*")


def test_impossible_name_is_missing(home: pytest.Pytester) -> None:
    """One that no file system takes leads nowhere."""
    assert run(home, "--adapter", "x" * 5000).ret == pytest.ExitCode.USAGE_ERROR


def test_no_name_is_wrong_use(home: pytest.Pytester) -> None:
    """As of a variable that a script forgot to set."""
    done = run(home, "--adapter", "")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*but got no name. Where: --adapter ''*"])


def test_adapter_one_folder_too_deep_is_found(home: pytest.Pytester) -> None:
    """A missing path is a finding where it is known why it is missing."""
    shutil.copytree(home.path / "good", home.mkdir("homework") / "homework" / "model")
    done = run(home, "--adapter", "homework/model", "-k", "nested")

    done.assert_outcomes(failed=1, deselected=CHECKS - 1)
    done.stdout.fnmatch_lines(["FAILED adapter homework/model::nested-output-dir - *"])


@pytest.mark.parametrize(
    "name",
    ["with space", "a::b", "a::()", "p[1]", "-x", "\N{LATIN SMALL LETTER E WITH ACUTE}", "new\nline"],
    ids=["space", "colons", "call", "bracket", "dash", "accent", "newline"],
)
def test_any_name_will_do(home: pytest.Pytester, name: str) -> None:
    """Whatever a folder is called, its items have ids of their own."""
    shutil.copytree(home.path / "bad", home.path / name)
    done = run(home, f"--adapter={name}", "--junitxml=out.xml")

    done.assert_outcomes(passed=CHECKS - 4, failed=1, skipped=3)
