"""The pytest plugin: what ``unsilent check`` judges, as tests. PYTEST_DONT_REWRITE: there is no assert in here.

    pytest --adapter=homework/sft_model --run-log=homework/sft_output --submission=UTID.zip

Each failure that is looked for is one item, so that ``-k nan``, ``-x``, ``--lf``, xdist and JUnit work as ever; what
else there is to collect is collected as ever. This file is loaded into every pytest of whoever installs ``unsilent``:
without one of its options it imports nothing, and does nothing. What it does with one stands in ``pytest_items``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from .subjects import Kind

OPTIONS: dict[Kind, tuple[str, str]] = {
    "adapter": ("DIR", "judge an adapter: its folder, or a zip of it; may be repeated"),
    "run-log": ("PATH", "judge what a training run wrote: a log, or its output folder; may be repeated"),
    "submission": ("PATH", "judge code, adapters and run logs in a folder or a zip; may be repeated"),
}
MARKERS = ("regression: reproduces a documented failure", "failure(slug): the row of unsilent's catalogue it is about")
# Where pytest may be configured, and by what words in which of them.
CONFIGURATIONS = {
    **dict.fromkeys(("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"), ""),
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


@dataclass(frozen=True)
class Subject:
    """What an option names: of which kind it is, the path as it was typed, and where it leads."""

    kind: Kind
    asked: str
    path: Path

    @property
    def name(self) -> str:
        """As it is shown. A node id's first part ends at a double colon."""
        from .outcome import printable  # noqa: PLC0415 - only where something is asked for

        return printable(f"{self.kind} {self.asked}").replace("::", ":\\x3a")

    @property
    def near(self) -> Path:
        """The path, relative where it lies below the current folder, as messages should have it."""
        here = Path.cwd()
        return self.path.relative_to(here) if self.path.is_relative_to(here) else self.path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("unsilent", "silent failures of fine-tuning (unsilent)")
    for kind, (metavar, words) in OPTIONS.items():
        group.addoption(f"--{kind}", action="append", default=[], metavar=metavar, dest=f"unsilent_{kind}", help=words)
    group.addoption("--strict-risks", action="store_true", default=False, help="findings of severity risk fail, too")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Keep pytest at home, before it imports anything.

    Looking for its root and its configuration, pytest takes the path behind an option that it does not know yet for a
    test's. So the configuration of whoever made a submission could deselect its findings, or put its folder before
    everything that is imported; and pytest's cache would be written into an adapter.
    """
    asked, ini = early_config.known_args_namespace, early_config.inipath
    if asked.rootdir or asked.inifilename or not any(_asked(asked)):
        return
    here = early_config.invocation_params.dir
    homes = [here, *(Path(os.path.abspath(here / name.split("::")[0])) for name in asked.file_or_dir)]  # noqa: PTH100 - links stay

    def is_home(folder: Path) -> bool:
        return any(home.is_relative_to(folder) for home in homes)

    if ini and _configures_pytest(ini) and not is_home(ini.parent):
        raise pytest.UsageError(
            f"Expected pytest to be configured where it is called, but got the configuration {ini}: it takes a path "
            f"behind a space for a test's. Where: {here}. What to do: write --adapter=PATH, --run-log=PATH, "
            "--submission=PATH, with an equals sign; or say -c FILE."
        )
    if not is_home(early_config.rootpath):
        early_config._rootpath = here  # noqa: SLF001 - what it is without the path


def pytest_configure(config: pytest.Config) -> None:
    """Begin to do something, if there is something to judge."""
    subjects: dict[tuple[Kind, str], Subject] = {}
    for kind, asked in _asked(config.option):
        subject = Subject(kind, asked, _place(config, asked))
        subjects.setdefault((kind, os.path.realpath(subject.path)), subject)
    if subjects:
        from .pytest_items import Judge  # noqa: PLC0415 - only where something is asked for

        for marker in MARKERS:
            config.addinivalue_line("markers", marker)
        judge = Judge(list(subjects.values()), strict=config.getoption("strict_risks"), note=_overlooked(config))
        config.pluginmanager.register(judge, "unsilent-judge")


def _asked(options: argparse.Namespace) -> Iterator[tuple[Kind, str]]:
    for kind in OPTIONS:
        for asked in getattr(options, f"unsilent_{kind}"):
            yield kind, asked


def _place(config: pytest.Config, asked: str) -> Path:
    """Where a path leads: from the current folder or, where that is nowhere, from the one with the configuration."""
    here, there = config.invocation_params.dir / asked, config.rootpath / asked
    return there if os.path.exists(there) and not os.path.exists(here) else here  # noqa: PTH110 - raises for no name


def _overlooked(config: pytest.Config) -> str:
    """Say which configuration pytest has not read, having looked for it where an option's path leads."""
    here, ini = config.invocation_params.dir, config.inipath
    if config.option.inifilename or config.option.rootdir or (ini and here.is_relative_to(ini.parent)):
        return ""
    for folder in (here, *here.parents):
        for file in map(folder.joinpath, CONFIGURATIONS):
            if _configures_pytest(file):
                return f"pytest has not read {file}; it does when paths are written behind =, as in --adapter=DIR"
    return ""


def _configures_pytest(file: Path) -> bool:
    return file.is_file() and CONFIGURATIONS.get(file.name, "") in file.read_text(encoding="utf-8", errors="replace")
