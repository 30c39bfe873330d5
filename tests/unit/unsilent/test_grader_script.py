"""What the grader does with a package, and how it says what it cannot use."""

from __future__ import annotations

import importlib
import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_submission import ANSWERS, QUESTIONS, write_submission

from unsilent.grader_script import Absent, Unfit, grade_part, numbers, read_batch, run

PHASES = [
    {"kind": "batched", "name": "batched", "loader": ""},
    {"kind": "part", "name": "sft", "loader": "load_sft"},
]


class Watched:
    """Stands in for the sandbox's watch."""

    phase = ""

    def explain(self, error: BaseException) -> str:
        """As in words."""
        return f"{type(error).__name__} in {self.phase}"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A healthy package under a name of its own, forgotten afterwards."""
    folder = write_submission(tmp_path).rename(tmp_path / "zz_package")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("zz_package", None)


def graded(**options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - fields of the question
    """All lines that are told about the package."""
    lines: list[dict[str, Any]] = []
    asked = {"preload": ["math"], "package": "zz_package", "phases": PHASES, "questions": QUESTIONS, "batch": 3}
    run(asked | options, lines.append, Watched())
    return lines


def made(**attributes: object) -> Any:  # noqa: ANN401 - a package
    """A package with these attributes."""
    return types.SimpleNamespace(**attributes)


def test_every_phase_is_announced_and_closed(package: Path) -> None:
    """In order, with what was found."""
    assert package.is_dir()
    assert graded() == [
        {"begin": "import", "kind": "import"},
        {"end": "import", "kind": "import"},
        {"begin": "batched", "kind": "batched"},
        {"end": "batched", "kind": "batched"},
        {"begin": "sft", "kind": "part"},
        {"loaded": "sft"},
        {"end": "sft", "kind": "part", "parameters": 2000, "answers": list(ANSWERS)},
    ]


def test_error_costs_its_phase_alone(package: Path) -> None:
    """The next one begins."""
    with (package / "__init__.py").open("a") as file:
        file.write("\ndel BaseLLM.batched_generate\nBaseLLM.answer = lambda self, *asked: [1.0] * len(asked)\n")
    ends = [line for line in graded() if "end" in line]

    assert ends[1] == {"end": "batched", "kind": "batched", "error": "AttributeError in batched"}
    assert ends[2]["answers"] == [1.0] * len(QUESTIONS)


def test_package_that_cannot_be_imported_ends_it(package: Path) -> None:
    """Nothing else is begun; leaving is an error like others."""
    (package / "__init__.py").write_text("raise SystemExit(0)")

    assert graded()[1:] == [{"end": "import", "kind": "import", "error": "SystemExit in import"}]


def test_batch_is_read_without_gradients() -> None:
    """The plain base gets padded tensors on its device, and no graph is kept."""
    seen = []

    class Base:
        device = torch.device("cpu")

        def tokenizer(self, texts: list[str], **options: object) -> dict[str, torch.Tensor]:
            assert options == {"padding": True, "return_tensors": "pt"}
            return {"input_ids": torch.zeros(len(texts), 4, dtype=torch.long)}

        def model(self, input_ids: torch.Tensor) -> None:
            seen.append((tuple(input_ids.shape), torch.is_grad_enabled()))

        def batched_generate(self, prompts: list[str]) -> list[str]:
            return prompts

    assert read_batch(made(BaseLLM=Base), ["a", "b"]) == {}
    assert seen == [((2, 4), False)]


@pytest.mark.parametrize(
    ("completed", "got"),
    [
        (["a"], r"a list of 1: \['a'\]"),
        ([1, 2], r"a list of 2: \[1, 2\]"),
        ("ab", "a str: 'ab'"),
        (None, "a NoneType: None"),
    ],
    ids=["too few", "numbers", "one text", "nothing"],
)
def test_batch_that_cannot_be_used(package: Path, completed: object, got: str) -> None:
    """What came back is shown."""
    assert package.is_dir()
    found = importlib.import_module("zz_package")
    found.BaseLLM.batched_generate = lambda self, prompts: completed
    with pytest.raises(Unfit, match=f"Expected 2 texts from batched_generate, but got {got}"):
        read_batch(found, ["a", "b"])


def test_loader_that_is_absent() -> None:
    """Named, with what Python says."""
    with pytest.raises(Absent, match="Expected load_rft in the package, but got none"):
        grade_part(made(), "load_rft", [], lambda: None)


LAZY = "import importlib\ndef __getattr__(name):\n    "
NAMED = 'if name == "load_sft":\n        '
NONE = "raise AttributeError(f'no {name}')"
OWN = 'importlib.import_module(".sft", __name__)'


def ends_of(package: Path, init: str, module: str = "") -> dict[str, Any]:
    """How the part ends in a package whose loader is imported when it is asked for."""
    (package / "__init__.py").write_text(init)
    (package / "sft.py").write_text(module)
    sys.modules.pop("zz_package.sft", None)
    return graded(phases=PHASES[1:])[-1]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("init", "module"),
    [
        ("", ""),
        (f"{LAZY}{NONE}", ""),
        (f"{LAZY}raise AttributeError(name) from None", ""),
        (f"{LAZY}return getattr({OWN}, name)", "load_rft = 1"),
        (f"{LAZY}try:\n        {{}}[name]\n    except KeyError as error:\n        raise AttributeError from error", ""),
        (f"{LAZY}try:\n        import zz_package.no_module\n    except ImportError:\n        {NONE}", ""),
    ],
    ids=["no name", "a lazy no", "without a cause", "a lazy module without it", "a table", "no such module"],
)
def test_absence_is_told(package: Path, init: str, module: str) -> None:
    """Whether Python says so or the package's own ``__getattr__``."""
    end = ends_of(package, init, module)

    assert end == {"end": "sft", "kind": "part", "error": "Absent in sft", "absent": True}


@pytest.mark.parametrize(
    ("init", "module"),
    [
        (f"{LAZY}{NAMED}return {OWN}.load_sft\n    {NONE}", "import math\nmath.load_sft"),
        (f"{LAZY}{NAMED}return {OWN}.load_sft\n    {NONE}", "import torch\ntorch.no_such_thing"),
        (f"{LAZY}{NAMED}return {OWN}.load_sft\n    {NONE}", "raise AttributeError('load_sft')"),
        (f"{LAZY}{NAMED}return {OWN}.load_sft\n    {NONE}", "import zz_package\nzz_package.load_sft"),
        (f"{LAZY}try:\n        return {OWN}\n    except Exception:\n        {NONE}", "1 / 0"),
        (f"{LAZY}return importlib.import_modul('.sft')", ""),
        (f"def find(name):\n    {NONE}\ndef __getattr__(name):\n    return find(name)", ""),
    ],
    ids=[
        "an attribute",
        "an attribute of a lazy library",
        "raised by hand",
        "of itself",
        "another error in its place",
        "a bug of the look-up",
        "a function of that name",
    ],
)
def test_bug_in_a_lazy_module_is_no_absence(package: Path, init: str, module: str) -> None:
    """The part is there, and fails: an AttributeError of its own is none of the package's."""
    end = ends_of(package, init, module)

    assert end == {"end": "sft", "kind": "part", "error": "AttributeError in sft"}


@pytest.mark.parametrize(
    "given",
    [
        [1, 2.0, float("nan")],
        (True, torch.tensor(2.0), torch.tensor(float("nan"))),
        torch.tensor([1.0, 2.0, float("nan")]),
        iter([1, 2, math.nan]),
    ],
    ids=["a list", "a tuple", "a tensor", "an iterator"],
)
def test_numbers_of_any_kind(given: object) -> None:
    """They become floats; NaN is no number, inf is one."""
    assert numbers(given, 3) == [1.0, 2.0, None]
    assert numbers([math.inf], 1) == [math.inf]


class Unspeakable:
    """Its own words fail."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("123", "Expected 3 numbers from answer, but got a str: '123'"),
        (None, "Expected 3 numbers from answer, but got a NoneType: None"),
        ([1.0, 2.0], "Expected 3 numbers from answer, but got 2"),
        (iter(range(10**9)), "Expected 3 numbers from answer, but got more than 3"),
        ([1.0, "2", 3.0], "Expected a number from answer, but got a str: '2' for question 2"),
        ([1.0, 2.0, None], "Expected a number from answer, but got a NoneType: None for question 3"),
        (Unspeakable(), "Expected 3 numbers from answer, but got a Unspeakable: "),
    ],
    ids=["a text", "nothing", "too few", "without end", "a text among them", "None among them", "no words"],
)
def test_answers_that_are_no_numbers(given: object, message: str) -> None:
    """What came back is shown, and where."""
    with pytest.raises(Unfit, match=f"^{message}$"):
        numbers(given, 3)
