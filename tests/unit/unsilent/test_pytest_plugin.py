"""The plugin is harmless wherever it is installed, and reads its options as pytest's users would expect."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import faults
import pytest
import support

from unsilent.subjects import LOOKED_FOR

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[3]
PLUGIN = ("-p", "no:unsilent", "-p", "unsilent.pytest_plugin")  # of this checkout, whatever is installed
CHECKS = len(LOOKED_FOR["adapter"])
# What a plugin must not bring into everybody's pytest.
HEAVY = ("numpy", "torch", "typer", "transformers", "safetensors", "unsilent.failures", "unsilent.pytest_items")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that was never trained: to be copied."""
    folder = support.write_adapter(tmp_path_factory.mktemp("adapter") / "bad", manifest=False)
    faults.forget_training(folder)
    return folder


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, untrained: Path) -> pytest.Pytester:
    """A stranger's project, which has its own ``homework`` and is strict; beside it, in ``else``, an adapter."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for child processes
    shutil.copytree(untrained, pytester.path / "else" / "bad")
    home = pytester.mkdir("project")
    (home / "homework").mkdir()
    (home / "homework" / "__init__.py").write_text("MINE = True\n")
    (home / "test_own.py").write_text("def test_own():\n    pass\n")
    (home / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\npythonpath = .\n")
    monkeypatch.chdir(home)
    return pytester


def use_homework() -> None:
    """Let the project's test import its ``homework``; in this process that would be ours."""
    Path("test_own.py").write_text("from homework import MINE\n\ndef test_own():\n    assert MINE\n")


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with the plugin, in this process and in the current folder."""
    return project.runpytest_inprocess(*PLUGIN, *arguments)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-W", "error"],
        ["-p", "no:cacheprovider"],
        ["--import-mode=importlib"],
        ["--collect-only", "-q"],
        ["-p", "xdist", "-n", "2"],
    ],
    ids=" ".join,
)
def test_without_its_options_it_does_nothing(project: pytest.Pytester, options: list[str]) -> None:
    """A project's run is the same with it and without, line for line."""
    use_homework()
    runs = [project.runpytest_subprocess(*plugin, *options) for plugin in (PLUGIN, ("-p", "no:unsilent"))]
    told = [[line.partition(" in ")[0].strip("= ") for line in one.outlines] for one in runs]

    assert told[0] == told[1]
    assert [one.ret for one in runs] == [0, 0]
    assert [one.errlines for one in runs] == [[], []]


def test_imports_nothing_heavy(project: pytest.Pytester) -> None:
    """Not at startup, and no torch even where adapters are judged; also with ``python -O``."""
    code = "import sys, pytest\npytest.main(sys.argv[1:])\nprint('has:', [name for name in {} if name in sys.modules])"
    told = []
    for names, arguments in ((HEAVY, []), (["torch", "transformers", "typer"], ["--adapter=../else/bad"])):
        command = [sys.executable, "-O", "-W", "ignore", "-c", code.format(names), *PLUGIN, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told.append([line for line in done.stdout.splitlines() if line.startswith(("has:", "adapter ../else/bad: "))])

    assert told == [["has: []"], ["adapter ../else/bad: failed", "has: []"]]


def test_strict_project_judges(project: pytest.Pytester) -> None:
    """Its own test runs, too, and both count."""
    run(project, "--adapter=../else/bad").assert_outcomes(passed=1 + CHECKS - 4, failed=1, skipped=3)


def test_options_may_be_configured(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their paths are then relative to the configuration, unless they lead somewhere from the current folder."""
    shutil.copytree("../else/bad", "bad")
    Path("pytest.ini").write_text("[pytest]\naddopts = --adapter=bad -k untrained\n")
    Path("homework/sub").mkdir()
    monkeypatch.chdir("homework/sub")

    run(project).assert_outcomes(failed=1, deselected=CHECKS - 1)


def test_foreign_configuration_is_refused(project: pytest.Pytester) -> None:
    """A submission's own, which pytest reads when its path stands behind a space, could deselect what was found."""
    Path("pytest.ini").unlink()
    Path("../else/pytest.ini").write_text("[pytest]\naddopts = -k nothing\n")
    done = run(project, "--submission", "../else")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(
        ["ERROR: Expected pytest to be configured where it is called, but got the configuration *"]
    )
    assert run(project, "--submission=../else").ret == pytest.ExitCode.TESTS_FAILED


def test_configuration_of_the_tests_is_theirs(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that belongs to a path which is named as a test's is read, and one that is named is."""
    monkeypatch.chdir("..")

    expected = {"passed": 1 + CHECKS - 4, "failed": 1, "skipped": 3}
    run(project, "--adapter", "else/bad", "project/test_own.py::test_own").assert_outcomes(**expected)
    run(project, "--adapter", "else/bad", "-c", "project/pytest.ini", "project").assert_outcomes(**expected)


@pytest.mark.parametrize("argument", [["--adapter", "../else/bad"], ["--adapter=../else/bad"]], ids=["space", "equals"])
def test_nothing_is_written_beside_the_adapter(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, argument: list[str]
) -> None:
    """The cache lies where pytest is called, though pytest took the adapter for its root."""
    monkeypatch.setattr("_pytest.config.findpaths.is_fs_root", lambda _: True)  # as if they shared no folder
    Path("pytest.ini").unlink()
    before = sorted(Path("../else").rglob("*"))
    run(project, *argument)

    assert sorted(Path("../else").rglob("*")) == before
    assert Path(".pytest_cache").is_dir()


def test_configuration_that_was_not_read_is_named(project: pytest.Pytester) -> None:
    """Behind a space, a path apart leads pytest away from its configuration; the user is told."""
    Path("pytest.ini").unlink()
    Path("tox.ini").write_text("[tox]\n")
    Path("setup.cfg").write_text("[tool:pytest]\naddopts = -k untrained\n")
    note = f"pytest has not read {Path.cwd()}/setup.cfg; it does when paths are written behind =, as in --adapter=DIR"
    apart, together = (
        run(project, *argument) for argument in (["--adapter", "../else/bad"], ["--adapter=../else/bad"])
    )

    apart.stdout.fnmatch_lines([f"unsilent: {note}", "*= unsilent =*", note])
    assert "has not read" not in together.stdout.str()
    together.assert_outcomes(failed=1, deselected=CHECKS)


def test_entry_point_names_the_module() -> None:
    """What the wheel announces is there, under the name that ``-p no:unsilent`` switches off."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["entry-points"] == {"pytest11": {"unsilent": "unsilent.pytest_plugin"}}


@pytest.mark.slow
def test_wheel_in_a_strangers_project(
    project: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built, installed, and found by pytest: harmless, at work, and switched off."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTHONPATH")
    use_homework()
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "unsilent", source / "unsilent", ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(tmp_path / "env", with_pip=False, system_site_packages=True)
    python = str(tmp_path / "env" / "bin" / "python")
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (site / "outer.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "--no-index", str(source)], check=True)

    def told(*arguments: str) -> tuple[int, str]:
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert told("-q")[0] == 0
    assert told("-q", "-p", "no:unsilent")[0] == 0
    status, printed = told("--adapter=../else/bad", "-n", "2")
    assert (status, "adapter ../else/bad: failed" in printed) == (1, True), printed
    assert "unrecognized arguments: --adapter" in told("-p", "no:unsilent", "--adapter=../else/bad")[1]
    assert str(ROOT) not in printed
