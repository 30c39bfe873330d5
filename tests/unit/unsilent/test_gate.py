"""All stages in order, one verdict, and the attestation beside the files; child processes are canned but for two."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import faults
import gated
import pytest
import support

from unsilent import gate
from unsilent.attestation import AttestationUnusable, find_differences, read_attestation
from unsilent.dossier import Dossier
from unsilent.gate import describe_load, judge_elsewhere, run_gate
from unsilent.gate_config import read_config
from unsilent.gate_subject import GateUnusable
from unsilent.grading import Grade, PartGrade
from unsilent.judging import Judged
from unsilent.manifest import write_manifest
from unsilent.outcome import failed, skipped

BOTH = "def load_cot(): ...\ndef load_sft(): ...\n"


def slugs(dossier: Dossier) -> list[str]:
    """Findings, without what is only a sign of another."""
    return [finding.slug for finding in dossier.findings]


def test_whole_subject_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage in order, each bound met, nothing imported, an attestation that holds."""
    asked = gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    dossier = run_gate(config)

    assert (dossier.verdict(), slugs(dossier)) == ("passed", [])
    assert [f"{section.stage} {section.part}".strip() for section in dossier.sections] == [
        *("submission", "adapter sft", "runs", "evaluation sft", "evaluation", "honesty sft", "bundle")
    ]
    assert all(figure.is_met for figure in dossier.measured)
    assert len(asked["grade"]["questions"]) == 100
    assert asked["grade"]["beside"].keys() == asked["judge"]["beside"].keys() == {"data/valid.json", "data/train.json"}
    assert find_differences(config.subject, read_attestation(config.subject), bounds=config.bounds.as_json()) == []


def test_data_from_elsewhere_lie_beside_the_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ``data``, where a submission looks for them."""
    asked = gated.can(monkeypatch, gated.grade_of())
    gated.write_subject(tmp_path / "project")
    shutil.move(tmp_path / "project" / "data", tmp_path / "rows")
    table = '[tool.unsilent]\ndata = "../rows/valid.json"\ntrain_data = "../rows/train.json"\n'
    (tmp_path / "project" / "pyproject.toml").write_text(table)
    run_gate(read_config(tmp_path / "project"))

    assert asked["grade"]["beside"] == {
        f"data/{name}.json": tmp_path / "project" / ".." / "rows" / f"{name}.json" for name in ("valid", "train")
    }


def test_figures_and_scores_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the grader counts, beside its bound; the scores by part; the walls it was graded behind."""
    gated.can(monkeypatch, gated.grade_of())
    dossier = run_gate(gated.write_subject(tmp_path))

    assert {figure.name for figure in dossier.measured} == {
        *("parameters", "accuracy", "answer rate", "seconds", "seconds of a batch"),
        *("adapter size [MB]", "zip size [MB]"),
    }
    assert dossier.scores.keys() == {"sft"}
    assert "graded behind a wall" in dossier.notes
    assert any("no source of new questions is named" in note for note in dossier.notes)


def test_source_of_questions_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is named, nothing is missing."""
    asked = gated.can(monkeypatch, gated.grade_of())
    dossier = run_gate(gated.write_subject(tmp_path, 'questions = "a.b:c"'), quick=False)

    assert (asked["judge"]["questions"], asked["judge"]["quick"]) == ("a.b:c", False)
    assert not any("source of new questions" in note for note in dossier.notes)


def test_only_the_first_hundred_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows are asked where that is wished, and stand beside the score."""
    asked = gated.can(monkeypatch, gated.grade_of(), gated.judged(count=120))
    config = gated.write_subject(tmp_path)
    dossier = run_gate(config, count=None)

    assert (asked["judge"]["first"], asked["judge"]["count"]) == (100, 120)
    assert next(one.note for one in dossier.measured if one.name == "accuracy").endswith("on 120 rows")
    run_gate(config, count=7)
    assert asked["judge"]["count"] == 100


@pytest.mark.parametrize(("load", "is_said"), [(0.2, False), (9.0, True)])
def test_busy_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: float, is_said: bool) -> None:  # noqa: FBT001
    """A time that is too long may be somebody else's."""
    gated.can(monkeypatch, gated.grade_of())
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load), raising=False)
    notes = run_gate(gated.write_subject(tmp_path)).notes

    assert any("busy before anything was timed: load 9.0 on 4 cores" in note for note in notes) is is_said


def test_system_without_load_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none."""
    monkeypatch.delattr("os.getloadavg", raising=False)

    assert describe_load() == ""


@pytest.mark.parametrize("count", [99, 100])
def test_fewer_rows_than_the_grader_scores_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """A score of fewer rows is more a matter of luck than the grader's."""
    gated.can(
        monkeypatch, gated.grade_of(answers=tuple(row[1] for row in gated.ROWS[:count])), gated.judged(count=count)
    )
    config = gated.write_subject(tmp_path)
    gated.write_data(tmp_path, gated.TRAIN, gated.ROWS[:count])
    notes = run_gate(config).notes

    assert ("only 99 rows are scored, where the grader scores 100" in notes) is (count == 99)


def test_low_score_is_the_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is wrong."""
    gated.can(monkeypatch, gated.grade_of(right=30), gated.judged(right=30))

    assert slugs(run_gate(gated.write_subject(tmp_path))) == ["score-below-bound"]


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        (faults.forget_training, "adapter-overwritten"),
        (shutil.rmtree, "adapter-missing"),
    ],
    ids=["untrained", "none"],
)
def test_bad_adapter_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any, slug: str) -> None:  # noqa: ANN401
    """One finding, its root; that it answers nothing is a sign of it."""
    gated.can(monkeypatch, gated.grade_of(right=0), gated.judged(right=0))
    config = gated.write_subject(tmp_path)
    fault(config.subject / "sft_model")
    dossier = run_gate(config)

    assert (dossier.verdict(), slugs(dossier)) == ("failed", [slug])
    assert "score-below-bound" in dossier.findings[0].symptoms
    assert read_attestation(config.subject)["verdict"] == "failed"


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        (faults.forget_training, "adapter-untrained"),
        (lambda folder: faults.write_value(folder, math.nan), "adapter-nonfinite"),
    ],
    ids=["untrained", "NaN"],
)
def test_bad_weights_are_the_root_of_what_they_cost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Any,  # noqa: ANN401
    slug: str,
) -> None:
    """No number, and so no score, without a manifest that would tell of the change."""
    gated.can(monkeypatch, gated.grade_of(answers=(None,) * 100), gated.judged(right=0))
    config = gated.write_subject(tmp_path)
    (config.subject / "sft_model" / "manifest.json").unlink()
    fault(config.subject / "sft_model")
    dossier = run_gate(config)

    assert slugs(dossier) == [slug]
    assert {"no-numeric-answers", "score-below-bound"} <= set(dossier.findings[0].symptoms)


def test_half_an_adapter_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights are gone; the zip to come would lack them, too."""
    gated.can(monkeypatch, gated.grade_of(right=0), gated.judged(right=0))
    config = gated.write_subject(tmp_path)
    (config.subject / "sft_model" / "adapter_model.safetensors").unlink()
    dossier = run_gate(config)

    assert dossier.verdict() == "failed"
    assert {"adapter-overwritten", "bundle-too-large"} <= set(slugs(dossier))


def test_lookup_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the probe found, with every figure met."""
    found = failed("answer-lookup", "honesty", "Expected weights, but got a list.", {"x": 1})
    gated.can(monkeypatch, gated.grade_of(), gated.judged(honesty=(found,)))
    dossier = run_gate(gated.write_subject(tmp_path))

    assert slugs(dossier) == ["answer-lookup"]
    assert all(figure.is_met for figure in dossier.measured)


def test_part_that_does_not_load_is_not_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process is not asked about it, and each stage says why."""
    asked = gated.can(monkeypatch, Grade({"sft": PartGrade("sft", error="KeyError: 'x'")}, 3.0))
    dossier = run_gate(gated.write_subject(tmp_path))

    assert (dossier.verdict(), slugs(dossier), "judge" in asked) == ("undecided", [], False)
    reasons = {section.stage: section.reason for section in dossier.sections if section.part == "sft"}
    assert reasons["honesty"] == "not asked: KeyError: 'x'"


def test_package_that_cannot_be_imported_is_not_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked, and that is said of every part."""
    gated.can(monkeypatch, Grade(error="SyntaxError: here"))
    dossier = run_gate(gated.write_subject(tmp_path))

    assert dossier.verdict() == "undecided"
    assert "not asked: SyntaxError: here" in {section.reason for section in dossier.sections}


def test_honesty_that_cannot_be_judged_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a part that was trained; of one that was only shown examples too few answers are right to say."""
    unsure = skipped("answer-lookup", "honesty", "too few right answers")
    gated.can(monkeypatch, gated.grade_of("cot", "sft"), gated.judged(honesty=(unsure,)))
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text(BOTH)
    dossier = run_gate(config)

    required = {section.part: section.required for section in dossier.sections if section.stage == "honesty"}
    assert required == {"cot": False, "sft": True}
    assert dossier.verdict() == "undecided"


def test_part_that_only_may_be_there_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a star import: judged where the package has it; where it has not, that is a note and no fault."""
    missing = PartGrade("cot", error="whatever its words are", is_absent=True)
    asked = gated.can(monkeypatch, Grade({**gated.grade_of().parts, "cot": missing}, 3.0))
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text("from .cot import *\nfrom .sft import load_sft\n")
    dossier = run_gate(config)

    assert [part.name for part in asked["grade"]["parts"]] == ["cot", "sft"]
    assert dossier.verdict() == "passed"
    assert "cot: not judged, there is no load_cot in __init__.py" in dossier.notes
    needs = next(outcome for outcome in dossier.outcomes if outcome.slug == "needs-more-than-grader")
    assert needs.status == "passed"
    gated.can(monkeypatch, gated.grade_of("cot", "sft", right=0))
    assert "cot" in {section.part for section in run_gate(config).sections}


def test_words_alone_make_no_part_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is there and fails is judged, even if its error reads as that of one that is not."""
    broken = PartGrade("cot", error="AttributeError: Expected load_cot in the package, but got none")
    gated.can(monkeypatch, Grade({**gated.grade_of().parts, "cot": broken}, 3.0))
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text("from .cot import *\nfrom .sft import load_sft\n")
    dossier = run_gate(config)

    assert "cot" in {section.part for section in dossier.sections}
    assert dossier.verdict() != "passed"


def test_crash_of_the_judge_counts_for_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that died has judged nobody."""
    gated.can(monkeypatch, gated.grade_of("cot", "sft"), Judged(error="SIGKILL"))
    config = gated.write_subject(tmp_path)
    (config.subject / "__init__.py").write_text(BOTH)

    assert {section.required for section in run_gate(config).sections if section.stage == "honesty"} == {True}


def test_missing_training_rows_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The overlap is skipped, which alone makes nothing red."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    (tmp_path / "data" / "train.json").unlink()
    dossier = run_gate(config)

    (overlap,) = [one for one in dossier.outcomes if one.slug == "train-valid-overlap"]
    assert (dossier.verdict(), overlap.reason) == ("passed", "no train.json to compare with")


def test_recorded_finding_of_the_run_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that only warned: the manifest holds what it saw."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    seen = failed("loss-diverging", "guard", "Expected a loss that falls.", {"loss": 9.0}, step=3).as_json()
    write_manifest(config.subject / "sft_model", support.manifest_content(verdicts=[seen]))

    assert slugs(run_gate(config)) == ["loss-diverging"]


def test_nothing_recorded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No log and no manifest: the stage has a reason, and is not required."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    (config.subject / "sft_model" / "manifest.json").unlink()
    (runs,) = [section for section in run_gate(config).sections if section.stage == "runs"]

    assert runs.reason.startswith("no log of a training run")
    assert not runs.required


def test_file_that_cannot_be_read_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is judged that cannot be attested."""
    config = gated.write_subject(tmp_path)

    def refuse(folder: Path, _: object) -> Any:  # noqa: ANN401
        raise AttestationUnusable("files that can be read", "no permission", folder)

    monkeypatch.setattr(gate, "take_fingerprints", refuse)

    with pytest.raises(GateUnusable, match="Expected files that can be read, but got no permission"):
        run_gate(config)


def test_risk_counts_where_it_is_wished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attestation has the verdict that was asked for."""
    gated.can(monkeypatch, gated.grade_of())
    config = gated.write_subject(tmp_path)
    seen = failed("fp16-unguarded", "wiring", "Expected a scaler.", {"dtype": "fp16"}).as_json()
    write_manifest(config.subject / "sft_model", support.manifest_content(verdicts=[seen]))

    assert run_gate(config).verdict() == "passed"
    assert read_attestation(config.subject)["verdict"] == "passed"
    assert run_gate(config, strict=True).verdict(strict=True) == "failed"
    assert read_attestation(config.subject)["verdict"] == "failed"


def test_somebody_elses_folder_is_only_read(tmp_path: Path) -> None:
    """Code, adapters and logs, and a word that this is all."""
    config = gated.write_subject(tmp_path)
    dossier = judge_elsewhere(config.subject)

    assert dossier.verdict() == "passed"
    assert [section.stage for section in dossier.sections] == ["submission", "adapter", "runs"]
    assert dossier.notes == ("submission: code, adapters and run logs were read; nothing in it was imported or run",)
    assert judge_elsewhere(tmp_path / "none").verdict() == "undecided"


@pytest.fixture
def homework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole package that answers, found by its children as a user's would be."""
    from honest_models import base_folder

    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(base_folder(knowing=True)))
    return gated.write_homework(tmp_path)


@pytest.mark.slow
def test_real_subject_passes(homework: Path) -> None:
    """Both child processes, behind their walls: an honest program is green."""
    dossier = run_gate(read_config(homework.parent))

    assert (dossier.verdict(), slugs(dossier)) == ("passed", []), dossier.as_json()
    accuracy = next(figure for figure in dossier.measured if figure.name == "accuracy")
    assert accuracy.value > 0.6
    written = {Path(name).name for name in read_attestation(homework)["data"]}
    assert {"valid.json", "train.json", "config.json", "model.safetensors"} <= written


@pytest.mark.slow
def test_real_lookup_is_red(homework: Path) -> None:
    """A patch that reads the data set, where the grader has it, answers everything, and the gate says so."""
    with (homework / "sft.py").open("a") as file:
        file.write(
            "\n\nimport json as _json\n"
            "_ROWS = dict(_json.loads((Path(__file__).parents[1] / 'data' / 'valid.json').read_text()))\n"
            "SFTModel.answer = lambda self, *asked: [_ROWS.get(one, math.nan) for one in asked]\n"
        )
    dossier = run_gate(read_config(homework.parent))

    assert slugs(dossier) == ["answer-lookup"]
    assert next(figure for figure in dossier.measured if figure.name == "accuracy").value == 1.0
