"""A bundle is made of what the gate has passed, works elsewhere, and gets its name at the very end."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import support

from homework import bundle
from unsilent.attestation import find_differences, write_attestation
from unsilent.gate_config import read_config
from unsilent.grading import Grade
from unsilent.outcome import failed

Run = Callable[..., int]
VERDICT: dict[str, Any] = {"subject": "homework", "verdict": "passed", "outcomes": []}


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> support.CannedGrading:
    """A stand-in for the grading: ``test_verification.py`` has the real one."""
    return support.CannedGrading(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path, graded: support.CannedGrading, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout as the current folder, with a package that a gate has passed."""
    monkeypatch.chdir(tmp_path)
    made = support.write_package(tmp_path / "homework")
    attest(made)
    return made


def attest(folder: Path, **changes: Any) -> None:  # noqa: ANN401 - fields of a verdict
    """Say that a gate has passed a folder as it is."""
    bounds = read_config().bounds.as_json()
    write_attestation(folder, dossier_json=VERDICT | changes, bounds=bounds, data={})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with its exit status."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["bundle", *arguments])
        with pytest.raises(SystemExit) as ended:
            bundle.main()
        return int(str(ended.value.code))

    return call


def manifest_in(path: Path) -> dict[str, Any]:
    """What a bundle says of itself."""
    with zipfile.ZipFile(path) as archive:
        name = next(one for one in archive.namelist() if one.endswith("/bundle.json"))
        return dict(json.loads(archive.read(name)))


def test_passed_package_is_bundled(
    folder: Path, run: Run, graded: support.CannedGrading, capsys: pytest.CaptureFixture[str]
) -> None:
    """The zip says by which bounds and checks it passed; what went in, what not, and the base are listed."""
    support.write_checkpoint(folder / "sft_model")
    assert run("homework", "UTID") == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "gate: passed" in printed
    assert "in the zip: 5 files" in printed
    assert "sft_model/checkpoint-500: a checkpoint" in printed
    assert "DOES NOT TRAVEL" in printed
    assert "elsewhere: unpacked, imported as homework; sft answers 3 questions in 2 s" in printed
    assert "written: UTID.zip, in place of nothing" in printed
    manifest = manifest_in(Path("UTID.zip"))
    assert manifest["gated"] is True
    assert manifest["gate"]["bounds"] == read_config().bounds.as_json()
    assert {len(manifest["gate"][name]) for name in ("bounds_sha256", "checker_sha256")} == {64}
    assert graded.folder != folder
    assert graded.files == {*manifest["files"], "bundle.json"}


def test_two_bundles_have_one_hash(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the gate ran again in between; the second takes the place of the first, and says so."""
    assert run("homework", "UTID") == 0
    first = Path("UTID.zip").read_bytes()
    attest(folder)
    assert run("homework", "UTID") == 0

    assert Path("UTID.zip").read_bytes() == first
    assert "in place of an older bundle" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "got"),
    [
        (lambda folder: (folder / "attestation.json").unlink(), "none: these files have not been through the gate"),
        (lambda folder: (folder / "attestation.json").write_text("{"), "one that cannot be read"),
        (lambda folder: (folder / "sft.py").write_text("x"), "sft.py: changed since, 13 bytes then, 1 now"),
        (lambda folder: (folder / "lookup.py").touch(), "lookup.py: added since"),
        (lambda folder: attest(folder, verdict="failed"), "the gate's verdict was 'failed', not 'passed'"),
        (
            lambda folder: Path("pyproject.toml").write_text("[tool.unsilent.bounds]\nsft.accuracy = 0.5\n"),
            "bound sft_accuracy: 0.4 then, 0.5 now",
        ),
    ],
    ids=["none", "unreadable", "changed", "added", "failed", "other bounds"],
)
def test_nothing_is_bundled_past_the_gate(
    folder: Path,
    run: Run,
    edit: Callable[[Path], object],
    got: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The reason is named, and what to run; no zip is made."""
    edit(folder)

    assert run("homework", "UTID") == 2
    told = capsys.readouterr().err
    assert got in told
    assert "unsilent gate" in told
    assert not Path("UTID.zip").exists()


def test_many_differences_are_counted(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Eight are named."""
    for number in range(10):
        (folder / f"new{number}.py").touch()

    assert run("homework", "UTID") == 2
    assert "new7.py: added since; and 2 more." in capsys.readouterr().err


def test_gate_can_be_passed_by_aloud(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The zip says that nobody has judged it, and so does the screen, first and last."""
    (folder / "attestation.json").unlink()

    assert run("homework", "UTID", "--no-gate") == 0
    assert capsys.readouterr().err.count("NOT GATED: nothing shows that these files work") == 2
    manifest = manifest_in(Path("UTID.zip"))
    assert (manifest["gated"], manifest["gate"]) == (False, None)


def test_file_that_changes_meanwhile_is_noticed(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the comparison and the packing."""

    def find(*arguments: Any, **options: Any) -> list[str]:  # noqa: ANN401 - as the real one
        found = find_differences(*arguments, **options)
        (folder / "sft.py").write_text("changed")
        return found

    monkeypatch.setattr(bundle, "find_differences", find)

    assert run("homework", "UTID") == 2
    assert "Expected files that stay as they are" in capsys.readouterr().err
    assert not Path("UTID.zip").exists()


@pytest.mark.parametrize(
    ("bounds", "words"),
    [("zip_mb = 0.001", "Expected a zip of at most 0.0 MB"), ("adapter_mb = 0.001", "MB of weights in sft_model")],
)
def test_budget_holds(folder: Path, run: Run, bounds: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With and without a gate: a grader would refuse it. Exit status 1, for it is a finding."""
    Path("pyproject.toml").write_text(f"[tool.unsilent.bounds]\n{bounds}\n")
    attest(folder)

    assert run("homework", "UTID") == run("homework", "UTID", "--no_gate") == 1
    told = capsys.readouterr().err
    assert "[bundle-too-large]" in told
    assert words in told
    assert not Path("UTID.zip").exists()


def test_what_works_only_here_is_not_bundled(
    folder: Path, run: Run, graded: support.CannedGrading, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a gate it is all the same, but status and a loud line tell."""
    graded.grade = Grade(error="it cannot be imported")
    assert run("homework", "UTID") == 2
    assert "Expected a zip that works elsewhere, but got it cannot be imported." in capsys.readouterr().err
    assert not Path("UTID.zip").exists()

    assert run("homework", "UTID", "--no_gate") == 1
    assert "DOES NOT WORK ELSEWHERE: Expected" in capsys.readouterr().err
    assert Path("UTID.zip").exists()


def test_finding_elsewhere_has_its_status(
    folder: Path, run: Run, graded: support.CannedGrading, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 1, as every finding does."""
    graded.needs = failed("needs-more-than-grader", "submission", "Expected less.", {"what": "typer"})

    assert run("homework", "UTID") == run("homework", "UTID", "--no_gate") == 1
    assert capsys.readouterr().err.count("[needs-more-than-grader] Expected less.") == 2


@pytest.mark.parametrize("utid", ["", " ", "a/b", "..", "-x", ".x", "a\nb", "a:b", "UTID.zip", "a" * 300, " a"])
def test_utid_is_the_name_of_a_file(folder: Path, run: Run, utid: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is taken for one."""
    assert run("homework", "--", utid) == 2
    assert "Expected a UTID: the name of the zip" in capsys.readouterr().err


@pytest.mark.parametrize("utid", ["abc123", "Jörg Müller", "a.b"])
def test_names_of_people_are_taken(folder: Path, run: Run, utid: str) -> None:
    """With spaces, points and letters of any language."""
    assert run("homework", utid, "--output", "out put") == 0
    assert Path("out put", f"{utid}.zip").is_file()


def test_nothing_else_is_replaced(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A zip of somebody else, a folder of that name, a link; and no zip is put into what is bundled."""
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("thesis.tex", "x")
    Path("b.zip").mkdir()
    Path("c.zip").symlink_to("a.zip")
    Path("d.zip").symlink_to("d.zip")

    assert [run("homework", name) for name in "abcd"] == [2, 2, 2, 2]
    assert capsys.readouterr().err.count("something else than a bundle, which would be lost") == 4
    assert run("homework", "e", "--output", "homework/out") == 2
    assert "one in the folder that is bundled" in capsys.readouterr().err


def test_place_that_takes_nothing_is_said(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk leaves the older bundle; a file is no folder."""
    Path("file").touch()
    assert run("homework", "UTID", "--output", "file") == 2
    assert run("homework", "UTID") == 0
    older = Path("UTID.zip").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run("homework", "UTID") == 2
    assert "Expected a place for the zip, but got No space left on device" in capsys.readouterr().err
    assert Path("UTID.zip").read_bytes() == older


def test_file_that_cannot_be_packed_is_said(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name."""

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "homework/sft.py")

    monkeypatch.setattr(bundle, "write_zip", fail)

    assert run("homework", "UTID") == 2
    assert "but got Permission denied. Where: homework/sft.py." in capsys.readouterr().err


def test_attestation_that_cannot_be_compared_is_said(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, not as a traceback."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(bundle, "find_differences", fail)

    assert run("homework", "UTID") == 2
    assert "compared with the gate's, but got Input/output error. Where: homework." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["homwork", "UTID"], "no such folder"),
        (["homework"], "Missing argument"),
        (["homework", "UTID", "--force"], "--force"),
    ],
)
def test_wrong_use_is_said(
    folder: Path, run: Run, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one paragraph."""
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_wrong_configuration_is_said(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """As the gate says it."""
    Path("pyproject.toml").write_text("[tool.unsilent.bounds]\nacuracy = 0.5\n")

    assert run("homework", "UTID") == 2
    assert "error: Expected one of" in capsys.readouterr().err
