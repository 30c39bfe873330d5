"""An adapter lands where it was asked for, not one folder too deep.

The reports resolved every relative path against the package: ``homework/sft_output``, typed in the checkout, became
``homework/homework/sft_output``, and the trained adapter was missing where the test looked for it.
"""

from __future__ import annotations

from pathlib import Path

import faults
import pytest
import snippets
import support

from homework import adapter_files, sft
from unsilent import inspect_adapter

pytestmark = [pytest.mark.regression, pytest.mark.failure("nested-output-dir")]

ASKED = "homework/sft_output"


@pytest.fixture
def checkout(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a package called homework, as the current directory."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(adapter_files, "PACKAGE", tmp_path / "homework")
    return tmp_path


def adapters_in(folder: Path) -> list[str]:
    """Where adapters lie below a folder."""
    return [str(path.parent.relative_to(folder)) for path in folder.rglob("adapter_config.json")]


def test_fault_is_real(checkout: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reports' way puts the adapter where nobody looks, and the folder asked for does not exist."""
    faults.resolve_against_the_package(monkeypatch, checkout / "homework")
    support.train_tiny(tiny_base, Path(ASKED), max_steps=1)

    assert adapters_in(checkout) == ["homework/homework/sft_output"]
    assert not Path(ASKED).exists()


def test_check_finds_it(checkout: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked about the folder that was meant, the check finds the one that was made, as the root of the missing one."""
    faults.resolve_against_the_package(monkeypatch, checkout / "homework")
    support.train_tiny(tiny_base, Path(ASKED), max_steps=1)
    finding = support.only_finding(inspect_adapter(ASKED))

    assert (finding.slug, finding.symptoms) == ("nested-output-dir", ("adapter-missing",))
    assert finding.evidence == {"asked": ASKED, "found": "homework/homework/sft_output"}
    assert support.only_finding(inspect_adapter("homework/homework/sft_output")).slug == "nested-output-dir"


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("name", "expected"),
    [(ASKED, ASKED), ("./out", "out"), ("sft_output", ASKED), ("homework/homework", "homework/homework")],
    ids=["with the package's name", "current directory", "bare name", "asked for"],
)
def test_healthy_twin_lands_where_it_was_asked_for(checkout: Path, tiny_base: Path, name: str, expected: str) -> None:
    """With a separator: relative to the current directory. A bare name: in the package. Found again under that name."""
    from homework.configuration import TrainingConfig

    sft.train_only(
        TrainingConfig(
            output_dir=name, checkpoint=str(tiny_base), precision="fp32", max_steps=1, warmup_steps=0, max_length=200
        )
    )

    assert adapters_in(checkout) == [expected]
    assert sft.load(name).model.peft_config


def test_repository_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """A checkout called homework with the package homework in it is the ordinary case."""
    package = tmp_path / "homework" / "homework"
    adapter = support.write_adapter(package / "sft_model")
    (package / "__init__.py").touch()

    assert inspect_adapter(adapter).verdict() == "passed"


def test_code_shows_it(tmp_path: Path) -> None:
    """Read in somebody's code, which is not run: the line of the fault, and nothing in the twin."""
    snippets.assert_pair(tmp_path, "nested-output-dir")
