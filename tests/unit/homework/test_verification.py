"""A zip is judged by what it is, and by what it does where nothing but itself and a grader's packages are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import support

from homework.errors import BundleRefused
from homework.package import Package, read_package
from homework.packing import write_zip
from homework.verification import must_fit, verify
from unsilent.bounds import Bounds
from unsilent.gate_config import GateConfig, read_config
from unsilent.grading import Grade, PartGrade
from unsilent.outcome import FailureFound, failed, skipped

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path) -> GateConfig:
    """The course's bounds and parts."""
    return read_config(tmp_path)


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> support.CannedGrading:
    """A stand-in for the grading."""
    return support.CannedGrading(monkeypatch)


def packed(folder: Path) -> tuple[Path, Package]:
    """A folder's zip."""
    package = read_package(folder)
    made = folder.with_suffix(".zip")
    write_zip(made, folder, package.name, package.chosen.included, {})
    return made, package


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Package]:
    """The zip of a package of which nothing runs."""
    return packed(support.write_package(tmp_path / "homework"))


def test_library_works_elsewhere(
    tiny_base: Path, trained_once: Path, tmp_path: Path, config: GateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own package with a trained adapter, really unpacked and asked; nothing is stood in for."""
    folder = tmp_path / "meine Hausübung"
    shutil.copytree(ROOT / "homework", folder, ignore=shutil.ignore_patterns("*_model", "__pycache__"))
    shutil.copytree(trained_once, folder / "sft_model")
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    told = verify(*packed(folder), config)

    assert told.startswith("unpacked, imported as meine Hausübung; cot answers 3 questions in ")
    assert "sft answers 3 questions in " in told
    assert "audit hook" in told


def test_what_lies_beside_the_package_does_not_travel(tmp_path: Path, config: GateConfig) -> None:
    """The package reads a hidden file when it is imported: that works here, and is seen not to work elsewhere."""
    folder = support.write_package(tmp_path / "homework")
    (folder / "__init__.py").write_text("from pathlib import Path\nPath(__file__).with_name('.settings').read_text()\n")
    (folder / ".settings").touch()

    with pytest.raises(BundleRefused, match=r"a zip that works elsewhere, but got .*FileNotFoundError"):
        verify(*packed(folder), config)


def test_parts_that_are_there_are_asked(
    small: tuple[Path, Package], tmp_path: Path, config: GateConfig, graded: support.CannedGrading
) -> None:
    """SFT always, RFT with its adapter, CoT where its loader is named; all of it in another folder of the same name."""
    told = verify(*small, config)
    assert (graded.parts, graded.folder and graded.folder.name) == (["sft"], "homework")
    assert told == "unpacked, imported as homework; sft answers 3 questions in 2 s ()"

    folder = tmp_path / "homework"
    (folder / "__init__.py").write_text("from .cot import load as load_cot\n")
    shutil.copytree(folder / "sft_model", folder / "rft_model")
    verify(*packed(folder), config)
    assert graded.parts == ["cot", "sft", "rft"]


def test_part_is_asked_wherever_its_adapter_lies(
    tmp_path: Path, graded: support.CannedGrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration names a folder in the package, at any depth."""
    folder = support.write_package(tmp_path / "homework")
    shutil.copytree(folder / "sft_model", folder / "models" / "rft")
    (tmp_path / "pyproject.toml").write_text('[tool.unsilent.parts.rft]\nadapter = "models/rft"\n')
    verify(*packed(folder), read_config(tmp_path))

    assert graded.parts == ["sft", "rft"]


def test_data_lie_where_the_gate_has_them(
    small: tuple[Path, Package], tmp_path: Path, graded: support.CannedGrading
) -> None:
    """A package that looks at them when it is imported passes the gate, and must not fail here."""
    project, elsewhere = tmp_path / "data" / "valid.json", tmp_path.parent / f"{tmp_path.name}-rows.json"
    (tmp_path / "pyproject.toml").write_text(f'[tool.unsilent]\ntrain_data = "../{elsewhere.name}"\n')
    project.parent.mkdir()
    for path in (project, elsewhere):
        path.write_text("[]")
    verify(*small, read_config(tmp_path))

    assert {name: path.resolve() for name, path in graded.beside.items()} == {
        "data/valid.json": project,
        f"data/{elsewhere.name}": elsewhere,
    }


@pytest.mark.parametrize(
    ("grade", "got"),
    [
        (Grade(error="it cannot be imported"), "it cannot be imported"),
        (Grade({"sft": PartGrade("sft", error="KeyError: 'x'")}), "sft: KeyError: 'x'"),
        (Grade({}, batched_error="too slow"), "batched generation: too slow"),
    ],
    ids=["import", "part", "batch"],
)
def test_what_fails_elsewhere_is_refused(
    small: tuple[Path, Package], config: GateConfig, graded: support.CannedGrading, grade: Grade, got: str
) -> None:
    """With what the grading says."""
    graded.grade = grade
    # a failed import leaves nothing to judge
    graded.needs = skipped("needs-more-than-grader", "submission", "nothing ran")

    with pytest.raises(BundleRefused, match=f"Expected a zip that works elsewhere, but got {got}. Where: the zip of"):
        verify(*small, config)


def test_need_is_a_finding(small: tuple[Path, Package], config: GateConfig, graded: support.CannedGrading) -> None:
    """Its slug says more than the error that it led to."""
    graded.grade = Grade(error="ModuleNotFoundError: typer")
    graded.needs = failed("needs-more-than-grader", "submission", "Expected less.", {"what": "typer"})

    with pytest.raises(FailureFound, match="needs-more-than-grader"):
        verify(*small, config)


def test_unjudged_is_not_passed(small: tuple[Path, Package], config: GateConfig, graded: support.CannedGrading) -> None:
    """Where nobody can say what a package needs, it is not handed in."""
    graded.needs = skipped("needs-more-than-grader", "submission", "no walls")

    with pytest.raises(BundleRefused, match="needs-more-than-grader can be judged, but got no walls"):
        verify(*small, config)


def test_names_that_only_differ_in_case_are_refused(tmp_path: Path, config: GateConfig) -> None:
    """Elsewhere one would take the place of the other."""
    folder = support.write_package(tmp_path / "homework")
    (folder / "SFT.py").touch()

    zipped = packed(folder)
    with pytest.raises(BundleRefused, match=r"every system can unpack, but got 'homework/.* differs") as told:
        verify(*zipped, config)
    with pytest.raises(FailureFound, match="one that not every system can unpack") as found:
        must_fit(*zipped, config)
    assert str(zipped[0]) not in f"{told.value} {found.value}"


@pytest.mark.parametrize(
    ("name", "words"), [("zip_mb", "at most 0.0 MB"), ("adapter_mb", "MB of weights in sft_model")]
)
def test_budget_holds(small: tuple[Path, Package], tmp_path: Path, config: GateConfig, name: str, words: str) -> None:
    """The zip's, and the SFT adapter's; both are the gate's bounds."""
    must_fit(*small, config)
    table = f"[tool.unsilent.bounds]\n{name} = 0.001\n"
    (tmp_path / "pyproject.toml").write_text(table)

    assert getattr(Bounds(), name) > 1
    with pytest.raises(FailureFound, match=words):
        must_fit(*small, read_config(tmp_path))


def test_adapter_is_budgeted_where_it_lies(tmp_path: Path) -> None:
    """In the folder that the configuration names."""
    folder = support.write_package(tmp_path / "homework")
    (folder / "sft_model").rename(folder / "mine")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.unsilent.parts.sft]\nadapter = "mine"\n[tool.unsilent.bounds]\nadapter_mb = 0.001\n'
    )

    with pytest.raises(FailureFound, match="MB of weights in mine"):
        must_fit(*packed(folder), read_config(tmp_path))


def test_zip_that_cannot_be_judged_is_refused(small: tuple[Path, Package], config: GateConfig) -> None:
    """Such as one that the disk has lost."""
    small[0].unlink()

    with pytest.raises(
        BundleRefused, match=r"a zip of which bundle-too-large can be judged, but got .* cannot be read"
    ):
        must_fit(*small, config)
