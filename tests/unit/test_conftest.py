"""The guards around every test do stop what they are there to stop."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest_plugins = ["pytester"]

LEAKS = {
    "working directory": "import os\nos.chdir('/')",
    "environment": "import os\nos.environ['LEFT'] = '1'",
    "default dtype": "import torch\ntorch.set_default_dtype(torch.float64)",
}


def run(pytester: pytest.Pytester, body: str, *, name: str = "test_it.py", docstring: str = '"""It holds."""') -> str:
    """Run one test with the given body under the project's conftest; return what pytest printed."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {ROOT} {ROOT / 'tests'}\nmarkers =\n    regression\n    failure\n")
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{'import torch' if 'torch' in body else ''}\ndef test_it():\n    {docstring}\n{lines}\n")
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", str(path))
    return "\n".join([*done.outlines, *done.errlines])


@pytest.mark.parametrize("what", LEAKS)
def test_leaks_are_named(pytester: pytest.Pytester, what: str) -> None:
    """A test that leaves something global behind fails, and is told what it was."""
    printed = run(pytester, LEAKS[what])

    assert f"The test left behind: {what}" in printed
    assert "1 passed, 1 error" in printed


def test_network_is_refused(pytester: pytest.Pytester) -> None:
    """A connection to another machine raises; one to this machine is left alone."""
    printed = run(pytester, "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)")

    assert "NetworkUsed: Expected no network in tests" in printed


def test_seeds_are_put_back(pytester: pytest.Pytester) -> None:
    """A test may seed; the next one starts from the state before."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {ROOT} {ROOT / 'tests'}\n")
    pytester.makepyfile(
        test_two='''
import random
import torch
import numpy
before = (random.getstate(), torch.get_rng_state().tolist())
def test_seeds():
    """Seeds everything."""
    random.seed(1); torch.manual_seed(1); numpy.random.seed(1)
def test_finds_the_old_state():
    """Finds what was there before."""
    assert before == (random.getstate(), torch.get_rng_state().tolist())
'''
    )

    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_missing_docstring_stops_the_collection(pytester: pytest.Pytester) -> None:
    """A test that does not say what it holds is not run."""
    assert "expected a docstring that states the behaviour" in run(pytester, "pass", docstring="pass")


def test_regression_file_without_mark_stops_the_collection(pytester: pytest.Pytester) -> None:
    """A file in tests/regression must name its failure."""
    printed = run(pytester, "pass", name="tests/regression/test_lr_zero.py")

    assert "expected marks regression and failure(slug)" in printed


@pytest.mark.parametrize(
    ("slug", "name", "message"),
    [
        ("lr-zero", "test_lr_zero.py", "1 passed"),
        ("lr-zero", "test_other.py", "named after its slug lr-zero"),
        ("no-such-row", "test_no_such_row.py", "with a slug of the catalogue"),
    ],
    ids=["right", "wrong name", "unknown slug"],
)
def test_regression_mark_is_checked(pytester: pytest.Pytester, slug: str, name: str, message: str) -> None:
    """The mark names a row of the catalogue, and the file is called after it."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {ROOT} {ROOT / 'tests'}\nmarkers =\n    regression\n    failure\n")
    path = pytester.path / "tests" / "regression" / name
    path.parent.mkdir(parents=True)
    path.write_text(
        "import pytest\n"
        f'pytestmark = [pytest.mark.regression, pytest.mark.failure("{slug}")]\n'
        'def test_it():\n    """It holds."""\n'
    )
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", str(path))

    assert message in "\n".join([*done.outlines, *done.errlines])


@pytest.mark.parametrize(
    ("server", "told"), [("", "1 skipped"), ("true", "1 error")], ids=["a desk without Chromium", "a CI server without"]
)
def test_page_without_a_browser_is_skipped_or_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: str, told: str
) -> None:
    """Where changes are judged, pages have to be looked at; elsewhere it is said why they were not."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", server)
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {ROOT} {ROOT / 'tests'}\n")
    pytester.makepyfile('def test_it(browser):\n    """It is looked at."""\n')
    done = pytester.runpytest_subprocess("-q", "-rs", "-p", "no:cacheprovider")

    assert told in done.outlines[-1]
    assert "no Chromium to look at pages with; looked for chromium, " in "\n".join(done.outlines)
