"""The fault benchmark covers what is broken anywhere, judges by one yardstick, and writes down what it measured."""

from __future__ import annotations

import ast
import re
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from adapter_kinds import KINDS as ADAPTERS
from faultbench import (
    adapter_cases,
    cells,
    matrix,
    peft_doctor_tools,
    picture,
    pytest_torch_tools,
    ranks,
    run_cases,
    tools,
    wiring_cases,
)
from faultbench.cases import CASES
from faultbench.registry import Case, fault
from faultbench.runs import Clock, Ranks
from faultbench.subjects import UNSURE, Adapter, Bundle, Rows, Said, Source
from faultbench.tool import NotApplicable, Tool
from faultbench.words import WORDS

from unsilent.failures import FAILURES

ROOT = Path(__file__).parents[2]
# The healthy controls that must never raise a finding, each by a case that holds it.
CONTROLS = [
    "plain", "bf16", "bf16-base", "log-of-a-scaler", "accumulation", "rough-start", "warm-up", "memorising", "cosine",
    "dropout", "one-row-masked", "dora", "rslora", "modules-to-save", "targets-by-name", "rank-pattern", "two-adapters",
    "adapter-merged",
]  # fmt: skip


def calls_in(path: Path) -> dict[str, set[str]]:
    """For each function of a module the names that it calls, as ``faults.name`` or plainly."""
    tree = ast.parse(path.read_text())
    return {
        node.name: {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_injector_has_a_case() -> None:
    """Each function of tests/faults.py is used by a case, or by an injector that is."""
    injectors = calls_in(ROOT / "tests" / "faults.py")
    text = "".join(path.read_text() for path in (ROOT / "benchmarks" / "faultbench").glob("*.py"))
    used = {name for name in injectors if re.search(rf"\bfaults\.{name}\b", text)}
    used |= {called for name in used for called in injectors[name]}

    assert set(injectors) - used == set()


def test_every_row_of_the_catalogue_has_a_case() -> None:
    """Each failure that is checked for is the first cause of a fault, and no case is about a row that is not there."""
    first = {case.causes[0] for case in CASES.values() if case.causes}
    named = {cause for case in CASES.values() for cause in case.causes}

    assert set(FAILURES) - first == set()
    assert named <= set(FAILURES)


def test_every_healthy_control_has_a_case() -> None:
    """The list of what must stay quiet, and every kind of adapter that can be loaded."""
    titles = {case.title for case in CASES.values() if case.healthy}

    assert [slug for slug in CONTROLS if slug not in CASES or not CASES[slug].healthy] == []
    assert {f"Healthy adapter: {name}" for name in set(ADAPTERS) - adapter_cases.UNLOADABLE} <= titles


def test_public_issues_are_linked() -> None:
    """At least ten are of transformers, peft and trl, each with its number and address."""
    issues = [case for case in CASES.values() if case.issue]
    near = [case for case in issues if re.match(r"huggingface/(transformers|peft|trl)#\d+$", case.issue)]

    assert len(near) >= 10
    assert all(case.link == f"https://github.com/{case.issue.replace('#', '/issues/')}" for case in issues)


def test_words_belong_to_cases_and_tools() -> None:
    """No line of the table is left over, and each is a regular expression."""
    names = {tool.name for tool in tools.TOOLS}

    assert set(WORDS) - {case.words for case in CASES.values()} == set()
    assert [case.slug for case in CASES.values() if case.words not in {*WORDS, *case.causes[:1], ""}] == []
    assert {name for row in WORDS.values() for name in row} <= names
    assert all(re.compile(words) for row in WORDS.values() for words in row.values())


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda tool: str(tool.name))
def test_tool_says_how_it_is_applied_or_why_not(tool: Tool) -> None:
    """For every kind of subject a call or a reason, and all kinds of the cases are known."""
    assert all(bool(tool.reason(kind)) != (kind in tool.ways) for kind in tools.KINDS)
    assert all(way.__doc__ for way in tool.ways.values())
    assert {case.kind for case in CASES.values()} <= set(tools.KINDS)


def test_names_of_cases_are_taken_once() -> None:
    """A second case of the same name is refused."""
    with pytest.raises(ValueError, match="a new name for a case, but got 'plain' twice"):
        fault(Source, slug="plain", title="Again")(lambda folder: folder)


@pytest.mark.parametrize(
    ("slug", "kind"),
    [("untrained", Adapter), ("zip-emptied", Bundle), ("tags-left-out", Rows), ("code-padding-side", Source)],
)
def test_case_builds_what_it_says(slug: str, kind: type, tmp_path: Path) -> None:
    """A case builds a subject of its kind below the folder it is given."""
    assert isinstance(CASES[slug].build(tmp_path), kind)
    assert CASES[slug].kind is kind
    assert list(tmp_path.iterdir())


def test_case_without_marks_says_nothing_of_the_fault(tmp_path: Path) -> None:
    """The marks of what is expected are taken out of source code before anybody reads it."""
    CASES["code-padding-side"].build(tmp_path)

    assert "# <-" not in (tmp_path / "sft.py").read_text()


CAUSE = Case("x", "X", Source, lambda folder: folder, ("lr-zero",), "lr-zero")
EITHER = Case("z", "Z", Source, lambda folder: folder, ("adapter-missing", "adapter-corrupt"), "adapter-missing")
STRICT = Case("w", "W", Source, lambda folder: folder, ("nan-grad-norm", "fp16-overflow"), "activation-overflow")
HEALTHY = Case("y", "Y", Source, lambda folder: folder)


@pytest.mark.parametrize(
    ("case", "name", "said", "expected"),
    [
        (CAUSE, "unsilent", [Said(0, "[lr-zero] Expected ...")], "cause @0"),
        (CAUSE, "unsilent", [Said(0, "[weights-unchanged] Seen with it: [lr-zero]")], "symptom @0"),
        (CAUSE, "trainproof", [Said(10, "FAIL TP-DEAD-RUN"), Said(12, "FAIL TP-ZERO-LR")], "cause @12"),
        (CAUSE, "picklescan", [Said(3, "anything")], "symptom @3"),
        (CAUSE, "unsilent", [], "missed"),
        (HEALTHY, "unsilent", [], "quiet"),
        (HEALTHY, "trainproof", [Said(4, "WARN TP-GRAD-SPIKE")], "false alarm @4"),
        (EITHER, "unsilent", [Said(0, "[adapter-corrupt] Expected ...")], "cause @0"),
        (EITHER, "picklescan", [Said(0, "scan failed: BadZipFile")], "cause @0"),
        (STRICT, "unsilent", [Said(0, "[fp16-overflow] Expected ... lm_head")], "symptom @0"),
        (STRICT, "guardtower.monitor", [Said(0, "module 'lm_head'")], "symptom @0"),
        (HEALTHY, "deltalint", [Said(0, f"{UNSURE}UNSUPPORTED")], "inconclusive"),
        (HEALTHY, "deltalint", [Said(0, f"{UNSURE}UNSUPPORTED"), Said(0, "FAIL")], "false alarm @0"),
        (CAUSE, "deltalint", [Said(0, f"{UNSURE}UNSUPPORTED")], "symptom @0"),
    ],
)
def test_alarms_are_judged_by_their_words(case: Case, name: str, said: list[Said], expected: str) -> None:
    """The earliest alarm that names the cause counts, else the earliest; all are held to the same causes."""
    tool = next(tool for tool in tools.TOOLS if tool.name == name)

    assert cells.judge(tool, case, said) == expected


def answering(folder: Path) -> list[Said]:
    """An alarm that tells of the process it is in."""
    return [Said(2, f"in {folder.name}")]


def refusing(_: Path) -> list[Said]:
    """Not this one."""
    raise NotApplicable("it has no legs")


def crashing(_: Path) -> list[Said]:
    """As tools do."""
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (answering, {"cell": "symptom @2"}),
        (refusing, {"cell": "-", "reason": "it has no legs"}),
        (crashing, {"cell": "crashed"}),
    ],
)
def test_cell_is_a_process_of_its_own(way: Any, expected: dict[str, str]) -> None:  # noqa: ANN401 - a function
    """What a tool says, refuses or raises comes back from the process; nothing of it is left here."""
    made = cells.cell(Tool("ours", "unsilent", {Source: way}, "no"), CAUSE)

    assert expected.items() <= made.items()
    assert made.get("crash", "RuntimeError: boom").startswith("RuntimeError: boom")


def speaking_at_length(_: Path) -> list[Said]:
    """An alarm whose middle is not stored; it names the cause there."""
    return [Said(1, f"{'-' * 6000} TP-ZERO-LR {'-' * 6000} the end")]


def test_alarm_that_is_stored_in_part_is_judged_once() -> None:
    """On all of it; by what is left nobody judges it again."""
    tool = Tool("trainproof", "unsilent", {Source: speaking_at_length}, "no")
    made = cells.cell(tool, CAUSE)

    assert made["said"][0][1].endswith("the end")
    assert "TP-ZERO-LR" not in made["said"][0][1]
    assert cells.judged_again(tool, CAUSE, made)["cell"] == "cause @1"


def test_alarm_that_is_stored_whole_is_judged_again() -> None:
    """By the words as they are now."""
    tool = Tool("trainproof", "unsilent", {Source: speaking_at_length}, "no")
    stored = {"cell": "symptom @1", "said": [[1, f"{'-' * 6000} TP-ZERO-LR"]]}

    assert cells.judged_again(tool, CAUSE, stored)["cell"] == "cause @1"


def test_cell_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that does not come back is ended, and that is told."""
    monkeypatch.setattr(cells, "TIME_LIMIT", 0.5)
    made = cells.cell(
        Tool("ours", "unsilent", {Source: lambda _: [Said(one, "") for one in iter(int, 1)]}, "no"), CAUSE
    )

    assert made["crash"] == "it took more than 0.5 s"


def test_tool_that_is_not_installed_says_so() -> None:
    """One that fails to install is a row of reasons."""
    made = cells.cell(Tool("x", "no-such-package", {Source: answering}, "no"), CAUSE)

    assert made == {"cell": "-", "reason": "no-such-package is not installed"}


def row(kind: str, healthy: bool, **made: str) -> dict[str, Any]:  # noqa: FBT001 - a field
    """A row as it is stored."""
    return {"title": "T", "kind": kind, "healthy": healthy, "issue": "", "link": "", "causes": [],
            "cells": {name: {"cell": one, "commit": "abc"} for name, one in made.items()}}  # fmt: skip


CONTENT: dict[str, Any] = {
    "machine": "a machine",
    "versions": {"unsilent": "1", "torch": "2"},
    "tools": {
        "unsilent": {"Run": "attach", "Source": "read"},
        "detect_anomaly": {"Run": "around", "Source": "not applied: no"},
    },
    "cases": {
        "one": row("Run", False, unsilent="cause @1", detect_anomaly="missed"),
        "two": row("Run", True, unsilent="quiet", detect_anomaly="false alarm @3"),
        "three": row("Source", False, unsilent="symptom @0", detect_anomaly="-"),
    },
}


def test_summary_counts_what_was_measured() -> None:
    """Causes, symptoms, misses, crashes, what a tool was not applied to, and ours on the same faults and controls."""
    lines = matrix.summary(CONTENT).splitlines()

    assert lines[2] == "| unsilent 1 | 1 | 1 | 0 | 0 | 0 | 0 | 1 / 1 of 2 | 0 / 0 of 1 |"
    assert lines[3] == "| detect_anomaly 2 | 0 | 0 | 1 | 0 | 1 | 0 | 0 / 1 of 1 | 1 / 0 of 1 |"


def test_cell_that_was_not_run_is_neither_applied_nor_not() -> None:
    """It has a column of its own, a word in the table, and counts as lacking."""
    cases = CONTENT["cases"] | {"four": row("Run", False, unsilent="missed")}
    part = CONTENT | {"cases": cases}

    assert "| detect_anomaly 2 | 0 | 0 | 1 | 0 | 1 | 1 | 0 / 1 of 1 | 1 / 0 of 1 |" in matrix.summary(part)
    assert "| `four`: T | missed | not run |" in matrix.table(part)
    assert (matrix.lacking(CONTENT, cases), matrix.lacking(part, cases)) == (2, 1)


def test_public_issues_have_a_table_of_their_own() -> None:
    """Faults by other hands, counted alone."""
    theirs = row("Run", False, unsilent="missed", detect_anomaly="cause @2") | {"issue": "a/b#1"}
    told = matrix.summary(CONTENT | {"cases": CONTENT["cases"] | {"four": theirs}}).split("alone:")[1]

    assert "| detect_anomaly 2 | 1 | 0 | 0 | 0 | 0 | 0 | 1 / 0 of 1 |" in told


def test_controls_tell_crashes_and_what_could_not_be_judged() -> None:
    """Neither is a false alarm."""
    cases = {"a": row("Run", True, unsilent="crashed"), "b": row("Run", True, unsilent="inconclusive")}

    assert "| 0 / 0 of 2, 1 inconclusive, 1 crashed |" in matrix.summary(CONTENT | {"cases": cases})


def test_commits_of_all_cells_are_told() -> None:
    """One, or each with the number of its cells."""
    cases = CONTENT["cases"] | {"four": {"cells": {"unsilent": {"cell": "missed", "commit": "def"}}}}

    assert matrix.commits(CONTENT) == "commit abc"
    assert matrix.commits({"cases": cases}) == "cells of several commits: abc (6), def (1)"


def test_alarm_on_every_control_is_told_below_the_table() -> None:
    """What a tool says of all that is healthy tells nothing under a fault."""
    cases = {name: row("Run", healthy, unsilent="x") for name, healthy in (("a", True), ("b", True), ("c", False))}
    for one in cases.values():
        one["cells"]["unsilent"]["said"] = [[0, "always"], [0, "no"]][: 1 + one["healthy"]]
    cases["b"]["cells"]["unsilent"]["said"].pop()

    told = matrix.table(CONTENT | {"cases": cases})

    assert "unsilent says the same of every healthy one here, and of 1 of the faults above: always" in told
    assert "above: no" not in told


def test_table_leaves_out_columns_that_apply_to_nothing() -> None:
    """A section for each kind, with the reasons below it."""
    told = matrix.table(CONTENT)

    assert "| | unsilent | detect_anomaly |" in told
    assert "| | unsilent |\n" in told
    assert "- detect_anomaly: not applied: no" in told
    assert "**false alarm @3**" in told


def test_picture_is_small(tmp_path: Path) -> None:
    """An SVG that a README can carry."""
    picture.draw(CONTENT, tmp_path / "a.svg")

    assert 1_000 < (tmp_path / "a.svg").stat().st_size < 150_000


def test_result_is_stored_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored comes back; where nothing is stored there is nothing."""
    monkeypatch.setattr(matrix, "RESULT", tmp_path / "a.json")
    before = matrix.read()
    matrix.store(CONTENT)

    assert (before, matrix.read()) == (None, CONTENT)


def test_readme_has_the_summary_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there is replaced, and nothing else."""
    monkeypatch.setattr(matrix, "README", tmp_path / "README.md")
    matrix.README.write_text(f"Before\n{matrix.BEGIN}\nold\n{matrix.END}\nAfter\n")
    matrix.write_readme(CONTENT)
    told = matrix.README.read_text()
    block = f"{matrix.summary(CONTENT)}\n\n{matrix.SHOWN}\n\na machine; commit abc. {matrix.LINK}"

    assert told == f"Before\n{matrix.BEGIN}\n{block}\n{matrix.END}\nAfter\n"
    assert (ROOT / re.findall(r"\((.*)\)", matrix.LINK)[0]).is_file()
    assert (ROOT / matrix.PICTURE.relative_to(ROOT)).as_posix().endswith(matrix.SHOWN.partition("(")[2][:-1])
    assert (ROOT / "README.md").read_text().count(matrix.BEGIN) == 1


def test_run_is_trained_by_nobody_before_a_tool(tmp_path: Path) -> None:
    """A live run is ready and has not taken a step."""
    run = wiring_cases.rows_cut(tmp_path)

    assert run.trainer.state.global_step == 0
    assert run.clock.step == 0


def test_fault_of_a_step_waits_for_it() -> None:
    """Whoever calls the model before has not used it up; the step is named whoever counts."""
    clock, done = Clock(), []
    clock.plan(5, lambda: done.append(clock.step))
    for step in (1, 4, 5, 6):
        clock.step = step

    assert done == [5]


def test_texts_are_those_before_rows_were_cut(tmp_path: Path) -> None:
    """With the length they were cut to; a run of which nothing was cut has the texts of its rows."""
    cut, whole = wiring_cases.rows_cut(tmp_path / "a"), wiring_cases.targets_by_name(tmp_path / "b")

    assert {len(row["input_ids"]) for row in cut.rows} == {cut.max_length}
    assert cut.texts() == whole.texts()
    assert whole.max_length == 0


def test_one_row_in_twelve_is_longer_than_the_maximum(tmp_path: Path) -> None:
    """And no other is cut."""
    run = wiring_cases.one_short_row(tmp_path)
    lengths = [len(run.trainer.processing_class(one["text"])["input_ids"]) for one in run.texts()]

    assert [place for place, length in enumerate(lengths) if length > run.max_length] == [0, 12, 24, 36]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("step 4: non-finite loss (nan)", 5),
        ("the loss is not finite at step(s) 0, 1", 1),
        ("called twice (steps 2, 3)", 3),
        ("mean of the first 3 step(s) 6.05 -> last 3 step(s) 5.9", 9),
    ],
)
def test_step_of_a_rehearsal_is_the_one_it_names(text: str, step: int) -> None:
    """Counted from 1; where none is named, the one that was last taken."""

    def fails() -> None:
        raise AssertionError(text)

    said: list[Said] = []
    pytest_torch_tools.asking(said, lambda: 9)(fails)

    assert said == [Said(step, text)]


def test_report_on_every_parameter_is_one_alarm() -> None:
    """Each kind of issue once with all its messages, and no alarm of what is fine."""
    names = {"title": "T", "fix": "F"}
    issues = [
        SimpleNamespace(severity="warning", code="zero", message="a is zero.", **names),
        SimpleNamespace(severity="warning", code="zero", message="b is zero.", **names),
        SimpleNamespace(severity="ok", code="fine", message="c", **names),
    ]

    assert peft_doctor_tools.together(issues, 3) == [Said(3, "warning zero: T. a is zero. b is zero. F")]
    assert peft_doctor_tools.together(issues[2:], 3) == []


def test_rehearsal_accumulates_as_the_trainer_does(tmp_path: Path) -> None:
    """Four parts of a batch, told its number of labels, take the step of the whole, and the run is left as it was."""
    run = run_cases.accumulation(tmp_path)
    batches = pytest_torch_tools.prepared(run.trainer)
    name, ends = f"{run_cases.POISONED}.weight", []

    def equivalent(setup: Any, whole: Any, step_of: Any, **_: int) -> None:  # noqa: ANN401 - of pytest-torch
        for count in (1, 4):
            made, step = setup(), step_of(count)
            for made.step_index, rows in enumerate(torch.arange(4).chunk(count)):
                step(made, {field: one[rows] for field, one in whole[0].items()})
            ends.append(made.model.get_parameter(name).detach())

    package = SimpleNamespace(
        TrainingSetup=lambda model, optimizer: SimpleNamespace(model=model, optimizer=optimizer),
        assert_accumulation_equivalent=equivalent,
    )
    pytest_torch_tools.accumulate(package, run, batches)

    torch.testing.assert_close(*ends)
    assert ends[0].abs().max() > 0
    assert run.trainer.model.get_parameter(name).abs().max() == 0


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a module
    """The command, whose results are in a folder of their own and whose one cell costs nothing."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    made = import_module("faultbench.__main__")
    for name in ("RESULT", "TABLE", "PICTURE", "README"):
        monkeypatch.setattr(matrix, name, tmp_path / name)
    monkeypatch.setattr(made.warm, "up", lambda _: None)
    monkeypatch.setattr(made, "in_processes", lambda *_: [(CASES["plain"], {"unsilent": {"cell": "quiet"}})])
    monkeypatch.setattr(sys, "argv", ["faultbench", "--only", "plain"])
    return made


def test_part_is_stored_with_its_commit_and_not_drawn(program: Any, capsys: Any) -> None:  # noqa: ANN401
    """While a cell is lacking, table, picture and README are left alone."""
    status, told = program.main(), capsys.readouterr()

    assert status == 0
    assert matrix.read()["cases"]["plain"]["cells"]["unsilent"] == {"cell": "quiet", "commit": program.commit()}  # type: ignore[index] # it is there
    assert "cells have not been run" in told.err
    assert not matrix.TABLE.exists()


def test_cells_of_other_versions_are_not_mixed(program: Any) -> None:  # noqa: ANN401 - a module
    """A part that would stand beside cells of another release is refused, and what is stored is left."""
    program.main()
    content = matrix.read() or {}
    matrix.store(content | {"versions": content["versions"] | {"peft": "0.1"}})

    with pytest.raises(SystemExit, match="the versions of the stored cells, but got others: peft"):
        program.main()
    assert matrix.read() == content | {"versions": content["versions"] | {"peft": "0.1"}}


def test_cells_that_are_not_stored_whole_are_named(program: Any, capsys: Any) -> None:  # noqa: ANN401 - a module
    """When stored words are judged anew, what is left as it was judged is told."""
    row = {"cells": {"unsilent": {"cell": "quiet", "said": [[1, "a"]], "cut": True}}}
    program.judge_again(content := {"cases": {"plain": row, "gone": row}})

    assert content == {"cases": {"plain": row}}
    assert "not all is stored that was said: plain (unsilent)" in capsys.readouterr().err


def test_resumed_run_goes_on(tmp_path: Path) -> None:
    """From step 6 of 12; the one that forgets its checkpoint begins at 0."""
    run, anew = CASES["resumed"].build(tmp_path / "a"), CASES["begun-anew"].build(tmp_path / "b")
    steps: dict[str, list[int]] = {"run": [], "anew": []}
    for name, one in (("run", run), ("anew", anew)):
        one.clock.on_substep_end = lambda *_, name=name, one=one, **__: steps[name].append(one.clock.step)
        one.train()

    assert (steps["run"][0], steps["anew"][0], run.trainer.state.global_step) == (7, 1, 12)


def hears(rank: int) -> list[Said]:
    """Rank 1 alone says something; rank 0 waits for a word that never comes."""
    if rank == 0:
        torch.distributed.barrier()
        torch.distributed.barrier()
    else:
        torch.distributed.barrier()
    return [Said(3, f"rank {rank}")]


def breaks(rank: int) -> list[Said]:
    """A tool that raises what it did not mean to, on one rank."""
    if rank:
        raise RuntimeError("boom")
    return []


def hangs(rank: int) -> list[Said]:
    """One rank never comes back, and nobody has said anything."""
    while rank:
        pass
    return []


@pytest.mark.processes
def test_alarm_of_one_rank_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the other waits for it."""
    monkeypatch.setattr(ranks, "AFTER_AN_ALARM", 0.2)
    said = ranks.together(hears, "x", Ranks(lambda rank: rank, tmp_path))  # type: ignore[arg-type,return-value] # a rank

    assert said == [Said(3, "rank 1")]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("way", "expected"), [(breaks, "RuntimeError: boom"), (hangs, "1 of 2 ranks did not come back")]
)
def test_rank_that_crashes_or_hangs_is_told(
    way: Any,  # noqa: ANN401 - a function
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crash of the tool, with its words."""
    monkeypatch.setattr(ranks, "PATIENCE", 4.0)

    with pytest.raises(RuntimeError, match=expected):
        ranks.together(way, "x", Ranks(lambda rank: rank, tmp_path))  # type: ignore[arg-type,return-value] # a rank


def test_words_name_no_folder_of_this_machine(tmp_path: Path) -> None:
    """The cell's folder, the checkout and the environment leave what lies below them."""
    said = f"{tmp_path}/sft/a.bin, {ROOT}/tests/faults.py, {Path(torch.__file__)}"

    assert cells.without_folders(said, tmp_path) == "sft/a.bin, tests/faults.py, torch/__init__.py"


def test_stored_result_names_no_folder_of_a_machine() -> None:
    """Neither what was said nor the table."""
    text = matrix.RESULT.read_text() + matrix.TABLE.read_text()

    assert re.findall(r"/(?:tmp|home|root|usr|opt|var)/", text) == []
